//! `serve` and `worker`: the commands that run until they are stopped.

use super::setup::build;
use actix_web::dev::ServerHandle;
use actix_web::rt::task::JoinHandle;
use evenkeel::app::{App, StartError};
use evenkeel::config::{Config, Mode};
use evenkeel::delivery::heartbeat::Heartbeat;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// The wait before a mail server that did not answer is asked again what it can do.
const ASK_AGAIN: Duration = Duration::from_mins(1);

pub(super) async fn serve(config: &Config) -> Result<(), StartError> {
    let app = build(config)?;
    let listener = listen("listen", config.listen)?;
    let watching = watch(&app, config)?;
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let server = app.server(listener, threads)?;
    let (handle, stop) = (server.handle(), CancellationToken::new());
    let serving = actix_web::rt::spawn(server);
    let working = deliver(&app, config, &stop)?;
    let senders = Arc::clone(&app.senders);
    // Nobody waits for it: until the server was asked, every address passes.
    drop(actix_web::rt::spawn(async move {
        while !senders.mail.ask_features().await {
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }));
    if config.mode == Mode::Development {
        tracing::warn!(
            "development mode: mail without a server goes to {}; see {}dev/outbox",
            config.data_dir.join("outbox").display(),
            config.public_url
        );
    }
    if config.takes_all_for_one() {
        tracing::warn!("no proxy is trusted: behind one everybody counts as one client; see trusted_proxies");
    }
    tracing::info!("Evenkeel is ready on {}. Open {}", app.context.store.backend(), config.public_url);
    stop_signal().await?;
    tracing::info!("stopping: what runs may finish");
    stop.cancel();
    app.context.feeds.close();
    handle.stop(true).await;
    serving.await??;
    working.stopped().await?;
    // The monitoring listener stops last, so that it shows how the rest ends.
    watching.stop().await
}

pub(super) async fn work(config: &Config) -> Result<(), StartError> {
    let app = build(config)?;
    let stop = CancellationToken::new();
    let watching = watch(&app, config)?;
    let working = deliver(&app, config, &stop)?;
    tracing::info!("the worker is ready on {}", app.context.store.backend());
    stop_signal().await?;
    stop.cancel();
    working.stopped().await?;
    watching.stop().await
}

fn listen(setting: &str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .map_err(|error| format!("setting {setting}: {address} cannot be listened on: {error}").into())
}

/// Starts the worker and, if a URL is set for it, the heartbeat.
fn deliver(app: &App, config: &Config, stop: &CancellationToken) -> Result<Delivering, StartError> {
    app.context.metrics.expect_passes();
    if let Some(url) = &config.heartbeat_url {
        let (heartbeat, stop) =
            (Heartbeat::new(Arc::clone(&app.context), Arc::clone(&app.senders), url.clone())?, stop.clone());
        // The heartbeat holds nothing that must be released: nobody waits for its end.
        drop(actix_web::rt::spawn(async move { heartbeat.run(stop).await }));
    }
    // A runtime of its own: encrypting many nudges takes all cores, and requests must not wait for it.
    let runtime = Runtime::new()?;
    let (worker, stop) = (app.worker(), stop.clone());
    let working = runtime.spawn(async move { worker.run(stop).await });
    Ok(Delivering { runtime, working })
}

/// A running worker.
struct Delivering {
    runtime: Runtime,
    working: JoinHandle<()>,
}

impl Delivering {
    /// Waits until the worker has finished, after it was told to stop.
    async fn stopped(self) -> Result<(), StartError> {
        let ended = self.working.await;
        // Only idle connections are left.
        self.runtime.shutdown_background();
        Ok(ended?)
    }
}

/// The monitoring listener, if one is set.
struct Watching(Option<(ServerHandle, JoinHandle<std::io::Result<()>>)>);

fn watch(app: &App, config: &Config) -> Result<Watching, StartError> {
    let Some(address) = config.metrics_listen else { return Ok(Watching(None)) };
    let listener = listen("metrics_listen", address)?;
    tracing::info!("metrics are on http://{}/metrics", listener.local_addr()?);
    let server = app.watch_server(listener)?;
    Ok(Watching(Some((server.handle(), actix_web::rt::spawn(server)))))
}

impl Watching {
    async fn stop(self) -> Result<(), StartError> {
        if let Some((handle, serving)) = self.0 {
            handle.stop(true).await;
            serving.await??;
        }
        Ok(())
    }
}

async fn stop_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

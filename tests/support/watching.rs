//! Monitoring in tests: the listener that serves the metrics, and a dead man's switch.

use super::TestApp;
use actix_web::{App, HttpResponse, HttpServer, web};
use evenkeel::app::App as Service;
use serde_json::Value;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Starts the metrics listener and returns its address.
pub fn watch(service: &Service) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    actix_web::rt::spawn(service.watch_server(listener).unwrap());
    url
}

/// The status, the content type and the text of an answer to GET.
pub async fn get(app: &TestApp, url: &str) -> (u16, String, String) {
    let answer = app.http.get(url).send().await.unwrap();
    let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    (answer.status().as_u16(), kind.unwrap_or_default(), answer.text().await.unwrap())
}

/// As [`get`], for an answer in JSON.
pub async fn get_json(app: &TestApp, url: &str) -> (u16, Value) {
    let (status, _, text) = get(app, url).await;
    (status, serde_json::from_str(&text).unwrap())
}

/// The value of a series in what `/metrics` answers.
pub fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(line.parse().unwrap())
}

/// How many nudges are in a state, as `/metrics` says.
pub async fn queue(app: &TestApp, url: &str, state: &str) -> Option<f64> {
    let (_, _, text) = get(app, &format!("{url}/metrics")).await;
    value(&text, &format!("evenkeel_queue_nudges{{state=\"{state}\"}}"))
}

/// Delivers what is due and reports the pass, as a worker loop does.
pub async fn work(app: &TestApp) {
    app.deliver().await;
    app.app.context.metrics.passed(app.clock.now());
}

/// A dead man's switch on loopback.
pub struct Switch {
    pub url: String,
    pings: Arc<AtomicUsize>,
    elsewhere: Arc<AtomicUsize>,
    status: Arc<AtomicU16>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Switch {
    /// Starts the switch; the token is part of its URL.
    pub fn start(token: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (pings, elsewhere) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (status, heads) = (Arc::new(AtomicU16::new(200)), Arc::new(Mutex::new(Vec::new())));
        let switch = Self {
            url: format!("{origin}/ping/{token}"),
            pings: Arc::clone(&pings),
            elsewhere: Arc::clone(&elsewhere),
            status: Arc::clone(&status),
            heads: Arc::clone(&heads),
        };
        let path = format!("/ping/{token}");
        let server = HttpServer::new(move || {
            let (pings, elsewhere) = (Arc::clone(&pings), Arc::clone(&elsewhere));
            let (status, heads) = (Arc::clone(&status), Arc::clone(&heads));
            let ping = move |request: actix_web::HttpRequest| {
                pings.fetch_add(1, Ordering::SeqCst);
                heads.lock().unwrap().push(format!("{:?}", request.headers()));
                let status = status.load(Ordering::SeqCst).try_into().unwrap();
                async move { HttpResponse::build(status).insert_header(("Location", "/elsewhere")).finish() }
            };
            let other = move || {
                elsewhere.fetch_add(1, Ordering::SeqCst);
                async { HttpResponse::Ok().finish() }
            };
            App::new().route(&path, web::get().to(ping)).route("/elsewhere", web::get().to(other))
        });
        actix_web::rt::spawn(server.workers(1).disable_signals().listen(listener).unwrap().run());
        switch
    }

    /// Sets the status of its answers from now on.
    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// How often it was fetched, and how often the address that it redirects to was.
    pub fn heard(&self) -> (usize, usize) {
        (self.pings.load(Ordering::SeqCst), self.elsewhere.load(Ordering::SeqCst))
    }

    /// The headers of all fetches.
    pub fn heads(&self) -> String {
        self.heads.lock().unwrap().join("\n")
    }
}

//! Watching the service: meters, readiness and the heartbeat tell how it does, and nothing about anybody.

use crate::support::care::HOUR;
use crate::support::seed;
use crate::support::watching::{Switch, get, get_json, queue, value, watch, work};
use crate::support::{Backend, TestApp};
use diesel::connection::SimpleConnection;
use evenkeel::actions::Fault;
use evenkeel::actions::nudges::claim::claim;
use evenkeel::delivery::heartbeat::{Beat, Heartbeat};
use evenkeel::ids::{NudgeId, WorkerId};
use evenkeel::metrics::{CONTENT_TYPE, COUNTED_MOST};
use evenkeel::store::{self, Db, Location};
use jiff::SignedDuration;
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// Does something to the database behind the service's back.
fn tamper(app: &TestApp, sql: &str) {
    Db::open(&app.config.database).unwrap().batch_execute(sql).unwrap();
}

fn seconds(app: &TestApp, seconds: i64) {
    app.clock.set(app.clock.now() + SignedDuration::from_secs(seconds));
}

on_both_databases! {
    async fn meters_are_served_on_a_listener_of_their_own(app) {
        let url = watch(&app.app);
        let (status, kind, text) = get(&app, &format!("{url}/metrics")).await;
        assert_eq!((status, kind.as_str()), (200, CONTENT_TYPE));
        assert!(text.ends_with("# EOF\n"), "{text}");
        assert!(value(&text, "evenkeel_database_wait_seconds_count").unwrap() > 0.0, "{text}");
        assert_eq!(get(&app, &format!("{}/metrics", app.url)).await.0, 404, "people cannot reach them");
        for path in ["/graphql", "/", "/.well-known/jwks.json"] {
            assert_eq!(get(&app, &format!("{url}{path}")).await.0, 404, "{path}: it serves nothing else");
        }
        assert_eq!(app.http.post(format!("{url}/metrics")).send().await.unwrap().status(), 404);
        assert_eq!(get_json(&app, &format!("{url}/healthz")).await, (200, json!({ "status": "ok" })));
    }

    async fn meters_and_readiness_are_read_by_known_names_only(app) {
        let mut service = app.config.clone();
        service.hosts = vec!["care.lan:8080".to_owned()];
        let service = evenkeel::app::App::build(&service, &app.keys, app.clock.clone(), crate::support::chance()).unwrap();
        let url = watch(&service);
        let at = async |path: &str, host: &str| {
            app.http.get(format!("{url}{path}")).header("Host", host).send().await.unwrap().status().as_u16()
        };
        for path in ["/metrics", "/healthz", "/readyz"] {
            for host in ["127.0.0.1:9090", "localhost", "10.1.2.3:9090", "[fd00::1]:9090", "evenkeel:9090", "care.lan", "care.lan:9090"] {
                assert_ne!(at(path, host).await, 421, "{host}{path}");
            }
            for host in ["evil.example", "evenkeel.evil.example:9090", "10.1.2.3.nip.example", "care.lan.evil.example", "a@evenkeel"] {
                assert_eq!(at(path, host).await, 421, "{host}{path}");
            }
        }
    }

    async fn the_queue_is_counted_by_state_and_not_at_every_scrape(app) {
        let couple = app.couple().await;
        let url = watch(&app.app);
        assert_eq!(queue(&app, &url, "waiting").await, Some(0.0));
        couple.scene(&app).await;
        assert_eq!(queue(&app, &url, "waiting").await, Some(0.0), "counted a moment ago");
        seconds(&app, 5);
        let all = queue(&app, &url, "waiting").await.unwrap();
        assert!(all > 4.0, "{all}");
        assert_eq!((queue(&app, &url, "due").await, queue(&app, &url, "held").await), (Some(0.0), Some(0.0)));
        app.clock.set(crate::support::at(crate::support::START) + SignedDuration::from_mins(HOUR + 2));
        assert_eq!((queue(&app, &url, "due").await, queue(&app, &url, "waiting").await),
            (Some(4.0), Some(all - 4.0)));
        let (_, _, text) = get(&app, &format!("{url}/metrics")).await;
        assert_eq!(value(&text, "evenkeel_queue_oldest_due_age_seconds"), Some(120.0));
        let held = app.app.context.worker_tx(|tx| {
            let worker = WorkerId::at(tx.now, tx.chance);
            let mut sharing = seed::any_lane(tx.db, tx.now, 3)?;
            Ok(claim(tx, worker, SignedDuration::from_secs(90), &mut sharing)?.ready.len())
        }).await.unwrap();
        assert_eq!(held, 2, "a message each, whatever the number of its reasons");
        seconds(&app, 5);
        assert_eq!((queue(&app, &url, "due").await, queue(&app, &url, "held").await), (Some(0.0), Some(4.0)));
        seconds(&app, 90);
        assert_eq!((queue(&app, &url, "due").await, queue(&app, &url, "held").await), (Some(4.0), Some(0.0)),
            "a lease that ended holds nothing");
        let finished = match app.config.database {
            Location::Postgres(_) | Location::Pooled { .. } => "created_at".to_owned(),
            Location::Sqlite(_) => app.clock.now().as_microsecond().to_string(),
        };
        tamper(&app, &format!("UPDATE nudges SET state = 'dead', finished_at = {finished}, leased_by = NULL,
            lease_until = NULL WHERE leased_by IS NOT NULL"));
        seconds(&app, 5);
        assert_eq!((queue(&app, &url, "due").await, queue(&app, &url, "dead").await), (Some(0.0), Some(4.0)));
    }

    async fn a_scrape_counts_no_further_than_it_says(app) {
        let couple = app.couple().await;
        couple.scene(&app).await;
        let more = usize::try_from(COUNTED_MOST).unwrap() + 50;
        let id = crate::support::people::text(&couple.sam.ask(&app, "{ viewer { nudges(first: 1) { nodes { id } } } }",
            json!({})).await["viewer"]["nudges"]["nodes"][0]["id"]);
        let id: NudgeId = id.parse().unwrap();
        app.app.context.store.write(move |db| {
            let like = store::nudge::find(db, id)?.unwrap();
            let rows: Vec<_> = (0..more).map(|n| {
                let mut row = like.clone();
                row.id = NudgeId::at(like.created_at.get(), &crate::support::chance());
                row.key = format!("{n}");
                row
            }).collect();
            Ok::<_, Fault>(store::nudge::plan(db, &rows)?)
        }).await.unwrap();
        let url = watch(&app.app);
        assert_eq!(queue(&app, &url, "waiting").await, Some(10_000.0));
        app.leaves_undone("there is no table of nudges any more");
        tamper(&app, "ALTER TABLE nudges RENAME TO gone");
        seconds(&app, 5);
        assert_eq!(queue(&app, &url, "waiting").await, None, "what cannot be counted is not said");
        assert!(get(&app, &format!("{url}/metrics")).await.2.contains("\nevenkeel_claims_total "));
    }

    async fn r35_meters_tell_nothing_about_anybody(app) {
        let couple = app.couple().await;
        couple.scene(&app).await;
        app.push.answer_next(&couple.sam.device.endpoint, crate::support::receivers::Answer::status(403));
        app.pass_minutes(4 * HOUR).await;
        let url = watch(&app.app);
        let (_, _, text) = get(&app, &format!("{url}/metrics")).await;
        let allowed = ["service", "outcome", "channel", "state", "le", "version"];
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let labels = line.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
            for label in labels.iter().flat_map(|(labels, _)| labels.split(',')) {
                let (name, told) = label.split_once('=').unwrap();
                assert!(allowed.contains(&name), "{line}");
                let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.+Inf\"".contains(c);
                assert!(told.len() <= 12 && told.chars().all(plain), "{line}");
            }
        }
        for personal in ["127.0.0.1", "alex", "sam", "people.test", "localhost", couple.sam.device_id.as_str()] {
            assert!(!text.to_lowercase().contains(&personal.to_lowercase()), "{personal} in {text}");
        }
    }

    async fn ready_means_that_the_worker_passes_too_where_there_is_one(app) {
        let url = watch(&app.app);
        for origin in [&app.url, &url] {
            let ready = json!({ "status": "ready", "parts": { "database": "ready" } });
            assert_eq!(get_json(&app, &format!("{origin}/readyz")).await, (200, ready));
        }
        app.app.context.metrics.expect_passes();
        let late = json!({ "status": "not ready", "parts": { "database": "ready", "worker": "not ready", "time": "ready" } });
        let well = json!({ "status": "ready", "parts": { "database": "ready", "worker": "ready", "time": "ready" } });
        for origin in [&app.url, &url] {
            assert_eq!(get_json(&app, &format!("{origin}/readyz")).await.0, 503, "it did not begin yet");
            work(&app).await;
            seconds(&app, 60);
            assert_eq!(get_json(&app, &format!("{origin}/readyz")).await, (200, well.clone()));
            seconds(&app, 1);
            assert_eq!(get_json(&app, &format!("{origin}/readyz")).await, (503, late.clone()));
        }
    }

    async fn the_heart_beats_while_nudges_go_out_and_not_when_they_stay_behind(app) {
        let couple = app.couple().await;
        let switch = Switch::start("secret-token");
        let heartbeat = Heartbeat::new(app.app.context.clone(), app.app.senders.clone(), switch.url.clone().into()).unwrap();
        seconds(&app, 61);
        assert_eq!((heartbeat.beat().await, switch.heard()), (Beat::Withheld, (0, 0)), "nothing was done lately");
        work(&app).await;
        assert_eq!((heartbeat.beat().await, switch.heard()), (Beat::Heard, (1, 0)));
        couple.scene(&app).await;
        seconds(&app, 3600 + 300);
        app.app.context.metrics.passed(app.clock.now());
        assert_eq!((heartbeat.beat().await, switch.heard()), (Beat::Heard, (2, 0)), "five minutes are patience");
        seconds(&app, 1);
        assert_eq!((heartbeat.beat().await, switch.heard()), (Beat::Withheld, (2, 0)), "a nudge is stuck");
        work(&app).await;
        assert_eq!((heartbeat.beat().await, switch.heard()), (Beat::Heard, (3, 0)), "it went out");
        seconds(&app, 61);
        assert_eq!((heartbeat.beat().await, switch.heard()), (Beat::Withheld, (3, 0)), "no pass lately");
    }

    async fn the_heart_does_not_beat_for_a_nudge_that_is_tried_later(app) {
        let couple = app.couple().await;
        let switch = Switch::start("secret-token");
        let heartbeat = Heartbeat::new(app.app.context.clone(), app.app.senders.clone(), switch.url.clone().into()).unwrap();
        couple.scene(&app).await;
        for person in [&couple.alex, &couple.sam] {
            let busy = crate::support::receivers::Answer::status(503).with_header("Retry-After", "1800");
            app.push.answer_always(&person.device.endpoint, Some(busy));
        }
        app.clock.set(app.clock.now() + SignedDuration::from_mins(HOUR));
        work(&app).await;
        seconds(&app, 900);
        work(&app).await;
        assert_eq!((heartbeat.beat().await, switch.heard()), (Beat::Heard, (1, 0)), "the provider is slow, not the worker");
    }

    async fn the_heart_stops_when_nothing_can_be_claimed(app) {
        let switch = Switch::start("secret-token");
        let heartbeat = Heartbeat::new(app.app.context.clone(), app.app.senders.clone(), switch.url.clone().into()).unwrap();
        work(&app).await;
        assert_eq!(heartbeat.beat().await, Beat::Heard);
        tamper(&app, "ALTER TABLE nudges RENAME TO gone");
        assert!(app.app.worker().deliver_due().await.is_err());
        assert_eq!((heartbeat.beat().await, switch.heard()), (Beat::Withheld, (1, 0)));
        tamper(&app, "ALTER TABLE gone RENAME TO nudges");
        work(&app).await;
        assert_eq!((heartbeat.beat().await, switch.heard()), (Beat::Heard, (2, 0)));
    }

    async fn r35_the_heartbeats_address_is_told_to_nobody(app) {
        let log = Log::default();
        let lines = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::INFO);
        let guard = tracing::subscriber::set_default(lines.with_writer(log.clone()).finish());
        let switch = Switch::start("secret-token");
        let beat = |url: String| Heartbeat::new(app.app.context.clone(), app.app.senders.clone(), url.into()).unwrap();
        work(&app).await;
        switch.answer(302);
        assert_eq!((beat(switch.url.clone()).beat().await, switch.heard()), (Beat::Unheard, (1, 0)), "not followed");
        switch.answer(500);
        assert_eq!(beat(switch.url.clone()).beat().await, Beat::Unheard);
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(beat(format!("http://{nobody}/ping/secret-token")).beat().await, Beat::Unheard);
        drop(guard);
        let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(logged.matches("WARN").count(), 3, "{logged}");
        assert!(!logged.contains("secret-token") && !logged.contains("/ping"), "{logged}");
        assert!(!switch.heads().contains("referer"), "{}", switch.heads());
    }
}

/// What was logged in one test, whose runtime has one thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl tracing_subscriber::fmt::MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[test]
fn r36_a_lost_database_is_told_without_its_cause() {
    crate::support::run(Backend::Postgres, |app| async move {
        let Location::Postgres(url) = &app.config.database else { panic!("this is about PostgreSQL") };
        let (_, name) = url.rsplit_once('/').unwrap();
        let server = Location::Postgres(std::env::var("EVENKEEL_TEST_POSTGRES").unwrap());
        let drop = format!("DROP DATABASE {name} WITH (FORCE)");
        app.leaves_undone("its database is gone");
        Db::open(&server).unwrap().batch_execute(&drop).unwrap();
        let told = get_json(&app, &format!("{}/readyz", app.url)).await;
        assert_eq!(told, (503, json!({ "status": "not ready", "parts": { "database": "not ready" } })));
        assert_eq!(get_json(&app, &format!("{}/healthz", app.url)).await.0, 200, "the process is there");
    });
}

#[test]
fn a_worker_process_can_be_watched() {
    crate::support::run(Backend::Sqlite, |app| async move {
        let folder = crate::support::database::private_folder();
        let mut worker = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
            .arg("worker")
            .current_dir(folder.path())
            .env_remove("DATABASE_URL")
            .env("EVENKEEL_METRICS_LISTEN", "127.0.0.1:0")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(worker.stderr.take().unwrap()).lines();
        let line = lines.find(|line| line.as_ref().unwrap().contains("metrics are on")).unwrap().unwrap();
        let url = line.split_once("metrics are on ").unwrap().1.strip_suffix("/metrics").unwrap().to_owned();
        assert_eq!(get(&app, &format!("{url}/healthz")).await.0, 200);
        let (_, told) = get_json(&app, &format!("{url}/readyz")).await;
        assert_eq!(told["parts"]["database"], "ready");
        assert!(told["parts"]["worker"].is_string(), "it runs one: {told}");
        let (status, _, text) = get(&app, &format!("{url}/metrics")).await;
        assert_eq!((status, value(&text, "evenkeel_queue_nudges{state=\"due\"}")), (200, Some(0.0)));
        let told = Command::new("kill").args(["-TERM", &worker.id().to_string()]).status().unwrap();
        assert!(told.success());
        assert!(worker.wait().unwrap().success(), "it stops by itself");
    });
}

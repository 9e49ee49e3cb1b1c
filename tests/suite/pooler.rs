//! Behind a transaction pooler: an evening by way of a real PgBouncer, its faults, and settings that do not fit.

use super::doctor::{doctor, line};
use crate::support::care::DAY;
use crate::support::cluster::Cluster;
use crate::support::pgbouncer::PgBouncer;
use crate::support::proxy::Proxy;
use crate::support::story::{come_together, scene_with_aftercare};
use crate::support::{Backend, Couple, Person, TestApp};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use evenkeel::app::App;
use evenkeel::store::{DatabaseThreads, Db, Location, StoreError};
use jiff::SignedDuration;
use serde_json::json;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::{Duration, Instant};

/// How long the service may need to come back by itself.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many connections of the server the pooler has: fewer than one process has threads.
const CONNECTIONS: usize = 2;
const THREADS: usize = 6;
const QUERY: &str = "{ viewer { account { displayName } } }";

/// Where the server of a URL listens, and the name of its database.
fn parts(url: &str) -> (SocketAddr, String) {
    let url: url::Url = url.parse().unwrap();
    let address = (url.host_str().unwrap(), url.port().unwrap()).to_socket_addrs().unwrap().next();
    (address.unwrap(), url.path().trim_start_matches('/').to_owned())
}

fn shared_server() -> String {
    std::env::var("EVENKEEL_TEST_POSTGRES").unwrap()
}

fn direct_url(app: &TestApp) -> String {
    let Location::Postgres(url) = app.config.database.direct() else { panic!("this is about PostgreSQL") };
    url
}

/// A service by way of a pooler, whose connections are given up soon; on the database of this URL, or one of its own.
async fn start(pooler: &PgBouncer, database: Option<&str>) -> TestApp {
    let settings = |config: &mut evenkeel::config::Config| {
        let Location::Postgres(own) = &config.database else { panic!("this is about PostgreSQL") };
        let direct = database.unwrap_or(own).to_owned();
        config.database = Location::Postgres(pooler.url(&parts(&direct).1)).pooled(&direct).unwrap();
        config.database_threads = DatabaseThreads {
            postgres: THREADS,
            answer_within: Duration::from_secs(3),
            ..config.database_threads
        };
    };
    TestApp::start_with(Backend::Postgres, settings, |_| {}).await
}

async fn is_answered(app: &TestApp, person: &Person) -> bool {
    person.ask_raw(app, QUERY, json!({})).await["data"]["viewer"]["account"]["displayName"]
        == json!(person.name)
}

/// Asks until there is an answer.
async fn comes_back(app: &TestApp, person: &Person) {
    let waited = Instant::now();
    while !is_answered(app, person).await {
        assert!(waited.elapsed() < PATIENCE, "it does not come back by itself");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the worker does by itself, as long as it takes, but no longer than it may.
async fn delivers(app: &TestApp) {
    let waited = Instant::now();
    while app.app.worker().deliver_due().await.is_err() {
        assert!(waited.elapsed() < PATIENCE, "nothing can be delivered");
    }
}

/// A couple who are due to be asked in an hour, which has passed.
async fn couple_to_be_asked(app: &TestApp) -> Couple {
    let couple = app.couple().await;
    couple.scene(app).await;
    app.clock.set(app.clock.now() + SignedDuration::from_mins(60));
    // Their tokens are good for what follows.
    couple.alex.refresh(app).await;
    couple.sam.refresh(app).await;
    couple
}

/// Both were asked, and once.
fn both_were_asked(app: &TestApp, couple: &Couple) {
    assert_eq!((couple.alex.pushes(app).len(), couple.sam.pushes(app).len()), (1, 1));
    assert!(app.push.refusals().is_empty(), "{:?}", app.push.refusals());
}

#[test]
fn an_evening_by_way_of_a_transaction_pooler() {
    let pooler = PgBouncer::to(parts(&shared_server()).0, CONNECTIONS, "");
    crate::support::live(async {
        let app = start(&pooler, None).await;
        assert_eq!(app.app.context.store.backend(), "PostgreSQL behind a transaction pooler");
        let alex = app.person("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
        let sam = app.person("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        let (couple, _) = come_together(&app, alex, sam).await;
        let scene = scene_with_aftercare(&app, &couple).await;

        // Two workers at once.
        let sibling = app.sibling();
        app.clock.set(app.clock.now() + SignedDuration::from_mins(60));
        let workers = (app.app.worker(), sibling.worker());
        let (one, other) = futures::future::join(workers.0.deliver_due(), workers.1.deliver_due()).await;
        one.unwrap();
        other.unwrap();
        both_were_asked(&app, &couple);

        let check_in = couple.check_ins(&app, &couple.sam, &scene).await.remove(0)["id"].clone();
        let answer = json!({ "checkInId": check_in, "mood": 2, "note": "only mine", "sharing": "MOOD" });
        couple.sam.done(&app, "answerCheckIn", answer, "").await;

        // More at once than there are threads, and these are more than the pooler has connections.
        couple.alex.refresh(&app).await;
        let people = [&couple.alex, &couple.sam];
        let asked = (0..2 * THREADS).map(|n| people[n % 2].ask(&app, QUERY, json!({})));
        for (n, answer) in futures::future::join_all(asked).await.into_iter().enumerate() {
            assert_eq!(answer["viewer"]["account"]["displayName"], json!(people[n % 2].name));
        }

        app.pass_minutes(3 * DAY).await;
        let seen = couple.partners_view(&app, &couple.alex, &scene).await;
        assert_eq!(seen[0]["shared"], json!({ "mood": 2, "need": null, "note": null, "signs": null }));
        assert!(couple.alex.pushes(&app).len() > 3 && app.push.refusals().is_empty());
    });
}

#[test]
fn by_way_of_a_pooler_other_processes_hear_of_news_at_once() {
    let pooler = PgBouncer::to(parts(&shared_server()).0, CONNECTIONS, "");
    crate::support::live(async {
        let app = start(&pooler, None).await;
        let couple = app.couple().await;
        let sibling = app.sibling();
        let hears =
            async || tokio::time::timeout(Duration::from_secs(10), sibling.context.planned.notified()).await;
        hears().await.expect("a listener that begins may have missed something");
        // What was told before is told no more.
        while tokio::time::timeout(Duration::from_millis(500), sibling.context.planned.notified())
            .await
            .is_ok()
        {}
        couple.scene(&app).await;
        hears().await.expect("nobody told the other process");
    });
}

/// The value of each of these settings.
fn settings(db: &mut Db, names: &[&str]) -> Result<Vec<String>, StoreError> {
    let value = |name: &&str| {
        let query = diesel::dsl::sql::<diesel::sql_types::Text>(&format!("current_setting('{name}')"));
        Ok(diesel::select(query).get_result(db)?)
    };
    names.iter().map(value).collect()
}

#[test]
fn by_way_of_a_pooler_each_transaction_has_its_settings_and_leaves_none_to_others() {
    let pooler = PgBouncer::to(parts(&shared_server()).0, CONNECTIONS, "");
    crate::support::live(async {
        let app = start(&pooler, None).await;
        let names = [
            "statement_timeout",
            "idle_in_transaction_session_timeout",
            "jit",
            "transaction_read_only",
            "lock_timeout",
        ];
        let (store, of) = (&app.app.context.store, move |db: &mut Db| settings(db, &names));
        assert_eq!(store.read(of).await.unwrap(), ["15s", "30s", "off", "on", "0"]);
        assert_eq!(store.look(of).await.unwrap(), ["15s", "30s", "off", "on", "0"]);
        assert_eq!(store.write(of).await.unwrap(), ["15s", "30s", "off", "off", "0"]);
        let alone = evenkeel::store::dialect::Purpose::WriteAlone;
        assert_eq!(store.write_then(alone, of, |_| {}).await.unwrap(), ["15s", "30s", "off", "off", "100ms"]);
        // Others who share the pooler's connections, each of which has been used by the service.
        let url = pooler.url(&parts(&direct_url(&app)).1);
        let mut others: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let mut other = PgConnection::establish(&url).unwrap();
                other.batch_execute("BEGIN").unwrap();
                Db::Postgres(other)
            })
            .collect();
        for other in &mut others {
            assert_eq!(settings(other, &names).unwrap(), ["0", "0", "on", "off", "0"]);
        }
    });
}

#[test]
fn r15_a_pooler_that_is_killed_and_comes_back_loses_nothing() {
    let pooler = PgBouncer::to(parts(&shared_server()).0, CONNECTIONS, "");
    crate::support::live(async {
        let app = start(&pooler, None).await;
        let couple = couple_to_be_asked(&app).await;
        pooler.kill();
        assert!(!is_answered(&app, &couple.alex).await);
        assert!(app.app.worker().deliver_due().await.is_err());
        pooler.start();
        comes_back(&app, &couple.alex).await;
        delivers(&app).await;
        both_were_asked(&app, &couple);
    });
}

#[test]
fn r15_a_server_that_crashes_behind_a_pooler_loses_nothing() {
    let mut cluster = Cluster::start();
    let pooler = PgBouncer::to(parts(&cluster.url).0, CONNECTIONS, "");
    crate::support::live(async {
        let app = start(&pooler, Some(&cluster.url)).await;
        let couple = couple_to_be_asked(&app).await;
        cluster.crash();
        comes_back(&app, &couple.alex).await;
        delivers(&app).await;
        both_were_asked(&app, &couple);
    });
}

#[test]
fn r15_a_server_that_is_gone_behind_a_pooler_is_used_again_once_it_is_back() {
    let network = Proxy::to(parts(&shared_server()).0);
    let pooler = PgBouncer::to(network.address, CONNECTIONS, "");
    crate::support::live(async {
        let app = start(&pooler, None).await;
        let couple = couple_to_be_asked(&app).await;
        network.cut();
        // More than there are threads: each request is answered, and none waits for ever.
        let asked = (0..2 * THREADS).map(|_| is_answered(&app, &couple.alex));
        let answered = tokio::time::timeout(PATIENCE, futures::future::join_all(asked)).await.unwrap();
        assert!(!answered.contains(&true), "nothing can be answered");
        assert!(app.app.worker().deliver_due().await.is_err());
        network.mend();
        comes_back(&app, &couple.alex).await;
        delivers(&app).await;
        both_were_asked(&app, &couple);
    });
}

/// Others take all of the pooler's connections: it lets the service wait for as long as it is set to, and turns it away then
/// (after a second), or only after the service has given up (the default).
#[test]
fn r15_a_pooler_without_a_free_connection_is_used_again_once_it_has_one() {
    for waits in ["query_wait_timeout = 1", ""] {
        let pooler = PgBouncer::to(parts(&shared_server()).0, CONNECTIONS, waits);
        crate::support::live(async {
            let app = start(&pooler, None).await;
            let couple = couple_to_be_asked(&app).await;
            let url = pooler.url(&parts(&direct_url(&app)).1);
            let others: Vec<_> = (0..CONNECTIONS)
                .map(|_| {
                    let mut other = PgConnection::establish(&url).unwrap();
                    other.batch_execute("BEGIN; SELECT 1").unwrap();
                    other
                })
                .collect();
            assert!(!is_answered(&app, &couple.alex).await, "there is no connection");
            assert!(app.app.worker().deliver_due().await.is_err());
            drop(others);
            comes_back(&app, &couple.alex).await;
            delivers(&app).await;
            both_were_asked(&app, &couple);
        });
    }
}

#[test]
fn a_pooler_that_the_settings_do_not_fit_is_told_at_the_start_and_by_the_doctor() {
    let pooler = PgBouncer::to(parts(&shared_server()).0, CONNECTIONS, "");
    crate::support::live(async {
        let app = start(&pooler, None).await;
        app.install_keys();
        let (well, lines) = doctor(&app, &[], &[]).await;
        assert!(well, "{lines:#?}");
        assert!(
            line(&lines, "ok    database").contains("PostgreSQL behind a transaction pooler opens"),
            "{lines:#?}"
        );
        assert!(line(&lines, "ok    pooler").contains("to the same database"), "{lines:#?}");

        let direct = direct_url(&app);
        let pooled = pooler.url(&parts(&direct).1);
        let itself = format!("{pooled}?connect_timeout=4");
        let elsewhere = direct_url(&TestApp::start(Backend::Postgres).await);
        for (direct, part, told) in [
            (None, "database", "Set database_direct_url too"),
            (Some(itself), "database", "it must lead past it"),
            (Some(elsewhere), "pooler", "another database"),
        ] {
            let location = Location::Postgres(pooled.clone());
            let mut other = app.clone();
            other.config.database = direct.map_or(Ok(location.clone()), |url| location.pooled(&url)).unwrap();
            let (well, lines) = doctor(&other, &[], &[]).await;
            assert!(!well && line(&lines, &format!("FAIL  {part}")).contains(told), "{lines:#?}");
            let refused = App::build(&other.config, &app.keys, app.clock.clone(), crate::support::chance());
            let refused = refused.err().expect("a refusal").to_string();
            assert!(refused.contains(told), "{refused}");
        }
    });
}

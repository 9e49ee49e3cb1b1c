//! What PostgreSQL and the network before it do to the service: they fall silent, break, turn read-only, close what is idle.

use super::streams::feed::at_least;
use crate::support::people::text;
use crate::support::proxy::Proxy;
use crate::support::race::Halt;
use crate::support::{Backend, Couple, Person, TestApp};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use evenkeel::actions::operations::rotation;
use evenkeel::ids::AccountId;
use evenkeel::store::schema::accounts;
use evenkeel::store::{DatabaseThreads, Db, Location};
use evenkeel::vault::Aad;
use serde_json::json;
use std::net::ToSocketAddrs as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a test waits for what is to come in the end.
const PATIENCE: Duration = Duration::from_secs(30);
const QUERY: &str = "{ viewer { account { displayName } } }";

fn url_of(location: &Location) -> &str {
    let Location::Postgres(url) = location else { panic!("this is about PostgreSQL") };
    url
}

/// Runs a test on a service whose connections go through a proxy, and are given up soon.
fn behind_a_proxy<F: Future<Output = ()>>(test: impl FnOnce(TestApp, Arc<Proxy>) -> F) {
    crate::support::live(async {
        let mut proxy = None;
        let app = TestApp::start_with(
            Backend::Postgres,
            |config| {
                let mut url: url::Url = url_of(&config.database).parse().unwrap();
                let target = (url.host_str().unwrap(), url.port().unwrap()).to_socket_addrs().unwrap().next();
                let new = Proxy::to(target.unwrap());
                url.set_host(Some(&new.address.ip().to_string())).unwrap();
                url.set_port(Some(new.address.port())).unwrap();
                proxy = Some(Arc::new(new));
                config.database = Location::parse(url.as_str()).unwrap();
                config.database_threads =
                    DatabaseThreads { answer_within: Duration::from_secs(1), ..config.database_threads };
            },
            |_| {},
        )
        .await;
        test(app, proxy.unwrap()).await;
    });
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
    }
}

async fn scene_and_an_hour(app: &TestApp, couple: &Couple) {
    couple.scene(app).await;
    app.clock.set(app.clock.now() + jiff::SignedDuration::from_mins(60));
    // Their tokens are good for what follows.
    couple.alex.refresh(app).await;
    couple.sam.refresh(app).await;
}

#[test]
fn r15_connections_that_fall_silent_are_given_up_and_what_was_due_is_sent_once() {
    behind_a_proxy(async |app, proxy| {
        let couple = app.couple().await;
        scene_and_an_hour(&app, &couple).await;
        proxy.fall_silent();
        // More than there are connections: each request is answered, and none waits for ever.
        let asked = (0..6).map(|_| couple.alex.ask_raw(&app, QUERY, json!({})));
        let answers = tokio::time::timeout(PATIENCE, futures::future::join_all(asked)).await.unwrap();
        assert!(
            answers.iter().all(|answer| answer["errors"][0]["extensions"]["code"] == "INTERNAL"),
            "{answers:?}"
        );
        let delivered = tokio::time::timeout(PATIENCE, app.app.worker().deliver_due()).await.unwrap();
        assert!(delivered.is_err(), "nothing can be claimed");
        let before = proxy.connections();
        proxy.mend();
        comes_back(&app, &couple.alex).await;
        app.deliver().await;
        assert!(proxy.connections() > before, "over new connections");
        assert_eq!((couple.alex.pushes(&app).len(), couple.sam.pushes(&app).len()), (1, 1));
    });
}

#[test]
fn r15_a_network_that_breaks_in_the_middle_loses_nothing() {
    behind_a_proxy(async |app, proxy| {
        let couple = app.couple().await;
        scene_and_an_hour(&app, &couple).await;
        proxy.cut();
        assert!(!is_answered(&app, &couple.alex).await);
        assert!(app.app.worker().deliver_due().await.is_err());
        proxy.mend();
        comes_back(&app, &couple.sam).await;
        app.deliver().await;
        assert_eq!((couple.alex.pushes(&app).len(), couple.sam.pushes(&app).len()), (1, 1));
    });
}

/// Changes a setting of a database for the sessions that begin after it, and ends those that are there if `at_once`.
fn set(location: &Location, setting: &str, value: &str, at_once: bool) {
    let (_, name) = url_of(location).split('?').next().unwrap().rsplit_once('/').unwrap();
    let server = Location::Postgres(std::env::var("EVENKEEL_TEST_POSTGRES").unwrap());
    let mut db = Db::open(&server).unwrap();
    db.batch_execute(&format!("ALTER DATABASE {name} SET {setting} = '{value}'")).unwrap();
    if at_once {
        let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        db.batch_execute(&end).unwrap();
    }
}

/// Makes sessions of a database read-only, and ends those that are there: what a fail-over leaves behind.
fn demote(location: &Location, demoted: bool) {
    set(location, "default_transaction_read_only", if demoted { "on" } else { "off" }, demoted);
}

async fn renamed(app: &TestApp, person: &Person, name: &str) -> bool {
    let rename = "mutation($n: String!) { updateProfile(input: { displayName: $n }) { status } }";
    person.ask_raw(app, rename, json!({ "n": name })).await["data"]["updateProfile"]["status"] == "DONE"
}

#[test]
fn a_server_that_turned_read_only_is_left_as_soon_as_there_is_another() {
    for attributes in [None, Some("any")] {
        crate::support::live(async {
            let settings = |config: &mut evenkeel::config::Config| {
                if let Some(attributes) = attributes {
                    let url = format!("{}?target_session_attrs={attributes}", url_of(&config.database));
                    config.database = Location::parse(&url).unwrap();
                }
            };
            let app = TestApp::start_with(Backend::Postgres, settings, |_| {}).await;
            let alex = app.person_without_device("Alex", "UTC", ("22:00", "08:00")).await;
            demote(&app.config.database, true);
            for _ in 0..4 {
                assert!(!renamed(&app, &alex, "Alix").await, "nothing can be written");
            }
            demote(&app.config.database, false);
            // One failure is left for each connection that was made meanwhile.
            let waited = Instant::now();
            while !renamed(&app, &alex, "Alix").await {
                assert!(waited.elapsed() < PATIENCE, "it stays with the old server");
            }
            for n in 0..6 {
                assert!(
                    renamed(&app, &alex, &format!("Alix {n}")).await,
                    "{attributes:?}: no connection is left there"
                );
            }
        });
    }
}

#[test]
fn of_several_hosts_the_one_that_can_be_written_to_is_taken() {
    crate::support::live(async {
        let settings = |config: &mut evenkeel::config::Config| {
            let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let url = url_of(&config.database);
            let (user, rest) = url.split_once('@').unwrap();
            config.database = Location::parse(&format!("{user}@{nobody},{rest}")).unwrap();
        };
        let app = TestApp::start_with(Backend::Postgres, settings, |_| {}).await;
        let alex = app.person_without_device("Alex", "UTC", ("22:00", "08:00")).await;
        assert!(is_answered(&app, &alex).await);
    });
}

#[test]
fn a_server_ends_what_takes_too_long_and_leaves_idle_connections_alone() {
    crate::support::run(Backend::Postgres, async |app: TestApp| {
        let (_, name) = url_of(&app.config.database).rsplit_once('/').unwrap();
        let server = Location::Postgres(std::env::var("EVENKEEL_TEST_POSTGRES").unwrap());
        let closing = format!("ALTER DATABASE {name} SET idle_session_timeout = '1s'");
        Db::open(&server).unwrap().batch_execute(&closing).unwrap();
        let mut db = Db::open(&app.config.database).unwrap();
        for (setting, expected) in [
            ("idle_session_timeout", "0"),
            ("statement_timeout", "15s"),
            ("idle_in_transaction_session_timeout", "30s"),
        ] {
            let query = diesel::dsl::sql::<diesel::sql_types::Text>(&format!("current_setting('{setting}')"));
            let found: String = diesel::select(query).get_result(&mut db).unwrap();
            assert_eq!(found, expected, "{setting}");
        }
    });
}

on_both_databases! {
    async fn r26_no_key_is_renewed_while_somebody_seals_with_it(app) {
        let alex = app.person_without_device("Alex", "UTC", ("22:00", "08:00")).await;
        let shown = alex.ask(&app, "{ viewer { account { id } } }", json!({})).await;
        let id: AccountId = text(&shown["viewer"]["account"]["id"]).parse().unwrap();
        let (halt, held) = Halt::new();
        let context = Arc::clone(&app.app.context);
        let writes = tokio::task::spawn_local(async move {
            let seals = move |tx: &mut evenkeel::actions::transaction::Transaction<'_>| {
                let wrapped: Vec<u8> = accounts::table.find(id).select(accounts::data_key).first(tx.db)?;
                halt.here();
                let uuid = evenkeel::ids::TypedId::uuid(id);
                let key = tx.vault.unwrap(Aad::new("accounts", "data_key", uuid), &wrapped)?;
                let name = key.seal_text(Aad::new("accounts", "display_name", uuid), "Alix")?;
                diesel::update(accounts::table.find(id)).set(accounts::display_name.eq(name)).execute(tx.db)?;
                Ok(())
            };
            context.write_tx(None, seals).await
        });
        let go_on = held.reached().await;
        let context = Arc::clone(&app.app.context);
        let renews = tokio::task::spawn_local(async move { rotation::re_encrypt(&context).await });
        let waited = Instant::now();
        while !renews.is_finished() && !waits_for(&app.config.database, "relation") {
            assert!(waited.elapsed() < PATIENCE, "nobody renews");
            tokio::task::yield_now().await;
        }
        assert!(!renews.is_finished(), "a key was renewed while somebody had read the old one");
        go_on.send(()).unwrap();
        writes.await.unwrap().unwrap();
        assert!(renews.await.unwrap().unwrap().renewed > 0);
        let shown = alex.ask(&app, QUERY, json!({})).await;
        assert_eq!(shown["viewer"]["account"]["displayName"], "Alix");
    }
}

/// Has a person answer a check-in while another transaction holds what the answer needs, which `ends` once the answer waits
/// for it; returns what the person gets.
async fn answered_against(app: &TestApp, couple: &Couple, held: &str, ends: &str) -> serde_json::Value {
    let scene = couple.scene(app).await;
    app.pass_minutes(61).await;
    couple.alex.refresh(app).await;
    let check_in = couple.check_ins(app, &couple.alex, &scene).await.remove(0);
    let url = url_of(&app.config.database);
    let mut other = PgConnection::establish(url).unwrap();
    other.batch_execute(&format!("BEGIN; {held}")).unwrap();
    let answer = "mutation($c: ID!) { answerCheckIn(input: { checkInId: $c, mood: 4 }) { status checkIn { answer { mood } } } }";
    let answers = couple.alex.ask_raw(app, answer, json!({ "c": check_in["id"] }));
    let ended = async {
        at_least("the answer waits", async || waits_for(&app.config.database, "transactionid")).await;
        let ends = ends.to_owned();
        tokio::task::spawn_blocking(move || other.batch_execute(&ends).unwrap()).await.unwrap();
    };
    let (answer, ()) = futures::future::join(answers, ended).await;
    assert_eq!(answer["errors"], json!(null), "{answer}");
    answer["data"]["answerCheckIn"].clone()
}

/// The server looks for a deadlock only on behalf of who has waited for a while: of the two, this is never the other one.
const PATIENT: &str = "SET LOCAL deadlock_timeout = '1h'";
const ACCOUNTS: &str = "SELECT 1 FROM accounts FOR UPDATE";

#[test]
fn a_deadlock_that_the_server_ends_is_not_the_persons_concern() {
    crate::support::live(async {
        let app = TestApp::start(Backend::Postgres).await;
        let couple = app.couple().await;
        // Recording a result locks the nudge before the account, answering the other way round.
        let held = format!("{PATIENT}; SELECT 1 FROM nudges FOR UPDATE");
        let answer = answered_against(&app, &couple, &held, &format!("{ACCOUNTS}; COMMIT")).await;
        assert_eq!(answer, json!({ "status": "DONE", "checkIn": { "answer": { "mood": 4 } } }));
    });
}

#[test]
fn a_transaction_that_cannot_be_put_in_order_with_another_runs_again() {
    crate::support::live(async {
        let app = TestApp::start(Backend::Postgres).await;
        let couple = app.couple().await;
        // A host may have chosen it for the whole database, and other servers that speak PostgreSQL's language know no other.
        set(&app.config.database, "default_transaction_isolation", "repeatable read", true);
        comes_back(&app, &couple.alex).await;
        let touched = "UPDATE accounts SET created_at = created_at";
        let answer = answered_against(&app, &couple, touched, "COMMIT").await;
        assert_eq!(answer, json!({ "status": "DONE", "checkIn": { "answer": { "mood": 4 } } }));
    });
}

/// Whether a transaction waits for a lock of this type. On SQLite writers are alone anyway, so it does.
fn waits_for(location: &Location, locktype: &str) -> bool {
    let Db::Postgres(mut connection) = Db::open(location).unwrap() else { return true };
    let waiting = format!(
        "EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
         AND wait_event_type = 'Lock' AND wait_event = '{locktype}')"
    );
    let query = diesel::select(diesel::dsl::sql::<diesel::sql_types::Bool>(&waiting));
    query.get_result(&mut connection).unwrap()
}

//! What GraphQL costs: row "home query" of the design. Sends the query with which an app opens over HTTP, and compares
//! it with a hand-written handler that reads the same and writes the same JSON, on the same machine in the same run.
//!
//! `cargo bench --bench graphql` measures it on SQLite, and on PostgreSQL if `EVENKEEL_TEST_POSTGRES` names a server;
//! `scripts/with-postgres cargo bench --bench graphql` starts one; `… -- 1000` sends so many requests each time. The
//! clients are separate processes that do little but send and wait.

#[path = "home/by_hand.rs"]
mod by_hand;
#[path = "home/client.rs"]
mod client;
#[path = "../tests/support/seed.rs"]
mod seed;
#[path = "../tests/support/statements.rs"]
mod statements;
#[path = "drain/world.rs"]
mod world;

use actix_web::{App as ActixApp, HttpServer, web};
use evenkeel::app::App;
use evenkeel::auth::Requester;
use evenkeel::chance::Chance;
use evenkeel::ids::{AccountId, SessionId};
use evenkeel::store::session::SessionRow;
use evenkeel::store::{Location, StoreError, session};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::net::TcpListener;
use std::sync::Arc;
use world::{Backend, World};

/// The allocator of the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The query that an app sends when it opens.
const HOME: &str = include_str!("../tests/support/home.graphql");
/// How often each of the handlers is measured, in turn.
const ROUNDS: usize = 5;
/// Requests per measurement, unless an argument says otherwise.
const REQUESTS: usize = 4000;
/// Couples, each with one connection.
const COUPLES: usize = 8;
/// Ended scenes of each couple: the query reads a page of a longer list.
const SCENES: i64 = 20;
/// Threads of each server.
const WORKERS: usize = 2;
/// The least share of the hand-written handler's requests per second.
const LIMIT: f64 = 0.6;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if arguments.first().is_some_and(|word| word == "client") {
        return client::run();
    }
    let requests = arguments.first().map_or(REQUESTS, |n| n.parse().expect("a number of requests"));
    for backend in Backend::all() {
        actix_web::rt::System::new().block_on(home(backend, requests));
    }
}

/// Signs an account in and returns the value of `Authorization`.
async fn sign_in(app: &App, account: AccountId, now: Timestamp) -> String {
    let id = SessionId::at(now, &Chance::system());
    let row = SessionRow {
        id,
        account_id: account,
        label: Vec::new(),
        created_at: now.into(),
        last_used_at: now.into(),
        ended_at: None,
        proved_at: None,
        reused_at: None,
    };
    let save = move |db: &mut evenkeel::store::Db| Ok::<_, StoreError>(session::insert(db, &row)?);
    app.context.store.write(save).await.unwrap();
    let (token, _) = app.context.tokens.issue(Requester { account, session: id }, now).unwrap();
    format!("Bearer {token}")
}

/// Starts a server in this process and returns its address.
fn serve(server: impl FnOnce(TcpListener) -> std::io::Result<actix_web::dev::Server>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    actix_web::rt::spawn(server(listener).unwrap());
    address
}

async fn home(backend: Backend, requests: usize) {
    let world = World::new(backend, Vec::new());
    let manifest = world.place.folder.join("documents.json");
    let hash: String = Sha256::digest(HOME).iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(&manifest, json!({ &hash: HOME }).to_string()).unwrap();
    let app = world.place.app_with(|config| config.trusted_documents = Some(manifest));

    let now = app.context.clock.now();
    let couples = seed::couples(&app.context, 0, COUPLES, |_| None).await;
    let soon = now + SignedDuration::from_hours(1);
    seed::alerts(&app.context, &couples, soon).await;
    let ended = |n| couples.iter().map(move |couple| (*couple, soon - SignedDuration::from_hours(n)));
    seed::scenes(&app.context, &(0..SCENES).flat_map(ended).collect::<Vec<_>>()).await;
    let mut people = Vec::new();
    for couple in &couples {
        people.push(sign_in(&app, couple.people[0], now).await);
    }

    let lone = seed::couples(&app.context, 2 * COUPLES, 1, |_| None).await;
    seed::alerts(&app.context, &lone, soon).await;
    seed::scenes(&app.context, &[(lone[0], soon - SignedDuration::from_hours(1))]).await;
    let few = sign_in(&app, lone[0].people[0], now).await;
    let location = Location::parse(&world.place.database).unwrap();

    let context = web::Data::new(Arc::clone(&app.context));
    let by_hand = serve(|listener| {
        let routes =
            move || ActixApp::new().app_data(context.clone()).route("/home", web::post().to(by_hand::home));
        Ok(HttpServer::new(routes).workers(WORKERS).disable_signals().listen(listener)?.run())
    });
    let graphql = serve(|listener| app.server(listener, WORKERS));

    let text = json!({ "query": HOME }).to_string();
    let trusted = json!({ "documentId": hash }).to_string();
    let things = [
        ("by hand", &by_hand, "/home", String::new()),
        ("GraphQL", &graphql, "/graphql", text),
        ("GraphQL, trusted document", &graphql, "/graphql", trusted),
    ];
    // All must give the same answer, or there is nothing to compare.
    let mut answers = Vec::new();
    for (_, address, path, body) in &things {
        let task = task(address, path, body, &people[..1], 1);
        answers.push(web::block(move || client::once(&task)).await.unwrap());
    }
    let data = |answer: &Value| answer.get("data").unwrap_or(answer).clone();
    assert!(answers[0]["viewer"]["scenes"]["nodes"][0]["id"].is_string(), "{}", answers[0]);
    assert!(answers.iter().all(|answer| data(answer) == data(&answers[0])), "{answers:#?}");

    let mut rates = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for ((_, address, path, body), rates) in things.iter().zip(&mut rates) {
            let task = task(address, path, body, &people, requests);
            rates.push(web::block(move || client::apart(&task)).await.unwrap());
        }
    }
    println!(
        "{backend:?}, the home query, requests a second ({COUPLES} connections, median of {ROUNDS} rounds)"
    );
    let rates = rates.map(median);
    for ((name, ..), rate) in things.iter().zip(rates) {
        println!("  {name:<28}{rate:>8.0}{:>8.2} of the hand-written handler", rate / rates[0]);
    }
    for ((name, ..), rate) in things.iter().zip(rates).skip(1) {
        let verdict = if rate / rates[0] >= LIMIT { "holds" } else { "MISSED" };
        println!("  at least {LIMIT} for {name}: {verdict}");
    }
    // On new connections, opened after all measurements: counting would slow the others down.
    statements::watch();
    let counted = serve(|listener| world.place.app().server(listener, 1));
    for (scenes, person) in [(1, &few), (SCENES, &people[0])] {
        let before = statements::count(&location);
        let task = task(
            &counted,
            "/graphql",
            &json!({ "query": HOME }).to_string(),
            std::slice::from_ref(person),
            1,
        );
        web::block(move || client::once(&task)).await.unwrap();
        println!("  {} SQL statements, in the list {scenes} scene(s)", statements::count(&location) - before);
    }
    println!();
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn task(address: &str, path: &str, body: &str, people: &[String], requests: usize) -> client::Task {
    let (address, path, body) = (address.to_owned(), path.to_owned(), body.to_owned());
    client::Task { address, path, body, people: people.to_vec(), requests }
}

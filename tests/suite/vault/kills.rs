//! Keys change while people go on, and whoever changes them is killed, again and again: real processes, SIGKILL.

use super::{cells, command, goes_on, is_shown, name, reading, written};
use crate::support::seed;
use crate::support::{Couple, TestApp};
use evenkeel::store::sealed::{Column, Owner, SEALED, WRAPPED};
use evenkeel::vault::Vault;
use evenkeel::vault::key_ring::MasterSource;
use evenkeel::vault::keys::Keys;
use serde_json::json;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Couples besides the one that goes on: three data keys each.
const COUPLES: usize = 250;
const KILLS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(120);

/// A process that does not outlive the test.
struct Doomed(Child);

impl Doomed {
    fn start(mut command: Command) -> Self {
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        // What has ended is as good as killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How many values of some columns are not as they were.
fn changed(app: &TestApp, before: &[(Column, Vec<Vec<u8>>)]) -> usize {
    let changed = before.iter().map(|(of, before)| {
        let now = cells(app, *of);
        before.iter().filter(|bytes| now.iter().all(|cell| cell.bytes != **bytes)).count()
    });
    changed.sum()
}

/// Somebody reads everything and writes something, which must be there afterwards.
async fn lives_on(app: &TestApp, couple: &Couple, round: usize) {
    let words = format!("zephyr number {round}");
    let needs = json!({ "linkId": couple.link, "needs": { "words": words } });
    couple.alex.done(app, "writeNeeds", needs, "").await;
    let name = format!("Alex the {round}th");
    couple.alex.done(app, "updateProfile", json!({ "displayName": name }), "").await;
    for sealed in SEALED.iter().filter(|sealed| sealed.owner != Owner::HouseSecret && is_shown(sealed.at)) {
        couple.alex.ask(app, reading(sealed.at), json!({})).await;
    }
    let query = "{ viewer { account { displayName } partnerLinks { myNeeds { words } } } }";
    let read = couple.alex.ask(app, query, json!({})).await["viewer"].clone();
    assert_eq!(read["account"]["displayName"], name);
    let links = read["partnerLinks"].as_array().unwrap();
    assert!(links.iter().any(|link| link["myNeeds"]["words"] == words), "{read}");
}

/// Lets a command run to its end; what it printed. On a thread of its own: a test that stood still for as long as the
/// server keeps idle connections would go on with one that was closed meanwhile.
async fn to_its_end(app: &TestApp, arguments: &[&str]) -> String {
    let mut command = command(app, &[&["keys"], arguments].concat(), &[]);
    let out = actix_web::rt::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// Runs a command until it was killed in the middle of its work so often, while a couple lives on; then to its end.
async fn interrupted(app: &TestApp, couple: &Couple, arguments: &[&str], watched: &[Column]) -> String {
    let bytes = |of: Column| cells(app, of).into_iter().map(|cell| cell.bytes).collect();
    let before: Vec<(Column, Vec<Vec<u8>>)> = watched.iter().map(|of| (*of, bytes(*of))).collect();
    let all: usize = before.iter().map(|(_, bytes)| bytes.len()).sum();
    let (began, mut so_far) = (Instant::now(), 0);
    for kill in 1..=KILLS {
        let mut process = Doomed::start(command(app, &[&["keys"], arguments].concat(), &[]));
        let watch = async {
            loop {
                let (now, ended) = (changed(app, &before), process.0.try_wait().unwrap());
                assert!(ended.is_none_or(|status| status.success()), "what ends by itself has done its work");
                if now > so_far || ended.is_some() {
                    drop(process);
                    return now;
                }
                assert!(began.elapsed() < PATIENCE, "it does not come on: {now} of {all}");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        so_far = futures::join!(watch, lives_on(app, couple, 2 * kill)).0;
        lives_on(app, couple, 2 * kill + 1).await;
        eprintln!(
            "{arguments:?}: killed for the {kill}th time at {so_far} of {all} after {:?}",
            began.elapsed()
        );
    }
    let told = to_its_end(app, arguments).await;
    assert_eq!(changed(app, &before), all, "everything is new in the end");
    lives_on(app, couple, 0).await;
    told
}

on_both_databases! {
    async fn r26_new_keys_come_whole_whatever_is_killed_while_people_go_on(app) {
        app.install_keys();
        seed::couples(&app.app.context, 0, COUPLES, |_| None).await;
        let couple = written(&app).await;
        let before = app.keys.master.newest();
        let code = couple.alex.done(&app, "invitePartner", json!({ "role": "SWITCH" }), "code").await["code"].clone();
        app.anonymous("mutation { requestPasswordReset(input: { email: \"sam@people.test\" }) { status } }", json!({})).await;

        interrupted(&app, &couple, &["rotate"], WRAPPED).await;
        let after = Keys::load(&app.config.data_dir.join("keys"), &MasterSource::File).unwrap().master.newest();
        assert_ne!(before, after);
        for of in WRAPPED.iter().copied() {
            assert!(cells(&app, of).iter().all(|cell| Vault::in_force(&cell.bytes) == Ok(after)), "{}", name(of));
        }

        let told = interrupted(&app, &couple, &["re-encrypt"], &WRAPPED[1..]).await;
        let owners = cells(&app, WRAPPED[1]).len() + cells(&app, WRAPPED[2]).len();
        let renewed: usize = told.split(' ').next().unwrap().parse().unwrap();
        assert!(renewed < owners, "what was done before the last kill was not done again: {told}");
        let told = to_its_end(&app, &["re-encrypt"]).await;
        assert!(told.starts_with(&format!("{owners} data keys are new")), "every value opens still: {told}");
        goes_on(&app, &couple, &code).await;
    }
}

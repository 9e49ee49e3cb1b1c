//! Privacy: what an answer must not tell about addresses and other people's objects; and passwords.

use crate::support::care::instant;
use crate::support::people::{PASSWORD, link_in, text};
use crate::support::{Couple, Person, TestApp};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SIGN_UP: &str =
    "mutation($i: SignUpInput!) { signUp(input: $i) { status problems { field code sentence } } }";
const LOG_IN: &str = "mutation($i: LogInInput!) { logIn(input: $i) {
    status outcome { ... on SessionTokens { accessToken } } problems { field code sentence } } }";
const ASK_RESET: &str = "mutation($e: String!) { requestPasswordReset(input: { email: $e }) {
    status problems { field code sentence } } }";
const NODE: &str = "query($id: ID!) { node(id: $id) { id } }";
const KNOWN: &str = "alex@people.test";
const WAITING: &str = "robin@people.test";
const UNKNOWN: &str = "kim@people.test";

fn signing_up(email: &str, zone: &str) -> Value {
    json!({ "i": {
        "email": email, "displayName": "Robin", "zone": zone,
        "consents": crate::support::people::consents(),
    } })
}

/// One address with an account and one that waits to be confirmed; a third, which needs no set-up, has none.
async fn addresses(app: &TestApp) {
    app.person_without_device("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
    app.anonymous(SIGN_UP, signing_up(WAITING, "UTC")).await;
    app.deliver().await;
}

/// Sends a query without a token with several variables; all answers must be alike to the last byte. Returns the
/// answer.
async fn alike(app: &TestApp, query: &str, several: &[Value]) -> (u16, String) {
    let mut answers = Vec::new();
    for variables in several {
        answers.push(app.exact(None, None, query, variables.clone()).await);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    answers.remove(0)
}

fn missing(id: &str) -> String {
    format!("{}000000000000", &id[..id.len() - 12])
}

/// Spellings that are nobody's id: another noun, no noun, capitals, cut off, empty.
fn malformed(id: &str) -> [String; 5] {
    let (_, number) = id.split_once('_').unwrap();
    let cut = id[..id.len() - 1].to_owned();
    [format!("Consent_{number}"), number.to_owned(), id.to_uppercase(), cut, String::new()]
}

/// What Alex has: ids by noun, in states that answers could tell apart.
struct Belongings {
    account: String,
    link: String,
    revision: Value,
    planned: String,
    ended: String,
    answered: String,
    open: String,
    nudge: String,
    entry: String,
}

async fn belongings(app: &TestApp, couple: &Couple) -> Belongings {
    let alex = &couple.alex;
    couple.agree(app, Couple::usual_terms(), None).await;
    let query = "mutation($i: PlanSceneInput!) { planScene(input: $i) { scene { id } } }";
    let later = instant(app.clock.now() + jiff::SignedDuration::from_hours(2));
    let plan = json!({ "i": { "linkId": couple.link, "plannedFor": later, "setting": "ONLINE" } });
    let planned = text(&alex.ask(app, query, plan).await["planScene"]["scene"]["id"]);
    let ended = couple.scene(app).await;
    app.pass_minutes(60).await;
    let check_ins = couple.check_ins(app, alex, &ended).await;
    let query = "mutation($i: AnswerCheckInInput!) { answerCheckIn(input: $i) { status } }";
    let answer = json!({ "i": { "checkInId": check_ins[0]["id"], "mood": 4, "note": "warm tea" } });
    assert_eq!(alex.ask(app, query, answer).await["answerCheckIn"]["status"], "DONE");
    couple.sam.refresh(app).await;
    let entry = json!({ "text": "warm tea", "sceneId": ended });
    let entry = alex.done(app, "writeJournalEntry", entry, "entry { id }").await;
    alex.done(app, "writeDebrief", json!({ "sceneId": ended, "text": "warm tea" }), "").await;
    let query = "{ viewer { account { id } nudges { nodes { id reasons { checkIn { id } } } }
        partnerLinks { latestRevision { id contentHash } } } }";
    let viewer = alex.ask(app, query, json!({})).await["viewer"].clone();
    let nudges = viewer["nudges"]["nodes"].as_array().unwrap();
    let nudge = nudges.iter().find(|nudge| !nudge["reasons"][0]["checkIn"].is_null()).unwrap();
    Belongings {
        account: text(&viewer["account"]["id"]),
        link: couple.link.clone(),
        revision: viewer["partnerLinks"][0]["latestRevision"].clone(),
        planned,
        ended,
        answered: text(&check_ins[0]["id"]),
        open: text(&check_ins[1]["id"]),
        nudge: text(&nudge["id"]),
        entry: text(&entry["entry"]["id"]),
    }
}

/// Everything that somebody else could have changed, as this person sees it.
async fn everything(app: &TestApp, person: &Person) -> Value {
    let query =
        "{ viewer { partnerLinks(endedToo: true) { id state me { role } alertPermission myNeeds { words }
        latestRevision { id state agreements { who withdrawnAt } }
        scenes { nodes { id state endedAt alertPermission aftercare { id } outreaches { id }
            debrief { state mine { text } } myCheckIns { id state snoozedUntil answer { mood sharing } } } } }
        journal { nodes { id text } } } }";
    person.ask(app, query, json!({})).await
}

/// Tries a mutation on other people's ids, on missing ones and on texts that are no ids: the answers must not differ.
async fn looks_missing(app: &TestApp, by: &Person, mutation: &str, field: &str, rest: &Value, ids: &[&str]) {
    let capital = mutation[..1].to_uppercase() + &mutation[1..];
    let query = format!(
        "mutation($i: {capital}Input!) {{ {mutation}(input: $i) {{ status problems {{ field code sentence }} }} }}"
    );
    let mut tried: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    tried.push(missing(ids[0]));
    tried.extend(malformed(ids[0]));
    let mut answers = Vec::new();
    for id in tried {
        let mut input = rest.clone();
        input[field] = json!(id);
        answers.push(app.exact(Some(&by.access()), None, &query, json!({ "i": input })).await);
    }
    assert!(
        answers[0].1.contains("NOT_FOUND") && answers[0].1.contains(field),
        "{mutation}: {}",
        answers[0].1
    );
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{mutation}: {answers:#?}");
}

/// The shortest of a few tries: the least disturbed one.
async fn shortest(app: &TestApp, email: &str) -> Duration {
    let mut shortest = Duration::MAX;
    for _ in 0..5 {
        let input = json!({ "i": { "email": email, "password": "not the password of anybody" } });
        let begun = Instant::now();
        app.exact(None, None, LOG_IN, input).await;
        shortest = shortest.min(begun.elapsed());
    }
    shortest
}

on_both_databases! {
    async fn r28_signing_up_answers_alike_whether_or_not_the_address_has_an_account(app) {
        addresses(&app).await;
        let all = |zone: &str| [KNOWN, WAITING, UNKNOWN].map(|email| signing_up(email, zone));
        let (status, text) = alike(&app, SIGN_UP, &all("Europe/Berlin")).await;
        assert_eq!((status, text.as_str()), (200, r#"{"data":{"signUp":{"status":"DONE","problems":[]}}}"#));
        assert!(alike(&app, SIGN_UP, &all("nowhere")).await.1.contains("MALFORMED"));
    }

    async fn r28_a_failed_log_in_answers_alike_for_every_reason(app) {
        addresses(&app).await;
        let attempt = |email: &str, password: &str| json!({ "i": { "email": email, "password": password } });
        let failed = alike(&app, LOG_IN, &[
            attempt(KNOWN, "not the password of anybody"),
            attempt(KNOWN, ""),
            attempt(KNOWN, &"x".repeat(1000)),
            attempt(WAITING, PASSWORD),
            attempt(WAITING, "not the password of anybody"),
            attempt(UNKNOWN, PASSWORD),
            attempt(UNKNOWN, &"x".repeat(1000)),
        ]).await;
        assert!(failed.1.contains("REFUSED"));
        assert!(app.exact(None, None, LOG_IN, attempt(KNOWN, PASSWORD)).await.1.contains("DONE"));
    }

    async fn r28_a_failed_log_in_takes_no_less_time_without_an_account(app) {
        addresses(&app).await;
        let (known, unknown) = (shortest(&app, KNOWN).await, shortest(&app, UNKNOWN).await);
        // Hashing is nearly all of it: left out, this would be a twentieth.
        assert!(unknown * 3 > known, "{unknown:?} without an account, {known:?} with one");
    }

    async fn r28_asking_for_a_reset_answers_alike_and_only_the_mail_says_whether_there_is_an_account(app) {
        addresses(&app).await;
        let all = [KNOWN, WAITING, UNKNOWN].map(|email| json!({ "e": email }));
        let (status, text) = alike(&app, ASK_RESET, &all).await;
        assert_eq!((status, text.as_str()), (200, r#"{"data":{"requestPasswordReset":{"status":"DONE","problems":[]}}}"#));
        app.deliver().await;
        let mails = |email: &str| app.mail.inbox(email).len();
        assert_eq!((mails(KNOWN), mails(WAITING), mails(UNKNOWN)), (2, 2, 1), "each one more than before");
        for (email, way) in [(KNOWN, "/reset/"), (WAITING, "/open"), (UNKNOWN, "/open")] {
            let link = link_in(&app.mail.inbox(email).pop().unwrap());
            assert!(link.starts_with(&format!("{}{way}", app.url)), "{email}: {link}");
        }
    }

    async fn r28_an_invitation_names_no_address(app) {
        let query = "{ invite: __type(name: \"InvitePartnerInput\") { inputFields { name } }
            seen: __type(name: \"Invitation\") { fields { name } } }";
        let data = app.anonymous(query, json!({})).await;
        assert_eq!(data["invite"]["inputFields"], json!([{ "name": "role" }]));
        let seen: Vec<_> = data["seen"]["fields"].as_array().unwrap().iter().map(|field| text(&field["name"])).collect();
        assert_eq!(seen, ["displayName", "role", "expiresAt"]);
    }

    async fn r29_a_node_of_somebody_else_looks_like_a_missing_one(app) {
        let couple = app.couple().await;
        let its = belongings(&app, &couple).await;
        let robin = app.person_without_device("Robin", "UTC", ("22:00", "08:00")).await;
        let revision = text(&its.revision["id"]);
        let shared = [&its.link, &revision, &its.planned, &its.ended];
        let alexs = [&its.account, &its.answered, &its.open, &its.nudge, &its.entry];
        let nothing = (200, r#"{"data":{"node":null}}"#.to_owned());
        let node = async |by: &Person, id: &str| app.exact(Some(&by.access()), None, NODE, json!({ "id": id })).await;
        for id in shared.into_iter().chain(alexs) {
            let found = (200, json!({ "data": { "node": { "id": id } } }).to_string());
            assert_eq!(node(&couple.alex, id).await, found);
            assert_eq!(node(&robin, id).await, nothing, "{id}");
            let sams = if shared.contains(&id) { &found } else { &nothing };
            assert_eq!(node(&couple.sam, id).await, *sams, "{id} for the partner");
            assert_eq!(node(&robin, &missing(id)).await, nothing);
            for spelling in malformed(id) {
                assert_eq!(node(&couple.alex, &spelling).await, nothing, "{spelling}");
            }
        }
    }

    async fn r29_a_mutation_on_what_is_somebody_elses_answers_as_on_a_missing_one_and_changes_nothing(app) {
        let couple = app.couple().await;
        let its = belongings(&app, &couple).await;
        let robin = app.person_without_device("Robin", "UTC", ("22:00", "08:00")).await;
        let before = (everything(&app, &couple.alex).await, everything(&app, &couple.sam).await);
        let (link, revision) = ([its.link.as_str()], [its.revision["id"].as_str().unwrap()]);
        let (scenes, check_ins) = ([its.planned.as_str(), &its.ended], [its.answered.as_str(), &its.open]);
        let entry = [its.entry.as_str()];
        let later = instant(app.clock.now() + jiff::SignedDuration::from_hours(2));
        for (mutation, field, rest, ids) in [
            ("endLink", "linkId", json!({}), &link[..]),
            ("updateLink", "linkId", json!({ "role": "SWITCH", "alertPermission": "ALLOW" }), &link),
            ("writeNeeds", "linkId", json!({ "needs": { "words": "well done" } }), &link),
            ("proposeRevision", "linkId", json!({ "terms": { "stopSignal": "red" } }), &link),
            ("planScene", "linkId", json!({ "plannedFor": later, "setting": "ONLINE" }), &link),
            ("recordScene", "linkId", json!({ "setting": "ONLINE" }), &link),
            ("agreeToRevision", "revisionId", json!({ "contentHash": its.revision["contentHash"] }), &revision),
            ("withdrawAgreement", "revisionId", json!({}), &revision),
            ("startScene", "sceneId", json!({}), &scenes),
            ("endScene", "sceneId", json!({}), &scenes),
            ("cancelScene", "sceneId", json!({}), &scenes),
            ("recordAftercare", "sceneId", json!({ "givenBy": "ME" }), &scenes),
            ("setSceneAlert", "sceneId", json!({ "alertPermission": "ALLOW" }), &scenes),
            ("recordOutreach", "sceneId", json!({ "way": "CALL" }), &scenes),
            ("answerCheckIn", "checkInId", json!({ "mood": 3 }), &check_ins),
            ("skipCheckIn", "checkInId", json!({}), &check_ins),
            ("snoozeCheckIn", "checkInId", json!({ "minutes": 30 }), &check_ins),
            ("changeSharing", "checkInId", json!({ "sharing": "ALL" }), &check_ins),
            ("writeDebrief", "sceneId", json!({ "text": "calm" }), &scenes),
            ("takeBackDebrief", "sceneId", json!({}), &scenes),
            ("writeJournalEntry", "sceneId", json!({ "text": "calm" }), &scenes),
            ("editJournalEntry", "entryId", json!({ "text": "calm" }), &entry),
            ("deleteJournalEntry", "entryId", json!({}), &entry),
        ] {
            looks_missing(&app, &robin, mutation, field, &rest, ids).await;
            if ["checkInId", "entryId"].contains(&field) {
                looks_missing(&app, &couple.sam, mutation, field, &rest, ids).await;
            }
        }
        assert_eq!((everything(&app, &couple.alex).await, everything(&app, &couple.sam).await), before);
    }

    async fn r32_a_password_is_long_enough_not_too_long_and_not_a_common_one(app) {
        let word = "höhere Wälder über"; // 18 characters, 21 bytes
        app.anonymous(SIGN_UP, signing_up(UNKNOWN, "UTC")).await;
        app.deliver().await;
        let link = link_in(&app.mail.inbox(UNKNOWN).pop().unwrap());
        let confirm = "mutation($t: String!, $p: String!) { confirmEmail(input: { token: $t, password: $p }) {
            status problems { field code } } }";
        let mut taken = 0;
        for (password, refused) in [
            ("fourteen chars".to_owned(), Some("TOO_SHORT")),
            (String::new(), Some("TOO_SHORT")),
            ("é".repeat(10), Some("TOO_SHORT")),
            (format!("{word}{}", "x!".repeat(54)), Some("TOO_LONG")),
            ("aaaaaaaaaaaaaaaaaaa".to_owned(), Some("TOO_COMMON")),
            ("123456789012345678".to_owned(), Some("TOO_COMMON")),
            ("PasswordPassword".to_owned(), Some("TOO_COMMON")),
            ("fifteen letters".to_owned(), Some("TOO_COMMON")), // two common words
            ("qvzhx lmrtw bjk".to_owned(), None), // fifteen characters
            ("only small letters and blanks".to_owned(), None),
            ("🌿🚶🌊⛵🌙🍞☕🔥🐚🍵🎐🧦📗🍂🌧".to_owned(), None),
            (format!("{word}{}x", "y!".repeat(53)), None),
        ] {
            let input = json!({ "t": link.rsplit('/').next(), "p": password });
            let answer = app.anonymous(confirm, input).await["confirmEmail"].clone();
            let code = answer["problems"][0]["code"].as_str();
            // The first good one is taken, and uses the link up.
            let good = if answer["status"] == "DONE" { None } else { Some("EXPIRED") };
            taken += usize::from(answer["status"] == "DONE");
            assert_eq!(code, refused.or(good), "{password}");
        }
        assert_eq!(taken, 1);
    }

    async fn r32_every_byte_of_a_password_counts(app) {
        let long = format!("{}{}", "calm ", "sea ".repeat(30)) + "ab"; // 127 bytes
        let person = app.person_without_device("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
        let query = "mutation($o: String!, $n: String!) { changePassword(input: { currentPassword: $o, newPassword: $n }) { status } }";
        let changed = person.ask(&app, query, json!({ "o": PASSWORD, "n": long })).await;
        assert_eq!(changed["changePassword"]["status"], "DONE");
        let log_in = async |password: &str| {
            let input = json!({ "i": { "email": KNOWN, "password": password } });
            app.anonymous(LOG_IN, input).await["logIn"]["status"].clone()
        };
        assert_eq!(log_in(&long).await, "DONE");
        for other in [long.to_uppercase(), format!("{long} "), format!(" {long}"), long[..126].to_owned()] {
            assert_eq!(log_in(&other).await, "REFUSED", "{other}");
        }
    }
}

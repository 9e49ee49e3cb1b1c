//! No oracle: neither an answer nor its time, nor what the worker does afterwards, tells known from unknown.

#[macro_use]
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "this binary needs only a part of the harness")]
mod support;
mod timing;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evenkeel::store::Location;
use serde_json::{Value, json};
use std::time::Duration;
use support::leaves::Inputs;
use support::people::{PASSWORD, text};
use support::{Couple, Person, TestApp};
use timing::{LIMIT, alone, assert_alike, signed_ranks};

const SIGN_UP: &str =
    "mutation($i: SignUpInput!) { signUp(input: $i) { status problems { field code sentence } } }";
const LOG_IN: &str = "mutation($i: LogInInput!) { logIn(input: $i) {
    status outcome { ... on SessionTokens { accessToken } } problems { field code sentence } } }";
const RESET: &str = "mutation($i: RequestPasswordResetInput!) { requestPasswordReset(input: $i) {
    status problems { field code sentence } } }";
const LOOK: &str = "query($c: String!) { invitation(code: $c) { displayName } }";
const NODE: &str = "query($id: ID!) { node(id: $id) { id } }";

/// The same field so many times: what must show in the time that it takes.
fn several(times: usize, head: &str, field: &str) -> String {
    let fields: String = (0..times).map(|n| format!("f{n}: {field} ")).collect();
    format!("{head} {{ {fields} }}")
}

const KNOWN: &str = "alex@people.test";
const UNKNOWN: &str = "kims@people.test";

fn signing_up(email: &str, zone: &str) -> Value {
    json!({ "i": { "email": email, "displayName": "Robin", "zone": zone,
        "consents": crate::support::people::consents() } })
}

/// As many rounds as the database is quick: hashing is most of a log-in.
fn rounds(app: &TestApp) -> usize {
    if matches!(app.config.database, Location::Sqlite(_)) { 120 } else { 60 }
}

/// Sends a request; everything that comes back but the time and what numbers the request.
async fn exact(app: &TestApp, token: Option<&str>, query: &str, variables: &Value) -> String {
    let mut request =
        app.http.post(format!("{}/graphql", app.url)).header("Content-Type", "application/json");
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let body = json!({ "query": query, "variables": variables }).to_string();
    let answer = request.body(body).send().await.unwrap();
    let mut headers: Vec<_> = answer
        .headers()
        .iter()
        .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    headers.sort();
    let status = answer.status();
    format!("{status} {headers:?} {}", answer.text().await.unwrap())
}

/// Asks for three kinds in turn: the first two must be alike in everything, and the third, for which there may be
/// another query, differs in time.
async fn asked_alike(
    app: &TestApp,
    what: &str,
    rounds: usize,
    token: Option<&str>,
    (query, third): (&str, &str),
    variables: impl Fn(usize, usize) -> Value,
) {
    let first = exact(app, token, query, &variables(0, 0)).await;
    assert_alike(what, rounds, async |kind, round| {
        // A while between those who are not signed in, so that no limit of attempts comes into play.
        if token.is_none() {
            app.clock.set(app.clock.now() + jiff::SignedDuration::from_hours(1));
        }
        let query = if kind == 2 { third } else { query };
        let answer = exact(app, token, query, &variables(kind, round)).await;
        assert!(kind == 2 || answer == first, "{what}:\n{answer}\n{first}");
    })
    .await;
}

fn missing(id: &str) -> String {
    format!("{}{:012x}", &id[..id.len() - 12], u64::from_be_bytes(crate::support::chance().bytes()) >> 16)
}

/// An input whose required fields hold something acceptable, and `id` at `path`.
fn filled(leaves: &[support::leaves::Leaf], path: &str, id: &str, app: &TestApp) -> Value {
    let mut input = json!({});
    let fields = leaves.iter().filter(|leaf| leaf.required && !leaf.path.contains('.'));
    for leaf in fields {
        input[&leaf.path] = match (leaf.path.as_str(), leaf.kind.as_str(), leaf.named.as_str()) {
            (this, ..) if this == path => json!(id),
            ("needs", ..) => json!({}),
            ("terms", ..) => json!({ "stopSignal": "red" }),
            ("way", ..) => json!("CALL"),
            ("text", ..) => json!("calm"),
            ("givenBy", ..) => json!("ME"),
            ("setting", ..) => json!("ONLINE"),
            ("role", ..) => json!("SWITCH"),
            ("sharing", ..) => json!("ALL"),
            ("alertPermission", ..) => json!("FORBID"),
            ("mood", ..) => json!(3),
            ("minutes", ..) => json!(30),
            ("contentHash", ..) => json!("0".repeat(64)),
            (_, _, "DateTime") => json!(app.clock.now().to_string()),
            (other, ..) => panic!("what is good for {other}? Add it here."),
        };
    }
    input
}

#[test]
fn r28_the_test_of_time_sees_what_it_must_and_nothing_else() {
    // Noise far above the difference, from a fixed seed: a linear congruential generator is chance enough here.
    let mut state = 1_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_micros(20_000 + (state >> 33) % 10_000)
    };
    let mut pairs = |slower: u64| -> Vec<_> {
        (0..300).map(|_| (noise(), noise() + Duration::from_micros(slower))).collect()
    };
    assert!(signed_ranks(&pairs(0)).abs() < 3.0);
    assert!(signed_ranks(&pairs(2_000)) < -LIMIT, "a tenth of what a request takes is seen");
    let swapped: Vec<_> = pairs(2_000).into_iter().map(|(a, b)| (b, a)).collect();
    assert!(signed_ranks(&swapped) > LIMIT, "either way");
}

on_both_databases! {
    async fn r28_a_failed_log_in_takes_as_long_whether_or_not_the_address_has_an_account(app) {
        let _alone = alone().await;
        app.person_without_device("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
        let attempt = |kind: usize, _: usize| {
            // What is no address is not hashed for.
            let email = [KNOWN, UNKNOWN, "nobody"][kind];
            json!({ "i": { "email": email, "password": "not the password of anybody" } })
        };
        asked_alike(&app, "log-in", rounds(&app), None, (LOG_IN, LOG_IN), attempt).await;
    }

    async fn r28_signing_up_takes_as_long_whether_or_not_the_address_has_an_account(app) {
        let _alone = alone().await;
        app.person_without_device("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
        let sign_up = |kind: usize, _: usize| match kind {
            0 => signing_up(KNOWN, "Europe/Berlin"),
            1 => signing_up(UNKNOWN, "Europe/Berlin"),
            _ => signing_up(UNKNOWN, "nowhere"),
        };
        asked_alike(&app, "sign-up", rounds(&app), None, (SIGN_UP, SIGN_UP), sign_up).await;
    }

    async fn r28_asking_for_a_reset_takes_as_long_whether_or_not_the_address_has_an_account(app) {
        let _alone = alone().await;
        app.person_without_device("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
        // What is no address is not written down.
        let reset = |kind: usize, _: usize| {
            let email = [KNOWN, UNKNOWN, "nobody"][kind];
            json!({ "i": { "email": email } })
        };
        asked_alike(&app, "reset", 200, None, (RESET, RESET), reset).await;
    }

    async fn r28_the_worker_writes_to_both_alike_and_at_once(app) {
        let _alone = alone().await;
        let alex = app.person_without_device("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
        app.anonymous(SIGN_UP, signing_up("robin@people.test", "UTC")).await;
        // A mail goes out again after ten minutes.
        app.pass_minutes(10).await;
        let addresses = [alex.email.as_str(), "robin@people.test", UNKNOWN];
        let before: Vec<_> = addresses.iter().map(|address| app.mail.inbox(address).len()).collect();
        for (query, what) in [(SIGN_UP, "sign-up"), (RESET, "reset")] {
            for address in addresses {
                let variables = if query == SIGN_UP { signing_up(address, "UTC") } else { json!({ "i": { "email": address } }) };
                app.anonymous(query, variables).await;
            }
            app.deliver().await;
            let mails: Vec<_> = addresses.iter().map(|address| app.mail.inbox(address).pop().unwrap()).collect();
            for (mail, address) in mails.iter().zip(addresses) {
                assert_eq!(mail.at, app.clock.now(), "{what}: to {address} at once");
                let (one, other) = (mail.raw.len(), mails[0].raw.len());
                // Addresses of one length: what differs is what is said.
                let apart = one.abs_diff(other) + address.len().abs_diff(addresses[0].len());
                assert!(apart < 256, "{what}: {one} and {other} bytes");
                assert_eq!(mail.subject(), mails[0].subject(), "{what}");
            }
        }
        let after = addresses.iter().map(|address| app.mail.inbox(address).len());
        let got: Vec<_> = after.zip(before).map(|(after, before)| after - before).collect();
        assert_eq!(got, [2, 2, 2]);
    }

    async fn r28_every_spelling_of_an_address_is_the_same_address(app) {
        let _alone = alone().await;
        let sign_up = signing_up("zoë.ö@bücher.test", "UTC");
        app.anonymous(SIGN_UP, sign_up).await;
        app.deliver().await;
        let sent = app.mail.received();
        let page = support::people::link_in(sent.last().unwrap());
        app.set_password(&page, PASSWORD).await;
        for spelling in [
            "zoë.ö@bücher.test",
            " ZOË.Ö@BÜCHER.TEST ",
            "zoe\u{308}.o\u{308}@bu\u{308}cher.test",
            "zoë.ö@xn--bcher-kva.test",
            "zoë.ö@XN--BCHER-KVA.test",
        ] {
            let input = json!({ "i": { "email": spelling, "password": PASSWORD } });
            let came = app.anonymous(LOG_IN, input).await;
            assert_eq!(came["logIn"]["status"], "DONE", "{spelling}");
        }
    }

    async fn r28_a_code_that_is_out_of_date_looks_like_one_that_never_was(app) {
        let _alone = alone().await;
        let couple = app.couple().await;
        let alex = &couple.alex;
        let robin = app.person_without_device("Robin", "UTC", ("22:00", "08:00")).await;
        let invite = async || text(&alex.done(&app, "invitePartner", json!({ "role": "SWITCH" }), "code").await["code"]);
        let (old, declined) = (invite().await, invite().await);
        app.clock.set(app.clock.now() + evenkeel::domain::partner_link::INVITATION_LIFE);
        robin.change(&app, "declineInvitation", json!({ "code": declined }), "").await;
        alex.refresh(&app).await;
        robin.refresh(&app).await;
        let codes = [old, "0123-4567-89AB".to_owned()];
        let look = async |code: &str| exact(&app, Some(&robin.access()), LOOK, &json!({ "c": code })).await;
        assert_eq!(look(&codes[0]).await, look(&codes[1]).await);
        let token = robin.access();
        for name in ["acceptInvitation", "declineInvitation"] {
            let mut answers = Vec::new();
            for code in [&codes[0], &codes[1], &declined, &"nonsense".to_owned(), &String::new()] {
                let mut input = json!({ "code": code });
                if name == "acceptInvitation" {
                    input["role"] = json!("SWITCH");
                }
                let query = support::care::mutation(name, "");
                answers.push(exact(&app, Some(&token), &query, &json!({ "input": input })).await);
            }
            assert!(answers.iter().all(|answer| *answer == answers[0]), "{name}: {answers:?}");
        }
    }

    async fn r29_somebody_elses_object_takes_no_longer_than_a_missing_one(app) {
        let _alone = alone().await;
        let couple = app.couple().await;
        couple.agree(&app, Couple::usual_terms(), None).await;
        let scene = couple.scene(&app).await;
        let robin = app.person_without_device("Robin", "UTC", ("22:00", "08:00")).await;
        let query = "{ viewer { account { id } partnerLinks { id latestRevision { id } }
            checkIns { nodes { id } } nudges { nodes { id } } } }";
        let its = couple.alex.ask(&app, query, json!({})).await["viewer"].clone();
        let (link, check_in) = (&its["partnerLinks"][0], text(&its["checkIns"]["nodes"][0]["id"]));
        let revision = text(&link["latestRevision"]["id"]);
        let ids = [text(&its["account"]["id"]), text(&link["id"]), revision.clone(), scene.clone(), check_in.clone(),
            text(&its["nudges"]["nodes"][0]["id"])];
        let token = robin.access();
        let more = "viewer { account { id } devices { id } sessions { id } partnerLinks { id } checkIns { nodes { id } }
            nudges { nodes { id } } journal { nodes { id } } }";
        let many = several(18, "query($id: ID!)", "node(id: $id) { id }").replacen('{', &format!("{{ {more}"), 1);
        for id in &ids {
            let look = |kind: usize, _: usize| if kind == 1 { json!({ "id": missing(id) }) } else { json!({ "id": id }) };
            asked_alike(&app, id.split('_').next().unwrap(), 60, Some(&token), (NODE, &many), look).await;
        }
        for (name, field, id) in [
            ("endLink", "linkId", &ids[1]),
            ("withdrawAgreement", "revisionId", &revision),
            ("setSceneAlert", "sceneId", &scene),
            ("skipCheckIn", "checkInId", &check_in),
        ] {
            let input = |kind: usize, _: usize| {
                let id = if kind == 1 { missing(id) } else { id.clone() };
                json!({ "input": { field: id } })
            };
            let head = format!("mutation($input: {}{}Input!)", name[..1].to_uppercase(), &name[1..]);
            let field = format!("{name}(input: $input) {{ status problems {{ field code }} }}");
            let (query, many) = (several(1, &head, &field), several(5, &head, &field));
            // A session changes things so often and no more: each has one of its own.
            let (token, _) = app.log_in(&robin.email, PASSWORD).await;
            asked_alike(&app, name, 60, Some(&token), (&query, &many), input).await;
        }
    }

    async fn r11_the_partners_view_takes_no_longer_for_a_private_answer_than_for_none(app) {
        let _alone = alone().await;
        let mut sides = Vec::new();
        for number in 0..2 {
            let couple = app.pair(number).await;
            let scene = couple.scene(&app).await;
            sides.push((couple, scene));
        }
        app.pass_minutes(60).await;
        let (couple, scene) = &sides[1];
        let check_in = couple.check_ins(&app, &couple.sam, scene).await.remove(0)["id"].clone();
        let answer = json!({ "checkInId": check_in, "mood": 1, "note": "n".repeat(2000), "need": "n".repeat(2000) });
        couple.sam.done(&app, "answerCheckIn", answer, "").await;
        for (couple, _) in &sides {
            couple.alex.refresh(&app).await;
        }
        let shown = "partnerCheckIns { dueAt shared { mood signs { sign } need note } }";
        let query = format!("query($id: ID!) {{ node(id: $id) {{ ... on Scene {{ {shown} }} }} }}");
        let many = several(10, "query($id: ID!)", &format!("node(id: $id) {{ ... on Scene {{ {shown} }} }}"));
        assert_alike("partner's view", 100, async |kind, _| {
            let (couple, scene) = &sides[kind % 2];
            let query = if kind == 2 { &many } else { &query };
            let answer = exact(&app, Some(&couple.alex.access()), query, &json!({ "id": scene })).await;
            let silent = answer.matches("\"shared\":null").count();
            assert_eq!(silent, if kind == 2 { 30 } else { 3 }, "{answer}");
        })
        .await;
    }

    async fn r29_no_list_tells_anything_by_a_cursor_of_somebody_else(app) {
        let _alone = alone().await;
        // Of two couples, each at times of its own.
        let (couple, others) = (app.pair(1).await, app.pair(2).await);
        for couple in [&couple, &others] {
            couple.agree(&app, Couple::usual_terms(), None).await;
            let scene = couple.scene(&app).await;
            app.pass_minutes(65).await;
            couple.alex.done(&app, "writeJournalEntry", json!({ "text": "calm" }), "").await;
            let alone = json!({ "solo": true, "setting": "IN_PERSON", "plannedFor": app.clock.now().to_string() });
            couple.alex.done(&app, "planScene", alone, "").await;
            let check_in = couple.check_ins(&app, &couple.alex, &scene).await.remove(0)["id"].clone();
            couple.alex.done(&app, "answerCheckIn", json!({ "checkInId": check_in, "mood": 3 }), "").await;
        }
        let introspection = "{ __schema { types { name fields { name args { name } } } } }";
        let types = app.anonymous(introspection, json!({})).await["__schema"]["types"].clone();
        let mut lists = Vec::new();
        for ty in types.as_array().unwrap() {
            for field in ty["fields"].as_array().into_iter().flatten() {
                // The feed's cursor names no object: it is a number of one's own feed and an instant.
                let is_list = field["args"].as_array().unwrap().iter().any(|arg| arg["name"] == "after");
                if is_list && field["name"] != "changes" {
                    lists.push((text(&ty["name"]), text(&field["name"])));
                }
            }
        }
        assert!(lists.len() >= 4, "{lists:?}");
        for (owner, list) in lists {
            let inner = format!("{list}(first: 5, after: $after) {{ pageInfo {{ hasNextPage endCursor }} edges {{ cursor }} }}");
            let query = match owner.as_str() {
                "Viewer" => format!("query($after: String) {{ viewer {{ {inner} }} }}"),
                "PartnerLink" => format!("query($after: String) {{ viewer {{ partnerLinks {{ {inner} }} }} }}"),
                "Insight" => format!("query($after: String) {{ viewer {{ insight {{ {inner} }} }} }}"),
                other => panic!("how is {other}.{list} reached? Add it here."),
            };
            let ask = async |person: &Person, after: Option<&str>| {
                exact(&app, Some(&person.access()), &query, &json!({ "after": after })).await
            };
            couple.alex.refresh(&app).await;
            others.alex.refresh(&app).await;
            let page = ask(&couple.alex, None).await;
            let (_, after) = page.split_once("\"cursor\":\"").unwrap_or_else(|| panic!("{list} has entries: {page}"));
            let foreign = after.split('"').next().unwrap();
            let opened = String::from_utf8(URL_SAFE_NO_PAD.decode(foreign).unwrap()).unwrap();
            let nobodys = URL_SAFE_NO_PAD.encode(missing(&opened));
            let asked = (ask(&others.alex, Some(foreign)).await, ask(&others.alex, Some(&nobodys)).await);
            assert_eq!(asked.0, asked.1, "{list}");
            // What is no cursor is the same whatever is wrong with it.
            let cut = URL_SAFE_NO_PAD.encode(&opened[..opened.len() - 1]);
            let noun = URL_SAFE_NO_PAD.encode(opened.replace('_', "s_"));
            let wrong = ["", "x", cut.as_str(), noun.as_str(), &opened];
            let first = ask(&others.alex, Some("nonsense")).await;
            assert!(first.contains("BAD_ARGUMENT"), "{list}: {first}");
            for cursor in wrong {
                assert_eq!(ask(&others.alex, Some(cursor)).await, first, "{list}: {cursor}");
            }
        }
    }

    async fn r29_every_id_of_every_mutation_looks_missing_however_it_is_misspelt(app) {
        let _alone = alone().await;
        let alex = app.person_without_device("Alex", "UTC", ("22:00", "08:00")).await;
        let inputs = Inputs::read(&app).await;
        let mut tried = 0;
        for (name, input) in &inputs.mutations {
            let Some(input) = input else { continue };
            let leaves = inputs.leaves(input);
            for leaf in leaves.iter().filter(|leaf| leaf.named == "ID" && leaf.required) {
                let noun = match leaf.path.as_str() {
                    "linkId" => "PartnerLink",
                    "revisionId" => "Revision",
                    "sceneId" => "Scene",
                    "checkInId" => "CheckIn",
                    "deviceId" => "Device",
                    "sessionId" => "Session",
                    "passkeyId" => "Passkey",
                    "entryId" => "JournalEntry",
                    "pleaId" => "Plea",
                    other => panic!("which noun has {other} of {name}? Add it here."),
                };
                let number = format!("{:032x}", u128::from_be_bytes(crate::support::chance().bytes()));
                let id = format!("{noun}_{number}");
                let mut answers = Vec::new();
                for spelling in [id.clone(), id.to_uppercase(), format!("{id}0"), id[..id.len() - 1].to_owned(), number.clone(),
                    format!("Consent_{number}"), format!("{noun}_"), format!("{noun}_{}", "g".repeat(32)), String::new(),
                    "\u{0}".to_owned(), "é".repeat(500)]
                {
                    let input = filled(&leaves, &leaf.path, &spelling, &app);
                    let query = support::care::mutation(name, "");
                    answers.push(exact(&app, Some(&alex.access()), &query, &json!({ "input": input })).await);
                }
                assert!(answers[0].contains("NOT_FOUND"), "{name}: {}", answers[0]);
                assert!(answers.iter().all(|answer| *answer == answers[0]), "{name}: {answers:#?}");
                tried += 1;
            }
        }
        assert!(tried > 15, "{tried} ids were tried");
    }
}

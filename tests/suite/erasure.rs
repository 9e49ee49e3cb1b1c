//! Erasing an account: what goes at once, what can be undone, what is left, and that nothing brings the account back.

use crate::streams::feed::{cursor, read_on};
use crate::support::care::minutes_after;
use crate::support::care::{DAY, HOUR};
use crate::support::people::{PASSWORD, text};
use crate::support::together::{ALEXS, SAMS, together};
use crate::support::{Couple, Person, TestApp};
use evenkeel::actions::accounts::erasure;
use evenkeel::actions::accounts::people::link_key;
use evenkeel::store::{self, Location, StoreError};
use serde_json::{Value, json};

const GRACE: i64 = 72 * HOUR;
const REQUEST: &str =
    "mutation { requestErasure { status erasure { requestedAt eraseAt } problems { field code } } }";
const CANCEL: &str = "mutation { cancelErasure { status problems { field code } } }";

/// What a person sees of a link and of everything on it.
const LINKS: &str = "{ viewer { partnerLinks(endedToo: true) { state endedAt me { displayName }
    partner { who displayName role } invitationExpiresAt agreedRevision { number }
    revisions(first: 5) { nodes { number state author contentHash agreements { who }
        needs { who erased needs { words } } terms { erased limits stopSignal contactPlan protocol { ... on AfterEnd { minutes } } partnerAlert } } }
    scenes(first: 5) { nodes { state intensity partnerRole aftercare { recordedBy givenBy comforts note } outreaches { who way }
        myCheckIns { state dueAt answer { note } } partnerCheckIns { dueAt shared { mood note } } } } } } }";

async fn request(app: &TestApp, person: &Person) -> Value {
    person.ask(app, REQUEST, json!({})).await["requestErasure"].clone()
}

async fn cancel(app: &TestApp, person: &Person) -> Value {
    person.ask(app, CANCEL, json!({})).await["cancelErasure"].clone()
}

async fn prove(app: &TestApp, person: &Person) {
    person.done(app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
}

pub async fn erase(app: &TestApp, person: &Person) {
    prove(app, person).await;
    assert_eq!(request(app, person).await["status"], "DONE");
    app.pass_minutes(GRACE).await;
    assert_eq!(erasure::carry_out_due(&app.app.context).await.unwrap(), 1);
}

async fn links(app: &TestApp, person: &Person) -> Value {
    person.ask(app, LINKS, json!({})).await["viewer"]["partnerLinks"].clone()
}

async fn account_id(app: &TestApp, person: &Person) -> String {
    text(&person.ask(app, "{ viewer { account { id } } }", json!({})).await["viewer"]["account"]["id"])
}

/// Sorts every list, because ids of the same instant come in any order.
fn sort(value: &mut Value) {
    match value {
        Value::Array(entries) => {
            entries.iter_mut().for_each(sort);
            entries.sort_by_key(ToString::to_string);
        }
        Value::Object(fields) => fields.values_mut().for_each(sort),
        _ => {}
    }
}

/// The answers about a couple without what differs between couples: order of ids, hashes, numbers in names.
fn plain(value: &Value, couple: &Couple) -> String {
    let mut value = value.clone();
    sort(&mut value);
    let text = value.to_string();
    let number = couple.alex.name.trim_start_matches("Alex");
    let mut plain = text.replace(&format!("Alex{number}"), "Alex").replace(&format!("Sam{number}"), "Sam");
    // Each text has its own hash.
    while let Some(at) = plain.find("contentHash\":\"") {
        plain.replace_range(at..at + "contentHash\":\"".len() + 64, "");
    }
    plain
}

on_both_databases! {
    async fn r27_nothing_is_left_of_an_erased_person_and_the_partner_keeps_their_own_words(app) {
        let couple = app.couple().await;
        together(&app, &couple).await;
        let Couple { alex, sam, link } = &couple;
        let (id, access) = (account_id(&app, alex).await, alex.access());
        let before = links(&app, sam).await;
        let dumped = app.dump().await.concat();
        let number = id.strip_prefix("Account_").unwrap().to_owned();
        let hyphened = uuid::Uuid::parse_str(&number).unwrap().to_string();
        assert!(dumped.contains(&number) || dumped.contains(&hyphened), "the dump shows ids");
        erase(&app, alex).await;

        for line in app.dump().await {
            for trace in [number.as_str(), &hyphened].into_iter().chain(ALEXS).chain(["alex@people.test"]) {
                assert!(!line.contains(&trace.to_lowercase()), "{trace} in {line}");
            }
        }
        // Not even the link's key, which the service still has for Sam, opens a word of Alex's.
        let found: store::partner_link::LinkRow = app.app.context.store.read({
            let link = link.parse().unwrap();
            move |db| Ok::<_, StoreError>(store::partner_link::find_all(db, &[link])?.remove(0))
        }).await.unwrap();
        let rows = app.app.context.store.read({
            let id = found.id;
            move |db| {
                let ids: Vec<_> = store::negotiation::heads(db, &[id])?.into_iter().map(|head| head.id).collect();
                Ok::<_, StoreError>(store::negotiation::contents(db, &ids)?)
            }
        }).await.unwrap();
        let key = link_key(&app.app.context.vault, &found);
        use evenkeel::ids::TypedId as _;
        assert_eq!(rows.len(), 2);
        for store::negotiation::SharedRow { id: revision, content: sealed, .. } in &rows {
            let aad = evenkeel::vault::Aad::new("revisions", "content", revision.uuid());
            let frame = key.open_text(aad, sealed).unwrap();
            assert!(frame.contains("digests") && ALEXS.iter().all(|words| !frame.contains(words)), "{frame}");
            assert!(!frame.contains(&number) && !frame.contains(&hyphened));
        }

        let after = links(&app, sam).await;
        let (was, is) = (&before[0], &after[0]);
        assert_eq!(is["state"], "ENDED");
        assert_eq!(is["partner"], json!({ "who": "PARTNER", "displayName": "Former partner", "role": null }));
        let (second, first) = (&is["revisions"]["nodes"][0], &is["revisions"]["nodes"][1]);
        let gone = json!({ "who": "PARTNER", "erased": true, "needs": null });
        let own = json!({ "who": "ME", "erased": false, "needs": { "words": SAMS[0] } });
        for (n, revision) in [second, first].into_iter().enumerate() {
            let mut needs = revision["needs"].as_array().unwrap().clone();
            needs.sort_by_key(|person| text(&person["who"]));
            assert_eq!(needs, [own.clone(), gone.clone()]);
            assert_eq!(revision["contentHash"], was["revisions"]["nodes"][n]["contentHash"]);
            assert_eq!(revision["state"], was["revisions"]["nodes"][n]["state"], "where it stood stays");
        }
        assert_eq!((&second["state"], &first["state"]), (&json!("AGREED"), &json!("SUPERSEDED")));
        assert_eq!(second["terms"], was["revisions"]["nodes"][0]["terms"], "Sam's own words");
        assert_eq!(first["terms"], json!({ "erased": true, "limits": "erased", "stopSignal": "erased",
            "contactPlan": "erased", "protocol": minutes_after(&[60, 1440, 2880]), "partnerAlert": "CALL" }));
        assert_eq!((&first["author"], &second["author"]), (&Value::Null, &json!("ME")));

        let scene = &is["scenes"]["nodes"][0];
        let erased = json!({ "recordedBy": null, "givenBy": null, "comforts": [], "note": "erased" });
        let kept = json!({ "recordedBy": "ME", "givenBy": "ME", "comforts": ["WARMTH"], "note": SAMS[2] });
        assert_eq!(scene["aftercare"], json!([erased, kept]));
        assert_eq!(scene["outreaches"], json!([{ "who": "ME", "way": "CALL" }]));
        assert_eq!(scene["myCheckIns"], was["scenes"]["nodes"][0]["myCheckIns"]);
        assert_eq!(scene["myCheckIns"][0]["answer"]["note"], SAMS[3]);
        assert_eq!((&scene["partnerCheckIns"], &scene["partnerRole"]), (&json!([]), &Value::Null));

        // Alex has no account any more, and may sign up again as somebody new.
        let answer = app.raw(Some(&access), "{ viewer { account { id } } }", json!({})).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
        let query = "mutation($i: LogInInput!) { logIn(input: $i) { status problems { code } } }";
        let input = json!({ "i": { "email": alex.email, "password": PASSWORD, "deviceLabel": "phone" } });
        assert_eq!(app.anonymous(query, input).await["logIn"], json!({ "status": "REFUSED", "problems": [{ "code": "INCORRECT" }] }));
        let again = app.person("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
        assert_ne!(account_id(&app, &again).await, id);
        assert_eq!(links(&app, &again).await, json!([]));
        assert_eq!(erasure::carry_out_due(&app.app.context).await.unwrap(), 0);
    }

    async fn r27_when_both_are_erased_nothing_of_their_link_is_left(app) {
        let couple = app.couple().await;
        together(&app, &couple).await;
        erase(&app, &couple.alex).await;
        erase(&app, &couple.sam).await;
        let left: Vec<_> = app.dump().await.into_iter().map(|line| text(&json!(line.split(':').next()))).collect();
        let keys = ["key_checks", "house_secrets", "erased", "clock_marks", "write_checks"];
        assert!(left.iter().all(|table| keys.contains(&table.as_str())), "{left:?}");
        assert_eq!(left.iter().filter(|table| *table == "erased").count(), 2);
    }

    async fn r27_an_erasure_needs_a_fresh_proof_and_can_be_undone_for_72_hours(app) {
        let couple = app.couple().await;
        let Couple { alex, sam, .. } = &couple;
        app.pass_minutes(6).await;
        let scene = couple.scene(&app).await;
        let refused = json!({ "status": "REFUSED", "erasure": null, "problems": [{ "field": "input", "code": "REAUTHENTICATION_REQUIRED" }] });
        assert_eq!(request(&app, alex).await, refused);
        assert_eq!(links(&app, alex).await[0]["state"], "ACTIVE", "nothing was done");
        prove(&app, alex).await;
        let asked = request(&app, alex).await;
        let erase_at: jiff::Timestamp = text(&asked["erasure"]["eraseAt"]).parse().unwrap();
        assert_eq!(erase_at, app.clock.now() + jiff::SignedDuration::from_mins(GRACE));
        assert_eq!(request(&app, alex).await["status"], "UNCHANGED");
        assert_eq!(links(&app, alex).await[0]["state"], "ENDED");

        // Nothing is sent in the meantime, though Alex's check-ins fall due.
        app.deliver().await;
        let (pushes, mails) = (alex.pushes(&app).len(), alex.mails(&app).len());
        app.pass_minutes(2 * HOUR).await;
        assert_eq!((alex.pushes(&app).len(), alex.mails(&app).len()), (pushes, mails));
        let due = couple.check_ins(&app, alex, &scene).await.remove(0);
        let answer = json!({ "checkInId": due["id"], "mood": 3 });
        assert_eq!(alex.refused(&app, "answerCheckIn", answer.clone()).await, ("input".into(), "ON_HOLD".into()));
        assert_eq!(alex.refused(&app, "invitePartner", json!({ "role": "SWITCH" })).await.1, "ON_HOLD");

        // The next day Alex logs in again and cancels the erasure: the nudges still to come are sent.
        assert_eq!(erasure::carry_out_due(&app.app.context).await.unwrap(), 0);
        app.log_in(&alex.email, PASSWORD).await;
        assert_eq!(cancel(&app, alex).await["problems"][0]["code"], "REAUTHENTICATION_REQUIRED");
        prove(&app, alex).await;
        assert_eq!(cancel(&app, alex).await["status"], "DONE");
        assert_eq!(cancel(&app, alex).await["problems"][0]["code"], "WRONG_STATE");
        alex.done(&app, "answerCheckIn", answer, "").await;
        app.pass_minutes(2 * DAY).await;
        assert!(alex.pushes(&app).len() > pushes, "the check-ins of the days after");
        app.pass_minutes(GRACE).await;
        assert_eq!(erasure::carry_out_due(&app.app.context).await.unwrap(), 0);
        assert_eq!(links(&app, alex).await[0]["state"], "ENDED", "links that ended stay ended");
        app.link(sam, alex).await;

        // Once the grace period is over, nothing can cancel the erasure, even if the worker has not done it yet.
        prove(&app, alex).await;
        request(&app, alex).await;
        app.pass_minutes(GRACE).await;
        assert_eq!(cancel(&app, alex).await["problems"][0]["code"], "WRONG_STATE");
        assert_eq!(erasure::carry_out_due(&app.app.context).await.unwrap(), 1);
    }

    async fn r12_to_the_partner_asking_to_be_erased_looks_like_an_ended_link(app) {
        let couples = [app.pair(1).await, app.pair(2).await];
        for couple in &couples {
            for person in [&couple.alex, &couple.sam] {
                couple.allow_alert(&app, person, true).await;
            }
        }
        let mut scenes = Vec::new();
        for couple in &couples {
            couple.agree(&app, Couple::usual_terms(), None).await;
            scenes.push(couple.scene(&app).await);
        }
        app.pass_minutes(HOUR).await;
        for (couple, scene) in couples.iter().zip(&scenes) {
            let due = couple.check_ins(&app, &couple.alex, scene).await.remove(0);
            let answer = json!({ "checkInId": due["id"], "mood": 2, "note": "x", "sharing": "ALL" });
            couple.alex.done(&app, "answerCheckIn", answer, "").await;
            prove(&app, &couple.alex).await;
        }
        couples[0].alex.done(&app, "endLink", json!({ "linkId": couples[0].link }), "").await;
        assert_eq!(request(&app, &couples[1].alex).await["status"], "DONE");
        for _ in 0..5 {
            let mut seen = Vec::new();
            for couple in &couples {
                let shown = plain(&links(&app, &couple.sam).await, couple);
                let got = (couple.sam.timeline(&app).await, couple.sam.mails(&app).len());
                seen.push((shown, got));
            }
            assert_eq!(seen[0], seen[1]);
            assert!(seen[0].0.contains("ENDED") && seen[0].0.contains("\"displayName\":\"Alex\""));
            app.pass_minutes(12 * HOUR).await;
        }
        // When it is carried out, nothing is said of it either, so that nobody hears of an hour.
        let mut from = Vec::new();
        for couple in &couples {
            couple.sam.refresh(&app).await;
            from.push(cursor(&app, &couple.sam).await);
        }
        app.pass_minutes(GRACE).await;
        assert_eq!(erasure::carry_out_due(&app.app.context).await.unwrap(), 1);
        app.pass_minutes(HOUR).await;
        for (couple, from) in couples.iter().zip(from) {
            couple.sam.refresh(&app).await;
            assert_eq!(read_on(&app, &couple.sam, &from).await.0, Vec::<Value>::new());
        }
    }

    async fn r11_of_somebody_on_hold_nothing_new_comes_out_and_nothing_that_was_opened_changes(app) {
        let couple = app.couple().await;
        let Couple { alex, sam, link } = &couple;
        let agreed = couple.agree(&app, Couple::usual_terms(), None).await;
        let (opened, later) = (couple.scene(&app).await, couple.scene(&app).await);
        for person in [alex, sam] {
            person.done(&app, "writeDebrief", json!({ "sceneId": opened, "text": "what was" }), "").await;
        }
        sam.done(&app, "writeDebrief", json!({ "sceneId": later, "text": "for later" }), "").await;
        app.pass_minutes(HOUR).await;
        let due = couple.check_ins(&app, sam, &opened).await.remove(0)["id"].clone();
        let answer = json!({ "checkInId": due, "mood": 2, "sharing": "NOTHING" });
        sam.done(&app, "answerCheckIn", answer, "").await;
        sam.done(&app, "writeNeeds", json!({ "linkId": link, "needs": { "words": "never said" } }), "").await;
        app.pass_minutes(1).await;
        sam.ask(&app, "mutation { withdrawConsent { status } }", json!({})).await;
        app.pass_minutes(1).await;

        let terms = json!({ "stopSignal": "blue", "limits": "none tonight" });
        let proposal = json!({ "linkId": link, "basedOn": agreed, "terms": terms });
        alex.done(&app, "proposeRevision", proposal, "").await;
        let revisions = "{ viewer { partnerLinks { revisions(first: 5) { nodes { needs { needs { words } } } } } } }";
        let shown = alex.ask(&app, revisions, json!({})).await.to_string();
        assert!(!shown.contains("never said"), "{shown}");

        let more = [
            ("changeSharing", json!({ "checkInId": due, "sharing": "ALL" })),
            ("updateLink", json!({ "linkId": link, "alertPermission": "ALLOW" })),
            ("setSceneAlert", json!({ "sceneId": opened, "alertPermission": "ALLOW" })),
        ];
        for (name, input) in more {
            assert_eq!(sam.refused(&app, name, input).await.1, "ON_HOLD", "{name}");
        }
        sam.done(&app, "updateLink", json!({ "linkId": link, "alertPermission": "FORBID" }), "").await;

        let debrief = async |scene: &str| {
            let query = "query($id: ID!) { node(id: $id) { ... on Scene { debrief { state partners { text } } } } }";
            alex.ask(&app, query, json!({ "id": scene })).await["node"]["debrief"].clone()
        };
        assert_eq!(debrief(&opened).await, json!({ "state": "OPEN", "partners": { "text": "what was" } }));
        let rewritten = json!({ "sceneId": opened, "text": "something else" });
        assert_eq!(alex.refused(&app, "writeDebrief", rewritten).await.1, "WRONG_STATE");
        alex.done(&app, "writeDebrief", json!({ "sceneId": later, "text": "mine" }), "").await;
        assert_eq!(debrief(&later).await, json!({ "state": "WAITING", "partners": null }), "as if Sam had not written");
        sam.ask(&app, "mutation($i: GiveConsentInput!) { giveConsent(input: $i) { status } }", json!({ "i": crate::support::people::health_consent() })).await;
        assert_eq!(debrief(&later).await, json!({ "state": "OPEN", "partners": { "text": "for later" } }));
    }

    async fn r27_what_the_partner_has_at_hand_goes_with_the_person(app) {
        let couple = app.couple().await;
        let Couple { alex, sam, link } = &couple;
        sam.done(&app, "writeNeeds", json!({ "linkId": link, "needs": { "words": "stay near" } }), "").await;
        couple.agree(&app, Couple::usual_terms(), None).await;
        assert_eq!(request(&app, sam).await["status"], "DONE");
        app.pass_minutes(GRACE - 60).await;
        alex.refresh(&app).await;
        alex.done(&app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
        alex.ask(&app, "mutation { requestExport { status } }", json!({})).await;
        assert_eq!(evenkeel::actions::export::make_due(&app.app.context).await.unwrap(), 1);
        let kept = "mutation($l: ID!) { endLink(input: { linkId: $l }) {
            link { latestRevision { needs { needs { words } } } } } }";
        let first = app.exact(Some(&alex.access()), Some("a-key"), kept, json!({ "l": link })).await;
        assert!(first.1.contains("stay near"), "{first:?}");
        app.pass_minutes(61).await;
        assert_eq!(erasure::carry_out_due(&app.app.context).await.unwrap(), 1);
        alex.refresh(&app).await;
        let again = app.exact(Some(&alex.access()), Some("a-key"), kept, json!({ "l": link })).await;
        assert!(again.1.contains("IDEMPOTENCY_KEY_IN_PROGRESS"), "{again:?}");
        let export = alex.ask(&app, "{ viewer { export { state } } }", json!({})).await;
        assert!(export["viewer"]["export"].is_null(), "{export}");
    }

    async fn r12_what_ending_a_link_comes_to_can_be_read_before(app) {
        let couple = app.couple().await;
        let query = "{ viewer { beforeErasing beforeWithdrawingConsent partnerLinks { beforeEnding } } }";
        let data = couple.alex.ask(&app, query, json!({})).await["viewer"].clone();
        let ending = data["partnerLinks"][0]["beforeEnding"].to_string();
        assert!(ending.contains("Nothing is sent to the other person") && ending.contains("cannot be undone"));
        assert!(data["beforeErasing"].to_string().contains("72 hours"));
        assert!(data["beforeWithdrawingConsent"].to_string().contains("not told"));
    }

    async fn r27_an_older_copy_of_the_database_brings_nobody_back(app) {
        let couple = app.couple().await;
        together(&app, &couple).await;
        let id = account_id(&app, &couple.alex).await;
        // A copy made like a backup, of a database in use.
        let copy = match &app.config.database {
            Location::Sqlite(_) => {
                let path = app.config.data_dir.join("copy.db").display().to_string();
                let query = format!("VACUUM INTO '{path}'");
                app.app.context.store.read(move |db| {
                    use diesel::connection::SimpleConnection;
                    let store::Db::Sqlite(c) = db else { unreachable!() };
                    Ok::<_, StoreError>(c.batch_execute(&query)?)
                }).await.unwrap();
                Some(Location::Sqlite(path))
            }
            // Here only the ledger entry arrives: as if the account had been erased after the copy was made.
            Location::Postgres(_) | Location::Pooled { .. } => {
                let hash = evenkeel::vault::ledger::account_hash(id.strip_prefix("Account_").unwrap().parse().unwrap());
                app.app.context.ledger.add(&[hash]).unwrap();
                None
            }
        };
        let restored = match copy {
            Some(copy) => {
                erase(&app, &couple.alex).await;
                let config = evenkeel::config::Config { database: copy, ..app.config.clone() };
                evenkeel::app::App::build(&config, &app.keys, app.clock.clone(), crate::support::chance()).unwrap()
            }
            None => app.sibling(),
        };
        let (alex, left, known) = restored.context.store.read(move |db| {
            use diesel::prelude::*;
            let alex = store::account::find(db, id.parse().unwrap())?;
            let left = store::schema::accounts::table.count().get_result::<i64>(db)?;
            Ok::<_, StoreError>((alex.map(|row| row.id), left, store::erasure::erased(db)?.len()))
        }).await.unwrap();
        assert_eq!((alex, left, known), (None, 1, 1), "Sam is there, and Alex is not");
    }
}

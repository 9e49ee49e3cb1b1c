//! Promises kept: shown to both or to neither, and counted from nothing that the partner may not know.
use crate::support::care::{DAY, HOUR, minute};
use crate::support::{Couple, Person, TestApp};
use serde_json::{Value, json};

async fn want(app: &TestApp, couple: &Couple, person: &Person, wanted: bool) {
    let input = json!({ "linkId": couple.link, "promiseCountWanted": wanted });
    person.done(app, "updateLink", input, "link { promiseCountWanted }").await;
}

async fn reach_out(app: &TestApp, person: &Person, scene: &str) {
    person.done(app, "recordOutreach", json!({ "sceneId": scene, "way": "CALL" }), "").await;
}

/// The link as this person sees it, with its promises.
async fn link(app: &TestApp, person: &Person) -> Value {
    let query = "{ viewer { partnerLinks(endedToo: true) { state me { role } partner { role displayName }
        alertPermission promiseCountWanted promisesKept { count sentence } } } }";
    person.ask(app, query, json!({})).await["viewer"]["partnerLinks"][0].clone()
}

/// The counts that Alex and Sam see.
async fn counts(app: &TestApp, couple: &Couple) -> [Value; 2] {
    let count = async |person| link(app, person).await["promisesKept"]["count"].clone();
    [count(&couple.alex).await, count(&couple.sam).await]
}

const NOBODY: [Value; 2] = [Value::Null, Value::Null];

on_both_databases! {
    async fn the_count_is_shown_to_both_or_to_none_and_a_lone_wish_to_nobody_else(app) {
        let couple = app.couple().await;
        let (alex, sam) = (&couple.alex, &couple.sam);
        let scene = couple.scene(&app).await;
        reach_out(&app, alex, &scene).await;
        assert_eq!(counts(&app, &couple).await, NOBODY);
        let sams = link(&app, sam).await;
        want(&app, &couple, alex, true).await;
        assert_eq!(link(&app, alex).await["promiseCountWanted"], true);
        assert_eq!(counts(&app, &couple).await, NOBODY);
        assert_eq!(link(&app, sam).await, sams, "Sam cannot tell");
        want(&app, &couple, alex, false).await;
        assert_eq!(link(&app, sam).await, sams);
        want(&app, &couple, alex, true).await;
        want(&app, &couple, sam, true).await;
        assert_eq!(counts(&app, &couple).await, [json!(1), json!(1)]);
        let sentence = "In the last 90 days the two of you kept 1 promise to reach out.";
        assert_eq!(link(&app, sam).await["promisesKept"]["sentence"], sentence);

        let received = || [alex, sam].map(|person| (person.pushes(&app).len(), person.mails(&app).len()));
        let before = received();
        want(&app, &couple, sam, false).await;
        assert_eq!(counts(&app, &couple).await, NOBODY, "gone for both at once");
        assert_eq!(link(&app, alex).await["promiseCountWanted"], true, "Alex's own wish stays");
        app.deliver().await;
        assert_eq!(received(), before, "and nobody is told");
        want(&app, &couple, sam, true).await;
        assert_eq!(counts(&app, &couple).await, [json!(1), json!(1)]);
        sam.done(&app, "endLink", json!({ "linkId": couple.link }), "").await;
        assert_eq!(counts(&app, &couple).await, NOBODY, "a link that has ended counts nothing");
        let again = json!({ "linkId": couple.link, "promiseCountWanted": true });
        assert_eq!(alex.refused(&app, "updateLink", again).await, ("linkId".into(), "WRONG_STATE".into()));
    }

    async fn each_keeps_each_promise_once_and_only_what_is_recent_counts(app) {
        let couple = app.couple().await;
        let (alex, sam) = (&couple.alex, &couple.sam);
        for person in [alex, sam] {
            want(&app, &couple, person, true).await;
        }
        let scene = couple.scene(&app).await;
        assert_eq!(counts(&app, &couple).await, [json!(0), json!(0)]);
        for (at, who, expected) in [(0, alex, 1), (30, alex, 1), (2 * HOUR, sam, 2), (DAY, alex, 3), (3 * DAY - 1, sam, 4),
            (3 * DAY, sam, 4)]
        {
            app.clock.set(minute(at));
            reach_out(&app, who, &scene).await;
            assert_eq!(counts(&app, &couple).await, [json!(expected), json!(expected)], "after {at} minutes");
        }
        // Another link of the same person has a count of its own.
        let robin = app.person_without_device("Robin", "UTC", ("22:00", "08:00")).await;
        let other = Couple { link: app.link(&robin, sam).await, alex: robin, sam: app.person("Kim", "UTC", ("22:00", "08:00")).await };
        for person in [&other.alex, sam] {
            want(&app, &other, person, true).await;
        }
        assert_eq!(link(&app, &other.alex).await["promisesKept"]["count"], 0);
        for days in [25, 50, 75, 89] {
            app.clock.set(minute(days * DAY));
            assert_eq!(link(&app, alex).await["promisesKept"]["count"], 4, "after {days} days");
        }
        app.clock.set(minute(91 * DAY));
        let seen = link(&app, alex).await["promisesKept"].clone();
        assert_eq!(seen, json!({ "count": 0, "sentence": "Nothing is counted for the last 90 days." }));
    }

    async fn r11_the_count_is_the_same_whatever_the_subject_did(app) {
        let couple = app.couple().await;
        let (alex, sam) = (&couple.alex, &couple.sam);
        for person in [alex, sam] {
            want(&app, &couple, person, true).await;
        }
        let scene = couple.scene(&app).await;
        let check_ins = couple.check_ins(&app, sam, &scene).await;
        reach_out(&app, alex, &scene).await;
        let before = link(&app, alex).await;
        assert_eq!(before["promisesKept"]["count"], 1);
        let (first, second) = (&check_ins[0]["id"], &check_ins[1]["id"]);
        app.pass_minutes(HOUR + 1).await;
        for (step, input) in [("skipCheckIn", json!({ "checkInId": second })),
            ("snoozeCheckIn", json!({ "checkInId": first, "minutes": 30 })),
            ("answerCheckIn", json!({ "checkInId": first, "mood": 1, "sharing": "NOTHING" })),
            ("pauseNudges", json!({})),
            ("updateProfile", json!({ "pushWanted": false, "mailWanted": false })),
            ("writeDebrief", json!({ "sceneId": scene, "text": "low" })),
            ("writeJournalEntry", json!({ "sceneId": scene, "text": "low" }))]
        {
            sam.done(&app, step, input, "").await;
            assert_eq!(link(&app, alex).await, before, "{step}");
        }
        app.pass_minutes(3 * DAY).await;
        assert_eq!(link(&app, alex).await, before);
    }
}

//! Reachability: who can be reached neither by push nor by mail is shown so, alone, and can have the address tried again.

use crate::support::care::{DAY, HOUR};
use crate::support::receivers::Answer;
use crate::support::{Person, TestApp};
use serde_json::{Value, json};

const TRY: &str = "mutation { retryEmail { status problems { code } account {
    emailFails reachability { byPush byMail reachable } } } }";

async fn reachability(app: &TestApp, person: &Person) -> Value {
    let query = "{ viewer { account { reachability { byPush byMail reachable sentence } } } }";
    person.ask(app, query, json!({})).await["viewer"]["account"]["reachability"].clone()
}

/// Whether a push, a mail, or either can reach somebody.
async fn ways(app: &TestApp, person: &Person) -> [bool; 3] {
    let seen = reachability(app, person).await;
    ["byPush", "byMail", "reachable"].map(|way| seen[way].as_bool().unwrap())
}

async fn try_again(app: &TestApp, person: &Person) -> Value {
    person.ask(app, TRY, json!({})).await["retryEmail"].clone()
}

/// How many reminders came by mail.
fn reminders(app: &TestApp, person: &Person) -> usize {
    let mails = person.mails(app);
    mails.iter().filter(|mail| mail.subject().as_deref() == Some("Your reminder")).count()
}

on_both_databases! {
    async fn r20_who_cannot_be_reached_any_more_sees_it_and_can_have_the_address_tried_again(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[60]).await;
        let sam = &couple.sam;
        assert_eq!(ways(&app, sam).await, [true, true, true]);
        let alex = reachability(&app, &couple.alex).await;
        couple.scene(&app).await;
        app.push.answer_always(&sam.device.endpoint, Some(Answer::status(410)));
        app.mail.answer_address(&sam.email, Some(550));
        app.pass_minutes(HOUR).await;
        assert_eq!(ways(&app, sam).await, [false, false, false]);
        let said = reachability(&app, sam).await["sentence"].as_str().unwrap().to_owned();
        assert!(said.starts_with("Reminders cannot reach you now") && said.ends_with("have the address tried again."), "{said}");
        assert_eq!(reachability(&app, &couple.alex).await, alex, "nothing of it shows to the other");

        // The server would take mail again, but nobody knows before it is tried.
        app.mail.answer_address(&sam.email, None);
        app.pass_minutes(2 * DAY - 2 * HOUR).await;
        assert_eq!(reminders(&app, sam), 0);
        let again = try_again(&app, sam).await;
        let account = json!({ "emailFails": false, "reachability": { "byPush": false, "byMail": true, "reachable": true } });
        assert_eq!(again, json!({ "status": "DONE", "problems": [], "account": account }));
        assert_eq!(try_again(&app, sam).await["status"], "UNCHANGED");
        app.pass_minutes(HOUR).await;
        assert_eq!(reminders(&app, sam), 0, "what was dropped stays dropped");
        couple.scene(&app).await;
        app.pass_minutes(HOUR).await;
        assert_eq!(reminders(&app, sam), 1);
    }

    async fn r20_an_address_that_refuses_again_is_not_written_to_again(app) {
        let couple = app.couple().await;
        couple.agree_on(&app, &[60]).await;
        let sam = &couple.sam;
        sam.done(&app, "removeDevice", json!({ "deviceId": sam.device_id }), "").await;
        assert_eq!(ways(&app, sam).await, [false, true, true]);
        app.mail.answer_address(&sam.email, Some(550));
        for _ in 0..2 {
            couple.scene(&app).await;
            app.pass_minutes(2 * DAY).await;
            assert_eq!(ways(&app, sam).await, [false, false, false]);
            assert_eq!(try_again(&app, sam).await["status"], "DONE");
        }
        assert_eq!(ways(&app, sam).await, [false, true, true]);
    }

    async fn r20_what_somebody_chose_is_told_as_their_choice(app) {
        let sam = app.person("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        for (push, mail, said) in [
            (true, true, "Reminders reach you on your devices, and by e-mail."),
            (true, false, "Reminders reach you on your devices alone, as you chose."),
            (false, true, "Reminders reach you by e-mail alone, as you chose."),
            (false, false, "Reminders cannot reach you now, as you chose. Whenever you would like them again, choose notifications or e-mails."),
        ] {
            sam.done(&app, "updateProfile", json!({ "pushWanted": push, "mailWanted": mail }), "").await;
            assert_eq!(reachability(&app, &sam).await, json!({
                "byPush": push, "byMail": mail, "reachable": push || mail, "sentence": said,
            }));
        }
        sam.done(&app, "pauseNudges", json!({}), "").await;
        sam.done(&app, "updateProfile", json!({ "pushWanted": true }), "").await;
        assert_eq!(ways(&app, &sam).await, [true, false, true], "a pause is another matter");
    }
}

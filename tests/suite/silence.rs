//! Two-sided silence: nobody is blamed, nobody else is told, and each one's open page lists whom one can call.

use crate::support::care::{HOUR, minute};
use crate::support::people::{PASSWORD, link_in};
use crate::support::{Backend, Couple, Person, TestApp, live};
use evenkeel::domain::help_line::{HelpLine, Written};
use serde_json::json;

/// A couple of whom nobody answers, three days after a scene; each allowed the other to be told.
async fn silent(backend: Backend) -> (TestApp, Couple) {
    let line = Written {
        country: "DE".into(),
        name: "Night line".into(),
        phone: Some("0800 000".into()),
        ..Written::default()
    };
    let line = HelpLine::check(line).unwrap();
    let app = TestApp::start_with(backend, |config| config.help_lines = vec![line], |_| {}).await;
    let couple = app.couple().await;
    couple.agree(&app, Couple::usual_terms(), None).await;
    for person in [&couple.alex, &couple.sam] {
        couple.allow_alert(&app, person, true).await;
    }
    couple.scene(&app).await;
    app.pass_until(minute(72 * HOUR)).await;
    (app, couple)
}

/// What this person was told by push and by mail.
async fn told(app: &TestApp, person: &Person) -> Vec<String> {
    let reasons = person.reasons(app, "kind message sentences").await;
    let sent = reasons.iter().filter(|reason| reason["state"] == "SENT");
    let mails = person.mails(app).into_iter().filter_map(|mail| mail.text());
    sent.map(ToString::to_string).chain(mails).collect()
}

async fn page(app: &TestApp, link: &str) -> String {
    let page = app.http.get(link).send().await.unwrap().text().await.unwrap();
    // Each visit has an attempt of its own.
    let (before, rest) = page.split_once("name=\"attempt\" value=\"").unwrap();
    format!("{before}{}", rest.split_once('"').unwrap().1)
}

async fn two_sided(backend: Backend) {
    let (app, couple) = silent(backend).await;
    let both = [&couple.alex, &couple.sam];
    let mine: usize = both.iter().map(|person| person.mails(&app).len()).sum();
    assert_eq!(app.mail.received().len(), mine, "nobody else got a mail");
    let mine: usize = both.iter().map(|person| person.pushes(&app).len()).sum();
    assert_eq!(app.push.received().len(), mine, "nor a push");
    for person in both {
        let told = told(&app, person).await;
        assert!(
            told.iter()
                .any(|said| said.contains("TELL_PARTNER") && said.contains("A call would be welcome.")),
            "{told:#?}"
        );
        for word in [
            "did not answer",
            "has not answered",
            "no answer",
            "ignored",
            "should have",
            "your fault",
            "worried",
            "emergency",
        ] {
            let blame: Vec<_> = told
                .iter()
                .filter(|said| said.contains("TELL_PARTNER") && said.to_lowercase().contains(word))
                .collect();
            assert!(blame.is_empty(), "{word}: {blame:#?}");
        }
        let reminder = person
            .mails(&app)
            .into_iter()
            .rfind(|mail| mail.subject().as_deref() == Some("Your reminder"))
            .unwrap();
        let shown = page(&app, &link_in(&reminder)).await;
        assert!(
            shown.contains("Night line: 0800 000")
                && shown.contains("If you would like to talk to somebody now"),
            "{shown}"
        );
    }
    // Who looks learns nothing of the other: the page is the same whether or not the other one answered since.
    let reminder = couple
        .alex
        .mails(&app)
        .into_iter()
        .rfind(|mail| mail.subject().as_deref() == Some("Your reminder"))
        .unwrap();
    let before = page(&app, &link_in(&reminder)).await;
    let (token, _) = app.log_in(&couple.sam.email, PASSWORD).await;
    let open = "{ viewer { checkIns(span: PAST, first: 1) { nodes { id } } } }";
    let found = app.raw(Some(&token), open, json!({})).await;
    let answer = "mutation($input: AnswerCheckInInput!) { answerCheckIn(input: $input) { status } }";
    let input =
        json!({ "input": { "checkInId": found["data"]["viewer"]["checkIns"]["nodes"][0]["id"], "mood": 4 } });
    assert_eq!(app.raw(Some(&token), answer, input).await["data"]["answerCheckIn"]["status"], "DONE");
    assert_eq!(page(&app, &link_in(&reminder)).await, before);
}

#[test]
fn r19_two_sided_silence_blames_nobody_and_shows_each_whom_to_call_on_sqlite() {
    live(two_sided(Backend::Sqlite));
}

#[test]
fn r19_two_sided_silence_blames_nobody_and_shows_each_whom_to_call_on_postgres() {
    live(two_sided(Backend::Postgres));
}

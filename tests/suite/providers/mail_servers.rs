//! Mail servers: what their words say about an address, a limit or this server, and which addresses they take.

use super::{address_failed, now, of, own};
use crate::support::TestApp;
use crate::support::care::{HOUR, minute};
use crate::support::receivers::{Reply, Stage};
use crate::support::seed;
use evenkeel::domain::hand_over::ATTEMPTS_MAX;
use evenkeel::domain::nudge::{DropReason, NudgeState};
use evenkeel::store::nudge::NudgeRow;
use jiff::SignedDuration;
use serde_json::{Value, json};

const SIGN_UP: &str =
    "mutation($input: SignUpInput!) { signUp(input: $input) { status problems { field code } } }";
const CHANGE: &str =
    "mutation($e: String!) { requestEmailChange(input: { email: $e }) { problems { field code } } }";

async fn sign_up(app: &TestApp, email: &str) -> Value {
    let input = json!({ "email": email, "displayName": "Robin", "zone": "Europe/Berlin",
        "consents": crate::support::people::consents() });
    app.anonymous(SIGN_UP, json!({ "input": input })).await["signUp"].clone()
}

/// What the metrics tell of refusals of this server by mail servers.
fn refusals(app: &TestApp) -> u64 {
    let text = app.app.context.metrics.render().unwrap();
    let line =
        text.lines().find(|line| line.starts_with("evenkeel_key_refusals_total") && line.contains("mail"));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

fn done() -> Value {
    json!({ "status": "DONE", "problems": [] })
}

on_both_databases! {
    async fn r20_a_limit_of_this_server_makes_nobody_unreachable(app) {
        let context = &app.app.context;
        let couples = seed::couples(context, 0, 3, |n| (n % 2 == 1).then(|| own(&app.push.subscribe()))).await;
        let at = minute(HOUR);
        let scenes: Vec<_> = couples.iter().map(|couple| (*couple, at)).collect();
        let due = seed::scenes(context, &scenes).await;
        let mailed: Vec<_> = couples.iter().map(|couple| couple.people[0]).collect();
        for _ in &mailed {
            app.mail.answer_next(Stage::Rcpt, Reply::Says("550 5.4.5 Daily user sending limit exceeded. For more information on Gmail"));
        }
        app.clock.set(at);
        app.deliver().await;
        for person in &mailed {
            assert!(!address_failed(&app, *person).await);
            for nudge in now(&app, &of(&due, *person)).await {
                assert_eq!(nudge.state, NudgeState::Waiting);
                assert_eq!(nudge.send_at.get().duration_since(at), SignedDuration::from_hours(1), "a limit is waited for");
            }
        }
        assert_eq!(refusals(&app), 3, "the operator's alarm");
        app.pass_minutes(HOUR).await;
        for (n, person) in mailed.iter().enumerate() {
            let sent = |nudge: &NudgeRow| nudge.state == NudgeState::Sent;
            assert!(now(&app, &of(&due, *person)).await.iter().all(sent));
            assert_eq!(app.mail.inbox(&seed::address(2 * n)).len(), 1, "once, of its own accord");
        }
    }

    async fn r20_what_a_mail_server_says_of_the_recipient_decides_about_the_address(app) {
        // Words, what becomes of the nudge at once, whether the address fails, whether the operator is told.
        let rows = [
            ("550 5.1.1 The email account that you tried to reach does not exist.", NudgeState::Dead, true, 0),
            ("550 No such user here", NudgeState::Dead, true, 0),
            ("551 User not local", NudgeState::Dead, true, 0),
            ("553 Mailbox name not allowed", NudgeState::Dead, true, 0),
            ("552 Mailbox full", NudgeState::Waiting, false, 0),
            ("552 5.2.2 Mailbox full", NudgeState::Waiting, false, 0),
            ("550 5.2.1 is receiving mail too quickly", NudgeState::Waiting, false, 0),
            ("550 5.1.8 Sender address rejected: Domain not found", NudgeState::Waiting, false, 1),
            ("554 5.7.1 Relay access denied", NudgeState::Waiting, false, 1),
            ("550 relay not permitted", NudgeState::Waiting, false, 1),
            ("554 Transaction failed", NudgeState::Waiting, false, 1),
            ("450 4.7.1 Greylisted", NudgeState::Waiting, false, 0),
        ];
        let device = |n: usize| (n % 2 == 1).then(|| own(&app.push.subscribe()));
        let couples = seed::couples(&app.app.context, 0, rows.len(), device).await;
        for (couple, (words, state, fails, alarms)) in couples.into_iter().zip(rows) {
            let at = app.clock.now() + SignedDuration::from_mins(1);
            let due = of(&seed::scenes(&app.app.context, &[(couple, at)]).await, couple.people[0]);
            let before = refusals(&app);
            app.mail.answer_next(Stage::Rcpt, Reply::Says(words));
            app.clock.set(at);
            app.deliver().await;
            assert!(now(&app, &due).await.iter().all(|nudge| nudge.state == state), "{words}");
            assert_eq!(address_failed(&app, couple.people[0]).await, fails, "{words}");
            assert_eq!(refusals(&app) - before, alarms, "{words}");
            // What waits goes out before the next row.
            app.pass_minutes(5).await;
            let later = if state == NudgeState::Waiting { NudgeState::Sent } else { state };
            assert!(now(&app, &due).await.iter().all(|nudge| nudge.state == later), "{words}");
        }
    }

    async fn r20_what_is_refused_of_this_server_waits_until_it_is_mended_and_never_dies(app) {
        let couple = seed::couples(&app.app.context, 0, 1, |n| (n == 1).then(|| own(&app.push.subscribe()))).await[0];
        let at = minute(12 * HOUR);
        let due = of(&seed::scenes(&app.app.context, &[(couple, at)]).await, couple.people[0]);
        // Without words, which are not needed: no 550, 551 or 553.
        app.mail.answer_address(&seed::address(0), Some(554));
        app.clock.set(at);
        app.pass_minutes(12 * HOUR).await;
        let asked = refusals(&app);
        assert!(asked > u64::try_from(ATTEMPTS_MAX).unwrap() + 2, "longer than the attempts last: {asked}");
        let states: Vec<_> = now(&app, &due).await.iter().map(|nudge| (nudge.state, nudge.drop_reason)).collect();
        assert_eq!(states, [(NudgeState::Waiting, None); 2]);
        assert!(!address_failed(&app, couple.people[0]).await);
        app.mail.answer_address(&seed::address(0), None);
        app.pass_minutes(HOUR + 5).await;
        let ended = |nudge: &NudgeRow| {
            nudge.state == NudgeState::Sent || nudge.drop_reason == Some(DropReason::Superseded)
        };
        assert!(now(&app, &due).await.iter().all(ended), "by itself, or by a later rung that went out");
        // The ladder went on meanwhile: at most a mail for each of its rungs.
        let mails = app.mail.inbox(&seed::address(0)).len();
        assert!((1..=3).contains(&mails), "{mails}");
    }

    async fn r20_a_policy_after_the_text_waits_and_tells_the_operator(app) {
        let couple = seed::couples(&app.app.context, 0, 1, |n| (n == 1).then(|| own(&app.push.subscribe()))).await[0];
        let at = minute(HOUR);
        let due = of(&seed::scenes(&app.app.context, &[(couple, at)]).await, couple.people[0]);
        app.mail.answer_next(Stage::EndOfData, Reply::Says("550 5.7.1 Message rejected as spam"));
        app.clock.set(at);
        app.deliver().await;
        assert!(now(&app, &due).await.iter().all(|nudge| nudge.state == NudgeState::Waiting));
        assert_eq!((address_failed(&app, couple.people[0]).await, refusals(&app)), (false, 1));
        app.pass_minutes(5).await;
        assert_eq!(app.mail.inbox(&seed::address(0)).len(), 1);
    }

    async fn a_domain_goes_out_in_ascii_and_a_server_is_greeted_with_the_public_name(app) {
        let mut app = app;
        app.mail.lack_utf8();
        assert_eq!(sign_up(&app, "robin@exämple.test").await, done());
        app.deliver().await;
        assert_eq!(app.mail.inbox("robin@xn--exmple-cua.test").len(), 1);
        app.config.public_url = "https://care.exämple.org/".parse().unwrap();
        app.app = app.sibling().into();
        assert!(app.app.senders.mail.ask_features().await);
        assert_eq!(app.mail.greetings(), ["[127.0.0.1]", "care.xn--exmple-cua.org"]);
    }

    async fn an_address_that_could_never_be_mailed_is_refused_when_it_is_entered(app) {
        let couple = app.couple().await;
        let problem = |code: &str| json!([{ "field": "email", "code": code }]);
        let malformed = problem("MALFORMED");
        let too_long = format!("robin@{}.test", ["ä".repeat(50)].concat().repeat(2));
        for never in ["robin@192.0.2.1", "robin@xn--a.test", too_long.as_str()] {
            assert_eq!(sign_up(&app, never).await["problems"], malformed, "{never}");
        }
        // A server with SMTPUTF8 takes any letters; of another one this is known once it was asked.
        assert_eq!(sign_up(&app, "röbin@people.test").await, done());
        app.deliver().await;
        assert_eq!(app.mail.inbox("röbin@people.test").len(), 1);
        app.mail.lack_utf8();
        assert!(app.app.senders.mail.ask_features().await);
        let sent = app.mail.received().len();
        assert_eq!(sign_up(&app, "söm@people.test").await["problems"], malformed);
        let answer = couple.sam.ask(&app, CHANGE, json!({ "e": "söm@people.test" })).await;
        assert_eq!(answer["requestEmailChange"]["problems"], malformed);
        assert_eq!(sign_up(&app, "robin@exämple.test").await, done());
        app.deliver().await;
        assert_eq!(app.mail.received().len(), sent + 1);
    }
}

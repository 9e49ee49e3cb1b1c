//! Nudges that an earlier program stored, before several could be one message: the program migrates them itself and works
//! them off. What waited and is still wanted goes out once, what went out does not go again, what had run out is dropped.

use super::earlier::{
    AGAIN, ASK, Change, EMAIL, How, Left, PROMPT, TELL, World, minutes, name_of, settle, start, start_anew,
};
use crate::support::care::HOUR;
use crate::support::people::text;
use crate::support::{TestApp, at, chance, seed};
use diesel::prelude::*;
use evenkeel::actions::accounts::mail_request::request_token;
use evenkeel::actions::accounts::people::email_index;
use evenkeel::auth::tokens::opaque_hash;
use evenkeel::demo::stage::live_until;
use evenkeel::domain::account::{Email, FURTHER_NOTICE};
use evenkeel::domain::check_in::CheckInState;
use evenkeel::domain::nudge::{About, Channel, DropReason, MailPurpose, NudgeState, Reason};
use evenkeel::domain::partner_link::LinkState;
use evenkeel::ids::{AccountId, AddressRequestId, TypedId};
use evenkeel::store;
use evenkeel::store::address_request::AddressRequestRow;
use evenkeel::store::nudge::NudgeRow;
use evenkeel::store::schema::{accounts, devices, link_members, partner_links};
use evenkeel::store::types::Ts;
use evenkeel::vault::Aad;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// What comes of a ladder whose nudge for `reason` stood so. The rest follows three hours after the last question, as
/// planned at the earliest.
fn expected(reason: Reason, how: How) -> Vec<String> {
    let (then, three_hours_later) = match how {
        How::Waits => ("12:30", "15:30"),
        How::Overdue | How::Lapsed | How::ByMail => ("12:05", "15:05"),
        How::Held => ("12:07", "15:07"),
        How::BackingOff => ("12:12", "15:12"),
        How::Copy => ("12:12", "15:00"),
        How::Sent | How::Dropped | How::Dead => ("", "15:00"),
    };
    let channel = if how == How::ByMail { Channel::Mail } else { reason.channel() };
    let mut lines = Vec::new();
    if !then.is_empty() {
        lines.push(format!("25 {then} {} {}", channel.word(), reason.word()));
    }
    let mail = format!("25 {three_hours_later} mail email");
    let (again, tell) = ("26 09:00 push ask_again".to_owned(), "26 12:00 push tell_partner".to_owned());
    match (reason, how) {
        (ASK | PROMPT, How::Waits) => {
            let other = if reason == ASK { PROMPT } else { ASK };
            lines.extend([format!("25 12:30 push {}", other.word()), mail, again, tell]);
        }
        // Who was asked by mail, for want of pushes that arrive, gets no second mail.
        (ASK, How::ByMail) => lines.push(again),
        (ASK, _) => lines.extend([mail, again]),
        (PROMPT, _) => lines.extend(["25 15:00 mail email".to_owned(), again]),
        (EMAIL, How::Waits) => lines.push(again),
        (AGAIN, _) => lines.push(format!("25 {three_hours_later} push tell_partner")),
        (EMAIL | TELL, _) => {}
    }
    lines.sort();
    lines
}

/// What people had done before: cases, what comes of each, and what is stored besides.
fn lives(left: &mut Left) -> (Vec<Vec<&'static str>>, Vec<Change>) {
    let (mut expected, mut changes) = (Vec::new(), Vec::<Change>::new());
    let own = ["25 12:30 push ask", "25 15:30 mail email", "26 09:00 push ask_again"];
    let prompt = "25 12:30 push reach_out";
    for state in [CheckInState::Answered, CheckInState::Skipped] {
        let (case, check_in) = left.case(format!("{state:?} early"), ASK, How::Waits);
        settle(check_in, state);
        case.drop(&[ASK, EMAIL, AGAIN, TELL], DropReason::Settled);
        expected.push(vec![prompt]);
        let (case, check_in) = left.case(format!("{state:?} after the first question"), EMAIL, How::Waits);
        settle(check_in, state);
        case.drop(&[EMAIL, AGAIN], DropReason::Settled);
        expected.push(vec![]);
    }
    let (case, check_in) = left.case("snoozed", ASK, How::Sent);
    case.drop(&[EMAIL, AGAIN], DropReason::Superseded);
    (check_in.round, check_in.snoozed_until) = (1, Some((start() + minutes(25)).into()));
    for (reason, later) in [(ASK, 25), (EMAIL, 25 + 180), (AGAIN, 25 + 360)] {
        let about = About::CheckIn(check_in.id, 1, reason);
        let times = ((start() + minutes(later)).into(), check_in.closes_at);
        let to = Some(check_in.subject_id);
        case.nudges.push(NudgeRow::waiting(
            about,
            reason.channel(),
            to,
            times,
            start() - minutes(4),
            &chance(),
        ));
    }
    expected.push(vec!["25 12:30 push ask", "25 15:30 mail email", "25 18:30 push ask_again"]);

    let paused = |who: AccountId, until: Timestamp| -> Change {
        let until = Some(Ts::from(until));
        Arc::new(move |db| {
            diesel::update(accounts::table.find(who)).set(accounts::paused_until.eq(until)).execute(db)
        })
    };
    let two = start() + minutes(115);
    let (case, _) = left.case("the subject paused until two", ASK, How::Waits);
    changes.push(paused(case.couple.people[0], two));
    let later =
        ["25 14:00 push ask", "25 17:00 mail email", "26 09:00 push ask_again", "26 12:00 push tell_partner"];
    expected.push([&[prompt], &later[..]].concat());
    // The earlier program dropped what fell due in a pause; the later steps still come.
    let (case, _) = left.case("the subject paused before the first question", ASK, How::Overdue);
    case.drop(&[ASK], DropReason::Paused);
    changes.push(paused(case.couple.people[0], two));
    expected.push(vec!["25 15:00 mail email", "26 09:00 push ask_again"]);
    let (case, _) = left.case("the subject paused until further notice", ASK, How::Waits);
    changes.push(paused(case.couple.people[0], FURTHER_NOTICE));
    expected.push(vec![prompt]);
    let (case, _) = left.case("the subject paused when the alert fell due", TELL, How::Overdue);
    changes.push(paused(case.couple.people[0], two));
    expected.push(vec![]);
    let (case, _) = left.case("the partner paused until two", ASK, How::Waits);
    changes.push(paused(case.couple.people[1], two));
    expected
        .push([&own[..2], &["25 14:00 push reach_out"], &own[2..], &["26 12:00 push tell_partner"]].concat());

    let (case, _) = left.case("the link ended", ASK, How::Waits);
    case.drop(&[TELL, PROMPT], DropReason::LinkEnded);
    let link = case.couple.link;
    changes.push(Arc::new(move |db| {
        let ended =
            (partner_links::status.eq(LinkState::Ended), partner_links::ended_at.eq(Some(Ts::from(start()))));
        diesel::update(partner_links::table.find(link)).set(ended).execute(db)
    }));
    expected.push(own.to_vec());
    let (case, _) = left.case("consent was taken back", TELL, How::Waits);
    let link = case.couple.link;
    changes.push(Arc::new(move |db| {
        let of_link = link_members::table.filter(link_members::link_id.eq(link));
        diesel::update(of_link).set(link_members::alert_allowed.eq(false)).execute(db)
    }));
    expected.push(vec![]);

    let gone = |who: AccountId| -> Change {
        let ended = Some(Ts::from(start() - minutes(9)));
        Arc::new(move |db| {
            let of_person = devices::table.filter(devices::account_id.eq(who));
            diesel::update(of_person).set(devices::ended_at.eq(ended)).execute(db)
        })
    };
    let (case, _) = left.case("the phone is gone", ASK, How::Waits);
    changes.push(gone(case.couple.people[0]));
    let by_mail = ["25 12:30 mail ask", "26 09:00 mail ask_again", "26 12:00 push tell_partner"];
    expected.push([&by_mail[..1], &[prompt], &by_mail[1..]].concat());
    let (case, _) = left.case("neither phone nor address works", ASK, How::Waits);
    let subject = case.couple.people[0];
    changes.push(gone(subject));
    changes.push(Arc::new(move |db| {
        let failed = accounts::address_failed_at.eq(Some(Ts::from(start() - minutes(9))));
        diesel::update(accounts::table.find(subject)).set(failed).execute(db)
    }));
    expected.push(vec![prompt]);

    // A sign of life ends an alert, if it was given after the silent question had come.
    for (name, minutes_before, comes) in [
        ("another question of the scene was answered since", 10, vec![]),
        ("another was answered before this one came", 600, vec!["25 12:05 push tell_partner"]),
    ] {
        let (case, check_in) = left.case(name, TELL, How::Overdue);
        let (couple, scene) = (case.couple, check_in.scene_id);
        let earlier = (check_in.due_at.get() - minutes(55), minutes(5));
        let mut other = left.rows.check_in_after(&couple, scene, couple.people[0], earlier);
        settle(&mut other, CheckInState::Answered);
        other.answered_at = Some((start() - minutes(minutes_before)).into());
        left.rows.check_ins.push(other);
        expected.push(comes);
    }

    let (case, check_in) = left.case("it closed meanwhile", ASK, How::Overdue);
    case.nudges.retain(|row| [ASK, PROMPT].contains(&row.kind.reason().unwrap()));
    check_in.closes_at = (start() - minutes(1)).into();
    case.nudges.iter_mut().for_each(|row| row.expires_at = check_in.closes_at);
    expected.push(vec![]);
    (expected, changes)
}

on_both_databases! {
    async fn r14_r15_old_nudges_in_every_state_go_out_once_if_they_are_wanted_and_never_again(app) {
        let (world, mut left) = World::open(&app, 48).await;
        let mut wanted = Vec::new();
        for reason in [ASK, EMAIL, AGAIN, TELL, PROMPT] {
            for how in How::ALL {
                if reason == EMAIL && [How::ByMail, How::Copy].contains(&how) {
                    continue;
                }
                let (case, _) = left.case(format!("{} {how:?}", reason.word()), reason, how);
                if how == How::Copy {
                    let original = case.of(reason).clone();
                    let device = world.device(original.recipient_id.unwrap()).await;
                    let then = start() + minutes(7);
                    case.nudges.push(NudgeRow {
                        state: NudgeState::Waiting,
                        finished_at: None,
                        ..original.straggler((device, ""), then, start() - minutes(5), &chance())
                    });
                }
                wanted.push(expected(reason, how));
            }
        }
        world.upgrade(left, Vec::new()).await.came(&world, wanted).await;
    }

    async fn r16_what_people_did_before_counts_for_old_nudges(app) {
        let (world, mut left) = World::open(&app, 18).await;
        let (wanted, changes) = lives(&mut left);
        world.upgrade(left, changes).await.came(&world, wanted).await;
    }

    async fn r22_old_reminders_to_one_person_become_one_message_named_after_one_that_may_have_come(app) {
        let (world, mut left) = World::open(&app, 4).await;
        let mut wanted = Vec::new();
        // A whole scene: each is asked, and each is to reach out. How the first one's two pushes stood, and what comes.
        for (name, asks, prompts, came) in [
            ("nobody was asked", How::Waits, How::Waits, vec!["25 12:30 push ask+reach_out"]),
            ("both may have come", How::Lapsed, How::Lapsed, vec!["25 12:05 push ask+reach_out"]),
            ("the prompt may have come", How::Overdue, How::Lapsed, vec!["25 12:05 push reach_out+ask"]),
            ("one is on its way", How::Held, How::Overdue, vec!["25 12:05 push reach_out", "25 12:07 push ask"]),
        ] {
            left.case(name, ASK, asks);
            left.answered_too(prompts);
            let then = came.last().unwrap()[3..8].replace("12:", "15:");
            let mut lines: Vec<String> = came.into_iter().map(str::to_owned).collect();
            lines.extend([format!("25 {then} mail email"), "26 09:00 push ask_again".to_owned()]);
            if asks == How::Waits {
                lines.extend(["25 12:30 push reach_out", "26 12:00 push tell_partner"].map(str::to_owned));
            }
            lines.sort();
            wanted.push(lines);
        }
        world.upgrade(left, Vec::new()).await.came(&world, wanted).await;
    }

    async fn r14_old_mails_to_an_address_go_out_once_if_they_are_wanted_and_never_again(app) {
        let hows = How::ALL.into_iter().filter(|how| ![How::ByMail, How::Copy].contains(how)).map(Some);
        // None: the link was used meanwhile.
        let hows: Vec<_> = hows.chain([None]).collect();
        let (world, left) = World::open(&app, (MailPurpose::ALL.len() * hows.len()).div_ceil(2)).await;
        let (mut changes, mut wanted) = (Vec::<Change>::new(), Vec::new());
        let all = MailPurpose::ALL.iter().flat_map(|purpose| hows.iter().map(|how| (*purpose, *how)));
        for (number, (purpose, how)) in all.enumerate() {
            let request = request(&app, purpose, &seed::address(number), how.is_none());
            let planned_for = start() + minutes(if how == Some(How::Waits) { 25 } else { -5 });
            let (about, times) = (About::Address(request.id, purpose), (planned_for.into(), request.expires_at));
            let made_at = request.created_at.get();
            let mut row = NudgeRow::waiting(about, Channel::Mail, None, times, made_at, &chance());
            how.unwrap_or(How::Overdue).apply(&mut row);
            let then = match how {
                Some(How::Waits) => Some("25 12:30"),
                Some(How::Overdue | How::Lapsed) => Some("25 12:05"),
                Some(How::Held) => Some("25 12:07"),
                Some(How::BackingOff) => Some("25 12:12"),
                _ => None,
            };
            let message = name_of(&row.key, Channel::Mail);
            wanted.push((purpose, how, then.map(|then| format!("{then} {message}")).into_iter().collect::<Vec<_>>()));
            changes.push(Arc::new(move |db| {
                store::address_request::insert(db, &request)?;
                store::nudge::plan(db, &[row.clone()])
            }));
        }
        world.upgrade(left, changes).await;
        for (number, (purpose, how, expected)) in wanted.into_iter().enumerate() {
            let mails = app.mail.inbox(&seed::address(number)).into_iter();
            let came = mails.map(|mail| {
                let id = mail.message_id().unwrap();
                format!("{} {}", mail.at.strftime("%d %H:%M"), id.split('@').next().unwrap())
            });
            assert_eq!(came.collect::<Vec<_>>(), expected, "{purpose:?} {how:?}");
        }
    }

    async fn r05_a_link_that_went_out_before_answers_afterwards_and_nothing_more_is_asked(app) {
        let couple = app.couple().await;
        let scene = couple.scene(&app).await;
        app.pass_minutes(HOUR).await;
        let asked = couple.sam.pushes(&app).pop().unwrap();
        let payload: Value = serde_json::from_slice(&asked.payload).unwrap();
        let link = text(&payload["notification"]["navigate"]);
        let program = start_anew(&app);
        let reply = app.http.post(&link).header("Content-Type", "application/json").body(r#"{"mood":4}"#);
        assert_eq!(reply.send().await.unwrap().status(), 200);
        let check_ins = couple.check_ins(&app, &couple.sam, &scene).await;
        assert_eq!((&check_ins[0]["state"], &check_ins[0]["answer"]["mood"]), (&json!("ANSWERED"), &json!(4)));
        let end = at(&text(&check_ins[0]["closesAt"]));
        live_until(&program, &app.clock, end - minutes(1)).await.unwrap();
        assert_eq!(couple.sam.pushes(&app), [asked]);
    }
}

/// A mail that somebody asked for, or that tells the owner of an address something.
fn request(app: &TestApp, purpose: MailPurpose, email: &str, used: bool) -> AddressRequestRow {
    let id = AddressRequestId::at(start(), &chance());
    let vault = &app.app.context.vault;
    let email = Email::parse("email", email).unwrap();
    let sealed = vault.system().seal_text(Aad::new("address_requests", "email", id.uuid()), email.as_str());
    AddressRequestRow {
        id,
        purpose,
        account_id: None,
        email_index: email_index(vault, &email),
        email: sealed.unwrap(),
        details: None,
        token_hash: opaque_hash(&request_token(vault, purpose, id)),
        created_at: (start() - minutes(30)).into(),
        expires_at: (start() + minutes(23 * 60)).into(),
        used_at: used.then(|| (start() - minutes(3)).into()),
    }
}

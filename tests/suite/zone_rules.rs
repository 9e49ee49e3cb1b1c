//! Zone rules: the newer of the machine's and the program's count, and newer ones move what waits.

use crate::support::care::{HOUR, instant, on_day};
use crate::support::{TestApp, at};
use diesel::prelude::*;
use evenkeel::actions::operations::zone_change;
use evenkeel::domain::zone_rules::ZoneRules;
use evenkeel::store;
use evenkeel::store::schema::{check_ins, nudges};
use evenkeel::store::types::Ts;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::path::Path;

/// Writes a zone that has one offset, so many hours from UTC, as a TZif file (RFC 9636).
fn write_zone(file: &Path, name: &str, hours: i32) {
    let mut block = b"TZif2".to_vec();
    block.extend([0; 15]);
    for count in [0, 0, 0, 0, 1_u32, u32::try_from(name.len()).unwrap() + 1] {
        block.extend(count.to_be_bytes());
    }
    block.extend((hours * 3600).to_be_bytes());
    block.extend([0, 0]);
    block.extend(name.as_bytes());
    block.push(0);
    let rule = format!("\n{name}{}\n", -hours);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, [&block[..], &block[..], rule.as_bytes()].concat()).unwrap();
}

/// What the check-up says about zones, on a machine with this tz database.
fn said(app: &TestApp, folder: &Path) -> String {
    let out = app.program(&["doctor"]).env("TZDIR", folder).output().unwrap();
    let out = String::from_utf8(out.stdout).unwrap();
    out.lines().find(|line| line.contains("  zones ")).unwrap_or(&out).to_owned()
}

/// The due times of all check-ins and the times of all waiting nudges, in order.
async fn planned(app: &TestApp) -> (Vec<Timestamp>, Vec<Timestamp>) {
    let load = |db: &mut store::Db| {
        let due = check_ins::table.order(check_ins::due_at.asc()).select(check_ins::due_at).load::<Ts>(db)?;
        let waiting = nudges::table.filter(nudges::state.eq(evenkeel::domain::nudge::NudgeState::Waiting));
        let sends = waiting
            .order((nudges::send_at.asc(), nudges::id.asc()))
            .select(nudges::send_at)
            .load::<Ts>(db)?;
        let instants = |all: Vec<Ts>| all.into_iter().map(Ts::get).collect::<Vec<_>>();
        Ok::<_, store::StoreError>((instants(due), instants(sends)))
    };
    app.app.context.store.read(load).await.unwrap()
}

/// As if the rules of another time had been an hour off: every local time was planned an hour later.
async fn plan_an_hour_later(app: &TestApp, version: &str) {
    let version = version.to_owned();
    let hour = SignedDuration::from_hours(1);
    app.app
        .context
        .store
        .write(move |db| {
            for (id, due, closes) in check_ins::table
                .select((check_ins::id, check_ins::due_at, check_ins::closes_at))
                .load::<(evenkeel::ids::CheckInId, Ts, Ts)>(db)?
            {
                let later = |at: Ts| Ts::from(at.get() + hour);
                diesel::update(check_ins::table.find(id))
                    .set((check_ins::due_at.eq(later(due)), check_ins::closes_at.eq(later(closes))))
                    .execute(db)?;
            }
            for (id, send) in nudges::table
                .select((nudges::id, nudges::send_at))
                .load::<(evenkeel::ids::NudgeId, Ts)>(db)?
            {
                let later = Ts::from(send.get() + hour);
                diesel::update(nudges::table.find(id))
                    .set((nudges::send_at.eq(later), nudges::due_at.eq(later)))
                    .execute(db)?;
            }
            store::zone_rules::note(db, &version)?;
            Ok::<_, store::StoreError>(())
        })
        .await
        .unwrap();
}

on_both_databases! {
    async fn r17_newer_zone_rules_move_what_waits_to_its_local_time(app) {
        let couple = app.couple().await;
        let protocol = json!([on_day(1, "12:00"), on_day(2, "12:00")]);
        couple.agree(&app, json!({ "stopSignal": "red", "partnerAlert": "CALL", "protocol": protocol }), None).await;
        couple.scene(&app).await;
        assert!(zone_change::replan(&app.app.context).await.unwrap());
        let right = planned(&app).await;
        assert!(right.0.contains(&at("2026-10-25T11:00:00Z")), "noon in Berlin: {:?}", right.0);
        plan_an_hour_later(&app, "2020a").await;
        assert_ne!(planned(&app).await, right);
        assert!(zone_change::replan(&app.app.context).await.unwrap());
        assert_eq!(planned(&app).await, right);
        let noted = async || {
            let read = |db: &mut store::Db| Ok::<_, store::StoreError>(store::zone_rules::version(db)?);
            app.app.context.store.read(read).await.unwrap()
        };
        let own = ZoneRules::chosen().version.to_string();
        assert_eq!(noted().await, Some(own.clone()));
        // Once; and what newer rules than this process's planned is left alone, until a process has newer ones than these.
        for version in [own.as_str(), "9999a"] {
            plan_an_hour_later(&app, version).await;
            let before = planned(&app).await;
            assert!(zone_change::replan(&app.app.context).await.unwrap());
            assert_eq!((planned(&app).await, noted().await), (before, Some(own.clone())), "{version}");
        }
        plan_an_hour_later(&app, "2020a").await;
        app.pass_minutes(1).await;
        assert!(zone_change::replan(&app.app.context).await.unwrap());
        app.pass_minutes(3 * 24 * HOUR).await;
        let asked: Vec<_> = couple.alex.pushes(&app).into_iter().map(|push| instant(push.at)).collect();
        assert!(asked.iter().any(|time| time.ends_with("T11:00:00.000Z")), "{asked:?}");
    }
}

#[test]
fn the_newer_of_the_machines_and_the_programs_zone_rules_count_and_doctor_says_which() {
    crate::support::run(crate::support::Backend::Sqlite, |app: TestApp| async move {
        let machine = tempfile::tempdir().unwrap();
        let own = ZoneRules::chosen().version.to_string();
        assert!(
            said(&app, machine.path())
                .contains(&format!("rules {own} of this program count; the machine's tell no version"))
        );
        for name in ["Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata"] {
            write_zone(&machine.path().join(name), "XST", 3);
        }
        std::fs::write(machine.path().join("tzdata.zi"), "# version 2020a\n").unwrap();
        let line = said(&app, machine.path());
        assert!(
            line.contains(&format!("rules {own} of this program count, newer than this machine's 2020a")),
            "{line}"
        );
        std::fs::write(machine.path().join("tzdata.zi"), "# version 9999a\n").unwrap();
        // Berlin has no clock change there: the check shows that these rules are the ones that count.
        assert!(said(&app, machine.path()).contains("time zones' data are wrong"));
    });
}

//! Erasing accounts while workers are killed: each account is there with everything or gone with everything.

use super::processes::Processes;
use super::seed::{self, Couple};
use super::{Cluster, until};
use crate::receivers::SmtpReceiver;
use diesel::prelude::*;
use evenkeel::app::App;
use evenkeel::chance::Chance;
use evenkeel::clock::Clock;
use evenkeel::config::Config;
use evenkeel::domain::partner_link::LinkState;
use evenkeel::ids::{AccountId, TypedId};
use evenkeel::store::erasure::ErasureRow;
use evenkeel::store::schema::{accounts, check_ins, nudges, partner_links, scene_members};
use evenkeel::store::{self, Location, StoreError};
use evenkeel::vault::keys::Keys;
use evenkeel::vault::ledger::{Ledger, account_hash};
use jiff::SignedDuration;
use std::sync::Arc;

/// Couples of whom one is to be erased.
const COUPLES: usize = 160;
/// How often workers are killed in the middle of it.
const KILLS: usize = 5;

/// What is left of one person: the account, check-ins, nudges, parts in scenes.
type Left = (i64, i64, i64, i64);

async fn left(app: &App, account: AccountId) -> Left {
    let look = move |db: &mut store::Db| {
        Ok::<_, StoreError>((
            accounts::table.filter(accounts::id.eq(account)).count().get_result(db)?,
            check_ins::table.filter(check_ins::subject_id.eq(account)).count().get_result(db)?,
            nudges::table.filter(nudges::recipient_id.eq(account)).count().get_result(db)?,
            scene_members::table.filter(scene_members::account_id.eq(account)).count().get_result(db)?,
        ))
    };
    app.context.store.read(look).await.unwrap()
}

async fn waiting(app: &App) -> usize {
    let now = (app.context.clock.now() + SignedDuration::from_hours(1)).into();
    app.context
        .store
        .read(move |db| Ok::<_, StoreError>(store::erasure::due(db, now, 10_000)?.len()))
        .await
        .unwrap()
}

async fn survive(mut cluster: Option<Cluster>, names: &[&'static str]) {
    let clock = Clock::System;
    let folder = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .tempdir()
        .unwrap();
    let ticks = clock.clone();
    let mail = SmtpReceiver::start(Arc::new(move || ticks.now())).unwrap();
    let database = match &mut cluster {
        Some(cluster) => cluster.url.clone(),
        None => format!("sqlite:{}", folder.path().join("evenkeel.db").display()),
    };
    let mut config = Config::for_tests(folder.path().to_owned(), Location::parse(&database).unwrap());
    config.smtp_url = Some(mail.url().into());
    let keys = Keys::load_or_make(&folder.path().join("keys"), &config.master, &Chance::system()).unwrap();
    let app = App::build(&config, &keys, clock, Chance::system()).unwrap();
    let couples = seed::couples(&app.context, 0, COUPLES, |_| None).await;
    let later = app.context.clock.now() + SignedDuration::from_hours(2);
    let occasions: Vec<_> = couples.iter().map(|couple| (*couple, later)).collect();
    seed::scenes(&app.context, &occasions).await;
    let whole = left(&app, couples[0].people[0]).await;
    assert!(whole.0 == 1 && whole.1 == 1 && whole.2 >= 3 && whole.3 == 1, "{whole:?}");
    let erased: Vec<_> = couples.iter().map(|couple| couple.people[0]).collect();
    let (rows, now) = (erased.clone(), app.context.clock.now());
    let ask = move |db: &mut store::Db| {
        for account_id in rows {
            let row = ErasureRow {
                account_id,
                requested_at: now.into(),
                erase_at: now.into(),
                boot_id: None,
                boot_ms: None,
            };
            store::erasure::insert(db, &row)?;
        }
        Ok::<_, StoreError>(())
    };
    app.context.store.write(ask).await.unwrap();

    let mut processes = Processes::of(&config, database);
    names.iter().for_each(|name| processes.start(name));
    for kill in 1..=KILLS {
        let most = COUPLES - COUPLES * kill / (KILLS + 2);
        until("some are erased", || async { waiting(&app).await < most }).await;
        for name in names {
            processes.kill(name);
        }
        let there = waiting(&app).await;
        assert!(there > 0, "killed in the middle of it");
        let mut found = 0;
        for account in &erased {
            let left = left(&app, *account).await;
            assert!(left == whole || left == (0, 0, 0, 0), "half an account is left: {left:?}");
            found += usize::from(left == whole);
        }
        assert_eq!(found, there);
        names.iter().for_each(|name| processes.start(name));
    }
    let ledger = Ledger::beside(&folder.path().join("keys"));
    let listed = || async { ledger.read().unwrap().len() == COUPLES };
    until("everybody is erased and in the ledger", listed).await;
    processes.stop();
    for Couple { link, people: [gone, kept] } in couples {
        assert!(ledger.read().unwrap().contains(&account_hash(gone.uuid())));
        assert_eq!(left(&app, gone).await, (0, 0, 0, 0));
        let kept = left(&app, kept).await;
        assert_eq!((kept.0, kept.1, kept.3), (1, 1, 1), "the partner keeps their own");
        let status = app.context.store.read(move |db| {
            let row = partner_links::table.find(link).select((partner_links::status, partner_links::pair));
            Ok::<_, StoreError>(row.first::<(LinkState, Option<Vec<u8>>)>(db)?)
        });
        assert_eq!(status.await.unwrap(), (LinkState::Ended, None));
    }
}

fn run(cluster: impl FnOnce() -> Option<Cluster>, names: &[&'static str]) {
    // On this very thread: the processes end with the thread that started them.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(survive(cluster(), names));
}

mod r27_an_account_is_erased_whole_or_not_yet_whatever_is_killed_and_whenever {
    use super::*;

    #[test]
    fn sqlite() {
        run(|| None, &["serve"]);
    }

    #[test]
    fn postgres() {
        run(|| Some(Cluster::start()), &["worker1", "worker2"]);
    }
}

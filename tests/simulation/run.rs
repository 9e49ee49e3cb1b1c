//! One run: thirty days of a few people's evenings, with whatever goes wrong meanwhile.

use crate::checks::Checks;
use crate::people::{Act, Doing};
use crate::providers::{MAIL, Mood, ORIGINS, Providers};
use crate::world::{COUPLES, Killed, Machine, Process, Template, endpoint, kill_after};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use evenkeel::actions::operations::retention;
use evenkeel::actions::{Fault, Refusal};
use evenkeel::domain::clock_doubt::STEADY;
use evenkeel::store::{Db, StoreError};
use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

/// How long a run lasts; in its last days nothing goes wrong and nobody does anything, so that all must have come to an end.
const DAYS: i64 = 30;
const QUIET_DAYS: i64 = 4;
/// How long a process may stand still.
const STILL_MAX: u64 = 600;

/// What goes wrong with the machine.
#[derive(Clone, Copy, Debug)]
enum Mishap {
    /// The wall clock is wrong by so much for a while.
    Wall(SignedDuration, SignedDuration),
    /// The machine starts again.
    Reboot(SignedDuration),
    /// It is suspended.
    Suspend(SignedDuration),
    /// The disk is full for a while.
    Full(SignedDuration),
    /// Another program holds the database.
    Locked(SignedDuration),
}

/// How a process ends, or stands still, while it works.
#[derive(Clone, Copy, Debug)]
enum End {
    /// Before a statement.
    Statement(u32),
    /// After so many milliseconds.
    After(u64),
    /// It is still from so many milliseconds on for so many seconds, and then goes on as if nothing had been.
    Still(u64, u64),
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub arrivals: usize,
    pub repeats: usize,
    pub kills: usize,
    pub stills: usize,
    pub mishaps: usize,
    pub acts: usize,
    pub faults: usize,
    pub windows: usize,
    pub starts: usize,
    pub check_ins: usize,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.arrivals += other.arrivals;
        self.repeats += other.repeats;
        self.kills += other.kills;
        self.stills += other.stills;
        self.mishaps += other.mishaps;
        self.acts += other.acts;
        self.faults += other.faults;
        self.windows += other.windows;
        self.starts += other.starts;
        self.check_ins += other.check_ins;
    }
}

#[derive(QueryableByName)]
struct Wake {
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::BigInt>)]
    at: Option<i64>,
}

struct Run<'a> {
    template: &'a Template,
    machine: Machine<'a>,
    providers: Arc<Providers>,
    rng: StdRng,
    look: Db,
    processes: Vec<Option<Process>>,
    /// When each process that is down starts again.
    starts: Vec<Timestamp>,
    /// By how much the wall clock is wrong.
    wrong: SignedDuration,
    checks: Checks,
    /// How often in a row nothing could be sent of what is due.
    stuck: i64,
    tally: Tally,
    story: String,
}

/// Lives through a run. An error tells what broke, and all that happened before.
pub fn live(template: &Template, seed: u64) -> Result<(Tally, String), String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut run = Run::new(template, seed);
        let result = run.whole().await;
        kill_after(None);
        let tally = Tally { ..run.tally };
        match result {
            Ok(()) => Ok((tally, run.story)),
            Err(broken) => Err(format!("{}\n{broken}", run.story)),
        }
    })
}

fn minutes(rng: &mut StdRng, most: i64) -> SignedDuration {
    // Short times are as likely as long ones.
    let log = rng.random_range(0.0..(most as f64).ln());
    SignedDuration::from_secs((log.exp() * 60.0) as i64)
}

impl<'a> Run<'a> {
    fn new(template: &'a Template, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let machine = Machine::new(template, seed);
        let last = template.start + SignedDuration::from_hours(24 * (DAYS - QUIET_DAYS));
        let moods = (0..=MAIL).map(|_| {
            let mut moods = Vec::new();
            let mut at = template.start;
            loop {
                at += minutes(&mut rng, 14 * 24 * 60) + SignedDuration::from_hours(6);
                if at >= last {
                    return moods;
                }
                moods.push((at, Mood::bad(&mut rng)));
                at = (at + minutes(&mut rng, 36 * 60)).min(last);
                moods.push((at, Mood::Well));
            }
        });
        let moods = moods.collect();
        let mut gone = BTreeMap::new();
        for person in 0..2 * COUPLES {
            for device in 0..2 {
                if rng.random_bool(0.15) {
                    let at = template.start + SignedDuration::from_mins(rng.random_range(0..40_000));
                    gone.insert(endpoint(person, device), at);
                }
            }
        }
        let providers = Arc::new(Providers::new(seed, machine.clock.clone(), moods, gone));
        let count = rng.random_range(1..=2);
        let look = machine.look();
        Self {
            template,
            machine,
            providers,
            rng,
            look,
            processes: (0..count).map(|_| None).collect(),
            starts: vec![template.start; count],
            wrong: SignedDuration::ZERO,
            checks: Checks::new(template.start),
            stuck: 0,
            tally: Tally::default(),
            story: String::new(),
        }
    }

    /// The true time.
    fn now(&self) -> Timestamp {
        self.machine.clock.now() - self.wrong
    }

    fn tell(&mut self, what: std::fmt::Arguments<'_>) {
        let now = self.now();
        writeln!(self.story, "{now} {what}").unwrap();
    }

    async fn whole(&mut self) -> Result<(), String> {
        let last_act = self.template.start + SignedDuration::from_hours(24 * (DAYS - QUIET_DAYS));
        let end = self.template.start + SignedDuration::from_hours(24 * DAYS);
        self.start_due().await;
        for couple in 0..COUPLES {
            for side in 0..2 {
                let act = Act::moves(&mut self.rng);
                self.act(Doing { couple, side, act }).await?;
            }
        }
        let mut act_at = self.now() + minutes(&mut self.rng, 24 * 60);
        let mut mishap_at = self.now() + minutes(&mut self.rng, 20 * 24 * 60);
        let mut sweep_at = self.now() + SignedDuration::from_hours(24);
        loop {
            let down = (0..self.processes.len()).filter(|n| self.processes[*n].is_none());
            let start_at = down.map(|n| self.starts[n]).min();
            let up = self.processes.iter().any(Option::is_some);
            // What could not be sent yet is looked at again a little later, as a worker does; not for days, though.
            let most = (30 + self.stuck * 30).min(1800);
            let soonest = self.now() + SignedDuration::from_secs(self.rng.random_range(5..most));
            let overdue = (up && self.is_due()).then_some(soonest);
            let wake = if up { self.wake() } else { None };
            let moments = [Some(act_at), Some(mishap_at), Some(sweep_at), start_at, overdue, wake, Some(end)];
            let next = moments.into_iter().flatten().min().unwrap();
            self.machine.pass(next.duration_since(self.now())).await;
            if self.now() >= end {
                break;
            }
            self.start_due().await;
            if self.now() >= mishap_at {
                if self.now() < last_act {
                    self.mishap().await?;
                }
                mishap_at = self.now() + SignedDuration::from_hours(3) + minutes(&mut self.rng, 20 * 24 * 60);
            }
            if self.now() >= sweep_at {
                sweep_at = self.now() + SignedDuration::from_hours(24);
                self.sweep().await?;
            }
            let doing = (self.now() >= act_at && self.now() < last_act).then(|| Doing::any(&mut self.rng));
            if self.now() >= act_at {
                act_at = self.now() + minutes(&mut self.rng, 24 * 60);
            }
            if doing.is_some() || self.is_due() {
                let sent = self.sendings();
                self.window(doing, self.now() < last_act).await?;
                self.stuck = if sent == self.sendings() { self.stuck + 1 } else { 0 };
            }
        }
        self.checks.at_the_end(&mut self.look, &self.providers, end)?;
        let log = self.providers.log.lock().unwrap();
        self.tally.arrivals = log.arrivals.len();
        self.tally.repeats = self.checks.repeats;
        self.tally.check_ins = self.checks.check_ins;
        Ok(())
    }

    fn sendings(&self) -> usize {
        self.providers.log.lock().unwrap().sendings.len()
    }

    /// When the first of what waits for its time can be claimed.
    fn wake(&mut self) -> Option<Timestamp> {
        self.claimable("MIN", ">")
    }

    /// Whether anything can be claimed.
    fn is_due(&mut self) -> bool {
        self.claimable("MAX", "<=").is_some()
    }

    fn claimable(&mut self, which: &str, than_now: &str) -> Option<Timestamp> {
        let from = "MAX(send_at, COALESCE(lease_until, 0))";
        let now = self.machine.clock.now().as_microsecond();
        let query = format!(
            "SELECT {which}({from}) AS at FROM nudges WHERE state = 'waiting' AND {from} {than_now} {now}"
        );
        let found: Wake = diesel::sql_query(query).get_result(&mut self.look).unwrap();
        found.at.map(|micros| Timestamp::from_microsecond(micros).unwrap() - self.wrong)
    }

    async fn start_due(&mut self) {
        for n in 0..self.processes.len() {
            if self.processes[n].is_none() && self.starts[n] <= self.now() {
                self.processes[n] = Some(self.machine.start(&self.providers).await);
                self.checks.bad_from_to(self.starts[n], self.now());
                self.tally.starts += 1;
            }
        }
    }

    async fn act(&mut self, doing: Doing) -> Result<(), String> {
        self.window(Some(doing), false).await
    }

    /// A process is killed: what it had in hand may come again.
    fn die(&mut self, n: usize) {
        self.checks.note_leases(&mut self.look);
        self.processes[n] = None;
        let away = match self.rng.random_range(0..10) {
            0..7 => SignedDuration::from_secs(self.rng.random_range(1..30)),
            7..9 => SignedDuration::from_mins(self.rng.random_range(1..60)),
            _ => SignedDuration::from_hours(self.rng.random_range(1..40)),
        };
        self.starts[n] = self.now() + away;
        self.checks.bad_from_to(self.now(), self.starts[n]);
        self.tally.kills += 1;
        self.tell(format_args!("process {n} is killed, and away for {away:#}"));
    }

    /// All processes deliver what is due, somebody does something meanwhile, and one of them may end.
    async fn window(&mut self, doing: Option<Doing>, may_end: bool) -> Result<(), String> {
        let up: Vec<usize> = (0..self.processes.len()).filter(|n| self.processes[*n].is_some()).collect();
        let Some(&actor) = up.first() else { return Ok(()) };
        let end = (may_end && self.rng.random_bool(0.08)).then(|| match self.rng.random_range(0..10) {
            0..6 => End::Statement(self.rng.random_range(0..120)),
            6..8 => End::After(self.rng.random_range(0..12_000)),
            _ => End::Still(self.rng.random_range(0..2_000), self.rng.random_range(1..STILL_MAX)),
        });
        self.tally.windows += 1;
        let began = self.now();
        let act_after = self.rng.random_range(0..3_000);
        let doing = doing.filter(|_| self.wrong.is_zero());
        if let Some(doing) = doing {
            self.checks.changed(self.template.couples[doing.couple].people, began);
        }
        if let Some(End::Statement(left)) = end {
            kill_after(Some(left));
        }
        let couples = &self.template.couples;
        let of = |n: usize| {
            let process = self.processes[n].as_ref().unwrap();
            let (context, worker) = (Arc::clone(&process.context), Arc::clone(&process.worker));
            let store = context.store.clone();
            let doing = doing.filter(|_| n == actor);
            let end = end.filter(|_| n == actor);
            let deliver = async move { worker.deliver_due().await.map(drop) };
            let acts = async move {
                let Some(doing) = doing else { return Ok(()) };
                tokio::time::sleep(Duration::from_millis(act_after)).await;
                doing.perform(&context, couples).await
            };
            let both = async move { futures::join!(deliver, acts) };
            async move {
                let whole = AssertUnwindSafe(ending(both, end)).catch_unwind().await;
                match whole {
                    Ok(Some((delivered, acted))) => Some((delivered, acted)),
                    Ok(None) => None,
                    Err(panic) if panic.is::<Killed>() => {
                        // What the system does with the files of a process that is no more.
                        let close = |db: &mut Db| Ok::<_, StoreError>(db.batch_execute("ROLLBACK").is_ok());
                        store.read(close).await.unwrap();
                        None
                    }
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        };
        let work = futures::future::join_all(up.iter().map(|n| of(*n)));
        // What a process had in hand when it began to stand still may be another's by the time it goes on.
        let ended = self.machine.live(work).await;
        kill_after(None);
        if let Some(doing) = doing {
            let now = self.now();
            self.checks.changed(self.template.couples[doing.couple].people, now);
            self.tally.acts += 1;
            self.tell(format_args!("{doing:?}"));
        }
        if let Some(End::Still(..)) = end {
            self.tally.stills += 1;
            let now = self.now();
            self.checks.bad_from_to(began, now);
            self.checks.excuse_sendings(&self.providers, began);
            self.tell(format_args!("process {actor} stood still since {began}"));
        }
        for (n, ended) in up.into_iter().zip(ended) {
            match ended {
                None => self.die(n),
                Some((delivered, acted)) => {
                    let fault = delivered.err().or(match acted {
                        Err(Refusal::Fault(fault)) => Some(fault),
                        _ => None,
                    });
                    if let Some(fault) = fault {
                        self.fault(n, &fault)?;
                    }
                }
            }
        }
        self.checks.after(&mut self.look, &self.providers, self.machine.clock.now())
    }

    /// A fault of the database is one of ours only if the database is well.
    fn fault(&mut self, n: usize, fault: &Fault) -> Result<(), String> {
        let expected = self.checks.disk_is_bad;
        if !expected {
            return Err(format!("process {n} met a fault: {fault} ({fault:?})"));
        }
        self.tally.faults += 1;
        self.checks.note_leases(&mut self.look);
        Ok(())
    }

    async fn sweep(&mut self) -> Result<(), String> {
        if !self.wrong.is_zero() || self.checks.disk_is_bad {
            return Ok(());
        }
        let Some(process) = self.processes.iter().flatten().next() else { return Ok(()) };
        let context = Arc::clone(&process.context);
        let swept = self.machine.live(retention::sweep(&context)).await;
        swept.map(drop).map_err(|fault| format!("the sweep met a fault: {fault}"))
    }

    /// Something goes wrong with the machine. Processes go on trying meanwhile.
    async fn mishap(&mut self) -> Result<(), String> {
        let lasts = minutes(&mut self.rng, 40 * 60);
        let mishap = match self.rng.random_range(0..5) {
            0 => {
                let by = minutes(&mut self.rng, 6 * 24 * 60) + SignedDuration::from_mins(2);
                Mishap::Wall(if self.rng.random_bool(0.7) { by } else { -by }, lasts)
            }
            1 => Mishap::Reboot(lasts),
            2 => Mishap::Suspend(lasts),
            3 => Mishap::Full(lasts),
            _ => Mishap::Locked(lasts),
        };
        self.tell(format_args!("{mishap:?}"));
        self.tally.mishaps += 1;
        let began = self.now();
        // What the wrong clock did, once it was believed, or undid, lies as far before and after.
        let by = if let Mishap::Wall(by, _) = mishap { by.abs() } else { SignedDuration::ZERO };
        self.checks.bad_from_to(began - by, began + lasts + by + SignedDuration::from_mins(15));
        match mishap {
            Mishap::Wall(by, lasts) => {
                self.machine.clock.step_wall(by);
                self.wrong = by;
                self.window(None, false).await?;
                self.checks.doubted_until = Some(self.machine.clock.now() + STEADY);
                self.try_meanwhile(lasts).await?;
                self.machine.clock.step_wall(-by);
                self.wrong = SignedDuration::ZERO;
                self.checks.doubted_until = None;
                // A worker that has nothing to do looks all the same, and so believes the new pace.
                self.window(None, false).await?;
                self.machine.pass(STEADY + SignedDuration::from_mins(1)).await;
                self.window(None, false).await?;
            }
            Mishap::Reboot(lasts) => {
                self.checks.note_leases(&mut self.look);
                self.processes.iter_mut().for_each(|process| *process = None);
                self.machine.pass(lasts).await;
                self.machine.clock.reboot();
                let now = self.now();
                self.starts.iter_mut().for_each(|at| *at = now);
            }
            Mishap::Suspend(lasts) => self.machine.pass(lasts).await,
            Mishap::Full(lasts) => {
                self.checks.disk_is_bad = true;
                self.on_each("PRAGMA max_page_count = 1").await?;
                self.try_meanwhile(lasts).await?;
                self.on_each("PRAGMA max_page_count = 1073741823").await?;
                self.checks.disk_is_bad = false;
            }
            Mishap::Locked(lasts) => {
                self.checks.disk_is_bad = true;
                let mut other = self.machine.look();
                other.batch_execute("BEGIN IMMEDIATE").unwrap();
                self.try_meanwhile(lasts).await?;
                other.batch_execute("ROLLBACK").unwrap();
                self.checks.disk_is_bad = false;
            }
        }
        self.start_due().await;
        Ok(())
    }

    async fn on_each(&mut self, sql: &'static str) -> Result<(), String> {
        for process in self.processes.iter().flatten() {
            let set = process.context.store.read(move |db| Ok::<_, StoreError>(db.batch_execute(sql)?));
            set.await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// A while in which workers try a few times.
    async fn try_meanwhile(&mut self, lasts: SignedDuration) -> Result<(), String> {
        let tries = self.rng.random_range(1..6);
        for _ in 0..tries {
            self.machine.pass(lasts / tries).await;
            self.window(None, false).await?;
        }
        Ok(())
    }
}

/// Runs something until it, or its process, ends; None: the process did.
async fn ending<F: Future>(work: F, end: Option<End>) -> Option<F::Output> {
    match end {
        None | Some(End::Statement(_)) => Some(work.await),
        Some(End::After(millis)) => tokio::time::timeout(Duration::from_millis(millis), work).await.ok(),
        Some(End::Still(from, seconds)) => {
            let mut work = std::pin::pin!(work);
            match tokio::time::timeout(Duration::from_millis(from), &mut work).await {
                Ok(output) => Some(output),
                Err(_) => {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    Some(work.await)
                }
            }
        }
    }
}

const _: () = assert!(ORIGINS.len() == 2);

//! What an earlier program left: nudges as it stored them, and the upgrade of its database by the program itself.

use super::down;
use crate::support::rows::lines;
use crate::support::seed::{self, Couple, Rows};
use crate::support::{TestApp, at, chance};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::HEXLOWER;
use diesel::backend::Backend;
use diesel::migration::Migration;
use diesel::prelude::*;
use diesel_migrations::MigrationHarness;
use evenkeel::actions::nudges::device::Subscription;
use evenkeel::app::App;
use evenkeel::demo::stage::live_until;
use evenkeel::domain::account::AnswerSharing;
use evenkeel::domain::check_in::{CheckInState, OPEN_FOR};
use evenkeel::domain::nudge::{About, Channel, DropReason, NudgeState, Reason, Rung, fingerprint};
use evenkeel::ids::{AccountId, DeviceId, RevisionId, SceneId, WorkerId};
use evenkeel::store::check_in::CheckInRow;
use evenkeel::store::dialect::{POSTGRES_MIGRATIONS, SQLITE_MIGRATIONS};
use evenkeel::store::nudge::{self, NudgeRow};
use evenkeel::store::types::Ts;
use evenkeel::store::{Db, StoreError, device};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The migration that is new to the nudges.
const CARE: &str = "2026-11-29-000300_care";
/// When the new program starts. Everybody lives in UTC and has no quiet hours.
const START: &str = "2026-10-25T12:05:00Z";

pub const ASK: Reason = Reason::CheckIn(Rung::Ask);
pub const EMAIL: Reason = Reason::CheckIn(Rung::Email);
pub const AGAIN: Reason = Reason::CheckIn(Rung::AskAgain);
pub const TELL: Reason = Reason::CheckIn(Rung::TellPartner);
pub const PROMPT: Reason = Reason::Prompt;

pub fn start() -> Timestamp {
    at(START)
}

pub fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

/// How a nudge stood when the earlier program stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It falls due in 25 minutes.
    Waits,
    /// It fell due five minutes ago, and so did those of the following states.
    Overdue,
    /// A worker has it for two more minutes, and does not come back.
    Held,
    /// A worker had it and did not come back.
    Lapsed,
    /// Two tries failed; the next one is in seven minutes.
    BackingOff,
    /// Its pushes failed, and it goes by mail.
    ByMail,
    Sent,
    Dropped,
    Dead,
    /// It was sent to all devices but one, which is tried again in seven minutes.
    Copy,
}

impl How {
    pub const ALL: [Self; 10] = [
        Self::Waits,
        Self::Overdue,
        Self::Held,
        Self::Lapsed,
        Self::BackingOff,
        Self::ByMail,
        Self::Sent,
        Self::Dropped,
        Self::Dead,
        Self::Copy,
    ];

    /// Brings a waiting nudge into this state.
    pub fn apply(self, row: &mut NudgeRow) {
        let ended = |state| (state, Some(Ts::from(start() - minutes(5))));
        match self {
            Self::Waits | Self::Overdue => {}
            Self::Held | Self::Lapsed => {
                let until = if self == Self::Held { 2 } else { -1 };
                row.attempts = 1;
                row.leased_by = Some(WorkerId::at(start(), &chance()));
                row.lease_until = Some((start() + minutes(until)).into());
            }
            Self::BackingOff => (row.attempts, row.send_at) = (2, (start() + minutes(7)).into()),
            Self::ByMail => {
                (row.attempts, row.attempts_forgiven, row.channel) = (8, 8, Channel::Mail);
                row.send_at = (start() - minutes(1)).into();
            }
            Self::Sent | Self::Copy => {
                row.attempts = 1;
                (row.state, row.finished_at) = ended(NudgeState::Sent);
            }
            Self::Dropped => {
                (row.attempts, row.attempts_forgiven, row.drop_reason) =
                    (1, 1, Some(DropReason::Unreachable));
                (row.state, row.finished_at) = ended(NudgeState::Dropped);
            }
            Self::Dead => {
                row.attempts = 8;
                (row.state, row.finished_at) = ended(NudgeState::Dead);
            }
        }
    }
}

/// The steps of a check-in that fell due at `due`, as the earlier program planned them for people without quiet hours: it
/// asked again no sooner than the next morning at nine.
fn old_plan(due: Timestamp) -> [(Reason, Timestamp); 5] {
    let midnight = due.to_zoned_datetime(jiff::tz::TimeZone::UTC).start_of_day().unwrap().timestamp();
    let nine = [9, 33].map(|hour| midnight + minutes(hour * 60)).into_iter().find(|nine| *nine > due);
    let again = nine.unwrap().max(due + minutes(6 * 60));
    let mail = due + minutes(3 * 60);
    [(ASK, due), (EMAIL, mail), (AGAIN, again), (TELL, again + minutes(3 * 60)), (PROMPT, due)]
}

/// The latest due time whose step for this reason comes at `then`.
fn due_for(reason: Reason, then: Timestamp) -> Timestamp {
    let at_then = |due: &Timestamp| old_plan(*due).contains(&(reason, then));
    (0..24 * 60).map(|back| then - minutes(back)).find(at_then).unwrap()
}

/// The subject answered or skipped it ten minutes ago.
pub fn settle(check_in: &mut CheckInRow, state: CheckInState) {
    check_in.state = state;
    if state == CheckInState::Answered {
        // Sending reads no answer: any bytes will do.
        (check_in.answer, check_in.share) = (Some(vec![0; 40]), Some(AnswerSharing::Nothing));
        check_in.answered_at = Some((start() - minutes(10)).into());
    }
}

/// A ladder of the earlier program.
pub struct Case {
    name: String,
    pub couple: Couple,
    /// The numbers in the two people's addresses.
    numbers: [usize; 2],
    pub nudges: Vec<NudgeRow>,
}

/// What the earlier program left behind.
pub struct Left {
    couples: Vec<(Couple, RevisionId)>,
    pub rows: Rows,
    cases: Vec<Case>,
}

impl Left {
    /// A ladder whose nudge for `reason` stands so, while earlier ones were sent and later ones wait.
    pub fn case(
        &mut self,
        name: impl Into<String>,
        reason: Reason,
        how: How,
    ) -> (&mut Case, &mut CheckInRow) {
        let due = due_for(reason, start() + minutes(if how == How::Waits { 25 } else { -5 }));
        let (couple, revision) = self.couples.pop().unwrap();
        let numbers = [0, 1].map(|side| 2 * self.couples.len() + side);
        let scene = self.rows.scene(&couple, due - minutes(60), Some(revision));
        let [subject, partner] = couple.people;
        let (check_in, nudges) = self.ladder(&couple, scene, (subject, partner), due, (reason, how));
        self.rows.check_ins.push(check_in);
        self.cases.push(Case { name: name.into(), couple, numbers, nudges });
        (self.cases.last_mut().unwrap(), self.rows.check_ins.last_mut().unwrap())
    }

    /// Gives the scene of the last case the partner's check-in too, which they answered early: its prompt to the first
    /// person stands so.
    pub fn answered_too(&mut self, prompt: How) {
        let (scene, due) =
            self.rows.check_ins.last().map(|first| (first.scene_id, first.due_at.get())).unwrap();
        let couple = self.cases.last().unwrap().couple;
        let people = (couple.people[1], couple.people[0]);
        let (mut check_in, nudges) = self.ladder(&couple, scene, people, due, (PROMPT, prompt));
        settle(&mut check_in, CheckInState::Answered);
        self.rows.check_ins.push(check_in);
        let prompt = nudges.into_iter().filter(|row| row.kind.reason() == Some(PROMPT));
        self.cases.last_mut().unwrap().nudges.extend(prompt);
    }

    fn ladder(
        &self,
        couple: &Couple,
        scene: SceneId,
        (subject, partner): (AccountId, AccountId),
        due: Timestamp,
        (reason, how): (Reason, How),
    ) -> (CheckInRow, Vec<NudgeRow>) {
        let check_in = self.rows.check_in(couple, scene, subject, due);
        let steps = old_plan(due).into_iter().filter(|(_, then)| *then < due + OPEN_FOR);
        let row = |(other, then): (Reason, Timestamp)| {
            let to = if [TELL, PROMPT].contains(&other) { partner } else { subject };
            let (about, times) = (About::CheckIn(check_in.id, 0, other), (then.into(), check_in.closes_at));
            let made_at = check_in.created_at.get();
            let mut row = NudgeRow::waiting(about, other.channel(), Some(to), times, made_at, &chance());
            if other == reason {
                how.apply(&mut row);
            } else if then <= start() {
                How::Sent.apply(&mut row);
                row.finished_at = Some(then.into());
            }
            row
        };
        let nudges = steps.map(row).collect();
        (check_in, nudges)
    }
}

impl Case {
    pub fn of(&mut self, reason: Reason) -> &mut NudgeRow {
        self.nudges.iter_mut().find(|row| row.kind.reason() == Some(reason)).unwrap()
    }

    pub fn drop(&mut self, reasons: &[Reason], why: DropReason) {
        for reason in reasons {
            How::Dropped.apply(self.of(*reason));
            self.of(*reason).drop_reason = Some(why);
        }
    }
}

/// A service with what the earlier program left, and everybody's endpoint.
pub struct World<'a> {
    app: &'a TestApp,
    phones: HashMap<String, AccountId>,
}

impl<'a> World<'a> {
    /// So many couples who agreed that the second person may be told of the first one's silence.
    pub async fn open(app: &'a TestApp, count: usize) -> (Self, Left) {
        let mut endpoints = Vec::new();
        let subscribe = |_| {
            let made = app.push.subscribe();
            endpoints.push(made.endpoint.clone());
            let (endpoint, p256dh, auth) = (made.endpoint, made.p256dh, made.auth);
            Some(Subscription { endpoint, p256dh, auth, fuller_words: false })
        };
        let couples = seed::couples(&app.app.context, 0, count, subscribe).await;
        let people = couples.iter().flat_map(|couple| couple.people);
        let phones = endpoints.into_iter().zip(people).collect();
        let mut agreed = Vec::new();
        for couple in couples {
            agreed.push((couple, seed::agree_on_alerts(&app.app.context, &couple).await));
        }
        (Self { app, phones }, Left { couples: agreed, rows: Rows::default(), cases: Vec::new() })
    }

    pub async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Db) -> QueryResult<T> + Clone + Send + 'static,
    ) -> T {
        self.app.app.context.store.write(|db| Ok::<_, StoreError>(change(db)?)).await.unwrap()
    }

    pub async fn device(&self, of: AccountId) -> DeviceId {
        self.write(move |db| Ok(device::live(db, &[of])?[0].id)).await
    }

    /// Saves what the earlier program left, takes the database back to the schema that it knew, has the new program start
    /// on it, and lives on for two days.
    pub async fn upgrade(&self, left: Left, changes: Vec<Change>) -> Came {
        let Left { mut rows, cases, .. } = left;
        rows.nudges.extend(cases.iter().flat_map(|case| case.nudges.clone()));
        rows.save(&self.app.app.context).await;
        for change in changes {
            assert!(self.write(move |db| change(db)).await > 0);
        }
        self.app.clock.set(start());
        let program = start_anew(self.app);
        live_until(&program, &self.app.clock, start() + minutes(48 * 60)).await.unwrap();
        Came(cases)
    }

    /// What came to a couple, as `day hour:minute channel reasons`.
    async fn arrivals(&self, case: &Case) -> Vec<String> {
        let ids: Vec<_> = case.nudges.iter().filter_map(|row| row.check_in_id).collect();
        let rows = self.write(move |db| nudge::of_check_ins(db, &ids)).await;
        let mut came = Vec::new();
        for push in self.app.push.received() {
            let to = self.phones[&push.endpoint];
            if case.couple.people.contains(&to) {
                came.push((push.at, Channel::Push, to, push.topic.unwrap()));
            }
        }
        for (number, to) in case.numbers.into_iter().zip(case.couple.people) {
            for mail in self.app.mail.inbox(&seed::address(number)) {
                let id = mail.message_id().unwrap();
                came.push((mail.at, Channel::Mail, to, id.split('@').next().unwrap().to_owned()));
            }
        }
        came.sort();
        let mut names = BTreeSet::new();
        let line = |(then, channel, to, name): (Timestamp, Channel, AccountId, String)| {
            assert!(names.insert(name.clone()), "{}: one message comes twice", case.name);
            let of_it = rows.iter().filter(|row| {
                let shown = name_of(row.shown_key(), channel);
                let sent = row.state == NudgeState::Sent && row.finished_at == Some(then.into());
                sent && shown == name && row.recipient_id == Some(to)
            });
            // The one that the message is named after comes first.
            let mut reasons: Vec<_> =
                of_it.map(|row| (row.key != row.shown_key(), row.kind.word())).collect();
            assert!(!reasons.is_empty(), "{}: something that nobody has stored", case.name);
            reasons.sort_unstable();
            let reasons: Vec<_> = reasons.into_iter().map(|(_, word)| word).collect();
            format!("{} {} {}", then.strftime("%d %H:%M"), channel.word(), reasons.join("+"))
        };
        let mut lines: Vec<_> = came.into_iter().map(line).collect();
        lines.sort();
        lines
    }
}

/// The name that a message shows to providers and programs: Topic, or the left half of Message-ID (R14).
pub fn name_of(key: &str, channel: Channel) -> String {
    let hash = fingerprint(key);
    match channel {
        Channel::Push => URL_SAFE_NO_PAD.encode(&hash[..24]),
        Channel::Mail => HEXLOWER.encode(&hash[..16]),
    }
}

/// Something else that the earlier program stored.
pub type Change = Arc<dyn Fn(&mut Db) -> QueryResult<usize> + Send + Sync>;

/// The cases after the upgrade.
pub struct Came(Vec<Case>);

impl Came {
    /// Compares what came with what is expected, for all cases at once.
    pub async fn came(self, world: &World<'_>, expected: Vec<Vec<impl Into<String>>>) {
        assert_eq!(self.0.len(), expected.len());
        let (mut found, mut wanted) = (Vec::new(), Vec::new());
        for (case, expected) in self.0.iter().zip(expected) {
            found.push((case.name.clone(), world.arrivals(case).await));
            let mut expected: Vec<String> = expected.into_iter().map(Into::into).collect();
            expected.sort();
            wanted.push((case.name.clone(), expected));
        }
        let differ: Vec<_> = found.iter().zip(&wanted).filter(|(came, expected)| came != expected).collect();
        assert!(differ.is_empty(), "came, expected: {differ:#?}");
    }
}

/// Takes the database back to the schema that the earlier program knew, and starts the new program on it.
pub fn start_anew(app: &TestApp) -> App {
    let mut db = Db::open(&app.config.database).unwrap();
    while pending(&mut db).first().is_none_or(|name| name != CARE) {
        down(&mut db);
    }
    let old = lines(&mut db, NUDGES);
    let program = app.sibling();
    assert_eq!(pending(&mut db), [""; 0]);
    assert_eq!(lines(&mut db, NUDGES), old, "no key and no state changes");
    program
}

/// Every nudge as the earlier program knew it.
const NUDGES: &str = "SELECT key || ' ' || rung || ' ' || channel || ' ' || state || ' ' || round || ' ' || attempts \
    || ' ' || attempts_forgiven || ' ' || coalesce(drop_reason, '') || ' ' || send_at || ' ' || expires_at AS line \
    FROM nudges ORDER BY key";

fn pending(db: &mut Db) -> Vec<String> {
    fn names<B: Backend>(migrations: Vec<Box<dyn Migration<B>>>) -> Vec<String> {
        migrations.iter().map(|migration| migration.name().to_string()).collect()
    }
    match db {
        Db::Postgres(c) => names(c.pending_migrations(POSTGRES_MIGRATIONS).unwrap()),
        Db::Sqlite(c) => names(c.pending_migrations(SQLITE_MIGRATIONS).unwrap()),
    }
}

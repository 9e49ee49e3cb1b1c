//! Check-ins: answer, skip, snooze, choose what to share, and what the subject and the partner see.

use crate::actions::accounts::people::Person;
use crate::actions::accounts::suspension;
use crate::actions::links::plea::{self, PleaView};
use crate::actions::nudges::planning;
use crate::actions::opened::{Opened, opened};
use crate::actions::{ActionResult, AppContext, Caller, Done, Fault, Transaction};
use crate::domain::account::AnswerSharing;
use crate::domain::answer::{
    AnswerContent, AnswerVerdict, SharedAnswer, Sharing, StoredAnswer, judge_answer, partners_view,
};
use crate::domain::change::ChangeKind;
use crate::domain::check_in::{CheckInEvent, CheckInState, CheckInVerdict, Times, check_snooze, judge_event};
use crate::domain::keyset_page::KeysetPage;
use crate::domain::nudge::DropReason;
use crate::domain::partner_link::LinkState;
use crate::domain::problem::{Checks, Problem, ProblemCode};
use crate::domain::scene::check_past;
use crate::ids::{AccountId, CheckInId, SceneId, TypedId, distinct};
use crate::store;
use crate::store::check_in::{CheckInChange, CheckInRow};
use crate::vault::Aad;

use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;

pub use crate::store::check_in::Span;

/// An answer as its author sees it.
#[derive(Clone, Debug)]
pub struct AnswerView {
    /// The content.
    pub content: Opened<AnswerContent>,
    /// What the partner sees of it.
    pub share: AnswerSharing,
    /// Until when newly shared content can be taken back unseen.
    pub unseen_until: Option<Timestamp>,
    /// When it was given.
    pub answered_at: Timestamp,
}

/// A check-in as its subject sees it.
#[derive(Clone, Debug)]
pub struct CheckInView {
    /// Its id.
    pub id: CheckInId,
    /// The scene that it asks about.
    pub scene: SceneId,
    /// Its times.
    pub times: Times,
    /// What the subject did.
    pub state: CheckInState,
    /// Until when it is snoozed.
    pub snoozed_until: Option<Timestamp>,
    /// The answer.
    pub answer: Option<AnswerView>,
}

/// A partner's check-in: when it fell due, and what they share. Nothing else of it differs (R11).
#[derive(Clone, Debug)]
pub struct PartnersCheckIn {
    /// Its id.
    pub id: CheckInId,
    /// When it fell due, by the reader's clock if it is a local time.
    pub due_at: Timestamp,
    /// None: no update.
    pub shared: Option<PartnersAnswer>,
}

/// A partner's answer, as far as they share it.
#[derive(Clone, Debug)]
pub struct PartnersAnswer {
    /// Whether all of it is shared, or only the mood.
    pub whole: bool,
    /// What is shared.
    pub content: Opened<SharedAnswer>,
}

fn partners_answer(answer: &AnswerView, sharing: Sharing, now: Timestamp) -> Option<PartnersAnswer> {
    let seen = sharing.seen(now);
    let content = match &answer.content {
        Ok(content) => Ok(partners_view(Some((content, sharing)), now)?),
        // That there is something to see was shared, so it looks like what it is and not like silence.
        Err(error) => Err(*error),
    };
    (seen != AnswerSharing::Nothing).then_some(PartnersAnswer { whole: seen == AnswerSharing::All, content })
}

/// The AAD of an answer.
pub(in crate::actions) fn answer_aad(id: CheckInId) -> Aad {
    Aad::new("check_ins", "answer", id.uuid())
}

fn open_answer(person: &Person, row: &CheckInRow, now: Timestamp) -> Result<Option<AnswerView>, Fault> {
    let (Some(sealed), Some(at)) = (row.answer.as_deref(), row.answered_at) else { return Ok(None) };
    Ok(Some(AnswerView {
        content: opened(person.key.open_json(answer_aad(row.id), sealed))?,
        share: row.sharing().chosen,
        unseen_until: row.sharing().unseen_until(now),
        answered_at: at.get(),
    }))
}

fn view(person: &Person, row: &CheckInRow, now: Timestamp) -> Result<CheckInView, Fault> {
    Ok(CheckInView {
        id: row.id,
        scene: row.scene_id,
        times: row.times(),
        state: row.state,
        snoozed_until: row.snoozed_until.map(|at| at.get()),
        answer: open_answer(person, row, now)?,
    })
}

/// A check-in and its subject, who must be this account. Locks the account, so that two devices of one person
/// act one after the other.
fn load(tx: &mut Transaction<'_>, id: CheckInId, account: AccountId) -> ActionResult<(Person, CheckInRow)> {
    store::dialect::lock_account(tx.db, account)?;
    let row =
        store::check_in::find_for(tx.db, id, account)?.ok_or_else(|| Problem::not_found("checkInId"))?;
    Ok((Person::load(tx, account)?, row))
}

/// True for `Do`, false for `Already`; every other verdict becomes a problem.
fn judge(tx: &Transaction<'_>, row: &CheckInRow, event: CheckInEvent) -> ActionResult<bool> {
    let refused = |sentence: &str| Err(Problem::wrong_state("checkInId", sentence).into());
    match judge_event(row.state, row.times(), event, tx.now) {
        CheckInVerdict::Do => Ok(true),
        CheckInVerdict::Already => Ok(false),
        CheckInVerdict::TooLate => refused("It is too late for this now."),
        CheckInVerdict::Settled => refused("This check-in was answered or skipped already."),
    }
}

/// What became of an answer.
pub enum Answered {
    /// It is stored.
    Stored(CheckInView),
    /// A later answer was stored before it, and stays.
    Older(CheckInView),
}

/// Answers a check-in, or answers it again; its ladder stops at once (R05). `share` None: as it was, or the person's
/// default (R09). `answered_at` is for an answer given offline; None means now. `ask_partner`: also asks the partner to get
/// in touch (R37), once for each answer; the answer stands whatever comes of that.
pub async fn answer(
    context: &Arc<AppContext>,
    by: &Caller,
    id: CheckInId,
    content: AnswerContent,
    (share, answered_at): (Option<AnswerSharing>, Option<Timestamp>),
    ask_partner: bool,
) -> ActionResult<Done<(Answered, Asked)>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let Done { value, changed } = answer_now(tx, id, account, content, share, answered_at)?;
            // For an answer that comes late nobody is asked.
            let stored = match &value {
                Answered::Stored(stored) if ask_partner => stored,
                Answered::Stored(_) | Answered::Older(_) => {
                    return Ok(Done { value: (value, None), changed });
                }
            };
            // Sent again, an answer asks nobody again.
            let sent_before = stored.answer.as_ref().filter(|_| !changed).map(|answer| answer.answered_at);
            if let Some(since) = sent_before
                && let Some(plea) = plea::made_since(tx, stored.scene, account, since)?
            {
                return Ok(Done::already((value, Some(Ok(plea)))));
            }
            let asked = plea::ask_beside(tx, plea::From::Scene(stored.scene), account)?;
            let changed = changed || asked.is_ok();
            Ok(Done { value: (value, Some(asked)), changed })
        })
        .await
}

/// What came of asking the partner to get in touch, beside an answer; None: it was not asked for.
pub type Asked = Option<Result<PleaView, Vec<Problem>>>;

/// As [`answer`], within a transaction.
pub(in crate::actions) fn answer_now(
    tx: &mut Transaction<'_>,
    id: CheckInId,
    account: AccountId,
    content: AnswerContent,
    share: Option<AnswerSharing>,
    answered_at: Option<Timestamp>,
) -> ActionResult<Done<Answered>> {
    let mut checks = Checks::new();
    let content = content.checked(&mut checks);
    checks.finish(())?;
    let (person, row) = load(tx, id, account)?;
    suspension::refuse_if_suspended(tx, account)?;
    judge(tx, &row, CheckInEvent::Answer)?;
    let former = open_answer(&person, &row, tx.now)?;
    let former = former.map(|AnswerView { content, answered_at, .. }| {
        let sharing = row.sharing();
        Ok::<_, Fault>(StoredAnswer { content: content?, sharing, answered_at })
    });
    let former = former.transpose()?;
    let shares = (share, person.row.default_share);
    // Before its instant is checked against the scene's: what is older than another answer is late, and no more.
    let sharing = match judge_answer(former.as_ref(), &content, shares, answered_at, tx.now) {
        AnswerVerdict::Store(sharing) => sharing,
        AnswerVerdict::Same => {
            return Ok(Done::already(Answered::Stored(view(&person, &row, tx.now)?)));
        }
        AnswerVerdict::Older => return Ok(Done::already(Answered::Older(view(&person, &row, tx.now)?))),
    };
    let answered_at = match answered_at {
        Some(at) => check_past("answeredAt", at, tx.now)?,
        None => tx.now,
    };
    if answered_at < row.ended_at.get() {
        let sentence = "The scene had not ended then.";
        return Err(Problem::new("answeredAt", ProblemCode::OutOfRange, sentence).into());
    }
    let change = CheckInChange {
        state: Some(CheckInState::Answered),
        answer: Some(Some(person.key.seal_json(answer_aad(id), &content)?)),
        answered_at: Some(Some(answered_at.into())),
        ..Default::default()
    }
    .sharing(sharing);
    let row = store::check_in::update(tx.db, id, &change)?;
    planning::settle(tx, &row, DropReason::Settled)?;
    tx.tell_of_check_in(&row)?;
    Ok(Done::now(Answered::Stored(view(&person, &row, tx.now)?)))
}

/// Skips a check-in; its ladder stops at once (R05). The partner sees the same as for any check-in without an
/// update (R11).
pub async fn skip(context: &Arc<AppContext>, by: &Caller, id: CheckInId) -> ActionResult<Done<CheckInView>> {
    let account = by.requester.account;
    context.write_tx(by.key.as_ref(), move |tx| skip_now(tx, id, account)).await
}

/// As [`skip`], within a transaction.
pub(in crate::actions) fn skip_now(
    tx: &mut Transaction<'_>,
    id: CheckInId,
    account: AccountId,
) -> ActionResult<Done<CheckInView>> {
    let (person, row) = load(tx, id, account)?;
    if !judge(tx, &row, CheckInEvent::Skip)? {
        return Ok(Done::already(view(&person, &row, tx.now)?));
    }
    let change = CheckInChange { state: Some(CheckInState::Skipped), ..Default::default() };
    let row = store::check_in::update(tx.db, id, &change)?;
    planning::settle(tx, &row, DropReason::Settled)?;
    tx.tell(&[account], ChangeKind::CheckInChanged, id);
    Ok(Done::now(view(&person, &row, tx.now)?))
}

/// Snoozes a check-in; its ladder begins anew afterwards (R05).
pub async fn snooze(
    context: &Arc<AppContext>,
    by: &Caller,
    id: CheckInId,
    minutes: i32,
) -> ActionResult<CheckInView> {
    let account = by.requester.account;
    context.write_tx(by.key.as_ref(), move |tx| put_off_now(tx, id, account, minutes)).await
}

/// As [`snooze`], within a transaction.
pub(in crate::actions) fn put_off_now(
    tx: &mut Transaction<'_>,
    id: CheckInId,
    account: AccountId,
    minutes: i32,
) -> ActionResult<CheckInView> {
    let mut checks = Checks::new();
    check_snooze(&mut checks, minutes);
    checks.finish(())?;
    let (person, row) = load(tx, id, account)?;
    suspension::refuse_if_suspended(tx, account)?;
    judge(tx, &row, CheckInEvent::Snooze)?;
    let until = tx.now + SignedDuration::from_mins(minutes.into());
    if until >= row.closes_at.get() {
        let sentence = "The check-in closes before that.";
        return Err(Problem::new("minutes", ProblemCode::OutOfRange, sentence).into());
    }
    let change = CheckInChange {
        snoozed_until: Some(Some(until.into())),
        round: Some(row.round + 1),
        // The silence of the round that begins now is one of its own.
        heard_from: Some(false),
        ..Default::default()
    };
    let row = store::check_in::update(tx.db, id, &change)?;
    planning::settle(tx, &row, DropReason::Superseded)?;
    planning::plan_own(tx, vec![row.clone()])?;
    tx.tell(&[account], ChangeKind::CheckInChanged, id);
    Ok(view(&person, &row, tx.now)?)
}

/// Changes what the partner sees of an answer: less at once, more after a delay in which it can be taken back
/// unseen (R09).
pub async fn change_sharing(
    context: &Arc<AppContext>,
    by: &Caller,
    id: CheckInId,
    share: AnswerSharing,
) -> ActionResult<Done<CheckInView>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let (person, row) = load(tx, id, account)?;
            if row.state != CheckInState::Answered {
                return Err(Problem::wrong_state("checkInId", "There is no answer to share.").into());
            }
            if row.share == Some(share) {
                return Ok(Done::already(view(&person, &row, tx.now)?));
            }
            if row.share.is_none_or(|now| share > now) {
                suspension::refuse_if_suspended(tx, account)?;
            }
            let change = CheckInChange::default().sharing(row.sharing().changed(share, tx.now));
            let row = store::check_in::update(tx.db, id, &change)?;
            tx.tell_of_check_in(&row)?;
            Ok(Done::now(view(&person, &row, tx.now)?))
        })
        .await
}

/// Which of one's own check-ins are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Which part by their times; None: all.
    pub span: Option<Span>,
    /// In which states; None: all.
    pub states: Option<Vec<CheckInState>>,
}

/// A page of one's own check-ins.
pub async fn page(
    context: &Arc<AppContext>,
    account: AccountId,
    Filter { span, states }: Filter,
    page: KeysetPage<CheckInId>,
) -> Result<Vec<CheckInView>, Fault> {
    context
        .read_tx(move |tx| {
            let person = Person::load(tx, account)?;
            let now = tx.ts();
            let rows = store::check_in::page(tx.db, account, (span, states), now, page)?;
            rows.iter().map(|row| view(&person, row, tx.now)).collect()
        })
        .await
}

/// One's own check-ins among these ids; those of others are left out.
pub async fn find(
    context: &Arc<AppContext>,
    account: AccountId,
    ids: Vec<CheckInId>,
) -> Result<Vec<CheckInView>, Fault> {
    context
        .read_tx(move |tx| {
            let person = Person::load(tx, account)?;
            let rows = store::check_in::find_all(tx.db, &ids)?;
            let own = rows.iter().filter(|row| row.subject_id == account);
            own.map(|row| view(&person, row, tx.now)).collect()
        })
        .await
}

/// The scene of a check-in, whoever may read it.
pub async fn scene_of(context: &Arc<AppContext>, id: CheckInId) -> Result<Option<SceneId>, Fault> {
    context
        .read_tx(move |tx| Ok(store::check_in::find_all(tx.db, &[id])?.pop().map(|row| row.scene_id)))
        .await
}

/// Both persons' check-ins of a scene.
#[derive(Clone, Debug, Default)]
pub struct SceneCheckIns {
    /// One's own.
    pub mine: Vec<CheckInView>,
    /// The partner's, as far as shared.
    pub partners: Vec<PartnersCheckIn>,
}

/// When the reader's own check-in of the same kind falls due. A local time of the partner's would tell where they are.
fn readers_due_at(rows: &[CheckInRow], partners: &CheckInRow) -> Timestamp {
    let mut own = rows.iter().filter(|row| row.subject_id != partners.subject_id);
    let same = own.find(|row| row.scene_id == partners.scene_id && row.times().time == partners.times().time);
    same.unwrap_or(partners).due_at.get()
}

/// The check-ins of scenes that the reader took part in (R09, R11). After a link ends, nothing of the partner
/// is shown (R12).
pub async fn of_scenes(
    context: &Arc<AppContext>,
    reader: AccountId,
    scenes: Vec<SceneId>,
) -> Result<Vec<(SceneId, SceneCheckIns)>, Fault> {
    context
        .read_tx(move |tx| {
            let parts = store::scene::members(tx.db, &scenes)?;
            let own: Vec<_> = parts.iter().filter(|p| p.account_id == reader).map(|p| p.scene_id).collect();
            let mut rows = store::check_in::of_scenes(tx.db, &own, reader)?;
            let link_ids = distinct(rows.iter().filter_map(|row| row.link_id));
            let links = store::partner_link::find_all(tx.db, &link_ids)?;
            let active = |row: &CheckInRow| {
                links.iter().any(|link| Some(link.id) == row.link_id && link.status == LinkState::Active)
            };
            let subjects = distinct(rows.iter().map(|row| row.subject_id));
            let people = Person::load_all(tx, &subjects)?;
            // Private answers are neither read nor opened, so they take no longer than missing ones.
            let seen = |row: &CheckInRow| {
                let shared = row.state == CheckInState::Answered
                    && row.sharing().seen(tx.now) != AnswerSharing::Nothing;
                // A suspended account shares nothing; to the partner this looks like silence (R11).
                let held = people.get(&row.subject_id).is_some_and(|person| person.row.held_at.is_some());
                row.subject_id != reader && shared && !held && active(row)
            };
            let shown: Vec<_> = rows.iter().filter(|row| seen(row)).map(|row| row.id).collect();
            if !shown.is_empty() {
                let mut answers: HashMap<_, _> =
                    store::check_in::answers(tx.db, &shown)?.into_iter().collect();
                for row in &mut rows {
                    row.answer = answers.remove(&row.id).unwrap_or(row.answer.take());
                }
            }
            let mut result: Vec<(SceneId, SceneCheckIns)> =
                own.iter().map(|scene| (*scene, SceneCheckIns::default())).collect();
            for row in &rows {
                let person = people
                    .get(&row.subject_id)
                    .ok_or(Fault::Inconsistent("a check-in without its subject"))?;
                let Some((_, side)) = result.iter_mut().find(|(scene, _)| *scene == row.scene_id) else {
                    continue;
                };
                if row.subject_id == reader {
                    side.mine.push(view(person, row, tx.now)?);
                } else if active(row) {
                    let answer = open_answer(person, row, tx.now)?;
                    let shared = answer.and_then(|answer| partners_answer(&answer, row.sharing(), tx.now));
                    let due_at = readers_due_at(&rows, row);
                    side.partners.push(PartnersCheckIn { id: row.id, due_at, shared });
                }
            }
            for (_, side) in &mut result {
                side.partners.sort_by_key(|check_in| check_in.due_at);
            }
            Ok(result)
        })
        .await
}

//! Scenes: plan, record, start, end, cancel; outreach.

use crate::actions::accounts::suspension;
use crate::actions::check_ins::schedule::{self, Moving};
use crate::actions::client_id::{self, Claim};
use crate::actions::links::locked_link::{OwnLink, OwnScene, Participants, scene_refused};
use crate::actions::links::revision_snapshot::RevisionSnapshot;
use crate::actions::nudges::planning;
use crate::actions::scenes::parting;
use crate::actions::scenes::view::{SceneView, current, view};
use crate::actions::{ActionResult, AppContext, Caller, Done, Fault, Transaction};
use crate::domain::change::ChangeKind;
use crate::domain::partner_link::{Role, ScenePermission};
use crate::domain::patch::Patch;
use crate::domain::problem::{Checks, Problem, ProblemCode};
use crate::domain::scene::{
    CORRECTED_WITHIN, INTENSITY, SCENES_A_DAY, SIMILAR_WITHIN, SceneEvent, SceneSetting, SceneState,
    SceneVerdict, Span, check_parting, check_past, check_plan, judge_event,
};
use crate::ids::{AccountId, LinkId, SceneId, distinct};
use crate::store;
use crate::store::scene::{SceneChange, SceneMemberRow, SceneRow};
use crate::store::types::Ts;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// The details of a new scene.
#[derive(Clone)]
pub struct NewScene {
    /// The link; None: the scene is of its author alone.
    pub link: Option<LinkId>,
    /// In person or online.
    pub setting: SceneSetting,
    /// 1 to 5.
    pub intensity: Option<i32>,
    /// One's own role; None: the link's default, or switch.
    pub my_role: Option<Role>,
    /// The partner's role; None: their default.
    pub partner_role: Option<Role>,
    /// When the two part, in person; None: not said.
    pub parted_at: Option<Timestamp>,
}

fn check_intensity(checks: &mut Checks, intensity: Option<i32>) {
    if let Some(value) = intensity {
        checks.range("intensity", value.into(), (*INTENSITY.start()).into(), (*INTENSITY.end()).into());
    }
}

fn insert(
    tx: &mut Transaction<'_>,
    participants: &Participants,
    by: AccountId,
    new: &NewScene,
    status: SceneState,
    planned_for: Option<Timestamp>,
) -> ActionResult<SceneRow> {
    let since = (tx.now - SignedDuration::from_hours(24)).into();
    let link_id = participants.link().map(|link| link.row.id);
    // Each has a share of their own: nobody keeps the other from recording what took place.
    if store::scene::count_since(tx.db, link_id, by, since)? >= SCENES_A_DAY {
        let sentence = format!("At most {SCENES_A_DAY} scenes can be recorded within a day.");
        return Err(Problem::new("input", ProblemCode::OutOfRange, sentence).into());
    }
    let row = SceneRow {
        id: SceneId::at(tx.now, tx.chance),
        link_id,
        status,
        setting: new.setting,
        intensity: new.intensity,
        planned_for: planned_for.map(Into::into),
        started_at: None,
        ended_at: None,
        revision_id: None,
        created_by: Some(by),
        created_at: tx.ts(),
        parted_at: new.parted_at.map(Into::into),
        parting_said_at: new.parted_at.map(|_| tx.ts()),
    };
    let part = |account_id: AccountId, usual: Role| SceneMemberRow {
        scene_id: row.id,
        account_id,
        role: if account_id == by { new.my_role } else { new.partner_role }.unwrap_or(usual),
        alert_allowed: None,
    };
    let parts: Vec<SceneMemberRow> = match participants {
        Participants::Both(link) => {
            link.members.iter().map(|member| part(member.account_id, member.role)).collect()
        }
        Participants::Alone(account) => vec![part(*account, Role::Switch)],
    };
    store::scene::insert(tx.db, &row, &parts)?;
    Ok(row)
}

impl NewScene {
    /// Checks what only a scene of two can have; they do not part before `not_before`.
    fn with_parting(self, checks: &mut Checks, not_before: Option<Timestamp>, now: Timestamp) -> Self {
        let of_two = [("partnerRole", self.partner_role.is_some()), ("partedAt", self.parted_at.is_some())];
        for (field, given) in of_two {
            if given && self.link.is_none() {
                checks.note(Problem::new(field, ProblemCode::OutOfRange, ALONE));
            }
        }
        let check = |at| check_parting("partedAt", at, self.setting, not_before, now);
        Self { parted_at: self.parted_at.and_then(|at| checks.take(check(at))), ..self }
    }
}

/// What a scene of one person alone is told that asks for another one.
const ALONE: &str = "A scene of your own has no other person.";

/// Plans a scene. Asked again under its client id, it is what it is now; None: it is gone.
pub async fn plan(
    context: &Arc<AppContext>,
    by: &Caller,
    client_id: Option<String>,
    new: NewScene,
    planned_for: Timestamp,
) -> ActionResult<Done<Option<SceneView>>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let free = match client_id::claim(tx, account, client_id)? {
                Claim::Made(scene) => return Ok(Done::already(current(tx, Some(scene), account)?)),
                Claim::Free(free) => free,
            };
            let mut checks = Checks::new();
            check_intensity(&mut checks, new.intensity);
            checks.take(check_plan("plannedFor", planned_for, tx.now));
            let new = new.with_parting(&mut checks, Some(planned_for), tx.now);
            checks.finish(())?;
            let participants = Participants::load_active(tx, new.link, account)?;
            suspension::refuse_if_suspended(tx, account)?;
            let row = insert(tx, &participants, account, &new, SceneState::Planned, Some(planned_for))?;
            free.note(tx, row.id)?;
            tx.tell(&participants.accounts(), ChangeKind::SceneChanged, row.id);
            Ok(Done::now(Some(view(tx, row, account)?)))
        })
        .await
}

/// What came of recording a scene.
pub enum Recorded {
    /// It is recorded: now, or before under the same client id.
    New(SceneView),
    /// The other person recorded what looks like the same occasion: this scene. Nothing was recorded.
    Similar(SceneView),
}

/// Records an unplanned scene: one that begins now, or one that is over. Both recording the same occasion gives one scene,
/// unless the second says that theirs is `separate` (R04). Asked again under its client id, it is what it is now; None: it is
/// gone.
pub async fn record(
    context: &Arc<AppContext>,
    by: &Caller,
    client_id: Option<String>,
    new: NewScene,
    (started_at, ended_at): (Option<Timestamp>, Option<Timestamp>),
    separate: bool,
) -> ActionResult<Done<Option<Recorded>>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let free = match client_id::claim(tx, account, client_id)? {
                Claim::Made(scene) => {
                    return Ok(Done::already(current(tx, Some(scene), account)?.map(Recorded::New)));
                }
                Claim::Free(free) => free,
            };
            let mut checks = Checks::new();
            check_intensity(&mut checks, new.intensity);
            let ended_at = ended_at.and_then(|at| checks.take(check_past("endedAt", at, tx.now)));
            let started_at = started_at.and_then(|at| checks.take(check_past("startedAt", at, tx.now)));
            let started_at = started_at.or(ended_at).unwrap_or(tx.now);
            check_order(&mut checks, Some(started_at), ended_at);
            let new = new.with_parting(&mut checks, ended_at.or(Some(started_at)), tx.now);
            checks.finish(())?;
            let participants = Participants::load_active(tx, new.link, account)?;
            suspension::refuse_if_suspended(tx, account)?;
            let span = Span { start: started_at, end: ended_at };
            if let (false, Some(link)) = (separate, participants.link())
                && let Some(row) = similar(tx, link, account, span)?
            {
                return Ok(Done::already(Some(Recorded::Similar(view(tx, row, account)?))));
            }
            let row = insert(tx, &participants, account, &new, SceneState::Planned, None)?;
            free.note(tx, row.id)?;
            let mut known = RevisionSnapshot::default();
            let row = begin(tx, &participants, row, started_at, &mut known)?;
            let row = match ended_at {
                Some(at) => finish(tx, &participants, row, at, &mut known)?,
                None => row,
            };
            Ok(Done::now(Some(Recorded::New(view(tx, row, account)?))))
        })
        .await
}

/// The scene that the other person recorded within the last hour and that overlaps in time, if there is one.
fn similar(
    tx: &mut Transaction<'_>,
    link: &OwnLink,
    account: AccountId,
    span: Span,
) -> Result<Option<SceneRow>, Fault> {
    let since = (tx.now - SIMILAR_WITHIN).into();
    let recent = store::scene::recorded_by_other(tx.db, link.row.id, account, since)?;
    let overlaps = |row: &SceneRow| {
        let start = row.started_at.map(|at| at.get());
        let other = start.map(|start| Span { start, end: row.ended_at.map(|at| at.get()) });
        other.is_some_and(|other| span.overlaps(other, tx.now))
    };
    Ok(recent.into_iter().find(overlaps))
}

/// Corrects the times of an ended scene, for two hours after it was recorded. Its check-ins move with its end, and what was
/// planned is planned anew; nothing that went out goes twice.
pub async fn correct(
    context: &Arc<AppContext>,
    by: &Caller,
    id: SceneId,
    started_at: Patch<Timestamp>,
    ended_at: Patch<Timestamp>,
) -> ActionResult<Done<SceneView>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let mut checks = Checks::new();
            let started_at = started_at.needed(&mut checks, "startedAt");
            let started_at = started_at.and_then(|at| checks.take(check_past("startedAt", at, tx.now)));
            let ended_at = ended_at.needed(&mut checks, "endedAt");
            let ended_at = ended_at.and_then(|at| checks.take(check_past("endedAt", at, tx.now)));
            let OwnScene { participants, row } = OwnScene::load(tx, id, account)?;
            let (SceneState::Ended, Some(old_end), false) =
                (row.status, row.ended_at, participants.has_ended())
            else {
                return Err(scene_refused().into());
            };
            suspension::refuse_if_suspended(tx, account)?;
            let check_ins = store::check_in::all_of(tx.db, id)?;
            let made = check_ins.iter().map(|check_in| check_in.created_at).min();
            let recorded_at = made.unwrap_or(row.created_at);
            if tx.now >= recorded_at.get() + CORRECTED_WITHIN {
                let sentence = "The times of a scene can be corrected for two hours after it was recorded.";
                return Err(Problem::wrong_state("sceneId", sentence).into());
            }
            checks.finish(())?;
            let start = started_at.or(row.started_at.map(|at| at.get()));
            let end = ended_at.unwrap_or(old_end.get());
            let mut checks = Checks::new();
            check_order(&mut checks, start, Some(end));
            checks.finish(())?;
            if start == row.started_at.map(|at| at.get()) && end == old_end.get() {
                return Ok(Done::already(view(tx, row, account)?));
            }
            let change = SceneChange {
                started_at: Some(start.map(Into::into)),
                ended_at: Some(Some(end.into())),
                ..Default::default()
            };
            if row.parted_at.is_some_and(|parted_at| parted_at.get() < end) {
                let sentence = "A parting does not come before the end of the scene.";
                return Err(Problem::new("endedAt", ProblemCode::OutOfRange, sentence).into());
            }
            let row = store::scene::update(tx.db, id, &change)?;
            let protocol = distinct(check_ins.iter().map(|row| row.times().time));
            let rearranged = schedule::rearranged(
                tx,
                &row,
                &participants.accounts(),
                (&protocol, Moving::End),
                &check_ins,
            )?;
            if rearranged.closes_an_open_one() {
                let sentence = "With that end a question that is still to be asked would be over already.";
                return Err(Problem::new("endedAt", ProblemCode::OutOfRange, sentence).into());
            }
            schedule::rearrange(tx, rearranged, &mut RevisionSnapshot::default())?;
            tx.tell(&participants.accounts(), ChangeKind::SceneChanged, id);
            Ok(Done::now(view(tx, row, account)?))
        })
        .await
}

fn check_order(checks: &mut Checks, started_at: Option<Timestamp>, ended_at: Option<Timestamp>) {
    if let (Some(start), Some(end)) = (started_at, ended_at)
        && end < start
    {
        checks.note(Problem::new("endedAt", ProblemCode::OutOfRange, "A scene cannot end before it begins."));
    }
}

/// Starts a planned scene.
pub async fn start(
    context: &Arc<AppContext>,
    by: &Caller,
    id: SceneId,
    started_at: Option<Timestamp>,
) -> ActionResult<Done<SceneView>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let OwnScene { participants, row } = OwnScene::load(tx, id, account)?;
            match judge_event(row.status, SceneEvent::Start) {
                SceneVerdict::Already => Ok(Done::already(view(tx, row, account)?)),
                SceneVerdict::Refused => Err(scene_refused().into()),
                SceneVerdict::Go(_) if participants.has_ended() => Err(scene_refused().into()),
                SceneVerdict::Go(_) => {
                    suspension::refuse_if_suspended(tx, account)?;
                    let at = check_past("startedAt", started_at.unwrap_or(tx.now), tx.now)?;
                    let row = begin(tx, &participants, row, at, &mut RevisionSnapshot::default())?;
                    Ok(Done::now(view(tx, row, account)?))
                }
            }
        })
        .await
}

/// Starts a scene under the Revision that both had agreed to before it began, unless one has withdrawn (R06).
fn begin(
    tx: &mut Transaction<'_>,
    participants: &Participants,
    row: SceneRow,
    at: Timestamp,
    known: &mut RevisionSnapshot,
) -> ActionResult<SceneRow> {
    let revision = match participants {
        Participants::Both(link) => {
            known.include(tx, link)?;
            known.standing_at(link.row.id, at).map(|revision| revision.head.id)
        }
        Participants::Alone(_) => None,
    };
    tx.tell(&participants.accounts(), ChangeKind::SceneChanged, row.id);
    let change = SceneChange {
        status: Some(SceneState::UnderWay),
        started_at: Some(Some(at.into())),
        revision_id: Some(revision),
        ..Default::default()
    };
    Ok(store::scene::update(tx.db, row.id, &change)?)
}

/// What is said when a scene ends.
pub struct EndOfScene {
    /// When it ended; None: now.
    pub ended_at: Option<Timestamp>,
    /// 1 to 5.
    pub intensity: Patch<i32>,
    /// When the two part, in person.
    pub parted_at: Patch<Timestamp>,
}

/// Ends a scene, also one that ended in the past: both people get their check-ins and the nudges for them in
/// the same transaction (R01, R03). Ending it again changes nothing (R04).
pub async fn end(
    context: &Arc<AppContext>,
    by: &Caller,
    id: SceneId,
    EndOfScene { ended_at, intensity, parted_at }: EndOfScene,
) -> ActionResult<Done<SceneView>> {
    let account = by.requester.account;
    let (intensity, parted_at) = (intensity.column(), parted_at.column());
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let mut checks = Checks::new();
            check_intensity(&mut checks, intensity.flatten());
            let OwnScene { participants, row } = OwnScene::load(tx, id, account)?;
            let new_parting = parted_at.flatten();
            match judge_event(row.status, SceneEvent::End) {
                SceneVerdict::Already => return end_again(tx, &participants, row, account, new_parting),
                SceneVerdict::Refused => return Err(scene_refused().into()),
                SceneVerdict::Go(_) => {}
            }
            let ended_at = checks.take(check_past("endedAt", ended_at.unwrap_or(tx.now), tx.now));
            check_order(&mut checks, row.started_at.map(|at| at.get()), ended_at);
            if new_parting.is_some() && participants.link().is_none() {
                checks.note(Problem::new("partedAt", ProblemCode::OutOfRange, ALONE));
            }
            // Nobody is kept from ending a scene because they part a little before what counts as its end.
            let after_end = |at: Timestamp| ended_at.map_or(at, |end| at.max(end));
            let check = |at| check_parting("partedAt", after_end(at), row.setting, ended_at, tx.now);
            let parted_at = parted_at.map(|said| said.and_then(|at| checks.take(check(at))));
            let ended_at = checks.finish(ended_at.unwrap_or(tx.now))?;
            let mut known = RevisionSnapshot::default();
            let row = match row.started_at {
                Some(_) => row,
                None => begin(tx, &participants, row, ended_at, &mut known)?,
            };
            let row = if intensity.is_some() || parted_at.is_some() {
                let change = SceneChange {
                    intensity,
                    parted_at: parted_at.map(|said| said.map(Into::into)),
                    parting_said_at: parted_at.map(|said| said.map(|_| tx.ts())),
                    ..Default::default()
                };
                store::scene::update(tx.db, row.id, &change)?
            } else {
                row
            };
            let row = finish(tx, &participants, row, ended_at, &mut known)?;
            Ok(Done::now(view(tx, row, account)?))
        })
        .await
}

/// What comes of ending a scene that has ended: nothing, unless the second of the two knows when they part.
fn end_again(
    tx: &mut Transaction<'_>,
    participants: &Participants,
    row: SceneRow,
    account: AccountId,
    parted_at: Option<Timestamp>,
) -> ActionResult<Done<SceneView>> {
    let linked = participants.link().is_some() && !participants.has_ended();
    match parted_at.filter(|_| linked && row.parted_at.is_none()) {
        Some(at) => {
            let row = parting::say_now(tx, participants, row, at)?;
            Ok(Done::now(view(tx, row, account)?))
        }
        None => Ok(Done::already(view(tx, row, account)?)),
    }
}

fn finish(
    tx: &mut Transaction<'_>,
    participants: &Participants,
    row: SceneRow,
    ended_at: Timestamp,
    known: &mut RevisionSnapshot,
) -> ActionResult<SceneRow> {
    // A parting that was planned for earlier than the scene lasted is at its end.
    let parted_at = row.parted_at.map(|at| Some(Ts::from(at.get().max(ended_at))));
    let change = SceneChange {
        status: Some(SceneState::Ended),
        ended_at: Some(Some(ended_at.into())),
        parted_at,
        ..Default::default()
    };
    let row = store::scene::update(tx.db, row.id, &change)?;
    let protocol = schedule::protocol_of(tx, participants, &row, known)?;
    let made =
        schedule::rearranged(tx, &row, &participants.accounts(), (protocol.times(), Moving::End), &[])?;
    schedule::rearrange(tx, made, known)?;
    tx.tell(&participants.accounts(), ChangeKind::SceneChanged, row.id);
    Ok(row)
}

/// Settles open scenes when a link ends: a scene under way ends now, so that both get their check-ins (R01),
/// and a planned one is cancelled. After that neither can cause nudges to the other (R12).
pub fn finish_with_link(tx: &mut Transaction<'_>, link: OwnLink) -> ActionResult<()> {
    let (now, mut known, id) = (tx.now, RevisionSnapshot::default(), link.row.id);
    let participants = Participants::from(link);
    for row in store::scene::unfinished(tx.db, id)? {
        match row.status {
            SceneState::UnderWay => {
                finish(tx, &participants, row, now, &mut known)?;
            }
            SceneState::Planned | SceneState::Ended | SceneState::Cancelled => {
                let change = SceneChange { status: Some(SceneState::Cancelled), ..Default::default() };
                store::scene::update(tx.db, row.id, &change)?;
                tx.tell(&participants.accounts(), ChangeKind::SceneChanged, row.id);
            }
        }
    }
    Ok(())
}

/// Cancels a scene that did not take place.
pub async fn cancel(context: &Arc<AppContext>, by: &Caller, id: SceneId) -> ActionResult<Done<SceneView>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let OwnScene { participants, row } = OwnScene::load(tx, id, account)?;
            match judge_event(row.status, SceneEvent::Cancel) {
                SceneVerdict::Already => Ok(Done::already(view(tx, row, account)?)),
                SceneVerdict::Refused => Err(scene_refused().into()),
                SceneVerdict::Go(status) => {
                    let change = SceneChange { status: Some(status), ..Default::default() };
                    let row = store::scene::update(tx.db, id, &change)?;
                    tx.tell(&participants.accounts(), ChangeKind::SceneChanged, id);
                    Ok(Done::now(view(tx, row, account)?))
                }
            }
        })
        .await
}

/// Sets, for one scene, whether the partner may be told that reaching out would be welcome. It counts up to the moment of
/// sending, and the partner does not learn of it (R10).
pub async fn set_alert(
    context: &Arc<AppContext>,
    by: &Caller,
    id: SceneId,
    permission: ScenePermission,
) -> ActionResult<SceneView> {
    let account = by.requester.account;
    let allowed = permission.overriding();
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let (link, row) = OwnLink::load_scene(tx, id, account)?;
            if allowed != Some(false) {
                suspension::refuse_if_suspended(tx, account)?;
            }
            store::scene::set_alert(tx.db, id, account, allowed)?;
            planning::review_alerts(tx, link.row.id, &mut RevisionSnapshot::default())?;
            tx.tell(&[account], ChangeKind::SceneChanged, id);
            Ok(view(tx, row, account)?)
        })
        .await
}

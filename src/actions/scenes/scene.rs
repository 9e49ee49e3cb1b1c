//! Scenes: plan, record, start, end, cancel; outreach.

use crate::actions::accounts::suspension;
use crate::actions::links::locked_link::{OwnLink, scene_refused};
use crate::actions::links::revision_snapshot::RevisionSnapshot;
use crate::actions::nudges::planning;
use crate::actions::scenes::view::{SceneView, view};
use crate::actions::{ActionResult, AppContext, Caller, Done, Fault, Transaction};
use crate::domain::change::ChangeKind;
use crate::domain::check_in::{CheckInState, times};
use crate::domain::negotiation::{CheckInProtocol, ContactWay};
use crate::domain::partner_link::Role;
use crate::domain::problem::{Checks, Problem, ProblemCode};
use crate::domain::scene::{
    INTENSITY, SCENES_A_DAY, SceneEvent, SceneStatus, SceneVerdict, Setting, check_past, check_plan,
    judge_event,
};
use crate::ids::{AccountId, CheckInId, LinkId, OutreachId, SceneId};
use crate::store;
use crate::store::check_in::CheckInRow;
use crate::store::scene::{OutreachRow, SceneChange, SceneMemberRow, SceneRow};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// The details of a new scene.
pub struct NewScene {
    /// The link.
    pub link: LinkId,
    /// In person or online.
    pub setting: Setting,
    /// 1 to 5.
    pub intensity: Option<i32>,
    /// One's own role; None: the link's default.
    pub my_role: Option<Role>,
    /// The partner's role; None: their default.
    pub partners_role: Option<Role>,
}

fn check_intensity(checks: &mut Checks, intensity: Option<i32>) {
    if let Some(value) = intensity {
        checks.range("intensity", value.into(), (*INTENSITY.start()).into(), (*INTENSITY.end()).into());
    }
}

fn insert(
    tx: &mut Transaction<'_>,
    link: &OwnLink,
    by: AccountId,
    new: &NewScene,
    status: SceneStatus,
    planned_for: Option<Timestamp>,
) -> ActionResult<SceneRow> {
    let since = (tx.now - SignedDuration::from_hours(24)).into();
    // Each has a share of their own: nobody keeps the other from recording what took place.
    if store::scene::count_since(tx.db, link.row.id, by, since)? >= SCENES_A_DAY {
        let sentence = format!("At most {SCENES_A_DAY} scenes can be recorded within a day.");
        return Err(Problem::new("input", ProblemCode::OutOfRange, sentence).into());
    }
    let row = SceneRow {
        id: SceneId::at(tx.now, tx.chance),
        link_id: link.row.id,
        status,
        setting: new.setting,
        intensity: new.intensity,
        planned_for: planned_for.map(Into::into),
        started_at: None,
        ended_at: None,
        revision_id: None,
        created_by: Some(by),
        created_at: tx.ts(),
    };
    let parts: Vec<SceneMemberRow> = link
        .members
        .iter()
        .map(|member| SceneMemberRow {
            scene_id: row.id,
            account_id: member.account_id,
            role: if member.account_id == by { new.my_role } else { new.partners_role }
                .unwrap_or(member.role),
            alert_allowed: None,
        })
        .collect();
    store::scene::insert(tx.db, &row, &parts)?;
    Ok(row)
}

/// Plans a scene.
pub async fn plan(
    context: &Arc<AppContext>,
    by: &Caller,
    new: NewScene,
    planned_for: Timestamp,
) -> ActionResult<SceneView> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let mut checks = Checks::new();
            check_intensity(&mut checks, new.intensity);
            checks.take(check_plan("plannedFor", planned_for, tx.now));
            checks.finish(())?;
            let link = OwnLink::load_active(tx, "linkId", new.link, account)?;
            suspension::refuse_if_suspended(tx, account)?;
            let row = insert(tx, &link, account, &new, SceneStatus::Planned, Some(planned_for))?;
            tx.tell(&link.accounts(), ChangeKind::SceneChanged, row.id);
            Ok(view(tx, row, account)?)
        })
        .await
}

/// Records an unplanned scene: one that begins now, or one that is over.
pub async fn record(
    context: &Arc<AppContext>,
    by: &Caller,
    new: NewScene,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
) -> ActionResult<SceneView> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let mut checks = Checks::new();
            check_intensity(&mut checks, new.intensity);
            let ended_at = ended_at.and_then(|at| checks.take(check_past("endedAt", at, tx.now)));
            let started_at = started_at.and_then(|at| checks.take(check_past("startedAt", at, tx.now)));
            let started_at = started_at.or(ended_at).unwrap_or(tx.now);
            check_order(&mut checks, Some(started_at), ended_at);
            checks.finish(())?;
            let link = OwnLink::load_active(tx, "linkId", new.link, account)?;
            suspension::refuse_if_suspended(tx, account)?;
            let row = insert(tx, &link, account, &new, SceneStatus::Planned, None)?;
            let mut known = RevisionSnapshot::default();
            let row = begin(tx, &link, row, started_at, &mut known)?;
            let row = match ended_at {
                Some(at) => finish(tx, &link, row, at, &mut known)?,
                None => row,
            };
            Ok(view(tx, row, account)?)
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
            let (link, row) = OwnLink::load_scene(tx, id, account)?;
            match judge_event(row.status, SceneEvent::Start) {
                SceneVerdict::Already => Ok(Done::already(view(tx, row, account)?)),
                SceneVerdict::Refused => Err(scene_refused().into()),
                SceneVerdict::Go(_) if link.row.ended_at.is_some() => Err(scene_refused().into()),
                SceneVerdict::Go(_) => {
                    suspension::refuse_if_suspended(tx, account)?;
                    let at = check_past("startedAt", started_at.unwrap_or(tx.now), tx.now)?;
                    let row = begin(tx, &link, row, at, &mut RevisionSnapshot::default())?;
                    Ok(Done::now(view(tx, row, account)?))
                }
            }
        })
        .await
}

/// Starts a scene under the Revision that both had agreed to before it began, unless one has withdrawn (R06).
fn begin(
    tx: &mut Transaction<'_>,
    link: &OwnLink,
    row: SceneRow,
    at: Timestamp,
    known: &mut RevisionSnapshot,
) -> ActionResult<SceneRow> {
    known.include(tx, link)?;
    let revision = known.standing_at(link.row.id, at).map(|revision| revision.head.id);
    tx.tell(&link.accounts(), ChangeKind::SceneChanged, row.id);
    let change = SceneChange {
        status: Some(SceneStatus::UnderWay),
        started_at: Some(Some(at.into())),
        revision_id: Some(revision),
        ..Default::default()
    };
    Ok(store::scene::update(tx.db, row.id, &change)?)
}

/// Ends a scene, also one that ended in the past: both people get their check-ins and the nudges for them in
/// the same transaction (R01, R03). Ending it again changes nothing (R04).
pub async fn end(
    context: &Arc<AppContext>,
    by: &Caller,
    id: SceneId,
    ended_at: Option<Timestamp>,
    intensity: Option<i32>,
) -> ActionResult<Done<SceneView>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let mut checks = Checks::new();
            check_intensity(&mut checks, intensity);
            let (link, row) = OwnLink::load_scene(tx, id, account)?;
            match judge_event(row.status, SceneEvent::End) {
                SceneVerdict::Already => return Ok(Done::already(view(tx, row, account)?)),
                SceneVerdict::Refused => return Err(scene_refused().into()),
                SceneVerdict::Go(_) => {}
            }
            let ended_at = checks.take(check_past("endedAt", ended_at.unwrap_or(tx.now), tx.now));
            check_order(&mut checks, row.started_at.map(|at| at.get()), ended_at);
            let ended_at = checks.finish(ended_at.unwrap_or(tx.now))?;
            let mut known = RevisionSnapshot::default();
            let row = match row.started_at {
                Some(_) => row,
                None => begin(tx, &link, row, ended_at, &mut known)?,
            };
            let row = match intensity {
                Some(value) => {
                    let change = SceneChange { intensity: Some(Some(value)), ..Default::default() };
                    store::scene::update(tx.db, row.id, &change)?
                }
                None => row,
            };
            let row = finish(tx, &link, row, ended_at, &mut known)?;
            Ok(Done::now(view(tx, row, account)?))
        })
        .await
}

fn finish(
    tx: &mut Transaction<'_>,
    link: &OwnLink,
    row: SceneRow,
    ended_at: Timestamp,
    known: &mut RevisionSnapshot,
) -> ActionResult<SceneRow> {
    let change = SceneChange {
        status: Some(SceneStatus::Ended),
        ended_at: Some(Some(ended_at.into())),
        ..Default::default()
    };
    let row = store::scene::update(tx.db, row.id, &change)?;
    let protocol = protocol_of(tx, link, &row, known)?;
    let check_ins = check_ins_of(tx, link, &row, ended_at, &protocol);
    store::check_in::insert(tx.db, &check_ins)?;
    tx.tell(&link.accounts(), ChangeKind::SceneChanged, row.id);
    for check_in in &check_ins {
        tx.tell_when_due(check_in);
    }
    planning::plan_ladders(tx, check_ins, known)?;
    Ok(row)
}

/// When check-ins about a scene fall due: by the Revision that the scene stood under, else by default (R02).
fn protocol_of(
    tx: &mut Transaction<'_>,
    link: &OwnLink,
    row: &SceneRow,
    known: &mut RevisionSnapshot,
) -> Result<CheckInProtocol, Fault> {
    let Some(id) = row.revision_id else { return Ok(CheckInProtocol::default()) };
    known.include(tx, link)?;
    known.read_terms(tx, [(link.row.id, id)])?;
    let terms = known.terms(id).ok_or(Fault::Inconsistent("a scene without its Revision"))?;
    Ok(terms.protocol.clone())
}

/// The check-ins about an ended scene, for both people (R01).
fn check_ins_of(
    tx: &Transaction<'_>,
    link: &OwnLink,
    row: &SceneRow,
    ended_at: Timestamp,
    protocol: &CheckInProtocol,
) -> Vec<CheckInRow> {
    let mut check_ins = Vec::new();
    for subject in link.accounts() {
        for times in times(ended_at, protocol) {
            check_ins.push(CheckInRow {
                id: CheckInId::at(tx.now, tx.chance),
                scene_id: row.id,
                link_id: row.link_id,
                subject_id: subject,
                offset_minutes: i32::try_from(times.offset).unwrap_or(i32::MAX),
                due_at: times.due_at.into(),
                closes_at: times.closes_at.into(),
                state: CheckInState::Unanswered,
                snoozed_until: None,
                round: 0,
                answer: None,
                share: None,
                answered_at: None,
                created_at: tx.ts(),
                share_before: None,
                shared_from: None,
                postponed_until: None,
                heard_from: false,
            });
        }
    }
    check_ins
}

/// Settles open scenes when a link ends: a scene under way ends now, so that both get their check-ins (R01),
/// and a planned one is cancelled. After that neither can cause nudges to the other (R12).
pub fn finish_with_link(tx: &mut Transaction<'_>, link: &OwnLink) -> ActionResult<()> {
    let (now, mut known) = (tx.now, RevisionSnapshot::default());
    for row in store::scene::unfinished(tx.db, link.row.id)? {
        match row.status {
            SceneStatus::UnderWay => {
                finish(tx, link, row, now, &mut known)?;
            }
            SceneStatus::Planned | SceneStatus::Ended | SceneStatus::Cancelled => {
                let change = SceneChange { status: Some(SceneStatus::Cancelled), ..Default::default() };
                store::scene::update(tx.db, row.id, &change)?;
                tx.tell(&link.accounts(), ChangeKind::SceneChanged, row.id);
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
            let (link, row) = OwnLink::load_scene(tx, id, account)?;
            match judge_event(row.status, SceneEvent::Cancel) {
                SceneVerdict::Already => Ok(Done::already(view(tx, row, account)?)),
                SceneVerdict::Refused => Err(scene_refused().into()),
                SceneVerdict::Go(status) => {
                    let change = SceneChange { status: Some(status), ..Default::default() };
                    let row = store::scene::update(tx.db, id, &change)?;
                    tx.tell(&link.accounts(), ChangeKind::SceneChanged, id);
                    Ok(Done::now(view(tx, row, account)?))
                }
            }
        })
        .await
}

/// Sets, for one scene, whether the partner may be told that reaching out would be welcome; None: as on the
/// link. It counts up to the moment of sending, and the partner does not learn of it (R10).
pub async fn set_alert(
    context: &Arc<AppContext>,
    by: &Caller,
    id: SceneId,
    allowed: Option<bool>,
) -> ActionResult<SceneView> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let (_, row) = OwnLink::load_scene(tx, id, account)?;
            if allowed != Some(false) {
                suspension::refuse_if_suspended(tx, account)?;
            }
            store::scene::set_alert(tx.db, id, account, allowed)?;
            planning::review_alerts(tx, row.link_id, &mut RevisionSnapshot::default())?;
            tx.tell(&[account], ChangeKind::SceneChanged, id);
            Ok(view(tx, row, account)?)
        })
        .await
}

/// Records that the person reached out to the partner.
pub async fn record_outreach(
    context: &Arc<AppContext>,
    by: &Caller,
    id: SceneId,
    way: ContactWay,
    happened_at: Option<Timestamp>,
) -> ActionResult<SceneView> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let happened_at = check_past("happenedAt", happened_at.unwrap_or(tx.now), tx.now)?;
            let (link, row) = OwnLink::load_scene(tx, id, account)?;
            suspension::refuse_if_suspended(tx, account)?;
            if row.status != SceneStatus::Ended || link.row.ended_at.is_some() {
                return Err(scene_refused().into());
            }
            if store::scene::outreaches(tx.db, &[id])?.len() >= 200 {
                return Err(Problem::wrong_state("sceneId", "Enough is written down for this scene.").into());
            }
            let outreach = OutreachRow {
                id: OutreachId::at(tx.now, tx.chance),
                scene_id: id,
                account_id: account,
                way,
                happened_at: happened_at.into(),
                created_at: tx.ts(),
            };
            store::scene::insert_outreach(tx.db, &outreach)?;
            for member in link.accounts() {
                let own = member == account;
                let kind = if own { ChangeKind::SceneChanged } else { ChangeKind::PartnerReachedOut };
                tx.tell(&[member], kind, id);
            }
            Ok(view(tx, row, account)?)
        })
        .await
}

//! Scenes: plan, record, start, end, cancel; outreach.

use super::aftercare::{self, AftercareView};
use super::partner_link::OwnLink;
use super::{Caller, Done, Fault, House, Outcome, Unit, hold, negotiation, planning};
use crate::domain::change::ChangeKind;
use crate::domain::check_in::{CheckInState, times};
use crate::domain::negotiation::{CheckInProtocol, ContactWay};
use crate::domain::partner_link::Role;
use crate::domain::problem::{Checks, Problem, ProblemCode};
use crate::domain::scene::{
    INTENSITY, SCENES_A_DAY, SceneEvent, SceneStatus, SceneVerdict, Setting, check_past, check_plan,
    judge_event,
};
use crate::domain::slice::Slice;
use crate::ids::{AccountId, CheckInId, LinkId, OutreachId, RevisionId, SceneId};
use crate::store;
use crate::store::check_in::CheckInRow;
use crate::store::scene::{OutreachRow, SceneChange, SceneMemberRow, SceneRow};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// An outreach as both see it.
#[derive(Clone, Debug)]
pub struct OutreachView {
    /// Its id.
    pub id: OutreachId,
    /// Who reached out.
    pub account: AccountId,
    /// How.
    pub way: ContactWay,
    /// When.
    pub happened_at: Timestamp,
    /// When it was written down.
    pub created_at: Timestamp,
}

/// A scene as one of its two people sees it.
#[derive(Clone, Debug)]
pub struct SceneView {
    /// Its id.
    pub id: SceneId,
    /// Its link.
    pub link: LinkId,
    /// Where it stands.
    pub status: SceneStatus,
    /// Where it takes place.
    pub setting: Setting,
    /// 1 to 5.
    pub intensity: Option<i32>,
    /// When it is planned.
    pub planned_for: Option<Timestamp>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The Revision that it stood under.
    pub revision: Option<RevisionId>,
    /// One's own role.
    pub my_role: Role,
    /// The other's role.
    pub partners_role: Option<Role>,
    /// One's own choice for this scene; None: as on the link.
    pub alert_allowed: Option<bool>,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// What was given.
    pub aftercare: Vec<AftercareView>,
    /// Who reached out.
    pub outreaches: Vec<OutreachView>,
}

/// Opens scenes of one's own links, in a fixed number of statements.
pub fn views(unit: &mut Unit<'_>, scenes: Vec<SceneRow>, reader: AccountId) -> Result<Vec<SceneView>, Fault> {
    let ids: Vec<_> = scenes.iter().map(|scene| scene.id).collect();
    let parts = store::scene::members(unit.db, &ids)?;
    let mut aftercare = aftercare::of_scenes(unit, &ids, reader)?;
    let outreaches = store::scene::outreaches(unit.db, &ids)?;
    let mut views = Vec::with_capacity(scenes.len());
    for scene in scenes {
        let part =
            |own: bool| parts.iter().find(|p| p.scene_id == scene.id && (p.account_id == reader) == own);
        let mine = part(true).ok_or(Fault::Inconsistent("a scene without its reader"))?;
        let reached = outreaches.iter().filter(|row| row.scene_id == scene.id);
        views.push(SceneView {
            id: scene.id,
            link: scene.link_id,
            status: scene.status,
            setting: scene.setting,
            intensity: scene.intensity,
            planned_for: scene.planned_for.map(|at| at.get()),
            started_at: scene.started_at.map(|at| at.get()),
            ended_at: scene.ended_at.map(|at| at.get()),
            revision: scene.revision_id,
            my_role: mine.role,
            partners_role: part(false).map(|part| part.role),
            alert_allowed: mine.alert_allowed,
            created_at: scene.created_at.get(),
            aftercare: aftercare.remove(&scene.id).unwrap_or_default(),
            outreaches: reached
                .map(|row| OutreachView {
                    id: row.id,
                    account: row.account_id,
                    way: row.way,
                    happened_at: row.happened_at.get(),
                    created_at: row.created_at.get(),
                })
                .collect(),
        });
    }
    Ok(views)
}

pub(super) fn view(unit: &mut Unit<'_>, scene: SceneRow, reader: AccountId) -> Result<SceneView, Fault> {
    views(unit, vec![scene], reader)?.pop().ok_or(Fault::Inconsistent("a scene that vanished"))
}

/// What a new scene is like.
pub struct NewScene {
    /// On which link.
    pub link: LinkId,
    /// Where.
    pub setting: Setting,
    /// 1 to 5.
    pub intensity: Option<i32>,
    /// One's own role; None: the link's default.
    pub my_role: Option<Role>,
    /// The other's role; None: their default.
    pub partners_role: Option<Role>,
}

fn check_intensity(checks: &mut Checks, intensity: Option<i32>) {
    if let Some(value) = intensity {
        checks.range("intensity", value.into(), (*INTENSITY.start()).into(), (*INTENSITY.end()).into());
    }
}

fn insert(
    unit: &mut Unit<'_>,
    link: &OwnLink,
    by: AccountId,
    new: &NewScene,
    status: SceneStatus,
    planned_for: Option<Timestamp>,
) -> Outcome<SceneRow> {
    let since = (unit.now - SignedDuration::from_hours(24)).into();
    if store::scene::count_since(unit.db, link.row.id, since)? >= SCENES_A_DAY {
        let sentence = format!("At most {SCENES_A_DAY} scenes can be recorded within a day.");
        return Err(Problem::new("input", ProblemCode::OutOfRange, sentence).into());
    }
    let row = SceneRow {
        id: SceneId::at(unit.now, unit.chance),
        link_id: link.row.id,
        status,
        setting: new.setting,
        intensity: new.intensity,
        planned_for: planned_for.map(Into::into),
        started_at: None,
        ended_at: None,
        revision_id: None,
        created_by: Some(by),
        created_at: unit.ts(),
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
    store::scene::insert(unit.db, &row, &parts)?;
    Ok(row)
}

/// Plans a scene.
pub async fn plan(
    house: &Arc<House>,
    by: &Caller,
    new: NewScene,
    planned_for: Timestamp,
) -> Outcome<SceneView> {
    let account = by.requester.account;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            let mut checks = Checks::new();
            check_intensity(&mut checks, new.intensity);
            checks.take(check_plan("plannedFor", planned_for, unit.now));
            checks.finish(())?;
            let link = OwnLink::load_active(unit, "linkId", new.link, account)?;
            hold::refuse_if_held(unit, account)?;
            let row = insert(unit, &link, account, &new, SceneStatus::Planned, Some(planned_for))?;
            unit.tell(&link.accounts(), ChangeKind::SceneChanged, row.id);
            Ok(view(unit, row, account)?)
        })
        .await
}

/// Records a scene that was not planned: one that begins, or one that is over already.
pub async fn record(
    house: &Arc<House>,
    by: &Caller,
    new: NewScene,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
) -> Outcome<SceneView> {
    let account = by.requester.account;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            let mut checks = Checks::new();
            check_intensity(&mut checks, new.intensity);
            let ended_at = ended_at.and_then(|at| checks.take(check_past("endedAt", at, unit.now)));
            let started_at = started_at.and_then(|at| checks.take(check_past("startedAt", at, unit.now)));
            let started_at = started_at.or(ended_at).unwrap_or(unit.now);
            check_order(&mut checks, Some(started_at), ended_at);
            checks.finish(())?;
            let link = OwnLink::load_active(unit, "linkId", new.link, account)?;
            hold::refuse_if_held(unit, account)?;
            let row = insert(unit, &link, account, &new, SceneStatus::Planned, None)?;
            let row = begin(unit, &link, row, started_at)?;
            let row = match ended_at {
                Some(at) => finish(unit, &link, row, at)?,
                None => row,
            };
            Ok(view(unit, row, account)?)
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

/// A scene of one's own links, with the link locked.
pub(super) fn load(unit: &mut Unit<'_>, id: SceneId, account: AccountId) -> Outcome<(OwnLink, SceneRow)> {
    let missing = || Problem::not_found("sceneId");
    let link = store::scene::find_for(unit.db, id, account)?.ok_or_else(missing)?.link_id;
    let own = OwnLink::load(unit, "sceneId", link, account)?;
    // Read again under the lock: somebody may have ended it meanwhile.
    let row = store::scene::find_for(unit.db, id, account)?.ok_or_else(missing)?;
    Ok((own, row))
}

pub(super) fn refused() -> Problem {
    Problem::wrong_state("sceneId", "This does not fit where the scene stands.")
}

/// Starts a planned scene.
pub async fn start(
    house: &Arc<House>,
    by: &Caller,
    id: SceneId,
    started_at: Option<Timestamp>,
) -> Outcome<Done<SceneView>> {
    let account = by.requester.account;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            let (link, row) = load(unit, id, account)?;
            match judge_event(row.status, SceneEvent::Start) {
                SceneVerdict::Already => Ok(Done::already(view(unit, row, account)?)),
                SceneVerdict::Refused => Err(refused().into()),
                SceneVerdict::Go(_) if link.row.ended_at.is_some() => Err(refused().into()),
                SceneVerdict::Go(_) => {
                    hold::refuse_if_held(unit, account)?;
                    let at = check_past("startedAt", started_at.unwrap_or(unit.now), unit.now)?;
                    let row = begin(unit, &link, row, at)?;
                    Ok(Done::now(view(unit, row, account)?))
                }
            }
        })
        .await
}

/// A scene stands under what both had agreed on before it began, and not withdrawn since (R06).
fn begin(unit: &mut Unit<'_>, link: &OwnLink, row: SceneRow, at: Timestamp) -> Outcome<SceneRow> {
    let revision = negotiation::standing_at(unit, link, at)?;
    unit.tell(&link.accounts(), ChangeKind::SceneChanged, row.id);
    let change = SceneChange {
        status: Some(SceneStatus::UnderWay),
        started_at: Some(Some(at.into())),
        revision_id: Some(revision.map(|revision| revision.id)),
        ..Default::default()
    };
    Ok(store::scene::update(unit.db, row.id, &change)?)
}

/// Ends a scene, also one that ended in the past: both get their check-ins, and the nudges for them, in this
/// same transaction (R01, R03). Ending it again changes nothing (R04).
pub async fn end(
    house: &Arc<House>,
    by: &Caller,
    id: SceneId,
    ended_at: Option<Timestamp>,
    intensity: Option<i32>,
) -> Outcome<Done<SceneView>> {
    let account = by.requester.account;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            let mut checks = Checks::new();
            check_intensity(&mut checks, intensity);
            let (link, row) = load(unit, id, account)?;
            match judge_event(row.status, SceneEvent::End) {
                SceneVerdict::Already => return Ok(Done::already(view(unit, row, account)?)),
                SceneVerdict::Refused => return Err(refused().into()),
                SceneVerdict::Go(_) => {}
            }
            let ended_at = checks.take(check_past("endedAt", ended_at.unwrap_or(unit.now), unit.now));
            check_order(&mut checks, row.started_at.map(|at| at.get()), ended_at);
            let ended_at = checks.finish(ended_at.unwrap_or(unit.now))?;
            let row = match row.started_at {
                Some(_) => row,
                None => begin(unit, &link, row, ended_at)?,
            };
            let row = match intensity {
                Some(value) => {
                    let change = SceneChange { intensity: Some(Some(value)), ..Default::default() };
                    store::scene::update(unit.db, row.id, &change)?
                }
                None => row,
            };
            let row = finish(unit, &link, row, ended_at)?;
            Ok(Done::now(view(unit, row, account)?))
        })
        .await
}

fn finish(unit: &mut Unit<'_>, link: &OwnLink, row: SceneRow, ended_at: Timestamp) -> Outcome<SceneRow> {
    let change = SceneChange {
        status: Some(SceneStatus::Ended),
        ended_at: Some(Some(ended_at.into())),
        ..Default::default()
    };
    let row = store::scene::update(unit.db, row.id, &change)?;
    let protocol = match row.revision_id {
        Some(id) => {
            let stood = negotiation::history(unit, &link.row, &link.key)?.into_iter().find(|r| r.id == id);
            stood.ok_or(Fault::Inconsistent("a scene without its Revision"))?.content.terms.protocol
        }
        None => CheckInProtocol::default(),
    };
    let mut check_ins = Vec::new();
    for subject in link.accounts() {
        for times in times(ended_at, &protocol) {
            check_ins.push(CheckInRow {
                id: CheckInId::at(unit.now, unit.chance),
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
                created_at: unit.ts(),
                share_before: None,
                shared_from: None,
            });
        }
    }
    store::check_in::insert(unit.db, &check_ins)?;
    unit.tell(&link.accounts(), ChangeKind::SceneChanged, row.id);
    for check_in in &check_ins {
        unit.tell_when_due(check_in);
    }
    planning::plan_ladders(unit, check_ins)?;
    Ok(row)
}

/// Finishes what is open when a link ends: what is under way ends now, so that both are asked how they are (R01);
/// what was only planned will not take place. After that nobody can make the other receive anything (R12).
pub fn finish_with_link(unit: &mut Unit<'_>, link: &OwnLink) -> Outcome<()> {
    let now = unit.now;
    for row in store::scene::unfinished(unit.db, link.row.id)? {
        match row.status {
            SceneStatus::UnderWay => {
                finish(unit, link, row, now)?;
            }
            SceneStatus::Planned | SceneStatus::Ended | SceneStatus::Cancelled => {
                let change = SceneChange { status: Some(SceneStatus::Cancelled), ..Default::default() };
                store::scene::update(unit.db, row.id, &change)?;
                unit.tell(&link.accounts(), ChangeKind::SceneChanged, row.id);
            }
        }
    }
    Ok(())
}

/// Cancels a scene that did not take place.
pub async fn cancel(house: &Arc<House>, by: &Caller, id: SceneId) -> Outcome<Done<SceneView>> {
    let account = by.requester.account;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            let (link, row) = load(unit, id, account)?;
            match judge_event(row.status, SceneEvent::Cancel) {
                SceneVerdict::Already => Ok(Done::already(view(unit, row, account)?)),
                SceneVerdict::Refused => Err(refused().into()),
                SceneVerdict::Go(status) => {
                    let change = SceneChange { status: Some(status), ..Default::default() };
                    let row = store::scene::update(unit.db, id, &change)?;
                    unit.tell(&link.accounts(), ChangeKind::SceneChanged, id);
                    Ok(Done::now(view(unit, row, account)?))
                }
            }
        })
        .await
}

/// Says, for one scene, whether the partner may be told that reaching out would be welcome; None: as the link
/// says. It works up to the moment of sending, and nobody is told of it (R10).
pub async fn set_alert(
    house: &Arc<House>,
    by: &Caller,
    id: SceneId,
    allowed: Option<bool>,
) -> Outcome<SceneView> {
    let account = by.requester.account;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            let (_, row) = load(unit, id, account)?;
            if allowed != Some(false) {
                hold::refuse_if_held(unit, account)?;
            }
            store::scene::set_alert(unit.db, id, account, allowed)?;
            planning::review_alerts(unit, row.link_id)?;
            unit.tell(&[account], ChangeKind::SceneChanged, id);
            Ok(view(unit, row, account)?)
        })
        .await
}

/// Writes down that one reached out to the other.
pub async fn record_outreach(
    house: &Arc<House>,
    by: &Caller,
    id: SceneId,
    way: ContactWay,
    happened_at: Option<Timestamp>,
) -> Outcome<SceneView> {
    let account = by.requester.account;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            let happened_at = check_past("happenedAt", happened_at.unwrap_or(unit.now), unit.now)?;
            let (link, row) = load(unit, id, account)?;
            hold::refuse_if_held(unit, account)?;
            if row.status != SceneStatus::Ended || link.row.ended_at.is_some() {
                return Err(refused().into());
            }
            if store::scene::outreaches(unit.db, &[id])?.len() >= 200 {
                return Err(Problem::wrong_state("sceneId", "Enough is written down for this scene.").into());
            }
            let outreach = OutreachRow {
                id: OutreachId::at(unit.now, unit.chance),
                scene_id: id,
                account_id: account,
                way,
                happened_at: happened_at.into(),
                created_at: unit.ts(),
            };
            store::scene::insert_outreach(unit.db, &outreach)?;
            for member in link.accounts() {
                let own = member == account;
                let kind = if own { ChangeKind::SceneChanged } else { ChangeKind::PartnerReachedOut };
                unit.tell(&[member], kind, id);
            }
            Ok(view(unit, row, account)?)
        })
        .await
}

/// A page of the scenes of one's own link, the newest first.
pub async fn page(
    house: &Arc<House>,
    account: AccountId,
    link: LinkId,
    slice: Slice<SceneId>,
) -> Result<Vec<SceneView>, Fault> {
    house
        .read_tx(move |unit| {
            if store::partner_link::find_for(unit.db, link, account)?.is_none() {
                return Ok(Vec::new());
            }
            let rows = store::scene::page(unit.db, link, slice)?;
            views(unit, rows, account)
        })
        .await
}

/// A part of the scenes of all one's links, the newest first.
pub async fn all(
    house: &Arc<House>,
    account: AccountId,
    slice: Slice<SceneId>,
) -> Result<Vec<SceneView>, Fault> {
    house
        .read_tx(move |unit| {
            let rows = store::scene::page_of(unit.db, account, slice)?;
            views(unit, rows, account)
        })
        .await
}

/// Some scenes of one's own; those of others are left out.
pub async fn find(
    house: &Arc<House>,
    account: AccountId,
    ids: Vec<SceneId>,
) -> Result<Vec<SceneView>, Fault> {
    house
        .read_tx(move |unit| {
            let parts = store::scene::members(unit.db, &ids)?;
            let own: Vec<_> = parts.iter().filter(|p| p.account_id == account).map(|p| p.scene_id).collect();
            let rows = store::scene::find_all(unit.db, &own)?;
            views(unit, rows, account)
        })
        .await
}

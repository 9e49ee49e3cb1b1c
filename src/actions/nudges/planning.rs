//! Planning: reads what a check-in's ladder depends on, in a fixed number of statements, and saves its nudges.

use crate::actions::links::revision_snapshot::RevisionSnapshot;
use crate::actions::{Fault, Transaction};
use crate::domain::check_in::{CheckInState, Times};
use crate::domain::ladder::{Situation, Step, To, plan};
use crate::domain::negotiation::ContactWay;
use crate::domain::nudge::{About, DropReason, NudgeState, Reason, Rung};
use crate::domain::partner_link::LinkState;
use crate::domain::plea;
use crate::domain::quiet_hours::Rhythm;
use crate::ids::{AccountId, CheckInId, LinkId, distinct};
use crate::store;
use crate::store::account::AccountRow;
use crate::store::check_in::{CheckInRow, Whose};
use crate::store::nudge::NudgeRow;
use crate::store::partner_link::{LinkRow, MemberRow};
use crate::store::scene::{SceneMemberRow, SceneRow};
use crate::store::types::Ts;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;

/// How long after the last question a pause that ends asks anew.
const ASKED_ANEW_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// The rungs that end when the subject answers, skips or pauses (R05).
pub const SUBJECTS_LADDER: &[Reason] = &[
    Reason::CheckIn(Rung::Ask),
    Reason::CheckIn(Rung::Email),
    Reason::CheckIn(Rung::AskAgain),
    Reason::CheckIn(Rung::TellPartner),
];
/// The reasons that end with the link (R12).
pub const ABOUT_EACH_OTHER: &[Reason] = &[Reason::CheckIn(Rung::TellPartner), Reason::Prompt];

/// A check-in with everything that decides about its nudges.
#[derive(Clone)]
pub struct ScheduleInput {
    /// The check-in.
    pub check_in: CheckInRow,
    /// The times of the partner's own check-in of that kind, which the prompt to them goes by.
    pub promised: Times,
    /// Its scene.
    pub scene: SceneRow,
    /// Whether the link is active.
    pub linked: bool,
    /// The subject.
    pub subject: AccountRow,
    /// The partner; None if their account is gone.
    pub partner: Option<AccountRow>,
    /// Its link; None: the subject is alone.
    pub link: Option<LinkRow>,
    /// Whether the subject allows the partner to be told, apart from what both agreed (R10).
    pub willing: bool,
}

/// The partner alert of a check-in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alert {
    /// The way of reaching out that may be suggested now; None: the partner may not be told (R02, R06, R10, R13).
    pub standing: Option<ContactWay>,
    /// What the scene's Revision says, even if somebody has withdrawn since: the words of an alert that was sent.
    pub agreed: Option<ContactWay>,
    /// The number of that Revision; None: the scene stood under none.
    pub revision: Option<i32>,
}

impl ScheduleInput {
    /// The recipient of a step.
    fn recipient(&self, to: To) -> Option<AccountId> {
        match to {
            To::Subject => Some(self.subject.id),
            To::Partner => self.partner.as_ref().map(|partner| partner.id),
        }
    }

    /// The partner's zone and quiet hours; None once the link has ended.
    fn partners_rhythm(&self) -> Option<Rhythm> {
        self.partner.as_ref().filter(|_| self.linked).map(|partner| partner.reach().rhythm)
    }

    fn steps(&self, alert: Alert, tx: &Transaction<'_>) -> Vec<Step> {
        let (subject, partner) = (self.subject.reach().rhythm, self.partners_rhythm());
        let allowed = alert.standing.is_some();
        plan(&self.situation(&subject, partner.as_ref(), allowed, tx.now), tx.now)
    }

    /// When the subject is first asked in the present round, as planned.
    pub fn asked_at(&self, now: Timestamp) -> Timestamp {
        self.situation(&self.subject.reach().rhythm, None, false, now).asked_at()
    }

    /// When the subject is asked in the present round, as planned.
    pub fn questions(&self, now: Timestamp) -> [(Rung, Timestamp); 3] {
        self.situation(&self.subject.reach().rhythm, None, false, now).questions()
    }

    /// When the partner is prompted, as planned.
    pub fn prompted_at(&self, now: Timestamp) -> Option<Timestamp> {
        let (subject, partner) = (self.subject.reach().rhythm, self.partners_rhythm());
        self.situation(&subject, partner.as_ref(), false, now).prompted_at()
    }

    fn situation<'a>(
        &self,
        subject: &'a Rhythm,
        partner: Option<&'a Rhythm>,
        alert_allowed: bool,
        now: Timestamp,
    ) -> Situation<'a> {
        // A scene may be recorded during a pause.
        let paused_until = self.subject.reach().silent_until(now);
        Situation {
            times: self.check_in.times(),
            promised: self.promised,
            parted_at: self.scene.parted_at.map(Ts::get),
            made_at: self.check_in.created_at.get(),
            state: self.check_in.state,
            snoozed_until: self.check_in.snoozed_until.map(Ts::get),
            postponed_until: self.check_in.postponed_until.map(Ts::get).max(paused_until),
            heard_from: self.check_in.heard_from,
            subject,
            partner,
            alert_allowed,
        }
    }
}

/// Reads everything that decides about some check-ins, in a fixed number of statements.
pub fn schedule_inputs(
    tx: &mut Transaction<'_>,
    check_ins: Vec<CheckInRow>,
) -> Result<Vec<ScheduleInput>, Fault> {
    if check_ins.is_empty() {
        return Ok(Vec::new());
    }
    let links = distinct(check_ins.iter().filter_map(|row| row.link_id));
    let scene_ids = distinct(check_ins.iter().map(|row| row.scene_id));
    let scenes: HashMap<_, _> =
        store::scene::find_all(tx.db, &scene_ids)?.into_iter().map(|row| (row.id, row)).collect();
    let parts = store::scene::members(tx.db, &scene_ids)?;
    let link_rows: HashMap<_, _> =
        store::partner_link::find_all(tx.db, &links)?.into_iter().map(|row| (row.id, row)).collect();
    let members = store::partner_link::members(tx.db, &links)?;
    let alone = check_ins.iter().filter(|row| row.link_id.is_none()).map(|row| row.subject_id);
    let people = distinct(members.iter().map(|row| row.account_id).chain(alone));
    let accounts: HashMap<_, _> =
        store::account::find_all(tx.db, &people)?.into_iter().map(|row| (row.id, row)).collect();
    let times = if links.is_empty() { Vec::new() } else { store::check_in::times_of(tx.db, &scene_ids)? };
    check_ins
        .into_iter()
        .map(|check_in| {
            let missing = || Fault::Inconsistent("a check-in without its scene, link or subject");
            let scene = scenes.get(&check_in.scene_id).cloned().ok_or_else(missing)?;
            let link = match check_in.link_id {
                Some(id) => Some(link_rows.get(&id).cloned().ok_or_else(missing)?),
                None => None,
            };
            let subject = accounts.get(&check_in.subject_id).cloned().ok_or_else(missing)?;
            let of_link = |m: &&MemberRow| Some(m.link_id) == check_in.link_id;
            let other = members.iter().filter(of_link).find(|m| m.account_id != subject.id);
            let partner = other.and_then(|member| accounts.get(&member.account_id)).cloned();
            let linked = link.as_ref().is_some_and(|link| link.status == LinkState::Active);
            let willing = linked && alert_allowed(&members, &parts, &check_in);
            let own = check_in.times();
            let promised = times.iter().find(|(scene, who, times)| {
                *scene == check_in.scene_id
                    && times.time == own.time
                    && partner.as_ref().is_some_and(|partner| partner.id == *who)
            });
            let promised = promised.map_or(own, |(.., times)| *times);
            Ok(ScheduleInput { check_in, promised, scene, linked, subject, partner, link, willing })
        })
        .collect()
}

/// The partner alerts of some check-ins. Of each link only two Revisions matter: the scene's, and the one
/// that is agreed now.
pub fn alerts(
    tx: &mut Transaction<'_>,
    schedule_inputs: &[&ScheduleInput],
    known: &mut RevisionSnapshot,
) -> Result<HashMap<CheckInId, Alert>, Fault> {
    let under: Vec<_> = schedule_inputs
        .iter()
        .filter_map(|schedule| Some((*schedule, schedule.link.as_ref()?, schedule.scene.revision_id?)))
        .collect();
    known.include_all(tx, under.iter().map(|(_, link, _)| *link))?;
    let mut wanted: Vec<_> = under.iter().map(|(_, link, revision)| (link.id, *revision)).collect();
    let agreed = under.iter().filter_map(|(_, link, _)| known.agreed(link.id));
    wanted.extend(agreed.map(|revision| (revision.head.link_id, revision.head.id)));
    known.read_terms(tx, wanted)?;
    let mut alerts = HashMap::new();
    for (schedule, link, revision) in under {
        let link = link.id;
        let (Some(stood), Some(terms)) = (known.find(link, revision), known.terms(revision)) else {
            continue;
        };
        // The Revision agreed now must allow it too: an older text must not count just because the scene
        // stood under it.
        let current = known.agreed(link).and_then(|agreed| known.terms(agreed.head.id));
        let allowed = current.is_some_and(|terms| terms.partner_alert.is_some());
        let agreed = terms.partner_alert;
        let standing = agreed.filter(|_| stood.sealed && allowed && schedule.willing);
        alerts.insert(schedule.check_in.id, Alert { standing, agreed, revision: Some(stood.head.number) });
    }
    Ok(alerts)
}

/// Whether the subject allows the partner to be told: by the scene's setting, else by the link's (R10). The link is active.
fn alert_allowed(members: &[MemberRow], parts: &[SceneMemberRow], check_in: &CheckInRow) -> bool {
    let part = parts.iter().find(|p| p.scene_id == check_in.scene_id && p.account_id == check_in.subject_id);
    let own = |m: &&MemberRow| Some(m.link_id) == check_in.link_id && m.account_id == check_in.subject_id;
    let on_link = members.iter().find(own).is_some_and(|member| member.alert_allowed);
    part.and_then(|part| part.alert_allowed).unwrap_or(on_link)
}

/// Plans the ladders of some check-ins and saves their nudges. Sent nudges stay sent.
pub fn plan_ladders(
    tx: &mut Transaction<'_>,
    check_ins: Vec<CheckInRow>,
    known: &mut RevisionSnapshot,
) -> Result<(), Fault> {
    plan_steps(tx, check_ins, known, |_| true)
}

/// As [`plan_ladders`], without the prompts to the partner: what the subject does must not move them (R11).
pub fn plan_own(tx: &mut Transaction<'_>, check_ins: Vec<CheckInRow>) -> Result<(), Fault> {
    plan_steps(tx, check_ins, &mut RevisionSnapshot::default(), |step| step.reason != Reason::Prompt)
}

fn plan_steps(
    tx: &mut Transaction<'_>,
    check_ins: Vec<CheckInRow>,
    known: &mut RevisionSnapshot,
    wanted: fn(&Step) -> bool,
) -> Result<(), Fault> {
    let schedule_inputs = schedule_inputs(tx, check_ins)?;
    let schedule_inputs: Vec<_> = schedule_inputs.iter().collect();
    let alerts = alerts(tx, &schedule_inputs, known)?;
    save_ladders(tx, &schedule_inputs, &alerts, wanted)
}

/// Plans the prompts to a person anew, which a pause of theirs held back.
fn plan_prompts_to(tx: &mut Transaction<'_>, account: AccountId) -> Result<(), Fault> {
    let links = store::partner_link::list(tx.db, account, true, i64::MAX)?;
    let now = tx.ts();
    let links = links.into_iter().map(|link| link.id).collect();
    let open = store::check_in::open(tx.db, Whose::Links(links), now)?;
    plan_prompts(tx, open.into_iter().filter(|row| row.subject_id != account).collect())
}

/// Plans the prompts about some check-ins.
pub fn plan_prompts(tx: &mut Transaction<'_>, check_ins: Vec<CheckInRow>) -> Result<(), Fault> {
    let schedule_inputs = schedule_inputs(tx, check_ins)?;
    let schedule_inputs: Vec<_> = schedule_inputs.iter().collect();
    save_ladders(tx, &schedule_inputs, &HashMap::new(), |step| step.reason == Reason::Prompt)
}

/// Saves the nudges of some ladders; see [`plan_ladders`].
fn save_ladders(
    tx: &mut Transaction<'_>,
    schedule_inputs: &[&ScheduleInput],
    alerts: &HashMap<CheckInId, Alert>,
    wanted: fn(&Step) -> bool,
) -> Result<(), Fault> {
    let mut rows = Vec::new();
    for schedule in schedule_inputs {
        let alert = alerts.get(&schedule.check_in.id).copied().unwrap_or_default();
        for step in schedule.steps(alert, tx).into_iter().filter(wanted) {
            let recipient = schedule.recipient(step.to);
            let round = round_of(step.reason, &schedule.check_in);
            let about = About::CheckIn(schedule.check_in.id, round, step.reason);
            let times = (step.send_at.into(), step.expires_at.into());
            // An id contains its creation time. In a partner's nudge that must not be the time at which the
            // subject did something (R11).
            let made_at = match step.to {
                To::Subject => tx.now,
                To::Partner => schedule.check_in.created_at.get(),
            };
            rows.push(NudgeRow::waiting(about, step.channel, recipient, times, made_at, tx.chance));
        }
    }
    store::nudge::plan(tx.db, &rows)?;
    Ok(())
}

/// A snooze begins a new round of the subject's own ladder. The partner's prompt has no rounds, so a snooze
/// does not show (R11).
fn round_of(reason: Reason, check_in: &CheckInRow) -> i32 {
    match reason {
        Reason::Prompt => 0,
        Reason::CheckIn(_) => check_in.round,
    }
}

/// Plans waiting nudges anew after a person's zone or quiet hours changed: their own ladders, and the prompts
/// that need a time when both are awake (R17, R18).
pub fn replan_rhythm(tx: &mut Transaction<'_>, account: AccountId) -> Result<(), Fault> {
    let links = store::partner_link::list(tx.db, account, true, i64::MAX)?;
    let now = tx.ts();
    let links = links.into_iter().map(|link| link.id).collect();
    let mut open = store::check_in::open(tx.db, Whose::Links(links), now)?;
    let own = store::check_in::open(tx.db, Whose::Subject(account), now)?;
    open.extend(own.into_iter().filter(|row| row.link_id.is_none()));
    plan_ladders(tx, open, &mut RevisionSnapshot::default())?;
    review_pleas(tx, account)
}

/// Has the pleas to a person decided about anew, whose quiet hours or pause held them back: they are heard as soon as the person
/// can be disturbed (R37).
fn review_pleas(tx: &mut Transaction<'_>, recipient: AccountId) -> Result<(), Fault> {
    let now = tx.ts();
    store::nudge::review_pleas(tx.db, recipient, now, (tx.now + plea::OPEN_FOR).into())?;
    Ok(())
}

/// Plans a person's open check-ins anew when a pause or a suspension begins, changes or ends (R05): what is open when it
/// is over is asked then. Who was asked already is asked anew, from the first rung, an hour after that at the earliest:
/// pausing again and again brings nobody question after question.
pub fn postpone(tx: &mut Transaction<'_>, subject: AccountId) -> Result<(), Fault> {
    let now = tx.ts();
    let account = store::account::find(tx.db, subject)?.ok_or(Fault::Inconsistent("the account is gone"))?;
    let until = account.reach().silent_until(tx.now).map_or(now, Ts::from);
    let open = store::check_in::open(tx.db, Whose::Subject(subject), now)?;
    let open: Vec<_> = open.into_iter().filter(|row| row.state == CheckInState::Unanswered).collect();
    let ids: Vec<CheckInId> = open.iter().map(|row| row.id).collect();
    let known = store::nudge::of_check_ins(tx.db, &ids)?;
    let was_asked = |row: &&CheckInRow| {
        known.iter().any(|nudge| {
            nudge.check_in_id == Some(row.id)
                && nudge.round == row.round
                && nudge.kind.rung().is_some_and(Rung::is_question)
                // What was on its way may have arrived.
                && (nudge.state == NudgeState::Sent || nudge.tries() > 0)
        })
    };
    for row in &open {
        if was_asked(&row) {
            store::check_in::begin_round(tx.db, row.id)?;
            // A pause uses no link up, unlike a reply.
            store::page_token::carry_over(tx.db, row.id, row.round)?;
        }
        let questions = known.iter().filter(|nudge| {
            nudge.check_in_id == Some(row.id)
                && nudge.state == NudgeState::Sent
                && nudge.kind.rung().is_some_and(Rung::is_question)
        });
        let last = questions.filter_map(|nudge| nudge.finished_at).max();
        let again = last.map(|at| Ts::from(at.get() + ASKED_ANEW_AFTER));
        store::check_in::postpone(tx.db, row.id, again.map_or(until, |at| at.max(until)))?;
    }
    stop(tx, &ids, SUBJECTS_LADDER, DropReason::Paused)?;
    let open = store::check_in::open(tx.db, Whose::Subject(subject), now)?;
    plan_own(tx, open)?;
    // The prompts to this person were postponed as well.
    plan_prompts_to(tx, subject)?;
    review_pleas(tx, subject)
}

/// Stops a check-in's ladder because its subject did something with it, and drops the partner alerts of the scene's other
/// check-ins that fell due: it was a sign of life (R19). Check-ins are changed before nudges, everywhere.
pub fn settle(tx: &mut Transaction<'_>, check_in: &CheckInRow, reason: DropReason) -> Result<(), Fault> {
    let now = tx.ts();
    let (scene, subject) = (check_in.scene_id, check_in.subject_id);
    let others = store::check_in::hear_from(tx.db, scene, subject, check_in.id, now)?;
    stop(tx, &[check_in.id], SUBJECTS_LADDER, reason)?;
    stop(tx, &others, &[Reason::CheckIn(Rung::TellPartner)], DropReason::Settled)
}

/// Drops the waiting nudges of some check-ins, for some reasons.
pub fn stop(
    tx: &mut Transaction<'_>,
    check_ins: &[CheckInId],
    sent_for: &[Reason],
    reason: DropReason,
) -> Result<(), Fault> {
    let now = tx.ts();
    store::nudge::drop_waiting(tx.db, check_ins, sent_for, None, reason, now)?;
    Ok(())
}

/// Drops a link's waiting partner alerts, or plans them again, after a consent changed (R06, R10).
pub fn review_alerts(
    tx: &mut Transaction<'_>,
    link: LinkId,
    known: &mut RevisionSnapshot,
) -> Result<(), Fault> {
    let now = tx.ts();
    let open = store::check_in::open(tx.db, Whose::Links(vec![link]), now)?;
    let schedule_inputs = schedule_inputs(tx, open)?;
    let alerts = alerts(tx, &schedule_inputs.iter().collect::<Vec<_>>(), known)?;
    let is_allowed = |schedule: &&ScheduleInput| {
        alerts.get(&schedule.check_in.id).is_some_and(|alert| alert.standing.is_some())
    };
    let (allowed, refused): (Vec<_>, Vec<_>) = schedule_inputs.iter().partition(is_allowed);
    let refused: Vec<_> = refused.iter().map(|schedule| schedule.check_in.id).collect();
    stop(tx, &refused, &[Reason::CheckIn(Rung::TellPartner)], DropReason::NotConsented)?;
    save_ladders(tx, &allowed, &alerts, |_| true)
}

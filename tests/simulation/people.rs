//! What people do in a run: scenes, answers, and every change of mind that a reminder must not miss.

use crate::seed::{Couple, caller};
use crate::world::COUPLES;
use diesel::prelude::*;
use evenkeel::actions::accounts::account::{self, ProfileChange, TypedQuietHours};
use evenkeel::actions::check_ins::check_in;
use evenkeel::actions::links::partner_link::{self, Choices};
use evenkeel::actions::links::plea;
use evenkeel::actions::scenes::scene::{self, NewScene};
use evenkeel::actions::scenes::{outreach, parting};
use evenkeel::actions::{AppContext, Refusal};
use evenkeel::domain::answer::AnswerContent;
use evenkeel::domain::check_in::CheckInState;
use evenkeel::domain::negotiation::ContactWay;
use evenkeel::domain::partner_link::Permission;
use evenkeel::domain::patch::Patch;
use evenkeel::domain::scene::SceneSetting;
use evenkeel::ids::{AccountId, CheckInId, SceneId};
use evenkeel::store::StoreError;
use evenkeel::store::schema::{check_ins, scenes};
use evenkeel::store::types::Ts;
use jiff::SignedDuration;
use rand::RngExt;
use rand::rngs::StdRng;
use std::sync::Arc;

/// Zones and quiet hours that people choose from; none begins or ends in an hour that a clock change skips or repeats.
const ZONES: [&str; 5] =
    ["Europe/Berlin", "America/Los_Angeles", "Asia/Tokyo", "Asia/Kolkata", "Australia/Adelaide"];
const QUIET: [Option<(&str, &str)>; 5] = [
    Some(("22:00", "08:00")),
    Some(("23:00", "07:00")),
    None,
    Some(("09:30", "15:00")),
    Some(("20:00", "07:30")),
];

/// What somebody does.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Records a scene that ended so many minutes ago.
    Scene {
        ended: i64,
        in_person: bool,
    },
    /// Says when the two part, so many minutes from now.
    Part(i64),
    /// Answers, skips or puts off one of the questions that are open.
    Answer {
        mood: i32,
        asks: bool,
    },
    Skip,
    Snooze(i32),
    /// Pauses for so many hours, or ends a pause.
    Pause(i64),
    Resume,
    /// Allows the partner to be told, or forbids it.
    Allow(bool),
    /// Asks the partner to get in touch.
    Plea,
    /// Got in touch.
    ReachOut,
    /// Moves, or sleeps at other times.
    Move {
        zone: usize,
        quiet: usize,
    },
    /// Wants pushes, or does not.
    Push(bool),
    /// Ends the link.
    Leave,
}

/// Somebody's act.
#[derive(Clone, Copy, Debug)]
pub struct Doing {
    pub couple: usize,
    pub side: usize,
    pub act: Act,
}

impl Doing {
    pub fn any(rng: &mut StdRng) -> Self {
        let act = match rng.random_range(0..1000) {
            0..180 => Act::Scene { ended: rng.random_range(0..90), in_person: rng.random_bool(0.3) },
            180..240 => Act::Part(rng.random_range(1..300)),
            240..560 => Act::Answer { mood: rng.random_range(1..=5), asks: rng.random_bool(0.2) },
            560..620 => Act::Skip,
            620..720 => Act::Snooze(rng.random_range(10..=720)),
            720..750 => Act::Pause(rng.random_range(1..72)),
            750..780 => Act::Resume,
            780..840 => Act::Allow(rng.random_bool(0.6)),
            840..880 => Act::Plea,
            880..930 => Act::ReachOut,
            930..970 => Act::moves(rng),
            970..998 => Act::Push(rng.random_bool(0.7)),
            _ => Act::Leave,
        };
        Self { couple: rng.random_range(0..COUPLES), side: rng.random_range(0..2), act }
    }

    /// Does it. What a person is told not to do is no fault.
    pub async fn perform(self, context: &Arc<AppContext>, couples: &[Couple]) -> Result<(), Refusal> {
        let couple = couples[self.couple];
        let account = couple.people[self.side];
        let now = context.clock.now();
        let by = caller(account, now);
        let done = match self.act {
            Act::Scene { ended, in_person } => {
                let setting = if in_person { SceneSetting::InPerson } else { SceneSetting::Online };
                let link = Some(couple.link);
                let new = NewScene {
                    link,
                    setting,
                    intensity: None,
                    my_role: None,
                    partner_role: None,
                    parted_at: None,
                };
                let ended_at = now - SignedDuration::from_mins(ended);
                scene::record(context, &by, None, new, (None, Some(ended_at)), true).await.map(drop)
            }
            Act::Part(minutes) => match latest_scene(context, &couple).await {
                Some(scene) => parting::say(context, &by, scene, now + SignedDuration::from_mins(minutes))
                    .await
                    .map(drop),
                None => Ok(()),
            },
            Act::Answer { mood, asks } => match open_question(context, account).await {
                Some(id) => {
                    let content =
                        AnswerContent { mood, signs: Vec::new(), need: String::new(), note: String::new() };
                    check_in::answer(context, &by, id, content, (None, None), asks).await.map(drop)
                }
                None => Ok(()),
            },
            Act::Skip => match open_question(context, account).await {
                Some(id) => check_in::skip(context, &by, id).await.map(drop),
                None => Ok(()),
            },
            Act::Snooze(minutes) => match open_question(context, account).await {
                Some(id) => check_in::snooze(context, &by, id, minutes).await.map(drop),
                None => Ok(()),
            },
            Act::Pause(hours) => {
                let until = Some(now + SignedDuration::from_hours(hours));
                account::pause(context, &by, until).await.map(drop)
            }
            Act::Resume => account::resume(context, &by).await.map(drop),
            Act::Allow(allowed) => {
                let permission = if allowed { Permission::Allow } else { Permission::Forbid };
                let choices = Choices { alert: Patch::Set(permission), ..Default::default() };
                partner_link::set_preferences(context, &by, couple.link, choices).await.map(drop)
            }
            Act::Plea => plea::ask(context, &by, None, plea::From::Link(couple.link)).await.map(drop),
            Act::ReachOut => match latest_scene(context, &couple).await {
                Some(scene) => {
                    outreach::record(context, &by, None, scene, ContactWay::Call, None).await.map(drop)
                }
                None => Ok(()),
            },
            Act::Move { zone, quiet } => {
                let quiet = QUIET[quiet]
                    .map(|(from, until)| TypedQuietHours { from: from.into(), until: until.into() });
                let change = ProfileChange {
                    zone: Patch::Set(ZONES[zone].to_owned()),
                    quiet_hours: quiet.map_or(Patch::Clear, Patch::Set),
                    ..Default::default()
                };
                account::update_profile(context, &by, change).await.map(drop)
            }
            Act::Push(push) => {
                let change = ProfileChange { push: Patch::Set(push), ..Default::default() };
                account::update_profile(context, &by, change).await.map(drop)
            }
            Act::Leave => partner_link::end(context, &by, couple.link).await.map(drop),
        };
        match done {
            Err(Refusal::Problems(_)) => Ok(()),
            other => other,
        }
    }
}

impl Act {
    pub fn moves(rng: &mut StdRng) -> Self {
        Self::Move { zone: rng.random_range(0..ZONES.len()), quiet: rng.random_range(0..QUIET.len()) }
    }
}

async fn open_question(context: &Arc<AppContext>, account: AccountId) -> Option<CheckInId> {
    let now = Ts::from(context.clock.now());
    let found = context.store.read(move |db| {
        let open = check_ins::table
            .filter(check_ins::subject_id.eq(account))
            .filter(check_ins::state.eq(CheckInState::Unanswered))
            .filter(check_ins::due_at.le(now))
            .filter(check_ins::closes_at.gt(now));
        let first = open.order((check_ins::due_at, check_ins::id)).select(check_ins::id);
        Ok::<_, StoreError>(first.first::<CheckInId>(db).optional()?)
    });
    found.await.ok().flatten()
}

async fn latest_scene(context: &Arc<AppContext>, couple: &Couple) -> Option<SceneId> {
    let link = couple.link;
    let found = context.store.read(move |db| {
        let all = scenes::table.filter(scenes::link_id.eq(link));
        let latest = all.order((scenes::created_at.desc(), scenes::id.desc())).select(scenes::id);
        Ok::<_, StoreError>(latest.first::<SceneId>(db).optional()?)
    });
    found.await.ok().flatten()
}

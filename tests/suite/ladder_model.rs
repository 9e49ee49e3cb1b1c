//! The ladder against a model: random courses of several days over HTTP; the rules must hold after every step.
//! `tests/support/courses.rs` says how to ask for other courses.

mod model;
mod steps;

use crate::support::care::after_end;
use crate::support::courses::live_through;
use crate::support::people::text;
use crate::support::receivers::Answer;
use crate::support::{Backend, Couple, Person, TestApp, at};
use evenkeel::domain::nudge::{About, Channel, Reason, Rung, fingerprint, key};
use evenkeel::ids::{AccountId, CheckInId};
use evenkeel::store::StoreError;
use evenkeel::store::types::Ts;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use model::{Arrival, CheckIn, Link, Model, QUIET, Scene, Somebody, Text, ZONES};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use steps::{Step, courses};

/// The number of courses, and the steps in each.
const CASES: u32 = 7;
const STEPS: usize = 70;
/// The protocols that people agree on, in minutes.
const PROTOCOLS: [&[u32]; 4] = [&[60, 24 * 60, 48 * 60], &[60], &[0, 6 * 60, 10 * 60], &[30 * 60, 50 * 60]];

/// A fingerprint as it goes over the network: a push's topic, or the first part of a mail's id.
fn marks(key: &str) -> [String; 2] {
    use base64::Engine as _;
    let print = fingerprint(key);
    let hex = print[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    [base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&print[..24]), hex]
}

fn hours_and_minutes(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// The service with two people, and the model of them.
struct World {
    app: TestApp,
    couple: Couple,
    accounts: [AccountId; 2],
    model: Model,
    /// The check-in, round and reason of each topic or mail id.
    known: HashMap<String, (usize, i32, Reason)>,
    endpoints: HashMap<String, usize>,
    seen: (usize, usize),
}

impl World {
    async fn build(app: TestApp) -> Self {
        let couple = app.couple().await;
        let mut accounts = Vec::new();
        for person in [&couple.alex, &couple.sam] {
            let data = person.ask(&app, "{ viewer { account { id } } }", json!({})).await;
            accounts.push(text(&data["viewer"]["account"]["id"]).parse().unwrap());
        }
        let somebody = |n: usize| Somebody {
            zone: TimeZone::get(ZONES[n]).unwrap(),
            quiet: QUIET[n],
            paused_until: None,
            allows: false,
            has_device: true,
        };
        let link = Link { id: couple.link.clone(), active: true, texts: Vec::new() };
        let endpoints =
            [(couple.alex.device.endpoint.clone(), 0), (couple.sam.device.endpoint.clone(), 1)].into();
        let model = Model::new([somebody(0), somebody(1)], link);
        let seen = (0, app.mail.received().len());
        let accounts = [accounts[0], accounts[1]];
        let mut world = Self { app, couple, accounts, model, known: HashMap::new(), endpoints, seen };
        // Nobody is told anything without these consents; later steps withdraw them and give them again.
        for step in [Step::Agree(1, true), Step::Allow(0, true), Step::Allow(1, true)] {
            world.take(&step).await;
        }
        world
    }

    fn person(&self, who: usize) -> &Person {
        if who == 0 { &self.couple.alex } else { &self.couple.sam }
    }

    async fn done(&self, who: usize, name: &str, input: Value, select: &str) -> Value {
        self.person(who).done(&self.app, name, input, select).await
    }

    /// Learns the topics and mail ids of a check-in's nudges, in its present round.
    fn learn(&mut self, n: usize) {
        let check_in = &self.model.check_ins[n];
        let id: CheckInId = check_in.id.parse().unwrap();
        for reason in reasons() {
            let about = About::CheckIn(id, check_in.round, reason);
            for channel in [Channel::Push, Channel::Mail] {
                for account in self.accounts {
                    for mark in marks(&key(about, Some(account), channel)) {
                        self.known.insert(mark, (n, check_in.round, reason));
                    }
                }
            }
        }
    }

    /// What went out in one message with others: the mark of each of them, by the message's mark and time.
    async fn together(&self) -> HashMap<(String, Timestamp), Vec<String>> {
        use diesel::prelude::*;
        use evenkeel::domain::nudge::NudgeState;
        use evenkeel::store::schema::nudges;
        let rows = self.app.app.context.store.read(|db| {
            let sent = nudges::table
                .filter(nudges::state.eq(NudgeState::Sent))
                .filter(nudges::message_key.is_not_null());
            let columns = (nudges::key, nudges::message_key, nudges::finished_at);
            Ok::<_, StoreError>(sent.select(columns).load::<(String, Option<String>, Option<Ts>)>(db)?)
        });
        let mut together: HashMap<_, Vec<String>> = HashMap::new();
        for (key, message_key, at) in rows.await.unwrap() {
            for (mark, message) in marks(&key).into_iter().zip(marks(&message_key.unwrap())) {
                together.entry((message, at.unwrap().get())).or_default().push(mark);
            }
        }
        together
    }

    /// Adds to the model what reached phones and inboxes since the last time.
    async fn take_arrivals(&mut self) {
        let pushes = self.app.push.received().split_off(self.seen.0);
        let mails = self.app.mail.received().split_off(self.seen.1);
        self.seen = (self.seen.0 + pushes.len(), self.seen.1 + mails.len());
        let mut arrivals = Vec::new();
        for push in pushes {
            arrivals.push((push.at, self.endpoints[&push.endpoint], false, push.topic.unwrap()));
        }
        for mail in mails {
            let to = usize::from(mail.to[0] == self.couple.sam.email);
            let id = mail.message_id().unwrap();
            let mark = id.split('@').next().unwrap().trim_start_matches('<').to_owned();
            arrivals.push((mail.at, to, true, mark));
        }
        arrivals.sort();
        let together = self.together().await;
        for (message, (at, recipient, by_mail, mark)) in (self.model.messages..).zip(arrivals) {
            self.model.messages = message + 1;
            let all = together.get(&(mark.clone(), at)).cloned().unwrap_or_else(|| vec![mark]);
            for mark in all {
                let (check_in, round, reason) = *self
                    .known
                    .get(&mark)
                    .unwrap_or_else(|| panic!("what came at {at} is of no check-in that is known"));
                self.model.arrivals.push(Arrival {
                    at,
                    recipient,
                    message,
                    by_mail,
                    check_in,
                    round,
                    reason,
                });
            }
        }
    }

    async fn take(&mut self, step: &Step) {
        let now = self.app.clock.now();
        match *step {
            Step::Pass(minutes) => self.app.pass_minutes(minutes).await,
            Step::Down(minutes) => {
                self.app.clock.set(now + SignedDuration::from_mins(minutes));
                (0..2).for_each(|who| self.model.disturb(who));
            }
            Step::Deliver => self.app.deliver().await,
            Step::Scene(who, ago) => self.scene(who, now - SignedDuration::from_mins(ago)).await,
            Step::Answer(who, which) => {
                let Some(n) = self.pick(who, which, |c| now < c.due + SignedDuration::from_hours(336)) else {
                    return;
                };
                let input = json!({ "checkInId": self.model.check_ins[n].id, "mood": 3 });
                self.done(who, "answerCheckIn", input, "").await;
                self.model.hear_from(n, now);
                self.model.check_ins[n].settled = true;
            }
            Step::Skip(who, which) => {
                let Some(n) =
                    self.pick(who, which, |c| !c.settled && now < c.due + SignedDuration::from_hours(336))
                else {
                    return;
                };
                let input = json!({ "checkInId": self.model.check_ins[n].id });
                self.done(who, "skipCheckIn", input, "").await;
                self.model.hear_from(n, now);
                self.model.check_ins[n].settled = true;
            }
            Step::Snooze(who, which, minutes) => {
                let until = now + SignedDuration::from_mins(minutes);
                let Some(n) = self.pick(who, which, |c| !c.settled && until < c.closes) else {
                    return;
                };
                let input = json!({ "checkInId": self.model.check_ins[n].id, "minutes": minutes });
                self.done(who, "snoozeCheckIn", input, "").await;
                self.model.hear_from(n, now);
                let check_in = &mut self.model.check_ins[n];
                check_in.round += 1;
                (check_in.snoozed, check_in.heard) = (Some(until), false);
                self.learn(n);
            }
            Step::Pause(who, hours) => {
                let until = hours.map(|hours| now + SignedDuration::from_hours(hours));
                self.done(who, "pauseNudges", json!({ "until": until.map(|at| at.to_string()) }), "").await;
                for n in self.model.pause(who, Some(until.unwrap_or(at("2100-01-01T00:00:00Z"))), now) {
                    self.learn(n);
                }
            }
            Step::Resume(who) => {
                self.person(who).ask(&self.app, "mutation { resumeNudges { status } }", json!({})).await;
                if self.model.people[who].is_paused(now) {
                    for n in self.model.pause(who, None, now) {
                        self.learn(n);
                    }
                }
            }
            Step::Profile(who, zone, quiet) => {
                let (zone, quiet) = (ZONES[zone % ZONES.len()], QUIET[quiet % QUIET.len()]);
                let typed = quiet.map(|(from, until)| {
                    json!({ "from": hours_and_minutes(from), "until": hours_and_minutes(until) })
                });
                self.done(who, "updateProfile", json!({ "zone": zone, "quietHours": typed }), "").await;
                let person = &mut self.model.people[who];
                (person.zone, person.quiet) = (TimeZone::get(zone).unwrap(), quiet);
                self.model.disturb(who);
            }
            Step::RemoveDevices(who) => {
                let query = "{ viewer { devices { id } } }";
                let devices =
                    self.person(who).ask(&self.app, query, json!({})).await["viewer"]["devices"].clone();
                for device in devices.as_array().unwrap() {
                    self.done(who, "removeDevice", json!({ "deviceId": device["id"] }), "").await;
                }
                self.model.people[who].has_device = false;
                self.model.disturb(who);
            }
            Step::AddDevice(who) => {
                // One device each: a nudge would come once to each of several.
                if self.model.people[who].has_device {
                    return;
                }
                let device = self.app.push.subscribe();
                let input = json!({ "endpoint": device.endpoint, "p256dh": device.p256dh, "auth": device.auth,
                    "label": "phone" });
                self.done(who, "registerDevice", input, "").await;
                self.endpoints.insert(device.endpoint, who);
                self.model.people[who].has_device = true;
                self.model.disturb(who);
            }
            Step::DevicesGone(who) => {
                for (endpoint, _) in self.endpoints.iter().filter(|(_, owner)| **owner == who) {
                    self.app.push.answer_always(endpoint, Some(Answer::status(410)));
                }
                self.model.disturb(who);
            }
            Step::Agree(..) | Step::Withdraw(_) | Step::Allow(..) | Step::Unlink(_) | Step::Link => {
                self.change_link(step).await;
            }
            Step::AllowForScene(who, which, allowed) => {
                let Some(n) = self.pick_scene(which) else { return };
                let input = json!({ "sceneId": self.model.scenes[n].id, "allowed": allowed });
                self.done(who, "setSceneAlert", input, "").await;
                self.model.scenes[n].allows[who] = allowed;
            }
            Step::ReachOut(who, which) => {
                let Some(n) = self.pick_scene(which) else { return };
                let input = json!({ "sceneId": self.model.scenes[n].id, "way": "CALL" });
                self.done(who, "recordOutreach", input, "").await;
                let others = self.model.check_ins.iter_mut().filter(|c| c.scene == n && c.subject != who);
                others.for_each(|c| c.reached_out |= c.due - SignedDuration::from_hours(1) <= now);
            }
        }
    }

    async fn change_link(&mut self, step: &Step) {
        let link = self.model.link();
        match (step, link) {
            (Step::Link, None) => {
                let id = self.app.link(&self.couple.alex, &self.couple.sam).await;
                self.couple.link.clone_from(&id);
                self.model.links.push(Link { id, active: true, texts: Vec::new() });
                self.model.people.iter_mut().for_each(|person| person.allows = false);
            }
            (Step::Unlink(who), Some(n)) => {
                self.done(*who, "endLink", json!({ "linkId": self.model.links[n].id }), "").await;
                self.model.links[n].active = false;
            }
            (Step::Allow(who, allowed), Some(_)) => {
                self.couple.allow_alert(&self.app, self.person(*who), *allowed).await;
                self.model.people[*who].allows = *allowed;
            }
            (Step::Agree(protocol, alert), Some(n)) => {
                let texts = &self.model.links[n].texts;
                let terms = json!({ "stopSignal": "red", "limits": format!("text {}", texts.len()),
                    "partnerAlert": alert.then_some("CALL"), "protocol": after_end(PROTOCOLS[protocol % PROTOCOLS.len()]) });
                let based_on = texts.last().map(|text| text.id.as_str());
                let id = self.couple.agree(&self.app, terms, based_on).await;
                self.model.links[n].texts.push(Text { id, alert: *alert, withdrawn: false });
            }
            (Step::Withdraw(who), Some(n)) => {
                let Some(text) = self.model.links[n].texts.last_mut() else { return };
                text.withdrawn = true;
                let input = json!({ "revisionId": text.id });
                // It may be withdrawn already.
                self.person(*who).change(&self.app, "withdrawAgreement", input, "").await;
            }
            _ => {}
        }
    }

    async fn scene(&mut self, who: usize, ended: Timestamp) {
        let Some(link) = self.model.link() else { return };
        let now = self.app.clock.now();
        let select = "scene { id revision { id } }";
        let ended = ended.max(at(crate::support::START));
        let input = json!({ "linkId": self.model.links[link].id, "setting": "ONLINE", "intensity": 4,
            "startedAt": ended.to_string(), "endedAt": ended.to_string(), "separate": true });
        let scene = self.done(who, "recordScene", input, select).await["scene"].clone();
        let id = text(&scene["id"]);
        let under = scene["revision"]["id"].as_str();
        let known = self.model.links[link].texts.iter().position(|text| Some(text.id.as_str()) == under);
        assert_eq!(known.is_some(), under.is_some());
        let n = self.model.scenes.len();
        self.model.scenes.push(Scene { id: id.clone(), link, text: known, allows: [None; 2] });
        for subject in 0..2 {
            for check_in in self.couple.check_ins(&self.app, self.person(subject), &id).await {
                self.model.check_ins.push(CheckIn {
                    id: text(&check_in["id"]),
                    subject,
                    scene: n,
                    due: at(check_in["dueAt"].as_str().unwrap()),
                    closes: at(check_in["closesAt"].as_str().unwrap()),
                    made: now,
                    round: 0,
                    snoozed: None,
                    settled: false,
                    postponed: self.model.people[subject].paused_until.filter(|until| now < *until),
                    heard: false,
                    disturbed: false,
                    reached_out: false,
                });
                self.learn(self.model.check_ins.len() - 1);
            }
        }
    }

    /// One of a person's check-ins that fits.
    fn pick(&self, who: usize, which: usize, fits: impl Fn(&CheckIn) -> bool) -> Option<usize> {
        let all = &self.model.check_ins;
        let fitting: Vec<_> = (0..all.len()).filter(|n| all[*n].subject == who && fits(&all[*n])).collect();
        fitting.get(which % fitting.len().max(1)).copied()
    }

    /// One of the scenes of the active link.
    fn pick_scene(&self, which: usize) -> Option<usize> {
        let link = self.model.link()?;
        let scenes = &self.model.scenes;
        let fitting: Vec<_> = (0..scenes.len()).filter(|n| scenes[*n].link == link).collect();
        fitting.get(which % fitting.len().max(1)).copied()
    }
}

/// Every reason of a reminder.
fn reasons() -> impl Iterator<Item = Reason> {
    Rung::ALL.iter().copied().map(Reason::CheckIn).chain([Reason::Prompt])
}

/// Counts over all courses, so that a test that never sees anything fails.
#[derive(Default)]
struct Tally {
    reckoned: Cell<usize>,
    most_a_day: Cell<usize>,
    together: Cell<usize>,
    reasons: RefCell<HashMap<Reason, usize>>,
}

async fn live(app: TestApp, course: &[Step], tally: &Tally) -> Result<(), String> {
    let mut world = World::build(app).await;
    for (n, step) in course.iter().enumerate() {
        world.take(step).await;
        world.take_arrivals().await;
        let now = world.app.clock.now();
        world.model.check(now).map_err(|broken| format!("at {now}, after step {n} ({step:?}):\n{broken}"))?;
    }
    tally.reckoned.set(tally.reckoned.get() + world.model.reckoned);
    tally.most_a_day.set(tally.most_a_day.get().max(world.model.most_a_day));
    tally.together.set(tally.together.get() + world.model.together);
    for arrival in &world.model.arrivals {
        *tally.reasons.borrow_mut().entry(arrival.reason).or_default() += 1;
    }
    Ok(())
}

fn random_courses(backend: Backend) {
    let tally = Tally::default();
    let usual = live_through(CASES, &courses(STEPS), |course| {
        let mut broken = Ok(());
        let (outcome, tally) = (&mut broken, &tally);
        crate::support::run(backend, async move |app| *outcome = live(app, course, tally).await);
        broken
    });
    let came = tally.reasons.borrow();
    println!(
        "{came:?}, {} ladders reckoned, at most {} a day, {} came together",
        tally.reckoned.get(),
        tally.most_a_day.get(),
        tally.together.get()
    );
    if !usual {
        return;
    }
    // The usual courses are known to reach all of these.
    for reason in reasons() {
        assert!(came.get(&reason).is_some_and(|count| *count > 0), "{reason:?} never came: {came:?}");
    }
    assert!(tally.reckoned.get() >= 5, "too few ladders went undisturbed");
    assert!(tally.most_a_day.get() >= 5, "nobody ever got nearly as many as they may");
    assert!(tally.together.get() > 50, "next to nothing came together");
}

mod r05_r10_r12_r16_r19_r21_r22_the_rules_hold_after_every_step {
    use super::*;

    #[test]
    fn sqlite() {
        random_courses(Backend::Sqlite);
    }

    #[test]
    fn postgres() {
        random_courses(Backend::Postgres);
    }
}

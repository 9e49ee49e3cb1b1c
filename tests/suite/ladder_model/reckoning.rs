//! The ladder to the minute: what must come and when, after snoozes, pauses, journeys, corrections and downtime.
//!
//! What is near something else for the same person may come with it, or wait for it, and in a full day it waits for the next
//! (R22). Such a ladder is tangled: the rules hold for it, and its minutes are not compared until a new round begins.

use super::model::{Arrival, CheckIn, DAILY, HOUR, LONGEST_DAY, Model, PATIENCE, Plea, is_question};
use super::times::{Placed, Since, after_journey, after_scene};
use evenkeel::domain::nudge::{Reason, Rung};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashSet;

const QUESTIONS: [Rung; 3] = [Rung::Ask, Rung::Email, Rung::AskAgain];
/// Whatever is nearer than this to something else may come with it.
const NEAR: SignedDuration = SignedDuration::from_hours(2);
/// The same, if the other one may itself have been moved.
const NEAR_TANGLED: SignedDuration = SignedDuration::from_hours(4);

/// Something that is about to come to a person, or came.
#[derive(Clone, Copy, Debug)]
struct Item {
    to: usize,
    at: Timestamp,
    /// The check-in, and whether it is about the other person.
    of: (usize, bool),
    near: SignedDuration,
}

impl CheckIn {
    /// A new round: nothing of it was asked yet, whatever became of the one before.
    pub fn begin_round(&mut self) {
        self.round += 1;
        self.expected.clear();
        self.plan = [None; 3];
        self.tangled = None;
    }

    fn is_asked_by_mail(&self) -> bool {
        self.expected.iter().any(|(_, rung, by_mail)| *rung == Rung::Ask && *by_mail)
    }
}

impl Model {
    /// Plans the questions of a check-in anew. What was planned and would now come too late stays as it was.
    pub fn plan(&mut self, n: usize, now: Timestamp) {
        let check_in = &self.check_ins[n];
        if check_in.settled || check_in.closes <= now {
            return;
        }
        let person = &self.people[check_in.subject];
        let paused = person.paused_until.filter(|until| now < *until);
        let later = [Some(check_in.made), check_in.snoozed, check_in.postponed, paused];
        let ask = person.awake(later.into_iter().flatten().fold(check_in.due, Timestamp::max));
        let mail = person.awake(ask + PATIENCE);
        let again = person.awake(mail + PATIENCE);
        let closes = check_in.closes;
        for (planned, at) in self.check_ins[n].plan.iter_mut().zip([ask, mail, again]) {
            if at < closes {
                *planned = Some(at);
            }
        }
    }

    /// What comes of a check-in's questions from `from` on, if nothing else happens.
    fn forecast(&self, n: usize, from: Timestamp) -> Vec<(Timestamp, Rung, bool)> {
        let mut check_in = self.check_ins[n].clone();
        let known = check_in.expected.len();
        let mut at = from;
        while let Some(next) = self.next(&check_in, at) {
            at = next.0;
            check_in.expected.push(next);
        }
        check_in.expected.split_off(known)
    }

    /// The next question of a check-in.
    fn next(&self, check_in: &CheckIn, from: Timestamp) -> Option<(Timestamp, Rung, bool)> {
        if check_in.settled {
            return None;
        }
        let person = &self.people[check_in.subject];
        let last = check_in.expected.last().copied();
        let open = |rung: Rung| {
            last.is_none_or(|(_, last, _)| last < rung)
                && !(rung == Rung::Email && check_in.is_asked_by_mail())
        };
        let mut at = from;
        loop {
            at = person.reachable(at)?;
            if at >= check_in.closes {
                return None;
            }
            let planned = QUESTIONS.iter().zip(check_in.plan);
            let planned = planned.filter_map(|(rung, at)| Some((*rung, at?))).filter(|(rung, _)| open(*rung));
            let planned: Vec<(Rung, Timestamp)> = planned.collect();
            let due = |rung: Rung| planned.iter().any(|(other, when)| *other == rung && *when <= at);
            let highest = QUESTIONS.iter().rev().copied().find(|rung| due(*rung));
            let Some(highest) = highest else {
                at = planned.iter().map(|(_, when)| *when).filter(|when| *when > at).min()?;
                continue;
            };
            // A first question goes to the phone, and never as a mail only because it is late.
            let rung = match highest {
                Rung::Email if person.has_device && due(Rung::Ask) => Rung::Ask,
                other => other,
            };
            match last.map(|(last, ..)| last + PATIENCE).filter(|patience| at < *patience) {
                Some(patience) => at = patience,
                None => return Some((at, rung, rung == Rung::Email || !person.has_device)),
            }
        }
    }

    /// When a prompt comes, if nothing else happens; None: it does not come, or came.
    fn prompt(&self, n: usize, from: Timestamp) -> Option<Timestamp> {
        let check_in = &self.check_ins[n];
        let scene = &self.scenes[check_in.scene];
        let partner = &self.people[check_in.partner?];
        let (due, closes) = self.promised(check_in);
        let came = |a: &Arrival| a.check_in == n && a.reason == Reason::Prompt;
        let active = scene.link.is_some_and(|link| self.links[link].active);
        if !active || closes <= from || self.arrivals.iter().any(came) {
            return None;
        }
        let earliest = due.max(check_in.made).max(scene.parted.map_or(due, |parted| parted + HOUR));
        let subject = &self.people[check_in.subject];
        let mut both = partner.awake(earliest);
        while both < closes && subject.is_quiet(both) {
            both = partner.awake(subject.awake(both));
        }
        let at = if both < closes { both } else { partner.awake(earliest) };
        partner.reachable(at.max(from)).filter(|at| *at < closes)
    }

    /// What is about to come from `now` on, to anybody.
    fn items(&self, now: Timestamp) -> Vec<Item> {
        let mut items = Vec::new();
        for (n, check_in) in self.check_ins.iter().enumerate() {
            let near = if check_in.tangled.is_some() { NEAR_TANGLED } else { NEAR };
            if check_in.closes > now {
                let to = check_in.subject;
                let planned = check_in.plan.iter().flatten().filter(|at| **at >= now && !check_in.settled);
                let forecast = self.forecast(n, now).into_iter().map(|(at, ..)| at);
                items.extend(forecast.chain(planned.copied()).map(|at| Item {
                    to,
                    at,
                    of: (n, false),
                    near,
                }));
            }
            if let Some(at) = self.prompt(n, now) {
                let to = check_in.partner.unwrap();
                items.push(Item { to, at, of: (n, true), near: NEAR });
            }
        }
        items
    }

    /// Marks what may not come to the minute, because something else is near or the day may be full.
    fn tangle(&mut self, now: Timestamp) {
        let items = self.items(now);
        let day = |item: &Item| self.people[item.to].zone.to_datetime(item.at).date();
        let mut tangled: Vec<(usize, &'static str)> = Vec::new();
        for item in items.iter().filter(|item| !item.of.1 && self.check_ins[item.of.0].tangled.is_none()) {
            let others = || items.iter().filter(|other| other.to == item.to && other.of != item.of);
            let near =
                |other: &Item| other.at != item.at && other.at.duration_since(item.at).abs() <= other.near;
            if others().any(near) {
                tangled.push((item.of.0, "something else is near"));
                continue;
            }
            let mut that_day: HashSet<Timestamp> = items
                .iter()
                .filter(|other| other.to == item.to && day(other) == day(item))
                .map(|other| other.at)
                .collect();
            let came = self.arrivals.iter().filter(|a| a.recipient == item.to && now - LONGEST_DAY < a.at);
            that_day.extend(
                came.map(|a| a.at)
                    .filter(|at| self.people[item.to].zone.to_datetime(*at).date() == day(item)),
            );
            if that_day.len() >= DAILY {
                tangled.push((item.of.0, "the day is full"));
            }
        }
        for (n, why) in tangled {
            self.check_ins[n].tangled = Some(why);
        }
        for n in 0..self.check_ins.len() {
            if self.people[self.check_ins[n].subject].unsure && self.check_ins[n].closes > now {
                self.check_ins[n].tangled = Some("nobody knows of what became of the devices");
            }
        }
    }

    /// Time passed with a worker that delivers whatever falls due.
    pub fn live(&mut self, from: Timestamp, until: Timestamp) {
        for n in 0..self.check_ins.len() {
            if self.check_ins[n].closes <= from {
                continue;
            }
            let come: Vec<_> = self.forecast(n, from).into_iter().filter(|(at, ..)| *at <= until).collect();
            let check_in = &mut self.check_ins[n];
            let waited = |(at, rung, _): &(Timestamp, Rung, bool)| {
                let slot = QUESTIONS.iter().position(|question| question == rung).unwrap();
                *at == from && check_in.plan[slot].is_some_and(|planned| planned < from)
            };
            if come.iter().any(waited) {
                self.late.insert(n);
            }
            check_in.expected.extend(come);
        }
        for n in 0..self.pleas.len() {
            if let Some(at) = self.plea(&self.pleas[n], from).filter(|at| *at <= until) {
                self.pleas[n].expected = Some(at);
            }
        }
    }

    /// Time passed, and no worker ran.
    pub fn wait(&mut self, from: Timestamp, until: Timestamp) {
        for n in 0..self.check_ins.len() {
            if self.forecast(n, from).iter().any(|(at, ..)| *at < until) {
                self.held_up.insert(n);
            }
        }
    }

    /// Compares what came with what must have come, to the minute.
    pub fn reckon(&mut self, now: Timestamp) -> Result<(), String> {
        for n in 0..self.check_ins.len() {
            let check_in = &self.check_ins[n];
            if self.closed.contains(&n) {
                continue;
            }
            if check_in.tangled.is_none() {
                let own = |a: &&Arrival| {
                    a.check_in == n
                        && a.recipient == check_in.subject
                        && a.round == check_in.round
                        && is_question(a.reason)
                };
                let came: Vec<&Arrival> = self.arrivals.iter().filter(own).collect();
                let got = came.iter().map(|a| {
                    let Reason::CheckIn(rung) = a.reason else { unreachable!() };
                    (a.at, rung, a.by_mail)
                });
                let mut got: Vec<_> = got.collect();
                got.sort_unstable();
                if got != check_in.expected {
                    // Something nobody could foresee took it along: an alert, or what was itself moved.
                    if came.iter().any(|a| self.message_of(a).count() > 1) {
                        self.check_ins[n].tangled = Some("it came with something else");
                        continue;
                    }
                    let person = &self.people[check_in.subject];
                    let scene = &self.scenes[check_in.scene];
                    return Err(format!(
                        "R19: the ladder as planned\n{check_in:?}\nof {scene:?}\nof {person:?}\ngot {got:?}\nnot {:?}",
                        check_in.expected
                    ));
                }
            }
            let check_in = &self.check_ins[n];
            if check_in.closes <= now {
                self.closed.insert(n);
                if check_in.tangled.is_none() && !check_in.expected.is_empty() {
                    self.reckoned.ladders += 1;
                    self.reckoned.put_off += usize::from(check_in.round > 0);
                    self.reckoned.moved += usize::from(self.moved.contains(&n));
                    self.reckoned.late += usize::from(self.late.contains(&n));
                }
            }
        }
        self.reckon_pleas()?;
        self.tangle(now);
        Ok(())
    }

    /// Pleas come in two minutes, or when the other may be disturbed next, and once (R37).
    fn reckon_pleas(&mut self) -> Result<(), String> {
        for plea in &self.pleas {
            let expected: Vec<_> = plea.expected.map(|at| (at, self.other(plea))).into_iter().collect();
            if plea.came != expected {
                let other = &self.people[self.other(plea)];
                return Err(format!(
                    "R37: heard in two minutes, or when awake next\n{plea:?}\nby {other:?}\nnot {expected:?}"
                ));
            }
        }
        self.reckoned.pleas = self.pleas.iter().filter(|plea| plea.expected.is_some()).count();
        Ok(())
    }

    /// Whom a plea is for.
    fn other(&self, plea: &Plea) -> usize {
        let members = self.links[plea.link].members;
        members[usize::from(members[0] == plea.from)]
    }

    /// When a plea comes from `from` on, with a worker; None: it does not.
    fn plea(&self, plea: &Plea, from: Timestamp) -> Option<Timestamp> {
        let link = &self.links[plea.link];
        let other = &self.people[self.other(plea)];
        if plea.taken_back || !link.active || plea.expected.is_some() {
            return None;
        }
        let at = other.reachable((plea.made + Plea::TAKE_BACK).max(from))?;
        (at < plea.made + Plea::TAKE_BACK + SignedDuration::from_hours(24)).then_some(at)
    }

    /// What the check-ins of a person after a scene must be now, if what is counted from `moved` is placed anew.
    pub fn after_scene(&self, scene: usize, who: usize, moved: Since) -> Vec<Placed> {
        let of = &self.scenes[scene];
        let zone = &self.people[who].zone;
        after_scene(&of.protocol, &self.placed(scene, who), moved, (of.ended, of.parted), zone)
    }

    /// The check-ins of a person after a scene moved: their untried nudges are planned anew.
    pub fn retime(&mut self, scene: usize, who: usize, placed: &[Placed], now: Timestamp) {
        for n in 0..self.check_ins.len() {
            let check_in = &mut self.check_ins[n];
            let new = placed.iter().find(|one| one.time == check_in.time);
            let Some(new) = new.filter(|_| (check_in.scene, check_in.subject) == (scene, who)) else {
                continue;
            };
            if (check_in.due, check_in.closes) != (new.due, new.closes) {
                (check_in.due, check_in.closes) = (new.due, new.closes);
                check_in.plan = [None; 3];
                self.closed.remove(&n);
                self.scenes[scene].rearranged = true;
                self.plan(n, now);
            }
        }
    }

    /// A person went to another zone, or chose other quiet hours. Returns the scenes whose check-ins may have moved.
    pub fn change_rhythm(
        &mut self,
        who: usize,
        zone: &TimeZone,
        quiet: Option<(u16, u16)>,
        now: Timestamp,
    ) -> Vec<usize> {
        let from = self.people[who].zone.clone();
        (self.people[who].zone, self.people[who].quiet) = (zone.clone(), quiet);
        let open = |c: &&CheckIn| c.subject == who && c.closes > now;
        let scenes: HashSet<usize> = self.check_ins.iter().filter(open).map(|c| c.scene).collect();
        for scene in &scenes {
            let known = self.placed(*scene, who);
            let placed = after_journey(&self.scenes[*scene].protocol, &known, (&from, zone), now);
            self.retime(*scene, who, &placed, now);
        }
        for n in 0..self.check_ins.len() {
            if self.check_ins[n].subject == who || self.check_ins[n].partner == Some(who) {
                self.plan(n, now);
            }
            if self.check_ins[n].subject == who && self.check_ins[n].closes > now {
                self.moved.insert(n);
            }
        }
        scenes.into_iter().collect()
    }
}

impl Plea {
    /// How long it can be taken back.
    const TAKE_BACK: SignedDuration = SignedDuration::from_mins(2);
}

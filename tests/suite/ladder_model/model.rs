//! The rules as a model of the ladder, written apart from the code that they check.

use evenkeel::domain::nudge::{Reason, Rung};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, HashSet};

/// How long a question waits for its answer (R19).
const PATIENCE: SignedDuration = SignedDuration::from_hours(3);
/// Most nudges of a person in a local day (R22).
const DAILY: usize = 6;

/// Zones, and quiet hours in minutes after midnight, that people choose from. No quiet time begins or ends in an hour
/// that a clock change skips or repeats there, so that a clock's reading alone says whether it is quiet.
pub const ZONES: [&str; 6] =
    ["Europe/Berlin", "America/Los_Angeles", "Asia/Tokyo", "Asia/Kolkata", "Australia/Adelaide", "UTC"];
pub const QUIET: [Option<(u16, u16)>; 6] = [
    Some((22 * 60, 8 * 60)),
    Some((23 * 60, 7 * 60)),
    None,
    Some((9 * 60 + 30, 15 * 60)),
    Some((20 * 60, 11 * 60 + 45)),
    Some((23 * 60 + 30, 6 * 60)),
];

/// One of the two people, as far as reminders go.
#[derive(Clone, Debug)]
pub struct Somebody {
    pub zone: TimeZone,
    pub quiet: Option<(u16, u16)>,
    pub paused_until: Option<Timestamp>,
    /// Whether this person gave the link's standing consent.
    pub allows: bool,
    pub has_device: bool,
}

impl Somebody {
    pub fn is_quiet(&self, at: Timestamp) -> bool {
        let Some((from, until)) = self.quiet else { return false };
        let local = self.zone.to_datetime(at);
        let minute = local.hour() as u16 * 60 + local.minute() as u16;
        if from < until { (from..until).contains(&minute) } else { minute >= from || minute < until }
    }

    pub fn is_paused(&self, at: Timestamp) -> bool {
        self.paused_until.is_some_and(|until| at < until)
    }

    /// The first instant from `at` on that is not quiet, by looking at the clock every minute.
    fn awake(&self, at: Timestamp) -> Timestamp {
        if !self.is_quiet(at) {
            return at;
        }
        let whole = Timestamp::from_second(at.as_second() - at.as_second().rem_euclid(60)).unwrap();
        (1..2880).map(|n| whole + SignedDuration::from_mins(n)).find(|at| !self.is_quiet(*at)).unwrap()
    }
}

/// A check-in and its state.
#[derive(Clone, Debug)]
pub struct CheckIn {
    pub id: String,
    pub subject: usize,
    pub scene: usize,
    pub due: Timestamp,
    pub closes: Timestamp,
    pub made: Timestamp,
    pub round: i32,
    pub snoozed: Option<Timestamp>,
    /// Answered or skipped.
    pub settled: bool,
    /// Until when a pause postponed it.
    pub postponed: Option<Timestamp>,
    /// A sign of life came in the scene since it fell due.
    pub heard: bool,
    /// Something happened to it, or to the person asked, that changed its ladder from the first plan.
    pub disturbed: bool,
    /// Whether the partner reached out since it fell due.
    pub reached_out: bool,
}

#[derive(Clone, Debug)]
pub struct Scene {
    pub id: String,
    pub link: usize,
    /// The link's text that it stood under, by its index.
    pub text: Option<usize>,
    /// Each person's consent for this scene alone.
    pub allows: [Option<bool>; 2],
}

/// A text that both agreed on.
#[derive(Clone, Debug)]
pub struct Text {
    pub id: String,
    pub alert: bool,
    pub withdrawn: bool,
}

#[derive(Clone, Debug)]
pub struct Link {
    pub id: String,
    pub active: bool,
    pub texts: Vec<Text>,
}

/// A push or mail that reached a person.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    pub at: Timestamp,
    pub recipient: usize,
    /// Which push or mail: several reasons come in one.
    pub message: usize,
    pub by_mail: bool,
    pub check_in: usize,
    pub round: i32,
    pub reason: Reason,
}

fn is_question(reason: Reason) -> bool {
    matches!(reason, Reason::CheckIn(Rung::Ask | Rung::Email | Rung::AskAgain))
}

/// The model of everything.
pub struct Model {
    pub people: [Somebody; 2],
    pub links: Vec<Link>,
    pub scenes: Vec<Scene>,
    pub check_ins: Vec<CheckIn>,
    pub arrivals: Vec<Arrival>,
    /// How many ladders were compared with the model's own calculation, step by step.
    pub reckoned: usize,
    /// The most that a person got in one of their local days.
    pub most_a_day: usize,
    /// How many pushes and mails came.
    pub messages: usize,
    /// How many of them had several reasons.
    pub together: usize,
    checked_to: usize,
    closed: HashSet<usize>,
}

impl Model {
    pub fn new(people: [Somebody; 2], link: Link) -> Self {
        let (links, nothing) = (vec![link], Vec::new());
        Self {
            people,
            links,
            scenes: nothing,
            check_ins: Vec::new(),
            arrivals: Vec::new(),
            reckoned: 0,
            most_a_day: 0,
            messages: 0,
            together: 0,
            checked_to: 0,
            closed: HashSet::new(),
        }
    }

    /// The active link.
    pub fn link(&self) -> Option<usize> {
        self.links.iter().position(|link| link.active)
    }

    /// Marks a person's check-ins as disturbed, because something changed their ladders.
    pub fn disturb(&mut self, who: usize) {
        for check_in in self.check_ins.iter_mut().filter(|check_in| check_in.subject == who) {
            check_in.disturbed = true;
        }
    }

    /// A pause, or its end, postpones what is open (R05): who was asked already is asked anew. Returns whose round changed.
    pub fn pause(&mut self, who: usize, until: Option<Timestamp>, now: Timestamp) -> Vec<usize> {
        self.people[who].paused_until = until;
        let mut asked_anew = Vec::new();
        for (n, check_in) in self.check_ins.iter_mut().enumerate() {
            if check_in.subject != who || check_in.settled || check_in.closes <= now {
                continue;
            }
            check_in.postponed = Some(until.unwrap_or(now));
            let asked = |a: &&Arrival| {
                a.check_in == n && a.round == check_in.round && a.recipient == who && is_question(a.reason)
            };
            if self.arrivals.iter().any(|arrival| asked(&arrival)) {
                check_in.round += 1;
                asked_anew.push(n);
            }
        }
        asked_anew
    }

    /// A sign of life in a scene: nobody is told of a silence that was before it (R19).
    pub fn hear_from(&mut self, n: usize, now: Timestamp) {
        let (scene, subject) = (self.check_ins[n].scene, self.check_ins[n].subject);
        for check_in in self.check_ins.iter_mut().filter(|c| (c.scene, c.subject) == (scene, subject)) {
            check_in.heard |= check_in.due <= now && !check_in.settled;
        }
    }

    /// Whether the subject's consent and the agreement both allow the other to be told (R02, R06, R10).
    fn may_tell(&self, check_in: &CheckIn) -> bool {
        let scene = &self.scenes[check_in.scene];
        let link = &self.links[scene.link];
        let consent = scene.allows[check_in.subject].unwrap_or(self.people[check_in.subject].allows);
        let stands = |text: &Text| text.alert && !text.withdrawn;
        let text = scene.text.map(|text| &link.texts[text]);
        link.active && consent && text.is_some_and(stands) && link.texts.last().is_some_and(stands)
    }

    /// Checks what arrived since the last time against the rules. The state is still that of the arrival, because
    /// nothing else happened meanwhile.
    pub fn check(&mut self, now: Timestamp) -> Result<(), String> {
        let new = self.arrivals[self.checked_to..].to_vec();
        for (n, arrival) in (self.checked_to..).zip(&new) {
            self.check_one(n, arrival).map_err(|rule| {
                let check_in = &self.check_ins[arrival.check_in];
                let before: Vec<_> =
                    self.arrivals[..n].iter().filter(|other| other.check_in == arrival.check_in).collect();
                format!(
                    "{rule}\n{arrival:?}\nof {check_in:?}\nto {:?}\nafter {before:#?}",
                    self.people[arrival.recipient]
                )
            })?;
        }
        self.checked_to = self.arrivals.len();
        for arrival in &new {
            self.most_a_day = self.most_a_day.max(self.places(self.arrivals.len(), arrival).len());
            self.together += usize::from(self.message_of(arrival).count() > 1);
        }
        for n in 0..self.check_ins.len() {
            if self.check_ins[n].closes <= now && self.closed.insert(n) {
                self.reckon(n)?;
            }
        }
        Ok(())
    }

    fn check_one(&self, n: usize, arrival: &Arrival) -> Result<(), String> {
        let Arrival { at, recipient, reason, round, .. } = *arrival;
        let check_in = &self.check_ins[arrival.check_in];
        let person = &self.people[recipient];
        let link = &self.links[self.scenes[check_in.scene].link];
        let about_oneself = is_question(reason);
        let holds = |rule: &str, is_so: bool| if is_so { Ok(()) } else { Err(rule.to_owned()) };
        let before = || self.arrivals[..n].iter().filter(|other| other.check_in == arrival.check_in);

        holds(
            "R14: each once",
            !before().any(|a| (a.reason, a.round, a.recipient) == (reason, round, recipient)),
        )?;
        holds("R19: to whom", about_oneself == (recipient == check_in.subject))?;
        let several = self.message_of(arrival).count() > 1;
        let early = match reason {
            Reason::CheckIn(Rung::Ask) if several && round == 0 => self.with_other_questions(arrival),
            _ if several => SignedDuration::from_mins(30),
            _ => SignedDuration::ZERO,
        };
        holds("R03: not before it is due", (check_in.due - early).max(check_in.made) <= at)?;
        let is_alert = reason == Reason::CheckIn(Rung::TellPartner);
        holds("R19: not after it closed", is_alert || at < check_in.closes)?;
        holds("R16, R17: not in quiet hours", !person.is_quiet(at))?;
        holds("R16: not while paused", !person.is_paused(at))?;
        let first = self
            .message_of(arrival)
            .next()
            .is_some_and(|first| first.check_in == arrival.check_in && first.reason == reason);
        if first {
            self.check_day(n, arrival)?;
        }
        if reason != Reason::Prompt {
            holds("R05: not after an answer or a skip", !check_in.settled)?;
            holds("R05: not after it was put off", round == check_in.round)?;
            holds("R05: not before it was put off to", check_in.snoozed.is_none_or(|until| until <= at))?;
        }
        if !about_oneself {
            holds("R12: not after the link ended", link.active)?;
        }
        let asked: Vec<_> = before()
            .filter(|a| a.round == round && a.recipient == check_in.subject && is_question(a.reason))
            .collect();
        match reason {
            Reason::CheckIn(rung @ (Rung::Ask | Rung::Email | Rung::AskAgain)) => {
                holds("R21: one at a time", asked.iter().all(|a| a.at < at))?;
                holds("R19: in the order of the ladder", asked.iter().all(|a| a.reason < reason))?;
                let begin = check_in.snoozed.unwrap_or(check_in.due).max(check_in.due).max(check_in.made);
                holds("R19: time to answer first", rung == Rung::Ask || begin + PATIENCE <= at + early)?;
                holds("R19: three hours between", asked.iter().all(|a| a.at + PATIENCE <= at + early))?;
            }
            Reason::CheckIn(Rung::TellPartner) => {
                holds("R10: only with consent and agreement", self.may_tell(check_in))?;
                holds("R19: not after a sign of life", !check_in.heard)?;
                holds("R18: not after the partner reached out", !check_in.reached_out)?;
                holds("R05: not while the subject is paused", !self.people[check_in.subject].is_paused(at))?;
                holds("R19: only about somebody who was asked", !asked.is_empty())?;
                holds(
                    "R19: three hours after the last question",
                    asked.iter().all(|a| a.at + PATIENCE <= at) || self.was_moved(check_in, &asked, at),
                )?;
            }
            Reason::Prompt => holds("not after the partner reached out", !check_in.reached_out)?,
        }
        Ok(())
    }

    /// Everything that came in the same push or mail.
    fn message_of<'a>(&'a self, arrival: &'a Arrival) -> impl Iterator<Item = &'a Arrival> {
        self.arrivals.iter().filter(move |other| other.message == arrival.message)
    }

    /// Whether other reminders to the subject may have moved these questions: the alert does not wait for that (R11).
    fn was_moved(&self, check_in: &CheckIn, asked: &[&Arrival], until: Timestamp) -> bool {
        let scene = |of: &Arrival| self.check_ins[of.check_in].scene;
        let with_others = |a: &Arrival| self.message_of(a).any(|other| scene(other) != check_in.scene);
        asked.iter().any(|a| with_others(a)) || self.is_crowded(check_in, until)
    }

    /// How much earlier a first question may come: two hours if it comes with one about another scene, else half an hour.
    fn with_other_questions(&self, arrival: &Arrival) -> SignedDuration {
        let scene = |of: &Arrival| self.check_ins[of.check_in].scene;
        let mut others = self.message_of(arrival).filter(|other| scene(other) != scene(arrival));
        let asks = others.any(|other| other.reason == Reason::CheckIn(Rung::Ask));
        SignedDuration::from_mins(if asks { 120 } else { 30 })
    }

    /// Whether a message has a first question: of a check-in, and not one that its subject chose the time of.
    fn has_question(&self, message: usize) -> bool {
        let mut all = self.arrivals.iter().filter(|arrival| arrival.message == message);
        all.any(|arrival| arrival.reason == Reason::CheckIn(Rung::Ask) && arrival.round == 0)
    }

    /// The messages that took a place in the same person's same day, of the first `n` arrivals (R22): not those that only
    /// tell the partner, or only ask when the person chose.
    fn places(&self, n: usize, arrival: &Arrival) -> HashSet<usize> {
        let day = |at: Timestamp| self.people[arrival.recipient].zone.to_datetime(at).date();
        let takes = |a: &&Arrival| match a.reason {
            Reason::CheckIn(Rung::TellPartner) => false,
            Reason::CheckIn(Rung::Ask) => a.round == 0,
            Reason::CheckIn(_) | Reason::Prompt => true,
        };
        let that_day = self.arrivals[..n]
            .iter()
            .filter(|a| a.recipient == arrival.recipient && day(a.at) == day(arrival.at));
        that_day.filter(takes).map(|a| a.message).collect()
    }

    fn check_day(&self, n: usize, arrival: &Arrival) -> Result<(), String> {
        let holds = |rule: &str, is_so: bool| if is_so { Ok(()) } else { Err(rule.to_owned()) };
        let same = |other: &&Arrival| {
            (other.recipient, other.at, other.by_mail) == (arrival.recipient, arrival.at, arrival.by_mail)
                && other.message != arrival.message
        };
        holds("R22: what comes at once comes as one", !self.arrivals[..n].iter().any(|other| same(&other)))?;
        let mine: HashSet<usize> = self.places(self.arrivals.len(), arrival);
        if !mine.contains(&arrival.message) {
            return Ok(());
        }
        let before: Vec<usize> =
            self.places(n, arrival).into_iter().filter(|message| *message != arrival.message).collect();
        let questions = before.iter().filter(|message| self.has_question(**message)).count();
        if self.has_question(arrival.message) {
            return holds("R22: six first questions a local day", questions < DAILY);
        }
        // Zones that changed make another day of what came before.
        holds("R22: six a local day", before.len() < DAILY)
    }

    /// Whether the subject got the daily limit on any day since the check-in fell due: then some nudges waited (R22).
    fn is_crowded(&self, check_in: &CheckIn, until: Timestamp) -> bool {
        let person = &self.people[check_in.subject];
        let date = |at: Timestamp| person.zone.to_datetime(at).date();
        let mut days: HashMap<_, HashSet<usize>> = HashMap::new();
        for arrival in self.arrivals.iter().filter(|arrival| arrival.recipient == check_in.subject) {
            days.entry(date(arrival.at)).or_default().insert(arrival.message);
        }
        // Four of six places are for what is not a first question.
        days.iter().any(|(day, got)| got.len() >= 4 && date(check_in.due) <= *day && *day <= date(until))
    }

    /// Compares the ladder of a closed, undisturbed check-in with the model's own calculation.
    fn reckon(&mut self, n: usize) -> Result<(), String> {
        let check_in = &self.check_ins[n];
        let person = &self.people[check_in.subject];
        let of_it = self.arrivals.iter().filter(|a| a.check_in == n && a.recipient == check_in.subject);
        let scene = |of: &Arrival| self.check_ins[of.check_in].scene;
        let shifted = of_it.clone().any(|a| self.message_of(a).any(|other| scene(other) != check_in.scene));
        if check_in.disturbed || check_in.settled || shifted || self.is_crowded(check_in, check_in.closes) {
            return Ok(());
        }
        let later = [Some(check_in.made), check_in.snoozed, check_in.postponed];
        let ask = person.awake(later.into_iter().flatten().fold(check_in.due, Timestamp::max));
        let mail = person.awake(ask + PATIENCE);
        let again = person.awake(mail + PATIENCE);
        let mut expected = vec![(ask, Reason::CheckIn(Rung::Ask))];
        if person.has_device {
            expected.push((mail, Reason::CheckIn(Rung::Email)));
        }
        expected.push((again, Reason::CheckIn(Rung::AskAgain)));
        expected.retain(|(at, _)| *at < check_in.closes);
        let mut got: Vec<_> = self
            .arrivals
            .iter()
            .filter(|a| a.check_in == n && a.recipient == check_in.subject && a.round == check_in.round)
            .map(|a| (a.at, a.reason))
            .collect();
        got.sort_unstable();
        if got != expected {
            return Err(format!(
                "R19: the ladder as planned\n{check_in:?}\nof {person:?}\ngot {got:?}\nnot {expected:?}"
            ));
        }
        self.reckoned += 1;
        Ok(())
    }
}

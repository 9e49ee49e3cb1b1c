//! The rules as a model of the ladder, written apart from the code that they check.

use super::times::{Placed, Time};
use evenkeel::domain::nudge::{Reason, Rung};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashSet;

/// How long a question waits for its answer (R19).
pub const PATIENCE: SignedDuration = SignedDuration::from_hours(3);
/// How long after a parting the first prompt comes at the earliest, and how long before a check-in a call counts (R18).
pub const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// Most nudges of a person in a local day (R22).
pub const DAILY: usize = 6;
/// No local day is longer, clock changes included.
pub const LONGEST_DAY: SignedDuration = SignedDuration::from_hours(26);

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

/// A person, as far as reminders go.
#[derive(Clone, Debug)]
pub struct Somebody {
    pub zone: TimeZone,
    pub quiet: Option<(u16, u16)>,
    pub paused_until: Option<Timestamp>,
    pub has_device: bool,
    /// The push service gave the devices up, and the service learns it with the next push.
    pub unsure: bool,
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

    /// The first instant from `at` on that is not quiet, by looking at the clock every quarter of an hour: no quiet hours
    /// begin or end between two of them.
    pub fn awake(&self, at: Timestamp) -> Timestamp {
        if !self.is_quiet(at) {
            return at;
        }
        let quarter = Timestamp::from_second(at.as_second() - at.as_second().rem_euclid(900)).unwrap();
        let quarters = (1..192).map(|n| quarter + SignedDuration::from_mins(15 * n));
        quarters.into_iter().find(|at| !self.is_quiet(*at)).unwrap()
    }

    /// The first instant from `at` on at which they may be disturbed; None: they paused until further notice.
    pub fn reachable(&self, at: Timestamp) -> Option<Timestamp> {
        match self.paused_until.filter(|until| at < *until) {
            Some(until) if until > at + SignedDuration::from_hours(24 * 365) => None,
            Some(until) => Some(self.awake(until)),
            None => Some(self.awake(at)),
        }
    }
}

/// A check-in and its state.
#[derive(Clone, Debug)]
pub struct CheckIn {
    pub id: String,
    pub subject: usize,
    /// Who is told of a silence and prompted; None: nobody, the scene is the subject's own.
    pub partner: Option<usize>,
    pub scene: usize,
    pub time: Time,
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
    /// What is planned of the present round: the question, the e-mail, the question again.
    pub plan: [Option<Timestamp>; 3],
    /// What must have come of the present round.
    pub expected: Vec<(Timestamp, Rung, bool)>,
    /// Why the ladder is not reckoned to the minute in this round: something else may have moved it.
    pub tangled: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub struct Scene {
    pub id: String,
    /// None: it is its maker's own.
    pub link: Option<usize>,
    pub maker: usize,
    /// The link's text that it stood under, by its index.
    pub text: Option<usize>,
    pub protocol: Vec<Time>,
    /// Each person's consent for this scene alone, in the order of the link's members.
    pub allows: [Option<bool>; 2],
    pub made: Timestamp,
    pub ended: Timestamp,
    pub in_person: bool,
    pub parted: Option<Timestamp>,
    /// Whether check-ins moved since it was recorded.
    pub rearranged: bool,
    /// Who reached out, and when.
    pub outreaches: Vec<(usize, Timestamp)>,
}

/// A text that both agreed on.
#[derive(Clone, Debug)]
pub struct Text {
    pub id: String,
    pub protocol: Vec<Time>,
    pub alert: bool,
    pub withdrawn: bool,
}

#[derive(Clone, Debug)]
pub struct Link {
    pub id: String,
    pub members: [usize; 2],
    pub active: bool,
    /// Each member's standing consent.
    pub allows: [bool; 2],
    pub texts: Vec<Text>,
}

/// "I would like to hear from you."
#[derive(Clone, Debug)]
pub struct Plea {
    pub id: String,
    pub link: usize,
    pub from: usize,
    pub made: Timestamp,
    pub taken_back: bool,
    /// When it must have come.
    pub expected: Option<Timestamp>,
    pub came: Vec<(Timestamp, usize)>,
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

pub fn is_question(reason: Reason) -> bool {
    matches!(reason, Reason::CheckIn(Rung::Ask | Rung::Email | Rung::AskAgain))
}

/// How much was reckoned to the minute.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reckoned {
    /// Ladders that closed, and all their questions came when the model says.
    pub ladders: usize,
    /// The same of those that were put off, by a snooze or a pause.
    pub put_off: usize,
    /// The same of those whose subject moved or chose other quiet hours meanwhile.
    pub moved: usize,
    /// The same of those that were late, because no worker ran.
    pub late: usize,
    /// Times of check-ins.
    pub times: usize,
    pub pleas: usize,
}

/// The model of everything.
#[derive(Default)]
pub struct Model {
    pub people: Vec<Somebody>,
    pub links: Vec<Link>,
    pub scenes: Vec<Scene>,
    pub check_ins: Vec<CheckIn>,
    pub pleas: Vec<Plea>,
    pub arrivals: Vec<Arrival>,
    pub reckoned: Reckoned,
    /// The most that a person got in one of their local days.
    pub most_a_day: usize,
    /// How many pushes and mails came.
    pub messages: usize,
    /// How many of them had several reasons.
    pub together: usize,
    pub checked_to: usize,
    pub closed: HashSet<usize>,
    /// Check-ins whose subject moved meanwhile, and those that were late.
    pub moved: HashSet<usize>,
    pub late: HashSet<usize>,
    /// Check-ins of which a question was due while no worker ran.
    pub held_up: HashSet<usize>,
}

impl Model {
    pub fn side(&self, link: usize, who: usize) -> usize {
        usize::from(self.links[link].members[1] == who)
    }

    /// When a person's check-in of that kind of a scene falls due and closes.
    pub fn placed(&self, scene: usize, who: usize) -> Vec<Placed> {
        let own = self.check_ins.iter().filter(|c| (c.scene, c.subject) == (scene, who));
        let mut placed: Vec<_> = own.map(|c| Placed { time: c.time, due: c.due, closes: c.closes }).collect();
        placed.sort_by_key(|one| one.due);
        placed
    }

    /// When the partner's own check-in of that kind falls due and closes: the prompt goes by it.
    pub fn promised(&self, check_in: &CheckIn) -> (Timestamp, Timestamp) {
        let same = |c: &&CheckIn| {
            (c.scene, c.time) == (check_in.scene, check_in.time) && Some(c.subject) == check_in.partner
        };
        self.check_ins.iter().find(same).map_or((check_in.due, check_in.closes), |c| (c.due, c.closes))
    }

    /// Whether the partner reached out for what falls due then (R18).
    pub fn reached_out(&self, check_in: &CheckIn, due: Timestamp) -> bool {
        let outreaches = &self.scenes[check_in.scene].outreaches;
        outreaches.iter().any(|(who, at)| Some(*who) == check_in.partner && due - HOUR <= *at)
    }

    /// A pause, or its end, postpones what is open (R05): who was asked already is asked anew, an hour after that at the
    /// earliest. Returns whose round changed.
    pub fn pause(&mut self, who: usize, until: Option<Timestamp>, now: Timestamp) -> Vec<usize> {
        self.people[who].paused_until = until;
        let mut asked_anew = Vec::new();
        for n in 0..self.check_ins.len() {
            let check_in = &self.check_ins[n];
            if check_in.subject != who || check_in.settled || check_in.closes <= now {
                continue;
            }
            let asked = |a: &&Arrival| a.check_in == n && a.recipient == who && is_question(a.reason);
            let last = self.arrivals.iter().filter(asked).map(|a| a.at).max();
            let anew = self.arrivals.iter().filter(asked).any(|a| a.round == check_in.round);
            let check_in = &mut self.check_ins[n];
            check_in.postponed = last.map(|at| at + HOUR).max(Some(until.unwrap_or(now)));
            if anew {
                check_in.begin_round();
                asked_anew.push(n);
            }
            check_in.plan = [None; 3];
            self.plan(n, now);
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
        let Some(n) = scene.link else { return false };
        let link = &self.links[n];
        let side = self.side(n, check_in.subject);
        let consent = scene.allows[side].unwrap_or(link.allows[side]);
        let stands = |text: &Text| text.alert && !text.withdrawn;
        let text = scene.text.map(|text| &link.texts[text]);
        link.active && consent && text.is_some_and(stands) && link.texts.last().is_some_and(stands)
    }

    /// Checks what arrived since the last time against the rules. The state is still that of the arrival, because
    /// nothing else happened meanwhile.
    pub fn check(&mut self, now: Timestamp) -> Result<(), String> {
        let new = self.arrivals[self.checked_to..].to_vec();
        for (n, arrival) in (self.checked_to..).zip(&new) {
            self.check_one(n, arrival).map_err(|rule| self.told(&rule, arrival))?;
        }
        self.checked_to = self.arrivals.len();
        for arrival in &new {
            self.most_a_day = self.most_a_day.max(self.places(self.arrivals.len(), arrival).len());
            self.together += usize::from(self.message_of(arrival).count() > 1);
        }
        self.reckon(now)
    }

    /// A broken rule, with all that came about the same check-in.
    fn told(&self, rule: &str, arrival: &Arrival) -> String {
        let check_in = &self.check_ins[arrival.check_in];
        let all: Vec<_> = self.arrivals.iter().filter(|other| other.check_in == arrival.check_in).collect();
        let with: Vec<_> = self.message_of(arrival).collect();
        format!(
            "{rule}\n{arrival:?}\nof {check_in:?}\nof {:?}\npromised {:?}\nto {:?}\nwith {with:#?}\namong {all:#?}",
            self.scenes[check_in.scene],
            self.promised(check_in),
            self.people[arrival.recipient]
        )
    }

    fn check_one(&self, n: usize, arrival: &Arrival) -> Result<(), String> {
        let Arrival { at, recipient, reason, round, .. } = *arrival;
        let check_in = &self.check_ins[arrival.check_in];
        let person = &self.people[recipient];
        let scene = &self.scenes[check_in.scene];
        let about_oneself = is_question(reason);
        let holds = |rule: &str, is_so: bool| if is_so { Ok(()) } else { Err(rule.to_owned()) };
        let before = || self.arrivals[..n].iter().filter(|other| other.check_in == arrival.check_in);
        // A prompt goes by what was promised to whom it is for.
        let (due, closes) =
            if reason == Reason::Prompt { self.promised(check_in) } else { (check_in.due, check_in.closes) };

        holds(
            "R14: each once",
            !before().any(|a| (a.reason, a.round, a.recipient) == (reason, round, recipient)),
        )?;
        let to = if about_oneself { Some(check_in.subject) } else { check_in.partner };
        holds("R12, R19: to whom", to == Some(recipient))?;
        let several = self.message_of(arrival).count() > 1;
        let early = match reason {
            Reason::CheckIn(Rung::Ask) if several && round == 0 => self.with_other_questions(arrival),
            Reason::Prompt if self.with_other_prompts(arrival) => SignedDuration::from_mins(120),
            _ if several => SignedDuration::from_mins(30),
            _ => SignedDuration::ZERO,
        };
        holds("R03: not before it is due", (due - early).max(check_in.made) <= at)?;
        let is_alert = reason == Reason::CheckIn(Rung::TellPartner);
        // A prompt stays as it was planned if the check-in that it goes by closes earlier now.
        let rearranged = reason == Reason::Prompt && scene.rearranged;
        // One that fell due while the two were together waits for the parting, for a day.
        let apart = scene.parted.map(|parted| parted + HOUR).filter(|apart| *apart > due.max(check_in.made));
        let closes =
            apart.filter(|_| reason == Reason::Prompt).map_or(closes, |apart| closes.max(apart + HOUR * 24));
        holds("R19: not after it closed", is_alert || rearranged || at < closes)?;
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
            holds("R12: not after the link ended", scene.link.is_some_and(|link| self.links[link].active))?;
            holds("R18: not after the partner reached out", !self.reached_out(check_in, due))?;
        }
        let asked: Vec<_> = before()
            .filter(|a| a.round == round && a.recipient == check_in.subject && is_question(a.reason))
            .collect();
        // After downtime what is late does not always keep the ladder's distances.
        let held_up = self.held_up.contains(&arrival.check_in);
        match reason {
            Reason::CheckIn(rung @ (Rung::Ask | Rung::Email | Rung::AskAgain)) => {
                // After downtime the next question may be so near that it comes along with the first.
                let others = || asked.iter().filter(|a| a.message != arrival.message);
                holds("R21: one at a time", held_up || others().all(|a| a.at < at))?;
                holds("R19: in the order of the ladder", held_up || asked.iter().all(|a| a.reason < reason))?;
                let begin = check_in.snoozed.unwrap_or(check_in.due).max(check_in.due).max(check_in.made);
                holds("R19: time to answer first", rung == Rung::Ask || begin + PATIENCE <= at + early)?;
                holds(
                    "R19: three hours between",
                    held_up || others().all(|a| a.at + PATIENCE <= at + early),
                )?;
            }
            Reason::CheckIn(Rung::TellPartner) => {
                holds("R10: only with consent and agreement", self.may_tell(check_in))?;
                holds("R19: not after a sign of life", !check_in.heard)?;
                holds("R05: not while the subject is paused", !self.people[check_in.subject].is_paused(at))?;
                holds("R19: only about somebody who was asked", held_up || !asked.is_empty())?;
                // What else a person gets may move their questions; the alert need not move with them.
                let last = || asked.iter().all(|a| a.at + PATIENCE <= at);
                holds("R19: three hours after the last question", check_in.tangled.is_some() || last())?;
                let planned = check_in.plan[2].is_none_or(|again| again + PATIENCE <= at + early);
                holds("R19: three hours after the question is asked again", planned)?;
            }
            Reason::Prompt => {
                let parted = scene.parted.is_none_or(|parted| parted + HOUR <= at);
                holds("R18: an hour after they parted at the earliest", parted)?;
            }
        }
        Ok(())
    }

    /// Everything that came in the same push or mail.
    pub fn message_of<'a>(&'a self, arrival: &'a Arrival) -> impl Iterator<Item = &'a Arrival> {
        self.arrivals.iter().filter(move |other| other.message == arrival.message)
    }

    /// How much earlier a first question may come: two hours if it comes with one about another scene, else half an hour.
    fn with_other_questions(&self, arrival: &Arrival) -> SignedDuration {
        let scene = |of: &Arrival| self.check_ins[of.check_in].scene;
        let mut others = self.message_of(arrival).filter(|other| scene(other) != scene(arrival));
        let asks = others.any(|other| other.reason == Reason::CheckIn(Rung::Ask));
        SignedDuration::from_mins(if asks { 120 } else { 30 })
    }

    /// Whether a prompt comes with another one about the same link.
    fn with_other_prompts(&self, arrival: &Arrival) -> bool {
        let link = |of: &Arrival| self.scenes[self.check_ins[of.check_in].scene].link;
        let mut others = self.message_of(arrival).filter(|other| other.check_in != arrival.check_in);
        others.any(|other| other.reason == Reason::Prompt && link(other) == link(arrival))
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
            .filter(|a| {
                a.recipient == arrival.recipient && a.at.duration_since(arrival.at).abs() < LONGEST_DAY
            })
            .filter(|a| day(a.at) == day(arrival.at));
        that_day.filter(takes).map(|a| a.message).collect()
    }

    fn check_day(&self, n: usize, arrival: &Arrival) -> Result<(), String> {
        let holds = |rule: &str, is_so: bool| if is_so { Ok(()) } else { Err(rule.to_owned()) };
        let same = |other: &&Arrival| {
            (other.recipient, other.at, other.by_mail) == (arrival.recipient, arrival.at, arrival.by_mail)
                && other.message != arrival.message
        };
        // What a phone that is gone refused goes as a mail of its own.
        let refused = self.people[arrival.recipient].unsure;
        holds(
            "R22: what comes at once comes as one",
            refused || !self.arrivals[..n].iter().any(|other| same(&other)),
        )?;
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
}

//! What must be true of every run, read from the database and from what the providers took, apart from the code that
//! decides.

use crate::providers::{Arrival, MAIL, Providers, Sending};
use diesel::prelude::*;
use evenkeel::domain::check_in::CheckInState;
use evenkeel::domain::nudge::{DropReason, NudgeKind, NudgeState, Reason, Rung};
use evenkeel::domain::partner_link::LinkState;
use evenkeel::ids::{AccountId, CheckInId, DeviceId, LinkId, NudgeId};
use evenkeel::store::Db;
use evenkeel::store::account::AccountRow;
use evenkeel::store::check_in::CheckInRow;
use evenkeel::store::nudge::NudgeRow;
use evenkeel::store::partner_link::{LinkRow, MemberRow};
use evenkeel::store::schema::{accounts, check_ins, link_members, nudges, partner_links};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// How long before a message goes out at the latest it was checked: a claim's lease and the wait in a queue.
const CHECKED_BEFORE: SignedDuration = SignedDuration::from_secs(100);
/// How early something goes out that goes with others: what falls due within two hours is one.
const EARLY_MOST: SignedDuration = SignedDuration::from_hours(2);
/// Most messages of a person in a local day (R22).
const DAILY: usize = 6;

/// What is known of a run, and what is checked of it.
pub struct Checks {
    start: Timestamp,
    /// When somebody last did something that may change what these people get.
    changed: BTreeMap<AccountId, Timestamp>,
    /// When something was wrong with the machine or its processes.
    bad: Vec<(Timestamp, Timestamp)>,
    /// How often each nudge was in the hand of a process that died.
    held: BTreeMap<NudgeId, usize>,
    pub disk_is_bad: bool,
    /// Until when, by the wall clock, the time is doubted: a new pace is believed after a while.
    pub doubted_until: Option<Timestamp>,
    seen: (usize, usize),
    /// The zone of each arrival's recipient when it came.
    zones: Vec<String>,
    pub repeats: usize,
    pub check_ins: usize,
}

/// The causes of reminders, as they are.
struct Causes {
    accounts: BTreeMap<AccountId, AccountRow>,
    links: BTreeMap<LinkId, LinkRow>,
    members: Vec<MemberRow>,
    check_ins: BTreeMap<CheckInId, CheckInRow>,
}

impl Causes {
    fn read(db: &mut Db) -> Self {
        let accounts: Vec<AccountRow> = accounts::table.select(AccountRow::as_select()).load(db).unwrap();
        let links: Vec<LinkRow> = partner_links::table.select(LinkRow::as_select()).load(db).unwrap();
        let members = link_members::table.select(MemberRow::as_select()).load(db).unwrap();
        let check_ins: Vec<CheckInRow> = check_ins::table.select(CheckInRow::as_select()).load(db).unwrap();
        Self {
            accounts: accounts.into_iter().map(|row| (row.id, row)).collect(),
            links: links.into_iter().map(|row| (row.id, row)).collect(),
            members,
            check_ins: check_ins.into_iter().map(|row| (row.id, row)).collect(),
        }
    }
}

fn minute(account: &AccountRow, at: Timestamp) -> i32 {
    let local = TimeZone::get(&account.zone).unwrap().to_datetime(at);
    i32::from(local.hour()) * 60 + i32::from(local.minute())
}

fn is_quiet(account: &AccountRow, at: Timestamp) -> bool {
    let (Some(from), Some(until)) = (account.quiet_from, account.quiet_until) else { return false };
    let minute = minute(account, at);
    if from < until { (from..until).contains(&minute) } else { minute >= from || minute < until }
}

fn is_paused(account: &AccountRow, at: Timestamp) -> bool {
    account.paused_until.is_some_and(|until| at < until.get())
}

fn holds(rule: &str, is_so: bool) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(rule.to_owned()) }
}

impl Checks {
    pub fn new(start: Timestamp) -> Self {
        Self {
            start,
            changed: BTreeMap::new(),
            bad: Vec::new(),
            held: BTreeMap::new(),
            disk_is_bad: false,
            doubted_until: None,
            seen: (0, 0),
            zones: Vec::new(),
            repeats: 0,
            check_ins: 0,
        }
    }

    /// Somebody did something at about then.
    pub fn changed(&mut self, people: [AccountId; 2], at: Timestamp) {
        self.changed.extend(people.map(|account| (account, at)));
    }

    /// Something was wrong meanwhile.
    pub fn bad_from_to(&mut self, from: Timestamp, until: Timestamp) {
        self.bad.push((from, until));
    }

    fn is_bad(&self, from: Timestamp, until: Timestamp) -> bool {
        self.bad.iter().any(|(a, b)| *a <= until && from <= *b)
    }

    /// Notes what is in the hand of a process that is about to die, or of any other.
    pub fn note_leases(&mut self, db: &mut Db) {
        let held = nudges::table.filter(nudges::leased_by.is_not_null()).select(nudges::id);
        for id in held.load::<NudgeId>(db).unwrap() {
            *self.held.entry(id).or_default() += 1;
        }
    }

    /// Notes what was handed over since, by a process that stood still meanwhile.
    pub fn excuse_sendings(&mut self, providers: &Providers, since: Timestamp) {
        let log = providers.log.lock().unwrap();
        for sending in log.sendings.iter().filter(|sending| sending.at >= since) {
            for row in &sending.rows {
                *self.held.entry(row.id).or_default() += 1;
            }
        }
    }

    /// Checks what went out since the last time.
    pub fn after(&mut self, db: &mut Db, providers: &Providers, wall: Timestamp) -> Result<(), String> {
        let log = providers.log.lock().unwrap();
        let (sendings, arrivals) = (&log.sendings[self.seen.0..], &log.arrivals[..]);
        if sendings.is_empty() && arrivals.len() == self.zones.len() {
            return Ok(());
        }
        let causes = Causes::read(db);
        let zone = |arrival: &Arrival| arrival.recipient.map(|id| causes.accounts[&id].zone.clone());
        let zones = arrivals[self.zones.len()..].iter().map(|arrival| zone(arrival).unwrap_or_default());
        self.zones.extend(zones);
        for sending in sendings {
            let doubted = self.doubted_until.is_some_and(|until| sending.at < until);
            holds("R38: nothing is sent while the time is doubted", !doubted)
                .and_then(|()| self.wanted(&causes, sending, wall))
                .and_then(|()| self.in_time(providers, sending))
                .map_err(|rule| {
                    let check_in = sending.rows[0].check_in_id.map(|id| &causes.check_ins[&id]);
                    format!("{rule}\n{sending:#?}\n{check_in:#?}")
                })?;
        }
        self.seen = (log.sendings.len(), arrivals.len());
        Ok(())
    }

    /// R16: each nudge of a message was still wanted when it was claimed.
    fn wanted(&self, causes: &Causes, sending: &Sending, now: Timestamp) -> Result<(), String> {
        let at = sending.at;
        for row in &sending.rows {
            let Some(recipient) = row.recipient_id else { continue };
            // What people did meanwhile counts from the next claim on.
            let since = at - CHECKED_BEFORE;
            if self.changed.get(&recipient).is_some_and(|done| since <= *done && *done <= now) {
                continue;
            }
            let account = &causes.accounts[&recipient];
            let claimed = at - CHECKED_BEFORE;
            holds("R16: paused", !is_paused(account, at) || !is_paused(account, claimed))?;
            let in_company = sending.rows.len() > 1 || row.message_key.is_some();
            let early = if in_company { EARLY_MOST } else { SignedDuration::ZERO };
            holds("not before it is due", row.due_at.get() - early <= at)?;
            holds("R19: not after it closed", claimed < row.expires_at.get())?;
            let awake = !is_quiet(account, at) || !is_quiet(account, claimed);
            match row.kind {
                NudgeKind::Reminder(reason) => {
                    holds("R17: quiet", awake)?;
                    let check_in = &causes.check_ins[&row.check_in_id.unwrap()];
                    let about_oneself = recipient == check_in.subject_id;
                    let question = match reason {
                        Reason::CheckIn(rung) => rung.is_question(),
                        Reason::Prompt => false,
                    };
                    holds("R19: to whom it is for", question == about_oneself)?;
                    if reason != Reason::Prompt {
                        holds("R05: settled", check_in.state == CheckInState::Unanswered)?;
                        holds("R05: put off", check_in.round == row.round)?;
                    }
                    if !question {
                        let link = check_in.link_id.map(|id| &causes.links[&id]);
                        holds("R12: the link stands", link.is_some_and(|it| it.status == LinkState::Active))?;
                    }
                    if reason == Reason::CheckIn(Rung::TellPartner) {
                        let member = causes.members.iter().find(|member| {
                            Some(member.link_id) == check_in.link_id
                                && member.account_id == check_in.subject_id
                        });
                        holds("R10: consented", member.is_some_and(|it| it.alert_allowed))?;
                        holds("R19: no sign of life", !check_in.heard_from)?;
                    }
                }
                NudgeKind::Plea => {
                    let member = causes.members.iter().find(|member| member.account_id == recipient);
                    holds("R37: quiet", awake || member.is_some_and(|it| it.pleas_at_night))?;
                }
                NudgeKind::Mail(_) => {}
            }
        }
        Ok(())
    }

    /// R23: what falls due for a provider that is well goes out at once, whatever the others do.
    fn in_time(&self, providers: &Providers, sending: &Sending) -> Result<(), String> {
        let first = &sending.rows[0];
        let due = first.send_at.get();
        let calm = due - SignedDuration::from_mins(10);
        let usual = first.attempts == 1 && first.device_id.is_none() && first.send_at == first.due_at;
        let acted = first.recipient_id.and_then(|id| self.changed.get(&id)).is_some_and(|done| *done >= due);
        if !usual || acted || due <= self.start || self.is_bad(calm, sending.at) {
            return Ok(());
        }
        let well = providers.well(sending.provider, calm, sending.at);
        let late = sending.at.duration_since(due);
        holds(&format!("R23: {late:#} late"), !well || late <= SignedDuration::from_secs(2))
    }

    /// What must be true once nothing is left to do.
    pub fn at_the_end(&mut self, db: &mut Db, providers: &Providers, end: Timestamp) -> Result<(), String> {
        let rows: Vec<NudgeRow> = nudges::table.select(NudgeRow::as_select()).load(db).unwrap();
        let causes = Causes::read(db);
        let log = providers.log.lock().unwrap();
        let told = |rule: &str, row: &NudgeRow| {
            let of = row.check_in_id.map(|id| &causes.check_ins[&id]);
            let mine = log.arrivals.iter().filter(|arrival| arrival.nudges.contains(&row.id));
            format!("{rule}\n{row:#?}\n{of:#?}\n{:#?}", mine.collect::<Vec<_>>())
        };
        for row in &rows {
            let waits = row.state == NudgeState::Waiting;
            let overdue = row.send_at.get() < end - SignedDuration::from_mins(5);
            holds("R15: nothing is left lying", !(waits && overdue)).map_err(|rule| told(&rule, row))?;
            holds("R15: nobody holds anything", row.leased_by.is_none()).map_err(|rule| told(&rule, row))?;
            let came = log.arrivals.iter().any(|arrival| arrival.nudges.contains(&row.id));
            holds("R15: what counts as sent came", row.state != NudgeState::Sent || came)
                .map_err(|rule| told(&rule, row))?;
            let spoiled = self.spoiled(providers, row.due_at.get(), row.expires_at.get());
            holds("R20: given up without a reason", row.state != NudgeState::Dead || spoiled)
                .map_err(|rule| told(&rule, row))?;
        }
        self.each_once(&rows, &log.arrivals)?;
        self.day_by_day(&rows, &log.arrivals)?;
        self.all_asked(providers, &causes, &rows, &log.arrivals)
    }

    /// Whether anything was wrong between two instants.
    fn spoiled(&self, providers: &Providers, from: Timestamp, until: Timestamp) -> bool {
        self.is_bad(from, until) || (0..=MAIL).any(|it| !providers.well(it, from, until))
    }

    /// R14: each came once on each device, or again under the same name, where a process died with it in hand or an answer
    /// was lost.
    fn each_once(&mut self, rows: &[NudgeRow], arrivals: &[Arrival]) -> Result<(), String> {
        let mut times: BTreeMap<(NudgeId, Option<DeviceId>), Vec<&Arrival>> = BTreeMap::new();
        for arrival in arrivals {
            for id in &arrival.nudges {
                times.entry((*id, arrival.device)).or_default().push(arrival);
            }
        }
        for ((id, _), all) in times {
            self.repeats += all.len() - 1;
            let unanswered = all.iter().filter(|arrival| !arrival.answered).count();
            let excuses = unanswered + self.held.get(&id).copied().unwrap_or(0);
            let keys: BTreeSet<&str> = all.iter().map(|arrival| arrival.key.as_str()).collect();
            let row = rows.iter().find(|row| row.id == id);
            let told = |rule: &str| format!("{rule}\n{row:#?}\n{all:#?}");
            holds("R14: again without a reason", all.len() <= 1 + excuses).map_err(|rule| told(&rule))?;
            holds("R14: again under another name", keys.len() == 1).map_err(|rule| told(&rule))?;
        }
        Ok(())
    }

    /// R03, R19: whoever was silent was asked.
    fn all_asked(
        &mut self,
        providers: &Providers,
        causes: &Causes,
        rows: &[NudgeRow],
        arrivals: &[Arrival],
    ) -> Result<(), String> {
        let came: BTreeSet<NudgeId> = arrivals.iter().flat_map(|arrival| arrival.nudges.clone()).collect();
        for check_in in causes.check_ins.values() {
            self.check_ins += 1;
            let own: Vec<_> = rows.iter().filter(|row| row.check_in_id == Some(check_in.id)).collect();
            let question = |row: &&&NudgeRow| matches!(row.kind, NudgeKind::Reminder(Reason::CheckIn(rung)) if rung.is_question());
            let asked = own.iter().filter(question).any(|row| came.contains(&row.id));
            if asked || check_in.state != CheckInState::Unanswered {
                continue;
            }
            let (due, closes) =
                (check_in.due_at.get().max(check_in.created_at.get()), check_in.closes_at.get());
            let paused = own.iter().any(|row| row.drop_reason == Some(DropReason::Paused));
            let unreachable = own.iter().any(|row| row.drop_reason == Some(DropReason::Unreachable));
            let account = &causes.accounts[&check_in.subject_id];
            let quarters =
                (0..).map(|n| due + SignedDuration::from_mins(15) * n).take_while(|at| *at < closes);
            let waking = quarters.filter(|at| !is_quiet(account, *at) && !is_paused(account, *at)).count();
            let spoiled = self.spoiled(providers, due - SignedDuration::from_hours(1), closes);
            let asked = paused || unreachable || spoiled || waking <= 4;
            holds("R03: nobody asked", asked).map_err(|rule| format!("{rule}\n{check_in:#?}\n{own:#?}"))?;
        }
        Ok(())
    }

    /// R22: six a local day, but for alerts, pleas and what the person asked for. A first question counts first questions only:
    /// nothing else pushes it out of its day. What came without the sender's knowledge, the sender cannot count.
    fn day_by_day(&self, rows: &[NudgeRow], arrivals: &[Arrival]) -> Result<(), String> {
        let rows: BTreeMap<NudgeId, &NudgeRow> = rows.iter().map(|row| (row.id, row)).collect();
        let kinds = |arrival: &Arrival| -> Vec<(NudgeKind, i32)> {
            arrival.nudges.iter().filter_map(|id| rows.get(id)).map(|row| (row.kind, row.round)).collect()
        };
        let is_first = |kinds: &[(NudgeKind, i32)]| {
            kinds.contains(&(NudgeKind::Reminder(Reason::CheckIn(Rung::Ask)), 0))
        };
        let takes = |(kind, round): &(NudgeKind, i32)| match kind {
            NudgeKind::Reminder(Reason::CheckIn(Rung::TellPartner)) => false,
            NudgeKind::Reminder(Reason::CheckIn(Rung::Ask)) => *round == 0,
            NudgeKind::Reminder(_) => true,
            NudgeKind::Plea | NudgeKind::Mail(_) => false,
        };
        let mut days: BTreeMap<(AccountId, &str, jiff::civil::Date), BTreeMap<&str, bool>> = BTreeMap::new();
        let mut messages = BTreeSet::new();
        for (arrival, zone) in arrivals.iter().zip(&self.zones).filter(|(arrival, _)| arrival.answered) {
            let its = kinds(arrival);
            let Some(recipient) = arrival.recipient.filter(|_| its.iter().any(takes)) else { continue };
            let day = TimeZone::get(zone).unwrap().to_datetime(arrival.at).date();
            // What comes again, or on another device later, is no other message.
            if !messages.insert((recipient, &arrival.key)) {
                continue;
            }
            let before = days.entry((recipient, zone.as_str(), day)).or_default();
            let first = is_first(&its);
            let count = if first { before.values().filter(|first| **first).count() } else { before.len() };
            before.insert(&arrival.key, first);
            let mut known = BTreeSet::new();
            let that_day = arrivals.iter().filter(|other| {
                other.recipient == Some(recipient)
                    && other.at.duration_since(arrival.at).abs() < SignedDuration::from_hours(24)
                    && known.insert((&other.key, other.answered))
            });
            let told = |arrival: &Arrival| {
                format!("{} {:?} {} {}", arrival.at, kinds(arrival), arrival.key, arrival.answered)
            };
            holds("R22: more than six a day", count < DAILY).map_err(|rule| {
                format!(
                    "{rule}: {} to {recipient} on {day} in {zone}, after {before:#?}:\n{}",
                    arrival.key,
                    that_day.map(told).collect::<Vec<_>>().join("\n")
                )
            })?;
        }
        Ok(())
    }
}

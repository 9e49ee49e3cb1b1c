//! The timetable: what goes out when after a scene, for some end times and pairs of zones, as a page for people.

use super::check_in::{Ends, times};
use super::ladder::{Situation, Step, plan};
use super::nudge::{Reason, Rung};
use super::protocol::CheckInProtocol;
use super::quiet_hours::{QuietHours, Rhythm, Zone};
use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan};
use std::fmt::Write;

/// The day on which the scenes end, in the zone of the person asked.
const DAY: Date = date(2026, 7, 1);
/// The hours at which they end.
const HOURS: [i8; 12] = [0, 2, 6, 9, 12, 15, 17, 18, 20, 21, 22, 23];
/// Each person asked, and the partner.
const PAIRS: [[&str; 2]; 4] = [
    ["Europe/Berlin", "Europe/Berlin"],
    ["Europe/Berlin", "America/Los_Angeles"],
    ["America/Los_Angeles", "Europe/Berlin"],
    ["Europe/London", "Australia/Sydney"],
];

const INTRODUCTION: &str = "\
# What comes when

Made by `evenkeel timetable`; a test holds it to the code. Both people have quiet hours from 22:00 to 08:00, nobody answers,
the agreement has the usual check-ins (after 1, 24 and 48 hours), and the person asked allowed their partner to be told. Times
are local: those of the questions where the person asked is, the last two where the partner is. `+1` is the next day, counted
from the day on which the scene ended where the person asked is. The tables show the first check-in; the others begin in the
same way when they fall due.
";

/// The page.
pub fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for [subject, partner] in PAIRS {
        let _ = write!(page, "\n## Asked in {subject}, partner in {partner}\n\n");
        page.push_str("| the scene ends | asked | by e-mail | asked again | partner told | after the end | partner prompted |\n");
        page.push_str("|---|---|---|---|---|---|---|\n");
        let (Some(subject), Some(partner)) = (rhythm(subject), rhythm(partner)) else { continue };
        for hour in HOURS {
            page.push_str(&row(&subject, &partner, hour));
        }
    }
    page
}

fn rhythm(zone: &str) -> Option<Rhythm> {
    Some(Rhythm { zone: Zone::named("zone", zone).ok()?, quiet: Some(QuietHours::DEFAULT) })
}

fn row(subject: &Rhythm, partner: &Rhythm, hour: i8) -> String {
    let local = DAY.at(hour, 0, 0, 0);
    let Ok(ended_at) = subject.zone.time_zone().to_timestamp(local) else { return String::new() };
    let ends = Ends { ended_at, parted_at: None };
    let times = times(CheckInProtocol::default().times(), &[], ends, &subject.zone);
    let Some(first) = times.first().copied() else { return String::new() };
    let steps = plan(&Situation::silent(first, ended_at, subject, partner), ended_at);
    let at = |reason| steps.iter().find(|step: &&Step| step.reason == reason).map(|step| step.send_at);
    let shown = |reason, of: &Rhythm| at(reason).map_or_else(|| "–".to_owned(), |at| clock(of, at));
    let told = Reason::CheckIn(Rung::TellPartner);
    let after = at(told).map_or_else(
        || "–".to_owned(),
        |at| {
            let minutes = at.duration_since(ended_at).as_mins();
            format!("{} h {:02}", minutes / 60, minutes % 60)
        },
    );
    format!(
        "| {hour:02}:00 | {} | {} | {} | {} | {after} | {} |\n",
        shown(Reason::CheckIn(Rung::Ask), subject),
        shown(Reason::CheckIn(Rung::Email), subject),
        shown(Reason::CheckIn(Rung::AskAgain), subject),
        shown(told, partner),
        shown(Reason::Prompt, partner),
    )
}

/// The time of day there, and how many days after [`DAY`].
fn clock(rhythm: &Rhythm, at: Timestamp) -> String {
    let local = rhythm.zone.time_zone().to_datetime(at);
    let days = DAY.until((jiff::Unit::Day, local.date())).unwrap_or(0.days()).get_days();
    let day = if days == 0 { String::new() } else { format!(" {days:+}") };
    format!("{}{day}", local.strftime("%H:%M"))
}

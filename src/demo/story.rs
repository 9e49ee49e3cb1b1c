//! A story that is told while it is lived: the two people, and what of their phones and inboxes was printed.

use super::stage::{Actor, Arrival, Stage};
use crate::app::StartError;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;

/// One of the two.
#[derive(Clone, Copy, Debug)]
pub enum Who {
    /// Alex.
    Alex,
    /// Sam.
    Sam,
}

/// The two people, and how much of what they received was printed.
pub struct Story<'a> {
    out: &'a mut dyn Write,
    /// The service.
    pub stage: Stage,
    /// In Berlin.
    pub alex: Actor,
    /// In Los Angeles.
    pub sam: Actor,
    printed: [usize; 2],
    /// How many messages came to whom on which local day.
    counts: BTreeMap<(&'static str, String), usize>,
}

impl<'a> Story<'a> {
    /// The two have signed up at this instant.
    pub async fn open(out: &'a mut dyn Write, start: Timestamp) -> Result<Self, StartError> {
        let stage = Stage::open(start)?;
        let alex = stage.enter("Alex", "Europe/Berlin", ("22:00", "08:00")).await?;
        let sam = stage.enter("Sam", "America/Los_Angeles", ("23:00", "07:00")).await?;
        let printed = [stage.received(&alex)?.len(), stage.received(&sam)?.len()];
        Ok(Self { out, stage, alex, sam, printed, counts: BTreeMap::new() })
    }

    /// Prints a line in front of a course.
    pub fn heading(&mut self, words: &str) -> Result<(), StartError> {
        Ok(writeln!(self.out, "\n== {words} ==\n")?)
    }

    /// Prints a line in front of what a day brings.
    pub fn evening(&mut self, words: &str) -> Result<(), StartError> {
        Ok(writeln!(self.out, "-- {words}")?)
    }

    /// Prints what somebody does, with the time on both clocks.
    pub fn says(&mut self, words: &str) -> Result<(), StartError> {
        let now = self.stage.now();
        let (alex, sam) = (local(now, &self.alex), local(now, &self.sam));
        Ok(writeln!(self.out, "{alex} | {sam}  {words}")?)
    }

    /// Lives until then, and prints, in order, what phones and inboxes receive.
    pub async fn until(&mut self, to: Timestamp) -> Result<(), StartError> {
        self.stage.live_until(to).await?;
        let mut lines = Vec::new();
        for (actor, printed) in [&mut self.alex, &mut self.sam].into_iter().zip(&mut self.printed) {
            let received = self.stage.received(actor)?;
            let total = received.len();
            for arrival in received.into_iter().skip(*printed) {
                let day = arrival.at.to_zoned_datetime(actor.zone.clone()).date().to_string();
                *self.counts.entry((actor.name, day)).or_default() += 1;
                let inside = inside(&self.stage, actor, &arrival).await?;
                let Arrival { at, place, shown, .. } = arrival;
                let (name, then) = (actor.name, local(at, actor));
                lines.push((at, format!("{then}    {name}'s {place} shows “{shown}” Inside: {inside}")));
            }
            *printed = total;
        }
        lines.sort();
        for (_, line) in lines {
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    /// As [`Story::until`], so many minutes from now.
    pub async fn minutes(&mut self, minutes: i64) -> Result<(), StartError> {
        self.until(self.stage.now() + SignedDuration::from_mins(minutes)).await
    }

    /// Most messages that came to one person on one of their days.
    pub fn most_a_day(&self) -> usize {
        self.counts.values().copied().max().unwrap_or_default()
    }

    /// Does something as one of the two.
    pub async fn does(&mut self, who: Who, query: &str, input: Value) -> Result<Value, StartError> {
        match who {
            Who::Alex => self.stage.does(&mut self.alex, query, input).await,
            Who::Sam => self.stage.does(&mut self.sam, query, input).await,
        }
    }
}

/// What somebody finds who opens a message: of a push every reason as the app shows it, the same words
/// once; of a mail its first line.
async fn inside(stage: &Stage, actor: &mut Actor, arrival: &Arrival) -> Result<String, StartError> {
    let Some(nudge) = &arrival.nudge else { return Ok(format!("“{}”", arrival.words)) };
    let query = "query($input: ID!) { node(id: $input) { ... on Nudge { reasons { message } } } }";
    let found = stage.does(actor, query, nudge.clone()).await?;
    let reasons = found["reasons"].as_array().into_iter().flatten();
    let mut sentences: Vec<String> = Vec::new();
    for words in reasons.filter_map(|reason| reason["message"].as_str()) {
        let sentence = format!("“{words}”");
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    Ok(sentences.join(" "))
}

fn local(at: Timestamp, actor: &Actor) -> String {
    at.to_zoned_datetime(actor.zone.clone()).strftime("%a %d %b %H:%M %Z").to_string()
}

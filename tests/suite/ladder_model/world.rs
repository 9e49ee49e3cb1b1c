//! The service with its people, and what reaches them.

use super::PEOPLE;
use super::model::{Arrival, CheckIn, Link, Model, QUIET, Somebody, ZONES};
use super::steps::Step;
use crate::support::people::text;
use crate::support::{Person, TestApp};
use evenkeel::domain::nudge::{About, Channel, Reason, Rung, fingerprint, key};
use evenkeel::ids::{AccountId, CheckInId, PleaId};
use evenkeel::store::StoreError;
use evenkeel::store::types::Ts;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::collections::HashMap;

/// A fingerprint as it goes over the network: a push's topic, or the first part of a mail's id.
fn marks(key: &str) -> [String; 2] {
    use base64::Engine as _;
    let print = fingerprint(key);
    let hex = print[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    [base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&print[..24]), hex]
}

pub fn hours_and_minutes(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// Every reason of a reminder.
pub fn reasons() -> impl Iterator<Item = Reason> {
    Rung::ALL.iter().copied().map(Reason::CheckIn).chain([Reason::Prompt])
}

/// What a push or a mail is about.
#[derive(Clone, Copy, Debug)]
enum Sent {
    Reminder(usize, i32, Reason),
    Plea(usize),
}

/// The service with a few people, and the model of them.
pub struct World {
    pub app: TestApp,
    pub people: Vec<Person>,
    accounts: Vec<AccountId>,
    pub model: Model,
    /// What each topic or mail id is about.
    known: HashMap<String, Sent>,
    pub endpoints: HashMap<String, usize>,
    seen: (usize, usize),
}

impl World {
    pub async fn build(app: TestApp) -> Self {
        let (mut people, mut accounts, mut model) = (Vec::new(), Vec::new(), Model::default());
        for (n, name) in ["Alex", "Sam", "Robin", "Kim", "Nour", "Max"].into_iter().enumerate().take(PEOPLE) {
            let quiet = QUIET[n].map(|(from, until)| (hours_and_minutes(from), hours_and_minutes(until)));
            let first = quiet.clone().unwrap_or(("22:00".into(), "08:00".into()));
            let person = app.person(name, ZONES[n], (&first.0, &first.1)).await;
            if quiet.is_none() {
                person.done(&app, "updateProfile", json!({ "quietHours": null }), "").await;
            }
            let data = person.ask(&app, "{ viewer { account { id } } }", json!({})).await;
            accounts.push(text(&data["viewer"]["account"]["id"]).parse().unwrap());
            people.push(person);
            let zone = TimeZone::get(ZONES[n]).unwrap();
            let (paused_until, has_device, unsure) = (None, true, false);
            model.people.push(Somebody { zone, quiet: QUIET[n], paused_until, has_device, unsure });
        }
        let endpoints = people.iter().enumerate().map(|(n, p)| (p.device.endpoint.clone(), n)).collect();
        let seen = (0, app.mail.received().len());
        let mut world = Self { app, people, accounts, model, known: HashMap::new(), endpoints, seen };
        for _ in 1..PEOPLE {
            world.take(&Step::Link).await.unwrap();
        }
        // Nobody is told anything without these consents; later steps withdraw them and give them again.
        for link in 0..PEOPLE - 1 {
            for step in
                [Step::Agree(link, link, true), Step::Allow(link, 0, true), Step::Allow(link, 1, true)]
            {
                world.take(&step).await.unwrap();
            }
        }
        world
    }

    pub async fn done(&self, who: usize, name: &str, input: Value, select: &str) -> Value {
        self.people[who].done(&self.app, name, input, select).await
    }

    /// Links the first person with the first of the others that they have no link with.
    pub async fn link(&mut self) {
        let linked = |who: usize| self.model.links.iter().any(|link| link.active && link.members[1] == who);
        let Some(other) = (1..PEOPLE).find(|who| !linked(*who)) else { return };
        let id = self.app.link(&self.people[0], &self.people[other]).await;
        self.model.links.push(Link {
            id,
            members: [0, other],
            active: true,
            allows: [false; 2],
            texts: Vec::new(),
        });
    }

    fn learn_keys(&mut self, about: About, sent: Sent) {
        for channel in [Channel::Push, Channel::Mail] {
            for account in &self.accounts {
                for mark in marks(&key(about, Some(*account), channel)) {
                    self.known.insert(mark, sent);
                }
            }
        }
    }

    /// Learns the topics and mail ids of a check-in's nudges, in its present round.
    pub fn learn(&mut self, n: usize) {
        let CheckIn { id, round, .. } = &self.model.check_ins[n];
        let (id, round): (CheckInId, i32) = (id.parse().unwrap(), *round);
        for reason in reasons() {
            self.learn_keys(About::CheckIn(id, round, reason), Sent::Reminder(n, round, reason));
        }
    }

    /// Learns those of a plea.
    pub fn learn_plea(&mut self, n: usize) {
        let id: PleaId = self.model.pleas[n].id.parse().unwrap();
        self.learn_keys(About::Plea(id), Sent::Plea(n));
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

    /// The key of the nudge with this mark.
    async fn key_of(&self, mark: &str) -> Option<String> {
        use diesel::prelude::*;
        use evenkeel::store::schema::nudges;
        let keys = self
            .app
            .app
            .context
            .store
            .read(|db| Ok::<_, StoreError>(nudges::table.select(nudges::key).load::<String>(db)?));
        keys.await.unwrap().into_iter().find(|key| marks(key).iter().any(|other| other == mark))
    }

    /// Adds to the model what reached phones and inboxes since the last time.
    pub async fn take_arrivals(&mut self) {
        let pushes = self.app.push.received().split_off(self.seen.0);
        let mails = self.app.mail.received().split_off(self.seen.1);
        if pushes.is_empty() && mails.is_empty() {
            return;
        }
        self.seen = (self.seen.0 + pushes.len(), self.seen.1 + mails.len());
        let mut arrivals = Vec::new();
        for push in pushes {
            arrivals.push((push.at, self.endpoints[&push.endpoint], false, push.topic.unwrap()));
        }
        for mail in mails {
            let to = self.people.iter().position(|person| person.email == mail.to[0]).unwrap();
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
                let Some(known) = self.known.get(&mark) else {
                    let key = self.key_of(&mark).await;
                    let of_address = key.as_ref().is_some_and(|key| key.starts_with("AddressRequest_"));
                    assert!(of_address, "what came at {at} is of nothing that is known: {key:?}");
                    continue;
                };
                match *known {
                    Sent::Reminder(check_in, round, reason) => self.model.arrivals.push(Arrival {
                        at,
                        recipient,
                        message,
                        by_mail,
                        check_in,
                        round,
                        reason,
                    }),
                    Sent::Plea(n) => self.model.pleas[n].came.push((at, recipient)),
                }
            }
        }
    }

    /// One of a person's check-ins that fits.
    pub fn pick(&self, who: usize, which: usize, fits: impl Fn(&CheckIn) -> bool) -> Option<usize> {
        let all = &self.model.check_ins;
        let fitting: Vec<_> = (0..all.len()).filter(|n| all[*n].subject == who && fits(&all[*n])).collect();
        fitting.get(which % fitting.len().max(1)).copied()
    }

    /// One of the active links.
    pub fn pick_link(&self, which: usize) -> Option<usize> {
        let links = &self.model.links;
        let active: Vec<_> = (0..links.len()).filter(|n| links[*n].active).collect();
        active.get(which % active.len().max(1)).copied()
    }

    /// One of the latest scenes of the active links that fits, with its link.
    pub fn pick_scene(
        &self,
        which: usize,
        fits: impl Fn(&super::model::Scene) -> bool,
    ) -> Option<(usize, usize)> {
        let scenes = self.model.scenes.iter().enumerate().rev().take(12);
        let active = |link: &usize| self.model.links[*link].active;
        let fitting: Vec<_> = scenes
            .filter(|(_, scene)| fits(scene))
            .filter_map(|(n, scene)| Some((n, scene.link.filter(active)?)))
            .collect();
        fitting.get(which % fitting.len().max(1)).copied()
    }
}

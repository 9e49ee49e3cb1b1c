//! What people do, over HTTP, and what it means to the model.

use super::model::{CheckIn, HOUR, Plea, QUIET, Scene, Text, ZONES};
use super::steps::{Meeting, Step};
use super::times::{PROTOCOLS, Placed, SHOWN, Since, Time};
use super::world::{World, hours_and_minutes};
use crate::support::at;
use crate::support::people::text;
use crate::support::receivers::Answer;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// How long the times of a scene, and a parting, can be corrected.
const CORRECTED_WITHIN: SignedDuration = SignedDuration::from_hours(2);

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

impl World {
    pub async fn take(&mut self, step: &Step) -> Result<(), String> {
        let now = self.app.clock.now();
        let answerable = |c: &CheckIn| now < c.due + HOUR * 336;
        match *step {
            Step::Pass(minutes) => self.app.pass_minutes(minutes).await,
            Step::Down(length) => {
                self.app.clock.set(now + minutes(length));
            }
            Step::Deliver => self.app.deliver().await,
            Step::Scene(which, side, ago, meeting) => {
                let Some(link) = self.pick_link(which) else { return Ok(()) };
                let who = self.model.links[link].members[side % 2];
                return self.scene(Some(link), who, now - minutes(ago), meeting).await;
            }
            Step::Alone(who, ago) => {
                return self.scene(None, who, now - minutes(ago), Meeting::InPerson(None)).await;
            }
            Step::Part(which, ahead) => return self.part(which, now + minutes(ahead)).await,
            Step::Correct(which, by) => return self.correct(which, minutes(by)).await,
            Step::Answer(who, which) => {
                let Some(n) = self.pick(who, which, answerable) else { return Ok(()) };
                self.settle(who, n, "answerCheckIn", json!({ "mood": 3 })).await;
            }
            Step::Skip(who, which) => {
                let Some(n) = self.pick(who, which, |c| !c.settled && answerable(c)) else { return Ok(()) };
                self.settle(who, n, "skipCheckIn", json!({})).await;
            }
            Step::Snooze(who, which, length) => {
                let until = now + minutes(length);
                let Some(n) = self.pick(who, which, |c| !c.settled && until < c.closes) else {
                    return Ok(());
                };
                let input = json!({ "checkInId": self.model.check_ins[n].id, "minutes": length });
                self.done(who, "snoozeCheckIn", input, "").await;
                self.model.hear_from(n, now);
                let check_in = &mut self.model.check_ins[n];
                check_in.begin_round();
                (check_in.snoozed, check_in.heard) = (Some(until), false);
                self.model.plan(n, now);
                self.learn(n);
            }
            Step::Pause(who, hours) => {
                let until = hours.map(|hours| now + HOUR * i32::try_from(hours).unwrap());
                self.done(who, "pauseNudges", json!({ "until": until.map(|at| at.to_string()) }), "").await;
                for n in self.model.pause(who, Some(until.unwrap_or(at("2100-01-01T00:00:00Z"))), now) {
                    self.learn(n);
                }
            }
            Step::Resume(who) => {
                self.people[who].ask(&self.app, "mutation { resumeNudges { status } }", json!({})).await;
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
                let zone = TimeZone::get(zone).unwrap();
                for scene in self.model.change_rhythm(who, &zone, quiet, now) {
                    self.compare(scene, who).await?;
                }
            }
            Step::RemoveDevices(who) => {
                let query = "{ viewer { devices { id } } }";
                let devices =
                    self.people[who].ask(&self.app, query, json!({})).await["viewer"]["devices"].clone();
                for device in devices.as_array().unwrap() {
                    self.done(who, "removeDevice", json!({ "deviceId": device["id"] }), "").await;
                }
                let person = &mut self.model.people[who];
                (person.has_device, person.unsure) = (false, false);
            }
            Step::AddDevice(who) => {
                // One device each: a nudge would come once to each of several.
                if self.model.people[who].has_device {
                    return Ok(());
                }
                let device = self.app.push.subscribe();
                let input = json!({ "endpoint": device.endpoint, "p256dh": device.p256dh, "auth": device.auth,
                    "label": "phone" });
                self.done(who, "registerDevice", input, "").await;
                self.endpoints.insert(device.endpoint, who);
                let person = &mut self.model.people[who];
                (person.has_device, person.unsure) = (true, false);
            }
            Step::DevicesGone(who) => {
                for (endpoint, _) in self.endpoints.iter().filter(|(_, owner)| **owner == who) {
                    self.app.push.answer_always(endpoint, Some(Answer::status(410)));
                }
                let person = &mut self.model.people[who];
                person.unsure |= person.has_device;
                person.has_device = false;
            }
            Step::Link => self.link().await,
            Step::Agree(..) | Step::Withdraw(..) | Step::Allow(..) | Step::Unlink(..) => {
                self.change_link(step).await;
            }
            Step::AllowForScene(side, which, allowed) => {
                let Some((n, link)) = self.pick_scene(which, |_| true) else { return Ok(()) };
                let input = json!({ "sceneId": self.model.scenes[n].id, "alertPermission": crate::support::people::scene_permission(allowed) });
                self.done(self.model.links[link].members[side % 2], "setSceneAlert", input, "").await;
                self.model.scenes[n].allows[side % 2] = allowed;
                self.review(link, now);
            }
            Step::ReachOut(side, which) => {
                let Some((n, link)) = self.pick_scene(which, |_| true) else { return Ok(()) };
                let who = self.model.links[link].members[side % 2];
                let input = json!({ "sceneId": self.model.scenes[n].id, "way": "CALL" });
                self.done(who, "recordOutreach", input, "").await;
                self.model.scenes[n].outreaches.push((who, now));
            }
            Step::Plea(..) | Step::TakeBack => self.plead(step).await,
        }
        Ok(())
    }

    async fn settle(&mut self, who: usize, n: usize, mutation: &str, mut input: Value) {
        input["checkInId"] = json!(self.model.check_ins[n].id);
        self.done(who, mutation, input, "").await;
        self.model.hear_from(n, self.app.clock.now());
        self.model.check_ins[n].settled = true;
    }

    async fn plead(&mut self, step: &Step) {
        let now = self.app.clock.now();
        if let Step::Plea(which, side) = step {
            let Some(link) = self.pick_link(*which) else { return };
            let from = self.model.links[link].members[side % 2];
            let input = json!({ "partnerOf": { "linkId": self.model.links[link].id } });
            let asked = self.people[from].change(&self.app, "askPartner", input, "plea { id }").await;
            if asked["status"] != "DONE" {
                return;
            }
            let id = text(&asked["plea"]["id"]);
            let (taken_back, expected, came) = (false, None, Vec::new());
            self.model.pleas.push(Plea { id, link, from, made: now, taken_back, expected, came });
            self.learn_plea(self.model.pleas.len() - 1);
        } else if let Some(plea) = self.model.pleas.last() {
            let input = json!({ "pleaId": plea.id });
            let back = self.people[plea.from].change(&self.app, "takeBackPlea", input, "").await;
            self.model.pleas.last_mut().unwrap().taken_back |= back["status"] == "DONE";
        }
    }

    async fn change_link(&mut self, step: &Step) {
        let now = self.app.clock.now();
        let (Step::Agree(which, ..)
        | Step::Withdraw(which, _)
        | Step::Allow(which, ..)
        | Step::Unlink(which, _)) = step
        else {
            return;
        };
        let Some(n) = self.pick_link(*which) else { return };
        let link = self.model.links[n].clone();
        match *step {
            Step::Unlink(_, side) => {
                self.done(link.members[side % 2], "endLink", json!({ "linkId": link.id }), "").await;
                self.model.links[n].active = false;
            }
            Step::Allow(_, side, allowed) => {
                let input = json!({ "linkId": link.id, "alertPermission": crate::support::people::permission(allowed) });
                self.done(link.members[side % 2], "updateLink", input, "").await;
                self.model.links[n].allows[side % 2] = allowed;
                self.review(n, now);
            }
            Step::Agree(_, protocol, alert) => {
                let protocol = PROTOCOLS[protocol % PROTOCOLS.len()].to_vec();
                let typed: Vec<Value> = protocol.iter().map(|time| time.typed()).collect();
                let terms = json!({ "stopSignal": "red", "limits": format!("text {}", link.texts.len()),
                    "partnerAlert": alert.then_some("CALL"), "protocol": typed });
                let based_on = link.texts.last().map(|text| text.id.as_str());
                let input = json!({ "linkId": link.id, "basedOn": based_on, "terms": terms });
                let select = "revision { id contentHash }";
                let proposed = self.done(link.members[0], "proposeRevision", input, select).await;
                let revision = &proposed["revision"];
                let yes = json!({ "revisionId": revision["id"], "contentHash": revision["contentHash"] });
                for who in link.members {
                    self.done(who, "agreeToRevision", yes.clone(), "").await;
                }
                let id = text(&revision["id"]);
                self.model.links[n].texts.push(Text { id, protocol, alert, withdrawn: false });
                self.review(n, now);
            }
            Step::Withdraw(_, side) => {
                let Some(text) = self.model.links[n].texts.last_mut() else { return };
                text.withdrawn = true;
                let input = json!({ "revisionId": text.id });
                // It may be withdrawn already.
                self.people[link.members[side % 2]].change(&self.app, "withdrawAgreement", input, "").await;
            }
            _ => {}
        }
    }

    /// A consent changed: what is open on that link may be planned anew, and only in a pause that shows.
    fn review(&mut self, link: usize, now: Timestamp) {
        for n in 0..self.model.check_ins.len() {
            let check_in = &self.model.check_ins[n];
            if self.model.scenes[check_in.scene].link == Some(link) && check_in.closes > now {
                let paused = self.model.people[check_in.subject].is_paused(now);
                let recorded_in_pause = check_in.postponed.is_some_and(|until| until > check_in.made);
                if paused || recorded_in_pause {
                    self.model.check_ins[n].tangled = Some("a consent changed during a pause");
                }
            }
        }
    }

    async fn scene(
        &mut self,
        link: Option<usize>,
        maker: usize,
        ended: Timestamp,
        meeting: Meeting,
    ) -> Result<(), String> {
        let now = self.app.clock.now();
        let ended = ended.max(at(crate::support::START));
        let (in_person, parted) = match meeting {
            Meeting::Online => (false, None),
            Meeting::InPerson(after) => (true, after.map(|after| ended + minutes(after))),
        };
        let input = json!({ "linkId": link.map(|link| self.model.links[link].id.clone()), "solo": link.is_none(),
            "setting": if in_person { "IN_PERSON" } else { "ONLINE" }, "intensity": 4, "separate": true,
            "startedAt": ended.to_string(), "endedAt": ended.to_string(),
            "partedAt": parted.map(|at| at.to_string()) });
        let scene =
            self.done(maker, "recordScene", input, "scene { id revision { id } }").await["scene"].clone();
        let under = scene["revision"]["id"].as_str();
        let texts = link.map(|link| &self.model.links[link].texts);
        let known = texts.and_then(|texts| texts.iter().position(|text| Some(text.id.as_str()) == under));
        assert_eq!(known.is_some(), under.is_some());
        let protocol = known.map_or_else(|| PROTOCOLS[0].to_vec(), |n| texts.unwrap()[n].protocol.clone());
        let n = self.model.scenes.len();
        self.model.scenes.push(Scene {
            id: text(&scene["id"]),
            link,
            maker,
            text: known,
            protocol,
            allows: [None; 2],
            made: now,
            ended,
            in_person,
            parted,
            rearranged: false,
            outreaches: Vec::new(),
        });
        // Everything is new: what is counted from the end, and beside it what is counted from the parting.
        self.place(n, Since::End).await
    }

    async fn part(&mut self, which: usize, at: Timestamp) -> Result<(), String> {
        let now = self.app.clock.now();
        let can = |scene: &Scene| {
            let said = scene.parted.is_none_or(|said| now < said + CORRECTED_WITHIN && said != at);
            scene.in_person && said && scene.ended <= at
        };
        let Some((n, link)) = self.pick_scene(which, can) else { return Ok(()) };
        let input = json!({ "sceneId": self.model.scenes[n].id, "partedAt": at.to_string() });
        self.done(self.model.links[link].members[0], "setParting", input, "").await;
        self.model.scenes[n].parted = Some(at);
        self.place(n, Since::Parting).await
    }

    async fn correct(&mut self, which: usize, by: SignedDuration) -> Result<(), String> {
        let now = self.app.clock.now();
        let moved = |scene: &Scene| (scene.ended + by).max(at(crate::support::START)).min(now);
        let can = |scene: &Scene| {
            now < scene.made + CORRECTED_WITHIN
                && moved(scene) != scene.ended
                && scene.parted.is_none_or(|parted| moved(scene) <= parted)
        };
        let Some((n, _)) = self.pick_scene(which, can) else { return Ok(()) };
        let scene = &self.model.scenes[n];
        let (maker, end) = (scene.maker, moved(scene));
        let input = json!({ "sceneId": scene.id, "startedAt": end.to_string(), "endedAt": end.to_string() });
        let before = scene.ended;
        self.model.scenes[n].ended = end;
        let over = |world: &Self, who: usize| {
            let new = world.model.after_scene(n, who, Since::End);
            let open = world.model.placed(n, who).into_iter().filter(|old| old.closes > now);
            open.into_iter().any(|old| new.iter().any(|new| new.time == old.time && new.closes <= now))
        };
        let link = self.model.scenes[n].link.unwrap();
        if self.model.links[link].members.iter().any(|who| over(self, *who)) {
            // A question that is still to be asked would be over already.
            self.people[maker].refused(&self.app, "correctScene", input).await;
            self.model.scenes[n].ended = before;
            return Ok(());
        }
        self.done(maker, "correctScene", input, "").await;
        self.place(n, Since::End).await
    }

    /// A scene's check-ins after what is counted from there was placed anew: those that are new become known, and all must
    /// fall due when the model says.
    async fn place(&mut self, scene: usize, moved: Since) -> Result<(), String> {
        let now = self.app.clock.now();
        let Scene { link, maker, .. } = self.model.scenes[scene];
        let people = link.map_or_else(|| vec![maker], |link| self.model.links[link].members.to_vec());
        for subject in people.iter().copied() {
            let placed = self.model.after_scene(scene, subject, moved);
            self.model.retime(scene, subject, &placed, now);
            for (id, one) in self.check_ins(scene, subject).await {
                if self.model.check_ins.iter().any(|known| known.id == id) {
                    continue;
                }
                let Some(Placed { due, closes, .. }) =
                    placed.iter().find(|placed| placed.time == one.time).copied()
                else {
                    return Err(format!("R03: a check-in that nobody agreed on: {one:?}"));
                };
                self.model.check_ins.push(CheckIn {
                    id,
                    subject,
                    partner: people.iter().copied().find(|who| *who != subject),
                    scene,
                    time: one.time,
                    due,
                    closes,
                    made: now,
                    round: 0,
                    snoozed: None,
                    settled: false,
                    postponed: self.model.people[subject].paused_until.filter(|until| now < *until),
                    heard: false,
                    plan: [None; 3],
                    expected: Vec::new(),
                    tangled: None,
                });
                let n = self.model.check_ins.len() - 1;
                self.model.plan(n, now);
                self.learn(n);
            }
            self.compare(scene, subject).await?;
        }
        Ok(())
    }

    /// Whether a person's check-ins of a scene fall due and close when the model says.
    pub async fn compare(&mut self, scene: usize, who: usize) -> Result<(), String> {
        let mut shown: Vec<Placed> =
            self.check_ins(scene, who).await.into_iter().map(|(_, one)| one).collect();
        shown.sort_by_key(|one| one.due);
        let placed = self.model.placed(scene, who);
        if shown != placed {
            let (scene, person) = (&self.model.scenes[scene], &self.model.people[who]);
            return Err(format!(
                "R03: the times of {scene:#?}\nfor {person:?}\nare {shown:#?}\nnot {placed:#?}"
            ));
        }
        self.model.reckoned.times += placed.len();
        Ok(())
    }

    /// A person's check-ins of a scene, as the service shows them.
    async fn check_ins(&self, scene: usize, who: usize) -> Vec<(String, Placed)> {
        let query = format!(
            "query($id: ID!) {{ node(id: $id) {{ ... on Scene {{ myCheckIns {{ id dueAt closesAt {SHOWN} }} }} }} }}"
        );
        let data =
            self.people[who].ask(&self.app, &query, json!({ "id": self.model.scenes[scene].id })).await;
        let instant = |value: &Value| at(value.as_str().unwrap());
        let one = |shown: &Value| {
            let (due, closes) = (instant(&shown["dueAt"]), instant(&shown["closesAt"]));
            (text(&shown["id"]), Placed { time: Time::shown(&shown["time"]), due, closes })
        };
        data["node"]["myCheckIns"].as_array().unwrap().iter().map(one).collect()
    }
}

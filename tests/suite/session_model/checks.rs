//! What is looked at after every step: all that came to the owner's phones and inbox, and all that anybody holds.

use super::model::REFUSED;
use super::steps::Step;
use super::world::{Phone, REFRESH, World, link_with};
use crate::support::people::text;
use diesel::prelude::*;
use evenkeel::auth::tokens::opaque_hash;
use evenkeel::ids::CheckInId;
use evenkeel::store::schema::{check_ins, page_tokens};
use evenkeel::store::types::Ts;
use evenkeel::store::{Db, StoreError};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::HashSet;

const SEEN: &str = "{ viewer { sessions { id } devices { id } partnerLinks { id state } } }";

impl World {
    /// Links that work, one for each check-in that waits for an answer.
    pub fn open_links(&self) -> Vec<usize> {
        let (now, links) = (self.now(), &self.model.links);
        let mut asked = HashSet::new();
        let open = |n: &usize| {
            let link = &links[*n];
            self.model.link_works(link, now) && !self.model.answered.contains_key(&link.check_in)
        };
        (0..links.len()).filter(open).filter(|n| asked.insert(links[*n].check_in.clone())).collect()
    }

    async fn reply(&mut self, link: usize) -> u16 {
        let url = self.model.links[link].url.clone();
        self.post(
            &url,
            &json!({ "mood": 5, "sharing": "ALL", "attempt": format!("the-reply-by-link-{link}") }),
        )
        .await
    }

    pub async fn answer(&mut self, link: usize) {
        assert_eq!(self.reply(link).await, 200, "a link that nothing ended");
        self.model.answered.insert(self.model.links[link].check_in.clone(), link);
    }

    /// Takes in what reached phones and inboxes. Nothing comes to a device whose session ended, nor while on hold.
    pub async fn learn(&mut self) {
        let pushes = self.app.push.received().split_off(self.seen.0);
        let mails = self.app.mail.inbox(&self.email).split_off(self.seen.1);
        self.seen = (self.seen.0 + pushes.len(), self.seen.1 + mails.len());
        let mut came = Vec::new();
        for push in pushes {
            let Some(device) = self.model.devices.iter().position(|device| device.endpoint == push.endpoint)
            else {
                continue;
            };
            assert!(
                self.model.device_lives(&self.model.devices[device]),
                "a push came to a device that was ended"
            );
            assert!(!self.model.is_held(), "a push came while on hold");
            let payload: Value = serde_json::from_slice(&push.payload).unwrap();
            let leads = text(&payload["notification"]["navigate"]);
            came.extend(link_with(&leads, "/c/").map(|url| (url, Some(device))));
        }
        for mail in mails {
            came.extend(link_with(&mail.text().unwrap(), "/c/").map(|url| (url, None)));
        }
        for (url, device) in came {
            assert!(!self.model.is_held(), "a question came while on hold");
            let about = self.check_in(&url).await;
            self.model.arrived(url, device, about);
        }
    }

    /// Which check-in a link answers, and when that fell due.
    async fn check_in(&self, url: &str) -> (String, Timestamp) {
        let hash = opaque_hash(url.rsplit_once('/').unwrap().1.split('?').next().unwrap());
        let found = move |db: &mut Db| {
            let check_in: Option<CheckInId> =
                page_tokens::table.find((hash, 0)).select(page_tokens::check_in_id).first(db)?;
            let about = check_ins::table.find(check_in.unwrap());
            let found: (CheckInId, Ts) = about.select((check_ins::id, check_ins::due_at)).first(db)?;
            Ok::<_, StoreError>(found)
        };
        let (id, due) = self.app.app.context.store.read(found).await.unwrap();
        (id.to_string(), due.get())
    }

    /// Tries everything that anybody holds.
    pub async fn check(&mut self) {
        let now = self.now();
        let mut asks = None;
        for phone in 0..self.phones.len() {
            let Phone { by, session, access, .. } = self.phones[phone].clone();
            let lives = self.model.lives(session);
            for (token, until) in &access {
                let answer = self.app.raw(Some(token), SEEN, json!({})).await;
                let works = answer["errors"][0]["extensions"]["code"] != "UNAUTHENTICATED";
                let ended = self.model.sessions[session].ended;
                assert_eq!(
                    works,
                    lives && now < *until,
                    "an access token of {by:?}, whose session is {ended:?}: {answer}"
                );
                if works {
                    asks = Some(answer["data"]["viewer"].clone());
                }
            }
            self.phones[phone].access.retain(|(_, until)| now < *until);
        }
        for session in 0..self.model.sessions.len() {
            if self.model.lives(session) {
                continue;
            }
            for (token, _) in self.model.sessions[session].tokens.clone() {
                let answer = self.anonymous(REFRESH, json!({ "t": token })).await;
                let ended = self.model.sessions[session].ended;
                assert_eq!(
                    answer["refreshSession"]["status"], REFUSED,
                    "a refresh token of a session that is {ended:?}"
                );
            }
        }
        if let Some(seen) = asks {
            let ids = |of: &str, fits: &dyn Fn(&Value) -> bool| -> HashSet<String> {
                let fitting = seen[of].as_array().unwrap().iter().filter(|one| fits(one));
                fitting.map(|one| text(&one["id"])).collect()
            };
            let model = &self.model;
            let sessions: HashSet<_> =
                model.alive().map(|session| model.sessions[session].id.clone()).collect();
            assert_eq!(ids("sessions", &|_| true), sessions, "the sessions listed");
            let devices = model.devices.iter().filter(|device| model.device_lives(device));
            let devices: HashSet<_> = devices.map(|device| device.id.clone()).collect();
            assert_eq!(ids("devices", &|_| true), devices, "the devices listed");
            let invited = ids("partnerLinks", &|link| link["state"] == "INVITED");
            let made: HashSet<_> = model.invitations.keys().cloned().collect();
            assert_eq!(invited, made, "the invitations listed");
        }
        for link in 0..self.model.links.len() {
            let known = &self.model.links[link];
            let works = self.model.link_works(known, now);
            let by = self.model.answered.get(&known.check_in);
            // One that waits for its answer works by using it, which is a step of its own.
            if works && by.is_none() {
                continue;
            }
            let expected = works && by == Some(&link);
            let status = self.reply(link).await;
            assert_eq!(status == 200, expected, "an answering link: {status}");
            assert!(expected || status == 404, "{status}");
        }
        for download in 0..self.model.downloads.len() {
            if !self.model.download_works(&self.model.downloads[download], now) {
                let url = self.model.downloads[download].url.clone();
                assert_eq!(self.post(&url, &json!({})).await, 404, "a download that was used or ended");
            }
        }
    }

    /// What is left at the end works.
    pub async fn use_what_is_left(&mut self) {
        for session in self.model.alive().collect::<Vec<_>>() {
            let last = self.model.sessions[session].tokens.len() - 1;
            let holds = |phone: &Phone| phone.session == session && phone.place == last;
            let Some(phone) = self.phones.iter().position(holds) else { continue };
            self.refresh(phone).await;
        }
        for link in self.open_links() {
            self.answer(link).await;
        }
        self.take(&Step::Download).await;
        self.check().await;
    }
}

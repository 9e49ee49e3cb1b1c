//! The service and the people's phones, and each step as it is taken over HTTP.

use super::model::{DONE, Exchange, Model, REFUSED, Who};
use super::steps::{Pick, Proof, Step};
use crate::support::people::{PASSWORD, text, totp_code};
use crate::support::{Person, TestApp};
use evenkeel::actions::accounts::erasure;
use evenkeel::actions::export;
use evenkeel::actions::operations::retention;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const LOG_IN: &str = "mutation($i: LogInInput!) { logIn(input: $i) {
    status outcome { ... on SessionTokens { sessionId accessToken accessTokenExpiresAt refreshToken } ... on SecondStep { challenge } }  } }";
const COMPLETE: &str = "mutation($i: CompleteLogInInput!) { completeLogIn(input: $i) {
    status tokens { sessionId accessToken accessTokenExpiresAt refreshToken } } }";
pub const REFRESH: &str = "mutation($t: String!) { refreshSession(input: { refreshToken: $t }) {
    status tokens { accessToken accessTokenExpiresAt refreshToken } } }";

/// What somebody has of a session: its access tokens, and the place of their refresh token in its family.
#[derive(Clone)]
pub struct Phone {
    pub by: Who,
    pub session: usize,
    pub place: usize,
    pub access: Vec<(String, Timestamp)>,
}

/// The service, the people's phones, and the model of the account.
pub struct World {
    pub app: TestApp,
    pub model: Model,
    pub email: String,
    sam: Person,
    link: String,
    pub phones: Vec<Phone>,
    pub seen: (usize, usize),
    addresses: u32,
    passwords: usize,
}

impl World {
    pub async fn build(app: TestApp) -> Self {
        let couple = app.couple().await;
        let alex = couple.alex;
        let now = app.clock.now();
        let seen = alex.ask(&app, "{ viewer { sessions { id } } }", json!({})).await;
        let mut model = Model::new(PASSWORD);
        let session = model.open(text(&seen["viewer"]["sessions"][0]["id"]), alex.refresh_token(), now);
        model.register(session, alex.device_id.clone(), alex.device.endpoint.clone());
        let access = vec![(alex.access(), now + SignedDuration::from_mins(10))];
        let phones = vec![Phone { by: Who::Owner, session, place: 0, access }];
        let (email, sam, link) = (alex.email, couple.sam, couple.link);
        let seen = (0, app.mail.inbox(&email).len());
        Self { app, model, email, sam, link, phones, seen, addresses: 0, passwords: 0 }
    }

    pub fn now(&self) -> Timestamp {
        self.app.clock.now()
    }

    /// Another client's address, so that nobody is asked to wait.
    fn address(&mut self) -> String {
        self.addresses += 1;
        let [_, a, b, c] = self.addresses.to_be_bytes();
        format!("11.{c}.{b}.{a}")
    }

    pub async fn anonymous(&mut self, query: &str, variables: Value) -> Value {
        let address = self.address();
        self.app.from(&address, query, variables).await
    }

    pub async fn post(&mut self, url: &str, body: &Value) -> u16 {
        let address = self.address();
        let sent = self.app.http.post(url).header("X-Forwarded-For", address);
        let sent = sent.header("Content-Type", "application/json").header("Accept", "application/json");
        sent.body(body.to_string()).send().await.unwrap().status().as_u16()
    }

    /// One of somebody's phones, if a session of theirs lives.
    fn pick(&self, who: Who, which: Pick) -> Option<usize> {
        let theirs = |phone: &Phone| phone.by == who && self.model.lives(phone.session);
        let fitting: Vec<_> = (0..self.phones.len()).filter(|phone| theirs(&self.phones[*phone])).collect();
        fitting.get(which % fitting.len().max(1)).copied()
    }

    /// Exchanges a phone's refresh token as the model says.
    pub async fn refresh(&mut self, phone: usize) {
        let (session, place, now) = (self.phones[phone].session, self.phones[phone].place, self.now());
        let (token, _) = self.model.sessions[session].tokens[place].clone();
        let expected = self.model.exchange(session, place, now);
        let answer = self.anonymous(REFRESH, json!({ "t": token })).await["refreshSession"].clone();
        let (done, tokens) = (answer["status"] == DONE, &answer["tokens"]);
        assert_eq!(done, expected != Exchange::Refused, "refreshing is {expected:?}: {answer}");
        match expected {
            Exchange::Refused => return,
            Exchange::Next => self.model.sessions[session].tokens.push((text(&tokens["refreshToken"]), now)),
            Exchange::Again => {
                assert_eq!(tokens["refreshToken"], self.model.sessions[session].tokens[place + 1].0.as_str());
            }
        }
        self.phones[phone].place += 1;
        self.phones[phone].access.push(access(tokens));
    }

    /// An access token of a phone that works; none if its session turns out to have been copied.
    async fn access(&mut self, phone: usize) -> Option<String> {
        let now = self.now();
        let good = |phone: &Phone| {
            phone.access.last().filter(|(_, until)| now < *until).map(|(token, _)| token.clone())
        };
        if good(&self.phones[phone]).is_none() {
            self.refresh(phone).await;
        }
        good(&self.phones[phone]).filter(|_| self.model.lives(self.phones[phone].session))
    }

    /// Sends a mutation from a phone; returns its payload.
    async fn send(&mut self, access: &str, name: &str, input: Value, select: &str) -> Value {
        let head = format!("{}{}Input!", name[..1].to_uppercase(), &name[1..]);
        let query = match input.is_null() {
            true => format!("mutation {{ {name} {{ status {select} }} }}"),
            false => format!("mutation($i: {head}) {{ {name}(input: $i) {{ status {select} }} }}"),
        };
        let answer = self.app.raw(Some(access), &query, json!({ "i": input })).await;
        assert_eq!(answer.get("errors"), None, "{query}\n{answer}");
        answer["data"][name].clone()
    }

    /// A code of the authenticator, if it is that person's. Codes count once, so half a minute passes.
    fn code(&self, who: Who) -> Value {
        let Some(app) = self.model.app.as_ref().filter(|app| app.by == who) else { return Value::Null };
        self.app.clock.set(self.now() + SignedDuration::from_secs(31));
        json!(totp_code(&app.secret, self.now()))
    }

    /// A phone that acts, logged in anew if need be, and its access token; after a proof if one is given.
    async fn acting(&mut self, who: Who, which: Pick, proof: Proof) -> Option<(usize, String)> {
        if self.pick(who, which).is_none() {
            self.log_in(who).await;
        }
        let phone = self.pick(who, which)?;
        let session = self.phones[phone].session;
        let code = if proof { self.code(who) } else { Value::Null };
        let access = self.access(phone).await?;
        if proof {
            let expected = self.model.prove(who, session, self.now());
            let second = (!code.is_null()).then(|| json!({ "totpCode": code }));
            let input = json!({ "password": self.model.knows[who as usize], "secondFactor": second });
            let proved = self.send(&access, "reauthenticate", input, "").await;
            assert_eq!(proved["status"], expected, "a proof of {who:?}");
        }
        Some((session, access))
    }

    fn next_password(&mut self) -> String {
        self.passwords += 1;
        format!("calm boats on lake number {}", self.passwords)
    }

    pub async fn take(&mut self, step: &Step) {
        match *step {
            Step::Pass(seconds) => self.pass(seconds).await,
            Step::LogIn(who) => self.log_in(who).await,
            Step::Learn => self.model.thief_learns(),
            Step::AskForReset => self.ask_for_reset().await,
            Step::Reset(which) => self.reset(which).await,
            Step::Refresh(who, which) => {
                let Some(phone) = self.pick(who, which) else { return };
                self.refresh(phone).await;
            }
            Step::Steal(which) => {
                let Some(phone) = self.pick(Who::Owner, which) else { return };
                let copy = Phone { by: Who::Thief, ..self.phones[phone].clone() };
                self.phones.push(copy);
            }
            Step::Scene => self.scene().await,
            Step::Answer(which) => {
                let open: Vec<_> = self.open_links();
                let Some(link) = open.get(which % open.len().max(1)) else { return };
                self.answer(*link).await;
            }
            Step::Download => {
                let now = self.now();
                let last = self
                    .model
                    .downloads
                    .iter()
                    .rposition(|download| self.model.download_works(download, now));
                let Some(last) = last else { return };
                let url = self.model.downloads[last].url.clone();
                assert_eq!(self.post(&url, &json!({})).await, 200, "a download that nothing ended");
                self.model.downloaded(last);
            }
            Step::RegisterDevice(who, which)
            | Step::LogOut(who, which)
            | Step::Invite(who, which)
            | Step::Withdraw(who, which)
            | Step::Consent(who, which) => {
                let Some((session, access)) = self.acting(who, which, false).await else { return };
                self.act(step, who, session, &access).await;
            }
            Step::ChangePassword(who, which, proof)
            | Step::AddApp(who, which, proof)
            | Step::RemoveApp(who, which, proof)
            | Step::End(who, which, _, proof)
            | Step::EndOthers(who, which, proof)
            | Step::Export(who, which, proof)
            | Step::RequestErasure(who, which, proof)
            | Step::CancelErasure(who, which, proof) => {
                let Some((session, access)) = self.acting(who, which, proof).await else { return };
                self.act(step, who, session, &access).await;
            }
        }
    }

    /// What somebody does in a session.
    async fn act(&mut self, step: &Step, who: Who, session: usize, access: &str) {
        let now = self.now();
        let (name, input, expected) = match *step {
            Step::RegisterDevice(..) => {
                let device = self.app.push.subscribe();
                let input = json!({ "endpoint": device.endpoint, "p256dh": device.p256dh, "auth": device.auth, "label": "phone" });
                let registered = self.send(access, "registerDevice", input, "device { id }").await;
                self.model.register(session, text(&registered["device"]["id"]), device.endpoint);
                return;
            }
            Step::Invite(..) => {
                let invited =
                    self.send(access, "invitePartner", json!({ "role": "SWITCH" }), "link { id }").await;
                assert_eq!(invited["status"], if self.model.is_held() { REFUSED } else { DONE });
                let made = invited["link"]["id"].as_str().map(|id| (id.to_owned(), now));
                self.model.invitations.extend(made);
                return;
            }
            Step::AddApp(..) => {
                let begins = self.model.may_begin_app(session, now);
                let begun = self.send(access, "beginTotp", Value::Null, "setup { secret }").await;
                assert_eq!(begun["status"] == DONE, begins, "an authenticator is begun: {begun}");
                if begins {
                    let secret = text(&begun["setup"]["secret"]);
                    let input = json!({ "totpCode": totp_code(&secret, now) });
                    assert_eq!(self.send(access, "confirmTotp", input, "").await["status"], DONE);
                    self.model.add_app(who, secret, now);
                }
                return;
            }
            Step::Export(..) => {
                let may = self.model.may_export(session, now);
                let asked = self.send(access, "requestExport", Value::Null, "").await;
                assert_eq!(asked["status"] == DONE, may, "an export is asked for: {asked}");
                if may {
                    assert_eq!(export::make_due(&self.app.app.context).await.unwrap(), 1);
                    let fetched =
                        self.send(access, "createExportDownload", Value::Null, "download { path }").await;
                    let url = format!("{}{}", self.app.url, text(&fetched["download"]["path"]));
                    self.model.download_came(url, now);
                }
                return;
            }
            Step::ChangePassword(..) => {
                let new = self.next_password();
                let input = json!({ "currentPassword": self.model.knows[who as usize], "newPassword": new });
                ("changePassword", input, self.model.change_password(who, session, &new, now))
            }
            Step::End(_, _, which, _) => {
                let alive: Vec<_> = self.model.alive().collect();
                let ended = alive[which % alive.len()];
                let input = json!({ "sessionId": self.model.sessions[ended].id });
                ("endSession", input, self.model.end_one(session, ended, now))
            }
            Step::LogOut(..) => {
                self.model.log_out(session);
                ("logOut", Value::Null, DONE)
            }
            Step::RemoveApp(..) => ("removeTotp", Value::Null, self.model.remove_app(session, now)),
            Step::EndOthers(..) => ("endOtherSessions", Value::Null, self.model.end_others(session, now)),
            Step::RequestErasure(..) => {
                ("requestErasure", Value::Null, self.model.request_erasure(session, now))
            }
            Step::CancelErasure(..) => {
                ("cancelErasure", Value::Null, self.model.cancel_erasure(session, now))
            }
            Step::Withdraw(..) => ("withdrawConsent", Value::Null, self.model.consent(false)),
            _ => ("giveConsent", crate::support::people::health_consent(), self.model.consent(true)),
        };
        let answer = self.send(access, name, input, "problems { field code }").await;
        assert_eq!(answer["status"], expected, "{name} by {who:?}: {answer}");
    }

    async fn pass(&mut self, seconds: i64) {
        let until = self.now() + SignedDuration::from_secs(seconds);
        while self.now() < until {
            self.app.pass_until(until.min(self.now() + SignedDuration::from_hours(30 * 24))).await;
            // The partner stays signed in.
            self.sam.refresh(&self.app).await;
        }
        self.learn().await;
        retention::sweep(&self.app.app.context).await.unwrap();
        erasure::carry_out_due(&self.app.app.context).await.unwrap();
        self.model.tidied(self.now());
    }

    async fn log_in(&mut self, who: Who) {
        let code = self.code(who);
        let input = json!({ "email": self.email, "password": self.model.knows[who as usize] });
        let mut answer = self.anonymous(LOG_IN, json!({ "i": input })).await["logIn"].clone();
        let (status, second) = self.model.log_in(who);
        assert_eq!(
            (&answer["status"], answer["outcome"]["challenge"].is_string()),
            (&json!(status), second),
            "{who:?}: {answer}"
        );
        let mut tokens = &answer["outcome"];
        if second && !code.is_null() {
            let (challenge, code) = (&answer["outcome"]["challenge"], json!({ "totpCode": code }));
            let input = json!({ "challenge": challenge, "secondFactor": code });
            answer = self.anonymous(COMPLETE, json!({ "i": input })).await["completeLogIn"].clone();
            tokens = &answer["tokens"];
        }
        let signed_in = tokens["accessToken"].is_string();
        assert_eq!(signed_in, self.model.can_log_in(who), "{who:?} logs in: {answer}");
        if signed_in {
            let (id, refresh) = (text(&tokens["sessionId"]), text(&tokens["refreshToken"]));
            let session = self.model.open(id, refresh, self.now());
            self.model.count(format!("{who:?} logged in"));
            self.phones.push(Phone { by: who, session, place: 0, access: vec![access(tokens)] });
        }
    }

    async fn ask_for_reset(&mut self) {
        let query = "mutation($e: String!) { requestPasswordReset(input: { email: $e }) { status } }";
        let came = self.model.ask_for_reset(self.now());
        let email = self.email.clone();
        self.anonymous(query, json!({ "e": email })).await;
        self.app.deliver().await;
        self.learn().await;
        if came {
            let mails = self.app.mail.inbox(&self.email);
            let link = mails.iter().rev().find_map(|mail| link_with(&mail.text().unwrap(), "/reset/"));
            self.model.reset_came(link.unwrap(), self.now());
        }
    }

    async fn reset(&mut self, which: Pick) {
        let now = self.now();
        if !self.model.resets.iter().any(|mail| self.model.reset_works(mail, now)) {
            self.ask_for_reset().await;
        }
        // The last one most often, as people do.
        let mail = (self.model.resets.len() - 1).saturating_sub(which % 8 / 6);
        let (url, new) = (self.model.resets[mail].url.clone(), self.next_password());
        let expected = self.model.reset(mail, &new, self.now());
        let status = self.post(&url, &json!({ "password": new })).await;
        assert_eq!(status == 200, expected.is_some(), "a reset by mail: {status}");
    }

    async fn scene(&mut self) {
        if self.model.is_held() {
            return;
        }
        if !self.model.linked {
            // The two link again, if anybody is signed in who could.
            let Some((_, access)) = self.acting(Who::Owner, 0, false).await else { return };
            let invited =
                self.sam.done(&self.app, "invitePartner", json!({ "role": "SWITCH" }), "code").await;
            let input = json!({ "code": invited["code"], "role": "SWITCH" });
            let accepted = self.send(&access, "acceptInvitation", input, "link { id }").await;
            self.link = text(&accepted["link"]["id"]);
            self.model.linked = true;
        }
        let now = self.now().to_string();
        let input = json!({ "linkId": self.link, "setting": "ONLINE", "intensity": 4, "startedAt": now, "endedAt": now });
        self.sam.done(&self.app, "recordScene", input, "").await;
    }
}

/// An access token of an answer, and how long it works.
fn access(tokens: &Value) -> (String, Timestamp) {
    (text(&tokens["accessToken"]), text(&tokens["accessTokenExpiresAt"]).parse().unwrap())
}

/// The first link of a text whose path has that part.
pub fn link_with(text: &str, part: &str) -> Option<String> {
    let mut lines = text.lines().filter(|line| line.starts_with("http") && line.contains(part));
    lines.next().map(|line| line.split('#').next().unwrap().to_owned())
}

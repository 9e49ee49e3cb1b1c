//! People who use the service as a phone does: over HTTP, with tokens that they refresh, on their own device.

use super::TestApp;
use evenkeel::demo::push_receiver::{Received, Subscription};
use evenkeel::demo::smtp_receiver::Mail;
use evenkeel::domain::account::ConsentKind;
use serde_json::{Value, json};
use std::cell::RefCell;

/// A password that is long enough and on no list of common ones.
pub const PASSWORD: &str = "four calm boats on a lake";

/// A person who is signed up, confirmed and logged in, with a device that takes push.
pub struct Person {
    pub name: String,
    pub email: String,
    pub device: Subscription,
    pub device_id: String,
    tokens: RefCell<(String, String)>,
}

/// Two people with an active link.
pub struct Couple {
    pub alex: Person,
    pub sam: Person,
    pub link: String,
}

impl TestApp {
    /// Signs a person up, confirms the address by mail, logs in and registers a device.
    pub async fn person(&self, name: &str, zone: &str, quiet: (&str, &str)) -> Person {
        let person = self.person_without_device(name, zone, quiet).await;
        self.add_device(person).await
    }

    /// As [`TestApp::person`], without a device.
    pub async fn person_without_device(&self, name: &str, zone: &str, quiet: (&str, &str)) -> Person {
        let email = format!("{}@people.test", name.to_lowercase());
        let sign_up = json!({ "input": {
            "email": email, "displayName": name, "zone": zone,
            "quietHours": { "from": quiet.0, "until": quiet.1 }, "consents": consents(),
        } });
        let query =
            "mutation($input: SignUpInput!) { signUp(input: $input) { status problems { field code } } }";
        let data = self.anonymous(query, sign_up).await;
        assert_eq!(data["signUp"], json!({ "status": "DONE", "problems": [] }));
        self.deliver().await;
        let mail = self.mail.inbox(&email).pop().expect("a mail to confirm the address");
        self.set_password(&link_in(&mail), PASSWORD).await;
        let tokens = RefCell::new(self.log_in(&email, PASSWORD).await);
        Person {
            name: name.to_owned(),
            email,
            device: self.push.subscribe(),
            device_id: String::new(),
            tokens,
        }
    }

    /// Chooses a password on the page of a mail.
    pub async fn set_password(&self, page: &str, password: &str) {
        let form = self.http.post(page).header("Content-Type", "application/x-www-form-urlencoded");
        let answer = form.body(format!("password={}", password.replace(' ', "+"))).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }

    /// Registers a person's device.
    pub async fn add_device(&self, mut person: Person) -> Person {
        let input = json!({ "input": {
            "endpoint": person.device.endpoint, "p256dh": person.device.p256dh, "auth": person.device.auth,
            "label": format!("{}'s phone", person.name),
        } });
        let query = "mutation($input: RegisterDeviceInput!) { registerDevice(input: $input) {
            status device { id } problems { field code } } }";
        let data = person.ask(self, query, input).await;
        assert_eq!(data["registerDevice"]["status"], "DONE", "{data}");
        person.device_id = text(&data["registerDevice"]["device"]["id"]);
        person
    }

    /// Whoever knows a person's password, on another device that takes push too.
    pub async fn another_device(&self, of: &Person) -> Person {
        let device = self.push.subscribe();
        let person = Person { device, ..self.log_in_again(of).await };
        self.add_device(person).await
    }

    /// A person who logs in anew on their own device.
    pub async fn log_in_again(&self, person: &Person) -> Person {
        let tokens = RefCell::new(self.log_in(&person.email, PASSWORD).await);
        let (name, email, device) = (person.name.clone(), person.email.clone(), person.device.clone());
        Person { name, email, device, device_id: String::new(), tokens }
    }

    /// Logs in and returns the access and refresh tokens.
    pub async fn log_in(&self, email: &str, password: &str) -> (String, String) {
        let query = "mutation($input: LogInInput!) { logIn(input: $input) {
            status outcome { ... on SessionTokens { accessToken refreshToken } } problems { field code } } }";
        let input = json!({ "input": { "email": email, "password": password, "deviceLabel": "phone" } });
        let data = self.anonymous(query, input).await;
        assert_eq!(data["logIn"]["status"], "DONE", "{data}");
        let tokens = &data["logIn"]["outcome"];
        (text(&tokens["accessToken"]), text(&tokens["refreshToken"]))
    }

    /// Alex in Berlin (quiet 22:00 to 08:00) and Sam in Los Angeles (quiet 23:00 to 07:00), linked.
    pub async fn couple(&self) -> Couple {
        let alex = self.person("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
        let sam = self.person("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        let link = self.link(&alex, &sam).await;
        Couple { alex, sam, link }
    }

    /// The access token of an account that has been erased.
    pub async fn erased(&self, name: &str) -> String {
        use diesel::prelude::*;
        use evenkeel::store::{Db, StoreError, schema::accounts};
        let person = self.person_without_device(name, "UTC", ("22:00", "08:00")).await;
        let id = person.ask(self, "{ viewer { account { id } } }", json!({})).await;
        let id: evenkeel::ids::AccountId = text(&id["viewer"]["account"]["id"]).parse().unwrap();
        let erase = move |db: &mut Db| Ok(diesel::delete(accounts::table.find(id)).execute(db)?);
        assert_eq!(self.app.context.store.write::<_, StoreError>(erase).await.unwrap(), 1);
        person.access()
    }

    /// Links two people; returns the link's id.
    pub async fn link(&self, inviter: &Person, other: &Person) -> String {
        let query = "mutation { invitePartner(input: { role: DOMINANT }) { status code link { id } } }";
        let invited = inviter.ask(self, query, json!({})).await;
        let code = text(&invited["invitePartner"]["code"]);
        let query = "mutation($code: String!) { acceptInvitation(input: { code: $code, role: SUBMISSIVE }) {
            status link { id state } problems { field code } } }";
        let accepted = other.ask(self, query, json!({ "code": code })).await;
        assert_eq!(accepted["acceptInvitation"]["status"], "DONE", "{accepted}");
        text(&accepted["acceptInvitation"]["link"]["id"])
    }
}

impl Person {
    /// Asks as this person; if the access token has expired, refreshes and asks again. The answer must have no errors.
    pub async fn ask(&self, app: &TestApp, query: &str, variables: Value) -> Value {
        let answer = self.ask_raw(app, query, variables).await;
        assert_eq!(answer.get("errors"), None, "{query}\n{answer}");
        answer["data"].clone()
    }

    /// As [`Person::ask`], errors included.
    pub async fn ask_raw(&self, app: &TestApp, query: &str, variables: Value) -> Value {
        let answer = app.raw(Some(&self.access()), query, variables.clone()).await;
        let code = &answer["errors"][0]["extensions"]["code"];
        if code != "UNAUTHENTICATED" {
            return answer;
        }
        self.refresh(app).await;
        app.raw(Some(&self.access()), query, variables).await
    }

    /// Exchanges the refresh token.
    pub async fn refresh(&self, app: &TestApp) {
        let refresh = self.tokens.borrow().1.clone();
        let query = "mutation($t: String!) { refreshSession(input: { refreshToken: $t }) {
            status tokens { accessToken refreshToken } } }";
        let data = app.anonymous(query, json!({ "t": refresh })).await;
        assert_eq!(data["refreshSession"]["status"], "DONE", "{} is signed out", self.name);
        let tokens = &data["refreshSession"]["tokens"];
        *self.tokens.borrow_mut() = (text(&tokens["accessToken"]), text(&tokens["refreshToken"]));
    }

    /// The current access token.
    pub fn access(&self) -> String {
        self.tokens.borrow().0.clone()
    }

    /// The current refresh token.
    pub fn refresh_token(&self) -> String {
        self.tokens.borrow().1.clone()
    }

    /// Every push that this person's device got, repeats included.
    pub fn pushes(&self, app: &TestApp) -> Vec<Received> {
        app.push.received().into_iter().filter(|push| push.endpoint == self.device.endpoint).collect()
    }

    /// Every mail that came to this person's address.
    pub fn mails(&self, app: &TestApp) -> Vec<Mail> {
        app.mail.inbox(&self.email)
    }

    /// The message that a push names, as its recipient reads it: `reasons { kind message checkIn { id } scene { id } }`.
    pub async fn nudge(&self, app: &TestApp, push: &Received) -> Value {
        let payload: Value = serde_json::from_slice(&push.payload).unwrap();
        let query = "query($id: ID!) { node(id: $id) { ... on Nudge { id reasons { kind message checkIn { id } scene { id } } } } }";
        self.ask(app, query, json!({ "id": payload["nudge"] })).await["node"].clone()
    }

    /// The reasons of [`Person::nudge`].
    pub async fn reasons_of(&self, app: &TestApp, push: &Received) -> Vec<Value> {
        self.nudge(app, push).await["reasons"].as_array().unwrap().clone()
    }

    /// The reasons of this person's latest messages: these fields of each, and the message's `id`, `state`, `channel`,
    /// `sendAt` and `finishedAt` beside them.
    pub async fn reasons(&self, app: &TestApp, fields: &str) -> Vec<Value> {
        let query = format!(
            "{{ viewer {{ nudges(first: 50) {{ nodes {{ id state channel sendAt finishedAt reasons {{ {fields} }} }} }} }} }}"
        );
        let data = self.ask(app, &query, json!({})).await;
        let mut all = Vec::new();
        for nudge in data["viewer"]["nudges"]["nodes"].as_array().unwrap() {
            for reason in nudge["reasons"].as_array().unwrap() {
                let mut reason = reason.clone();
                for field in ["id", "state", "channel", "sendAt", "finishedAt"] {
                    reason[field] = nudge[field].clone();
                }
                all.push(reason);
            }
        }
        all
    }
}

impl Couple {
    /// Alex proposes these terms (as GraphQL input), both agree; returns the Revision's id.
    pub async fn agree(&self, app: &TestApp, terms: Value, based_on: Option<&str>) -> String {
        let query = "mutation($input: ProposeRevisionInput!) { proposeRevision(input: $input) {
            status revision { id contentHash } problems { field code } } }";
        let input = json!({ "input": { "linkId": self.link, "basedOn": based_on, "terms": terms } });
        let proposed = self.alex.ask(app, query, input).await;
        assert_eq!(proposed["proposeRevision"]["status"], "DONE", "{proposed}");
        let revision = &proposed["proposeRevision"]["revision"];
        let query = "mutation($input: AgreeToRevisionInput!) { agreeToRevision(input: $input) {
            status revision { state } problems { field code } } }";
        let yes =
            json!({ "input": { "revisionId": revision["id"], "contentHash": revision["contentHash"] } });
        for person in [&self.sam, &self.alex] {
            let agreed = person.ask(app, query, yes.clone()).await;
            assert_eq!(agreed["agreeToRevision"]["status"], "DONE", "{agreed}");
        }
        text(&revision["id"])
    }

    /// The usual terms: the default protocol, and the partner may be told that a call is welcome.
    pub fn usual_terms() -> Value {
        json!({ "stopSignal": "red", "limits": "none tonight", "partnerAlert": "CALL" })
    }

    /// Alex records a scene that ended just now; returns its id.
    pub async fn scene(&self, app: &TestApp) -> String {
        let query = "mutation($input: RecordSceneInput!) { recordScene(input: $input) {
            status scene { id state } problems { field code sentence } } }";
        let now = app.clock.now();
        let input = json!({ "input": {
            "linkId": self.link, "setting": "ONLINE", "intensity": 4,
            "startedAt": now.to_string(), "endedAt": now.to_string(),
        } });
        let data = self.alex.ask(app, query, input).await;
        assert_eq!(data["recordScene"]["status"], "DONE", "{data}");
        text(&data["recordScene"]["scene"]["id"])
    }

    /// Sets on the link whether the partner may be told about this person.
    pub async fn allow_alert(&self, app: &TestApp, person: &Person, allowed: bool) {
        let query = "mutation($input: UpdateLinkInput!) { updateLink(input: $input) { status } }";
        let input = json!({ "input": { "linkId": self.link, "alertPermission": permission(allowed) } });
        let data = person.ask(app, query, input).await;
        assert_eq!(data["updateLink"]["status"], "DONE");
    }

    /// A person's own check-ins of a scene, by due time: `id dueAt closesAt state`.
    pub async fn check_ins(&self, app: &TestApp, person: &Person, scene: &str) -> Vec<Value> {
        let query = "query($id: ID!) { node(id: $id) { ... on Scene { myCheckIns {
            id dueAt closesAt state time { ... on AfterEnd { minutes } } snoozedUntil answer { mood sharing note } } } } }";
        let data = person.ask(app, query, json!({ "id": scene })).await;
        data["node"]["myCheckIns"].as_array().unwrap().clone()
    }

    /// What a person sees of the other's check-ins of a scene.
    pub async fn partners_view(&self, app: &TestApp, person: &Person, scene: &str) -> Value {
        let query = "query($id: ID!) { node(id: $id) { ... on Scene { partnerCheckIns {
            dueAt shared { mood need note signs { sign degree } } } } } }";
        person.ask(app, query, json!({ "id": scene })).await["node"]["partnerCheckIns"].clone()
    }
}

/// Every statement in its current words, as `signUp` takes them.
pub fn consents() -> Value {
    ConsentKind::ALL.iter().copied().map(consent).collect()
}

/// The statement that can be given again, as `giveConsent` takes it.
pub fn health_consent() -> Value {
    consent(ConsentKind::HealthData)
}

fn consent(kind: ConsentKind) -> Value {
    json!({ "kind": kind.word().to_uppercase(), "version": kind.version() })
}

/// A choice on a link, as the API spells it.
pub fn permission(allowed: bool) -> &'static str {
    if allowed { "ALLOW" } else { "FORBID" }
}

/// A choice for a scene, as the API spells it; None: as on the link.
pub fn scene_permission(allowed: Option<bool>) -> &'static str {
    allowed.map_or("AS_ON_LINK", permission)
}

/// The link of a mail's text part.
pub fn link_in(mail: &Mail) -> String {
    let text = mail.text().expect("a text part");
    text.lines().find(|line| line.starts_with("http")).expect("a link in the mail").to_owned()
}

/// The bytes of an authenticator app's secret: base 32 (RFC 4648), as an app reads it.
pub fn totp_secret(shown: &str) -> [u8; 20] {
    let value = |c| "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(c).unwrap();
    let bits: Vec<bool> =
        shown.chars().flat_map(|c| (0..5).rev().map(move |n| value(c) >> n & 1 == 1)).collect();
    let byte = |eight: &[bool]| eight.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    bits.chunks(8).map(byte).collect::<Vec<_>>().try_into().unwrap()
}

/// What an authenticator app with that secret shows at an instant.
pub fn totp_code(shown: &str, now: jiff::Timestamp) -> String {
    evenkeel::domain::totp::code_at(&totp_secret(shown), now)
}

/// A JSON string as text.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}

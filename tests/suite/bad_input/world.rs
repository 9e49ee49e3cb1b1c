//! A small world to send bad input into: Alex with a partner, an ex-partner and strangers, and what each of them sees.

use crate::support::authenticator::Authenticator;
use crate::support::care::instant;
use crate::support::people::{PASSWORD, link_in, totp_code};
use crate::support::receivers::Answer;
use crate::support::{Couple, Person, TestApp};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// What two people have together; `by` wrote all of it.
pub struct Tie {
    pub link: Value,
    /// The Revision that `by` proposed and alone agreed to.
    pub open: Value,
    pub planned: Vec<Value>,
    /// Scenes that ended an hour ago, the last in person.
    pub ended: Vec<Value>,
    /// The check-ins of `by` about each scene, by due time: the first is due.
    pub check_ins: Vec<Vec<Value>>,
    /// A journal entry of `by`.
    pub entry: Value,
}

pub struct World {
    pub alex: Person,
    pub sam: Person,
    /// Jo, whose link with Alex has ended, and two strangers.
    pub others: Vec<Person>,
    /// What Alex and Sam have.
    pub own: Tie,
    /// The Revision that Alex and Sam agreed on before the open one.
    pub agreed: Value,
    /// What Jo and Alex have, whose link has ended.
    pub ex: Tie,
    /// What the two strangers have.
    pub strangers: Tie,
    /// A session of Alex's that can be refreshed, and two that can be ended.
    pub refresh_token: String,
    pub sessions: Vec<Value>,
    pub sams_session: Value,
    /// Alex's own open invitation: its code and link.
    pub invitation: (Value, Value),
    /// Codes that Alex may accept or decline, and one of Sam, who is linked already.
    pub codes: [Value; 3],
    /// Tokens that came by mail: to confirm an address, and to reset a password.
    pub confirm_token: String,
    pub reset_token: String,
    pub extra_device: Value,
    /// A code of the authenticator app that Alex is setting up; a log-in of Lee's that waits for its second step, and
    /// the recovery code that completes it.
    pub totp_code: String,
    pub challenge: Value,
    pub recovery_code: Value,
    /// The token that confirms a new address of Sam's.
    pub change_token: String,
    /// Alex's passkeys.
    pub passkey: Passkeys,
    lees_passkey: Value,
    /// A plea of Alex's that can be taken back, and one of Sam's.
    pub plea: Value,
    sams_plea: Value,
}

/// A passkey that can be removed, and inputs that finish the ceremonies begun with it and with another.
pub struct Passkeys {
    pub id: Value,
    pub registration: Value,
    pub log_in: Value,
    pub proof: Value,
}

async fn tie(app: &TestApp, by: &Person, with: &Person) -> Tie {
    let link = json!(app.link(by, with).await);
    let scene = |name: &'static str, mut input: Value| {
        input["linkId"] = link.clone();
        if input["setting"].is_null() {
            input["setting"] = json!("ONLINE");
        }
        async move { by.done(app, name, input, "scene { id }").await["scene"]["id"].clone() }
    };
    let later = app.clock.now() + SignedDuration::from_hours(48);
    let now = instant(app.clock.now());
    let (mut planned, mut ended, mut check_ins) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        planned.push(scene("planScene", json!({ "plannedFor": later.to_string() })).await);
    }
    for setting in ["ONLINE", "ONLINE", "IN_PERSON"] {
        let input = json!({ "startedAt": now, "endedAt": now, "setting": setting });
        let id = scene("recordScene", input).await;
        let query = "query($id: ID!) { node(id: $id) { ... on Scene { myCheckIns { id } } } }";
        let own = by.ask(app, query, json!({ "id": id })).await["node"]["myCheckIns"].clone();
        check_ins.push(own.as_array().unwrap().iter().map(|check_in| check_in["id"].clone()).collect());
        ended.push(id);
    }
    let entry = by.done(app, "writeJournalEntry", json!({ "text": "quiet" }), "entry { id }").await;
    let entry = entry["entry"]["id"].clone();
    Tie { open: open_revision(app, by, &link, None).await, link, planned, ended, check_ins, entry }
}

async fn open_revision(app: &TestApp, by: &Person, link: &Value, based_on: Option<&Value>) -> Value {
    let terms = json!({ "stopSignal": "red", "limits": format!("{based_on:?}") });
    let input =
        json!({ "linkId": link, "basedOn": based_on.map(|revision| &revision["id"]), "terms": terms });
    let proposed = by.done(app, "proposeRevision", input, "revision { id contentHash }").await;
    say_yes(app, by, &proposed["revision"]).await;
    proposed["revision"].clone()
}

async fn say_yes(app: &TestApp, person: &Person, revision: &Value) {
    let input = json!({ "revisionId": revision["id"], "contentHash": revision["contentHash"] });
    person.done(app, "agreeToRevision", input, "").await;
}

async fn invite(app: &TestApp, person: &Person) -> (Value, Value) {
    let invited = person.done(app, "invitePartner", json!({ "role": "SWITCH" }), "code link { id }").await;
    (invited["code"].clone(), invited["link"]["id"].clone())
}

/// Sends a mutation and returns the token that it mailed to this address.
async fn mailed_token(app: &TestApp, name: &str, input: Value, email: &str) -> String {
    let mutation = format!(
        "mutation($input: {}{}Input!) {{ {name}(input: $input) {{ status }} }}",
        name[..1].to_uppercase(),
        &name[1..]
    );
    assert_eq!(app.anonymous(&mutation, json!({ "input": input })).await[name]["status"], "DONE");
    app.deliver().await;
    let link = link_in(&app.mail.inbox(email).pop().unwrap());
    link.rsplit_once('/').unwrap().1.to_owned()
}

/// Begins an authenticator app for one person, and a log-in of the other that waits for its second step.
async fn second_factors(app: &TestApp, one: &Person, other: &Person) -> (String, Value, Value) {
    let mut codes = Vec::new();
    for person in [one, other] {
        person.done(app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
        let begun = person.ask(app, "mutation { beginTotp { setup { secret } } }", json!({})).await;
        codes.push(totp_code(begun["beginTotp"]["setup"]["secret"].as_str().unwrap(), app.clock.now()));
    }
    let confirmed = other.done(app, "confirmTotp", json!({ "totpCode": codes.pop() }), "recoveryCodes").await;
    let query =
        "mutation($i: LogInInput!) { logIn(input: $i) { outcome { ... on SecondStep { challenge } } } }";
    let logged = app.anonymous(query, json!({ "i": { "email": other.email, "password": PASSWORD } })).await;
    let challenge = logged["logIn"]["outcome"]["challenge"].clone();
    (codes.remove(0), challenge, confirmed["recoveryCodes"][0].clone())
}

/// Requests another address; returns the token that came there.
async fn change_token(app: &TestApp, person: &Person) -> String {
    person.done(app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
    person.done(app, "requestEmailChange", json!({ "email": "moved@people.test" }), "").await;
    app.deliver().await;
    let link = link_in(&app.mail.inbox("moved@people.test").pop().unwrap());
    link.rsplit_once('/').unwrap().1.to_owned()
}

/// Begins a ceremony; returns its token and options.
async fn ceremony(app: &TestApp, person: &Person, name: &str) -> (Value, String) {
    let query = format!("mutation {{ {name} {{ begun {{ ceremony options }} }} }}");
    let begun = person.ask(app, &query, json!({})).await[name]["begun"].clone();
    (begun["ceremony"].clone(), begun["options"].as_str().unwrap().to_owned())
}

/// The input that finishes the registration of a passkey.
async fn registration(app: &TestApp, person: &Person, phone: &Authenticator) -> Value {
    let (ceremony, options) = ceremony(app, person, "beginPasskeyRegistration").await;
    json!({ "ceremony": ceremony, "credential": phone.create(&options), "label": "phone" })
}

async fn new_passkey(app: &TestApp, person: &Person, phone: &Authenticator) -> Value {
    let input = registration(app, person, phone).await;
    person.done(app, "finishPasskeyRegistration", input, "passkey { id }").await["passkey"]["id"].clone()
}

async fn passkeys(app: &TestApp, person: &Person) -> Passkeys {
    let origin = app.url.replace("127.0.0.1", "localhost");
    let (phone, another) = (Authenticator::at(&origin), Authenticator::at(&origin));
    let id = new_passkey(app, person, &phone).await;
    let mut finished = Vec::new();
    for name in ["beginPasskeyLogIn", "beginPasskeyReauthentication"] {
        let (ceremony, options) = ceremony(app, person, name).await;
        finished.push(json!({ "ceremony": ceremony, "credential": phone.get(&options) }));
    }
    let proof = finished.pop().unwrap();
    let mut log_in = finished.pop().unwrap();
    log_in["deviceLabel"] = json!("laptop");
    Passkeys { id, registration: registration(app, person, &another).await, log_in, proof }
}

impl World {
    pub async fn build(app: &TestApp) -> Self {
        let Couple { alex, sam, link } = app.couple().await;
        let mut others = Vec::new();
        for name in ["Jo", "Kim", "Lee"] {
            others.push(app.person(name, "Europe/Berlin", ("22:00", "08:00")).await);
        }
        let [jo, kim, lee] = &others[..] else { unreachable!() };
        sam.done(app, "endLink", json!({ "linkId": link }), "").await;
        let ex = tie(app, jo, &alex).await;
        jo.done(app, "endLink", json!({ "linkId": ex.link }), "").await;
        let strangers = tie(app, kim, lee).await;
        let mut own = tie(app, &alex, &sam).await;
        let agreed = own.open.clone();
        say_yes(app, &sam, &agreed).await;
        own.open = open_revision(app, &sam, &own.link, Some(&agreed)).await;
        let new = json!({ "email": "new@people.test", "displayName": "New",
            "zone": "Europe/Berlin", "consents": crate::support::people::consents() });
        let confirm_token = mailed_token(app, "signUp", new, "new@people.test").await;
        let reset = json!({ "email": kim.email });
        let reset_token = mailed_token(app, "requestPasswordReset", reset, &kim.email).await;
        // One of Alex's reminders falls back to mail, and her address refuses it.
        app.push.answer_next(&alex.device.endpoint, Answer::status(400));
        app.mail.answer_address(&alex.email, Some(550));
        app.pass_minutes(65).await;
        app.mail.answer_address(&alex.email, None);

        let answer = json!({ "checkInId": own.check_ins[0][0], "mood": 3 });
        alex.done(app, "answerCheckIn", answer, "").await;
        let another = app.push.subscribe();
        let device = json!({ "endpoint": another.endpoint, "p256dh": another.p256dh, "auth": another.auth,
            "label": "tablet" });
        let device = alex.done(app, "registerDevice", device, "device { id }").await;
        let sessions = "{ viewer { sessions { id current } } }";
        let mut ids = Vec::new();
        let mut refresh_token = String::new();
        for _ in 0..2 {
            refresh_token = app.log_in(&alex.email, PASSWORD).await.1;
        }
        let listed = alex.ask(app, sessions, json!({})).await["viewer"]["sessions"].clone();
        ids.extend(
            listed.as_array().unwrap().iter().filter(|s| s["current"] == false).map(|s| s["id"].clone()),
        );
        let sams = sam.ask(app, sessions, json!({})).await["viewer"]["sessions"][0]["id"].clone();
        let (totp_code, challenge, recovery_code) = second_factors(app, &alex, &others[2]).await;
        alex.ask(app, "mutation { requestExport { status } }", json!({})).await;
        assert_eq!(evenkeel::actions::export::make_due(&app.app.context).await.unwrap(), 1);
        let change_token = change_token(app, &sam).await;
        let passkey = passkeys(app, &alex).await;
        let lees_passkey =
            new_passkey(app, &others[2], &Authenticator::at(&app.url.replace("127.0.0.1", "localhost")))
                .await;
        let mut pleas = Vec::new();
        for person in [&alex, &sam] {
            let input = json!({ "partnerOf": { "linkId": own.link } });
            pleas.push(person.done(app, "askPartner", input, "plea { id }").await["plea"]["id"].clone());
        }
        let codes = [invite(app, jo).await.0, invite(app, lee).await.0, invite(app, &sam).await.0];
        Self {
            invitation: invite(app, &alex).await,
            refresh_token,
            sessions: ids,
            sams_session: sams,
            codes,
            confirm_token,
            reset_token,
            extra_device: device["device"]["id"].clone(),
            totp_code,
            challenge,
            recovery_code,
            change_token,
            passkey,
            lees_passkey,
            plea: pleas[0].clone(),
            sams_plea: pleas[1].clone(),
            own,
            agreed,
            ex,
            strangers,
            alex,
            sam,
            others,
        }
    }

    /// Everything that every person sees, and what their phones and inboxes got.
    pub async fn dump(&self, app: &TestApp) -> Value {
        app.deliver().await;
        let mut seen = serde_json::Map::new();
        let everybody = || [&self.alex, &self.sam].into_iter().chain(&self.others);
        for person in everybody() {
            for (n, query) in VIEWS.iter().enumerate() {
                let view = person.ask(app, query, json!({})).await;
                seen.insert(format!("{} {n}", person.name), view);
            }
            let received = json!([person.pushes(app).len(), person.mails(app).len()]);
            seen.insert(format!("{} received", person.name), received);
        }
        seen.insert("new".to_owned(), json!(app.mail.inbox("new@people.test").len()));
        Value::Object(seen)
    }

    /// The part of the dump that shows Jo's links.
    pub async fn jos_links(&self, app: &TestApp) -> Value {
        self.others[0].ask(app, VIEWS[1], json!({})).await
    }

    /// Other people's ids that an id field may be given: each must look like a missing object.
    pub fn of_others(&self, field: &str) -> Vec<Value> {
        let (ex, strangers) = (&self.ex, &self.strangers);
        match field {
            "linkId" => vec![strangers.link.clone()],
            "revisionId" => vec![strangers.open["id"].clone()],
            "sceneId" => vec![strangers.planned[0].clone(), strangers.ended[0].clone()],
            "checkInId" => vec![strangers.check_ins[0][0].clone(), ex.check_ins[0][0].clone()],
            "entryId" => vec![strangers.entry.clone(), ex.entry.clone()],
            "deviceId" => vec![json!(self.sam.device_id), json!(self.others[0].device_id)],
            "passkeyId" => vec![self.lees_passkey.clone()],
            "pleaId" => vec![self.sams_plea.clone()],
            "sessionId" => vec![self.sams_session.clone()],
            "basedOn" => vec![strangers.open["id"].clone(), ex.open["id"].clone()],
            other => panic!("whose {other} could this be? Add it here."),
        }
    }
}

/// The queries for everything that a person can see, each within the limits of one request.
const VIEWS: [&str; 6] = [
    "{ viewer { account { email displayName zone quietHours { from until } defaultSharing pushWanted mailWanted paused
        pausedUntil emailFails } consents { kind version givenAt withdrawnAt } sessions { id label current } factors { totpSince recoveryCodesLeft passkeys { id label } }
        devices { id label createdAt } } }",
    "{ viewer { partnerLinks(endedToo: true) { id state me { displayName role } partner { displayName role }
        alertPermission promiseCountWanted promisesKept { count } myNeeds { comforts avoid grounding foodAndDrink words contact nearness anythingElse }
        invitationExpiresAt activeAt endedAt agreedRevision { id } } } }",
    "{ viewer { partnerLinks(endedToo: true) { revisions(first: 10) { nodes { id state contentHash
        agreements { who withdrawnAt } terms { limits stopSignal protocol { sentence } } } } } } }",
    "{ viewer { partnerLinks(endedToo: true) { scenes(first: 10) { nodes { id state intensity plannedFor startedAt
        endedAt myRole partnerRole alertPermission revision { id } aftercare { id } outreaches { id }
        partnerCheckIns { dueAt shared { mood need note } } } } } } }",
    "{ viewer { checkIns(first: 50) { nodes { id state dueAt snoozedUntil answer { mood need note sharing } } }
        nudges(first: 50) { nodes { id channel state sendAt reasons { kind dueAt } } } } }",
    "{ viewer { journal(first: 50) { nodes { id text writtenAt editedAt scene { id } } }
        partnerLinks(endedToo: true) { scenes(first: 10) { nodes { id
            debrief { state mine { text writtenAt } partners { text } } } } } } }",
];

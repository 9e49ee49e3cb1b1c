//! One row per mutation: a good input, and what makes it bad besides the general cases.

use super::world::World;
use crate::support::TestApp;
use crate::support::care::{after_end, instant, on_day};
use crate::support::people::{PASSWORD, consents, health_consent};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// Texts that are not free text: each has its own format, and is refused for breaking it.
pub const NO_FREE_TEXT: [&str; 25] = [
    "protocol.1.onDay.localTime",
    "terms.protocol.1.onDay.localTime",
    "terms.protocol.3.onDayAfterParting.localTime",
    "attempt",
    "clientId",
    "email",
    "password",
    "currentPassword",
    "newPassword",
    "token",
    "refreshToken",
    "challenge",
    "ceremony",
    "credential",
    "totpCode",
    "secondFactor.recoveryCode",
    "zone",
    "quietHours.from",
    "quietHours.until",
    "p256dh",
    "auth",
    "code",
    "contentHash",
    "version",
    "consents.0.version",
];

/// A mutation with an input that it accepts.
pub struct Row {
    pub mutation: &'static str,
    pub good: Value,
    /// The path, the bad value, and the problem: its field and code. `UNCHANGED` means that the state was that already.
    pub bad: Vec<(&'static str, Value, &'static str, &'static str)>,
}

fn passwords(field: &'static str) -> Vec<(&'static str, Value, &'static str, &'static str)> {
    vec![
        (field, json!("fourteen chars"), field, "TOO_SHORT"),
        (field, json!("é".repeat(65)), field, "TOO_LONG"),
        (field, json!("passwordpassword"), field, "TOO_COMMON"),
        (field, json!("aaaaaaaaaaaaaaaa"), field, "TOO_COMMON"),
    ]
}

fn emails(field: &'static str) -> Vec<(&'static str, Value, &'static str, &'static str)> {
    let long = format!("{}@{}.org", "a".repeat(60), format!("{}.", "b".repeat(60)).repeat(4));
    let malformed =
        ["nobody", "@people.test", "a b@people.test", "a@b..test", "a@people.test\r\nBcc: b@people.test"];
    let malformed = malformed.map(|email| (field, json!(email), field, "MALFORMED"));
    malformed.into_iter().chain([(field, json!(long), field, "TOO_LONG")]).collect()
}

/// The rows, in an order in which all good inputs can be sent one after the other.
pub fn rows(app: &TestApp, world: &World) -> Vec<Row> {
    let after = |hours: i64| json!(instant(app.clock.now() + SignedDuration::from_hours(hours)));
    let (own, ex) = (&world.own, &world.ex);
    let mut rows = accounts(app, world, &after);
    let row = |mutation, good, bad| Row { mutation, good, bad };
    let ended_link = || ("linkId", ex.link.clone(), "linkId", "WRONG_STATE");
    let intensity = |bad: &mut Vec<_>| {
        for value in [0, 6, -1, i32::MAX] {
            bad.push(("intensity", json!(value), "intensity", "OUT_OF_RANGE"));
        }
    };
    let codes = |mutation, good: &Value| {
        let bad = vec![
            ("code", json!("0000-0000-0000"), "code", "EXPIRED"),
            ("code", world.invitation.0.clone(), "code", "WRONG_STATE"),
            ("code", world.codes[2].clone(), "code", "WRONG_STATE"),
        ];
        row(mutation, good.clone(), bad)
    };
    rows.push(row("invitePartner", json!({ "role": "SWITCH" }), vec![]));
    rows.push(codes("acceptInvitation", &json!({ "code": world.codes[0], "role": "SWITCH" })));
    rows.push(codes("declineInvitation", &json!({ "code": world.codes[1] })));
    let ended = ("linkId", ex.link.clone(), "", "UNCHANGED");
    rows.push(row("endLink", json!({ "linkId": world.invitation.1 }), vec![ended]));
    let good = json!({ "linkId": own.link, "role": "SWITCH", "alertPermission": "ALLOW",
        "promiseCountWanted": true, "nightPleaPermission": "ALLOW" });
    rows.push(row("takeBackPlea", json!({ "pleaId": world.plea }), vec![]));
    let bad = vec![("partnerOf.linkId", ex.link.clone(), "partnerOf.linkId", "WRONG_STATE")];
    rows.push(row("askPartner", json!({ "partnerOf": { "linkId": own.link } }), bad));
    rows.push(row("updateLink", good, vec![ended_link()]));

    let needs = json!({ "comforts": ["WATER", "TALK"], "avoid": ["crowds"], "grounding": "breathe",
        "foodAndDrink": "tea", "words": "well done", "contact": ["CALL"], "nearness": "ASK", "anythingElse": "" });
    let bad = vec![
        ended_link(),
        ("needs.comforts", json!(["WATER", "WATER"]), "needs.comforts", "DUPLICATE"),
        ("needs.contact", json!(["CALL", "VIDEO", "CALL"]), "needs.contact", "DUPLICATE"),
        ("needs.avoid.0", json!(""), "needs.avoid.0", "REQUIRED"),
        ("needs.avoid.0", json!("one\ntwo"), "needs.avoid.0", "MALFORMED"),
    ];
    let mut alone = bad.clone();
    alone.retain(|(path, ..)| path.starts_with("needs"));
    alone.push(("protocol", json!([]), "protocol", "REQUIRED"));
    alone.push(("protocol", after_end(&[60, 89]), "protocol.1", "OUT_OF_RANGE"));
    rows.push(row("writeNeeds", json!({ "linkId": own.link, "needs": needs }), bad));
    let protocol = json!([{ "afterEnd": { "minutes": 60 } }, on_day(1, "09:00")]);
    rows.push(row("writeSoloPlan", json!({ "needs": needs, "protocol": protocol }), alone));
    let good = json!({ "revisionId": own.open["id"], "contentHash": own.open["contentHash"] });
    let bad = vec![
        ("contentHash", world.agreed["contentHash"].clone(), "contentHash", "CHANGED"),
        ("contentHash", json!("0".repeat(64)), "contentHash", "CHANGED"),
        ("revisionId", world.agreed["id"].clone(), "revisionId", "CHANGED"),
        ("revisionId", ex.open["id"].clone(), "revisionId", "WRONG_STATE"),
    ];
    rows.push(row("agreeToRevision", good, bad));
    let bad = vec![("revisionId", ex.open["id"].clone(), "", "UNCHANGED")];
    rows.push(row("withdrawAgreement", json!({ "revisionId": own.open["id"] }), bad));
    let terms = json!({ "limits": "none", "stopSignal": "red", "protocol": one_of_each_kind(), "contactPlan": "call at ten",
        "partnerAlert": "CALL" });
    let good = json!({ "linkId": own.link, "basedOn": own.open["id"], "terms": terms });
    let bad = vec![
        ended_link(),
        ("basedOn", world.agreed["id"].clone(), "basedOn", "CHANGED"),
        ("basedOn", Value::Null, "basedOn", "CHANGED"),
        ("terms.stopSignal", json!(" "), "terms.stopSignal", "REQUIRED"),
        ("terms.stopSignal", json!("red\nyellow"), "terms.stopSignal", "MALFORMED"),
        ("terms.protocol", json!([]), "terms.protocol", "REQUIRED"),
        (
            "terms.protocol",
            after_end(&[0, 30, 60, 90, 120, 150, 180, 210, 240]),
            "terms.protocol",
            "TOO_LONG",
        ),
        ("terms.protocol", after_end(&[60, 60]), "terms.protocol", "DUPLICATE"),
        ("terms.protocol", after_end(&[60, -1]), "terms.protocol.1.afterEnd.minutes", "OUT_OF_RANGE"),
        ("terms.protocol", after_end(&[20161]), "terms.protocol.0.afterEnd.minutes", "OUT_OF_RANGE"),
        ("terms.protocol", after_end(&[90, 61]), "terms.protocol.0", "OUT_OF_RANGE"),
        ("terms.protocol", json!([on_day(1, "9:00")]), "terms.protocol.0.onDay.localTime", "MALFORMED"),
        ("terms.protocol", json!([on_day(1, "24:00")]), "terms.protocol.0.onDay.localTime", "MALFORMED"),
        ("terms.protocol", json!([on_day(15, "09:00")]), "terms.protocol.0.onDay.daysAfter", "OUT_OF_RANGE"),
        ("terms.protocol", json!([on_day(-1, "09:00")]), "terms.protocol.0.onDay.daysAfter", "OUT_OF_RANGE"),
        (
            "terms.protocol",
            json!([on_day(1, "09:00"), on_day(1, "09:29")]),
            "terms.protocol.1",
            "OUT_OF_RANGE",
        ),
        // The night belongs to the day before it.
        (
            "terms.protocol",
            json!([on_day(1, "03:50"), on_day(2, "04:10")]),
            "terms.protocol.1",
            "OUT_OF_RANGE",
        ),
        ("terms.protocol", json!([{ "afterParting": { "minutes": 60 } }]), "terms.protocol", "REQUIRED"),
    ];
    rows.push(row("proposeRevision", good, bad));

    let roles = json!({ "linkId": own.link, "setting": "ONLINE", "intensity": 3, "myRole": "SWITCH",
        "partnerRole": "DOMINANT" });
    let mut good = roles.clone();
    good["plannedFor"] = after(24);
    let mut bad = vec![
        ended_link(),
        ("plannedFor", after(367 * 24), "plannedFor", "OUT_OF_RANGE"),
        ("plannedFor", after(-31 * 24), "plannedFor", "OUT_OF_RANGE"),
    ];
    intensity(&mut bad);
    bad.push(("partedAt", after(25), "partedAt", "OUT_OF_RANGE"));
    bad.push(("solo", json!(true), "solo", "OUT_OF_RANGE"));
    bad.push(("linkId", Value::Null, "linkId", "REQUIRED"));
    rows.push(row("planScene", good, bad));
    let mut good = roles;
    (good["startedAt"], good["endedAt"]) = (after(-2), after(-1));
    let mut bad = vec![
        ended_link(),
        ("startedAt", after(-31 * 24), "startedAt", "OUT_OF_RANGE"),
        ("endedAt", after(1), "endedAt", "OUT_OF_RANGE"),
        ("endedAt", after(-3), "endedAt", "OUT_OF_RANGE"),
    ];
    intensity(&mut bad);
    bad.push(("partedAt", after(2), "partedAt", "OUT_OF_RANGE"));
    bad.push(("solo", json!(true), "solo", "OUT_OF_RANGE"));
    bad.push(("linkId", Value::Null, "linkId", "REQUIRED"));
    rows.push(row("recordScene", good, bad));
    let bad = vec![
        ("startedAt", after(1), "startedAt", "OUT_OF_RANGE"),
        ("startedAt", after(-31 * 24), "startedAt", "OUT_OF_RANGE"),
        ("sceneId", own.ended[0].clone(), "sceneId", "WRONG_STATE"),
        ("sceneId", ex.planned[0].clone(), "sceneId", "WRONG_STATE"),
    ];
    rows.push(row("startScene", json!({ "sceneId": own.planned[0], "startedAt": after(-1) }), bad));
    // Ending a scene with an ex-partner is not among the bad inputs: care is not refused (R02, R12).
    let mut bad = vec![
        ("endedAt", after(1), "endedAt", "OUT_OF_RANGE"),
        ("endedAt", after(-31 * 24), "endedAt", "OUT_OF_RANGE"),
        ("sceneId", own.ended[0].clone(), "", "UNCHANGED"),
        ("sceneId", ex.ended[0].clone(), "", "UNCHANGED"),
    ];
    intensity(&mut bad);
    bad.push(("partedAt", after(2), "partedAt", "OUT_OF_RANGE"));
    let good = json!({ "sceneId": own.planned[1], "endedAt": after(-1), "intensity": 3 });
    rows.push(row("endScene", good, bad));
    let bad = vec![("sceneId", own.ended[0].clone(), "sceneId", "WRONG_STATE")];
    rows.push(row("cancelScene", json!({ "sceneId": own.planned[2] }), bad));
    let good = json!({ "sceneId": own.ended[0], "givenBy": "BOTH", "comforts": ["WATER"], "minutes": 20, "note": "tea" });
    let bad = vec![
        ("minutes", json!(-1), "minutes", "OUT_OF_RANGE"),
        ("minutes", json!(1441), "minutes", "OUT_OF_RANGE"),
        ("comforts", json!(vec!["WATER"; 13]), "comforts", "TOO_LONG"),
        ("sceneId", own.planned[0].clone(), "sceneId", "WRONG_STATE"),
        ("sceneId", ex.ended[0].clone(), "sceneId", "WRONG_STATE"),
    ];
    rows.push(row("recordAftercare", good, bad));
    // A person can still make their own choice about an ex-partner: it only ever takes away.
    rows.push(row("setSceneAlert", json!({ "sceneId": own.ended[0], "alertPermission": "ALLOW" }), vec![]));
    let good = json!({ "sceneId": own.ended[0], "way": "CALL", "happenedAt": after(-1) });
    let bad = vec![
        ("happenedAt", after(1), "happenedAt", "OUT_OF_RANGE"),
        ("happenedAt", after(-31 * 24), "happenedAt", "OUT_OF_RANGE"),
        ("sceneId", own.planned[0].clone(), "sceneId", "WRONG_STATE"),
        ("sceneId", ex.ended[0].clone(), "sceneId", "WRONG_STATE"),
    ];
    rows.push(row("recordOutreach", good, bad));
    rows.extend(check_ins(world, &after));
    rows.extend(long_view(world, &after));
    let good = json!({ "sceneId": own.ended[0], "startedAt": after(-3), "endedAt": after(-2) });
    let bad = vec![
        ("endedAt", after(1), "endedAt", "OUT_OF_RANGE"),
        ("endedAt", after(-4), "endedAt", "OUT_OF_RANGE"),
        ("startedAt", after(-31 * 24), "startedAt", "OUT_OF_RANGE"),
        ("sceneId", own.planned[0].clone(), "sceneId", "WRONG_STATE"),
        ("sceneId", ex.ended[0].clone(), "sceneId", "WRONG_STATE"),
    ];
    rows.push(row("correctScene", good, bad));
    let bad = vec![
        ("partedAt", after(31 * 24), "partedAt", "OUT_OF_RANGE"),
        ("partedAt", after(-31 * 24), "partedAt", "OUT_OF_RANGE"),
        ("partedAt", after(-2), "partedAt", "OUT_OF_RANGE"),
        // Online.
        ("sceneId", own.ended[0].clone(), "partedAt", "OUT_OF_RANGE"),
        ("sceneId", ex.ended[2].clone(), "sceneId", "WRONG_STATE"),
    ];
    rows.push(row("setParting", json!({ "sceneId": own.ended[2], "partedAt": after(5) }), bad));
    rows.push(row("endOtherSessions", Value::Null, vec![]));
    // Late, since it takes back the invitations of other rows.
    let new = json!("five calm boats on a lake");
    let mut bad = passwords("newPassword");
    bad.push(("currentPassword", new.clone(), "currentPassword", "INCORRECT"));
    rows.push(row("changePassword", json!({ "currentPassword": PASSWORD, "newPassword": new }), bad));
    let bad = vec![
        ("kind", json!("ADULT"), "kind", "WRONG_STATE"),
        ("version", json!("2020-01"), "version", "CHANGED"),
    ];
    rows.push(row("withdrawConsent", Value::Null, vec![]));
    rows.push(row("giveConsent", health_consent(), bad));
    for mutation in ["createExportDownload", "requestExport", "requestErasure", "cancelErasure"] {
        rows.push(row(mutation, Value::Null, vec![]));
    }
    rows.push(row("logOut", Value::Null, vec![]));
    rows
}

/// A protocol with a time of each kind, in the order of the schema.
fn one_of_each_kind() -> Value {
    let local = json!({ "daysAfter": 1, "localTime": "09:00" });
    json!([{ "afterEnd": { "minutes": 60 } }, { "onDay": local }, { "afterParting": { "minutes": 60 } },
        { "onDayAfterParting": local }])
}

fn check_ins(world: &World, after: &dyn Fn(i64) -> Value) -> Vec<Row> {
    let own = &world.own.check_ins;
    let answered = &own[0][0];
    let state = |id: &Value| ("checkInId", id.clone(), "checkInId", "WRONG_STATE");
    let calm = json!({ "sign": "TIRED", "degree": "A_LOT" });
    let twice = json!([calm, { "sign": "TIRED", "degree": "NONE" }]);
    let mut bad = vec![("signs", twice, "signs", "DUPLICATE")];
    for mood in [0, 6, -1, i32::MIN] {
        bad.push(("mood", json!(mood), "mood", "OUT_OF_RANGE"));
    }
    bad.push(("answeredAt", after(1), "answeredAt", "OUT_OF_RANGE"));
    bad.push(("answeredAt", after(-29 * 24), "answeredAt", "OUT_OF_RANGE"));
    let good = json!({ "checkInId": own[1][0], "mood": 3, "signs": [calm], "need": "rest", "note": "", "sharing": "MOOD" });
    let answer = Row { mutation: "answerCheckIn", good, bad };
    let skip = json!({ "checkInId": own[1][1] });
    let skip = Row { mutation: "skipCheckIn", good: skip, bad: vec![state(answered)] };
    let mut bad = vec![state(answered)];
    for minutes in [9, 721, 0, -30] {
        bad.push(("minutes", json!(minutes), "minutes", "OUT_OF_RANGE"));
    }
    let good = json!({ "checkInId": own[2][0], "minutes": 30 });
    let snooze = Row { mutation: "snoozeCheckIn", good, bad };
    let good = json!({ "checkInId": answered, "sharing": "ALL" });
    let sharing = Row { mutation: "changeSharing", good, bad: vec![state(&own[2][0])] };
    vec![answer, skip, snooze, sharing]
}

fn long_view(world: &World, after: &dyn Fn(i64) -> Value) -> Vec<Row> {
    let (own, ex) = (&world.own, &world.ex);
    let scene = |id: &Value| ("sceneId", id.clone(), "sceneId", "WRONG_STATE");
    let good = json!({ "sceneId": own.ended[1], "text": "calm" });
    let bad = vec![("text", json!(" \n "), "text", "REQUIRED"), scene(&own.planned[0]), scene(&ex.ended[0])];
    let debrief = Row { mutation: "writeDebrief", good, bad };
    let bad = vec![scene(&own.planned[0]), ("sceneId", own.ended[2].clone(), "", "UNCHANGED")];
    let take_back = Row { mutation: "takeBackDebrief", good: json!({ "sceneId": own.ended[1] }), bad };
    let entries = || {
        let future = ("writtenAt", after(1), "writtenAt", "OUT_OF_RANGE");
        vec![("text", json!("\n"), "text", "REQUIRED"), future]
    };
    let good = json!({ "text": "calm", "sceneId": own.planned[0], "writtenAt": after(-1) });
    let write = Row { mutation: "writeJournalEntry", good: good.clone(), bad: entries() };
    let mut good = good;
    good["entryId"] = own.entry.clone();
    let edit = Row { mutation: "editJournalEntry", good, bad: entries() };
    let delete = Row { mutation: "deleteJournalEntry", good: json!({ "entryId": own.entry }), bad: vec![] };
    vec![debrief, take_back, write, edit, delete]
}

fn accounts(app: &TestApp, world: &World, after: &dyn Fn(i64) -> Value) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |mutation, good, bad| rows.push(Row { mutation, good, bad });
    let quiet = json!({ "from": "22:00", "until": "08:00" });
    let profile = || {
        vec![
            ("displayName", json!(" \n "), "displayName", "REQUIRED"),
            ("displayName", json!("two\nlines"), "displayName", "MALFORMED"),
            ("zone", json!("Mars/Olympus"), "zone", "MALFORMED"),
            ("zone", json!("../etc/passwd"), "zone", "MALFORMED"),
            ("quietHours.from", json!("24:00"), "quietHours.from", "MALFORMED"),
            ("quietHours.until", json!("8"), "quietHours.until", "MALFORMED"),
            ("quietHours", json!({ "from": "08:00", "until": "08:00" }), "quietHours", "OUT_OF_RANGE"),
            ("quietHours", json!({ "from": "08:00", "until": "07:00" }), "quietHours", "OUT_OF_RANGE"),
        ]
    };
    let good = json!({ "email": "another@people.test", "displayName": "Another",
        "zone": "Europe/Berlin", "quietHours": quiet, "consents": consents() });
    let all = consents();
    let statements = vec![
        ("consents", json!([all[0]]), "consents", "REQUIRED"),
        ("consents", json!([all[1]]), "consents", "REQUIRED"),
        ("consents", json!([all[0], all[1], all[0]]), "consents", "DUPLICATE"),
        ("consents.1.version", json!("2020-01"), "consents.1.version", "CHANGED"),
    ];
    row("signUp", good, [profile(), emails("email"), statements].concat());
    let wrong = |other: &str| vec![("token", json!(other), "token", "EXPIRED")];
    let good = json!({ "token": world.confirm_token, "password": PASSWORD });
    row("confirmEmail", good, [passwords("password"), wrong(&world.reset_token)].concat());
    row("requestPasswordReset", json!({ "email": world.sam.email }), emails("email"));
    let mut bad = emails("email");
    bad.push(("email", json!(world.alex.email), "email", "WRONG_STATE"));
    row("requestEmailChange", json!({ "email": "later@people.test" }), bad);
    let good = json!({ "token": world.change_token, "password": PASSWORD });
    let mut bad = wrong(&world.reset_token);
    bad.push(("password", json!("not the password of anybody"), "password", "INCORRECT"));
    row("confirmEmailChange", good, bad);
    let new = "five calm boats on a lake";
    let good = json!({ "token": world.reset_token, "newPassword": new });
    row("resetPassword", good, [passwords("newPassword"), wrong(&world.confirm_token)].concat());
    let good = json!({ "displayName": "Alex", "zone": "Europe/Paris", "quietHours": quiet, "defaultSharing": "MOOD",
        "pushWanted": true, "mailWanted": true });
    row("updateProfile", good, profile());
    let bad = [0, -1, -24].map(|hours| ("until", after(hours), "until", "OUT_OF_RANGE"));
    row("pauseNudges", json!({ "until": after(1) }), bad.to_vec());
    row("resumeNudges", Value::Null, vec![]);
    row("retryEmail", Value::Null, vec![]);
    let mut bad = emails("email");
    bad.push(("email", json!("nobody@people.test"), "password", "INCORRECT"));
    bad.push(("password", json!("five calm boats on a lake"), "password", "INCORRECT"));
    row("logIn", json!({ "email": world.alex.email, "password": PASSWORD, "deviceLabel": "laptop" }), bad);
    let bad = [
        ("short".to_owned(), "TOO_SHORT"),
        ("a".repeat(65), "TOO_LONG"),
        ("gaps between the words".to_owned(), "MALFORMED"),
    ];
    let bad = bad.map(|(text, code)| ("attempt", json!(text), "attempt", code));
    row(
        "refreshSession",
        json!({ "refreshToken": world.refresh_token, "attempt": "a".repeat(16) }),
        bad.to_vec(),
    );
    row("endSession", json!({ "sessionId": world.sessions[0] }), vec![]);
    let bad = vec![("password", json!(new), "password", "INCORRECT")];
    row("reauthenticate", json!({ "password": PASSWORD }), bad);
    row(
        "confirmTotp",
        json!({ "totpCode": world.totp_code }),
        vec![("totpCode", json!("12345"), "totpCode", "INCORRECT")],
    );
    let expired = || vec![("ceremony", json!(world.confirm_token), "ceremony", "EXPIRED")];
    let passkey = &world.passkey;
    row("finishPasskeyRegistration", passkey.registration.clone(), expired());
    row("finishPasskeyLogIn", passkey.log_in.clone(), expired());
    row("finishPasskeyReauthentication", passkey.proof.clone(), expired());
    row("beginPasskeyReauthentication", Value::Null, vec![]);
    row("removePasskey", json!({ "passkeyId": passkey.id }), vec![]);
    row("beginPasskeyRegistration", Value::Null, vec![]);
    row("beginPasskeyLogIn", Value::Null, vec![]);
    row("renewRecoveryCodes", Value::Null, vec![]);
    row("removeTotp", Value::Null, vec![]);
    row("beginTotp", Value::Null, vec![]);
    let wrong = ("secondFactor.recoveryCode", json!("ABCD-EFGH"), "secondFactor.recoveryCode", "INCORRECT");
    let bad = vec![wrong];
    let code = json!({ "recoveryCode": world.recovery_code });
    let good = json!({ "challenge": world.challenge, "secondFactor": code });
    row("completeLogIn", good, bad);
    let device = app.push.subscribe();
    let mut bad = Vec::new();
    for endpoint in
        ["http://fcm.googleapis.com/x", "https://people.test/x", "https://127.0.0.1/x", "file:///x"]
    {
        bad.push(("endpoint", json!(endpoint), "endpoint", "MALFORMED"));
    }
    let zeros = "A".repeat(87);
    for key in ["AAAA", &zeros, &format!("B{}", &zeros[1..])] {
        bad.push(("p256dh", json!(key), "p256dh", "MALFORMED"));
    }
    bad.push(("auth", json!("A".repeat(20)), "auth", "MALFORMED"));
    bad.push(("label", json!(" "), "label", "REQUIRED"));
    let good = json!({ "endpoint": device.endpoint, "p256dh": device.p256dh, "auth": device.auth, "label": "phone" });
    row("registerDevice", good, bad);
    row("removeDevice", json!({ "deviceId": world.extra_device }), vec![]);
    rows
}

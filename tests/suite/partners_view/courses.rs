//! What Sam does in ways that must look the same to Alex: every silence, every plea, every update.

use super::case::{Course, DUE, LATER, Step};
use crate::support::care::{DAY, HOUR, instant, minute};
use serde_json::{Value, json};

/// A minute before the first alert would go out.
const LAST_MOMENT: i64 = 13 * HOUR - 1;

fn check_in(more: Value) -> Value {
    let mut input = json!({ "checkInId": "CHECK_IN" });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    input
}

fn answer(share: &str) -> (&'static str, Value) {
    ("answerCheckIn", check_in(json!({ "mood": 1, "note": "low", "sharing": share })))
}

fn sharing(share: &str) -> (&'static str, Value) {
    ("changeSharing", check_in(json!({ "sharing": share })))
}

fn allow(allowed: bool) -> (&'static str, Value) {
    (
        "updateLink",
        json!({ "linkId": "LINK", "alertPermission": crate::support::people::permission(allowed) }),
    )
}

fn for_scene(allowed: &str) -> (&'static str, Value) {
    ("setSceneAlert", json!({ "sceneId": "SCENE", "alertPermission": allowed }))
}

fn asks() -> (&'static str, Value) {
    ("askPartner", json!({ "partnerOf": { "linkId": "LINK" } }))
}

fn takes_it_back() -> (&'static str, Value) {
    ("takeBackPlea", json!({ "pleaId": "PLEA" }))
}

fn until(minutes: i64) -> Value {
    json!({ "until": instant(minute(minutes)) })
}

/// Steps that are done at these minutes.
fn at<const N: usize>(name: &'static str, steps: [(i64, (&'static str, Value)); N]) -> Course {
    let step = |(at, (step, input)): (i64, (&'static str, Value))| -> Step { (at, step, input) };
    Course { name, steps: steps.into_iter().map(step).collect() }
}

/// Every way of telling the partner nothing. `CHECK_IN`, `LINK`, `SCENE` and the like stand for the ids of Sam's own.
pub fn silences() -> Vec<Course> {
    let of = Course::of;
    let profile = |input: Value| vec![("updateProfile", input)];
    vec![
        of("nothing", vec![], vec![], vec![]),
        of(
            "writes for Sam alone",
            vec![
                ("writeJournalEntry", json!({ "sceneId": "SCENE", "text": "heliotrope" })),
                ("writeDebrief", json!({ "sceneId": "SCENE", "text": "heliotrope" })),
                ("updateLink", json!({ "linkId": "LINK", "promiseCountWanted": true })),
            ],
            vec![],
            vec![],
        ),
        of("skips early", vec![("skipCheckIn", check_in(json!({})))], vec![], vec![]),
        of("skips", vec![], vec![("skipCheckIn", check_in(json!({})))], vec![]),
        of("pauses early", vec![("pauseNudges", json!({}))], vec![], vec![]),
        of("pauses", vec![], vec![("pauseNudges", json!({}))], vec![]),
        of("mutes all", profile(json!({ "pushWanted": false, "mailWanted": false })), vec![], vec![]),
        of("mutes push", profile(json!({ "pushWanted": false })), vec![], vec![]),
        of("mutes mail", profile(json!({ "mailWanted": false })), vec![], vec![]),
        of("has no device", vec![("removeDevice", json!({ "deviceId": "DEVICE" }))], vec![], vec![]),
        of("snoozes", vec![], vec![("snoozeCheckIn", check_in(json!({ "minutes": 90 })))], vec![]),
        of("answers", vec![], vec![answer("NOTHING")], vec![]),
        of("answers twice", vec![], vec![answer("NOTHING")], vec![answer("NOTHING")]),
        of("shares and takes it back at once", vec![], vec![answer("ALL"), sharing("NOTHING")], vec![]),
        of(
            "shares later and takes it back",
            vec![],
            vec![answer("NOTHING")],
            vec![sharing("ALL"), sharing("NOTHING")],
        ),
        of("allows an alert and takes it back", vec![allow(true)], vec![allow(false)], vec![]),
        of(
            "allows it for the scene and takes it back",
            vec![for_scene("ALLOW")],
            vec![],
            vec![for_scene("AS_ON_LINK")],
        ),
        of(
            "allows it, answers, takes it back",
            vec![allow(true)],
            vec![answer("NOTHING")],
            vec![allow(false)],
        ),
        of(
            "allows it, skips, takes it back",
            vec![allow(true), ("skipCheckIn", check_in(json!({})))],
            vec![],
            vec![allow(false)],
        ),
        of("allows it, and is paused", vec![allow(true), ("pauseNudges", json!({}))], vec![], vec![]),
        of(
            "shares by default, and skips",
            profile(json!({ "defaultSharing": "ALL" })),
            vec![("skipCheckIn", check_in(json!({})))],
            vec![],
        ),
    ]
}

/// Every way in which what Sam told comes to nothing before Alex could see it, and what Sam does elsewhere.
pub fn silences_in_time() -> Vec<Course> {
    let (second, third) = (json!({ "checkInId": "CHECK_IN_2" }), json!({ "checkInId": "CHECK_IN_3" }));
    let answered = |id: &str| ("answerCheckIn", json!({ "checkInId": id, "mood": 2, "sharing": "NOTHING" }));
    let with_plea = json!({ "mood": 1, "sharing": "NOTHING", "askPartner": true });
    let elsewhere = json!({ "linkId": "OTHER_LINK", "setting": "ONLINE", "endedAt": instant(minute(-10)) });
    vec![
        at("does nothing", []),
        at("asks and takes it back", [(DUE, asks()), (DUE + 1, takes_it_back())]),
        at("asks early and takes it back at once", [(0, asks()), (0, takes_it_back())]),
        at(
            "asks with an answer and takes it back",
            [(DUE, ("answerCheckIn", check_in(with_plea))), (DUE + 1, takes_it_back())],
        ),
        at(
            "answers, and then otherwise",
            [
                (DUE, answer("NOTHING")),
                (
                    LATER,
                    ("answerCheckIn", check_in(json!({ "mood": 5, "note": "well", "sharing": "NOTHING" }))),
                ),
            ],
        ),
        at("shares and takes it back in time", [(DUE, answer("ALL")), (DUE + 1, sharing("NOTHING"))]),
        at(
            "shares, changes it and takes it back in time",
            [
                (DUE, answer("ALL")),
                (DUE + 1, ("answerCheckIn", check_in(json!({ "mood": 4, "sharing": "ALL" })))),
                (DUE + 2, sharing("NOTHING")),
            ],
        ),
        at("pauses until after the first one", [(0, ("pauseNudges", until(90)))]),
        at("pauses for the night", [(DUE, ("pauseNudges", until(20 * HOUR)))]),
        at("pauses and goes on", [(DUE, ("pauseNudges", json!({}))), (LATER, ("resumeNudges", json!({})))]),
        at("has a scene with somebody else", [(0, ("recordScene", elsewhere.clone()))]),
        at(
            "allows an alert and answers each",
            [
                (0, allow(true)),
                (DUE, answered("CHECK_IN")),
                (DUE + 23 * HOUR, answered("CHECK_IN_2")),
                (DUE + DAY + 23 * HOUR, answered("CHECK_IN_3")),
            ],
        ),
        at(
            "allows an alert and answers the others",
            [(0, allow(true)), (DUE, answered("CHECK_IN_2")), (DUE, answered("CHECK_IN_3"))],
        ),
        at(
            "allows an alert and skips the others",
            [
                (0, allow(true)),
                (LAST_MOMENT, ("skipCheckIn", second.clone())),
                (LAST_MOMENT, ("skipCheckIn", third)),
            ],
        ),
        at(
            "allows an alert, puts another one off, and takes it back",
            [
                (0, allow(true)),
                (DUE, ("snoozeCheckIn", json!({ "checkInId": "CHECK_IN_2", "minutes": 600 }))),
                (DAY, allow(false)),
            ],
        ),
        at(
            "allows an alert and pauses at the last moment",
            [(0, allow(true)), (LAST_MOMENT, ("pauseNudges", json!({})))],
        ),
        at(
            "allows an alert and takes it back at the last moment",
            [(0, allow(true)), (LAST_MOMENT, allow(false))],
        ),
        at(
            "allows it for the scene and takes it back at the last moment",
            [(0, for_scene("ALLOW")), (LAST_MOMENT, for_scene("FORBID"))],
        ),
        at(
            "allows an alert, is asked elsewhere, and skips",
            [
                (0, allow(true)),
                (0, ("recordScene", elsewhere)),
                (DUE, ("skipCheckIn", check_in(json!({})))),
                (DUE, ("skipCheckIn", second)),
                (DUE, ("skipCheckIn", json!({ "checkInId": "CHECK_IN_3" }))),
            ],
        ),
    ]
}

/// Every way of asking to hear from the partner at the same minute, whatever became of the check-ins.
pub fn pleas() -> Vec<Course> {
    let with_plea = json!({ "mood": 1, "note": "low", "sharing": "NOTHING", "askPartner": true });
    let skips = || ("skipCheckIn", check_in(json!({})));
    let elsewhere = json!({ "linkId": "OTHER_LINK", "setting": "ONLINE", "endedAt": instant(minute(-10)) });
    vec![
        at("asks", [(DUE, asks())]),
        at("asks twice", [(DUE, asks()), (DUE, asks())]),
        at("asks, takes it back and asks anew", [(DUE - 1, asks()), (DUE, takes_it_back()), (DUE, asks())]),
        at("asks with an answer", [(DUE, ("answerCheckIn", check_in(with_plea)))]),
        at("answers and asks", [(DUE - 2, answer("NOTHING")), (DUE, asks())]),
        at("asks and answers later", [(DUE, asks()), (LATER, answer("NOTHING"))]),
        at(
            "asks, shares and takes it back in time",
            [(DUE, asks()), (LATER, answer("ALL")), (LATER + 1, sharing("NOTHING"))],
        ),
        at("skips and asks", [(DUE - 2, skips()), (DUE, asks())]),
        at("asks and skips", [(DUE, asks()), (LATER, skips())]),
        at(
            "asks and puts it off",
            [(DUE, asks()), (LATER, ("snoozeCheckIn", check_in(json!({ "minutes": 90 }))))],
        ),
        at("asks and pauses", [(DUE, asks()), (DUE, ("pauseNudges", json!({})))]),
        at("pauses and asks", [(0, ("pauseNudges", json!({}))), (DUE, asks())]),
        at("is asked elsewhere and asks", [(0, ("recordScene", elsewhere)), (DUE, asks())]),
        at(
            "asks and allowed an alert, which falls away",
            [
                (0, allow(true)),
                (DUE, asks()),
                (LATER, ("skipCheckIn", check_in(json!({})))),
                (LATER, ("skipCheckIn", json!({ "checkInId": "CHECK_IN_2" }))),
                (LATER, ("skipCheckIn", json!({ "checkInId": "CHECK_IN_3" }))),
            ],
        ),
    ]
}

/// When the update below is given.
pub const UPDATED: i64 = LATER;

/// Every way of coming to share the mood 2 at the same minute.
pub fn updates() -> Vec<Course> {
    let mood = |mood: i32, share: &str| {
        ("answerCheckIn", check_in(json!({ "mood": mood, "note": "only mine", "sharing": share })))
    };
    let shares = || (UPDATED, mood(2, "MOOD"));
    vec![
        at("shares the mood", [shares()]),
        at("answered otherwise, for Sam alone", [(DUE, mood(4, "NOTHING")), shares()]),
        at("answered for Sam alone", [(DUE, mood(2, "NOTHING")), (UPDATED, sharing("MOOD"))]),
        at(
            "shared all and took it back in time",
            [(DUE, mood(2, "ALL")), (DUE + 1, sharing("NOTHING")), (UPDATED, sharing("MOOD"))],
        ),
        at("changes it before it is seen", [(UPDATED - 1, mood(4, "MOOD")), shares()]),
        at(
            "changes it twice before it is seen",
            [(UPDATED - 1, mood(4, "ALL")), (UPDATED - 1, mood(5, "NOTHING")), shares()],
        ),
        at("skipped it first", [(DUE, ("skipCheckIn", check_in(json!({})))), shares()]),
        at("put it off first", [(DUE, ("snoozeCheckIn", check_in(json!({ "minutes": 60 })))), shares()]),
        at(
            "paused first",
            [(DUE, ("pauseNudges", json!({}))), (DUE + 3, ("resumeNudges", json!({}))), shares()],
        ),
        at("is paused", [(0, ("pauseNudges", json!({}))), shares()]),
        at("asked and took it back first", [(DUE, asks()), (DUE + 1, takes_it_back()), shares()]),
        at(
            "changes the note afterwards",
            [
                shares(),
                (
                    UPDATED + 20,
                    ("answerCheckIn", check_in(json!({ "mood": 2, "note": "more", "sharing": "MOOD" }))),
                ),
            ],
        ),
    ]
}

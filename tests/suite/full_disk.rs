//! A disk that takes nothing any more: it is said, nothing is lost, and all goes on by itself once there is room.

use super::streams::feed::at_least;
use crate::support::care::{HOUR, instant};
use crate::support::process::{Process, with_room};
use crate::support::watching::get_json;
use crate::support::{Backend, TestApp};
use evenkeel::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// What the process says of its database, with the status of the answer.
async fn readiness(app: &TestApp, process: &Process) -> (u16, Value) {
    let (status, told) = get_json(app, &format!("{}/readyz", process.url)).await;
    (status, told["parts"]["database"].clone())
}

/// Quiet hours that are not now, whatever the time is.
fn quiet_later(now: Timestamp) -> [String; 2] {
    [6, 7].map(|hours| (now + SignedDuration::from_hours(hours)).strftime("%H:00").to_string())
}

#[test]
fn a_full_disk_is_told_and_what_was_due_goes_out_once_there_is_room() {
    crate::support::live(async {
        let app = TestApp::start(Backend::Sqlite).await;
        // A separate process has no clock but the machine's.
        app.clock.set(Clock::System.now());
        let [from, to] = quiet_later(app.clock.now());
        let alex = app.person("Alex", "UTC", (&from, &to)).await;
        let sam = app.person("Sam", "UTC", (&from, &to)).await;
        let link = app.link(&alex, &sam).await;
        let process = Process::beside(&app);
        at_least("it is ready", async || readiness(&app, &process).await == (200, json!("ready"))).await;

        process.room("0");
        at_least("it is told", async || readiness(&app, &process).await == (503, json!("not ready"))).await;
        let doctor = with_room(&app, "0", "doctor").output().unwrap();
        let said = String::from_utf8(doctor.stdout).unwrap();
        assert!(!doctor.status.success() && said.contains("FAIL  database"), "{said}");
        let ask = async |operation: &str| {
            app.raw_at(&process.url, Some(&alex.access()), operation, json!({})).await
        };
        let named =
            async || ask("{ viewer { account { displayName } } }").await["data"]["viewer"]["account"].take();
        let rename = "mutation { updateProfile(input: { displayName: \"Robin\" }) { status } }";
        let alex_still = json!({ "displayName": "Alex" });
        assert_eq!(named().await, alex_still, "what is there can be read");
        let refused = ask(rename).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "INTERNAL", "{refused}");
        assert_eq!(named().await, alex_still, "nothing is half done");
        let ended = instant(app.clock.now() - SignedDuration::from_mins(HOUR));
        let scene = json!({ "linkId": link, "setting": "ONLINE", "endedAt": ended });
        sam.done(&app, "recordScene", scene, "").await;

        process.room("unlimited");
        at_least("it is ready", async || readiness(&app, &process).await == (200, json!("ready"))).await;
        assert_eq!(ask(rename).await["data"]["updateProfile"]["status"], "DONE");
        at_least("both are asked", async || [&alex, &sam].iter().all(|who| who.pushes(&app).len() == 1))
            .await;
        process.stop();
    });
}

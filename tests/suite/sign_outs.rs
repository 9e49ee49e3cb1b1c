//! What ends with a session, whichever way it ends: its device, and the links that were sent to it.

use crate::support::people::{PASSWORD, link_in, text};
use crate::support::{Couple, Person, TestApp};
use evenkeel::actions::links::partner_link;
use evenkeel::actions::operations::retention;
use evenkeel::actions::{Caller, Refusal};
use evenkeel::domain::partner_link::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};

const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;
const NEW_PASSWORD: &str = "seven quiet lamps in a row";
const DEVICES: &str = "{ viewer { devices { id } sessions { id current } } }";

/// Alex, linked with Sam, and somebody who knows Alex's password: `guest`, with a device of their own. Both were asked
/// about the first check-in of a scene; the second one falls due a day after the scene.
struct Stage {
    app: TestApp,
    couple: Couple,
    guest: Person,
    scene: String,
}

impl Stage {
    async fn new(app: TestApp) -> Self {
        let couple = app.couple().await;
        let guest = app.another_device(&couple.alex).await;
        let scene = couple.scene(&app).await;
        app.pass_minutes(HOUR).await;
        let stage = Self { app, couple, guest, scene };
        assert_eq!((stage.asked(&stage.couple.alex), stage.asked(&stage.guest)), (1, 1));
        assert_ne!(stage.link(&stage.couple.alex), stage.link(&stage.guest), "each session has its own link");
        stage
    }

    /// How many questions came to a device.
    fn asked(&self, person: &Person) -> usize {
        links(&self.app, person).len()
    }

    /// The link of the first question to a device.
    fn link(&self, person: &Person) -> String {
        links(&self.app, person).remove(0)
    }

    async fn devices(&self, person: &Person) -> usize {
        let data = person.ask(&self.app, DEVICES, json!({})).await;
        data["viewer"]["devices"].as_array().unwrap().len()
    }

    async fn state(&self) -> Value {
        self.couple.check_ins(&self.app, &self.couple.alex, &self.scene).await[0]["state"].clone()
    }

    /// The guest's link answers nothing and nothing more comes to the guest's device, while Alex's own goes on.
    async fn goes_without_the_guest(self) {
        let link = self.link(&self.guest);
        assert_eq!(status(&self.app, &link).await, 404);
        assert_eq!(self.state().await, "UNANSWERED");
        self.app.pass_minutes(DAY).await;
        assert_eq!(self.asked(&self.guest), 1, "nothing more comes to the guest");
        assert_eq!(self.asked(&self.couple.alex), 3, "in the morning, and about the second check-in");
    }
}

/// Where the questions lead that came to a device.
fn links(app: &TestApp, person: &Person) -> Vec<String> {
    let leads = person.pushes(app).into_iter().filter_map(|push| {
        let payload: Value = serde_json::from_slice(&push.payload).unwrap();
        let link = text(&payload["notification"]["navigate"]);
        link.contains("/c/").then(|| link.split('#').next().unwrap().to_owned())
    });
    leads.collect()
}

/// What comes of answering by a link.
async fn status(app: &TestApp, link: &str) -> u16 {
    let body = json!({ "mood": 5, "sharing": "ALL" }).to_string();
    let sent =
        app.http.post(link).header("Content-Type", "application/json").body(body).send().await.unwrap();
    sent.status().as_u16()
}

async fn set_by_mail(app: &TestApp, person: &Person) {
    let ask = "mutation($e: String!) { requestPasswordReset(input: { email: $e }) { status } }";
    app.anonymous(ask, json!({ "e": person.email })).await;
    app.deliver().await;
    let mails = person.mails(app);
    let link = mails.iter().rev().map(link_in).find(|link| link.contains("/reset/")).unwrap();
    let body = json!({ "password": NEW_PASSWORD }).to_string();
    let sent =
        app.http.post(&link).header("Content-Type", "application/json").body(body).send().await.unwrap();
    assert_eq!(sent.status(), 200);
}

on_both_databases! {
    async fn r31_a_device_ends_when_its_session_logs_out(app) {
        let stage = Stage::new(app).await;
        assert_eq!(stage.devices(&stage.couple.alex).await, 2);
        stage.guest.ask(&stage.app, "mutation { logOut { status } }", json!({})).await;
        assert_eq!(stage.devices(&stage.couple.alex).await, 1);
        stage.goes_without_the_guest().await;
    }

    async fn r31_a_device_ends_when_another_one_ends_its_session(app) {
        let stage = Stage::new(app).await;
        let alex = &stage.couple.alex;
        alex.done(&stage.app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
        let seen = alex.ask(&stage.app, DEVICES, json!({})).await["viewer"]["sessions"].clone();
        let guests = seen.as_array().unwrap().iter().find(|session| session["current"] == false).unwrap()["id"].clone();
        alex.done(&stage.app, "endSession", json!({ "sessionId": guests }), "").await;
        stage.goes_without_the_guest().await;
    }

    async fn r31_a_device_ends_when_all_others_are_signed_out(app) {
        let stage = Stage::new(app).await;
        stage.couple.alex.done(&stage.app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
        stage.couple.alex.ask(&stage.app, "mutation { endOtherSessions { status } }", json!({})).await;
        stage.goes_without_the_guest().await;
    }

    async fn r31_a_device_ends_when_the_password_is_changed_elsewhere(app) {
        let stage = Stage::new(app).await;
        let words = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
        stage.couple.alex.done(&stage.app, "changePassword", words, "").await;
        let old = stage.link(&stage.couple.alex);
        assert_eq!(status(&stage.app, &old).await, 404, "links from before a new password answer nothing");
        stage.goes_without_the_guest().await;
    }

    async fn r31_every_device_ends_when_the_password_is_set_by_mail(app) {
        let stage = Stage::new(app).await;
        set_by_mail(&stage.app, &stage.couple.alex).await;
        assert_eq!(status(&stage.app, &stage.link(&stage.couple.alex)).await, 404);
        let (access, _) = stage.app.log_in(&stage.couple.alex.email, NEW_PASSWORD).await;
        let data = stage.app.raw(Some(&access), DEVICES, json!({})).await;
        assert_eq!(data["data"]["viewer"]["devices"], json!([]));
        let link = stage.link(&stage.guest);
        assert_eq!(status(&stage.app, &link).await, 404);
        stage.app.pass_minutes(DAY).await;
        assert_eq!((stage.asked(&stage.couple.alex), stage.asked(&stage.guest)), (1, 1));
    }

    async fn r31_a_device_ends_when_a_copy_of_its_tokens_was_used(app) {
        let stage = Stage::new(app).await;
        let first = stage.guest.refresh_token();
        stage.guest.refresh(&stage.app).await;
        stage.app.clock.set(stage.app.clock.now() + SignedDuration::from_secs(16));
        let again = "mutation($t: String!) { refreshSession(input: { refreshToken: $t }) { status } }";
        let refused = stage.app.anonymous(again, json!({ "t": first })).await;
        assert_eq!(refused["refreshSession"]["status"], "REFUSED");
        stage.goes_without_the_guest().await;
    }

    async fn r31_a_device_ends_when_nobody_can_refresh_its_session_any_more(app) {
        let stage = Stage::new(app).await;
        // Alex's own app goes on; the guest's was never opened again.
        for _ in 0..2 {
            stage.app.pass_minutes(31 * DAY).await;
            stage.couple.alex.refresh(&stage.app).await;
        }
        retention::sweep(&stage.app.app.context).await.unwrap();
        assert_eq!(stage.devices(&stage.couple.alex).await, 1);
        let before = (stage.asked(&stage.couple.alex), stage.asked(&stage.guest));
        stage.couple.scene(&stage.app).await;
        stage.app.pass_minutes(HOUR).await;
        assert_eq!((stage.asked(&stage.couple.alex), stage.asked(&stage.guest)), (before.0 + 1, before.1));
    }

    async fn r31_nothing_comes_to_any_device_of_a_suspended_or_erased_account(app) {
        let stage = Stage::new(app).await;
        let (mine, guests) = (stage.link(&stage.couple.alex), stage.link(&stage.guest));
        stage.couple.alex.ask(&stage.app, "mutation { withdrawConsent { status } }", json!({})).await;
        for link in [&mine, &guests] {
            assert_eq!(status(&stage.app, link).await, 404);
        }
        stage.app.pass_minutes(DAY).await;
        assert_eq!((stage.asked(&stage.couple.alex), stage.asked(&stage.guest)), (1, 1));
        stage.couple.alex.done(&stage.app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
        stage.couple.alex.ask(&stage.app, "mutation { requestErasure { status } }", json!({})).await;
        stage.app.pass_minutes(3 * DAY).await;
        assert_eq!((stage.asked(&stage.couple.alex), stage.asked(&stage.guest)), (1, 1));
        assert_eq!(status(&stage.app, &guests).await, 404);
    }

    async fn links_in_old_mails_end_with_the_address_and_with_the_password(app) {
        for (way, stays) in [("neither", true), ("address", false), ("password", false)] {
            let name = format!("Alex{way}");
            let alex = app.person_without_device(&name, "Europe/Berlin", ("22:00", "08:00")).await;
            let sam = app.person_without_device(&format!("Sam{way}"), "Europe/Berlin", ("22:00", "08:00")).await;
            let link = app.link(&alex, &sam).await;
            let couple = Couple { alex, sam, link };
            couple.scene(&app).await;
            app.pass_minutes(HOUR).await;
            let mails = couple.alex.mails(&app);
            let mail = mails.iter().rfind(|mail| link_in(mail).contains("/c/")).unwrap();
            let answer = link_in(mail);
            let stop = mail.header("List-Unsubscribe").unwrap().trim_matches(['<', '>']).to_owned();
            couple.alex.done(&app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
            match way {
                "address" => {
                    let new = format!("{way}@people.test");
                    couple.alex.done(&app, "requestEmailChange", json!({ "email": new }), "").await;
                    app.deliver().await;
                    app.set_password(&link_in(&app.mail.inbox(&new).pop().unwrap()), PASSWORD).await;
                }
                "password" => {
                    let words = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
                    couple.alex.done(&app, "changePassword", words, "").await;
                }
                _ => {}
            }
            assert_eq!(status(&app, &answer).await == 200, stays, "{way}");
            let stopped = app.http.post(&stop).send().await.unwrap().status();
            assert_eq!(stopped == 200, stays, "{way}");
            let query = "{ viewer { account { mailWanted } } }";
            let wanted = couple.alex.ask(&app, query, json!({})).await["viewer"]["account"]["mailWanted"].clone();
            assert_eq!(wanted, !stays, "{way}");
            // The next evening, so that nobody's day is full.
            app.pass_minutes(DAY - HOUR).await;
        }
    }

    async fn r31_an_open_invitation_ends_with_a_new_password_and_not_with_a_session(app) {
        let without = async |name: &str| app.person_without_device(name, "Europe/Berlin", ("22:00", "08:00")).await;
        let (sam, robin) = (without("Sam").await, without("Robin").await);
        let ways = [("log-out", true), ("others", true), ("address", true), ("password", false), ("mail", false), ("taken-back", false)];
        for (way, stays) in ways {
            let alex = without(&format!("Alex.{way}")).await;
            app.link(&alex, &sam).await;
            let guest = app.log_in_again(&alex).await;
            let invite = "mutation { invitePartner(input: { role: SWITCH }) { code } }";
            let code = guest.ask(&app, invite, json!({})).await["invitePartner"]["code"].clone();
            alex.done(&app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
            let page = |inbox: &str, part: &str| {
                app.mail.inbox(inbox).iter().rev().map(link_in).find(|link| link.contains(part)).unwrap()
            };
            let new = format!("{way}.new@people.test");
            if ["address", "taken-back"].contains(&way) {
                alex.done(&app, "requestEmailChange", json!({ "email": new }), "").await;
                app.deliver().await;
            }
            match way {
                "log-out" => drop(guest.ask(&app, "mutation { logOut { status } }", json!({})).await),
                "others" => drop(alex.ask(&app, "mutation { endOtherSessions { status } }", json!({})).await),
                "address" => app.set_password(&page(&new, "/new-address/"), PASSWORD).await,
                "password" => {
                    let words = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
                    alex.done(&app, "changePassword", words, "").await;
                }
                "mail" => set_by_mail(&app, &alex).await,
                _ => {
                    let back = app.http.post(page(&alex.email, "/old-address/")).send().await.unwrap();
                    assert_eq!(back.status(), 200);
                    app.deliver().await;
                }
            }
            let accepted = robin.change(&app, "acceptInvitation", json!({ "code": code, "role": "SWITCH" }), "").await;
            assert_eq!(accepted["status"] == "DONE", stays, "{way}: {accepted}");
            let links = "{ viewer { partnerLinks(endedToo: true) { state } } }";
            let kept = sam.ask(&app, links, json!({})).await["viewer"]["partnerLinks"].clone();
            assert!(kept.as_array().unwrap().iter().all(|link| link["state"] == "ACTIVE"), "who is linked stays: {kept}");
        }
    }

    async fn r31_who_was_signed_out_meanwhile_invites_nobody_any_more(app) {
        let alex = app.person_without_device("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
        let guest = app.log_in_again(&alex).await;
        // Let in before the password was changed, and waiting for the account since.
        let context = &app.app.context;
        let requester = context.tokens.check(&guest.access(), app.clock.now()).unwrap();
        let words = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
        alex.done(&app, "changePassword", words, "").await;
        let refused = partner_link::invite(context, &Caller { requester, key: None }, Role::Switch).await;
        assert!(matches!(refused, Err(Refusal::Problems(_))));
        let links = "{ viewer { partnerLinks(endedToo: true) { state } } }";
        assert_eq!(alex.ask(&app, links, json!({})).await["viewer"]["partnerLinks"], json!([]));
    }

    async fn a_device_that_signs_in_again_goes_on_under_its_new_session(app) {
        let stage = Stage::new(app).await;
        let Stage { app, couple, .. } = &stage;
        couple.alex.ask(app, "mutation { logOut { status } }", json!({})).await;
        let again = app.log_in_again(&couple.alex).await;
        let again = app.add_device(again).await;
        assert_eq!(again.device_id, couple.alex.device_id, "the same device");
        app.pass_minutes(DAY).await;
        assert_eq!(links(app, &again).len(), 3);
    }

    async fn a_second_device_is_told_to_its_owner_and_the_first_is_not(app) {
        let alex = app.person("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
        let told = |alex: &Person| alex.mails(&app).iter().filter(|mail| mail.subject().as_deref() == Some("Something changed")).count();
        app.deliver().await;
        assert_eq!(told(&alex), 0);
        app.another_device(&alex).await;
        app.another_device(&alex).await;
        app.deliver().await;
        assert_eq!(told(&alex), 1, "one mail says it for both");
        app.another_device(&alex).await;
        app.deliver().await;
        assert_eq!(told(&alex), 2);
        let words = alex.mails(&app).pop().unwrap().text().unwrap().to_lowercase();
        for word in ["scene", "partner", "check-in", "thief", "attack", "phone"] {
            assert!(!words.contains(word), "{word}: {words}");
        }
    }
}

//! Another e-mail address: requested after reauthentication, announced to the old one, confirmed from the new one.

use super::{Authenticator as App, alex, passkeys};
use super::{reauthentication_required, seconds};
use crate::support::authenticator::Authenticator;
use crate::support::people::{PASSWORD, link_in};
use crate::support::{Person, TestApp};
use serde_json::{Value, json};

const NEW: &str = "alexandra@people.test";
const ASK: &str = "mutation($e: String!) { requestEmailChange(input: { email: $e }) { status problems { field code sentence } } }";
const CONFIRM: &str =
    "mutation($t: String!, $p: String!) { confirmEmailChange(input: { token: $t, password: $p }) {
    status problems { field code } } }";
const ME: &str = "{ viewer { account { email emailFails } } }";

async fn ask(app: &TestApp, person: &Person, email: &str) -> Value {
    let asked = person.ask(app, ASK, json!({ "e": email })).await["requestEmailChange"].clone();
    app.deliver().await;
    asked
}

/// The page that the last mail to an address links to.
fn page(app: &TestApp, email: &str) -> String {
    link_in(&app.mail.inbox(email).pop().expect("a mail"))
}

/// The latest page of that kind that a mail to an address links to.
fn page_of(app: &TestApp, email: &str, part: &str) -> String {
    app.mail.inbox(email).iter().rev().map(link_in).find(|link| link.contains(part)).expect(part)
}

async fn confirm(app: &TestApp, page: &str) -> Value {
    confirm_with(app, page, PASSWORD).await
}

async fn confirm_with(app: &TestApp, page: &str, password: &str) -> Value {
    let token = page.rsplit_once('/').unwrap().1;
    app.anonymous(CONFIRM, json!({ "t": token, "p": password })).await["confirmEmailChange"].clone()
}

async fn address(app: &TestApp, person: &Person) -> Value {
    person.ask(app, ME, json!({})).await["viewer"]["account"]["email"].clone()
}

fn expired() -> Value {
    json!({ "status": "REFUSED", "problems": [{ "field": "token", "code": "EXPIRED" }] })
}

on_both_databases! {
    async fn a_new_address_counts_once_it_is_confirmed_and_the_old_one_is_told(app) {
        let alex = alex(&app).await;
        app.log_in(&alex.email, PASSWORD).await;
        assert_eq!(ask(&app, &alex, NEW).await, json!({ "status": "DONE", "problems": [] }));
        assert_eq!(address(&app, &alex).await, json!(alex.email));
        let told = alex.mails(&app).into_iter().find(|mail| mail.subject().as_deref() == Some("Your address")).unwrap();
        assert!(!told.text().unwrap().contains("alexandra"), "the old mailbox does not learn the new address");
        let page = page(&app, NEW);
        assert_eq!(app.http.get(&page).send().await.unwrap().status(), 200);
        assert_eq!(address(&app, &alex).await, json!(alex.email), "looking changes nothing");
        let wrong = json!({ "status": "REFUSED", "problems": [{ "field": "password", "code": "INCORRECT" }] });
        assert_eq!(confirm_with(&app, &page, "not the password of anybody").await, wrong, "the mailbox alone is not enough");
        assert_eq!(address(&app, &alex).await, json!(alex.email));
        app.set_password(&page, PASSWORD).await;
        assert_eq!(address(&app, &alex).await, json!(NEW));
        assert_eq!(confirm(&app, &page).await, expired());
        app.log_in(NEW, PASSWORD).await;
        let query = "mutation($i: LogInInput!) { logIn(input: $i) { status } }";
        let old = json!({ "i": { "email": alex.email, "password": PASSWORD } });
        assert_eq!(app.anonymous(query, old).await["logIn"]["status"], "REFUSED");
        let data = alex.ask(&app, "{ viewer { sessions { id } } }", json!({})).await;
        assert_eq!(data["viewer"]["sessions"].as_array().unwrap().len(), 3, "nobody was signed out");
        // The old address is free for somebody else.
        app.person_without_device("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
    }

    async fn a_change_of_address_needs_a_fresh_proof_and_another_address(app) {
        let alex = alex(&app).await;
        let same = ask(&app, &alex, &alex.email.to_uppercase()).await;
        assert_eq!(same["problems"][0]["code"], "WRONG_STATE");
        seconds(&app, 300);
        let refused = ask(&app, &alex, NEW).await;
        assert_eq!(refused["problems"][0]["code"], reauthentication_required()["problems"][0]["code"]);
        assert_eq!((app.mail.inbox(NEW).len(), alex.mails(&app).len()), (0, 1));
    }

    async fn r27_no_mail_is_asked_for_that_would_outlive_an_account_about_to_be_erased(app) {
        let alex = alex(&app).await;
        alex.ask(&app, "mutation { requestErasure { status } }", json!({})).await;
        assert_eq!(ask(&app, &alex, NEW).await["problems"][0]["code"], "WRONG_STATE");
        alex.ask(&app, "mutation { cancelErasure { status } }", json!({})).await;
        assert_eq!(ask(&app, &alex, NEW).await["status"], "DONE");
    }

    async fn r28_asking_for_an_address_does_not_tell_whether_it_has_an_account(app) {
        let alex = alex(&app).await;
        let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        let ask = async |email: &str| app.exact(Some(&alex.access()), None, ASK, json!({ "e": email })).await;
        assert_eq!(ask(&sam.email).await, ask(NEW).await);
        app.deliver().await;
        let letter = sam.mails(&app).pop().unwrap().text().unwrap();
        assert!(letter.contains("has an account already") && !letter.contains("new-address"), "{letter}");
        assert_eq!(address(&app, &sam).await, json!(sam.email));
        // Somebody else took the address between the mail and the press of the button: their account stays.
        let page = page(&app, NEW);
        app.person_without_device("Alexandra", "Europe/Berlin", ("22:00", "08:00")).await;
        assert_eq!(confirm(&app, &page).await, expired());
        assert_eq!(address(&app, &alex).await, json!(alex.email));
    }

    async fn a_new_password_the_device_signed_out_or_a_later_address_stops_a_change(app) {
        let alex = alex(&app).await;
        ask(&app, &alex, NEW).await;
        let stopped = page(&app, NEW);
        let new = "five calm boats on a lake";
        let input = json!({ "currentPassword": PASSWORD, "newPassword": new });
        alex.done(&app, "changePassword", input, "").await;
        assert_eq!(confirm_with(&app, &stopped, new).await, expired());
        let (access, _) = app.log_in(&alex.email, new).await;
        app.raw(Some(&access), ASK, json!({ "e": "lex@people.test" })).await;
        app.deliver().await;
        app.raw(Some(&access), "mutation { logOut { status } }", json!({})).await;
        assert_eq!(confirm_with(&app, &page(&app, "lex@people.test"), new).await, expired());
        ask(&app, &alex, NEW).await;
        let first = page(&app, NEW);
        ask(&app, &alex, "xandra@people.test").await;
        assert_eq!(confirm_with(&app, &page(&app, "xandra@people.test"), new).await["status"], "DONE");
        assert_eq!(confirm_with(&app, &first, new).await, expired());
        assert_eq!(address(&app, &alex).await, "xandra@people.test");
    }

    async fn the_old_mailbox_takes_a_change_of_address_back_for_seven_days(app) {
        for (name, days, works) in [("Alex", 7, true), ("Sam", 8, false)] {
            // Somebody who knows the password makes a passkey, sets up an app, changes the address twice and the
            // password once, and asks for the account to be erased.
            let owner = app.person(name, "Europe/Berlin", ("22:00", "08:00")).await;
            let guest = app.another_device(&owner).await;
            let theirs = Authenticator::at(&app.url.replace("127.0.0.1", "localhost"));
            passkeys::register(&app, &guest, &theirs).await;
            let phone = App::of(&app, &guest).await;
            seconds(&app, 60);
            let code = phone.code(&app);
            guest.done(&app, "reauthenticate", json!({ "password": PASSWORD, "secondFactor": { "totpCode": code } }), "").await;
            let new = format!("{}.new@people.test", name.to_lowercase());
            ask(&app, &guest, &new).await;
            let back = page_of(&app, &owner.email, "/old-address/");
            assert_eq!(confirm(&app, &page_of(&app, &new, "/new-address/")).await["status"], "DONE");
            ask(&app, &guest, &format!("{name}.newer@people.test")).await;
            let theirs_back = page_of(&app, &new, "/old-address/");
            let changed = json!({ "currentPassword": PASSWORD, "newPassword": "five calm boats on a lake" });
            guest.done(&app, "changePassword", changed, "").await;
            guest.ask(&app, "mutation { requestErasure { status } }", json!({})).await;
            seconds(&app, days * 86_400);
            evenkeel::actions::accounts::erasure::carry_out_due(&app.app.context).await.unwrap();

            let looked = app.http.get(&back).send().await.unwrap();
            assert_eq!(looked.status(), 200);
            let pressed = app.http.post(&back).send().await.unwrap().status();
            assert_eq!(pressed == 200, works, "{pressed} after {days} days");
            if !works {
                continue;
            }
            for link in [&back, &theirs_back] {
                assert_eq!(app.http.post(link).send().await.unwrap().status(), 422, "once, and the first one counts");
            }
            for password in [PASSWORD, "five calm boats on a lake"] {
                for email in [&owner.email, &new] {
                    let query = "mutation($i: LogInInput!) { logIn(input: $i) { status } }";
                    let input = json!({ "i": { "email": email, "password": password } });
                    assert_eq!(app.anonymous(query, input).await["logIn"]["status"], "REFUSED", "{email}");
                }
            }
            assert_ne!(passkeys::log_in(&app, &theirs).await["status"], "DONE");
            app.deliver().await;
            app.set_password(&page_of(&app, &owner.email, "/reset/"), "six calm boats on a lake").await;
            let (access, _) = app.log_in(&owner.email, "six calm boats on a lake").await;
            let query = "{ viewer { account { email } erasure { eraseAt } factors { totpSince passkeys { id } } devices { id } } }";
            let data = app.raw(Some(&access), query, json!({})).await;
            let viewer = json!({ "account": { "email": owner.email }, "erasure": null, "devices": [],
                "factors": { "totpSince": null, "passkeys": [] } });
            assert_eq!(data["data"]["viewer"], viewer);
        }
    }

    async fn two_who_ask_for_the_same_new_address_do_not_disturb_each_other(app) {
        let alex = alex(&app).await;
        let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
        ask(&app, &alex, NEW).await;
        let alexs = page_of(&app, NEW, "/new-address/");
        ask(&app, &sam, NEW).await;
        assert_eq!(app.mail.inbox(NEW).len(), 2);
        assert_eq!(confirm(&app, &alexs).await["status"], "DONE");
        assert_eq!(address(&app, &alex).await, NEW);
        assert_eq!(confirm(&app, &page_of(&app, NEW, "/new-address/")).await, expired(), "it is Alex's now");
    }

    async fn the_old_mailbox_sets_no_password_once_the_address_is_another(app) {
        let alex = alex(&app).await;
        let query = "mutation($e: String!) { requestPasswordReset(input: { email: $e }) { status } }";
        app.anonymous(query, json!({ "e": alex.email })).await;
        app.deliver().await;
        let reset = page(&app, &alex.email);
        ask(&app, &alex, NEW).await;
        assert_eq!(confirm(&app, &page(&app, NEW)).await["status"], "DONE");
        let query = "mutation($i: ResetPasswordInput!) { resetPassword(input: $i) { problems { code } } }";
        let input = json!({ "i": { "token": reset.rsplit_once('/').unwrap().1, "newPassword": "five calm boats on a lake" } });
        assert_eq!(app.anonymous(query, input).await["resetPassword"]["problems"][0]["code"], "EXPIRED");
    }
}

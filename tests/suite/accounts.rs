//! Accounts: sign-up, confirmation, the profile, pauses and password resets.

use crate::support::care::instant;
use crate::support::people::{PASSWORD, link_in};
use crate::support::{Person, TestApp};
use jiff::SignedDuration;
use serde_json::{Value, json};

const SIGN_UP: &str =
    "mutation($input: SignUpInput!) { signUp(input: $input) { status problems { field code } } }";
const CONFIRM: &str =
    "mutation($t: String!, $p: String!) { confirmEmail(input: { token: $t, password: $p }) {
    status problems { field code } } }";
const LOG_IN: &str = "mutation($input: LogInInput!) { logIn(input: $input) { status outcome { ... on SessionTokens { accessToken } } problems { field code } } }";
const ASK_RESET: &str =
    "mutation($e: String!) { requestPasswordReset(input: { email: $e }) { status problems { field code } } }";
const RESET: &str =
    "mutation($t: String!, $p: String!) { resetPassword(input: { token: $t, newPassword: $p }) {
    status problems { field code } } }";
const CHANGE: &str =
    "mutation($o: String!, $n: String!) { changePassword(input: { currentPassword: $o, newPassword: $n }) {
    status problems { field code } } }";
const UPDATE: &str = "mutation($input: UpdateProfileInput!) { updateProfile(input: $input) {
    status problems { field code } } }";
const PAUSE: &str = "mutation($until: DateTime) { pauseNudges(input: { until: $until }) {
    status account { paused pausedUntil } problems { field code } } }";
const RESUME: &str = "mutation { resumeNudges { status account { paused pausedUntil } } }";
const PROFILE: &str = "{ viewer { account { email displayName zone quietHours { from until } defaultSharing
    pushWanted mailWanted paused pausedUntil createdAt } } }";
const NEW_PASSWORD: &str = "seven slow clouds over hills";

/// Robin's sign-up input, with some fields changed.
fn robin(change: Value) -> Value {
    let mut input = json!({
        "email": "robin@people.test", "displayName": "Robin", "zone": "Europe/Berlin",
        "consents": crate::support::people::consents(),
    });
    for (name, value) in change.as_object().unwrap() {
        input[name] = value.clone();
    }
    json!({ "input": input })
}

async fn sign_up(app: &TestApp, change: Value) -> Value {
    app.anonymous(SIGN_UP, robin(change)).await["signUp"].clone()
}

/// Signs Robin up and returns the link of the confirmation mail.
async fn invited_to_confirm(app: &TestApp, change: Value) -> String {
    assert_eq!(sign_up(app, change).await, done());
    app.deliver().await;
    link_in(&app.mail.inbox("robin@people.test").pop().unwrap())
}

/// The link of a mail for a password reset.
async fn reset_link(app: &TestApp, person: &Person) -> String {
    let answer = app.anonymous(ASK_RESET, json!({ "e": person.email })).await;
    assert_eq!(answer["requestPasswordReset"], done());
    app.deliver().await;
    link_in(&person.mails(app).pop().unwrap())
}

fn token_of(link: &str) -> &str {
    link.rsplit('/').next().unwrap()
}

fn done() -> Value {
    json!({ "status": "DONE", "problems": [] })
}

fn refused(field: &str, code: &str) -> Value {
    json!({ "status": "REFUSED", "problems": [{ "field": field, "code": code }] })
}

async fn can_log_in(app: &TestApp, email: &str, password: &str) -> bool {
    let data = app.anonymous(LOG_IN, json!({ "input": { "email": email, "password": password } })).await;
    data["logIn"]["status"] == "DONE"
}

async fn is_signed_in(app: &TestApp, access: &str) -> bool {
    app.raw(Some(access), PROFILE, json!({})).await.get("errors").is_none()
}

async fn profile(app: &TestApp, person: &Person) -> Value {
    person.ask(app, PROFILE, json!({})).await["viewer"]["account"].clone()
}

async fn alex(app: &TestApp) -> Person {
    app.person_without_device("Alex", "Europe/Berlin", ("22:00", "08:00")).await
}

/// Opens a page several times, as a mail scanner does; returns what it shows.
async fn scanned(app: &TestApp, link: &str) -> String {
    let mut shown = Vec::new();
    for _ in 0..3 {
        app.http.head(link).send().await.unwrap();
        let answer = app.http.get(link).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        shown.push(answer.text().await.unwrap());
    }
    assert!(
        shown.iter().all(|page| *page == shown[0] && page.contains("<form method=\"post\">")),
        "{shown:?}"
    );
    shown.remove(0)
}

/// Presses the button of a page; returns the status and the next page.
async fn press(app: &TestApp, link: &str, password: Option<&str>) -> (u16, String) {
    let mut request = app.http.post(link).header("Accept", "text/html");
    if let Some(password) = password {
        let form = format!("password={}", password.replace(' ', "+"));
        request = request.header("Content-Type", "application/x-www-form-urlencoded").body(form);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn hours(app: &TestApp, count: i64) {
    app.clock.set(app.clock.now() + SignedDuration::from_hours(count));
}

on_both_databases! {
    async fn signing_up_keeps_what_was_stated_and_when(app) {
        let stated = instant(app.clock.now());
        let link = invited_to_confirm(&app, json!({})).await;
        hours(&app, 3);
        assert_eq!(press(&app, &link, Some(PASSWORD)).await.0, 200);
        let (access, _) = app.log_in("robin@people.test", PASSWORD).await;
        let query = "{ viewer { account { createdAt } consents { kind version givenAt withdrawnAt } } }";
        let answer = app.raw(Some(&access), query, json!({})).await;
        let viewer = &answer["data"]["viewer"];
        let mut consents = viewer["consents"].as_array().unwrap().clone();
        consents.sort_by_key(|consent| consent["kind"].to_string());
        let shown = crate::support::people::consents();
        let statement = |n: usize| json!({ "kind": shown[n]["kind"], "version": shown[n]["version"],
            "givenAt": stated, "withdrawnAt": null });
        assert_eq!(consents, [statement(0), statement(1)]);
        assert_eq!(viewer["account"]["createdAt"], instant(app.clock.now()));
    }

    async fn signing_up_without_a_statement_or_with_bad_input_is_refused_and_sends_nothing(app) {
        let made = |which: &[usize]| -> Value {
            which.iter().map(|n| crate::support::people::consents()[*n].clone()).collect()
        };
        for (change, field, code) in [
            (json!({ "consents": made(&[0]) }), "consents", "REQUIRED"),
            (json!({ "consents": made(&[1]) }), "consents", "REQUIRED"),
            (json!({ "consents": made(&[1, 0, 1]) }), "consents", "DUPLICATE"),
            (json!({ "email": "robin" }), "email", "MALFORMED"),
            (json!({ "email": "" }), "email", "MALFORMED"),
            (json!({ "email": "r@people.test\r\nBcc: x@people.test" }), "email", "MALFORMED"),
            (json!({ "email": format!("r@{}test", "people.".repeat(40)) }), "email", "TOO_LONG"),
            (json!({ "displayName": "  " }), "displayName", "REQUIRED"),
            (json!({ "displayName": "R".repeat(61) }), "displayName", "TOO_LONG"),
            (json!({ "displayName": "Ro\nbin" }), "displayName", "MALFORMED"),
            (json!({ "zone": "Berlin" }), "zone", "MALFORMED"),
            (json!({ "quietHours": { "from": "22:00", "until": "22:00" } }), "quietHours", "OUT_OF_RANGE"),
            (json!({ "quietHours": { "from": "24:00", "until": "08:00" } }), "quietHours.from", "MALFORMED"),
        ] {
            assert_eq!(sign_up(&app, change.clone()).await, refused(field, code), "{change}");
        }
        let all = sign_up(&app, json!({ "email": "", "zone": "", "consents": made(&[0]) })).await;
        assert_eq!(all["problems"].as_array().unwrap().len(), 3, "one hears of everything at once");
        app.deliver().await;
        assert_eq!(app.mail.received(), []);
    }

    async fn r30_looking_at_the_page_of_a_mail_confirms_nothing_and_its_button_does(app) {
        let link = invited_to_confirm(&app, json!({})).await;
        let page = scanned(&app, &link).await;
        assert!(!page.contains("robin") && page.contains("type=\"password\""));
        assert_eq!(press(&app, &link, Some("")).await.0, 422, "the one who opens the mail chooses the password");
        assert!(!can_log_in(&app, "robin@people.test", PASSWORD).await);
        let (status, page) = press(&app, &link, Some(PASSWORD)).await;
        assert_eq!(status, 200);
        assert!(page.contains("You can log in now") && !page.contains("<form"));
        assert!(can_log_in(&app, "robin@people.test", PASSWORD).await);
    }

    async fn r30_a_mutation_by_get_or_head_is_refused_and_does_nothing(app) {
        let link = invited_to_confirm(&app, json!({})).await;
        let query = format!("mutation {{ confirmEmail(input: {{ token: \"{}\", password: \"{PASSWORD}\" }}) {{ status }} }}", token_of(&link));
        let mut url: url::Url = format!("{}/graphql", app.url).parse().unwrap();
        url.query_pairs_mut().append_pair("query", &query);
        assert_eq!(app.http.get(url.clone()).send().await.unwrap().status(), 405);
        assert_eq!(app.http.head(url.clone()).send().await.unwrap().status(), 405);
        let named = url.as_str().replace("mutation", "query+Q+%7B__typename%7D+mutation+M") + "&operationName=M";
        assert_eq!(app.http.get(named).send().await.unwrap().status(), 405);
        assert!(!can_log_in(&app, "robin@people.test", PASSWORD).await);
        url.query_pairs_mut().clear().append_pair("query", "{ __typename }");
        assert_eq!(app.http.get(url).send().await.unwrap().status(), 200, "queries may");
        assert_eq!(app.anonymous(CONFIRM, json!({ "t": token_of(&link), "p": PASSWORD })).await["confirmEmail"], done());
    }

    async fn a_confirmation_works_once(app) {
        let link = invited_to_confirm(&app, json!({})).await;
        assert_eq!(press(&app, &link, Some(PASSWORD)).await.0, 200);
        let (status, page) = press(&app, &link, Some(PASSWORD)).await;
        assert_eq!(status, 422);
        assert!(page.contains("used already or is too old"));
        let token = |t: &str| json!({ "t": t, "p": PASSWORD });
        for used_or_unknown in [token_of(&link), "nonsense", ""] {
            let answer = app.anonymous(CONFIRM, token(used_or_unknown)).await;
            assert_eq!(answer["confirmEmail"], refused("token", "EXPIRED"));
        }
        assert!(can_log_in(&app, "robin@people.test", PASSWORD).await);
    }

    async fn a_confirmation_works_for_a_day(app) {
        let link = invited_to_confirm(&app, json!({})).await;
        hours(&app, 24);
        assert_eq!(press(&app, &link, Some(PASSWORD)).await.0, 422, "a day is over");
        assert!(!can_log_in(&app, "robin@people.test", PASSWORD).await);
        app.clock.set(app.clock.now() - SignedDuration::from_secs(1));
        assert_eq!(press(&app, &link, Some(PASSWORD)).await.0, 200, "a second is left");
    }

    async fn r28_of_sign_ups_for_one_address_the_last_one_stands_and_one_mail_goes_out(app) {
        let first = invited_to_confirm(&app, json!({ "displayName": "Somebody else" })).await;
        assert_eq!(sign_up(&app, json!({})).await, done());
        app.deliver().await;
        let mails = app.mail.inbox("robin@people.test");
        assert_eq!(mails.len(), 1, "no second mail within ten minutes");
        app.clock.set(app.clock.now() + SignedDuration::from_mins(10));
        let second = invited_to_confirm(&app, json!({})).await;
        assert_ne!(first, second);
        assert_eq!(press(&app, &first, Some(PASSWORD)).await.0, 422, "the later one voids it");
        let (a, b) = futures::join!(press(&app, &second, Some(PASSWORD)), press(&app, &second, Some(NEW_PASSWORD)));
        let mut statuses = [a.0, b.0];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 422]);
        let stands = if a.0 == 200 { PASSWORD } else { NEW_PASSWORD };
        for password in [PASSWORD, NEW_PASSWORD] {
            assert_eq!(can_log_in(&app, "robin@people.test", password).await, password == stands);
        }
    }

    async fn an_account_that_somebody_else_prepared_is_its_owners_alone(app) {
        // Somebody signs up with Robin's address a minute before Robin does.
        assert_eq!(sign_up(&app, json!({ "displayName": "Not Robin" })).await, done());
        app.clock.set(app.clock.now() + SignedDuration::from_mins(1));
        let link = invited_to_confirm(&app, json!({})).await;
        assert_eq!(press(&app, &link, Some(NEW_PASSWORD)).await.0, 200);
        let (access, _) = app.log_in("robin@people.test", NEW_PASSWORD).await;
        let answer = app.raw(Some(&access), PROFILE, json!({})).await;
        assert_eq!(answer["data"]["viewer"]["account"]["displayName"], "Robin", "what its owner typed");
        let query = "{ viewer { sessions { id } devices { id } factors { passkeys { id } totpSince } } }";
        let held = app.raw(Some(&access), query, json!({})).await["data"]["viewer"].clone();
        assert_eq!((&held["factors"]["passkeys"], &held["devices"]), (&json!([]), &json!([])), "{held}");
        assert_eq!(held["sessions"].as_array().unwrap().len(), 1);
    }

    async fn r28_signing_up_again_answers_alike_and_only_the_mail_says_that_there_is_an_account(app) {
        press(&app, &invited_to_confirm(&app, json!({})).await, Some(PASSWORD)).await;
        let again = json!({ "email": "ROBIN@People.Test", "displayName": "Somebody" });
        assert_eq!(sign_up(&app, again).await, done());
        app.deliver().await;
        let mails = app.mail.inbox("robin@people.test");
        assert_eq!(mails.len(), 2);
        assert_eq!(mails[0].subject(), mails[1].subject(), "the subject line tells nobody");
        assert!(mails[1].text().unwrap().contains("You have an account already"));
        assert_eq!(link_in(&mails[1]), format!("{}/open", app.url));
        assert!(can_log_in(&app, "robin@people.test", PASSWORD).await);
    }

    async fn a_profile_changes_where_it_is_told_to_and_nowhere_else(app) {
        let alex = alex(&app).await;
        let before = profile(&app, &alex).await;
        assert_eq!(before["email"], "alex@people.test");
        assert_eq!(before["quietHours"], json!({ "from": "22:00", "until": "08:00" }));
        assert_eq!(before["defaultSharing"], "NOTHING");
        let mut expected = before.clone();
        for change in [
            json!({}),
            json!({ "displayName": "Al" }),
            json!({ "zone": "Asia/Kathmandu", "pushWanted": false }),
            json!({ "quietHours": { "from": "01:30", "until": "09:45" }, "defaultSharing": "MOOD" }),
            json!({ "quietHours": null, "mailWanted": false }),
        ] {
            let answer = alex.ask(&app, UPDATE, json!({ "input": change })).await;
            assert_eq!(answer["updateProfile"], done(), "{change}");
            for (name, value) in change.as_object().unwrap() {
                expected[name] = value.clone();
            }
            assert_eq!(profile(&app, &alex).await, expected);
        }
    }

    async fn a_profile_refuses_what_makes_no_sense_and_stays(app) {
        let alex = alex(&app).await;
        let before = profile(&app, &alex).await;
        let quiet = |from: &str, until: &str| json!({ "displayName": "Al", "quietHours": { "from": from, "until": until } });
        for (change, field, code) in [
            (quiet("08:00", "08:00"), "quietHours", "OUT_OF_RANGE"),
            (quiet("00:00", "23:59"), "quietHours", "OUT_OF_RANGE"),
            (quiet("08:00", "04:01"), "quietHours", "OUT_OF_RANGE"),
            (quiet("8:00", "12:00"), "quietHours.from", "MALFORMED"),
            (quiet("08:00", "12:60"), "quietHours.until", "MALFORMED"),
            (json!({ "zone": "Europe/Atlantis" }), "zone", "MALFORMED"),
            (json!({ "zone": "../../etc/localtime", "mailWanted": false }), "zone", "MALFORMED"),
            (json!({ "displayName": "" }), "displayName", "REQUIRED"),
            (json!({ "displayName": "é".repeat(61), "pushWanted": false }), "displayName", "TOO_LONG"),
        ] {
            let answer = alex.ask(&app, UPDATE, json!({ "input": change })).await;
            assert_eq!(answer["updateProfile"], refused(field, code), "{change}");
        }
        assert_eq!(profile(&app, &alex).await, before);
        let longest = json!({ "input": quiet("08:00", "04:00") });
        assert_eq!(alex.ask(&app, UPDATE, longest).await["updateProfile"], done(), "four hours are free");
    }

    async fn who_pauses_is_not_asked_until_they_resume(app) {
        let couple = app.couple().await;
        let scene = couple.scene(&app).await;
        let further_notice = couple.alex.ask(&app, PAUSE, json!({})).await;
        let paused = json!({ "paused": true, "pausedUntil": null });
        assert_eq!(further_notice["pauseNudges"]["account"], paused);
        app.pass_minutes(12 * 60).await;
        assert_eq!((couple.alex.pushes(&app).len(), couple.alex.mails(&app).len()), (0, 1), "the mail to confirm");
        assert!(!couple.sam.pushes(&app).is_empty(), "the other's are their own");
        let resumed = couple.alex.ask(&app, RESUME, json!({})).await;
        assert_eq!(resumed["resumeNudges"], json!({ "status": "DONE", "account": { "paused": false, "pausedUntil": null } }));
        assert_eq!(couple.alex.ask(&app, RESUME, json!({})).await["resumeNudges"]["status"], "UNCHANGED");
        app.pass_minutes(13 * 60).await;
        let asked = couple.alex.pushes(&app);
        // The scene's first check-in is open for ten hours more: its three questions come from then on.
        let of_scene = couple.check_ins(&app, &couple.alex, &scene).await;
        let expected = [&of_scene[0], &of_scene[0], &of_scene[1]].map(|check_in| check_in["id"].clone());
        let mut about = Vec::new();
        for push in &asked {
            let reasons = couple.alex.reasons_of(&app, push).await;
            about.extend(reasons.iter().map(|reason| reason["checkIn"]["id"].clone()));
        }
        about.retain(|id| !id.is_null());
        assert_eq!(about, expected, "what was due in the pause comes when it ends");
    }

    async fn a_pause_ends_by_itself_and_does_not_begin_in_the_past(app) {
        let alex = alex(&app).await;
        let until = |minutes: i64| json!({ "until": instant(app.clock.now() + SignedDuration::from_mins(minutes)) });
        for past in [until(0), until(-5)] {
            let answer = alex.ask(&app, PAUSE, past).await;
            assert_eq!(answer["pauseNudges"]["problems"], json!([{ "field": "until", "code": "OUT_OF_RANGE" }]));
        }
        let chosen = until(60);
        let answer = alex.ask(&app, PAUSE, chosen.clone()).await;
        assert_eq!(answer["pauseNudges"]["account"], json!({ "paused": true, "pausedUntil": chosen["until"] }));
        app.pass_minutes(60).await;
        let now = profile(&app, &alex).await;
        assert_eq!((&now["paused"], &now["pausedUntil"]), (&json!(false), &Value::Null));
    }

    async fn r30_a_reset_needs_the_form_of_its_page_and_signs_every_device_out(app) {
        let alex = alex(&app).await;
        let access = alex.access();
        let link = reset_link(&app, &alex).await;
        let page = scanned(&app, &link).await;
        assert!(page.contains("type=\"password\""));
        assert!(can_log_in(&app, &alex.email, PASSWORD).await && is_signed_in(&app, &access).await);

        let (status, page) = press(&app, &link, Some("too short")).await;
        assert_eq!(status, 422);
        assert!(page.contains("at least 15 characters") && page.contains("<form"), "one can try again");
        assert_eq!(press(&app, &link, Some("")).await.0, 422);
        assert!(is_signed_in(&app, &access).await);

        let (status, page) = press(&app, &link, Some(NEW_PASSWORD)).await;
        assert_eq!((status, page.contains("<form")), (200, false));
        assert!(!is_signed_in(&app, &access).await);
        assert!(can_log_in(&app, &alex.email, NEW_PASSWORD).await);
        assert!(!can_log_in(&app, &alex.email, PASSWORD).await);

        let (status, page) = press(&app, &link, Some(PASSWORD)).await;
        assert_eq!((status, page.contains("<form")), (422, false), "a used link gains nothing from another try");
        assert!(can_log_in(&app, &alex.email, NEW_PASSWORD).await);
    }

    async fn a_reset_through_the_api_works_once_and_for_a_day(app) {
        let alex = alex(&app).await;
        let link = reset_link(&app, &alex).await;
        let confirm = app.anonymous(CONFIRM, json!({ "t": token_of(&link), "p": PASSWORD })).await;
        assert_eq!(confirm["confirmEmail"], refused("token", "EXPIRED"), "a token has one purpose");
        let reset = |link: &str, password: &str| json!({ "t": token_of(link), "p": password });
        let short = app.anonymous(RESET, reset(&link, "short")).await;
        assert_eq!(short["resetPassword"], refused("newPassword", "TOO_SHORT"));
        let (one, other) = futures::join!(
            app.anonymous(RESET, reset(&link, NEW_PASSWORD)),
            app.anonymous(RESET, reset(&link, NEW_PASSWORD)),
        );
        let outcomes = [&one["resetPassword"], &other["resetPassword"]];
        assert!(outcomes.contains(&&done()) && outcomes.contains(&&refused("token", "EXPIRED")), "{outcomes:?}");
        let late = reset_link(&app, &alex).await;
        hours(&app, 24);
        let answer = app.anonymous(RESET, reset(&late, PASSWORD)).await;
        assert_eq!(answer["resetPassword"], refused("token", "EXPIRED"));
        assert!(can_log_in(&app, &alex.email, NEW_PASSWORD).await);
    }

    async fn changing_the_password_signs_every_other_device_out(app) {
        let alex = alex(&app).await;
        let (other, others_refresh) = app.log_in(&alex.email, PASSWORD).await;
        let change = async |old: &str, new: &str| {
            alex.ask(&app, CHANGE, json!({ "o": old, "n": new })).await["changePassword"].clone()
        };
        assert_eq!(change(NEW_PASSWORD, NEW_PASSWORD).await, refused("currentPassword", "INCORRECT"));
        assert_eq!(change(PASSWORD, "too short").await, refused("newPassword", "TOO_SHORT"));
        assert!(is_signed_in(&app, &other).await, "a refusal changes nothing");
        assert_eq!(change(PASSWORD, NEW_PASSWORD).await, done());
        assert!(!is_signed_in(&app, &other).await);
        let query = "mutation($t: String!) { refreshSession(input: { refreshToken: $t }) { status } }";
        let refreshed = app.anonymous(query, json!({ "t": others_refresh })).await;
        assert_eq!(refreshed["refreshSession"]["status"], "REFUSED");
        assert!(is_signed_in(&app, &alex.access()).await);
        assert!(can_log_in(&app, &alex.email, NEW_PASSWORD).await);
        assert!(!can_log_in(&app, &alex.email, PASSWORD).await);
    }

    async fn nobody_logs_in_before_the_address_is_confirmed(app) {
        invited_to_confirm(&app, json!({})).await;
        let input = json!({ "input": { "email": "robin@people.test", "password": PASSWORD } });
        let answer = app.anonymous(LOG_IN, input).await;
        let problems = json!([{ "field": "password", "code": "INCORRECT" }]);
        assert_eq!(answer["logIn"], json!({ "status": "REFUSED", "outcome": null, "problems": problems }));
        let nothing = app.anonymous(ASK_RESET, json!({ "e": "robin@people.test" })).await;
        assert_eq!(nothing["requestPasswordReset"], done());
        app.deliver().await;
        let mail = app.mail.inbox("robin@people.test").pop().unwrap();
        assert_eq!(crate::support::people::link_in(&mail), format!("{}/open", app.url), "there is no password to set anew");
    }
}

//! Mails: each compared with its golden file, signed where there is a key, and shown by the outbox in development.

use super::get;
use crate::support::care::{HOUR, minute};
use crate::support::people::PASSWORD;
use crate::support::{Couple, TestApp};
use evenkeel::app::App;
use evenkeel::config::{Dkim, Mode};
use jiff::SignedDuration;
use serde_json::json;

/// A mail without what differs from run to run: its headers and text, and its HTML.
fn plain(app: &TestApp, mail: &evenkeel::demo::smtp_receiver::Mail) -> (String, String) {
    let tidy = |text: String| {
        let mut text = text.replace(&app.url, "https://care.example.org").replace("\r\n", "\n");
        for page in
            ["/c/", "/verify/", "/reset/", "/new-address/", "/old-address/", "/unsubscribe/", "/preferences/"]
        {
            let parts: Vec<&str> = text.split(page).collect();
            let cut = |(n, part): (usize, &&str)| {
                if n == 0 { part.to_string() } else { format!("TOKEN{}", &part[43..]) }
            };
            text = parts.iter().enumerate().map(cut).collect::<Vec<_>>().join(page);
        }
        text
    };
    let mut lines = String::new();
    for name in [
        "From",
        "To",
        "Subject",
        "MIME-Version",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
    ] {
        if let Some(value) = mail.header(name) {
            lines += &format!("{name}: {value}\n");
        }
    }
    let media = mail.header("Content-Type").unwrap();
    lines += &format!("Content-Type: {}\n\n{}", media.split(';').next().unwrap(), mail.text().unwrap());
    (tidy(lines), tidy(mail.html().unwrap()))
}

/// Compares with a reviewed file; EVENKEEL_TEST_BLESS writes it anew, to be reviewed again.
fn golden(name: &str, text: &str) {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("EVENKEEL_TEST_BLESS").is_some() {
        std::fs::write(&file, text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap_or_default(), text, "{name} is not what it was");
}

/// A second service on the same database, which writes mails to files; its URL.
fn with_outbox(app: &TestApp, mode: Mode) -> (App, String) {
    let mut config = app.config.clone();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (config.smtp_url, config.mode, config.public_url) = (None, mode, url.parse().unwrap());
    let files = App::build(&config, &app.keys, app.clock.clone(), crate::support::chance()).unwrap();
    actix_web::rt::spawn(files.server(listener, 1).unwrap());
    (files, url)
}

const HOSTILE: &str = "\"><script>alert(1)</script>&amp;'";

on_both_databases! {
    async fn each_mail_is_discreet_whole_without_its_html_and_as_it_was_looked_at(app) {
        let couple = {
            let alex = app.person_without_device("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
            let sam = app.person_without_device("Sam", "America/Los_Angeles", ("23:00", "07:00")).await;
            let link = app.link(&alex, &sam).await;
            Couple { alex, sam, link }
        };
        for person in [&couple.alex, &couple.sam] {
            person.done(&app, "updateProfile", json!({ "displayName": HOSTILE }), "").await;
        }
        couple.agree(&app, Couple::usual_terms(), None).await;
        couple.allow_alert(&app, &couple.sam, true).await;
        let scene = couple.scene(&app).await;
        // Of the second check-in only the prompt comes.
        let second = couple.check_ins(&app, &couple.sam, &scene).await.remove(1)["id"].clone();
        couple.sam.done(&app, "answerCheckIn", json!({ "checkInId": second, "mood": 4 }), "").await;
        app.pass_until(minute(23 * HOUR)).await;
        let sign_up = json!({ "i": { "email": couple.alex.email, "displayName": HOSTILE, "zone": "UTC", "consents": crate::support::people::consents() } });
        app.anonymous("mutation($i: SignUpInput!) { signUp(input: $i) { status } }", sign_up).await;
        app.anonymous("mutation($e: String!) { requestPasswordReset(input: { email: $e }) { status } }",
            json!({ "e": couple.alex.email })).await;
        app.anonymous("mutation($e: String!) { requestPasswordReset(input: { email: $e }) { status } }",
            json!({ "e": "kim@people.test" })).await;
        couple.alex.done(&app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
        for email in ["alexandra@people.test", &couple.sam.email] {
            couple.alex.done(&app, "requestEmailChange", json!({ "email": email }), "").await;
        }
        let (_, copied) = app.log_in(&couple.alex.email, PASSWORD).await;
        for minutes in [0, 1] {
            app.clock.set(app.clock.now() + SignedDuration::from_mins(minutes));
            let query = "mutation($t: String!) { refreshSession(input: { refreshToken: $t }) { status } }";
            app.anonymous(query, json!({ "t": copied })).await;
        }
        app.another_device(&couple.alex).await;
        app.another_device(&couple.alex).await;
        // Every way of reaching out other than a call, each in its own agreement.
        for (number, way) in ["MESSAGE", "VIDEO", "IN_PERSON"].into_iter().enumerate() {
            let other = app.pair(number).await;
            other.alex.done(&app, "removeDevice", json!({ "deviceId": other.alex.device_id }), "").await;
            other.agree(&app, json!({ "stopSignal": "red", "partnerAlert": way }), None).await;
            other.allow_alert(&app, &other.sam, true).await;
            other.scene(&app).await;
        }
        let other = app.pair(9).await;
        other.alex.done(&app, "removeDevice", json!({ "deviceId": other.alex.device_id }), "").await;
        other.sam.done(&app, "askPartner", json!({ "partnerOf": { "linkId": other.link } }), "").await;
        app.pass_minutes(30 * HOUR).await;
        let mails: Vec<_> = couple.alex.mails(&app).into_iter().chain(app.mail.received()).collect();
        for (name, words) in [
            ("confirm", "Welcome. Please confirm"), ("already_registered", "You have an account already"),
            ("reset", "Here you can set a new password"), ("no_account", "has no account here"), ("ask", "how are you today?"),
            ("reach_out", "to get in touch"), ("plea", "Hearing from you would be welcome."), ("tell_partner", "A call would be welcome."),
            ("tell_partner_message", "A message would be welcome."),
            ("tell_partner_video", "A video call would be welcome."),
            ("tell_partner_visit", "A visit would be welcome."), ("signed_out", "One of your devices was signed out"),
            ("address_change", "asked to have your mails sent to another address"),
            ("security_change", "Something changed in how your account"), ("confirm_new_address", "From then on your mails come here"), ("address_in_use", "for another account"),
        ] {
            let mail = mails.iter().find(|mail| {
                let text = mail.text().unwrap();
                text.contains(words) && (name == "ask" || !text.contains("how are you today?"))
            }).expect(name);
            let (text, html) = plain(&app, mail);
            golden(&format!("{name}.txt"), &text);
            golden(&format!("{name}.html"), &html);
            for part in [&text, &html] {
                assert!(!part.contains("alert(1)") && !part.contains("people.test\n\n"), "{name}");
            }
            let remote = ["src=", "url(", "@import", "<link", "<script", "<form"];
            assert!(remote.iter().all(|way| !html.contains(way)), "{name} loads something");
        }
        assert!(mails.iter().all(|mail| !String::from_utf8_lossy(&mail.raw).contains("script")), "no name is in a mail");
    }

    async fn the_outbox_of_development_shows_mails_and_lets_nothing_in_them_act(app) {
        let (files, url) = with_outbox(&app, Mode::Development);
        let sign_up = json!({ "i": { "email": "kim@people.test", "displayName": "Kim", "zone": "UTC", "consents": crate::support::people::consents() } });
        app.anonymous("mutation($i: SignUpInput!) { signUp(input: $i) { status } }", sign_up).await;
        files.worker().deliver_due().await.unwrap();
        let outbox = app.config.data_dir.join("outbox");
        let hostile = format!("From: {HOSTILE} <a@b.org>\r\nTo: \"{HOSTILE}\" <sam@people.test>\r\nSubject: {HOSTILE}\r\n\
            Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n</pre>{HOSTILE}\r\n\
            --b\r\nContent-Type: text/html\r\n\r\n<p>{HOSTILE}</p>\r\n--b--\r\n");
        std::fs::write(outbox.join("Hostile_1.eml"), hostile).unwrap();
        std::fs::write(outbox.join("not a mail.txt"), "x").unwrap();
        std::fs::write(outbox.join("Broken_2.eml"), [0xff, 0, 0x80]).unwrap();
        std::fs::write(app.config.data_dir.join("secret.eml"), "Subject: secret\r\n\r\nsecret").unwrap();

        let (status, page) = get(&app, &format!("{url}/dev/outbox")).await;
        assert!(status == 200 && page.contains("You asked for this e-mail") && page.contains("kim@people.test"));
        assert_eq!(page.matches("<script").count(), 1, "the page's own: {page}");
        let kim = page.split("/dev/outbox/Nudge_").nth(1).unwrap().split('"').next().unwrap();
        let (_, page) = get(&app, &format!("{url}/dev/outbox/Nudge_{kim}")).await;
        assert!(page.contains("/verify/") && page.contains("Auto-Submitted: auto-generated"), "{page}");

        let answer = app.http.get(format!("{url}/dev/outbox/Hostile_1")).send().await.unwrap();
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
        let page = answer.text().await.unwrap();
        assert!(page.matches("<script").count() == 1 && page.matches("</pre>").count() == 2, "{page}");
        let paper = app.http.get(format!("{url}/dev/outbox/Hostile_1/html")).send().await.unwrap();
        let policy = paper.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("sandbox; default-src 'none'") && !policy.contains("script-src"), "{policy}");

        for outside in ["..%2fsecret", "../secret", "%2e%2e%2fsecret", "..%2f..%2f..%2fetc%2fpasswd", "Hostile_2", ".", "%00"] {
            let (status, page) = get(&app, &format!("{url}/dev/outbox/{outside}")).await;
            assert!(status == 404 && !page.contains("secret"), "{outside}");
        }
        let (_, production) = with_outbox(&app, Mode::Production);
        for elsewhere in [app.url.clone(), production] {
            for path in ["dev/outbox", "dev/outbox/Hostile_1", "dev/outbox/Hostile_1/html"] {
                assert_eq!(get(&app, &format!("{elsewhere}/{path}")).await.0, 404, "with a mail server, or in production");
            }
        }
    }

    async fn mails_are_signed_where_there_is_a_key(app) {
        let mut config = app.config.clone();
        let key_file = app.config.data_dir.join("dkim.pem");
        // The key of RFC 8463, appendix A.2, wrapped as openssl does it.
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
        std::fs::write(&key_file, pem).unwrap();
        config.dkim = Some(Dkim { selector: "brisbane".into(), domain: "evenkeel.test".into(), key_file });
        let signing = App::build(&config, &app.keys, app.clock.clone(), crate::support::chance()).unwrap();
        app.anonymous("mutation($i: SignUpInput!) { signUp(input: $i) { status } }", json!({ "i": {
            "email": "kim@people.test", "displayName": "Kim", "zone": "UTC",
            "consents": crate::support::people::consents() } })).await;
        signing.worker().deliver_due().await.unwrap();
        let mail = app.mail.inbox("kim@people.test").pop().unwrap();
        let signature = mail.header("DKIM-Signature").unwrap();
        for part in ["a=ed25519-sha256", "d=evenkeel.test", "s=brisbane", "c=relaxed/relaxed", "list-unsubscribe-post"] {
            assert!(signature.contains(part), "{part} in {signature}");
        }
        config.dkim.as_mut().unwrap().key_file = app.config.data_dir.join("missing.pem");
        let error = App::build(&config, &app.keys, app.clock.clone(), crate::support::chance()).err().unwrap().to_string();
        assert!(error.contains("dkim_key_file") && error.contains("missing.pem"), "{error}");
    }
}

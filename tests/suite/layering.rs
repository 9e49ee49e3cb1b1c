//! The import rule of the crate, checked against the code.

mod circles;
mod crates;
mod journeys;
mod sources;

use sources::{files, sources};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What every module may use: ids, the clock, chance.
const BASE: &[&str] = &["ids", "clock", "chance"];

/// Which modules each module may import, besides itself and [`BASE`]. A module not listed may import everything.
const MAY: &[(&str, &[&str])] = &[
    ("ids", &["chance"]),
    ("chance", &[]),
    ("clock", &[]),
    ("domain", &[]),
    ("vault", &["domain"]),
    ("metrics", &["domain"]),
    ("store", &["domain", "metrics"]),
    ("auth", &["domain", "vault"]),
    ("actions", &["domain", "store", "vault", "auth", "metrics"]),
    ("delivery", &["actions", "store", "domain", "metrics"]),
    ("graphql", &["actions", "domain", "auth"]),
    ("http", &["graphql", "actions", "auth", "metrics"]),
    ("config", &["store", "delivery", "domain", "vault", "auth"]),
];

/// Above everything else.
const WIRING: &[&str] = &["app", "cli", "demo", "doctor", "main", "lib"];

/// Every file with its layer, its path and its text.
fn texts() -> impl Iterator<Item = (String, PathBuf, String)> {
    sources().into_iter().map(|source| (source.layer().to_owned(), source.path, source.text))
}

/// The top-level modules that a text names by `crate::…`, except in its tests.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines
        .flat_map(|line| line.split("crate::").skip(1).collect::<Vec<_>>())
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>())
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn every_module_imports_only_what_it_may() {
    let table: BTreeMap<_, _> = MAY.iter().copied().collect();
    let mut wrong = Vec::new();
    for (module, path, text) in texts() {
        if WIRING.contains(&module.as_str()) {
            continue;
        }
        let Some(may) = table.get(module.as_str()) else {
            wrong.push(format!("{module} is not in the table"));
            continue;
        };
        let base = if may.is_empty() && module != "domain" { &[] } else { BASE };
        for import in imports(&text) {
            if import != module && !may.contains(&import.as_str()) && !base.contains(&import.as_str()) {
                wrong.push(format!("{} imports {import}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_lives_there_and_stays_small() {
    for (_, path, text) in texts() {
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! "), "{} does not open with a sentence", path.display());
        assert!(text.lines().count() <= 600, "{} holds more than one thing", path.display());
    }
}

#[test]
fn the_domain_knows_no_clock_and_no_io() {
    for (module, path, text) in texts() {
        if module == "domain" {
            for banned in ["std::fs", "std::net::Tcp", "tokio", "reqwest", "now()", "std::env", "rand::"] {
                assert!(!text.contains(banned), "{} names {banned}", path.display());
            }
        }
    }
}

/// The text of a file without comments, tests and white space.
fn dense(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect()
}

/// Whether the code opens a transaction, or keeps change events, in its own way: it uses the context's store for more
/// than its name, a connection's transactions, or events that no transaction saves.
fn opens_its_own(code: &str) -> bool {
    let named = |c: char| c.is_alphanumeric() || c == '_';
    let uses_store = code.match_indices(".store").any(|(at, word)| {
        let rest = &code[at + word.len()..];
        // An atomic number has a method `store`.
        !rest.starts_with(named) && !rest.starts_with('(') && !rest.starts_with(".backend()")
    });
    uses_store
        || ["transact(", "transaction(", "ChangeEvents::default"].iter().any(|word| code.contains(word))
}

#[test]
fn a_transaction_is_opened_only_where_its_events_are_saved() {
    for (module, path, text) in texts() {
        if module != "store" && !path.ends_with("actions/transaction.rs") {
            assert!(!opens_its_own(&dense(&text)), "{} opens transactions of its own", path.display());
        }
    }
    // Shows that the test can fail.
    for own in [
        "context\n    .store\n    .write(|db| x)",
        "let store = &context.store;",
        "db.transact(p, w)",
        "ChangeEvents::default()",
    ] {
        assert!(opens_its_own(&dense(own)), "{own}");
    }
    assert!(!opens_its_own(&dense("app.context.store.backend(); n.store(1, o); crate::store::find(db)")));
}

#[test]
fn every_file_of_tests_is_part_of_a_test_binary() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let entries = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    // A file here would be linked as its own test binary.
    let loose: Vec<_> = entries(&root).into_iter().filter(|path| path.is_file()).collect();
    assert!(loose.is_empty(), "belongs into tests/suite: {loose:?}");
    let main = std::fs::read_to_string(root.join("suite/main.rs")).unwrap();
    for path in entries(&root.join("suite")).iter().filter(|path| path.is_file()) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            name == "main" || main.contains(&format!("\nmod {name};\n")),
            "`mod {name};` is missing in tests/suite/main.rs"
        );
    }
}

#[test]
fn no_setting_leads_to_chance_that_can_be_foretold() {
    for (module, path, text) in texts() {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        // A module's tests may have a file of their own.
        if module != "chance" && !path.ends_with("tests.rs") {
            assert!(!code.contains("Chance::seeded"), "{} makes keys from a seed", path.display());
        }
    }
}

#[test]
fn the_pages_on_security_name_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    files(&root.join("tests"), &mut found);
    files(&root.join("src"), &mut found);
    let code: Vec<String> = found.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let page = |name| std::fs::read_to_string(root.join(name)).unwrap();
    let (threats, requirements) = (page("docs/security.md"), page("docs/asvs.md"));
    // The text between backticks in the last column of a table; the second page has tables without tests, too.
    let numbered = |line: &&str| {
        line.strip_prefix("| ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let rows =
        threats.lines().filter(|line| line.starts_with('|')).chain(requirements.lines().filter(numbered));
    let shown = rows.filter_map(|line| line.rsplit('|').nth(1));
    let named: Vec<&str> = shown.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(named.len() > 40, "{named:?}");
    let exists = |name: &str| match name.strip_prefix("tests/") {
        Some(file) => root.join("tests").join(file).exists(),
        None => code.iter().any(|text| text.contains(&format!("fn {name}("))),
    };
    let gone: Vec<_> = named.into_iter().filter(|name| !exists(name)).collect();
    assert!(gone.is_empty(), "the pages name tests that are not there: {gone:?}");
}

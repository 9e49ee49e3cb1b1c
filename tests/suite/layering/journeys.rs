//! `docs/architecture.md` names files and functions that exist.

use std::path::{Path, PathBuf};

/// The file that defines what a path names, and the names that follow.
fn find<'a>(src: &Path, names: &'a [&'a str]) -> Option<(PathBuf, &'a [&'a str])> {
    (1..=names.len()).rev().find_map(|length| {
        let path = src.join(names[..length].join("/"));
        let file = [path.with_extension("rs"), path.join("mod.rs")].into_iter().find(|file| file.is_file());
        Some((file?, &names[length..]))
    })
}

/// Whether a text defines something of that name.
fn defines(text: &str, name: &str) -> bool {
    ["fn ", "struct ", "enum ", "trait ", "const ", "type "].iter().any(|word| {
        text.match_indices(&format!("{word}{name}")).any(|(at, found)| {
            !text[at + found.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
        })
    })
}

/// What is wrong with a path such as `store::nudge::plan`; None: it exists.
fn gone(src: &Path, path: &str) -> Option<String> {
    let names: Vec<&str> = path.split("::").collect();
    let Some((file, rest)) = find(src, &names) else { return Some(format!("{path}: there is no such file")) };
    let text = std::fs::read_to_string(&file).unwrap();
    // A type that another file defines may have methods here.
    let missing = rest.iter().find(|name| {
        !defines(&text, name)
            && !text.contains(&format!("{name}<"))
            && !text.contains(&format!("impl {name}"))
    });
    missing.map(|name| format!("{path}: {} has no {name}", file.display()))
}

#[test]
fn the_page_on_architecture_names_what_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    let quoted: Vec<&str> = page.split('`').skip(1).step_by(2).collect();
    let is_path = |text: &&&str| {
        text.contains("::")
            && text.chars().all(|c| c.is_alphanumeric() || "_:".contains(c))
            && !text.ends_with("::")
    };
    let paths: Vec<&str> = quoted.iter().filter(is_path).copied().collect();
    assert!(paths.len() > 35, "{paths:?}");
    let wrong: Vec<_> = paths.iter().filter_map(|path| gone(&root.join("src"), path)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let files = quoted.iter().filter(|text| text.starts_with("src/") || text.starts_with("tests/"));
    let gone: Vec<_> = files.filter(|file| !file.contains('<') && !root.join(file).exists()).collect();
    assert!(gone.is_empty(), "{gone:?}");
}

#[test]
fn a_path_that_names_nothing_is_found() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert_eq!(gone(&src, "domain::nudge::judge"), None);
    for wrong in
        ["domain::nudge::judg", "domain::nudges::judge", "actions::check_ins::check_in::CheckInView::gone"]
    {
        assert!(gone(&src, wrong).is_some(), "{wrong}");
    }
}

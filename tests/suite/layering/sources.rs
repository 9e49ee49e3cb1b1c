//! The sources as text, and the paths that they name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One file of `src/`.
pub struct Source {
    /// Its module path, such as `["store", "schema", "nudge"]`; the folder's for a `mod.rs`.
    pub module: Vec<String>,
    pub path: PathBuf,
    pub text: String,
}

impl Source {
    /// The top-level module that the file belongs to.
    pub fn layer(&self) -> &str {
        self.module.first().map_or("", String::as_str)
    }

    /// The code without comments, strings and tests.
    pub fn code(&self) -> String {
        bare(&self.text)
    }
}

pub fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every file of `src/`.
pub fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&root, &mut found);
    found.sort();
    let source = |path: PathBuf| {
        let inside = path.strip_prefix(&root).unwrap().with_extension("");
        let mut module: Vec<_> =
            inside.components().map(|part| part.as_os_str().to_str().unwrap().to_owned()).collect();
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        Source { module, text: std::fs::read_to_string(&path).unwrap(), path }
    };
    found.into_iter().map(source).collect()
}

/// Code without comments, strings and tests.
pub fn bare(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut bare = String::with_capacity(code.len());
    for line in lines {
        let mut quoted = false;
        let mut escaped = false;
        for c in line.chars() {
            match (quoted, c) {
                (true, _) if escaped => escaped = false,
                (true, '\\') => escaped = true,
                (_, '"') => quoted = !quoted,
                (false, c) => bare.push(c),
                (true, _) => {}
            }
        }
        bare.push('\n');
    }
    bare
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The `use` declarations of some code: whether each is public, and each path that it names.
pub fn uses(code: &str) -> Vec<(bool, Vec<String>)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let before = code[..at].rsplit(['\n', ';', '{', '}']).next().unwrap_or_default().trim();
        let public = before.starts_with("pub");
        if !(before.is_empty() || public) || code[..at].ends_with(is_name) {
            continue;
        }
        let Some(tree) = code[at + 4..].split(';').next() else { continue };
        let mut paths = Vec::new();
        branches(&[], tree, &mut paths);
        found.extend(paths.into_iter().map(|path| (public, path)));
    }
    found
}

/// The paths of a `use` tree, such as `a::{b, c::d}`.
fn branches(before: &[String], tree: &str, found: &mut Vec<Vec<String>>) {
    let names = |text: &str| -> Vec<String> {
        let path = text.split(" as ").next().unwrap_or_default();
        path.split("::").map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
    };
    let Some((head, rest)) = tree.split_once('{') else {
        let path = [before, &names(tree)].concat();
        if !path.is_empty() {
            found.push(path);
        }
        return;
    };
    let inside = rest.rsplit_once('}').map_or(rest, |(inside, _)| inside);
    let before = [before, &names(head)].concat();
    let (mut depth, mut begin) = (0, 0);
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                branches(&before, &inside[begin..at], found);
                begin = at + 1;
            }
            _ => {}
        }
    }
    branches(&before, &inside[begin..], found);
}

/// The paths of two names and more outside of `use` declarations, such as `store::nudge::find`.
pub fn paths(code: &str) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    let mut word = String::new();
    for c in code.chars().chain([' ']) {
        if is_name(c) || c == ':' {
            word.push(c);
            continue;
        }
        let path: Vec<String> = word.split("::").map(str::to_owned).collect();
        if path.len() > 1 && path.iter().all(|name| !name.is_empty() && !name.contains(':')) {
            found.insert(path);
        }
        word.clear();
    }
    found
}

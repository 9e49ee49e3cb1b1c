//! No circle of files: each can be read knowing only those that it names.

use super::sources::{Source, paths, sources, uses};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Where a circle is right: the types of a GraphQL schema are a graph.
fn is_schema(module: &[String]) -> bool {
    module.len() > 1 && module[0] == "graphql" && module[1] == "types"
}

type Module = Vec<String>;

/// Which files name which. A name that a folder's `mod.rs` only passes on belongs to the file that defines it.
struct Map<'a> {
    files: BTreeMap<&'a [String], &'a Source>,
    passed_on: HashMap<(&'a [String], String), Module>,
}

impl<'a> Map<'a> {
    fn new(sources: &'a [Source]) -> Self {
        let files = sources.iter().map(|source| (source.module.as_slice(), source)).collect();
        let mut map = Self { files, passed_on: HashMap::new() };
        for source in sources {
            for (_, path) in uses(&source.code()).into_iter().filter(|(public, _)| *public) {
                let name = path.last().cloned().unwrap_or_default();
                let target =
                    map.absolute(source, &path).unwrap_or_else(|| [&source.module[..], &path].concat());
                map.passed_on.insert((&source.module, name), target);
            }
        }
        map
    }

    /// A path from the crate's root; None: it names nothing of this crate.
    fn absolute(&self, source: &Source, path: &[String]) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([&source.module[..], rest].concat()),
            "super" => {
                let up = path.iter().take_while(|name| *name == "super").count();
                let kept = source.module.len().checked_sub(up)?;
                Some([&source.module[..kept], &path[up..]].concat())
            }
            _ => {
                let child = [&source.module[..], std::slice::from_ref(first)].concat();
                let path = [&source.module[..], path].concat();
                self.files.contains_key(child.as_slice()).then_some(path)
            }
        }
    }

    /// The file that defines what a path names.
    fn file(&self, path: &[String], depth: usize) -> Option<&'a [String]> {
        let (length, module) = (1..=path.len()).rev().find_map(|length| {
            self.files.get_key_value(&path[..length]).map(|(module, _)| (length, *module))
        })?;
        let passed_on = path.get(length).and_then(|name| self.passed_on.get(&(module, name.clone())));
        match passed_on {
            Some(to) if depth < 5 => self.file(to, depth + 1).or(Some(module)),
            _ => Some(module),
        }
    }

    fn named_by(&self, source: &'a Source) -> BTreeSet<&'a [String]> {
        let code = source.code();
        let private = uses(&code).into_iter().filter(|(public, _)| !public).map(|(_, path)| path);
        let inline = paths(&without_uses(&code));
        let all = private.chain(inline);
        let absolute = all.filter_map(|path| self.absolute(source, &path));
        absolute
            .filter_map(|path| self.file(&path, 0))
            .filter(|module| *module != source.module.as_slice())
            .collect()
    }
}

/// The code without its `use` declarations, and without the places that visibilities name.
fn without_uses(code: &str) -> String {
    let visible = code.replace("pub(in ", "pub(").replace("pub(crate::", "pub(");
    let mut kept = String::new();
    for (n, part) in visible.split("use ").enumerate() {
        let opens = n > 0;
        kept.push_str(if opens { part.split_once(';').map_or("", |(_, rest)| rest) } else { part });
    }
    kept
}

/// The first circle that is found, as the files that it leads through.
fn circle(graph: &BTreeMap<&[String], BTreeSet<&[String]>>) -> Option<Vec<String>> {
    fn visit<'a>(
        at: &'a [String],
        graph: &BTreeMap<&'a [String], BTreeSet<&'a [String]>>,
        way: &mut Vec<&'a [String]>,
        done: &mut BTreeSet<&'a [String]>,
    ) -> Option<Vec<String>> {
        if let Some(begin) = way.iter().position(|module| *module == at) {
            return Some(way[begin..].iter().chain([&at]).map(|module| module.join("::")).collect());
        }
        if !done.contains(at) {
            way.push(at);
            for next in graph.get(at).into_iter().flatten() {
                if let Some(found) = visit(next, graph, way, done) {
                    return Some(found);
                }
            }
            way.pop();
            done.insert(at);
        }
        None
    }
    let mut done = BTreeSet::new();
    graph.keys().find_map(|module| visit(module, graph, &mut Vec::new(), &mut done))
}

fn circle_of(sources: &[Source]) -> Option<Vec<String>> {
    let map = Map::new(sources);
    let named = |source| {
        let mut named = map.named_by(source);
        if is_schema(&source.module) {
            named.retain(|module| !is_schema(module));
        }
        (source.module.as_slice(), named)
    };
    circle(&sources.iter().map(named).collect())
}

#[test]
fn no_files_lead_in_a_circle() {
    let found = circle_of(&sources());
    assert!(found.is_none(), "a circle of files: {}", found.unwrap_or_default().join(" -> "));
}

#[test]
fn a_circle_of_files_is_found_however_it_is_written() {
    let file = |module: &str, text: &str| Source {
        module: module.split("::").map(str::to_owned).collect(),
        path: module.into(),
        text: text.to_owned(),
    };
    let two = |a: &str, b: &str| {
        circle_of(&[file("x", "mod a; mod b; pub use a::A;"), file("x::a", a), file("x::b", b)])
    };
    assert_eq!(two("use super::b::B;", "pub struct B;"), None);
    for back in [
        "use super::a::A;",
        "use super::A;",
        "use crate::x::{\n    a::{self, A},\n};",
        "fn f() { crate::x::A::new() }",
    ] {
        assert!(two("use super::b::B;", back).is_some(), "{back}");
    }
    assert_eq!(
        two("use super::b::B;", "// use super::a::A;\npub(in crate::x) struct B(&str, \"super::a::A\");"),
        None
    );
    // What a folder's `mod.rs` defines itself makes it a file like any other.
    let own = [file("x", "mod a; use a::A; pub struct X;"), file("x::a", "use super::X; pub struct A;")];
    assert_eq!(circle_of(&own), Some(vec!["x".to_owned(), "x::a".to_owned(), "x".to_owned()]));
}

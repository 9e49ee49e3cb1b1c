//! The companion's shell: complete, of one version, from this origin alone, and closed to content from elsewhere.
//! `tests/browser/companion.mjs` tests what it does.

use crate::support::TestApp;
use std::collections::BTreeSet;
use std::path::Path;

/// The names and contents of all files of the app.
fn files() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/app");
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(read).collect()
}

async fn get(app: &TestApp, path: &str) -> reqwest::Response {
    app.http.get(format!("{}{path}", app.url)).send().await.unwrap()
}

on_both_databases! {
    async fn the_shell_is_served_whole_and_kept_whole(app) {
        let worker = get(&app, "/app/sw.js").await;
        assert_eq!(worker.headers()["service-worker-allowed"], "/app");
        let worker = worker.text().await.unwrap();
        let list = worker.split_once("const SHELL = [").unwrap().1.split_once(']').unwrap().0;
        let kept: BTreeSet<_> = list.split(", ").map(|path| path.trim_matches('"').to_owned()).collect();
        let mut expected = BTreeSet::from(["/app", "/assets/style.css", "/assets/leave.js"].map(str::to_owned));
        for (name, body) in files() {
            let answer = get(&app, &format!("/app/{name}")).await;
            assert_eq!(answer.status(), 200, "{name} is not served");
            let media = answer.headers()["content-type"].to_str().unwrap().to_owned();
            let right = match name.rsplit_once('.').unwrap().1 {
                "js" => "text/javascript; charset=utf-8",
                "html" => "text/html; charset=utf-8",
                "svg" => "image/svg+xml",
                "png" => "image/png",
                "webmanifest" => "application/manifest+json",
                other => panic!("{other} is new: say here what it is"),
            };
            assert_eq!(media, right, "{name}");
            if name != "sw.js" {
                assert!(answer.bytes().await.unwrap() == body, "{name} is not what assets/app has");
                if name != "index.html" {
                    expected.insert(format!("/app/{name}"));
                }
            }
        }
        assert_eq!(kept, expected, "what opens without a network");
        for path in &kept {
            assert_eq!(get(&app, path).await.status(), 200, "{path}");
        }
        assert!(!worker.contains("{version}") && !worker.contains("{shell}"));
        assert_eq!(get(&app, "/app/nothing.js").await.status(), 404);
    }

    async fn one_tag_stands_for_all_files_and_spares_fetching_them_again(app) {
        let first = get(&app, "/app").await;
        let tag = first.headers()["etag"].to_str().unwrap().to_owned();
        assert_eq!(get(&app, "/app/app.js").await.headers()["etag"], tag.as_str());
        assert!(get(&app, "/app/sw.js").await.text().await.unwrap().contains(tag.trim_matches('"')), "a new shell is a new worker");
        for (known, status) in [(tag.as_str(), 304), ("\"another\"", 200)] {
            let request = app.http.get(format!("{}/app/app.js", app.url)).header("If-None-Match", known);
            assert_eq!(request.send().await.unwrap().status(), status);
        }
    }

    async fn only_what_is_our_own_runs_in_it_and_is_reached_by_it(app) {
        for path in ["/app", "/app/sw.js", "/app/app.js"] {
            let answer = get(&app, path).await;
            let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
            let directives: Vec<_> = policy.split("; ").map(|part| part.split_once(' ').unwrap()).collect();
            assert_eq!(directives[0], ("default-src", "'none'"));
            for (name, sources) in &directives[1..] {
                let closed = ["'none'", "'self'", "'script'", "evenkeel"].contains(sources);
                assert!(closed, "{path}: {name} {sources}");
            }
            assert!(directives.contains(&("require-trusted-types-for", "'script'")));
        }
    }
}

#[test]
fn nothing_of_it_makes_markup_of_text_or_names_another_place() {
    for (name, body) in files() {
        let Ok(text) = String::from_utf8(body) else { continue };
        // The namespace names of XML and SVG are never fetched.
        let text = text.replace("http://www.w3.org/2000/svg", "");
        for banned in [
            "http:",
            "https:",
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "localStorage",
            "sessionStorage",
            "document.cookie",
            "style=\"",
            "onclick=\"",
            "console.",
            "pushState",
        ] {
            assert!(!text.contains(banned), "{name} has {banned}");
        }
    }
}

#[test]
fn its_title_and_icon_are_neutral() {
    let all = files();
    let text = |wanted: &str| {
        String::from_utf8(all.iter().find(|(name, _)| name == wanted).unwrap().1.clone()).unwrap()
    };
    let manifest: serde_json::Value = serde_json::from_str(&text("manifest.webmanifest")).unwrap();
    assert_eq!((&manifest["name"], &manifest["short_name"]), (&"Evenkeel".into(), &"Evenkeel".into()));
    assert_eq!(manifest.get("description"), None, "an installer would show it");
    assert!(text("index.html").contains("<title>Evenkeel</title>"));
    assert!(!text("icon.svg").contains("<title"));
    for icon in manifest["icons"].as_array().unwrap() {
        let name = icon["src"].as_str().unwrap().strip_prefix("/app/").unwrap();
        let body = &all.iter().find(|(file, _)| file == name).unwrap().1;
        if let Some((size, _)) = icon["sizes"].as_str().unwrap().split_once('x') {
            // PNG: width and height stand in the IHDR chunk, at bytes 16 and 20.
            let side = |at: usize| u32::from_be_bytes(body[at..at + 4].try_into().unwrap()).to_string();
            assert_eq!((side(16), side(20)), (size.to_owned(), size.to_owned()), "{name}");
        }
    }
}

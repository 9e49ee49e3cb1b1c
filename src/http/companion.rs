//! The companion app at `/app`: serves its files from the binary, under a policy that allows only this origin.

use crate::http::etag::has;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETag, EntityTag};
use actix_web::{HttpRequest, HttpResponse, web};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::LazyLock;

/// Only scripts, styles, images and requests of this origin. Trusted Types keep text from becoming a script; their one
/// policy is for the address of the service worker.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types evenkeel";

const SCRIPT: &str = "text/javascript; charset=utf-8";
const PNG: &str = "image/png";

/// One file below `/app/`.
macro_rules! file {
    ($name:literal, $media:expr) => {
        ($name, $media, include_bytes!(concat!("../../assets/app/", $name)).as_slice())
    };
}

/// Every file: name, media type and content. The page itself is served at `/app`.
const FILES: &[(&str, &str, &[u8])] = &[
    file!("index.html", "text/html; charset=utf-8"),
    file!("app.js", SCRIPT),
    file!("api.js", SCRIPT),
    file!("agreement.js", SCRIPT),
    file!("chart.js", SCRIPT),
    file!("days.js", SCRIPT),
    file!("local_store.js", SCRIPT),
    file!("diff.js", SCRIPT),
    file!("dom.js", SCRIPT),
    file!("enter.js", SCRIPT),
    file!("help.js", SCRIPT),
    file!("needs.js", SCRIPT),
    file!("passkey.js", SCRIPT),
    file!("protocol.js", SCRIPT),
    file!("people.js", SCRIPT),
    file!("plea.js", SCRIPT),
    file!("proof.js", SCRIPT),
    file!("push.js", SCRIPT),
    file!("queue.js", SCRIPT),
    file!("scene.js", SCRIPT),
    file!("settings.js", SCRIPT),
    file!("solo.js", SCRIPT),
    file!("today.js", SCRIPT),
    file!("words.js", SCRIPT),
    file!("sw.js", SCRIPT),
    file!("manifest.webmanifest", "application/manifest+json"),
    file!("icon.svg", "image/svg+xml"),
    file!("icon-192.png", PNG),
    file!("icon-512.png", PNG),
    file!("icon-maskable.png", PNG),
    file!("badge.png", PNG),
];

/// Files of the shell outside `/app/`.
const SHARED_FILES: [(&str, &[u8]); 2] = [
    ("/assets/style.css", include_bytes!("../../assets/style.css")),
    ("/assets/leave.js", include_bytes!("../../assets/leave.js")),
];

/// A hash of all files of the shell: when it changes, every device fetches the shell again.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for body in FILES.iter().map(|(_, _, body)| *body).chain(SHARED_FILES.map(|(_, body)| body)) {
        hash.update(body.len().to_be_bytes());
        hash.update(body);
    }
    hash.finalize().iter().take(8).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
});

/// The service worker with its version and the list of files that it caches.
static WORKER: LazyLock<String> = LazyLock::new(|| {
    let own = FILES.iter().map(|(name, ..)| *name).filter(|name| !matches!(*name, "index.html" | "sw.js"));
    let own = own.map(|name| format!("/app/{name}"));
    let shared = SHARED_FILES.iter().map(|(path, _)| (*path).to_owned());
    let shell: Vec<_> = std::iter::once("/app".to_owned()).chain(own).chain(shared).collect();
    include_str!("../../assets/app/sw.js")
        .replace("{version}", &VERSION)
        .replace("{shell}", &shell.join("\", \""))
});

/// The documents that the app sends: each is a whole literal in one of its scripts, between gql` and `.
pub fn documents() -> impl Iterator<Item = &'static str> {
    let scripts = FILES.iter().filter(|(_, media, _)| *media == SCRIPT);
    let texts = scripts.filter_map(|(.., body)| std::str::from_utf8(body).ok());
    texts
        .flat_map(|text| text.split("gql`").skip(1))
        .filter_map(|rest| rest.split_once('`'))
        .map(|(text, _)| text)
}

/// Serves the page.
pub async fn page(request: HttpRequest) -> HttpResponse {
    serve(&request, "index.html")
}

/// Serves one of the app's files.
pub async fn file(request: HttpRequest, name: web::Path<String>) -> HttpResponse {
    serve(&request, &name)
}

fn serve(request: &HttpRequest, name: &str) -> HttpResponse {
    let Some((_, media, body)) = FILES.iter().find(|(known, ..)| *known == name) else {
        return HttpResponse::NotFound().finish();
    };
    let tag = EntityTag::new_strong(VERSION.clone());
    let known = has(request, &tag);
    let mut answer = HttpResponse::build(if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    answer
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CONTENT_TYPE, *media))
        .insert_header(ETag(tag))
        // Cached, but revalidated each time, so that all files have the same version.
        .insert_header((CACHE_CONTROL, "no-cache"));
    match name {
        _ if known => answer.finish(),
        // Its scope `/app` is above its own path, which needs this header.
        "sw.js" => answer.insert_header(("Service-Worker-Allowed", "/app")).body(WORKER.as_str()),
        _ => answer.body(*body),
    }
}

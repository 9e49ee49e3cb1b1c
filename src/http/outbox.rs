//! The outbox: shows mails written to files in development, with their HTML in a sandboxed frame.

use super::Web;
use super::html;
use super::web::look;
use actix_web::guard::fn_guard;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, Route, web};
use askama::Template;
use mail_parser::{MessageParser, PartType};
use std::path::Path;

/// The policy of a mail's HTML in its frame: no scripts, no forms, and nothing loaded, not even from here.
const PAPER_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'";
/// The policy of the page around that frame.
const READING_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// How many of the latest mails are listed.
const LISTED: usize = 100;

/// The parts of a mail that are shown.
struct Letter {
    file: String,
    subject: String,
    to: String,
    date: String,
    text: String,
    headers: String,
    html: Option<String>,
}

#[derive(Template)]
#[template(path = "outbox.html")]
struct OutboxPage {
    letters: Vec<Letter>,
}

#[derive(Template)]
#[template(path = "outbox_mail.html")]
struct LetterPage {
    letter: Letter,
}

/// Reads one mail; `None` if the name is not a mail's or the file cannot be read or parsed.
fn read(folder: &Path, file: &str) -> Option<Letter> {
    // Only names that the sender makes, so never a path out of the folder.
    let plain = file.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !plain {
        return None;
    }
    let raw = std::fs::read(folder.join(format!("{file}.eml"))).ok()?;
    let message = MessageParser::default().parse(&raw)?;
    let address = |address: Option<&mail_parser::Address<'_>>| {
        let first = address.and_then(|address| address.first());
        first.and_then(|address| address.address()).unwrap_or_default().to_owned()
    };
    let text = message.text_bodies().find_map(|part| match &part.body {
        PartType::Text(text) => Some(text.to_string()),
        _ => None,
    });
    let html = message.html_bodies().find_map(|part| match &part.body {
        PartType::Html(html) => Some(html.to_string()),
        _ => None,
    });
    let whole = String::from_utf8_lossy(&raw);
    let headers = whole.split("\r\n\r\n").next().unwrap_or_default().to_owned();
    Some(Letter {
        file: file.to_owned(),
        subject: message.subject().unwrap_or_default().to_owned(),
        to: address(message.to()),
        date: message.date().map(ToString::to_string).unwrap_or_default(),
        text: text.unwrap_or_default(),
        headers,
        html,
    })
}

/// The latest mails, newest first: a name begins with the time at which its nudge was made.
fn list(folder: &Path) -> Vec<Letter> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut files: Vec<String> =
        names.filter_map(|name| name.strip_suffix(".eml").map(str::to_owned)).collect();
    files.sort_unstable_by(|a, b| b.cmp(a));
    files.iter().filter_map(|file| read(folder, file)).take(LISTED).collect()
}

/// A route for clients on this machine: it shows mails with their links. What a proxy passes on comes from elsewhere.
pub(super) fn here() -> Route {
    look().guard(fn_guard(|guarded| {
        let head = guarded.head();
        let passed_on =
            ["forwarded", "x-forwarded-for"].iter().any(|name| head.headers().contains_key(*name));
        !passed_on && head.peer_addr.is_some_and(|peer| peer.ip().to_canonical().is_loopback())
    }))
}

/// Lists the mails.
pub async fn index(web: web::Data<Web>) -> HttpResponse {
    let Some(folder) = web.outbox.clone() else { return HttpResponse::NotFound().finish() };
    match web::block(move || list(&folder)).await {
        Ok(letters) => html::page(StatusCode::OK, &OutboxPage { letters }),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

async fn find(web: &Web, file: web::Path<String>) -> Option<Letter> {
    let folder = web.outbox.clone()?;
    web::block(move || read(&folder, &file)).await.ok().flatten()
}

/// Shows one mail: its headers, its text, and its HTML in a frame.
pub async fn letter(web: web::Data<Web>, file: web::Path<String>) -> HttpResponse {
    match find(&web, file).await {
        Some(letter) => {
            let mut answer = html::page(StatusCode::OK, &LetterPage { letter });
            let policy = actix_web::http::header::HeaderValue::from_static(READING_POLICY);
            answer.headers_mut().insert(actix_web::http::header::CONTENT_SECURITY_POLICY, policy);
            answer
        }
        None => html::gone(),
    }
}

/// The HTML of one mail, for its frame.
pub async fn paper(web: web::Data<Web>, file: web::Path<String>) -> HttpResponse {
    match find(&web, file).await.and_then(|letter| letter.html) {
        Some(html) => HttpResponse::Ok()
            .insert_header(("Content-Security-Policy", PAPER_POLICY))
            .insert_header(("X-Frame-Options", "SAMEORIGIN"))
            .content_type("text/html; charset=utf-8")
            .body(html),
        None => html::gone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::App;
    use actix_web::test::{TestRequest, call_service, init_service};

    #[actix_web::test]
    async fn the_outbox_is_for_clients_on_this_machine() {
        let outbox = || here().to(|| async { "here" });
        let service = init_service(App::new().route("/dev/outbox", outbox())).await;
        let from = |peer: &str| TestRequest::get().uri("/dev/outbox").peer_addr(peer.parse().unwrap());
        let passed_on = |name| from("127.0.0.1:1").insert_header((name, "127.0.0.1"));
        for (request, status) in [
            (from("127.0.0.1:1"), 200),
            (from("[::1]:1"), 200),
            (from("[::ffff:127.0.0.1]:1"), 200),
            (from("192.0.2.1:1"), 404),
            (from("[2001:db8::1]:1"), 404),
            (passed_on("forwarded"), 404),
            (passed_on("x-forwarded-for"), 404),
            (TestRequest::get().uri("/dev/outbox"), 404),
        ] {
            assert_eq!(call_service(&service, request.to_request()).await.status().as_u16(), status);
        }
    }
}

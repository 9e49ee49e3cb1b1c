//! The few pages that a link in a mail leads to. GET shows, a button POSTs (R30).

use super::{SHARED, Web};
use crate::actions::{Outcome, Refusal, account};
use crate::graphql::errors::log_fault;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// A page with a title, a few sentences, and perhaps one form.
#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    title: &'a str,
    sentences: &'a [String],
    form: Option<Form<'a>>,
}

/// A form that posts to the page's own address.
struct Form<'a> {
    button: &'a str,
    password: bool,
}

fn page(status: StatusCode, title: &str, sentences: &[String], form: Option<Form<'_>>) -> HttpResponse {
    match (Page { title, sentences, form }).render() {
        Ok(html) => HttpResponse::build(status).content_type("text/html; charset=utf-8").body(html),
        Err(error) => {
            let id = log_fault(&error);
            HttpResponse::InternalServerError().body(format!("internal error {id}"))
        }
    }
}

/// The style sheet of all pages.
pub async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(SHARED)
        .content_type("text/css; charset=utf-8")
        .body(include_str!("../../assets/style.css"))
}

/// Where pushes and mails lead as long as the companion app is not there: the person's own app has the rest.
pub async fn open() -> HttpResponse {
    let sentences =
        ["Please open the app on your device. What you were reminded of is waiting there.".to_owned()];
    page(StatusCode::OK, "Evenkeel", &sentences, None)
}

/// Asks for the press of a button: mail scanners open links.
pub async fn verify_form() -> HttpResponse {
    let sentences = [
        "Press the button to confirm that this address is yours and that you signed up yourself.".to_owned(),
        "If it was not you, please close this page: without the button nothing happens.".to_owned(),
    ];
    let form = Form { button: "Confirm", password: false };
    page(StatusCode::OK, "Confirm the address", &sentences, Some(form))
}

/// Confirms the address.
pub async fn verify(web: web::Data<Web>, token: web::Path<String>) -> HttpResponse {
    let outcome = account::confirm_address(&web.house, None, token.into_inner()).await;
    finished(outcome, "The address is confirmed. You can log in now.", "Confirm the address", None)
}

/// Asks for a new password.
pub async fn reset_form() -> HttpResponse {
    let sentences =
        ["Choose a new password of at least 15 characters. A few unrelated words make a good one."
            .to_owned()];
    let form = Form { button: "Set the password", password: true };
    page(StatusCode::OK, "Set a new password", &sentences, Some(form))
}

/// What the form sends.
#[derive(Deserialize)]
pub struct NewPassword {
    password: String,
}

/// Sets the new password.
pub async fn reset(
    web: web::Data<Web>,
    token: web::Path<String>,
    form: web::Form<NewPassword>,
) -> HttpResponse {
    let password = form.into_inner().password.into();
    let outcome = account::reset_password(&web.house, None, token.into_inner(), password).await;
    let form = Form { button: "Set the password", password: true };
    finished(
        outcome,
        "The new password is set. Please log in again on your devices.",
        "Set a new password",
        Some(form),
    )
}

fn finished(outcome: Outcome<()>, done: &str, title: &str, form: Option<Form<'_>>) -> HttpResponse {
    match outcome {
        Ok(()) => page(StatusCode::OK, title, &[done.to_owned()], None),
        Err(Refusal::Problems(problems)) => {
            let sentences: Vec<String> = problems.iter().map(|problem| problem.sentence.clone()).collect();
            // A token that is used up gains nothing from another try.
            let form = form.filter(|_| problems.iter().all(|problem| problem.field != "token"));
            page(StatusCode::UNPROCESSABLE_ENTITY, title, &sentences, form)
        }
        Err(Refusal::Repeated) => {
            page(StatusCode::CONFLICT, title, &["This was done already.".to_owned()], None)
        }
        Err(Refusal::Fault(fault)) => {
            let id = log_fault(&fault);
            let sentence =
                format!("Something went wrong here. If it stays so, tell the operator this number: {id}");
            page(StatusCode::INTERNAL_SERVER_ERROR, title, &[sentence], None)
        }
    }
}

/// GraphiQL runs only what this server serves; its editor writes styles into the page, which is why it is for
/// development.
const EXPLORER_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// GraphiQL, for getting to know the API in development.
pub async fn explorer() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("Content-Security-Policy", EXPLORER_POLICY))
        .content_type("text/html; charset=utf-8")
        .body(include_str!("../../assets/graphiql/index.html"))
}

/// GraphiQL's parts, from the binary: nothing is fetched from elsewhere.
pub async fn explorer_file(file: web::Path<String>) -> HttpResponse {
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    let (media, body): (&str, &'static [u8]) = match file.as_str() {
        "react.js" => (SCRIPT, include_bytes!("../../assets/graphiql/react.js")),
        "react-dom.js" => (SCRIPT, include_bytes!("../../assets/graphiql/react-dom.js")),
        "graphiql.js" => (SCRIPT, include_bytes!("../../assets/graphiql/graphiql.js")),
        "start.js" => (SCRIPT, include_bytes!("../../assets/graphiql/start.js")),
        "graphiql.css" => ("text/css; charset=utf-8", include_bytes!("../../assets/graphiql/graphiql.css")),
        _ => return HttpResponse::NotFound().finish(),
    };
    HttpResponse::Ok().insert_header(SHARED).insert_header((CONTENT_TYPE, media)).body(body)
}

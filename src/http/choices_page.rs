//! The pages behind the links at a mail's foot: one-click unsubscribe (RFC 8058) and preferences. GET shows, buttons
//! POST (R30).

use super::Web;
use super::answer_page::Choice;
use super::client::visitor;
use super::html::{self, Fields, Form, Slip};
use super::problem::{self, Kind, Wants};
use super::rest::{self, Done, Problems, Sent};
use crate::actions::check_ins::page::{self, Choices, PauseChoice};
use crate::actions::{ActionResult, Refusal};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use jiff::SignedDuration;

const STOP_TITLE: &str = "No more reminders by e-mail";
const TITLE: &str = "Your reminders";

#[derive(Template)]
#[template(path = "choices.html")]
struct ChoicesPage {
    problems: Vec<Slip>,
    groups: [Group; 3],
}

struct Group {
    name: &'static str,
    words: &'static str,
    choices: Vec<Choice>,
}

const LEAVE: Choice = Choice { value: "", words: "Leave it as it is", chosen: true };

fn choice(value: &'static str, words: &'static str) -> Choice {
    Choice { value, words, chosen: false }
}

/// Shows the button that stops mails.
pub async fn stop_form(web: web::Data<Web>, token: web::Path<String>) -> HttpResponse {
    match page::can_choose(&web.context, token.into_inner()).await {
        Ok(true) => {
            let sentences = [
                "Press the button, and no more reminders come by e-mail.".to_owned(),
                "What you ask for yourself, such as a new password, still comes.".to_owned(),
            ];
            let form = Form { button: "No more e-mails", password: None, one_click: true };
            html::form(STOP_TITLE, &sentences, form)
        }
        Ok(false) => html::gone(),
        Err(fault) => html::fault(STOP_TITLE, &fault),
    }
}

/// Stops mails.
///
/// A mail program may press the button for its owner, without having seen the page: whatever the body's
/// form, it asks for nothing else (RFC 8058, 3.1 and 3.2).
#[utoipa::path(
    post, path = "/unsubscribe/{token}", tag = "choices", operation_id = "stopMails",
    params(("token" = String, Path, description = "The token at the foot of a mail.")),
    request_body(content((String = "application/x-www-form-urlencoded"), (String = "multipart/form-data")),
        description = "`List-Unsubscribe=One-Click` (RFC 8058), or anything else, or nothing."),
    responses(
        (status = 200, description = "No more mails.", content((Done = "application/json"), (String = "text/html"))),
        Problems
    )
)]
pub async fn stop(request: HttpRequest, web: web::Data<Web>, token: web::Path<String>) -> HttpResponse {
    let choices = Choices { mail: Some(false), ..Choices::default() };
    let outcome = page::choose(&web.context, &visitor(&request, &web), token.into_inner(), choices).await;
    chosen(Wants::of(&request), outcome, STOP_TITLE, "Done. No more reminders come by e-mail.")
}

/// Shows the options without the current choices, which stay private.
pub async fn show(web: web::Data<Web>, token: web::Path<String>) -> HttpResponse {
    match page::can_choose(&web.context, token.into_inner()).await {
        Ok(true) => form(),
        Ok(false) => html::gone(),
        Err(fault) => html::fault(TITLE, &fault),
    }
}

fn form() -> HttpResponse {
    let way = |name, words, yes, no| Group {
        name,
        words,
        choices: vec![LEAVE, choice("yes", yes), choice("no", no)],
    };
    let pause = vec![
        LEAVE,
        choice("day", "Nothing for a day"),
        choice("week", "Nothing for a week"),
        choice("on", "Nothing until I say otherwise"),
        choice("off", "No pause"),
    ];
    let groups = [
        way("mail", "By e-mail", "Send e-mails", "No e-mails"),
        way("push", "On my devices", "Show notifications", "No notifications"),
        Group { name: "pause", words: "A pause", choices: pause },
    ];
    html::page(StatusCode::OK, &ChoicesPage { problems: Vec::new(), groups })
}

/// Changes what may come.
#[utoipa::path(
    post, path = "/preferences/{token}", tag = "choices", operation_id = "setPreferences",
    params(("token" = String, Path, description = "The token at the foot of a mail.")),
    request_body(content((rest::Wishes = "application/json"))),
    responses(
        (status = 200, description = "It was done.", content((Done = "application/json"), (String = "text/html"))),
        Problems
    )
)]
pub async fn choose(
    request: HttpRequest,
    web: web::Data<Web>,
    token: web::Path<String>,
    body: rest::Body,
) -> HttpResponse {
    let (wants, choices) = match rest::sent::<rest::Wishes>(&request, &body) {
        Some((wants, Sent::Json(wishes))) => (wants, wishes.into()),
        Some((wants, Sent::Form(written))) => (wants, written_choices(&written)),
        None => return rest::malformed(),
    };
    let outcome = page::choose(&web.context, &visitor(&request, &web), token.into_inner(), choices).await;
    chosen(wants, outcome, TITLE, "Done. It is as you chose.")
}

/// The choices of a form.
fn written_choices(written: &Fields) -> Choices {
    let yes_or_no = |name| match written.get(name) {
        Some("yes") => Some(true),
        Some("no") => Some(false),
        Some(_) | None => None,
    };
    let days = |days: i64| Some(PauseChoice::For(SignedDuration::from_hours(days * 24)));
    let pause = match written.get("pause") {
        Some("day") => days(1),
        Some("week") => days(7),
        Some("on") => Some(PauseChoice::FurtherNotice),
        Some("off") => Some(PauseChoice::End),
        Some(_) | None => None,
    };
    Choices { mail: yes_or_no("mail"), push: yes_or_no("push"), pause }
}

fn chosen(wants: Wants, outcome: ActionResult<bool>, title: &str, done: &str) -> HttpResponse {
    match outcome {
        Ok(false) if wants == Wants::Json => problem::plain(Kind::Gone),
        outcome if wants == Wants::Json => rest::finished(outcome.map(|_| rest::DONE)),
        Ok(true) => {
            let sentence = "You can change it at any time, in your app or by the link in a later e-mail.";
            html::note(StatusCode::OK, title, &[done.to_owned(), sentence.to_owned()])
        }
        Ok(false) => html::gone(),
        Err(Refusal::Problems(problems)) => {
            let sentences: Vec<String> = problems.into_iter().map(|problem| problem.sentence).collect();
            html::note(StatusCode::UNPROCESSABLE_ENTITY, title, &sentences)
        }
        Err(Refusal::Repeated) => html::note(StatusCode::OK, title, &[done.to_owned()]),
        Err(Refusal::Fault(fault)) => html::fault(title, &fault),
    }
}

//! What every page is made of: its frame, a form with one button, a note, and what a form sends.

use crate::actions::Fault;
use crate::graphql::errors::log_fault;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

/// A page with a title, a few sentences, and perhaps one form.
#[derive(Template)]
#[template(path = "page.html")]
pub(super) struct Page<'a> {
    title: &'a str,
    problems: &'a [Slip],
    sentences: &'a [String],
    form: Option<Form<'a>>,
    /// Whether it links to the companion app.
    onward: bool,
}

/// A form that posts to the page's own URL.
pub(super) struct Form<'a> {
    /// The button's text.
    pub(super) button: &'a str,
    /// The password that it asks for, if any.
    pub(super) password: Option<PasswordField>,
    /// Whether it sends the same field as a mail program's one-click unsubscribe (RFC 8058, 3.1).
    pub(super) one_click: bool,
}

/// The password of a form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PasswordField {
    /// One that the person chooses now.
    New,
    /// The one that the account has.
    Current,
}

/// A problem with a link to its field.
pub(super) struct Slip {
    /// The id of the field.
    pub(super) anchor: &'static str,
    /// What to correct.
    pub(super) sentence: String,
}

/// The fields of a form (`application/x-www-form-urlencoded`).
#[derive(Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads a body.
    pub(super) fn of(body: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(body).into_owned().collect())
    }

    /// The first value of a field.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// Every field in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Renders a page from its template.
pub(super) fn page(status: StatusCode, template: &impl Template) -> HttpResponse {
    match template.render() {
        Ok(html) => HttpResponse::build(status).content_type("text/html; charset=utf-8").body(html),
        Err(error) => {
            let id = log_fault(&error);
            HttpResponse::InternalServerError().body(format!("internal error {id}"))
        }
    }
}

/// A page without a form.
pub(super) fn note(status: StatusCode, title: &str, sentences: &[String]) -> HttpResponse {
    page(status, &Page { title, problems: &[], sentences, form: None, onward: false })
}

/// A page without a form that links to the companion app.
pub(super) fn onward(title: &str, sentences: &[String]) -> HttpResponse {
    page(StatusCode::OK, &Page { title, problems: &[], sentences, form: None, onward: true })
}

/// A page with a form.
pub(super) fn form(title: &str, sentences: &[String], form: Form<'_>) -> HttpResponse {
    page(StatusCode::OK, &Page { title, problems: &[], sentences, form: Some(form), onward: false })
}

/// A form with the problems of what was sent, each beside its field.
pub(super) fn form_again(status: StatusCode, title: &str, problems: &[Slip], form: Form<'_>) -> HttpResponse {
    page(status, &Page { title, problems, sentences: &[], form: Some(form), onward: false })
}

/// A page with a form that links to the companion app.
pub(super) fn form_onward(title: &str, sentences: &[String], form: Form<'_>) -> HttpResponse {
    page(StatusCode::OK, &Page { title, problems: &[], sentences, form: Some(form), onward: true })
}

/// The page for used, expired and unknown links, which all look alike (R29).
pub(super) fn gone() -> HttpResponse {
    let sentences = [
        "It was used already, or is too old, or was not copied whole.".to_owned(),
        "Nothing was changed. Everything can be done in your app, too.".to_owned(),
    ];
    note(StatusCode::NOT_FOUND, "This link does not work", &sentences)
}

/// The page for an internal fault: it shows only the log's id (R36).
pub(super) fn fault(title: &str, fault: &Fault) -> HttpResponse {
    let id = log_fault(fault);
    let sentence = format!("Something went wrong here. If it stays so, tell the operator this number: {id}");
    note(StatusCode::INTERNAL_SERVER_ERROR, title, &[sentence])
}

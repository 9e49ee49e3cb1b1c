//! The pages behind links in mails and pushes, and their shared parts. GET only shows, a button POSTs (R30).

use super::client::visitor;
use super::html::{self, Form, PasswordField, Slip};
use super::problem::Wants;
use super::rest::{self, Done, Problems};
use super::web::{SHARED, Web};
use crate::actions::accounts::password::{self, Remaining};
use crate::actions::accounts::{address_change, sign_up};
use crate::actions::{ActionResult, Refusal};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

/// The style sheet of all pages.
pub async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(SHARED)
        .content_type("text/css; charset=utf-8")
        .body(include_str!("../../assets/style.css"))
}

/// The one script of the pages: "leave quickly" by keyboard, and without a way back by "back".
pub async fn leave_script() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(SHARED)
        .content_type("text/javascript; charset=utf-8")
        .body(include_str!("../../assets/leave.js"))
}

#[derive(Template)]
#[template(path = "leave.html")]
struct Blank;

/// Serves "leave quickly": redirects to the operator's URL for it, or shows a blank page.
pub async fn leave(web: web::Data<Web>) -> HttpResponse {
    match &web.leave_url {
        Some(url) => HttpResponse::SeeOther().insert_header((LOCATION, url.as_str())).finish(),
        None => html::page(StatusCode::OK, &Blank),
    }
}

/// The target of pushes and mails whose content is only in the person's app.
pub async fn open() -> HttpResponse {
    let sentences =
        ["Please open the app on your device. What you were reminded of is waiting there.".to_owned()];
    html::onward("Evenkeel", &sentences)
}

const VERIFY_TITLE: &str = "Confirm the address";
const RESET_TITLE: &str = "Set a new password";
const RESET_FORM: Form<'_> = password_form("Set the password", PasswordField::New);
const VERIFY_FORM: Form<'_> = password_form("Confirm", PasswordField::New);
const NEW_ADDRESS_FORM: Form<'_> = password_form("Confirm", PasswordField::Current);

const OLD_ADDRESS_TITLE: &str = "Take it back";
const OLD_ADDRESS_FORM: Form<'_> = Form { button: "Take it back", password: None, one_click: false };

const fn password_form(button: &str, password: PasswordField) -> Form<'_> {
    Form { button, password: Some(password), one_click: false }
}

/// Asks for a password and shows a confirm button, since mail scanners open links.
pub async fn verify_form() -> HttpResponse {
    let sentences = [
        "Choose a password to confirm that this address is yours and that you signed up yourself.".to_owned(),
        "If it was not you, please close this page: without the button nothing happens.".to_owned(),
    ];
    html::form(VERIFY_TITLE, &sentences, VERIFY_FORM)
}

/// Confirms an address with which somebody signed up, and sets the account's password.
#[utoipa::path(
    post, path = "/verify/{token}", tag = "account", operation_id = "confirmEmail",
    params(("token" = String, Path, description = "A mail's token.")),
    request_body(content((rest::NewPassword = "application/json"))),
    responses(
        (status = 200, description = "It was done.", content((Done = "application/json"), (String = "text/html"))),
        Problems
    )
)]
pub async fn verify(
    request: HttpRequest,
    web: web::Data<Web>,
    token: web::Path<String>,
    body: rest::Body,
) -> HttpResponse {
    let Some((wants, password)) = rest::password::<rest::NewPassword>(&request, &body) else {
        return rest::malformed();
    };
    let by = visitor(&request, &web);
    let outcome = sign_up::confirm_email(&web.context, &by, token.into_inner(), password).await;
    let done = ["The address is confirmed. You can log in now.".to_owned()];
    finished(wants, outcome.map(|()| rest::DONE), &done, VERIFY_TITLE, VERIFY_FORM)
}

/// Shows a confirm button, as [`verify_form`] does.
pub async fn new_address_form() -> HttpResponse {
    let sentences = [
        "Type the password of your account to confirm that this address is yours, and to have your mails sent here."
            .to_owned(),
        "If it was not you, please close this page: without the button nothing happens.".to_owned(),
    ];
    html::form(VERIFY_TITLE, &sentences, NEW_ADDRESS_FORM)
}

/// Confirms another address of an account.
#[utoipa::path(
    post, path = "/new-address/{token}", tag = "account", operation_id = "confirmNewAddress",
    params(("token" = String, Path, description = "A mail's token.")),
    request_body(content((rest::CurrentPassword = "application/json"))),
    responses(
        (status = 200, description = "It was done.", content((Done = "application/json"), (String = "text/html"))),
        Problems
    )
)]
pub async fn new_address(
    request: HttpRequest,
    web: web::Data<Web>,
    token: web::Path<String>,
    body: rest::Body,
) -> HttpResponse {
    let Some((wants, password)) = rest::password::<rest::CurrentPassword>(&request, &body) else {
        return rest::malformed();
    };
    let by = visitor(&request, &web);
    let outcome = address_change::confirm(&web.context, &by, token.into_inner(), password).await;
    let done = ["The address is confirmed. Your mails come here from now on.".to_owned()];
    finished(wants, outcome.map(|()| rest::DONE), &done, VERIFY_TITLE, NEW_ADDRESS_FORM)
}

/// Shows a button that takes a change of address back.
pub async fn old_address_form() -> HttpResponse {
    let sentences = [
        "Press the button if you did not ask to have your mails sent to another address.".to_owned(),
        "They come here again, all your devices are signed out, and what was added lately to sign in with is removed. If \
         your account was to be erased since, it is kept. A mail then lets you set a new password."
            .to_owned(),
    ];
    html::form(OLD_ADDRESS_TITLE, &sentences, OLD_ADDRESS_FORM)
}

/// Takes a change of address back, for seven days.
#[utoipa::path(
    post, path = "/old-address/{token}", tag = "account", operation_id = "takeAddressBack",
    params(("token" = String, Path, description = "A mail's token.")),
    responses(
        (status = 200, description = "It was done.", content((Done = "application/json"), (String = "text/html"))),
        Problems
    )
)]
pub async fn old_address(
    request: HttpRequest,
    web: web::Data<Web>,
    token: web::Path<String>,
) -> HttpResponse {
    let by = visitor(&request, &web);
    let outcome = address_change::take_back(&web.context, &by, token.into_inner()).await;
    let done =
        ["It is taken back. A mail is on its way to you, with a link to set a new password.".to_owned()];
    finished(Wants::of(&request), outcome.map(|()| rest::DONE), &done, OLD_ADDRESS_TITLE, OLD_ADDRESS_FORM)
}

/// Asks for a new password.
pub async fn reset_form() -> HttpResponse {
    let sentences = [
        "All your devices will be signed out.".to_owned(),
        "Invitations that nobody has accepted yet end.".to_owned(),
        "An authenticator app that you set up in the last week is removed.".to_owned(),
        "Passkeys are removed, too. If you have used an app for longer, only those of the last week are."
            .to_owned(),
    ];
    html::form(RESET_TITLE, &sentences, RESET_FORM)
}

/// Sets a new password; every device is signed out.
#[utoipa::path(
    post, path = "/reset/{token}", tag = "account", operation_id = "resetPassword",
    params(("token" = String, Path, description = "A mail's token.")),
    request_body(content((rest::NewPassword = "application/json"))),
    responses(
        (status = 200, description = "It was done.", content((rest::ResetDone = "application/json"), (String = "text/html"))),
        Problems
    )
)]
pub async fn reset(
    request: HttpRequest,
    web: web::Data<Web>,
    token: web::Path<String>,
    body: rest::Body,
) -> HttpResponse {
    let Some((wants, new)) = rest::password::<rest::NewPassword>(&request, &body) else {
        return rest::malformed();
    };
    let by = visitor(&request, &web);
    let outcome = password::reset_password(&web.context, &by, token.into_inner(), new).await;
    let mut done =
        vec!["The new password is set, and all your devices are signed out. Please log in again.".to_owned()];
    if let Ok(remaining) = &outcome {
        done.extend(what_remains(remaining));
    }
    finished(wants, outcome.map(rest::ResetDone::from), &done, RESET_TITLE, RESET_FORM)
}

/// What the person should look at after a reset: whoever was in the account may have left something there.
fn what_remains(remaining: &Remaining) -> Vec<String> {
    let Remaining { passkeys, authenticator } = *remaining;
    let mut sentences = Vec::new();
    if authenticator {
        sentences.push("Your authenticator app is still asked for when you log in.".to_owned());
    }
    if passkeys > 0 {
        let sentence = "Passkeys can still sign in. Their number is";
        let advice = "please look in the settings whether all are yours, and remove what is not.";
        sentences.push(format!("{sentence} {passkeys}: {advice}"));
    }
    if !authenticator && passkeys == 0 {
        sentences.push(
            "Nothing else can sign in now; passkeys, or a new authenticator app, are removed.".to_owned(),
        );
    }
    sentences
}

/// A form that did its work says so in `done`; one that did not is shown again with the problems, unless its link is
/// what does not work.
fn finished(
    wants: Wants,
    outcome: ActionResult<impl serde::Serialize>,
    done: &[String],
    title: &str,
    form: Form<'_>,
) -> HttpResponse {
    match outcome {
        outcome if wants == Wants::Json => rest::finished(outcome),
        Ok(_) => html::onward(title, done),
        Err(Refusal::Problems(problems)) => {
            let sentences = problems.iter().map(|problem| problem.sentence.clone());
            let wait = problems.iter().find_map(|problem| problem.retry_after);
            let status = match wait {
                Some(_) => StatusCode::TOO_MANY_REQUESTS,
                None => StatusCode::UNPROCESSABLE_ENTITY,
            };
            let mut answer = if problems.iter().all(|problem| problem.field != "token") {
                let slip = |sentence| Slip { anchor: "password", sentence };
                let problems: Vec<_> = sentences.map(slip).collect();
                html::form_again(status, title, &problems, form)
            } else {
                html::note(status, title, &sentences.collect::<Vec<_>>())
            };
            if let Some(seconds) = wait {
                answer.headers_mut().insert(RETRY_AFTER, seconds.into());
            }
            answer
        }
        Err(Refusal::Repeated) => {
            html::note(StatusCode::CONFLICT, title, &["This was done already.".to_owned()])
        }
        Err(Refusal::Fault(cause)) => html::fault(title, &cause),
    }
}

/// GraphiQL runs only scripts of this server, but its editor needs inline styles, so it is only for development.
const EXPLORER_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Serves GraphiQL, to explore the API in development.
pub async fn explorer() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("Content-Security-Policy", EXPLORER_POLICY))
        .content_type("text/html; charset=utf-8")
        .body(include_str!("../../assets/graphiql/index.html"))
}

/// Serves GraphiQL's files from the binary; nothing is fetched from elsewhere.
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

//! JSON requests and responses at the pages' URLs, so that a tap on a notification's action is enough without signing
//! in.

use super::html::{self, Fields};
use super::problem::{self, Kind, ProblemDetails, Wants, media_of};
use crate::actions::accounts::password::Remaining;
use crate::actions::check_ins::page::{self, AnswerContent, NoticedSign, PauseChoice, Replied};
use crate::actions::{ActionResult, Refusal};
use crate::http::wire_enums::{DegreeWord, SharingWord, SignWord};
use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use futures::future::LocalBoxFuture;
use jiff::SignedDuration;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::{Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

/// A sign and how much of it there is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Noticed {
    sign: SignWord,
    degree: DegreeWord,
}

/// What is done with a check-in: it has exactly one of `mood`, `skip` and `minutes`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    /// How one is, from 1 (very low) to 5 (very well): answers it.
    #[schema(minimum = 1, maximum = 5, example = 4)]
    mood: Option<i32>,
    /// True: lets it pass.
    skip: Option<bool>,
    /// Puts it off by so many minutes.
    #[schema(minimum = 10, maximum = 720)]
    minutes: Option<i32>,
    /// With `mood`: each sign at most once.
    #[serde(default)]
    signs: Vec<Noticed>,
    /// With `mood`: what would help now.
    need: Option<String>,
    /// With `mood`: a note, private unless all is shared.
    note: Option<String>,
    /// With `mood`: what the partner sees; left out: as one usually chooses.
    sharing: Option<SharingWord>,
    /// With `mood`: also lets the partner know that one would like to hear from them. They get one reminder, in the agreed
    /// words, two minutes later, and nothing of the answer.
    plea: Option<bool>,
    /// Which of the link's questions is replied to, from 0; left out: the first. A link has several if several check-ins came
    /// as one reminder.
    #[schema(minimum = 0)]
    pub(super) question: Option<i32>,
    /// A secret that the client makes for this reply, 16 to 64 visible ASCII characters: who lost the response sends the
    /// reply again with it, and hears that it was done.
    pub(super) attempt: Option<String>,
}

impl From<Reply> for Option<page::Reply> {
    fn from(said: Reply) -> Self {
        match (said.mood, said.skip, said.minutes) {
            (Some(mood), None | Some(false), None) => {
                let signs = said.signs.iter().map(|n| NoticedSign { sign: n.sign.0, degree: n.degree.0 });
                let (need, note) = (said.need.unwrap_or_default(), said.note.unwrap_or_default());
                let content = AnswerContent { mood, signs: signs.collect(), need, note };
                let share = said.sharing.map(|share| share.0);
                Some(page::Reply::Answer(content, share, said.plea.unwrap_or(false)))
            }
            (None, Some(true), None) => Some(page::Reply::Skip),
            (None, None | Some(false), Some(minutes)) => Some(page::Reply::Later(minutes)),
            _ => None,
        }
    }
}

/// Where a check-in stands after a reply.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Standing {
    /// The reply put it off.
    Open,
    /// The reply answered or skipped it. To change that needs signing in.
    Settled,
}

/// What a program is told of its reply.
#[derive(Serialize, ToSchema)]
pub(super) struct Asked {
    /// Where the check-in stands now.
    state: Standing,
    /// Whether the partner was asked to get in touch; left out if that was not wished for.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<bool>,
}

/// The result of a reply in JSON.
pub(super) fn replied(outcome: ActionResult<Replied>) -> HttpResponse {
    let stands = |state| HttpResponse::Ok().json(Asked { state, asked: None });
    let asked = |asked| HttpResponse::Ok().json(Asked { state: Standing::Settled, asked: Some(asked) });
    match outcome {
        Ok(Replied::PutOff) => stands(Standing::Open),
        Ok(Replied::Settled) | Err(Refusal::Repeated) => stands(Standing::Settled),
        Ok(Replied::Asked) => asked(true),
        Ok(Replied::NotAsked) => asked(false),
        Ok(Replied::Nothing) => problem::plain(Kind::Gone),
        Err(refusal) => problem::refusal(refusal),
    }
}

/// How long nothing is to come.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum PauseWish {
    /// For a day.
    Day,
    /// For a week.
    Week,
    /// Until one says otherwise.
    FurtherNotice,
    /// Not, or no longer.
    End,
}

/// What may come; what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wishes {
    /// Whether mails about check-ins are wanted.
    mail: Option<bool>,
    /// Whether pushes are wanted.
    push: Option<bool>,
    /// Whether, and for how long, nothing is wanted at all.
    pause: Option<PauseWish>,
}

impl From<Wishes> for page::Choices {
    fn from(wishes: Wishes) -> Self {
        let days = |days: i64| PauseChoice::For(SignedDuration::from_hours(days * 24));
        let pause = wishes.pause.map(|wish| match wish {
            PauseWish::Day => days(1),
            PauseWish::Week => days(7),
            PauseWish::FurtherNotice => PauseChoice::FurtherNotice,
            PauseWish::End => PauseChoice::End,
        });
        Self { mail: wishes.mail, push: wishes.push, pause }
    }
}

/// The new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    /// From 15 characters to 128 bytes of any kind.
    password: String,
}

/// The password of the account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CurrentPassword {
    /// The one that it has.
    password: String,
}

impl From<NewPassword> for String {
    fn from(said: NewPassword) -> Self {
        said.password
    }
}

impl From<CurrentPassword> for String {
    fn from(said: CurrentPassword) -> Self {
        said.password
    }
}

/// The password in a body: of JSON as `T`, or of a form. `None`: it is JSON, but no `T`.
pub(super) fn password<T: DeserializeOwned + Into<String>>(
    request: &HttpRequest,
    body: &Body,
) -> Option<(Wants, SecretString)> {
    let (wants, sent) = sent::<T>(request, body)?;
    let password = match sent {
        Sent::Json(said) => said.into(),
        Sent::Form(written) => written.get("password").unwrap_or_default().to_owned(),
    };
    Some((wants, password.into()))
}

/// It was done, now or before.
#[derive(Serialize, ToSchema)]
pub(super) struct Done {
    /// Always `DONE`.
    #[schema(example = "DONE")]
    status: &'static str,
}

/// The result of an action without output.
pub(super) const DONE: Done = Done { status: "DONE" };

/// A password was set by mail.
#[derive(Serialize, ToSchema)]
pub(super) struct ResetDone {
    /// Always `DONE`.
    #[schema(example = "DONE")]
    status: &'static str,
    /// How many passkeys can still sign in.
    passkeys: usize,
    /// Whether a code of an authenticator app is asked for after the password.
    authenticator: bool,
}

impl From<Remaining> for ResetDone {
    fn from(Remaining { passkeys, authenticator }: Remaining) -> Self {
        Self { status: DONE.status, passkeys, authenticator }
    }
}

/// The result of an action in JSON.
pub(super) fn finished(outcome: ActionResult<impl Serialize>) -> HttpResponse {
    match outcome {
        Ok(done) => HttpResponse::Ok().json(done),
        Err(refusal) => problem::refusal(refusal),
    }
}

/// A body of up to [`limits::FORM`](crate::graphql::limits::FORM) bytes. For a longer one the client gets an error as a
/// page or in JSON, as it accepts.
pub(super) struct Body(web::Bytes);

impl FromRequest for Body {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (read, request) = (web::Bytes::from_request(request, payload), request.clone());
        Box::pin(async move {
            read.await.map(Self).map_err(|error| match error.as_response_error().status_code() {
                StatusCode::PAYLOAD_TOO_LARGE => {
                    InternalError::from_response(error, too_long(&request)).into()
                }
                _ => error,
            })
        })
    }
}

fn too_long(request: &HttpRequest) -> HttpResponse {
    match Wants::of(request) {
        Wants::Json => problem::plain(Kind::TooLong),
        Wants::Page => {
            let sentence =
                "That is longer than can be taken. Please go back and shorten it; nothing was changed.";
            html::note(StatusCode::PAYLOAD_TOO_LARGE, "This is too long", &[sentence.to_owned()])
        }
    }
}

/// A request's body: JSON as `T`, or the fields of a form.
pub(super) enum Sent<T> {
    /// JSON.
    Json(T),
    /// A form, or any other body, which has no fields.
    Form(Fields),
}

/// Reads a body; `None`: its media type is JSON, but it is not a `T`.
pub(super) fn sent<T: DeserializeOwned>(
    request: &HttpRequest,
    Body(body): &Body,
) -> Option<(Wants, Sent<T>)> {
    let wants = Wants::of(request);
    if media_of(request) != "application/json" {
        return Some((wants, Sent::Form(Fields::of(body))));
    }
    // Serde would take a list for a struct too.
    let is_object = body.trim_ascii_start().starts_with(b"{");
    let said = is_object.then(|| serde_json::from_slice(body).ok()).flatten()?;
    Some((wants, Sent::Json(said)))
}

/// The response to such a body. It does not say why, which might quote the body.
pub(super) fn malformed() -> HttpResponse {
    problem::plain(Kind::Malformed)
}

/// The problems that each of these routes may respond with, for the OpenAPI document.
pub(super) struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let schema = || Ref::from_schema_name(ProblemDetails::name());
        let content = || ContentBuilder::new().schema(Some(schema())).build();
        let described = |sentence: &str| {
            ResponseBuilder::new().description(sentence).content("application/problem+json", content())
        };
        let all = [
            ("400", "`malformed`: the body is not of this form."),
            ("404", "`gone`: the link works no longer, or never did; these look alike."),
            ("413", "`too-long`: the body is too long."),
            ("409", "`repeated`: this was done already."),
            ("422", "`refused`: `problems` says which field, and why."),
            ("429", "`too-many`: `Retry-After` says when to try again."),
            ("500", "`internal`: `id` is what to tell the operator."),
        ];
        all.into_iter().map(|(status, said)| (status.to_owned(), described(said).build().into())).collect()
    }
}

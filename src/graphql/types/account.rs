//! The signed-in person: profile, statements, sessions and devices.

use super::{Date, DateTime, LocalTime, TimeZone};
use crate::actions::accounts::account::ConsentRow;
use crate::actions::accounts::people::Person;
use crate::actions::auth::session::SessionView;
use crate::actions::auth::session_tokens::Tokens;
use crate::actions::nudges::device::DeviceView;
use crate::auth::Requester;
use crate::domain::account::{AnswerSharing, ConsentKind, FURTHER_NOTICE};
use crate::domain::consent::Statement;
use crate::domain::quiet_hours::{QuietHours as Quiet, spelled_minute};
use crate::domain::reachability::Ways;
use crate::graphql::errors::Failure;
use crate::graphql::readable::Readable;
use async_graphql::{Enum, ID, InputObject, Object, SimpleObject};

/// The account of the signed-in person; nobody else sees it.
pub struct Account(pub Person);

impl From<Person> for Account {
    fn from(person: Person) -> Self {
        Self(person)
    }
}

/// The account of the signed-in person; nobody else sees it.
#[Object]
impl Account {
    /// The opaque id.
    pub async fn id(&self) -> ID {
        self.0.row.id.to_string().into()
    }

    /// The confirmed e-mail address. Null: it cannot be read now.
    async fn email(&self) -> Readable<String> {
        self.0.email().into()
    }

    /// The name that partners see, at most 60 characters. Null: it cannot be read now.
    async fn display_name(&self) -> Readable<String> {
        self.0.display_name().into()
    }

    /// The time zone of the person; quiet hours and local times are in it.
    async fn zone(&self) -> TimeZone {
        self.0.row.zone.clone().into()
    }

    /// The hours of the day in which no reminder is sent; null: reminders may come at any hour.
    async fn quiet_hours(&self) -> Option<QuietHours> {
        self.0.row.reach().rhythm.quiet.map(Into::into)
    }

    /// What the partner sees of an answer that does not say so itself.
    async fn default_sharing(&self) -> AnswerSharing {
        self.0.row.default_share
    }

    /// Whether reminders may come as Web Push.
    async fn push_wanted(&self) -> bool {
        self.0.row.push
    }

    /// Whether reminders about check-ins may come by e-mail.
    async fn mail_wanted(&self) -> bool {
        self.0.row.mail
    }

    /// Whether reminders are paused now.
    async fn paused(&self, ctx: &async_graphql::Context<'_>) -> bool {
        self.0.row.reach().is_paused(crate::graphql::context(ctx).clock.now())
    }

    /// When the pause ends; null: reminders are not paused, or until `resumeNudges`.
    async fn paused_until(&self, ctx: &async_graphql::Context<'_>) -> Option<DateTime> {
        let until = self.0.row.reach().paused_until?;
        let over = until <= crate::graphql::context(ctx).clock.now();
        (!over && until < FURTHER_NOTICE).then_some(DateTime(until))
    }

    /// Since when the account is on hold: no reminders, and most mutations answer `ON_HOLD`, because the health-data
    /// consent was withdrawn or the account is about to be erased. Null: it is not.
    async fn on_hold_since(&self) -> Option<DateTime> {
        self.0.row.held_at.map(|at| at.get().into())
    }

    /// Whether the mail server said that the address does not exist: no mail is sent to it until `retryEmail`.
    async fn email_fails(&self) -> bool {
        self.0.row.address_failed_at.is_some()
    }

    /// Whether reminders can reach the person, and what to do if not. Look at it when the app is opened.
    async fn reachability(&self, ctx: &async_graphql::Context<'_>) -> Result<Reachability, Failure> {
        let context = crate::graphql::context(ctx);
        Ok(crate::actions::accounts::account::ways(context, self.0.row.id).await?.into())
    }

    /// When the account was created.
    async fn created_at(&self) -> DateTime {
        self.0.row.created_at.get().into()
    }
}

/// By which ways reminders can reach the viewer. A pause has no part in it.
#[derive(SimpleObject)]
pub struct Reachability {
    /// Whether a push can reach them: pushes are wanted, and a device is registered.
    by_push: bool,
    /// Whether an e-mail about a check-in can: such mails are wanted, and the address is not known to fail.
    by_mail: bool,
    /// Whether either of them can.
    reachable: bool,
    /// A sentence to show: how things stand, and what to do if reminders cannot arrive.
    sentence: &'static str,
}

impl From<Ways> for Reachability {
    fn from(ways: Ways) -> Self {
        let (by_push, by_mail) = (ways.by_push(), ways.by_mail());
        Self { by_push, by_mail, reachable: by_push || by_mail, sentence: ways.sentence() }
    }
}

/// The hours of the local day in which no reminder is sent; they may include midnight.
#[derive(Clone, Debug, SimpleObject, InputObject)]
#[graphql(input_name = "QuietHoursInput")]
pub struct QuietHours {
    /// When they begin.
    pub from: LocalTime,
    /// When they end. At least four hours of the day must stay free.
    pub until: LocalTime,
}

impl From<Quiet> for QuietHours {
    fn from(quiet: Quiet) -> Self {
        Self { from: spelled_minute(quiet.from()).into(), until: spelled_minute(quiet.until()).into() }
    }
}

impl From<QuietHours> for crate::actions::accounts::account::TypedQuietHours {
    fn from(quiet: QuietHours) -> Self {
        Self { from: quiet.from.into(), until: quiet.until.into() }
    }
}

/// The current text of a consent that is asked for at sign-up.
#[derive(SimpleObject)]
pub struct ConsentText {
    /// What it asks consent to.
    kind: ConsentKind,
    /// The version of the text: pass it when the person agrees.
    version: &'static str,
    /// The text to show, in English.
    text: &'static str,
}

impl From<ConsentKind> for ConsentText {
    fn from(kind: ConsentKind) -> Self {
        Self { kind, version: kind.version(), text: kind.text() }
    }
}

/// A consent that the person gives.
#[derive(InputObject)]
pub struct ConsentInput {
    /// What is consented to.
    kind: ConsentKind,
    /// The `ConsentText.version` that the person read.
    version: String,
}

impl From<ConsentInput> for Statement {
    fn from(ConsentInput { kind, version }: ConsentInput) -> Self {
        Self { kind, version }
    }
}

/// A consent that the viewer gave.
#[derive(SimpleObject)]
pub struct Consent {
    /// What was consented to.
    kind: ConsentKind,
    /// The version of the text that the person read.
    version: String,
    /// When it was given.
    given_at: DateTime,
    /// When it was withdrawn; null: it stands.
    withdrawn_at: Option<DateTime>,
}

impl From<ConsentRow> for Consent {
    fn from(row: ConsentRow) -> Self {
        Self {
            kind: row.kind,
            version: row.version,
            given_at: row.given_at.get().into(),
            withdrawn_at: row.withdrawn_at.map(|at| at.get().into()),
        }
    }
}

/// The state of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum SessionState {
    /// It is logged in.
    Active,
    /// It was ended because a refresh token of it was used in two places: somebody may have had a copy.
    Copied,
}

/// One device that is, or was, logged in.
#[derive(SimpleObject)]
pub struct Session {
    /// The opaque id.
    #[graphql(owned)]
    pub id: ID,
    /// The name of the device. Null: it cannot be read now.
    label: Readable<String>,
    /// Whether it is logged in.
    state: SessionState,
    /// Whether it is the session of this request.
    current: bool,
    /// When it logged in, rounded down to the hour.
    created_at: DateTime,
    /// The day on which it last refreshed its tokens.
    last_used_on: Date,
    /// When it was ended, rounded down to the hour; null: it is logged in.
    ended_at: Option<DateTime>,
}

impl Session {
    /// A session as the requester sees it.
    pub fn new(view: SessionView, requester: Requester) -> Self {
        Self {
            id: view.id.to_string().into(),
            label: view.label.into(),
            state: if view.copied { SessionState::Copied } else { SessionState::Active },
            current: view.id == requester.session,
            created_at: view.created_at.into(),
            last_used_on: view.last_used_on.into(),
            ended_at: view.ended_at.map(Into::into),
        }
    }
}

/// A device that is registered for Web Push.
#[derive(SimpleObject)]
pub struct Device {
    /// The opaque id.
    #[graphql(owned)]
    pub id: ID,
    /// The name of the device, at most 60 characters. Null: it cannot be read now.
    label: Readable<String>,
    /// Whether the lock screen of the device shows what a reminder is about; false: only that there is a reminder.
    /// Null: it cannot be read now.
    fuller_words: Readable<bool>,
    /// When it was registered.
    created_at: DateTime,
}

impl From<DeviceView> for Device {
    fn from(view: DeviceView) -> Self {
        let DeviceView { id, label, fuller_words, created_at } = view;
        let (label, fuller_words) = (label.into(), fuller_words.into());
        Self { id: id.to_string().into(), label, fuller_words, created_at: created_at.into() }
    }
}

/// The tokens of a session, for the device to keep.
#[derive(SimpleObject)]
pub struct SessionTokens {
    /// The id of the session.
    session_id: ID,
    /// For `Authorization: Bearer …`; a JWT that is valid for ten minutes.
    access_token: String,
    /// When the access token expires.
    access_token_expires_at: DateTime,
    /// Pass it to `refreshSession`, once, before or after the access token expires. Store it where only the app can
    /// read it.
    refresh_token: String,
}

impl From<Tokens> for SessionTokens {
    fn from(tokens: Tokens) -> Self {
        Self {
            session_id: tokens.requester.session.to_string().into(),
            access_token: tokens.access,
            access_token_expires_at: tokens.access_expires_at.into(),
            refresh_token: tokens.refresh,
        }
    }
}

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

    /// The time zone in which quiet hours and local times are meant.
    async fn zone(&self) -> TimeZone {
        self.0.row.zone.clone().into()
    }

    /// The hours in which nothing is sent; null: any hour will do.
    async fn quiet_hours(&self) -> Option<QuietHours> {
        self.0.row.reach().rhythm.quiet.map(Into::into)
    }

    /// What of an answer the partner sees unless the answer itself says otherwise.
    async fn default_sharing(&self) -> AnswerSharing {
        self.0.row.default_share
    }

    /// Whether pushes are wanted.
    async fn push_wanted(&self) -> bool {
        self.0.row.push
    }

    /// Whether mails about check-ins are wanted.
    async fn mail_wanted(&self) -> bool {
        self.0.row.mail
    }

    /// Whether nudges are paused.
    async fn paused(&self, ctx: &async_graphql::Context<'_>) -> bool {
        self.0.row.reach().is_paused(crate::graphql::context(ctx).clock.now())
    }

    /// Until when nudges are paused; null if they are not, or until further notice.
    async fn paused_until(&self, ctx: &async_graphql::Context<'_>) -> Option<DateTime> {
        let until = self.0.row.reach().paused_until?;
        let over = until <= crate::graphql::context(ctx).clock.now();
        (!over && until < FURTHER_NOTICE).then_some(DateTime(until))
    }

    /// Since when nothing of the person is worked on: they withdrew the health-data consent, or the account is about to
    /// be erased. Null: all goes on.
    async fn on_hold_since(&self) -> Option<DateTime> {
        self.0.row.held_at.map(|at| at.get().into())
    }

    /// Whether the mail server refused the address for good: then only a device can be reached, until
    /// `retryEmail`.
    async fn email_fails(&self) -> bool {
        self.0.row.address_failed_at.is_some()
    }

    /// Whether reminders can reach the person, and what to do if not. Look at it when the app is opened.
    async fn reachability(&self, ctx: &async_graphql::Context<'_>) -> Result<Reachability, Failure> {
        let context = crate::graphql::context(ctx);
        Ok(crate::actions::accounts::account::ways(context, self.0.row.id).await?.into())
    }

    /// When the account began.
    async fn created_at(&self) -> DateTime {
        self.0.row.created_at.get().into()
    }
}

/// Which ways lead to the signed-in person; nobody else sees it. A pause is no part of it.
#[derive(SimpleObject)]
pub struct Reachability {
    /// Whether a push can: pushes are wanted, and a device takes them.
    by_push: bool,
    /// Whether a mail about a check-in can: such mails are wanted, and the address is not known to refuse them.
    by_mail: bool,
    /// Whether either can.
    reachable: bool,
    /// How things stand, and what to do if reminders cannot come.
    sentence: &'static str,
}

impl From<Ways> for Reachability {
    fn from(ways: Ways) -> Self {
        let (by_push, by_mail) = (ways.by_push(), ways.by_mail());
        Self { by_push, by_mail, reachable: by_push || by_mail, sentence: ways.sentence() }
    }
}

/// Hours of the local day in which nothing is sent; they may run over midnight.
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

/// A statement that is asked for at sign-up, in its current words.
#[derive(SimpleObject)]
pub struct ConsentText {
    /// Which statement.
    kind: ConsentKind,
    /// The version of the words: whoever says yes to them names it.
    version: &'static str,
    /// The words, in English, as the person reads them.
    text: &'static str,
}

impl From<ConsentKind> for ConsentText {
    fn from(kind: ConsentKind) -> Self {
        Self { kind, version: kind.version(), text: kind.text() }
    }
}

/// A statement that the person makes.
#[derive(InputObject)]
pub struct ConsentInput {
    /// Which statement.
    kind: ConsentKind,
    /// The version of the words that the person read, as in `consentTexts`.
    version: String,
}

impl From<ConsentInput> for Statement {
    fn from(ConsentInput { kind, version }: ConsentInput) -> Self {
        Self { kind, version }
    }
}

/// A statement that the person made.
#[derive(SimpleObject)]
pub struct Consent {
    /// Which statement.
    kind: ConsentKind,
    /// The version of the words that they read.
    version: String,
    /// When it was made.
    given_at: DateTime,
    /// When it was taken back.
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

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum SessionState {
    /// The device is signed in.
    Active,
    /// It was ended, since a refresh token of its was used in two places: somebody may have had a copy.
    Copied,
}

/// One signed-in device.
#[derive(SimpleObject)]
pub struct Session {
    /// The opaque id.
    #[graphql(owned)]
    pub id: ID,
    /// The device's name. Null: it cannot be read now.
    label: Readable<String>,
    /// Where it stands.
    state: SessionState,
    /// Whether it is the one that asks.
    current: bool,
    /// When it was signed in, rounded down to the hour.
    created_at: DateTime,
    /// The day on which it last asked for tokens, in one's own time zone.
    last_used_on: Date,
    /// When it was ended, rounded down to the hour; null: it is signed in.
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

/// A device that takes Web Push.
#[derive(SimpleObject)]
pub struct Device {
    /// The opaque id.
    #[graphql(owned)]
    pub id: ID,
    /// The device's name, at most 60 characters. Null: it cannot be read now.
    label: Readable<String>,
    /// Whether it shows what a reminder is about; otherwise only that there is one. Null: it cannot be read now.
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

/// What a signed-in device holds.
#[derive(SimpleObject)]
pub struct SessionTokens {
    /// The session's opaque id.
    session_id: ID,
    /// For `Authorization: Bearer …`; a JWT that works for ten minutes.
    access_token: String,
    /// When the access token stops working.
    access_token_expires_at: DateTime,
    /// To be exchanged with `refreshSession`, once. Keep it where only the app can read it.
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

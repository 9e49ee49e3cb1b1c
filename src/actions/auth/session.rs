//! Sessions: log in, log out, list and end.

use crate::actions::accounts::people::{Person, email_index};
use crate::actions::auth::second_step::LogIn;
use crate::actions::auth::session_tokens::{earlier_session, open};
use crate::actions::auth::sign_out::{Which, end_sessions};
use crate::actions::auth::{reauthentication, second_factor, second_step};
use crate::actions::opened::{Opened, opened};
use crate::actions::{ActionResult, AppContext, Caller, Fault, Visitor};
use crate::auth::Requester;
use crate::auth::passwords::is_outdated;
use crate::auth::tokens::OPAQUE_MAX;
use crate::domain::account::{Email, PASSWORD_MAX_BYTES, whole_hour};
use crate::domain::device::LABEL_MAX;
use crate::domain::problem::{Checks, Problem, ProblemCode};
use crate::ids::{AccountId, SessionId, TypedId};
use crate::store;
use crate::store::account::AccountChange;
use crate::store::session::SessionRow;
use crate::store::types::Ts;
use crate::vault::Aad;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;

/// A session as its owner sees it.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// The device's name.
    pub label: Opened<String>,
    /// The hour in which the device signed in.
    pub created_at: Timestamp,
    /// The person's day on which it last refreshed its tokens.
    pub last_used_on: Date,
    /// The hour in which it ended.
    pub ended_at: Option<Timestamp>,
    /// Whether it ended because a copy of its tokens was used (R31).
    pub copied: bool,
}

fn no_match() -> Problem {
    let sentence = "Address and password do not match, or the address is not confirmed yet.";
    Problem::new("password", ProblemCode::Incorrect, sentence)
}

/// The log-in form.
pub struct Credentials {
    /// Their address.
    pub email: String,
    /// Their password.
    pub password: SecretString,
    /// The device's name.
    pub label: String,
    /// A refresh token of an earlier session on the device; it shows that the device is known.
    pub earlier: Option<String>,
}

/// Signs a device in, or asks for the second factor if the account has one. A wrong password, an unknown
/// address and an unconfirmed one look alike (R28). Each call is one try, however many a request holds (R34).
pub async fn log_in(context: &Arc<AppContext>, by: &Visitor, input: Credentials) -> ActionResult<LogIn> {
    let Credentials { email, password, label, earlier } = input;
    let mut checks = Checks::new();
    let label = checks.text("deviceLabel", label, LABEL_MAX);
    let earlier = earlier.map(|token| checks.text("earlierRefreshToken", token, OPAQUE_MAX));
    let email = checks.take(Email::parse("email", &email));
    if password.expose_secret().len() > PASSWORD_MAX_BYTES {
        checks.note(no_match());
    }
    let email = checks.finish_with(email)?;
    let index = email_index(&context.vault, &email);
    let sought = index.clone();
    let (found, device) = context
        .read_tx(move |tx| {
            // Looked up with or without an account, so that both take equally long.
            let session = earlier_session(tx, earlier.as_deref())?;
            let found = store::account::find_by_email(tx.db, &sought)?;
            let of_account =
                |session: &SessionRow| Some(session.account_id) == found.as_ref().map(|row| row.id);
            let device = session.filter(of_account).map(|session| session.id);
            Ok((found, device))
        })
        .await?;
    context.rates.log_in(by.network, &index, device).map_err(Problem::too_often)?;
    let stored = found.as_ref().map(|row| row.password_hash.clone());
    let matches = context.passwords.verify(password.clone(), stored).await?;
    let row = found.filter(|_| matches).ok_or_else(no_match)?;
    let renewed = match is_outdated(&row.password_hash) {
        // If the hashing pool is busy, the next log-in rehashes.
        true => context.passwords.hash(password).await.ok(),
        false => None,
    };
    let keeper = Arc::clone(context);
    context
        .write_tx(by.key.as_ref(), move |tx| {
            // A password that is set at this moment must not be overwritten.
            store::dialect::lock_account(tx.db, row.id)?;
            // The password or the data key may have changed while the hash was computed.
            let current = store::account::find(tx.db, row.id)?;
            let unchanged = current.filter(|current| current.password_hash == row.password_hash);
            let mut current = unchanged.ok_or_else(no_match)?;
            if renewed.is_some() {
                let change = AccountChange { password_hash: renewed, ..Default::default() };
                current = store::account::update(tx.db, row.id, &change)?;
            }
            let person = Person::open(tx.vault, current)?;
            if second_factor::is_asked(tx, person.row.id)? {
                return second_step::begin(tx, &person, (&label, device.is_some())).map(LogIn::SecondStep);
            }
            open(&keeper, tx, &person, (&label, device.is_some())).map(LogIn::Done)
        })
        .await
}

/// The result of checking an access token.
#[derive(Clone, Copy, Debug)]
pub enum Bearer {
    /// No token, or not a valid one.
    Nobody,
    /// A live session.
    Live(Requester),
    /// The session ended at that instant; the token itself has not expired.
    Ended(Requester, Ts),
}

impl Bearer {
    /// The signed-in requester, if any.
    pub fn requester(self) -> Option<Requester> {
        match self {
            Self::Live(requester) => Some(requester),
            Self::Nobody | Self::Ended(..) => None,
        }
    }
}

/// Checks an access token against its session.
pub async fn authenticate(context: &Arc<AppContext>, token: &str) -> Result<Bearer, Fault> {
    let Some(requester) = context.tokens.check(token, context.clock.now()) else { return Ok(Bearer::Nobody) };
    // One statement before every request; it needs no transaction.
    context
        .read_once(move |db| {
            let found = store::session::find(db, requester.session, requester.account)?;
            Ok(match found.map(|session| session.ended_at) {
                None => Bearer::Nobody,
                Some(None) => Bearer::Live(requester),
                Some(Some(at)) => Bearer::Ended(requester, at),
            })
        })
        .await
}

/// Ends one session; any other than this one needs reauthentication.
pub async fn end(context: &Arc<AppContext>, by: &Caller, id: SessionId) -> ActionResult<SessionId> {
    let requester = by.requester;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            if end_sessions(tx, requester.account, Which::One(id))?.is_empty() {
                return Err(Problem::not_found("sessionId").into());
            }
            if id != requester.session {
                reauthentication::require(tx, requester)?;
            }
            Ok(id)
        })
        .await
}

/// Ends every other session of the person, and says which; needs reauthentication.
pub async fn end_others(context: &Arc<AppContext>, by: &Caller) -> ActionResult<Vec<SessionId>> {
    let requester = by.requester;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            reauthentication::require(tx, requester)?;
            Ok(end_sessions(tx, requester.account, Which::AllBut(requester.session))?)
        })
        .await
}

/// How long a person is shown that a session was copied.
pub(in crate::actions) const COPIES_SHOWN: SignedDuration = SignedDuration::from_hours(90 * 24);

/// A person's live sessions. Their times are coarse, so that they do not tell when somebody was where.
pub async fn list(context: &Arc<AppContext>, requester: Requester) -> Result<Vec<SessionView>, Fault> {
    context
        .read_tx(move |tx| {
            let person = Person::load(tx, requester.account)?;
            let rows = store::session::list(tx.db, requester.account)?;
            rows.into_iter().map(|row| view(&person, row)).collect()
        })
        .await
}

/// A person's sessions that ended because a copy of their tokens was used (R31), latest first.
pub async fn copied(context: &Arc<AppContext>, account: AccountId) -> Result<Vec<SessionView>, Fault> {
    context
        .read_tx(move |tx| {
            let person = Person::load(tx, account)?;
            let since = (tx.now - COPIES_SHOWN).into();
            let rows = store::session::list_reused(tx.db, account, since)?;
            rows.into_iter().map(|row| view(&person, row)).collect()
        })
        .await
}

/// A person's session, live or copied lately.
pub async fn find(
    context: &Arc<AppContext>,
    account: AccountId,
    id: SessionId,
) -> Result<Option<SessionView>, Fault> {
    context
        .read_tx(move |tx| {
            let shown = tx.now - COPIES_SHOWN;
            let found = store::session::find(tx.db, id, account)?
                .filter(|row| row.ended_at.is_none() || row.reused_at.is_some_and(|at| at.get() > shown));
            let Some(row) = found else { return Ok(None) };
            view(&Person::load(tx, account)?, row).map(Some)
        })
        .await
}

fn view(person: &Person, row: SessionRow) -> Result<SessionView, Fault> {
    let aad = Aad::new("sessions", "label", row.id.uuid());
    Ok(SessionView {
        id: row.id,
        label: opened(person.key.open_text(aad, &row.label))?,
        created_at: whole_hour(row.created_at.get()),
        last_used_on: person.day(row.last_used_at.get()),
        ended_at: row.ended_at.map(|at| whole_hour(at.get())),
        copied: row.reused_at.is_some(),
    })
}

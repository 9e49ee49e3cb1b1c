//! Accounts: sign up, confirm the address, change the profile and the password, pause.

use crate::actions::accounts::people::{Person, account_key_aad, email_index};
use crate::actions::auth::{reauthentication, second_factor};
use crate::actions::nudges::planning;
use crate::actions::{ActionResult, AppContext, Caller, Done, Fault, Refusal, Transaction, Visitor};
use crate::auth::tokens::opaque_hash;
use crate::domain::account::{CONSENT_VERSION, ConsentKind, Email, FURTHER_NOTICE, NAME_MAX, Share};
use crate::domain::change::ChangeKind;
use crate::domain::nudge::{About, Channel, MailPurpose};
use crate::domain::partner_link::LinkStatus;
use crate::domain::password::check_password;
use crate::domain::problem::{Checks, Problem, ProblemCode};
use crate::domain::quiet_hours::{QuietHours, Zone};
use crate::domain::reachability::Ways;
use crate::ids::{AccountId, AddressRequestId, ConsentId, TypedId};
use crate::store::account::{AccountChange, AccountRow};
use crate::store::address_request::AddressRequestRow;
use crate::store::nudge::NudgeRow;
use crate::store::{self, StoreError};
use crate::vault::{Aad, VaultError};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub use crate::store::account::ConsentRow;

/// How long the link in a mail works.
pub const REQUEST_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// Quiet hours as typed: local times `HH:MM`.
#[derive(Clone, Debug)]
pub struct TypedQuietHours {
    /// Start.
    pub from: String,
    /// End.
    pub until: String,
}

/// The sign-up form.
pub struct SignUp {
    /// Their address.
    pub email: String,
    /// Their new password.
    pub password: SecretString,
    /// What partners will see.
    pub display_name: String,
    /// IANA name.
    pub zone: String,
    /// None: the default.
    pub quiet_hours: Option<TypedQuietHours>,
    /// "I am an adult."
    pub adult: bool,
    /// "Evenkeel may keep what I write about my wellbeing."
    pub health_data: bool,
}

/// The sealed sign-up, kept until the address is confirmed.
#[derive(Serialize, Deserialize)]
pub(in crate::actions) struct SignUpDetails {
    display_name: String,
    zone: String,
    quiet: (u16, u16),
    password_hash: String,
    stated_at: Timestamp,
}

/// Asks for a confirmation mail. An address that already has an account gets the same answer and the same
/// work; only the mail differs (R28).
pub async fn sign_up(context: &Arc<AppContext>, by: &Visitor, input: SignUp) -> ActionResult<()> {
    use secrecy::ExposeSecret;
    let mut checks = Checks::new();
    let email = checks.take(Email::parse("email", &input.email));
    let related_words = [input.display_name.as_str(), input.email.as_str()];
    check_password(&mut checks, "password", input.password.expose_secret(), &related_words);
    let display_name = checks.line("displayName", input.display_name, NAME_MAX);
    let zone = checks.take(Zone::named("zone", &input.zone));
    let quiet = match input.quiet_hours {
        Some(typed) => checks.take(QuietHours::parse("quietHours", &typed.from, &typed.until)),
        None => Some(QuietHours::DEFAULT),
    };
    for (field, said) in [("adult", input.adult), ("healthDataConsent", input.health_data)] {
        if !said {
            let sentence = "An account needs this statement.";
            checks.note(Problem::new(field, ProblemCode::Required, sentence));
        }
    }
    let taken = email.zip(zone).zip(quiet);
    let ((email, zone), quiet) = checks.finish_with(taken)?;
    let limit = context.rates.sign_up(by.network, &email_index(&context.vault, &email));
    limit.map_err(Problem::too_often)?;
    let password_hash = context.passwords.hash(input.password).await?;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let details = SignUpDetails {
                display_name,
                zone: zone.name().to_owned(),
                quiet: (quiet.from(), quiet.until()),
                password_hash,
                stated_at: tx.now,
            };
            ask_by_mail(tx, MailPurpose::ConfirmAddress, &email, Some(&details))
        })
        .await
}

/// Asks for a password reset mail. The answer is always the same (R28).
pub async fn request_password_reset(
    context: &Arc<AppContext>,
    by: &Visitor,
    email: String,
) -> ActionResult<()> {
    let email = Email::parse("email", &email)?;
    let limit = context.rates.reset(by.network, &email_index(&context.vault, &email));
    limit.map_err(Problem::too_often)?;
    context
        .write_tx(by.key.as_ref(), move |tx| ask_by_mail(tx, MailPurpose::ResetPassword, &email, None::<&()>))
        .await
}

/// The AAD of a sealed column of an address request.
pub(in crate::actions) fn request_aad(column: &'static str, id: AddressRequestId) -> Aad {
    Aad::new("address_requests", column, id.uuid())
}

/// The token in a request's mail, derived from the request's id.
pub fn request_token(vault: &crate::vault::Vault, purpose: MailPurpose, id: AddressRequestId) -> String {
    vault.derived_token(purpose.word(), id.uuid())
}

/// Stores an address request and plans its mail, whether or not the address has an account.
pub(in crate::actions) fn ask_by_mail(
    tx: &mut Transaction<'_>,
    purpose: MailPurpose,
    email: &Email,
    details: Option<&impl Serialize>,
) -> ActionResult<()> {
    let id = AddressRequestId::at(tx.now, tx.chance);
    let system = tx.vault.system();
    let expires_at = (tx.now + REQUEST_LIFE).into();
    let row = AddressRequestRow {
        id,
        purpose,
        email_index: email_index(tx.vault, email),
        email: system.seal_text(request_aad("email", id), email.as_str())?,
        details: details.map(|details| system.seal_json(request_aad("details", id), details)).transpose()?,
        token_hash: opaque_hash(&request_token(tx.vault, purpose, id)),
        created_at: tx.ts(),
        expires_at,
        used_at: None,
    };
    store::address_request::insert(tx.db, &row)?;
    let times = (tx.ts(), expires_at);
    let about = About::Address(id, purpose);
    let nudge = NudgeRow::waiting(about, Channel::Mail, None, times, tx.now, tx.chance);
    store::nudge::plan(tx.db, &[nudge])?;
    Ok(())
}

/// Opens the address of a request.
pub fn request_email(vault: &crate::vault::Vault, row: &AddressRequestRow) -> Result<String, Fault> {
    Ok(vault.system().open_text(request_aad("email", row.id), &row.email)?)
}

/// Confirms an address by the token of its mail and creates the account.
pub async fn confirm_address(context: &Arc<AppContext>, by: &Visitor, token: String) -> ActionResult<()> {
    context.rates.token(by.network).map_err(Problem::too_often)?;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let request = take_request(tx, MailPurpose::ConfirmAddress, &token)?;
            let sealed =
                request.details.as_deref().ok_or(Fault::Inconsistent("a sign-up without details"))?;
            let details: SignUpDetails =
                tx.vault.system().open_json(request_aad("details", request.id), sealed)?;
            if store::account::find_by_email(tx.db, &request.email_index)?.is_some() {
                // The address was confirmed through another mail meanwhile; that account stays.
                return Err(expired().into());
            }
            let email = request_email(tx.vault, &request)?;
            create(tx, request.email_index, &email, details)
        })
        .await
}

fn create(
    tx: &mut Transaction<'_>,
    email_index: Vec<u8>,
    email: &str,
    details: SignUpDetails,
) -> ActionResult<()> {
    let id = AccountId::at(tx.now, tx.chance);
    let (key, wrapped) = tx.new_data_key(account_key_aad(id))?;
    let aad = |column| Aad::new("accounts", column, id.uuid());
    let zone = Zone::named("zone", &details.zone)
        .map_err(|_| Fault::Inconsistent("a sign-up in a zone that is not known"))?;
    let row = AccountRow {
        id,
        email_index,
        email: key.seal_text(aad("email"), email)?,
        display_name: key.seal_text(aad("display_name"), &details.display_name)?,
        password_hash: details.password_hash,
        data_key: wrapped,
        zone: zone.name().to_owned(),
        quiet_from: Some(details.quiet.0.into()),
        quiet_until: Some(details.quiet.1.into()),
        default_share: Share::Nothing,
        push: true,
        mail: true,
        paused_until: None,
        address_failed_at: None,
        created_at: tx.ts(),
        held_at: None,
        utc_offset: Some(zone.offset_minutes(tx.now)),
    };
    // Another mail for the same address may be confirmed at the same moment; the first one wins.
    store::account::insert(tx.db, &row)
        .map_err(StoreError::from)
        .map_err(|error| if error.is_conflict() { Refusal::from(expired()) } else { error.into() })?;
    for kind in ConsentKind::ALL.iter().copied() {
        let consent = ConsentRow {
            id: ConsentId::at(tx.now, tx.chance),
            account_id: id,
            kind,
            version: CONSENT_VERSION.to_owned(),
            given_at: details.stated_at.into(),
            withdrawn_at: None,
        };
        store::account::insert_consent(tx.db, &consent)?;
    }
    Ok(())
}

pub(in crate::actions) fn expired() -> Problem {
    Problem::new(
        "token",
        ProblemCode::Expired,
        "This link was used already or is too old. Please ask for a new one.",
    )
}

pub(in crate::actions) fn take_request(
    tx: &mut Transaction<'_>,
    purpose: MailPurpose,
    token: &str,
) -> ActionResult<AddressRequestRow> {
    let found = store::address_request::find_by_token(tx.db, purpose, &opaque_hash(token))?;
    let request = found.ok_or_else(expired)?;
    let now = tx.ts();
    if store::address_request::use_up(tx.db, request.id, now)? { Ok(request) } else { Err(expired().into()) }
}

/// Sets a new password by the token of a mail and signs out every device.
pub async fn reset_password(
    context: &Arc<AppContext>,
    by: &Visitor,
    token: String,
    password: SecretString,
) -> ActionResult<()> {
    context.rates.token(by.network).map_err(Problem::too_often)?;
    let token_hash = opaque_hash(&token);
    let related_words = context
        .read_tx(move |tx| {
            let request =
                store::address_request::find_by_token(tx.db, MailPurpose::ResetPassword, &token_hash)?;
            let Some(request) = request else { return Ok(Vec::new()) };
            let account = store::account::find_by_email(tx.db, &request.email_index)?;
            account.map_or(Ok(Vec::new()), |row| Ok(own_words(&Person::open(tx.vault, row)?)?))
        })
        .await?;
    let password_hash = hash_new(context, password, &related_words).await?;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let request = take_request(tx, MailPurpose::ResetPassword, &token)?;
            let account = store::account::find_by_email(tx.db, &request.email_index)?.ok_or_else(expired)?;
            let change = AccountChange { password_hash: Some(password_hash), ..Default::default() };
            store::account::update(tx.db, account.id, &change)?;
            close_resets(tx, &account.email_index)?;
            let now = tx.ts();
            store::session::end_others(tx.db, account.id, None, now)?;
            tx.wake_followers(account.id);
            Ok(())
        })
        .await
}

/// Uses up the open reset requests: after a password change no earlier reset mail may work.
fn close_resets(tx: &mut Transaction<'_>, email_index: &[u8]) -> Result<(), Fault> {
    let now = tx.ts();
    store::address_request::use_up_all(tx.db, MailPurpose::ResetPassword, email_index, now)?;
    Ok(())
}

/// Words that anybody who knows the person would try as a password.
fn own_words(person: &Person) -> Result<Vec<String>, VaultError> {
    Ok(vec![person.display_name()?, person.email()?])
}

async fn hash_new(
    context: &Arc<AppContext>,
    password: SecretString,
    related_words: &[String],
) -> ActionResult<String> {
    use secrecy::ExposeSecret;
    let mut checks = Checks::new();
    let related_words: Vec<&str> = related_words.iter().map(String::as_str).collect();
    check_password(&mut checks, "newPassword", password.expose_secret(), &related_words);
    checks.finish(())?;
    Ok(context.passwords.hash(password).await?)
}

/// Changes the password, given the current one, and signs out every other device.
pub async fn change_password(
    context: &Arc<AppContext>,
    by: &Caller,
    current: SecretString,
    new: SecretString,
) -> ActionResult<()> {
    let requester = by.requester;
    context.rates.password(requester.account).map_err(Problem::too_often)?;
    let person = context.read_tx(move |tx| Person::load(tx, requester.account)).await?;
    let related_words = own_words(&person)?;
    let stored = Some(person.row.password_hash);
    if !context.passwords.verify(current, stored.clone()).await? {
        let sentence = "This is not the current password.";
        return Err(Problem::new("currentPassword", ProblemCode::Malformed, sentence).into());
    }
    let password_hash = hash_new(context, new, &related_words).await?;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let row = store::account::find(tx.db, requester.account)?;
            if row.map(|row| row.password_hash) != stored {
                let sentence = "The password was changed meanwhile.";
                return Err(Problem::new("currentPassword", ProblemCode::Changed, sentence).into());
            }
            if second_factor::is_asked(tx, requester.account)? {
                // This ends every other session; an account with a second factor needs more than the password
                // for that.
                reauthentication::require(tx, requester)?;
            }
            let change = AccountChange { password_hash: Some(password_hash), ..Default::default() };
            let row = store::account::update(tx.db, requester.account, &change)?;
            close_resets(tx, &row.email_index)?;
            let now = tx.ts();
            store::session::end_others(tx.db, requester.account, Some(requester.session), now)?;
            tx.wake_followers(requester.account);
            Ok(())
        })
        .await
}

/// A change of the profile; None leaves a field as it is.
#[derive(Default)]
pub struct ProfileChange {
    /// What partners see.
    pub display_name: Option<String>,
    /// IANA name.
    pub zone: Option<String>,
    /// `Some(None)`: no quiet hours.
    pub quiet_hours: Option<Option<TypedQuietHours>>,
    /// The default for sharing answers.
    pub default_share: Option<Share>,
    /// Whether pushes are wanted.
    pub push: Option<bool>,
    /// Whether mails are wanted.
    pub mail: Option<bool>,
}

/// Changes the profile; a new zone or new quiet hours replan the waiting nudges.
pub async fn update_profile(
    context: &Arc<AppContext>,
    by: &Caller,
    input: ProfileChange,
) -> ActionResult<Person> {
    let account = by.requester.account;
    let mut checks = Checks::new();
    let display_name = input.display_name.map(|name| checks.line("displayName", name, NAME_MAX));
    let zone = input.zone.and_then(|zone| checks.take(Zone::named("zone", &zone)));
    let quiet = input.quiet_hours.map(|typed| {
        typed.and_then(|typed| checks.take(QuietHours::parse("quietHours", &typed.from, &typed.until)))
    });
    checks.finish(())?;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            // A worker or another device may update the address state meanwhile; that must not be overwritten.
            store::dialect::lock_account(tx.db, account)?;
            let person = Person::load(tx, account)?;
            let change = AccountChange {
                display_name: display_name
                    .map(|name| person.key.seal_text(person.aad("display_name"), &name))
                    .transpose()?,
                utc_offset: zone.as_ref().map(|zone| Some(zone.offset_minutes(tx.now))),
                zone: zone.map(|zone| zone.name().to_owned()),
                quiet_from: quiet.map(|quiet| quiet.map(|q| q.from().into())),
                quiet_until: quiet.map(|quiet| quiet.map(|q| q.until().into())),
                default_share: input.default_share,
                push: input.push,
                mail: input.mail,
                // Unnamed columns stay. This one is written back as it is, because an update without any
                // column is invalid.
                address_failed_at: Some(person.row.address_failed_at),
                ..Default::default()
            };
            let rhythm = person.row.reach().rhythm;
            let row = store::account::update(tx.db, account, &change)?;
            if row.reach().rhythm != rhythm {
                planning::replan_rhythm(tx, account)?;
            }
            tx.tell(&[account], ChangeKind::AccountChanged, account);
            let renamed = Person::open(tx.vault, row.clone())?.display_name()? != person.display_name()?;
            if renamed {
                tell_of_name(tx, account)?;
            }
            Ok(Person { row, key: person.key })
        })
        .await
}

/// Pauses all nudges, until an instant or until further notice. Open ladders stop at once (R05).
pub async fn pause(context: &Arc<AppContext>, by: &Caller, until: Option<Timestamp>) -> ActionResult<Person> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            if until.is_some_and(|until| until <= tx.now) {
                return Err(Problem::new("until", ProblemCode::OutOfRange, "This lies in the past.").into());
            }
            let until = until.unwrap_or(FURTHER_NOTICE);
            set_paused(tx, account, Some(until))?;
            planning::stop_for_pause(tx, account)?;
            Ok(Person::load(tx, account)?)
        })
        .await
}

/// Ends a pause; ladders that did not begin meanwhile run as planned.
pub async fn resume(context: &Arc<AppContext>, by: &Caller) -> ActionResult<Done<Person>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let person = Person::load(tx, account)?;
            if !person.row.reach().is_paused(tx.now) {
                return Ok(Done::already(person));
            }
            set_paused(tx, account, None)?;
            Ok(Done::now(Person::load(tx, account)?))
        })
        .await
}

/// Sets until when the person wants no nudges; None ends the pause.
pub(in crate::actions) fn set_paused(
    tx: &mut Transaction<'_>,
    account: AccountId,
    until: Option<Timestamp>,
) -> ActionResult<()> {
    let change = AccountChange { paused_until: Some(until.map(Into::into)), ..Default::default() };
    store::account::update(tx.db, account, &change)?;
    tx.tell(&[account], ChangeKind::AccountChanged, account);
    Ok(())
}

/// Tells the person's partners that the display name changed.
fn tell_of_name(tx: &mut Transaction<'_>, account: AccountId) -> Result<(), Fault> {
    let links = store::partner_link::list(tx.db, account, false, i64::MAX)?;
    let active = links.into_iter().filter(|link| link.status == LinkStatus::Active);
    let ids: Vec<_> = active.map(|link| link.id).collect();
    for member in store::partner_link::members(tx.db, &ids)? {
        tx.tell(&[member.account_id], ChangeKind::LinkChanged, member.link_id);
    }
    Ok(())
}

/// Lets mail go to the person's address again after a mail server refused it for good (R20). Dropped nudges
/// stay dropped; nudges that fall due from now on may go by mail.
pub async fn try_address_again(context: &Arc<AppContext>, by: &Caller) -> ActionResult<Done<Person>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            store::dialect::lock_account(tx.db, account)?;
            let person = Person::load(tx, account)?;
            if person.row.address_failed_at.is_none() {
                return Ok(Done::already(person));
            }
            let change = AccountChange { address_failed_at: Some(None), ..Default::default() };
            let row = store::account::update(tx.db, account, &change)?;
            tx.tell(&[account], ChangeKind::AccountChanged, account);
            Ok(Done::now(Person { row, key: person.key }))
        })
        .await
}

/// Notes that a mail server refused the person's address for good (R20).
pub fn note_refusal(tx: &mut Transaction<'_>, account: AccountId) -> Result<(), Fault> {
    let now = tx.ts();
    if store::account::address_failed(tx.db, account, now)? {
        tx.tell(&[account], ChangeKind::AccountChanged, account);
    }
    Ok(())
}

/// Which channels reach the person, shown to that person alone.
pub async fn ways(context: &Arc<AppContext>, account: AccountId) -> Result<Ways, Fault> {
    context
        .read_tx(move |tx| {
            let row = store::account::find(tx.db, account)?;
            let row = row.ok_or(Fault::Inconsistent("a signed-in person without an account"))?;
            Ok(Ways {
                push_wanted: row.push,
                live_devices: store::device::live(tx.db, &[account])?.len(),
                mail_wanted: row.mail,
                address_works: row.address_failed_at.is_none(),
            })
        })
        .await
}

/// The signed-in person.
pub async fn me(context: &Arc<AppContext>, account: AccountId) -> Result<Person, Fault> {
    context.read_tx(move |tx| Person::load(tx, account)).await
}

/// The consents that a person gave.
pub async fn consents(context: &Arc<AppContext>, account: AccountId) -> Result<Vec<ConsentRow>, Fault> {
    context.read_tx(move |tx| Ok(store::account::consents(tx.db, account)?)).await
}

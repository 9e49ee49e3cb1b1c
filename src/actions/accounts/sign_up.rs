//! Signing up: a mail to the address, and an account for whoever opens it and sets a password.

use crate::actions::accounts::account::TypedQuietHours;
use crate::actions::accounts::mail_request::{
    ask_by_mail, expired, find_request, request_details, request_email, take_request,
};
use crate::actions::accounts::password::hash_new;
use crate::actions::accounts::people::{account_key_aad, email_index};
use crate::actions::{ActionResult, AppContext, Fault, Refusal, Transaction, Visitor};
use crate::domain::account::{AnswerSharing, Email, NAME_MAX};
use crate::domain::consent::{self, Statement};
use crate::domain::nudge::MailPurpose;
use crate::domain::problem::{Checks, Problem};
use crate::domain::quiet_hours::{QuietHours, Zone};
use crate::ids::{AccountId, ConsentId, TypedId};
use crate::store;
use crate::store::account::{AccountRow, ConsentRow};
use crate::vault::Aad;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The sign-up form.
pub struct SignUp {
    /// Their address.
    pub email: String,
    /// What partners will see.
    pub display_name: String,
    /// IANA name.
    pub zone: String,
    /// None: the default.
    pub quiet_hours: Option<TypedQuietHours>,
    /// The statements that they make.
    pub consents: Vec<Statement>,
}

/// The sealed sign-up, kept until the address is confirmed.
#[derive(Serialize, Deserialize)]
pub(in crate::actions) struct SignUpDetails {
    display_name: String,
    zone: String,
    quiet: (u16, u16),
    stated_at: Timestamp,
    /// The statements, with the versions of the words that they saw.
    consents: Vec<Statement>,
}

/// Asks for a confirmation mail. The password is asked for only on its page: it belongs to whoever holds the mailbox. An
/// address that already has an account gets the same answer and the same work; only the mail differs (R28).
pub async fn sign_up(context: &Arc<AppContext>, by: &Visitor, input: SignUp) -> ActionResult<()> {
    let mut checks = Checks::new();
    let email = Email::parse("email", &input.email);
    let email = checks.take(email.and_then(|email| context.mail_features.check("email", email)));
    let display_name = checks.line("displayName", input.display_name, NAME_MAX);
    let zone = checks.take(Zone::named("zone", &input.zone));
    let quiet = match input.quiet_hours {
        Some(typed) => checks.take(QuietHours::parse("quietHours", &typed.from, &typed.until)),
        None => Some(QuietHours::DEFAULT),
    };
    consent::check_all(&mut checks, "consents", &input.consents);
    let consents = input.consents;
    let taken = email.zip(zone).zip(quiet);
    let ((email, zone), quiet) = checks.finish_with(taken)?;
    let limit = context.rates.sign_up(by.network, &email_index(&context.vault, &email));
    limit.map_err(Problem::too_often)?;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let details = SignUpDetails {
                display_name,
                zone: zone.name().to_owned(),
                quiet: (quiet.from(), quiet.until()),
                stated_at: tx.now,
                consents,
            };
            ask_by_mail(tx, MailPurpose::ConfirmAddress, None, &email, Some(&details))
        })
        .await
}

/// Confirms an address by the token of its mail and creates the account with the password of whoever holds the mailbox.
pub async fn confirm_email(
    context: &Arc<AppContext>,
    by: &Visitor,
    token: String,
    password: SecretString,
) -> ActionResult<()> {
    context.rates.token(by.network).map_err(Problem::too_often)?;
    let sought = token.clone();
    let related_words = context
        .read_tx(move |tx| {
            let Some(request) = find_request(tx, MailPurpose::ConfirmAddress, &sought)? else {
                return Ok(None);
            };
            let email = request_email(tx.vault, &request)?;
            let details: SignUpDetails = request_details(tx.vault, &request)?;
            Ok(Some(vec![details.display_name, email]))
        })
        .await?
        .ok_or_else(expired)?;
    let password_hash = hash_new(context, "password", password, &related_words).await?;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let request = take_request(tx, MailPurpose::ConfirmAddress, &token)?;
            let details = request_details(tx.vault, &request)?;
            if store::account::find_by_email(tx.db, &request.email_index)?.is_some() {
                // The address was confirmed through another mail meanwhile; that account stays.
                return Err(expired().into());
            }
            let email = request_email(tx.vault, &request)?;
            create(tx, request.email_index, &email, details, password_hash)
        })
        .await
}

fn create(
    tx: &mut Transaction<'_>,
    email_index: Vec<u8>,
    email: &str,
    details: SignUpDetails,
    password_hash: String,
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
        password_hash,
        data_key: wrapped,
        zone: zone.name().to_owned(),
        quiet_from: Some(details.quiet.0.into()),
        quiet_until: Some(details.quiet.1.into()),
        default_share: AnswerSharing::Nothing,
        push: true,
        mail: true,
        paused_until: None,
        address_failed_at: None,
        created_at: tx.ts(),
        held_at: None,
        utc_offset: Some(zone.offset_minutes(tx.now)),
        link_epoch: 0,
    };
    // Another mail for the same address may be confirmed at the same moment; the first one wins.
    store::account::insert(tx.db, &row).map_err(|error| Refusal::of_write(error, expired()))?;
    for Statement { kind, version } in details.consents {
        let consent = ConsentRow {
            id: ConsentId::at(tx.now, tx.chance),
            account_id: id,
            kind,
            version,
            given_at: details.stated_at.into(),
            withdrawn_at: None,
        };
        store::account::insert_consent(tx.db, &consent)?;
    }
    Ok(())
}

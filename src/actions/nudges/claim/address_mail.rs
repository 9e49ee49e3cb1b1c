//! Mails to an address: requested by a visitor, or a notice to the owner of the address.

use crate::actions::accounts::mail_request::{request_email, request_token};
use crate::actions::accounts::people::Person;
use crate::actions::nudges::claim::decision::{ClaimDecision, Mailing, Payload, Prepared};
use crate::actions::{Fault, Transaction};
use crate::domain::nudge::{DropReason, MailFacts, MailPurpose, Verdict, judge_mail};
use crate::domain::wording::{self, Letter};
use crate::ids::AddressRequestId;
use crate::store;
use crate::store::account::AccountRow;
use crate::store::nudge::{NudgeRow, Release};

/// Decides about a mail to an address. Its text depends on whether there is an account; what the requester
/// saw did not, nor does whether a mail is sent (R28).
pub fn decide(
    tx: &mut Transaction<'_>,
    row: &NudgeRow,
    (id, purpose): (AddressRequestId, MailPurpose),
) -> Result<ClaimDecision, Fault> {
    let now = tx.ts();
    let request = store::address_request::find(tx.db, id)?;
    let Some(request) = request.filter(|request| request.used_at.is_none() && request.expires_at > now)
    else {
        return Ok(ClaimDecision::drop(row, DropReason::Expired, now));
    };
    let account = store::account::find_by_email(tx.db, &request.email_index)?;
    let reach = account.as_ref().map(AccountRow::reach);
    let facts = MailFacts {
        purpose,
        recipient: reach.as_ref(),
        address_works: account.as_ref().is_some_and(|account| account.address_failed_at.is_none()),
    };
    match judge_mail(&facts, tx.now) {
        Verdict::Move(at) => Ok(ClaimDecision::End(Release::moved(row, at))),
        Verdict::Drop(reason) => Ok(ClaimDecision::drop(row, reason, now)),
        Verdict::Send(_) => {
            let (letter, page) = content(purpose, account.is_some());
            let path = page.map_or_else(
                || "open".to_owned(),
                |page| format!("{page}/{}", request_token(tx.vault, purpose, id)),
            );
            // The address that the account has, not a spelling of it that somebody typed.
            let to = match account {
                Some(row) => Person::open(tx.vault, row)?.email()?,
                None => request_email(tx.vault, &request)?,
            };
            let payload = Payload::Mail(Mailing { to, letter, path, choices: None });
            Ok(ClaimDecision::Send(Prepared {
                payload,
                mail_possible: true,
                refused_before: false,
                links: Vec::new(),
            }))
        }
    }
}

/// The letter, and the page that its token opens; None: the link opens the app. `known`: whether the address
/// has an account.
fn content(purpose: MailPurpose, known: bool) -> (Letter, Option<&'static str>) {
    match (purpose, known) {
        (MailPurpose::ConfirmAddress, false) => (wording::CONFIRM, Some("verify")),
        (MailPurpose::ConfirmAddress, true) => (wording::ALREADY_REGISTERED, None),
        (MailPurpose::ResetPassword, true) => (wording::RESET, Some("reset")),
        (MailPurpose::ResetPassword, false) => (wording::NO_ACCOUNT, None),
        (MailPurpose::ConfirmNewAddress, false) => (wording::CONFIRM_NEW_ADDRESS, Some("new-address")),
        (MailPurpose::ConfirmNewAddress, true) => (wording::ADDRESS_IN_USE, None),
        // Also sent to an address that is no longer the account's: it may have been changed meanwhile.
        (MailPurpose::AddressChange, _) => (wording::ADDRESS_CHANGE, Some("old-address")),
        (MailPurpose::SignedOut, _) => (wording::SIGNED_OUT, None),
        (MailPurpose::SecurityChange, _) => (wording::SECURITY_CHANGE, None),
    }
}

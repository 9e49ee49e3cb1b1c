//! The check-up's test messages: a push to each live device of an account, and a mail, worded like any other nudge.

use super::finding::Finding;
use crate::actions::accounts::people::{Person, email_index};
use crate::actions::nudges::claim::{Mailing, Target};
use crate::actions::nudges::device::open_subscription;
use crate::actions::{Fault, Transaction};
use crate::app::App;
use crate::chance::Chance;
use crate::domain::account::Email;
use crate::domain::hand_over::SendResult;
use crate::domain::nudge::{About, AttemptOutcome, Channel, Reason, Rung};
use crate::domain::wording;
use crate::ids::{AccountId, CheckInId};
use crate::store;
use crate::store::device::DeviceRow;
use crate::store::nudge::NudgeRow;
use jiff::{SignedDuration, Timestamp};

const PART: &str = "test";
/// How long a push service keeps a test push for a phone that is off.
const LIFE: SignedDuration = SignedDuration::from_hours(1);

/// The account that the test messages go to.
struct Recipient {
    id: AccountId,
    email: String,
    devices: Vec<Target>,
}

/// Sends the test messages and reports each provider's answer. They are not stored, so they do not count towards the
/// daily cap (R22); nobody can tell them from other nudges (R24).
pub async fn send(app: &App, address: &str) -> Vec<Finding> {
    let Ok(email) = Email::parse("send-to", address) else {
        return vec![Finding::fail(PART, "what --send-to names is not an e-mail address")];
    };
    let recipient = match app.context.read_tx(move |tx| find(tx, &email)).await {
        Ok(Some(recipient)) => recipient,
        Ok(None) => return vec![Finding::fail(PART, "no account has the address that --send-to names")],
        Err(error) => return vec![Finding::fail(PART, format!("the account cannot be read: {error}"))],
    };
    let (now, chance) = (app.context.clock.now(), &app.context.chance);
    let mut findings = Vec::new();
    let all = recipient.devices.len();
    if all == 0 {
        findings.push(Finding::warn(PART, "the account has no device that takes push"));
    }
    for (n, device) in recipient.devices.iter().enumerate() {
        let sent = app
            .senders
            .push
            .send(&nudge(recipient.id, Channel::Push, now, chance), device, (&wording::ASK, true), now)
            .await;
        findings.push(told(&format!("the push to device {} of {all}", n + 1), sent));
    }
    let row = nudge(recipient.id, Channel::Mail, now, chance);
    let (to, letter, path) = (recipient.email, wording::ASK, "open".to_owned());
    let sent = app.senders.mail.send(&row, &Mailing { to, letter, path, choices: None }, now).await;
    findings.push(told("the mail", sent));
    findings
}

fn find(tx: &mut Transaction<'_>, email: &Email) -> Result<Option<Recipient>, Fault> {
    let Some(row) = store::account::find_by_email(tx.db, &email_index(tx.vault, email))? else {
        return Ok(None);
    };
    let person = Person::open(tx.vault, row)?;
    let devices = store::device::live(tx.db, &[person.row.id])?;
    let target = |row: &DeviceRow| {
        let subscription = open_subscription(&person, row)?;
        Ok::<_, Fault>(Target::new(tx, row, subscription, "open".to_owned()))
    };
    let devices = devices.iter().map(target).collect::<Result<_, _>>()?;
    Ok(Some(Recipient { id: person.row.id, email: person.email()?, devices }))
}

/// A nudge that is not stored, about a check-in that does not exist, so that its key is unique.
fn nudge(to: AccountId, channel: Channel, now: Timestamp, chance: &Chance) -> NudgeRow {
    let about = About::CheckIn(CheckInId::at(now, chance), 0, Reason::CheckIn(Rung::Ask));
    NudgeRow::waiting(about, channel, Some(to), (now.into(), (now + LIFE).into()), now, chance)
}

fn told(what: &str, ending: SendResult) -> Finding {
    let code = ending.code.map_or_else(|| "without a code".to_owned(), |code| code.to_string());
    match ending.outcome {
        Some(AttemptOutcome::Accepted) => Finding::ok(PART, format!("{what} was accepted ({code})")),
        Some(AttemptOutcome::Deferred | AttemptOutcome::Refused) if ending.refuses_us => Finding::fail(
            PART,
            format!(
                "{what}: the provider refuses this server ({code}); check the key; for mail, the log-in, the sender's address and the limits of its account"
            ),
        ),
        Some(AttemptOutcome::Gone) => {
            Finding::fail(PART, format!("{what}: its recipient is gone ({code}); register it anew"))
        }
        Some(AttemptOutcome::Deferred) => {
            Finding::fail(PART, format!("{what} was not taken for now ({code}); try again later"))
        }
        Some(AttemptOutcome::Refused) => {
            Finding::fail(PART, format!("{what} was refused ({code}); see the log above, if any"))
        }
        None => Finding::fail(PART, format!("{what} was not sent: its provider answers nobody just now")),
    }
}

//! Accounts: change the profile, pause, and how the person can be reached.

use crate::actions::accounts::people::Person;
use crate::actions::check_ins::schedule;
use crate::actions::nudges::planning;
use crate::actions::{ActionResult, AppContext, Caller, Done, Fault, Transaction};
use crate::domain::account::{AnswerSharing, FURTHER_NOTICE, NAME_MAX};
use crate::domain::change::ChangeKind;
use crate::domain::partner_link::LinkState;
use crate::domain::patch::Patch;
use crate::domain::problem::{Checks, Problem, ProblemCode};
use crate::domain::quiet_hours::{QuietHours, Zone};
use crate::domain::reachability::Ways;
use crate::ids::AccountId;
use crate::store;
use crate::store::account::AccountChange;
use jiff::Timestamp;
use std::sync::Arc;

pub use crate::store::account::ConsentRow;

/// Quiet hours as typed: local times `HH:MM`.
#[derive(Clone, Debug)]
pub struct TypedQuietHours {
    /// Start.
    pub from: String,
    /// End.
    pub until: String,
}

/// A change of the profile; of these only the quiet hours can be cleared.
#[derive(Default)]
pub struct ProfileChange {
    /// What partners see.
    pub display_name: Patch<String>,
    /// IANA name.
    pub zone: Patch<String>,
    /// Cleared: no quiet hours.
    pub quiet_hours: Patch<TypedQuietHours>,
    /// The default for sharing answers.
    pub default_share: Patch<AnswerSharing>,
    /// Whether pushes are wanted.
    pub push: Patch<bool>,
    /// Whether mails are wanted.
    pub mail: Patch<bool>,
}

/// Changes the profile; a new zone or new quiet hours replan the waiting nudges.
pub async fn update_profile(
    context: &Arc<AppContext>,
    by: &Caller,
    input: ProfileChange,
) -> ActionResult<Person> {
    let account = by.requester.account;
    let mut checks = Checks::new();
    let display_name = input.display_name.needed(&mut checks, "displayName");
    let display_name = display_name.map(|name| checks.line("displayName", name, NAME_MAX));
    let zone = input.zone.needed(&mut checks, "zone");
    let zone = zone.and_then(|zone| checks.take(Zone::named("zone", &zone)));
    let default_share = input.default_share.needed(&mut checks, "defaultSharing");
    let push = input.push.needed(&mut checks, "pushWanted");
    let mail = input.mail.needed(&mut checks, "mailWanted");
    let quiet = input.quiet_hours.column().map(|typed| {
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
                default_share,
                push,
                mail,
                // Unnamed columns stay. This one is written back as it is, because an update without any
                // column is invalid.
                address_failed_at: Some(person.row.address_failed_at),
                ..Default::default()
            };
            let rhythm = person.row.reach().rhythm;
            let row = store::account::update(tx.db, account, &change)?;
            if row.reach().rhythm != rhythm {
                schedule::follow_zone(tx, account, (&rhythm.zone, &row.reach().rhythm.zone))?;
                planning::replan_rhythm(tx, account)?;
            }
            tx.tell(&[account], ChangeKind::AccountChanged, account);
            let renamed = row.display_name != person.row.display_name;
            if renamed && Person::read(tx.vault, row.clone()).display_name() != person.display_name() {
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
            Ok(Person::load(tx, account)?)
        })
        .await
}

/// Ends a pause: what is still open is asked now (R05).
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

/// Sets until when the person wants no nudges; None ends the pause. What is open is planned for its end.
pub(in crate::actions) fn set_paused(
    tx: &mut Transaction<'_>,
    account: AccountId,
    until: Option<Timestamp>,
) -> ActionResult<()> {
    let change = AccountChange { paused_until: Some(until.map(Into::into)), ..Default::default() };
    let before = store::account::find(tx.db, account)?.ok_or(Fault::Inconsistent("the account is gone"))?;
    store::account::update(tx.db, account, &change)?;
    // What was not paused is not asked anew.
    if until.is_none() && !before.reach().is_paused(tx.now) {
        return Ok(());
    }
    tx.tell(&[account], ChangeKind::AccountChanged, account);
    Ok(planning::postpone(tx, account)?)
}

/// Tells the person's partners that the display name changed.
fn tell_of_name(tx: &mut Transaction<'_>, account: AccountId) -> Result<(), Fault> {
    let links = store::partner_link::list(tx.db, account, false, i64::MAX)?;
    let active = links.into_iter().filter(|link| link.status == LinkState::Active);
    let ids: Vec<_> = active.map(|link| link.id).collect();
    for member in store::partner_link::members(tx.db, &ids)? {
        tx.tell(&[member.account_id], ChangeKind::LinkChanged, member.link_id);
    }
    Ok(())
}

/// Lets mail go to the person's address again after a mail server refused it for good (R20). Dropped nudges
/// stay dropped; nudges that fall due from now on may go by mail.
pub async fn retry_email(context: &Arc<AppContext>, by: &Caller) -> ActionResult<Done<Person>> {
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

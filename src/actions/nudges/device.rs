//! Devices: register, list and remove Web Push subscriptions.

use crate::actions::accounts::mail_request::tell_of_security;
use crate::actions::accounts::people::Person;
use crate::actions::opened::{Opened, opened};
use crate::actions::{ActionResult, AppContext, Caller, Done, Fault, Transaction};
use crate::auth::Requester;
use crate::domain::change::ChangeKind;
use crate::domain::device::{DEVICES_MAX, LABEL_MAX};
use crate::domain::problem::{Checks, Problem, ProblemCode};
use crate::ids::{AccountId, DeviceId, TypedId};
use crate::store;
use crate::store::device::DeviceRow;
use crate::vault::{Aad, Vault};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use url::Url;

/// Bytes of the hash that names a lane: two push services of one installation share none.
const LANE_BYTES: usize = 9;

/// A Web Push subscription as a browser or app gives it (RFC 8291, 2).
#[derive(Clone, Serialize, Deserialize)]
pub struct Subscription {
    /// Where pushes go.
    pub endpoint: String,
    /// The device's public key, base64url.
    pub p256dh: String,
    /// The shared secret, base64url.
    pub auth: String,
    /// Whether the owner chose to see on the device what a reminder is about (R24).
    #[serde(default)]
    pub fuller_words: bool,
}

/// A device as its owner sees it.
#[derive(Clone, Debug)]
pub struct DeviceView {
    /// Its id.
    pub id: DeviceId,
    /// Its name.
    pub label: Opened<String>,
    /// Whether it shows what a reminder is about.
    pub fuller_words: Opened<bool>,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// Opens a device's subscription.
pub fn open_subscription(person: &Person, row: &DeviceRow) -> Opened<Subscription> {
    let aad = Aad::new("devices", "subscription", row.id.uuid());
    person.key.open_json(aad, &row.subscription)
}

/// Opens the subscriptions of a person's devices, for a message that goes to all of them. One that cannot be opened is
/// left out and named in the log: the others ring all the same.
///
/// # Errors
/// If there are some, and none can be opened.
pub(super) fn open_subscriptions<'a>(
    person: &Person,
    devices: &[&'a DeviceRow],
) -> Result<Vec<(&'a DeviceRow, Subscription)>, Fault> {
    let (mut open, mut last) = (Vec::with_capacity(devices.len()), None);
    for device in devices {
        match open_subscription(person, device) {
            Ok(subscription) => open.push((*device, subscription)),
            Err(cause) => {
                tracing::error!(device = %device.id, %cause, "the subscription of a device cannot be read");
                last = Some(cause);
            }
        }
    }
    match last.filter(|_| open.is_empty()) {
        Some(cause) => Err(cause.into()),
        None => Ok(open),
    }
}

/// The lane of an endpoint's push service (R23): a short keyed hash of its origin, since a push service of one's own may
/// name its owner.
pub fn lane(vault: &Vault, endpoint: &str) -> String {
    let origin =
        Url::parse(endpoint).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization());
    let hash = vault.blind_index("origin", &origin);
    URL_SAFE_NO_PAD.encode(hash.get(..LANE_BYTES).unwrap_or(&hash))
}

/// Ends a subscription that its push service reported as gone (R20).
pub fn end_gone(tx: &mut Transaction<'_>, id: DeviceId, owner: Option<AccountId>) -> Result<(), Fault> {
    let now = tx.ts();
    if store::device::end(tx.db, id, None, now)?
        && let Some(owner) = owner
    {
        tell_of_ways(tx, owner);
    }
    Ok(())
}

/// Devices are not in the feed, but the account shows whether push can reach its person.
fn tell_of_ways(tx: &mut Transaction<'_>, account: AccountId) {
    tx.tell(&[account], ChangeKind::AccountChanged, account);
}

/// Registers a subscription for the session that asks, or renews it; it ends with that session. If another account has
/// the same subscription, that one ends: its reminders would show to the wrong person.
pub async fn register(
    context: &Arc<AppContext>,
    by: &Caller,
    subscription: Subscription,
    label: String,
) -> ActionResult<Done<DeviceView>> {
    let mut checks = Checks::new();
    let label = checks.line("label", label, LABEL_MAX);
    let endpoint = checks.take(context.push_policy.endpoint("endpoint", &subscription.endpoint));
    check_keys(&mut checks, &subscription);
    // The parsed form, not the typed one: one endpoint has one spelling.
    let endpoint = checks.finish_with(endpoint)?.into();
    let subscription = Subscription { endpoint, ..subscription };
    let requester = by.requester;
    context.write_tx(by.key.as_ref(), move |tx| save(tx, requester, &subscription, label)).await
}

fn save(
    tx: &mut Transaction<'_>,
    requester: Requester,
    subscription: &Subscription,
    label: String,
) -> ActionResult<Done<DeviceView>> {
    let account = requester.account;
    let index = tx.vault.blind_index("endpoint", &subscription.endpoint);
    let now = tx.ts();
    store::dialect::lock_account(tx.db, account)?;
    // Another account may register the same endpoint at this moment.
    store::dialect::lock_index(tx.db, &index)?;
    let live = store::device::live(tx.db, &[account])?;
    let existing = store::device::find_endpoint(tx.db, &index)?;
    let is_live = existing.as_ref().is_some_and(|row| live.iter().any(|mine| mine.id == row.id));
    if !is_live && live.len() >= DEVICES_MAX {
        let sentence = format!("At most {DEVICES_MAX} devices can be registered; please remove one first.");
        return Err(Problem::new("endpoint", ProblemCode::OutOfRange, sentence).into());
    }
    let mine = match existing {
        Some(row) if row.account_id == account => Some(row),
        Some(others) => {
            store::device::end(tx.db, others.id, None, now)?;
            tell_of_ways(tx, others.account_id);
            // It may have been somebody who only once held the phone.
            tell_of_security(tx, others.account_id)?;
            None
        }
        None => None,
    };
    let (id, created_at) = match &mine {
        Some(row) => (row.id, row.created_at),
        None => (DeviceId::at(tx.now, tx.chance), now),
    };
    let key = Person::load(tx, account)?.key;
    let aad = |column| Aad::new("devices", column, id.uuid());
    let sealed = key.seal_json(aad("subscription"), subscription)?;
    let sealed_label = key.seal_text(aad("label"), &label)?;
    let lane = lane(tx.vault, &subscription.endpoint);
    if mine.is_some() {
        store::device::renew(tx.db, (id, account), requester.session, (sealed, sealed_label), &lane)?;
    } else {
        let row = DeviceRow {
            id,
            account_id: account,
            endpoint_index: index,
            subscription: sealed,
            label: sealed_label,
            session_id: Some(requester.session),
            created_at: now,
            ended_at: None,
            lane,
            rests_until: None,
        };
        store::device::insert(tx.db, &row)?;
    }
    let fuller_words = subscription.fuller_words;
    let view =
        DeviceView { id, label: Ok(label), fuller_words: Ok(fuller_words), created_at: created_at.get() };
    if is_live {
        return Ok(Done::already(view));
    }
    // New, or signed in again after its session had ended.
    tell_of_ways(tx, account);
    if !live.is_empty() {
        tell_of_security(tx, account)?;
    }
    Ok(Done::now(view))
}

/// Checks that the keys can be used for encryption: a P-256 point and 16 bytes (RFC 8291, 2.1 and 3.2).
/// Public for `fuzz/` alone.
#[doc(hidden)]
pub fn check_keys(checks: &mut Checks, subscription: &Subscription) {
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
    let malformed = |field: &str, sentence: &str| Problem::new(field, ProblemCode::Malformed, sentence);
    let auth = decode(&subscription.auth).filter(|auth| auth.len() == 16);
    if auth.is_none() {
        checks.note(malformed("auth", "This is not a push secret of 16 bytes in base64url."));
    }
    let point = decode(&subscription.p256dh).filter(|point| point.len() == 65 && point[0] == 4);
    let usable = point.is_some_and(|point| ece::encrypt(&point, &[0; 16], b"-").is_ok());
    if !usable {
        checks.note(malformed("p256dh", "This is not a P-256 public key of 65 bytes in base64url."));
    }
}

/// Removes a device.
pub async fn remove(context: &Arc<AppContext>, by: &Caller, id: DeviceId) -> ActionResult<()> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let now = tx.ts();
            if store::device::end(tx.db, id, Some(account), now)? {
                tell_of_ways(tx, account);
                Ok(())
            } else {
                Err(Problem::not_found("deviceId").into())
            }
        })
        .await
}

/// A person's live devices.
pub async fn list(context: &Arc<AppContext>, account: AccountId) -> Result<Vec<DeviceView>, Fault> {
    context
        .read_tx(move |tx| {
            let person = Person::load(tx, account)?;
            let rows = store::device::live(tx.db, &[account])?;
            rows.into_iter()
                .map(|row| {
                    let aad = Aad::new("devices", "label", row.id.uuid());
                    let label = opened(person.key.open_text(aad, &row.label))?;
                    let subscription = opened(open_subscription(&person, &row))?;
                    let fuller_words = subscription.map(|subscription| subscription.fuller_words);
                    Ok(DeviceView { id: row.id, label, fuller_words, created_at: row.created_at.get() })
                })
                .collect()
        })
        .await
}

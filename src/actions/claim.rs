//! Nudges whose time has come: claimed, checked again, and either readied for a sender, moved or dropped.

use super::account::{request_email, request_token};
use super::device::{Subscription, open_subscription};
use super::people::Person;
use super::planning::{self, Bundle, bundles};
use super::{Fault, Unit};
use crate::domain::account::Reach;
use crate::domain::ladder::PATIENCE;
use crate::domain::nudge::{Channel, DropReason, Facts, NudgeState, Rung, Verdict, judge};
use crate::domain::wording::{self, Letter};
use crate::ids::{AccountId, CheckInId, DeviceId, WorkerId};
use crate::store;
use crate::store::device::DeviceRow;
use crate::store::nudge::{NudgeRow, Release};
use crate::store::scene::OutreachRow;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;

/// A nudge that may go out now.
pub struct Ready {
    /// The claimed row.
    pub nudge: NudgeRow,
    /// What a sender needs.
    pub parcel: Parcel,
}

/// What a sender needs.
pub enum Parcel {
    /// For every live device.
    Push(Vec<(DeviceId, Subscription)>),
    /// For an address.
    Mail {
        /// The address.
        to: String,
        /// The words.
        letter: Letter,
        /// Where the link leads, below the public address.
        path: String,
    },
}

/// How long a nudge that cannot be read waits, and how often it is tried.
const UNREADABLE_WAIT: SignedDuration = SignedDuration::from_mins(10);
const UNREADABLE_MAX: i32 = 12;

/// Claims what is due and judges it in the same transaction (R16): what comes back may be sent; the rest was
/// moved or dropped.
///
/// # Errors
/// A fault of the database leaves everything unclaimed; one nudge that cannot be read is put off by itself.
pub fn claim(
    unit: &mut Unit<'_>,
    worker: WorkerId,
    lease: SignedDuration,
    most: i64,
) -> Result<Claimed, Fault> {
    let until = (unit.now + lease).into();
    let now = unit.ts();
    let mut rows = store::dialect::claim(unit.db, worker, now, until, most)?;
    rows.sort_by_key(|row| (row.send_at, row.id));
    let total = rows.len();
    // One row that cannot be read must not keep the others waiting: then each is looked at by itself.
    let together = readable(Surroundings::load(unit, &rows))?.ok();
    let mut readied: HashMap<AccountId, i64> = HashMap::new();
    let mut ready = Vec::new();
    for row in rows {
        let judged = match (row.check_in_id, row.address_request_id) {
            (Some(check_in), _) => judge_check_in(unit, &row, check_in, together.as_ref(), &readied),
            (None, Some(_)) => judge_request(unit, &row),
            (None, None) => Ok(Judged::Drop(DropReason::Expired)),
        };
        match readable(judged)?.unwrap_or_else(|cause| unreadable(unit, &row, &cause)) {
            Judged::Send(parcel) => {
                if let Some(recipient) = row.recipient_id {
                    *readied.entry(recipient).or_default() += 1;
                }
                ready.push(Ready { nudge: row, parcel });
            }
            Judged::Move(at) => {
                // Nothing was tried: what only waited is planned anew like any other.
                release(unit, worker, &row, NudgeState::Waiting, (at, row.attempts - 1), None)?;
            }
            Judged::Retry(at) => {
                release(unit, worker, &row, NudgeState::Waiting, (at, row.attempts), None)?;
            }
            Judged::GiveUp => {
                release(unit, worker, &row, NudgeState::Dead, (unit.now, row.attempts), None)?;
            }
            Judged::Drop(reason) => {
                release(unit, worker, &row, NudgeState::Dropped, (unit.now, row.attempts), Some(reason))?;
                if let (DropReason::Paused, Some(check_in)) = (reason, row.check_in_id)
                    && row.rung != Rung::ReachOut
                    && row.rung != Rung::TellPartner
                {
                    // Who is paused is not asked later either, and nobody is told that they did not answer.
                    planning::stop(unit, &[check_in], planning::SUBJECTS_LADDER, DropReason::Paused)?;
                }
            }
        }
    }
    Ok(Claimed { total, ready })
}

/// What a claim came to.
pub struct Claimed {
    /// How many nudges were due.
    pub total: usize,
    /// Those that may go out.
    pub ready: Vec<Ready>,
}

enum Judged {
    Send(Parcel),
    Move(Timestamp),
    Drop(DropReason),
    Retry(Timestamp),
    GiveUp,
}

/// Tells a row that cannot be read from a database that does not work: only the latter ends the whole claim.
fn readable<T>(result: Result<T, Fault>) -> Result<Result<T, Fault>, Fault> {
    match result {
        Err(fault @ (Fault::Vault(_) | Fault::Inconsistent(_))) => Ok(Err(fault)),
        Err(fault) => Err(fault),
        Ok(value) => Ok(Ok(value)),
    }
}

/// What becomes of a nudge whose surroundings cannot be read: it is tried again later, since the operator may put
/// the right key back, and kept as dead in the end.
fn unreadable(unit: &Unit<'_>, row: &NudgeRow, cause: &Fault) -> Judged {
    tracing::error!(nudge = %row.id, %cause, "a nudge cannot be read");
    if row.attempts >= UNREADABLE_MAX { Judged::GiveUp } else { Judged::Retry(unit.now + UNREADABLE_WAIT) }
}

fn judge_check_in(
    unit: &mut Unit<'_>,
    row: &NudgeRow,
    check_in: CheckInId,
    together: Option<&Surroundings>,
    readied: &HashMap<AccountId, i64>,
) -> Result<Judged, Fault> {
    match together {
        Some(surroundings) => surroundings.judge(unit, row, check_in, readied),
        None => Surroundings::load(unit, std::slice::from_ref(row))?.judge(unit, row, check_in, readied),
    }
}

fn release(
    unit: &mut Unit<'_>,
    worker: WorkerId,
    row: &NudgeRow,
    state: NudgeState,
    (send_at, attempts): (Timestamp, i32),
    reason: Option<DropReason>,
) -> Result<(), Fault> {
    let change = Release {
        state,
        attempts,
        drop_reason: Some(reason),
        channel: row.channel,
        send_at: send_at.into(),
        finished_at: Some((state != NudgeState::Waiting).then(|| unit.ts())),
        leased_by: Some(None),
        lease_until: Some(None),
    };
    store::nudge::release(unit.db, row.id, worker, row.attempts, &change)?;
    Ok(())
}

/// A mail that somebody asked for by address. What it says depends on whether there is an account; what they saw
/// when they asked did not (R28).
fn judge_request(unit: &mut Unit<'_>, row: &NudgeRow) -> Result<Judged, Fault> {
    let Some(id) = row.address_request_id else { return Ok(Judged::Drop(DropReason::Expired)) };
    let request = store::address_request::find(unit.db, id)?;
    let Some(request) = request.filter(|request| request.used_at.is_none() && request.expires_at > unit.ts())
    else {
        return Ok(Judged::Drop(DropReason::Expired));
    };
    let known = store::account::find_by_email(unit.db, &request.email_index)?;
    let token = request_token(unit.vault, row.rung, id);
    let (letter, path) = match (row.rung, known) {
        (Rung::ConfirmAddress, None) => (wording::CONFIRM, format!("verify/{token}")),
        (Rung::ConfirmAddress, Some(_)) => (wording::ALREADY_REGISTERED, "open".to_owned()),
        (Rung::ResetPassword, Some(_)) => (wording::RESET, format!("reset/{token}")),
        (Rung::ResetPassword, None) => return Ok(Judged::Drop(DropReason::Unreachable)),
        (Rung::Ask | Rung::Email | Rung::AskAgain | Rung::TellPartner | Rung::ReachOut, _) => {
            return Ok(Judged::Drop(DropReason::Expired));
        }
    };
    Ok(Judged::Send(Parcel::Mail { to: request_email(unit.vault, &request)?, letter, path }))
}

/// Everything around some claimed nudges, read in a number of statements that does not grow with theirs.
struct Surroundings {
    bundles: HashMap<CheckInId, Bundle>,
    siblings: Vec<NudgeRow>,
    outreaches: Vec<OutreachRow>,
    devices: Vec<DeviceRow>,
}

impl Surroundings {
    fn load(unit: &mut Unit<'_>, rows: &[NudgeRow]) -> Result<Self, Fault> {
        let mut ids: Vec<CheckInId> = rows.iter().filter_map(|row| row.check_in_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let check_ins = store::check_in::find_all(unit.db, &ids)?;
        let mut scenes: Vec<_> = check_ins.iter().map(|row| row.scene_id).collect();
        scenes.sort_unstable();
        scenes.dedup();
        let recipients: Vec<AccountId> = rows.iter().filter_map(|row| row.recipient_id).collect();
        let bundles =
            bundles(unit, check_ins)?.into_iter().map(|bundle| (bundle.check_in.id, bundle)).collect();
        Ok(Self {
            bundles,
            siblings: store::nudge::of_check_ins(unit.db, &ids)?,
            outreaches: store::scene::outreaches(unit.db, &scenes)?,
            devices: store::device::live(unit.db, &recipients)?,
        })
    }

    fn judge(
        &self,
        unit: &mut Unit<'_>,
        row: &NudgeRow,
        check_in: CheckInId,
        readied: &HashMap<AccountId, i64>,
    ) -> Result<Judged, Fault> {
        let Some(bundle) = self.bundles.get(&check_in) else { return Ok(Judged::Drop(DropReason::Expired)) };
        let people = [Some(&bundle.subject), bundle.partner.as_ref()];
        let recipient = people.into_iter().flatten().find(|account| Some(account.id) == row.recipient_id);
        let Some(recipient) = recipient else { return Ok(Judged::Drop(DropReason::LinkEnded)) };
        let reach: Reach = recipient.reach();
        let zone = &reach.rhythm.zone;
        let today = zone.start_of(zone.date(unit.now));
        let sent = store::nudge::sent_since(unit.db, recipient.id, today.into())?;
        let devices: Vec<_> =
            self.devices.iter().filter(|device| device.account_id == recipient.id).collect();
        let on_ladder = |other: &&NudgeRow| {
            other.check_in_id == Some(check_in)
                && other.round == row.round
                && other.recipient_id == row.recipient_id
                && other.id != row.id
        };
        let siblings = || self.siblings.iter().filter(on_ladder);
        let mail_works = reach.mail && recipient.address_failed_at.is_none();
        // A rung by mail takes nobody's place if no mail can be sent: then nothing would be (R21).
        let is_later = |other: &NudgeRow| {
            row.rung.later().contains(&other.rung)
                && (mail_works || other.channel == Channel::Push || other.state == NudgeState::Sent)
                && (other.state == NudgeState::Sent
                    || (other.state == NudgeState::Waiting && other.send_at.get() <= unit.now))
        };
        let partner = bundle.partner.as_ref().map(|partner| partner.id);
        let not_before =
            (row.rung == Rung::TellPartner).then(|| self.patience_ends(bundle, row.round, unit.now));
        let facts = Facts {
            not_before: not_before.flatten(),
            rung: row.rung,
            channel: row.channel,
            expires_at: row.expires_at.get(),
            recipient: &reach,
            live_devices: devices.len(),
            address_works: recipient.address_failed_at.is_none(),
            state: bundle.check_in.state,
            subject_paused: bundle.subject.reach().is_paused(unit.now),
            linked: bundle.linked,
            alert_allowed: bundle.alert.is_some(),
            reached_out: self.outreaches.iter().any(|outreach| {
                outreach.scene_id == bundle.check_in.scene_id
                    && Some(outreach.account_id) == partner
                    && outreach.happened_at >= bundle.check_in.due_at
            }),
            later_rung_due: siblings().any(is_later),
            asked_by_mail: siblings().any(|other| {
                other.rung == Rung::Ask && other.state == NudgeState::Sent && other.channel == Channel::Mail
            }),
            sent_today: sent + readied.get(&recipient.id).copied().unwrap_or(0),
        };
        match judge(&facts, unit.now) {
            Verdict::Move(at) => Ok(Judged::Move(at)),
            Verdict::Drop(reason) => Ok(Judged::Drop(reason)),
            Verdict::Send(channel) => {
                let person = Person::open(unit.vault, recipient.clone())?;
                Ok(Judged::Send(parcel(&person, channel, row.rung, bundle, &devices)?))
            }
        }
    }

    /// Until when the subject has time to answer what was last asked, or is to be asked still: nobody is told that
    /// somebody did not answer before they could (R19, R21).
    fn patience_ends(&self, bundle: &Bundle, round: i32, now: Timestamp) -> Option<Timestamp> {
        let asks = self.siblings.iter().filter(|nudge| {
            nudge.check_in_id == Some(bundle.check_in.id)
                && nudge.round == round
                && nudge.recipient_id == Some(bundle.subject.id)
                && matches!(nudge.rung, Rung::Ask | Rung::Email | Rung::AskAgain)
        });
        let asked = asks.filter_map(|nudge| match nudge.state {
            NudgeState::Sent => nudge.finished_at.map(|at| at.get()),
            NudgeState::Waiting => Some(nudge.send_at.get().max(now)),
            NudgeState::Dropped | NudgeState::Dead => None,
        });
        asked.max().map(|at| at + PATIENCE)
    }
}

fn parcel(
    person: &Person,
    channel: Channel,
    rung: Rung,
    bundle: &Bundle,
    devices: &[&DeviceRow],
) -> Result<Parcel, Fault> {
    match channel {
        Channel::Push => {
            let targets = devices.iter().map(|device| Ok((device.id, open_subscription(person, device)?)));
            Ok(Parcel::Push(targets.collect::<Result<_, Fault>>()?))
        }
        Channel::Mail => {
            let letter = match (rung, bundle.alert) {
                (Rung::TellPartner, Some(action)) => wording::tell_partner(action),
                (Rung::TellPartner, None) | (Rung::ReachOut, _) => wording::REACH_OUT,
                (
                    Rung::Ask | Rung::Email | Rung::AskAgain | Rung::ConfirmAddress | Rung::ResetPassword,
                    _,
                ) => wording::ASK,
            };
            Ok(Parcel::Mail { to: person.email()?, letter, path: "open".to_owned() })
        }
    }
}

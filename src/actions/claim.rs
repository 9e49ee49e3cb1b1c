//! Nudges whose time has come: claimed, checked again, and either readied for a sender, moved or dropped.

use super::account::{request_email, request_token};
use super::device::{Subscription, open_subscription};
use super::page::PageToken;
use super::people::Person;
use super::planning::{self, Alert, Bundle, bundles};
use super::revision_snapshot::RevisionSnapshot;
use super::{Fault, Unit};
use crate::domain::account::Reach;
use crate::domain::hand_over::ATTEMPTS_MAX;
use crate::domain::ladder::PATIENCE;
use crate::domain::negotiation::ContactWay;
use crate::domain::nudge::{Channel, DropReason, Facts, NudgeState, Rung, Verdict, judge};
use crate::domain::quiet_hours::Zone;
use crate::domain::wording::{self, Letter};
use crate::ids::{AccountId, CheckInId, DeviceId, NudgeId, WorkerId};
use crate::store;
use crate::store::account::AccountRow;
use crate::store::device::DeviceRow;
use crate::store::nudge::{NudgeRow, Release};
use crate::store::page_token::PageTokenRow;
use crate::store::scene::OutreachRow;
use crate::store::types::Ts;
use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, HashSet};

/// A nudge that may go out now.
pub struct Ready {
    /// The claimed row.
    pub nudge: NudgeRow,
    /// What a sender needs.
    pub parcel: Parcel,
    /// Whether a mail could take a push's place.
    pub mail_possible: bool,
    /// Whether a live device is left out, since its push service refused this nudge for good.
    pub refused_before: bool,
}

/// What a sender needs.
pub enum Parcel {
    /// For every live device.
    Push {
        /// The devices.
        targets: Vec<(DeviceId, Subscription)>,
        /// Where a tap leads, below the public address.
        path: String,
        /// What a mail would say: for a device whose owner chose fuller words.
        letter: Letter,
    },
    /// For an address.
    Mail(Mailing),
}

/// A mail before it is written.
pub struct Mailing {
    /// The address.
    pub to: String,
    /// The words.
    pub letter: Letter,
    /// Where the link leads, below the public address.
    pub path: String,
    /// The token by which its recipient chooses what comes; none in a mail that somebody asked for by address.
    pub choices: Option<String>,
}

/// How long a nudge that cannot be read waits.
const UNREADABLE_WAIT: SignedDuration = SignedDuration::from_mins(10);

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
    let claimed: Vec<NudgeId> = rows.iter().map(|row| row.id).collect();
    // One row that cannot be read must not keep the others waiting: then each is looked at by itself.
    let together = readable(Surroundings::load(unit, &rows, &claimed))?.ok();
    let (mut ready, mut tokens, mut dead, mut moved) = (Vec::new(), Vec::new(), 0, 0);
    let mut today: HashMap<AccountId, i64> = HashMap::new();
    for row in rows {
        let judged = if row.tries() > ATTEMPTS_MAX {
            spent(unit, &row, &claimed, together.as_ref())
        } else {
            match (row.check_in_id, row.address_request_id) {
                (Some(_), _) => judge_check_in(unit, &row, &claimed, together.as_ref(), &today),
                (None, Some(_)) => judge_request(unit, &row),
                (None, None) => Ok(Judged::drop(&row, DropReason::Expired, now)),
            }
        };
        match readable(judged)?.unwrap_or_else(|cause| unreadable(unit, &row, &cause)) {
            Judged::Send { parcel, mail_possible, refused_before, links } => {
                if let Some(recipient) = row.recipient_id {
                    *today.entry(recipient).or_default() += i64::from(row.device_id.is_none());
                }
                tokens.extend(links);
                ready.push(Ready { nudge: row, parcel, mail_possible, refused_before });
            }
            Judged::End(release) => {
                dead += usize::from(release.state == NudgeState::Dead);
                moved += usize::from(release.due_at.is_some());
                store::nudge::release(unit.db, &[row.id], worker, row.attempts, &release)?;
                if let (Some(Some(DropReason::Paused)), Some(check_in)) =
                    (release.drop_reason, row.check_in_id)
                    && row.rung != Rung::ReachOut
                    && row.rung != Rung::TellPartner
                {
                    // Who is paused is not asked later either, and nobody is told that they did not answer.
                    planning::stop(unit, &[check_in], planning::SUBJECTS_LADDER, DropReason::Paused)?;
                }
            }
        }
    }
    store::page_token::keep(unit.db, &tokens)?;
    Ok(Claimed { total, ready, dead, moved })
}

/// What a claim came to.
pub struct Claimed {
    /// How many nudges were due.
    pub total: usize,
    /// Those that may go out.
    pub ready: Vec<Ready>,
    /// How many were given up.
    pub dead: usize,
    /// How many are to go out later than they were.
    pub moved: usize,
}

enum Judged {
    /// It may go out, as a [`Ready`] one; the tokens of its links.
    Send { parcel: Parcel, mail_possible: bool, refused_before: bool, links: Vec<PageTokenRow> },
    /// It may not, now or ever.
    End(Release),
}

impl Judged {
    fn drop(row: &NudgeRow, reason: DropReason, now: Ts) -> Self {
        Self::End(Release::dropped(row, reason, now))
    }
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
    Judged::End(if row.tries() >= ATTEMPTS_MAX {
        Release::finished(row, NudgeState::Dead, None, unit.ts())
    } else {
        Release::again(row, unit.now + UNREADABLE_WAIT, true)
    })
}

/// What becomes of a nudge whose last claim spent its attempts and did not live to say what became of it: a push goes
/// by mail where one is possible, as it does after as many answers of a push service (R20); the rest is given up.
/// Nothing sealed is opened for it, since that may be what ends every worker that touches it.
fn spent(
    unit: &mut Unit<'_>,
    row: &NudgeRow,
    claimed: &[NudgeId],
    together: Option<&Surroundings>,
) -> Result<Judged, Fault> {
    let mail_possible = match (row.channel, together) {
        (Channel::Mail, _) => false,
        (Channel::Push, Some(surroundings)) => surroundings.mail_possible(row),
        (Channel::Push, None) => {
            Surroundings::load(unit, std::slice::from_ref(row), claimed)?.mail_possible(row)
        }
    };
    Ok(Judged::End(if mail_possible {
        Release::by_mail(row, unit.now)
    } else {
        Release::finished(row, NudgeState::Dead, None, unit.ts())
    }))
}

fn judge_check_in(
    unit: &mut Unit<'_>,
    row: &NudgeRow,
    claimed: &[NudgeId],
    together: Option<&Surroundings>,
    today: &HashMap<AccountId, i64>,
) -> Result<Judged, Fault> {
    match together {
        Some(surroundings) => surroundings.judge(unit, row, today),
        None => Surroundings::load(unit, std::slice::from_ref(row), claimed)?.judge(unit, row, today),
    }
}

/// A mail that somebody asked for by address, or that tells whoever has it. What it says depends on whether there is an
/// account; what they saw when they asked did not, nor does whether there is a mail (R28).
fn judge_request(unit: &mut Unit<'_>, row: &NudgeRow) -> Result<Judged, Fault> {
    let now = unit.ts();
    let Some(id) = row.address_request_id else { return Ok(Judged::drop(row, DropReason::Expired, now)) };
    let request = store::address_request::find(unit.db, id)?;
    let Some(request) = request.filter(|request| request.used_at.is_none() && request.expires_at > now)
    else {
        return Ok(Judged::drop(row, DropReason::Expired, now));
    };
    let known = store::account::find_by_email(unit.db, &request.email_index)?;
    let token = request_token(unit.vault, row.rung, id);
    let (letter, path) = match (row.rung, known) {
        (Rung::ConfirmAddress, None) => (wording::CONFIRM, format!("verify/{token}")),
        (Rung::ConfirmAddress, Some(_)) => (wording::ALREADY_REGISTERED, "open".to_owned()),
        (Rung::ResetPassword, Some(_)) => (wording::RESET, format!("reset/{token}")),
        (Rung::ConfirmNewAddress, None) => (wording::CONFIRM_NEW_ADDRESS, format!("new-address/{token}")),
        (Rung::ConfirmNewAddress, Some(_)) => (wording::ADDRESS_IN_USE, "open".to_owned()),
        // Also to an address that is the account's no more: it may have been changed in the meantime.
        (Rung::AddressChange, _) => (wording::ADDRESS_CHANGE, "open".to_owned()),
        (Rung::SignedOut, Some(account)) => {
            // Nobody asked for this one: it does not come at night.
            let awake = account.reach().rhythm.awake(unit.now);
            if awake > unit.now {
                return Ok(Judged::End(Release::moved(row, awake)));
            }
            if account.address_failed_at.is_some() {
                return Ok(Judged::drop(row, DropReason::Unreachable, now));
            }
            (wording::SIGNED_OUT, "open".to_owned())
        }
        (Rung::SignedOut, None) => return Ok(Judged::drop(row, DropReason::Unreachable, now)),
        (Rung::ResetPassword, None) => (wording::NO_ACCOUNT, "open".to_owned()),
        (Rung::Ask | Rung::Email | Rung::AskAgain | Rung::TellPartner | Rung::ReachOut, _) => {
            return Ok(Judged::drop(row, DropReason::Expired, now));
        }
    };
    let to = request_email(unit.vault, &request)?;
    let parcel = Parcel::Mail(Mailing { to, letter, path, choices: None });
    Ok(Judged::Send { parcel, mail_possible: true, refused_before: false, links: Vec::new() })
}

/// Everything around some claimed nudges, read in a number of statements that does not grow with theirs.
struct Surroundings {
    bundles: HashMap<CheckInId, Bundle>,
    alerts: HashMap<CheckInId, Alert>,
    siblings: Vec<NudgeRow>,
    outreaches: Vec<OutreachRow>,
    devices: Vec<DeviceRow>,
    refused: HashSet<(NudgeId, DeviceId)>,
    sent: Vec<(AccountId, Ts)>,
    held: Vec<AccountId>,
}

/// No local day is longer, clock changes and all.
const LONGEST_DAY: SignedDuration = SignedDuration::from_hours(26);

impl Surroundings {
    fn load(unit: &mut Unit<'_>, rows: &[NudgeRow], claimed: &[NudgeId]) -> Result<Self, Fault> {
        let mut ids: Vec<CheckInId> = rows.iter().filter_map(|row| row.check_in_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let check_ins = store::check_in::find_all(unit.db, &ids)?;
        let mut scenes: Vec<_> = check_ins.iter().map(|row| row.scene_id).collect();
        scenes.sort_unstable();
        scenes.dedup();
        let mut recipients: Vec<AccountId> = rows.iter().filter_map(|row| row.recipient_id).collect();
        recipients.sort_unstable();
        recipients.dedup();
        store::dialect::lock_counts(unit.db, &recipients)?;
        let now = unit.ts();
        let again: Vec<NudgeId> = rows.iter().filter(|row| row.attempts > 1).map(|row| row.id).collect();
        let told: HashSet<_> = rows
            .iter()
            .filter(|row| row.rung == Rung::TellPartner)
            .filter_map(|row| row.check_in_id)
            .collect();
        let bundles = bundles(unit, check_ins)?;
        let told: Vec<&Bundle> = bundles.iter().filter(|bundle| told.contains(&bundle.check_in.id)).collect();
        // What is in hand before what was sent: each statement sees what others saved before it, and a nudge that is
        // recorded between the two counts twice then, and not at all the other way round (R22).
        let held = store::nudge::held(unit.db, &recipients, claimed, now)?;
        let sent = store::nudge::sent_since(unit.db, &recipients, (unit.now - LONGEST_DAY).into())?;
        Ok(Self {
            alerts: planning::alerts(unit, &told, &mut RevisionSnapshot::default())?,
            bundles: bundles.into_iter().map(|bundle| (bundle.check_in.id, bundle)).collect(),
            siblings: store::nudge::of_check_ins(unit.db, &ids)?,
            outreaches: store::scene::outreaches(unit.db, &scenes)?,
            devices: store::device::live(unit.db, &recipients)?,
            refused: store::nudge::refused(unit.db, &again)?.into_iter().collect(),
            sent,
            held,
        })
    }

    /// What a person got in their local day so far, or is about to get (R22).
    fn today(&self, account: &AccountRow, zone: &Zone, now: Timestamp) -> usize {
        let since: Ts = zone.start_of(zone.date(now)).into();
        let sent = self.sent.iter().filter(|(to, at)| *to == account.id && *at >= since).count();
        sent + self.held.iter().filter(|to| **to == account.id).count()
    }

    /// Who receives a nudge about a check-in; none: it is nobody's any more.
    fn recipient<'a>(bundle: &'a Bundle, row: &NudgeRow) -> Option<&'a AccountRow> {
        let people = [Some(&bundle.subject), bundle.partner.as_ref()];
        people.into_iter().flatten().find(|account| Some(account.id) == row.recipient_id)
    }

    /// Whether a mail could take this nudge's place. Not that of a copy for one device: the others have it, and a mail
    /// would be one more.
    fn mail_possible(&self, row: &NudgeRow) -> bool {
        let bundle = row.check_in_id.and_then(|id| self.bundles.get(&id));
        let recipient = bundle.and_then(|bundle| Self::recipient(bundle, row));
        row.device_id.is_none() && recipient.is_some_and(AccountRow::mail_works)
    }

    fn judge(
        &self,
        unit: &mut Unit<'_>,
        row: &NudgeRow,
        today: &HashMap<AccountId, i64>,
    ) -> Result<Judged, Fault> {
        let now = unit.ts();
        let bundle = row.check_in_id.and_then(|id| self.bundles.get(&id));
        let Some(bundle) = bundle else { return Ok(Judged::drop(row, DropReason::Expired, now)) };
        let check_in = bundle.check_in.id;
        let alert = self.alerts.get(&check_in).copied().unwrap_or_default();
        let Some(recipient) = Self::recipient(bundle, row) else {
            return Ok(Judged::drop(row, DropReason::LinkEnded, now));
        };
        let reach: Reach = recipient.reach();
        let straggler = row.device_id.is_some();
        let devices: Vec<_> = self
            .devices
            .iter()
            .filter(|device| device.account_id == recipient.id)
            .filter(|device| row.device_id.is_none_or(|only| only == device.id))
            .collect();
        // What refused it for good is asked again only if nothing else is left: somebody may have mended the cause and
        // had a dead nudge tried anew.
        let open = |device: &&DeviceRow| !self.refused.contains(&(row.id, device.id));
        let still_open: Vec<_> = devices.iter().copied().filter(open).collect();
        let refused_before = !still_open.is_empty() && still_open.len() < devices.len();
        let devices = if refused_before { still_open } else { devices };
        let sent = i64::try_from(self.today(recipient, &reach.rhythm.zone, unit.now)).unwrap_or(i64::MAX);
        let on_ladder = |other: &&NudgeRow| {
            other.check_in_id == Some(check_in)
                && other.round == row.round
                && other.recipient_id == row.recipient_id
                && other.id != row.id
        };
        let siblings = || self.siblings.iter().filter(on_ladder);
        let address_works = recipient.address_failed_at.is_none();
        let mail_works = recipient.mail_works();
        // A rung by mail takes nobody's place if no mail can be sent: then nothing would be (R21).
        let is_later = |other: &NudgeRow| {
            row.rung.later().contains(&other.rung)
                && (mail_works || other.channel == Channel::Push || other.state == NudgeState::Sent)
                && (other.state == NudgeState::Sent
                    || (other.state == NudgeState::Waiting && other.send_at.get() <= unit.now))
        };
        let partner = bundle.partner.as_ref().map(|partner| partner.id);
        let not_before = match row.rung {
            Rung::TellPartner => self.patience_ends(bundle, row, Some(unit.now)),
            Rung::Email | Rung::AskAgain => self.patience_ends(bundle, row, None),
            Rung::Ask
            | Rung::ReachOut
            | Rung::ConfirmAddress
            | Rung::ResetPassword
            | Rung::ConfirmNewAddress
            | Rung::AddressChange
            | Rung::SignedOut => None,
        };
        let asked = |ask: &NudgeRow| matches!(ask.state, NudgeState::Sent | NudgeState::Waiting);
        let asked = self.asks(bundle, row).any(asked);
        let facts = Facts {
            not_before,
            asked,
            rung: row.rung,
            channel: row.channel,
            expires_at: row.expires_at.get(),
            recipient: &reach,
            live_devices: devices.len(),
            // The others have it: a mail would be one more.
            address_works: address_works && !straggler,
            state: bundle.check_in.state,
            subject_paused: bundle.subject.reach().is_silent(unit.now),
            linked: bundle.linked,
            alert_allowed: alert.standing.is_some(),
            reached_out: self.outreaches.iter().any(|outreach| {
                outreach.scene_id == bundle.check_in.scene_id
                    && Some(outreach.account_id) == partner
                    && outreach.happened_at >= bundle.check_in.due_at
            }),
            later_rung_due: siblings().any(is_later),
            asked_by_mail: siblings().any(|other| {
                other.rung == Rung::Ask && other.state == NudgeState::Sent && other.channel == Channel::Mail
            }),
            // What another of one's devices took is counted already.
            sent_today: if straggler { 0 } else { sent + today.get(&recipient.id).copied().unwrap_or(0) },
        };
        match judge(&facts, unit.now) {
            Verdict::Move(at) => Ok(Judged::End(Release::moved(row, at))),
            Verdict::Drop(reason) => Ok(Judged::drop(row, reason, now)),
            Verdict::Send(channel) => {
                let person = Person::open(unit.vault, recipient.clone())?;
                let (parcel, links) = match channel {
                    Channel::Push => by_push(unit, row, bundle, (&person, &devices), alert.standing)?,
                    Channel::Mail => by_mail(unit, row, bundle, &person, alert.standing)?,
                };
                let mail_possible = self.mail_possible(row);
                Ok(Judged::Send { parcel, mail_possible, refused_before, links })
            }
        }
    }

    /// The rungs below `row` that ask its subject, in its round.
    fn asks<'a>(&'a self, bundle: &'a Bundle, row: &'a NudgeRow) -> impl Iterator<Item = &'a NudgeRow> {
        self.siblings.iter().filter(move |nudge| {
            nudge.check_in_id == row.check_in_id
                && nudge.round == row.round
                && nudge.recipient_id == Some(bundle.subject.id)
                && nudge.device_id.is_none()
                && (nudge.rung.later().contains(&row.rung)
                    || (row.rung == Rung::TellPartner
                        && matches!(nudge.rung, Rung::Ask | Rung::Email | Rung::AskAgain)))
        })
    }

    /// Until when the subject has time to answer what was last asked: nobody is asked again, and nobody is told that
    /// somebody did not answer, before they could (R19, R21). `waiting`: now, if what is to be asked still counts too.
    fn patience_ends(
        &self,
        bundle: &Bundle,
        row: &NudgeRow,
        waiting: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let asked = self.asks(bundle, row).filter_map(|nudge| match nudge.state {
            NudgeState::Sent => nudge.finished_at.map(|at| at.get()),
            NudgeState::Waiting => waiting.map(|now| nudge.send_at.get().max(now)),
            NudgeState::Dropped | NudgeState::Dead => None,
        });
        asked.max().map(|at| at + PATIENCE)
    }
}

/// Where the link of a nudge leads: who is asked answers there at once; everybody else opens their app.
fn way(unit: &Unit<'_>, rung: Rung, bundle: &Bundle) -> (String, Option<PageTokenRow>) {
    match rung {
        Rung::Ask | Rung::Email | Rung::AskAgain => {
            let PageToken { token, row } = PageToken::to_answer(unit, &bundle.check_in);
            (format!("c/{token}"), Some(row))
        }
        Rung::TellPartner
        | Rung::ReachOut
        | Rung::ConfirmAddress
        | Rung::ResetPassword
        | Rung::ConfirmNewAddress
        | Rung::AddressChange
        | Rung::SignedOut => ("open".to_owned(), None),
    }
}

/// The words of a nudge about a check-in.
fn letter(rung: Rung, alert: Option<ContactWay>) -> Letter {
    match (rung, alert) {
        (Rung::TellPartner, Some(action)) => wording::tell_partner(action),
        (Rung::TellPartner, None) | (Rung::ReachOut, _) => wording::REACH_OUT,
        (
            Rung::Ask
            | Rung::Email
            | Rung::AskAgain
            | Rung::ConfirmAddress
            | Rung::ResetPassword
            | Rung::ConfirmNewAddress
            | Rung::AddressChange
            | Rung::SignedOut,
            _,
        ) => wording::ASK,
    }
}

fn by_push(
    unit: &Unit<'_>,
    nudge: &NudgeRow,
    bundle: &Bundle,
    (person, devices): (&Person, &[&DeviceRow]),
    alert: Option<ContactWay>,
) -> Result<(Parcel, Vec<PageTokenRow>), Fault> {
    let (path, link) = way(unit, nudge.rung, bundle);
    let letter = letter(nudge.rung, alert);
    let targets = devices.iter().map(|device| Ok((device.id, open_subscription(person, device)?)));
    let targets = targets.collect::<Result<_, Fault>>()?;
    Ok((Parcel::Push { targets, path, letter }, link.into_iter().collect()))
}

fn by_mail(
    unit: &Unit<'_>,
    nudge: &NudgeRow,
    bundle: &Bundle,
    person: &Person,
    alert: Option<ContactWay>,
) -> Result<(Parcel, Vec<PageTokenRow>), Fault> {
    let (path, link) = way(unit, nudge.rung, bundle);
    let letter = letter(nudge.rung, alert);
    let PageToken { token, row } = PageToken::to_choose(unit, nudge, person.row.id);
    let mailing = Mailing { to: person.email()?, letter, path, choices: Some(token) };
    Ok((Parcel::Mail(mailing), link.into_iter().chain([row]).collect()))
}

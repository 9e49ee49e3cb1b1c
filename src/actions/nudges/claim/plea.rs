//! Pleas: decides about a claimed one from current facts, and prepares what the partner gets (R37).

use crate::actions::accounts::people::Person;
use crate::actions::check_ins::page::PageToken;
use crate::actions::links::revision_snapshot::RevisionSnapshot;
use crate::actions::nudges::claim::context::targets;
use crate::actions::nudges::claim::decision::{ClaimDecision, Mailing, Payload, Prepared, Target};
use crate::actions::nudges::device::open_subscriptions;
use crate::actions::{Fault, Transaction};
use crate::domain::nudge::{Channel, DropReason, Verdict};
use crate::domain::partner_link::LinkState;
use crate::domain::plea::{Facts, judge};
use crate::domain::wording::{self, Letter};
use crate::ids::{NudgeId, PleaId};
use crate::store;
use crate::store::nudge::{NudgeRow, Release};
use crate::store::partner_link::LinkRow;

/// Decides about a plea.
pub fn decide(tx: &mut Transaction<'_>, row: &NudgeRow, id: PleaId) -> Result<ClaimDecision, Fault> {
    let now = tx.ts();
    let gone = ClaimDecision::drop(row, DropReason::LinkEnded, now);
    let Some(plea) = store::plea::find(tx.db, id)? else { return Ok(gone) };
    let people = [row.recipient_id, Some(plea.author_id)];
    let accounts = store::account::find_all(tx.db, &people.into_iter().flatten().collect::<Vec<_>>())?;
    let of = |id| accounts.iter().find(|account| Some(account.id) == id);
    let link = store::partner_link::find_all(tx.db, &[plea.link_id])?.pop();
    let members = store::partner_link::members(tx.db, &[plea.link_id])?;
    let mine = members.iter().find(|member| Some(member.account_id) == row.recipient_id);
    let (Some(recipient), Some(author), Some(link), Some(mine)) =
        (of(row.recipient_id), of(Some(plea.author_id)), link, mine)
    else {
        return Ok(gone);
    };
    let live = store::device::live(tx.db, &[recipient.id])?;
    let again: Vec<NudgeId> = (row.attempts > 1).then_some(row.id).into_iter().collect();
    let refused = store::nudge::refused(tx.db, &again)?.into_iter().collect();
    let (devices, refused_before) = targets(row, recipient, &live, &refused);
    let reach = recipient.reach();
    let straggler = row.device_id.is_some();
    let facts = Facts {
        taken_back: plea.taken_back_at.is_some(),
        linked: link.status == LinkState::Active,
        author_held: author.held_at.is_some(),
        expires_at: row.expires_at.get(),
        channel: row.channel,
        recipient: &reach,
        live_devices: devices.len(),
        address_works: recipient.address_failed_at.is_none() && !straggler,
        at_night: mine.pleas_at_night,
    };
    let channel = match judge(&facts, tx.now) {
        Verdict::Move(at) => return Ok(ClaimDecision::End(Release::moved(row, at))),
        Verdict::Drop(reason) => return Ok(ClaimDecision::drop(row, reason, now)),
        Verdict::Send(channel) => channel,
    };
    let letter = letter(tx, &link)?;
    let person = Person::open(tx.vault, recipient.clone())?;
    let mut links = Vec::new();
    let payload = match channel {
        Channel::Push => {
            let mut targets = Vec::new();
            for (device, subscription) in open_subscriptions(&person, &devices)? {
                targets.push(Target::new(tx, device, subscription, "open".to_owned()));
            }
            Payload::Push { targets, letter, answers: false }
        }
        Channel::Mail => {
            let PageToken { token, row } = PageToken::to_choose(tx, row, &person.row);
            links.push(row);
            let (to, path) = (person.email()?, "open".to_owned());
            Payload::Mail(Mailing { to, letter, path, choices: Some(token) })
        }
    };
    let mail_possible = !straggler && recipient.mail_works();
    Ok(ClaimDecision::Send(Prepared { payload, mail_possible, refused_before, links }))
}

/// The agreed words, if the two agreed on what may be suggested; else that somebody would like to hear from them (R13). So
/// also if what they agreed on cannot be read: a plea is heard (R37).
pub(in crate::actions::nudges) fn letter(tx: &mut Transaction<'_>, link: &LinkRow) -> Result<Letter, Fault> {
    let mut known = RevisionSnapshot::default();
    known.include_all(tx, std::iter::once(link))?;
    let Some(agreed) = known.agreed(link.id).map(|agreed| agreed.head.id) else { return Ok(wording::PLEA) };
    known.read_terms(tx, [(link.id, agreed)])?;
    let way = known.terms(agreed).and_then(|terms| terms.partner_alert);
    Ok(way.map_or(wording::PLEA, wording::tell_partner))
}

//! Partner links: invite by code, look, accept, decline, end, and what each side chooses on them.

use super::locked_link::{OwnLink, needs_place};
use super::people::{Person, link_key, link_key_place};
use super::revision_snapshot::RevisionSnapshot;
use super::{Caller, Done, Fault, House, Outcome, Refusal, Unit, hold, planning, scene};
use crate::domain::change::ChangeKind;
use crate::domain::copied_code;
use crate::domain::negotiation::Needs;
use crate::domain::nudge::DropReason;
use crate::domain::partner_link::{
    CODE_LENGTH, INVITATION_LIFE, Invitation, LINKS_MAX, LinkStatus, Role, judge_invitation,
};
use crate::domain::problem::{Problem, ProblemCode};
use crate::ids::{AccountId, LinkId, TypedId};
use crate::store;
use crate::store::StoreError;
use crate::store::check_in::Whose;
use crate::store::partner_link::{LinkChange, LinkRow, MemberChange, MemberRow, pair};
use crate::vault::Place;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// One side of a link as the signed-in person sees it.
#[derive(Clone, Debug)]
pub struct SideView {
    /// Whose side.
    pub account: AccountId,
    /// The display name.
    pub display_name: String,
    /// Default role.
    pub role: Role,
    /// Whether the partner may be told; only one's own is shown.
    pub alert_allowed: bool,
    /// Whether the person wants the two to see how many promises they kept; only one's own is shown.
    pub promise_count_wanted: bool,
    /// The Needs as last written; only one's own: the partner's are read in a Revision.
    pub needs: Option<Needs>,
}

/// A link as one of its two people sees it.
#[derive(Clone, Debug)]
pub struct LinkView {
    /// Its id.
    pub id: LinkId,
    /// Where it stands.
    pub status: LinkStatus,
    /// When the invitation was made.
    pub created_at: Timestamp,
    /// Until when the invitation's code works.
    pub code_expires_at: Option<Timestamp>,
    /// When it became active.
    pub active_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// One's own side.
    pub mine: SideView,
    /// The other's; None before somebody has accepted, and when they are gone.
    pub partners: Option<SideView>,
    /// Whether the other erased their account (R27).
    pub partner_gone: bool,
}

/// What an invitation shows before it is accepted.
#[derive(Clone, Debug)]
pub struct InvitationView {
    /// Who invites.
    pub display_name: String,
    /// The role that they start from.
    pub role: Role,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
}

/// What stands for a name that was not kept when its link ended.
const NAME_NOT_KEPT: &str = "Former partner";

/// Where one side's name of when the link ended belongs.
fn name_place(link: LinkId, account: AccountId) -> Place {
    Place::pair("link_members", "name_at_end", link.uuid(), account.uuid())
}

/// Opens links for one of their people: in a fixed number of statements.
pub fn views(unit: &mut Unit<'_>, links: Vec<LinkRow>, reader: AccountId) -> Result<Vec<LinkView>, Fault> {
    let ids: Vec<_> = links.iter().map(|link| link.id).collect();
    let members = store::partner_link::members(unit.db, &ids)?;
    let accounts: Vec<_> = members.iter().map(|member| member.account_id).collect();
    let people = Person::load_all(unit, &accounts)?;
    let names = people.iter().map(|(id, person)| Ok((*id, person.display_name()?)));
    let names: HashMap<_, _> = names.collect::<Result<_, Fault>>()?;
    let mut views = Vec::with_capacity(links.len());
    for link in links {
        let key = link_key(unit.vault, &link)?;
        let side = |member: &MemberRow| -> Result<SideView, Fault> {
            let own = member.account_id == reader;
            let needs = member.needs.as_deref().filter(|_| own);
            let needs =
                needs.map(|sealed| key.open_json(needs_place(link.id, reader), sealed)).transpose()?;
            let name = match (own || link.status != LinkStatus::Ended, &member.name_at_end) {
                (true, _) => names.get(&member.account_id).cloned().unwrap_or_default(),
                (false, Some(sealed)) => key.open_text(name_place(link.id, member.account_id), sealed)?,
                (false, None) => NAME_NOT_KEPT.to_owned(),
            };
            Ok(SideView {
                account: member.account_id,
                display_name: name,
                role: member.role,
                alert_allowed: own && member.alert_allowed,
                promise_count_wanted: own && member.promise_count_wanted,
                needs,
            })
        };
        let of_link = || members.iter().filter(|member| member.link_id == link.id);
        let mine = of_link().find(|member| member.account_id == reader);
        let mine = side(mine.ok_or(Fault::Inconsistent("a link without its reader"))?)?;
        let partners = of_link().find(|member| member.account_id != reader).map(side).transpose()?;
        views.push(LinkView {
            id: link.id,
            status: link.status,
            created_at: link.created_at.get(),
            code_expires_at: link
                .code_expires_at
                .filter(|_| link.status == LinkStatus::Invited)
                .map(|at| at.get()),
            active_at: link.active_at.map(|at| at.get()),
            ended_at: link.ended_at.map(|at| at.get()),
            mine,
            partner_gone: link.active_at.is_some() && partners.is_none(),
            partners,
        });
    }
    Ok(views)
}

fn view(unit: &mut Unit<'_>, link: LinkRow, reader: AccountId) -> Result<LinkView, Fault> {
    views(unit, vec![link], reader)?.pop().ok_or(Fault::Inconsistent("a link that vanished"))
}

fn too_many() -> Problem {
    let sentence = format!("At most {LINKS_MAX} links can be open at once.");
    Problem::new("input", ProblemCode::OutOfRange, sentence)
}

/// Makes an invitation. Its code is shown once, here; the person hands it on as they like.
pub async fn invite(house: &Arc<House>, by: &Caller, role: Role) -> Outcome<(LinkView, String)> {
    let account = by.requester.account;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            store::dialect::lock_account(unit.db, account)?;
            hold::refuse_if_held(unit, account)?;
            let now = unit.ts();
            if store::partner_link::count_open(unit.db, account, now)? >= LINKS_MAX {
                return Err(too_many().into());
            }
            let id = LinkId::at(unit.now, unit.chance);
            let (_, wrapped) = unit.new_data_key(link_key_place(id))?;
            let code = copied_code::from_chance(&unit.chance.bytes::<CODE_LENGTH>());
            let row = LinkRow {
                id,
                status: LinkStatus::Invited,
                data_key: wrapped,
                inviter_id: Some(account),
                code_hash: Some(unit.vault.blind_index("invitation", &code)),
                code_expires_at: Some((unit.now + INVITATION_LIFE).into()),
                pair: None,
                created_at: unit.ts(),
                active_at: None,
                ended_at: None,
            };
            store::partner_link::insert(unit.db, &row)?;
            store::partner_link::insert_member(unit.db, &new_member(id, account, role))?;
            unit.tell(&[account], ChangeKind::LinkChanged, id);
            Ok((view(unit, row, account)?, copied_code::shown(&code)))
        })
        .await
}

fn new_member(link: LinkId, account: AccountId, role: Role) -> MemberRow {
    MemberRow {
        link_id: link,
        account_id: account,
        role,
        alert_allowed: false,
        needs: None,
        needs_written_at: None,
        promise_count_wanted: false,
        name_at_end: None,
    }
}

/// An open invitation with its link and inviter.
struct OpenInvitation {
    link: LinkRow,
    inviter: MemberRow,
}

fn find_invitation(unit: &mut Unit<'_>, typed: &str, reader: AccountId) -> Outcome<OpenInvitation> {
    let gone =
        || Problem::new("code", ProblemCode::Expired, "This code is not known, was used, or is too old.");
    let code = copied_code::canonical(typed, CODE_LENGTH).ok_or_else(gone)?;
    let (index, now) = (unit.vault.blind_index("invitation", &code), unit.ts());
    let found = store::partner_link::find_by_code(unit.db, &index, now)?.ok_or_else(gone)?;
    store::dialect::lock_link(unit.db, found.id)?;
    let link = store::partner_link::find_by_code(unit.db, &index, now)?.ok_or_else(gone)?;
    let inviter = store::partner_link::members(unit.db, &[link.id])?.into_iter().next().ok_or_else(gone)?;
    let linked = store::partner_link::are_linked(unit.db, inviter.account_id, reader)?;
    let own = inviter.account_id == reader;
    let expires_at = link.code_expires_at.map(|at| at.get());
    match judge_invitation(link.status, expires_at, own, linked, unit.now) {
        Invitation::Open => Ok(OpenInvitation { link, inviter }),
        Invitation::Gone => Err(gone().into()),
        Invitation::Own => Err(Problem::wrong_state("code", "This is your own invitation.").into()),
        Invitation::Linked => Err(linked_already().into()),
    }
}

fn linked_already() -> Problem {
    Problem::wrong_state("code", "You two are linked already.")
}

/// Codes are short enough to be guessed at: they are counted, right or wrong (R34).
fn count_guess(house: &House, by: AccountId) -> Result<(), Problem> {
    house.rates.code(by).map_err(|wait| Problem::try_later("code", wait))
}

/// Shows an invitation to whoever holds its code, before they decide.
pub async fn look_at(house: &Arc<House>, reader: AccountId, code: String) -> Outcome<InvitationView> {
    count_guess(house, reader)?;
    // A look locks the row for a moment, so it is a unit that writes, though it writes nothing.
    house
        .write_tx(None, move |unit| {
            let found = find_invitation(unit, &code, reader)?;
            let person = Person::load(unit, found.inviter.account_id)?;
            let expires_at = found.link.code_expires_at.map_or(unit.now, |at| at.get());
            Ok(InvitationView { display_name: person.display_name()?, role: found.inviter.role, expires_at })
        })
        .await
}

/// Accepts an invitation: the link is active.
pub async fn accept(house: &Arc<House>, by: &Caller, code: String, role: Role) -> Outcome<LinkView> {
    let account = by.requester.account;
    count_guess(house, account)?;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            store::dialect::lock_account(unit.db, account)?;
            hold::refuse_if_held(unit, account)?;
            let OpenInvitation { link, inviter } = find_invitation(unit, &code, account)?;
            let now = unit.ts();
            if store::partner_link::count_open(unit.db, account, now)? >= LINKS_MAX {
                return Err(too_many().into());
            }
            store::partner_link::insert_member(unit.db, &new_member(link.id, account, role))?;
            unit.tell(&[account, inviter.account_id], ChangeKind::LinkChanged, link.id);
            let change = LinkChange {
                status: Some(LinkStatus::Active),
                code_hash: Some(None),
                pair: Some(Some(pair(account, inviter.account_id))),
                active_at: Some(Some(unit.ts())),
                ..Default::default()
            };
            // Two who accept each other's codes at once lock different rows: the unique pair decides.
            let row =
                store::partner_link::update(unit.db, link.id, &change).map_err(StoreError::from).map_err(
                    |error| if error.is_conflict() { linked_already().into() } else { Refusal::from(error) },
                )?;
            Ok(view(unit, row, account)?)
        })
        .await
}

/// Declines an invitation: its code stops working. The inviter sees it as ended and hears nothing.
pub async fn decline(house: &Arc<House>, by: &Caller, code: String) -> Outcome<()> {
    let account = by.requester.account;
    count_guess(house, account)?;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            let found = find_invitation(unit, &code, account)?;
            end_row(unit, found.link.id)?;
            unit.tell(&[found.inviter.account_id], ChangeKind::LinkChanged, found.link.id);
            Ok(())
        })
        .await
}

fn end_row(unit: &mut Unit<'_>, id: LinkId) -> Result<LinkRow, Fault> {
    let change = LinkChange {
        status: Some(LinkStatus::Ended),
        code_hash: Some(None),
        ended_at: Some(Some(unit.ts())),
        ..Default::default()
    };
    Ok(store::partner_link::update(unit.db, id, &change)?)
}

/// Keeps both names as they are: what either is called later is no part of a link that has ended (R12).
fn keep_names(unit: &mut Unit<'_>, link: &OwnLink) -> Result<(), Fault> {
    for account in link.accounts() {
        let name = Person::load(unit, account)?.display_name()?;
        let sealed = link.key.seal_text(name_place(link.row.id, account), &name)?;
        let change = MemberChange { name_at_end: Some(Some(sealed)), ..Default::default() };
        store::partner_link::update_member(unit.db, link.row.id, account, &change)?;
    }
    Ok(())
}

/// Ends a link at once, or takes an invitation back. The other is sent nothing; alerts and prompts about each
/// other stop; each one's own check-ins stay (R12).
pub async fn end(house: &Arc<House>, by: &Caller, id: LinkId) -> Outcome<Done<LinkView>> {
    let account = by.requester.account;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            let link = OwnLink::load(unit, "linkId", id, account)?;
            if link.row.status == LinkStatus::Ended {
                return Ok(Done::already(view(unit, link.row, account)?));
            }
            let row = end_now(unit, &link)?;
            Ok(Done::now(view(unit, row, account)?))
        })
        .await
}

fn end_now(unit: &mut Unit<'_>, link: &OwnLink) -> Outcome<LinkRow> {
    let id = link.row.id;
    let row = end_row(unit, id)?;
    unit.tell(&link.accounts(), ChangeKind::LinkChanged, id);
    keep_names(unit, link)?;
    scene::finish_with_link(unit, link)?;
    let now = unit.ts();
    let open = store::check_in::open(unit.db, Whose::Links(vec![id]), now)?;
    let open: Vec<_> = open.iter().map(|row| row.id).collect();
    planning::stop(unit, &open, planning::ABOUT_EACH_OTHER, DropReason::LinkEnded)?;
    Ok(row)
}

/// Ends every link of a person and takes their invitations back, each as [`end`] does.
pub(super) fn end_all(unit: &mut Unit<'_>, account: AccountId) -> Outcome<()> {
    let rows = store::partner_link::list(unit.db, account, false, i64::MAX)?;
    let mut ids: Vec<_> = rows.into_iter().map(|row| row.id).collect();
    // In one order, so that two who do this at once do not wait for each other.
    ids.sort_unstable();
    for id in ids {
        let link = OwnLink::load(unit, "linkId", id, account)?;
        if link.row.status != LinkStatus::Ended {
            end_now(unit, &link)?;
        }
    }
    Ok(())
}

/// Sets one's own default role, whether the partner may be told that reaching out would be welcome (R10), and whether
/// the two are to see how many promises they kept. Nobody is told of any of it.
pub async fn set_preferences(
    house: &Arc<House>,
    by: &Caller,
    id: LinkId,
    role: Option<Role>,
    alert_allowed: Option<bool>,
    promise_count_wanted: Option<bool>,
) -> Outcome<LinkView> {
    let account = by.requester.account;
    house
        .write_tx(by.key.as_ref(), move |unit| {
            let link = OwnLink::load_active(unit, "linkId", id, account)?;
            if alert_allowed == Some(true) {
                hold::refuse_if_held(unit, account)?;
            }
            if role.is_some() || alert_allowed.is_some() || promise_count_wanted.is_some() {
                let change = MemberChange { role, alert_allowed, promise_count_wanted, ..Default::default() };
                store::partner_link::update_member(unit.db, id, account, &change)?;
                planning::review_alerts(unit, id, &mut RevisionSnapshot::default())?;
                unit.tell(&[account], ChangeKind::LinkChanged, id);
                // Of all this the other one sees the role alone.
                let other = link.members.iter().find(|member| member.account_id != account);
                let before = link.members.iter().find(|member| member.account_id == account);
                if let (Some(other), Some(before), Some(role)) = (other, before, role)
                    && before.role != role
                {
                    unit.tell(&[other.account_id], ChangeKind::LinkChanged, id);
                }
            }
            Ok(view(unit, link.row, account)?)
        })
        .await
}

/// A person's links, the newest first.
pub async fn list(house: &Arc<House>, account: AccountId, ended_too: bool) -> Result<Vec<LinkView>, Fault> {
    house
        .read_tx(move |unit| {
            let rows = store::partner_link::list(unit.db, account, ended_too, 200)?;
            views(unit, rows, account)
        })
        .await
}

/// Some links of a person; those of others are left out.
pub async fn find(house: &Arc<House>, account: AccountId, ids: Vec<LinkId>) -> Result<Vec<LinkView>, Fault> {
    house
        .read_tx(move |unit| {
            let members = store::partner_link::members(unit.db, &ids)?;
            let own: Vec<_> = members.iter().filter(|m| m.account_id == account).map(|m| m.link_id).collect();
            let rows = store::partner_link::find_all(unit.db, &own)?;
            views(unit, rows, account)
        })
        .await
}

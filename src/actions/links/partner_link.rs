//! Partner links: invite by code, look, accept, decline, end, and each side's preferences.

use crate::actions::accounts::people::{Person, link_key, link_key_aad};
use crate::actions::accounts::suspension;
use crate::actions::links::locked_link::{OwnLink, needs_aad};
use crate::actions::links::revision_snapshot::RevisionSnapshot;
use crate::actions::nudges::planning;
use crate::actions::opened::{Opened, opened};
use crate::actions::scenes::scene;
use crate::actions::{ActionResult, AppContext, Caller, Done, Fault, Refusal, Transaction};
use crate::domain::change::ChangeKind;
use crate::domain::copied_code;
use crate::domain::negotiation::Needs;
use crate::domain::nudge::DropReason;
use crate::domain::partner_link::{
    CODE_LENGTH, INVITATION_LIFE, Invitation, LINKS_MAX, LinkState, Permission, Role, judge_invitation,
};
use crate::domain::patch::Patch;
use crate::domain::problem::{Checks, Problem, ProblemCode};
use crate::ids::{AccountId, LinkId, TypedId};
use crate::store;
use crate::store::check_in::Whose;
use crate::store::partner_link::{LinkChange, LinkRow, MemberChange, MemberRow, pair};
use crate::vault::Aad;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// One side of a link as the signed-in person sees it.
#[derive(Clone, Debug)]
pub struct SideView {
    /// The account.
    pub account: AccountId,
    /// The display name.
    pub display_name: Opened<String>,
    /// The default role.
    pub role: Role,
    /// Whether the partner may be told that reaching out would be welcome; only shown to oneself.
    pub alert_allowed: bool,
    /// Whether the person may be woken by a plea of the other; false in the partner's.
    pub pleas_at_night: bool,
    /// Whether the person wants both to see the number of kept promises; only shown to oneself.
    pub promise_count_wanted: bool,
    /// The Needs as last written; only one's own, because the partner's are read in a Revision.
    pub needs: Opened<Option<Needs>>,
}

/// A link as one of its two people sees it.
#[derive(Clone, Debug)]
pub struct LinkView {
    /// Its id.
    pub id: LinkId,
    /// Its status.
    pub status: LinkState,
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
    /// The partner's side; None before the invitation is accepted, and after the partner's erasure.
    pub partners: Option<SideView>,
    /// Whether the partner erased their account (R27).
    pub partner_gone: bool,
}

/// What an invitation shows before it is accepted.
#[derive(Clone, Debug)]
pub struct InvitationView {
    /// Who invites.
    pub display_name: Opened<String>,
    /// The inviter's default role.
    pub role: Role,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
}

/// Stands for a partner's name that was not stored when the link ended.
const NAME_NOT_KEPT: &str = "Former partner";

/// The AAD of one side's name at the end of the link.
fn name_aad(link: LinkId, account: AccountId) -> Aad {
    Aad::pair("link_members", "name_at_end", link.uuid(), account.uuid())
}

/// Opens links for one of their two people, in a fixed number of statements.
pub fn views(
    tx: &mut Transaction<'_>,
    links: Vec<LinkRow>,
    reader: AccountId,
) -> Result<Vec<LinkView>, Fault> {
    let ids: Vec<_> = links.iter().map(|link| link.id).collect();
    let members = store::partner_link::members(tx.db, &ids)?;
    let accounts: Vec<_> = members.iter().map(|member| member.account_id).collect();
    let people = Person::load_all(tx, &accounts)?;
    let names = people.iter().map(|(id, person)| Ok((*id, opened(person.display_name())?)));
    let names: HashMap<_, _> = names.collect::<Result<_, Fault>>()?;
    let mut views = Vec::with_capacity(links.len());
    for link in links {
        let key = link_key(tx.vault, &link);
        let side = |member: &MemberRow| -> Result<SideView, Fault> {
            let own = member.account_id == reader;
            let needs = member.needs.as_deref().filter(|_| own);
            let needs = needs.map(|sealed| key.open_json(needs_aad(link.id, reader), sealed)).transpose();
            let name = match (own || link.status != LinkState::Ended, &member.name_at_end) {
                (true, _) => names.get(&member.account_id).cloned().unwrap_or(Ok(String::new())),
                (false, Some(sealed)) => opened(key.open_text(name_aad(link.id, member.account_id), sealed))?,
                (false, None) => Ok(NAME_NOT_KEPT.to_owned()),
            };
            Ok(SideView {
                account: member.account_id,
                display_name: name,
                role: member.role,
                alert_allowed: own && member.alert_allowed,
                pleas_at_night: own && member.pleas_at_night,
                promise_count_wanted: own && member.promise_count_wanted,
                needs: opened(needs)?,
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
                .filter(|_| link.status == LinkState::Invited)
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

fn view(tx: &mut Transaction<'_>, link: LinkRow, reader: AccountId) -> Result<LinkView, Fault> {
    views(tx, vec![link], reader)?.pop().ok_or(Fault::Inconsistent("a link that vanished"))
}

fn too_many() -> Problem {
    let sentence = format!("At most {LINKS_MAX} links can be open at once.");
    Problem::new("input", ProblemCode::OutOfRange, sentence)
}

/// Creates an invitation. Its code is shown once, here, and the person passes it on.
pub async fn invite(context: &Arc<AppContext>, by: &Caller, role: Role) -> ActionResult<(LinkView, String)> {
    let (account, by_session) = (by.requester.account, by.requester.session);
    context
        .write_tx(by.key.as_ref(), move |tx| {
            store::dialect::lock_account(tx.db, account)?;
            // A new password, which takes invitations back, may have ended the session while this waited for the lock.
            if store::session::find_live(tx.db, by_session, account)?.is_none() {
                let sentence = "This device is signed out. Please log in again.";
                return Err(Problem::new("input", ProblemCode::Expired, sentence).into());
            }
            suspension::refuse_if_suspended(tx, account)?;
            let now = tx.ts();
            if store::partner_link::count_open(tx.db, account, now)? >= LINKS_MAX {
                return Err(too_many().into());
            }
            let id = LinkId::at(tx.now, tx.chance);
            let (_, wrapped) = tx.new_data_key(link_key_aad(id))?;
            let code = copied_code::from_chance(&tx.chance.bytes::<CODE_LENGTH>());
            let row = LinkRow {
                id,
                status: LinkState::Invited,
                data_key: wrapped,
                inviter_id: Some(account),
                code_hash: Some(tx.vault.blind_index("invitation", &code)),
                code_expires_at: Some((tx.now + INVITATION_LIFE).into()),
                pair: None,
                created_at: tx.ts(),
                active_at: None,
                ended_at: None,
            };
            store::partner_link::insert(tx.db, &row)?;
            store::partner_link::insert_member(tx.db, &new_member(id, account, role))?;
            tx.tell(&[account], ChangeKind::LinkChanged, id);
            Ok((view(tx, row, account)?, copied_code::shown(&code)))
        })
        .await
}

fn new_member(link: LinkId, account: AccountId, role: Role) -> MemberRow {
    MemberRow {
        link_id: link,
        account_id: account,
        role,
        alert_allowed: false,
        pleas_at_night: false,
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

fn find_invitation(tx: &mut Transaction<'_>, typed: &str, reader: AccountId) -> ActionResult<OpenInvitation> {
    let gone =
        || Problem::new("code", ProblemCode::Expired, "This code is not known, was used, or is too old.");
    let code = copied_code::canonical(typed, CODE_LENGTH).ok_or_else(gone)?;
    let (index, now) = (tx.vault.blind_index("invitation", &code), tx.ts());
    let found = store::partner_link::find_by_code(tx.db, &index, now)?.ok_or_else(gone)?;
    store::dialect::lock_link(tx.db, found.id)?;
    let link = store::partner_link::find_by_code(tx.db, &index, now)?.ok_or_else(gone)?;
    let inviter = store::partner_link::members(tx.db, &[link.id])?.into_iter().next().ok_or_else(gone)?;
    let linked = store::partner_link::are_linked(tx.db, inviter.account_id, reader)?;
    let own = inviter.account_id == reader;
    let expires_at = link.code_expires_at.map(|at| at.get());
    match judge_invitation(link.status, expires_at, own, linked, tx.now) {
        Invitation::Open => Ok(OpenInvitation { link, inviter }),
        Invitation::Gone => Err(gone().into()),
        Invitation::Own => Err(Problem::wrong_state("code", "This is your own invitation.").into()),
        Invitation::Linked => Err(linked_already().into()),
    }
}

fn linked_already() -> Problem {
    Problem::wrong_state("code", "You two are linked already.")
}

/// Codes are short enough to guess, so every try counts, right or wrong (R34).
fn count_guess(context: &AppContext, by: AccountId) -> Result<(), Problem> {
    context.rates.code(by).map_err(|wait| Problem::try_later("code", wait))
}

/// Shows an invitation to the holder of its code before they decide.
pub async fn look_at(
    context: &Arc<AppContext>,
    reader: AccountId,
    code: String,
) -> ActionResult<InvitationView> {
    count_guess(context, reader)?;
    // Locking the row needs a write transaction, although nothing is written.
    context
        .write_tx(None, move |tx| {
            let found = find_invitation(tx, &code, reader)?;
            let person = Person::load(tx, found.inviter.account_id)?;
            let expires_at = found.link.code_expires_at.map_or(tx.now, |at| at.get());
            Ok(InvitationView {
                display_name: opened(person.display_name())?,
                role: found.inviter.role,
                expires_at,
            })
        })
        .await
}

/// Accepts an invitation and activates the link.
pub async fn accept(
    context: &Arc<AppContext>,
    by: &Caller,
    code: String,
    role: Role,
) -> ActionResult<LinkView> {
    let account = by.requester.account;
    count_guess(context, account)?;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            store::dialect::lock_account(tx.db, account)?;
            suspension::refuse_if_suspended(tx, account)?;
            let OpenInvitation { link, inviter } = find_invitation(tx, &code, account)?;
            let now = tx.ts();
            if store::partner_link::count_open(tx.db, account, now)? >= LINKS_MAX {
                return Err(too_many().into());
            }
            store::partner_link::insert_member(tx.db, &new_member(link.id, account, role))?;
            tx.tell(&[account, inviter.account_id], ChangeKind::LinkChanged, link.id);
            let change = LinkChange {
                status: Some(LinkState::Active),
                code_hash: Some(None),
                pair: Some(Some(pair(account, inviter.account_id))),
                active_at: Some(Some(tx.ts())),
                ..Default::default()
            };
            // Two people who accept each other's codes at once lock different rows; the unique pair decides.
            let row = store::partner_link::update(tx.db, link.id, &change)
                .map_err(|error| Refusal::of_write(error, linked_already()))?;
            Ok(view(tx, row, account)?)
        })
        .await
}

/// Declines an invitation: its code stops working. The inviter sees it as ended and gets no nudge.
pub async fn decline(context: &Arc<AppContext>, by: &Caller, code: String) -> ActionResult<()> {
    let account = by.requester.account;
    count_guess(context, account)?;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let found = find_invitation(tx, &code, account)?;
            end_row(tx, found.link.id)?;
            tx.tell(&[found.inviter.account_id], ChangeKind::LinkChanged, found.link.id);
            Ok(())
        })
        .await
}

fn end_row(tx: &mut Transaction<'_>, id: LinkId) -> Result<LinkRow, Fault> {
    let change = LinkChange {
        status: Some(LinkState::Ended),
        code_hash: Some(None),
        ended_at: Some(Some(tx.ts())),
        ..Default::default()
    };
    Ok(store::partner_link::update(tx.db, id, &change)?)
}

/// Stores both names as they are: a later name is not part of an ended link (R12). One that cannot be read is not stored;
/// it keeps nobody in a link.
fn keep_names(tx: &mut Transaction<'_>, link: &OwnLink) -> Result<(), Fault> {
    for account in link.accounts() {
        let name = Person::load(tx, account)?.display_name();
        let sealed = name.and_then(|name| link.key.seal_text(name_aad(link.row.id, account), &name));
        let sealed = match sealed {
            Ok(sealed) => sealed,
            Err(cause) => {
                tracing::error!(link = %link.row.id, %cause, "a name at the end of a link is not kept");
                continue;
            }
        };
        let change = MemberChange { name_at_end: Some(Some(sealed)), ..Default::default() };
        store::partner_link::update_member(tx.db, link.row.id, account, &change)?;
    }
    Ok(())
}

/// Ends a link at once, or cancels an invitation. The partner gets no nudge; alerts and prompts about each
/// other stop; each person's own check-ins stay (R12).
pub async fn end(context: &Arc<AppContext>, by: &Caller, id: LinkId) -> ActionResult<Done<LinkView>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let link = OwnLink::load(tx, "linkId", id, account)?;
            if link.row.status == LinkState::Ended {
                return Ok(Done::already(view(tx, link.row, account)?));
            }
            let row = end_now(tx, link)?;
            Ok(Done::now(view(tx, row, account)?))
        })
        .await
}

fn end_now(tx: &mut Transaction<'_>, link: OwnLink) -> ActionResult<LinkRow> {
    let id = link.row.id;
    let row = end_row(tx, id)?;
    tx.tell(&link.accounts(), ChangeKind::LinkChanged, id);
    keep_names(tx, &link)?;
    scene::finish_with_link(tx, link)?;
    let now = tx.ts();
    let open = store::check_in::open(tx.db, Whose::Links(vec![id]), now)?;
    let open: Vec<_> = open.iter().map(|row| row.id).collect();
    planning::stop(tx, &open, planning::ABOUT_EACH_OTHER, DropReason::LinkEnded)?;
    Ok(row)
}

/// Ends every link and invitation of a person, each as [`end`] does.
pub(in crate::actions) fn end_all(tx: &mut Transaction<'_>, account: AccountId) -> ActionResult<()> {
    end_each(tx, account, |status| status != LinkState::Ended)
}

/// Takes back every invitation of a person that nobody has accepted; who accepted one stays linked.
pub(in crate::actions) fn take_back_invitations(
    tx: &mut Transaction<'_>,
    account: AccountId,
) -> ActionResult<()> {
    end_each(tx, account, |status| status == LinkState::Invited)
}

fn end_each(
    tx: &mut Transaction<'_>,
    account: AccountId,
    ends: impl Fn(LinkState) -> bool,
) -> ActionResult<()> {
    let rows = store::partner_link::list(tx.db, account, false, i64::MAX)?;
    let mut ids: Vec<_> = rows.into_iter().filter(|row| ends(row.status)).map(|row| row.id).collect();
    // In a fixed order, so that two people who do this at once do not deadlock.
    ids.sort_unstable();
    for id in ids {
        let link = OwnLink::load(tx, "linkId", id, account)?;
        if ends(link.row.status) {
            end_now(tx, link)?;
        }
    }
    Ok(())
}

/// A change of one's own choices on a link; none of them can be cleared.
#[derive(Default)]
pub struct Choices {
    /// One's own default role.
    pub role: Patch<Role>,
    /// Whether the partner may be told that reaching out would be welcome.
    pub alert: Patch<Permission>,
    /// Whether the number of kept promises is wanted.
    pub promise_count_wanted: Patch<bool>,
    /// Whether a plea of the other may wake one.
    pub night_pleas: Patch<Permission>,
}

/// Sets one's own default role, whether the partner may be told that reaching out would be welcome (R10), whether one may
/// be woken by a plea (R37), and whether both are to see the number of kept promises. The partner gets no nudge about it.
pub async fn set_preferences(
    context: &Arc<AppContext>,
    by: &Caller,
    id: LinkId,
    choices: Choices,
) -> ActionResult<LinkView> {
    let account = by.requester.account;
    let mut checks = Checks::new();
    let role = choices.role.needed(&mut checks, "role");
    let alert_allowed = choices.alert.needed(&mut checks, "alertPermission").map(Permission::allows);
    let promise_count_wanted = choices.promise_count_wanted.needed(&mut checks, "promiseCountWanted");
    let pleas_at_night = choices.night_pleas.needed(&mut checks, "nightPleaPermission");
    let pleas_at_night = pleas_at_night.map(Permission::allows);
    checks.finish(())?;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let link = OwnLink::load_active(tx, "linkId", id, account)?;
            if alert_allowed == Some(true) {
                suspension::refuse_if_suspended(tx, account)?;
            }
            let choices = [alert_allowed, promise_count_wanted, pleas_at_night];
            if role.is_some() || choices.iter().any(Option::is_some) {
                let change = MemberChange {
                    role,
                    alert_allowed,
                    promise_count_wanted,
                    pleas_at_night,
                    ..Default::default()
                };
                store::partner_link::update_member(tx.db, id, account, &change)?;
                planning::review_alerts(tx, id, &mut RevisionSnapshot::default())?;
                tx.tell(&[account], ChangeKind::LinkChanged, id);
                // Of these, the partner sees only the role.
                let other = link.members.iter().find(|member| member.account_id != account);
                let before = link.members.iter().find(|member| member.account_id == account);
                if let (Some(other), Some(before), Some(role)) = (other, before, role)
                    && before.role != role
                {
                    tx.tell(&[other.account_id], ChangeKind::LinkChanged, id);
                }
            }
            Ok(view(tx, link.row, account)?)
        })
        .await
}

/// A person's links, newest first.
pub async fn list(
    context: &Arc<AppContext>,
    account: AccountId,
    ended_too: bool,
) -> Result<Vec<LinkView>, Fault> {
    context
        .read_tx(move |tx| {
            let rows = store::partner_link::list(tx.db, account, ended_too, 200)?;
            views(tx, rows, account)
        })
        .await
}

/// A person's links among these ids; those of others are left out.
pub async fn find(
    context: &Arc<AppContext>,
    account: AccountId,
    ids: Vec<LinkId>,
) -> Result<Vec<LinkView>, Fault> {
    context
        .read_tx(move |tx| {
            let members = store::partner_link::members(tx.db, &ids)?;
            let own: Vec<_> = members.iter().filter(|m| m.account_id == account).map(|m| m.link_id).collect();
            let rows = store::partner_link::find_all(tx.db, &own)?;
            views(tx, rows, account)
        })
        .await
}

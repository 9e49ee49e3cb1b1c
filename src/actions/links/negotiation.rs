//! Negotiation: write one's Needs, propose a Revision, agree to exactly its text, withdraw.

use crate::actions::accounts::people::Person;
use crate::actions::accounts::suspension;
use crate::actions::links::locked_link::{OwnLink, needs_aad};
use crate::actions::links::revision_snapshot::{RevisionSnapshot, RevisionSummary, content_aad};
use crate::actions::links::revisions::{RevisionOutline, RevisionView, open_one, part_aad};
use crate::actions::nudges::planning;
use crate::actions::{ActionResult, AppContext, Caller, Done, Fault, Transaction};
use crate::domain::change::ChangeKind;
use crate::domain::negotiation::{
    AgreeVerdict, Content, Needs, NeedsPatch, PersonsNeeds, RevisionState, Terms, TermsPatch, judge_yes,
};
use crate::domain::partner_link::LinkState;
use crate::domain::problem::{Checks, Problem, ProblemCode};
use crate::domain::revision_text::split;
use crate::ids::{AccountId, AgreementId, LinkId, RevisionId};
use crate::store;
use crate::store::negotiation::{AgreementRow, PartRow, RevisionRow};
use crate::store::partner_link::MemberChange;
use crate::vault::sha256;
use data_encoding::HEXLOWER;
use std::collections::HashMap;
use std::sync::Arc;

/// Maximum number of Revisions that one person proposes on a link.
const REVISIONS_MAX: i64 = 1000;
/// Bytes of the Revisions that one person proposes on a link, as they are kept: a thousand of usual ones, or two hundred
/// of the longest.
const LINK_BYTES: i64 = 16 * 1024 * 1024;
/// Maximum number of agreements to one Revision, withdrawn ones included.
const AGREEMENTS_MAX: usize = 100;

/// Changes one's own Needs on a link (R07); they go into the next Revision.
pub async fn write_needs(
    context: &Arc<AppContext>,
    by: &Caller,
    link: LinkId,
    needs: NeedsPatch,
) -> ActionResult<LinkId> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let own = OwnLink::load_active(tx, "linkId", link, account)?;
            suspension::refuse_if_suspended(tx, account)?;
            let before = needs_of(&own, account)?.unwrap_or_default();
            let mut checks = Checks::new();
            let needs = needs.over(before, &mut checks, "needs");
            let needs = checks.finish(needs)?;
            let sealed = own.key.seal_json(needs_aad(link, account), &needs)?;
            let change = MemberChange {
                needs: Some(Some(sealed)),
                needs_written_at: Some(Some(tx.ts())),
                ..Default::default()
            };
            store::partner_link::update_member(tx.db, link, account, &change)?;
            tx.tell(&[account], ChangeKind::LinkChanged, link);
            Ok(link)
        })
        .await
}

/// The proposed terms; both persons' Needs are added from the link.
pub struct Proposal {
    /// The link.
    pub link: LinkId,
    /// The newest Revision that the proposer read; None: there was none.
    pub based_on: Option<RevisionId>,
    /// What changes in the terms of that Revision, or of the default ones.
    pub terms: TermsPatch,
}

/// Proposes a Revision: both persons' current Needs, and the terms. An existing Revision is never edited (R07).
pub async fn propose(
    context: &Arc<AppContext>,
    by: &Caller,
    Proposal { link, based_on, terms }: Proposal,
) -> ActionResult<Done<RevisionChange>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let own = OwnLink::load_active(tx, "linkId", link, account)?;
            suspension::refuse_if_suspended(tx, account)?;
            let mut known = RevisionSnapshot::default();
            known.include(tx, &own)?;
            let latest = latest_read(tx, &known, link, based_on)?;
            // What a change rests on must be read as a whole.
            let said = latest.as_ref().map(RevisionView::whole).transpose()?;
            // Texts that were erased with their author are not said anew.
            let kept = said.as_ref().filter(|said| !said.terms_erased);
            let before = kept.map_or_else(Terms::default, |said| said.terms.clone());
            let mut checks = Checks::new();
            let terms = terms.over(before, &mut checks, "terms");
            let terms = checks.finish(terms)?;
            let number = latest.as_ref().map_or(0, |revision| revision.outline.number) + 1;
            // Each has a share of their own: nobody keeps the other from changing what was agreed.
            let (count, bytes) = store::negotiation::proposed(tx.db, link, account)?;
            if count >= REVISIONS_MAX || bytes > LINK_BYTES {
                let sentence = "You proposed very many or very long Revisions on this link. The other can still propose.";
                return Err(Problem::wrong_state("linkId", sentence).into());
            }
            let needs = needs_of_both(tx, &own, said.as_ref())?;
            let content = Content { link, number, needs, terms, terms_erased: false };
            let same = said.is_some_and(|said| said.needs == content.needs && said.terms == content.terms);
            if let Some(latest) = latest.filter(|latest| same && stands(latest)) {
                return Ok(Done::already(latest.into()));
            }
            let (row, parts) = sealed(tx, &own, account, &content)?;
            store::negotiation::insert(tx.db, &row, &parts)?;
            let before = known.states(link);
            known.proposed(row.head());
            tx.tell(&own.accounts(), ChangeKind::RevisionProposed, row.id);
            Ok(Done::now(change(tx, &own, &known, row.id, &before)?))
        })
        .await
}

/// A Revision that an action changed, and those whose place it took by that.
pub struct RevisionChange {
    /// The Revision.
    pub revision: RevisionView,
    /// The superseded ones.
    pub superseded: Vec<RevisionOutline>,
}

impl From<RevisionView> for RevisionChange {
    /// One that stands as it did, and took nobody's place.
    fn from(revision: RevisionView) -> Self {
        Self { revision, superseded: Vec::new() }
    }
}

/// What an action did to a Revision, told to both: others whose state is not as before were superseded.
fn change(
    tx: &mut Transaction<'_>,
    own: &OwnLink,
    known: &RevisionSnapshot,
    id: RevisionId,
    before: &HashMap<RevisionId, RevisionState>,
) -> Result<RevisionChange, Fault> {
    let link = own.row.id;
    let was = |revision: &RevisionSummary| before.get(&revision.head.id).copied();
    let others = known.of(link).iter().filter(|revision| revision.head.id != id);
    let superseded: Vec<_> =
        others.filter(|other| was(other) != Some(other.state)).map(RevisionOutline::of).collect();
    for other in &superseded {
        tx.tell(&own.accounts(), ChangeKind::RevisionChanged, other.id);
    }
    Ok(RevisionChange { revision: open_one(tx, known, link, id)?, superseded })
}

/// The newest Revision, opened; it must be the one that the proposer read.
fn latest_read(
    tx: &mut Transaction<'_>,
    known: &RevisionSnapshot,
    link: LinkId,
    based_on: Option<RevisionId>,
) -> ActionResult<Option<RevisionView>> {
    let latest = known.latest(link).map(|revision| revision.head.id);
    if latest != based_on {
        let sentence = "There is a newer Revision. Please read it first.";
        return Err(Problem::new("basedOn", ProblemCode::Changed, sentence).into());
    }
    Ok(latest.map(|id| open_one(tx, known, link, id)).transpose()?)
}

/// One person's Needs as last written; None: not written.
fn needs_of(own: &OwnLink, account: AccountId) -> Result<Option<Needs>, Fault> {
    let member = own.members.iter().find(|member| member.account_id == account);
    let sealed = member.and_then(|member| member.needs.as_deref());
    Ok(sealed.map(|sealed| own.key.open_json(needs_aad(own.row.id, account), sealed)).transpose()?)
}

/// Both persons' current Needs. A suspended person's Needs stay as they were last proposed.
fn needs_of_both(
    tx: &mut Transaction<'_>,
    own: &OwnLink,
    latest: Option<&Content>,
) -> ActionResult<Vec<PersonsNeeds>> {
    let held = suspension::suspended(tx, &own.accounts())?;
    let mut both = Vec::with_capacity(2);
    for member in &own.members {
        let account = member.account_id;
        let needs = if held.contains(&account) {
            let mut said = latest.into_iter().flat_map(|latest| &latest.needs);
            said.find(|part| part.account == Some(account)).and_then(|part| part.needs.clone())
        } else {
            needs_of(own, account)?
        };
        both.push(PersonsNeeds { account: Some(account), needs });
    }
    Ok(both)
}

/// A new Revision in stored form: the shared part sealed by the link's key, each person's words by their own.
fn sealed(
    tx: &mut Transaction<'_>,
    own: &OwnLink,
    author: AccountId,
    content: &Content,
) -> ActionResult<(RevisionRow, Vec<PartRow>)> {
    let id = RevisionId::at(tx.now, tx.chance);
    let text = split(content, author, || tx.chance.bytes())
        .map_err(|_| Fault::Inconsistent("a text without a form"))?;
    let people = Person::load_all(tx, &own.accounts())?;
    let mut parts = Vec::with_capacity(2);
    for (side, (account, words)) in (0..).zip(text.parts) {
        let person = people.get(&account).ok_or(Fault::Inconsistent("the account is gone"))?;
        let content = person.key.seal(part_aad(id, account), &words)?;
        parts.push(PartRow { revision_id: id, account_id: account, side, content });
    }
    let row = RevisionRow {
        id,
        link_id: own.row.id,
        number: content.number,
        author_id: Some(author),
        content: own.key.seal(content_aad(id), &text.frame)?,
        content_hash: sha256(&text.frame),
        created_at: tx.ts(),
    };
    Ok((row, parts))
}

/// Whether the latest Revision still stands.
fn stands(latest: &RevisionView) -> bool {
    matches!(latest.outline.state, RevisionState::Proposed | RevisionState::Agreed)
}

/// Locks the link of one's own Revision and reads the state of its Revisions.
fn load_revision(
    tx: &mut Transaction<'_>,
    id: RevisionId,
    account: AccountId,
) -> ActionResult<(OwnLink, RevisionSnapshot)> {
    let link = store::negotiation::link_of(tx.db, id, account)?;
    let link = link.ok_or_else(|| Problem::not_found("revisionId"))?;
    let own = OwnLink::load(tx, "revisionId", link, account)?;
    let mut known = RevisionSnapshot::default();
    known.include(tx, &own)?;
    Ok((own, known))
}

/// Agrees to a Revision by the hash of its text (R08).
pub async fn agree(
    context: &Arc<AppContext>,
    by: &Caller,
    id: RevisionId,
    content_hash: String,
) -> ActionResult<Done<RevisionChange>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let (own, mut known) = load_revision(tx, id, account)?;
            let link = own.row.id;
            if own.row.status != LinkState::Active {
                return Err(Problem::wrong_state("revisionId", "This link is not active.").into());
            }
            suspension::refuse_if_suspended(tx, account)?;
            let revision = known.find(link, id).ok_or(Fault::Inconsistent("a Revision that vanished"))?;
            let verdict = judge_yes(
                HEXLOWER.encode(&revision.head.content_hash) == content_hash.trim().to_ascii_lowercase(),
                known.latest(link).is_some_and(|latest| latest.head.id == id),
                revision.stands_by(account),
            );
            match verdict {
                AgreeVerdict::Already => {
                    let revision = open_one(tx, &known, link, id)?;
                    revision.check_whole()?;
                    return Ok(Done::already(revision.into()));
                }
                AgreeVerdict::OtherText => {
                    let sentence = "This is not the hash of the Revision's text. Please read it again.";
                    return Err(Problem::new("contentHash", ProblemCode::Changed, sentence).into());
                }
                AgreeVerdict::Superseded => {
                    let sentence = "A newer Revision was proposed. Please read that one.";
                    return Err(Problem::new("revisionId", ProblemCode::Changed, sentence).into());
                }
                AgreeVerdict::Take => {}
            }
            if revision.yeses.len() >= AGREEMENTS_MAX {
                let sentence = "This was agreed to and withdrawn very often. Please propose it anew.";
                return Err(Problem::wrong_state("revisionId", sentence).into());
            }
            let row = AgreementRow {
                id: AgreementId::at(tx.now, tx.chance),
                revision_id: id,
                account_id: account,
                content_hash: revision.head.content_hash.clone(),
                agreed_at: tx.ts(),
                withdrawn_at: None,
            };
            store::negotiation::agree(tx.db, &row)?;
            let before = known.states(link);
            known.agreed_to(link, row);
            planning::review_alerts(tx, link, &mut known)?;
            tx.tell(&own.accounts(), ChangeKind::RevisionChanged, id);
            let changed = change(tx, &own, &known, id, &before)?;
            // The hash alone is no text that anybody saw: this undoes all of the above.
            changed.revision.check_whole()?;
            Ok(Done::now(changed))
        })
        .await
}

/// Withdraws one's agreement: new scenes no longer stand under the text, and alerts stop at once (R06). On an
/// ended link all of that has stopped already, and the partner learns nothing more (R12).
pub async fn withdraw(
    context: &Arc<AppContext>,
    by: &Caller,
    id: RevisionId,
) -> ActionResult<Done<RevisionChange>> {
    let account = by.requester.account;
    context
        .write_tx(by.key.as_ref(), move |tx| {
            let (own, mut known) = load_revision(tx, id, account)?;
            let (link, now) = (own.row.id, tx.ts());
            if own.row.status == LinkState::Ended || !store::negotiation::withdraw(tx.db, id, account, now)? {
                return Ok(Done::already(open_one(tx, &known, link, id)?.into()));
            }
            let before = known.states(link);
            known.withdrawn(link, id, account, now);
            planning::review_alerts(tx, link, &mut known)?;
            tx.tell(&own.accounts(), ChangeKind::RevisionChanged, id);
            Ok(Done::now(change(tx, &own, &known, id, &before)?))
        })
        .await
}

//! The state of the Revisions of links, without their texts: read once per action, passed on, and kept up to date.

use crate::actions::accounts::people::link_key;
use crate::actions::links::locked_link::OwnLink;
use crate::actions::opened::{Opened, opened};
use crate::actions::{Fault, Transaction};
use crate::domain::negotiation::{RevisionState, Yes, first_agreed, revision_state};
use crate::domain::revision_text::{SharedTerms, shared_terms};
use crate::ids::{AccountId, LinkId, RevisionId, TypedId};
use crate::store;
use crate::store::negotiation::{AgreementRow, RevisionHead};
use crate::store::partner_link::{LinkRow, MemberRow};
use crate::store::types::Ts;
use crate::vault::{Aad, DataKey};
use jiff::Timestamp;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// A Revision and the state that its agreements give it, without its text.
#[derive(Clone, Debug)]
pub struct RevisionSummary {
    /// Everything but the text.
    pub head: RevisionHead,
    /// Every agreement, oldest first.
    pub yeses: Vec<AgreementRow>,
    /// Its state.
    pub state: RevisionState,
    /// When both had agreed for the first time.
    first_agreed: Option<Timestamp>,
    /// Whether both agree now.
    pub sealed: bool,
}

impl RevisionSummary {
    /// Whether this person agreed and has not withdrawn.
    pub fn stands_by(&self, account: AccountId) -> bool {
        self.yeses.iter().any(|yes| yes.account_id == account && yes.withdrawn_at.is_none())
    }

    /// Whether both had agreed by `at`, and neither has withdrawn since.
    fn stood_at(&self, at: Timestamp, members: &[AccountId]) -> bool {
        let stands = |yes: &AgreementRow| yes.agreed_at.get() <= at && yes.withdrawn_at.is_none();
        members.len() == 2
            && members.iter().all(|m| self.yeses.iter().any(|yes| yes.account_id == *m && stands(yes)))
    }
}

/// The Revisions of one link.
struct LinkRevisions {
    members: Vec<AccountId>,
    newest_first: Vec<RevisionSummary>,
}

impl LinkRevisions {
    /// Computes each Revision's state, newest first: an agreed one replaces all older ones.
    fn assess(&mut self) {
        let (members, mut replaced) = (&self.members, false);
        for (position, revision) in self.newest_first.iter_mut().enumerate() {
            let marks: Vec<Yes> = revision
                .yeses
                .iter()
                .map(|yes| Yes {
                    account: yes.account_id,
                    from: yes.agreed_at.get(),
                    until: yes.withdrawn_at.map(Ts::get),
                })
                .collect();
            let reckoned = || revision_state(&marks, members, position == 0, replaced);
            revision.state = revision.head.final_state.unwrap_or_else(reckoned);
            revision.first_agreed = first_agreed(&marks, members);
            revision.sealed = members.len() == 2
                && members.iter().all(|m| marks.iter().any(|yes| yes.account == *m && yes.until.is_none()));
            replaced |= revision.first_agreed.is_some();
        }
    }
}

/// The Revisions of some links, in two statements, however many links and Revisions.
fn read(
    db: &mut store::Db,
    links: &[LinkId],
    sides: &[MemberRow],
) -> Result<HashMap<LinkId, LinkRevisions>, Fault> {
    let mut yeses: HashMap<RevisionId, Vec<AgreementRow>> = HashMap::new();
    for yes in store::negotiation::agreements(db, links)? {
        yeses.entry(yes.revision_id).or_default().push(yes);
    }
    let mut found: HashMap<_, _> = links
        .iter()
        .map(|link| {
            let members = sides.iter().filter(|side| side.link_id == *link).map(|side| side.account_id);
            (*link, LinkRevisions { members: members.collect(), newest_first: Vec::new() })
        })
        .collect();
    for head in store::negotiation::heads(db, links)? {
        let Some(link) = found.get_mut(&head.link_id) else { continue };
        let yeses = yeses.remove(&head.id).unwrap_or_default();
        link.newest_first.push(unassessed(head, yeses));
    }
    found.values_mut().for_each(LinkRevisions::assess);
    Ok(found)
}

fn unassessed(head: RevisionHead, yeses: Vec<AgreementRow>) -> RevisionSummary {
    RevisionSummary { head, yeses, state: RevisionState::Proposed, first_agreed: None, sealed: false }
}

/// Stores the state of a link's Revisions before one person's agreements are erased (R27).
pub(in crate::actions) fn settle(db: &mut store::Db, link: LinkId) -> Result<(), Fault> {
    let sides = store::partner_link::members(db, &[link])?;
    let mut by_state: HashMap<RevisionState, Vec<RevisionId>> = HashMap::new();
    for revision in read(db, &[link], &sides)?.into_values().flat_map(|link| link.newest_first) {
        by_state.entry(revision.state).or_default().push(revision.head.id);
    }
    for (state, ids) in by_state {
        store::negotiation::settle(db, &ids, state)?;
    }
    Ok(())
}

pub(in crate::actions) fn content_aad(id: RevisionId) -> Aad {
    Aad::new("revisions", "content", id.uuid())
}

/// The Revisions of links that an action has read. Each link is read once, when first needed, and only the
/// requested terms are decrypted: the cost does not grow with a link's history.
#[derive(Default)]
pub struct RevisionSnapshot {
    links: HashMap<LinkId, LinkRevisions>,
    keys: HashMap<LinkId, DataKey>,
    terms: HashMap<RevisionId, Opened<SharedTerms>>,
}

impl RevisionSnapshot {
    /// Reads a locked link unless it was read already.
    pub fn include(&mut self, tx: &mut Transaction<'_>, link: &OwnLink) -> Result<(), Fault> {
        if !self.keys.contains_key(&link.row.id) {
            self.links.extend(read(tx.db, &[link.row.id], &link.members)?);
            self.keys.insert(link.row.id, link.key.clone());
        }
        Ok(())
    }

    /// Reads those links that were not read already, in three statements, however many.
    pub fn include_all<'a>(
        &mut self,
        tx: &mut Transaction<'_>,
        links: impl IntoIterator<Item = &'a LinkRow>,
    ) -> Result<(), Fault> {
        let mut unknown = Vec::new();
        for link in links {
            if let Entry::Vacant(entry) = self.keys.entry(link.id) {
                entry.insert(link_key(tx.vault, link));
                unknown.push(link.id);
            }
        }
        if !unknown.is_empty() {
            let sides = store::partner_link::members(tx.db, &unknown)?;
            self.links.extend(read(tx.db, &unknown, &sides)?);
        }
        Ok(())
    }

    /// The Revisions of a link, newest first.
    pub fn of(&self, link: LinkId) -> &[RevisionSummary] {
        self.links.get(&link).map_or(&[], |link| &link.newest_first)
    }

    /// The newest Revision of a link, whatever its state.
    pub fn latest(&self, link: LinkId) -> Option<&RevisionSummary> {
        self.of(link).first()
    }

    /// The agreed Revision of a link: both agree to it, and no newer agreement replaced it.
    pub fn agreed(&self, link: LinkId) -> Option<&RevisionSummary> {
        self.of(link).iter().find(|revision| revision.state == RevisionState::Agreed)
    }

    /// The state of each Revision of a link.
    pub fn states(&self, link: LinkId) -> HashMap<RevisionId, RevisionState> {
        self.of(link).iter().map(|revision| (revision.head.id, revision.state)).collect()
    }

    /// A Revision of a link.
    pub fn find(&self, link: LinkId, id: RevisionId) -> Option<&RevisionSummary> {
        self.of(link).iter().find(|revision| revision.head.id == id)
    }

    /// The Revision for a scene that began at `at`: the newest that both had agreed to by then, unless one
    /// has withdrawn. An older Revision that it replaced does not take its place (R06).
    pub fn standing_at(&self, link: LinkId, at: Timestamp) -> Option<&RevisionSummary> {
        let LinkRevisions { members, newest_first } = self.links.get(&link)?;
        let agreed = |revision: &&RevisionSummary| revision.first_agreed.is_some_and(|agreed| agreed <= at);
        newest_first.iter().find(agreed).filter(|revision| revision.stood_at(at, members))
    }

    /// The keys of the links that were read.
    pub(in crate::actions) fn keys(&self) -> &HashMap<LinkId, DataKey> {
        &self.keys
    }

    /// The key of a link that was read.
    pub(in crate::actions) fn key(&self, link: LinkId) -> Result<&DataKey, Fault> {
        self.keys.get(&link).ok_or(Fault::Inconsistent("a Revision of a link that was not read"))
    }

    /// Decrypts the terms of some Revisions that were not read already, in one statement. Those that cannot be read take
    /// nothing else with them: the log names them, and they allow nothing.
    pub fn read_terms(
        &mut self,
        tx: &mut Transaction<'_>,
        wanted: impl IntoIterator<Item = (LinkId, RevisionId)>,
    ) -> Result<(), Fault> {
        let mut unknown: HashMap<RevisionId, LinkId> = HashMap::new();
        for (link, id) in wanted {
            if !self.terms.contains_key(&id) && self.find(link, id).is_some() {
                unknown.insert(id, link);
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = unknown.keys().copied().collect();
        for shared in store::negotiation::contents(tx.db, &ids)? {
            let aad = content_aad(shared.id);
            let frame = self.key(shared.link_id)?.open(aad, &shared.content);
            // A Revision that is not what its hash says is none that anybody agreed to.
            let terms = frame
                .and_then(|frame| shared_terms(&frame, &shared.content_hash).ok_or_else(|| aad.wrong_form()));
            let terms = opened(terms)?;
            if let Err(cause) = &terms {
                tracing::error!(revision = %shared.id, %cause, "the terms of a Revision cannot be read");
            }
            self.terms.insert(shared.id, terms);
        }
        Ok(())
    }

    /// Terms read by [`RevisionSnapshot::read_terms`]; None also if they cannot be read.
    pub fn terms(&self, id: RevisionId) -> Option<&SharedTerms> {
        self.terms.get(&id)?.as_ref().ok()
    }

    /// The same, where nothing can be done without them.
    ///
    /// # Errors
    /// If they were not found, or cannot be read.
    pub fn needed_terms(&self, id: RevisionId) -> Result<&SharedTerms, Fault> {
        let terms = self.terms.get(&id).ok_or(Fault::Inconsistent("a scene without its Revision"))?;
        Ok(terms.as_ref().map_err(|error| *error)?)
    }

    /// Adds a Revision that this action proposed.
    pub(in crate::actions) fn proposed(&mut self, head: RevisionHead) {
        if let Some(link) = self.links.get_mut(&head.link_id) {
            link.newest_first.insert(0, unassessed(head, Vec::new()));
            link.assess();
        }
    }

    /// Adds an agreement that this action saved.
    pub(in crate::actions) fn agreed_to(&mut self, link: LinkId, yes: AgreementRow) {
        self.change(link, yes.revision_id, |yeses| yeses.push(yes));
    }

    /// Notes an agreement that this action withdrew.
    pub(in crate::actions) fn withdrawn(
        &mut self,
        link: LinkId,
        id: RevisionId,
        account: AccountId,
        now: Ts,
    ) {
        self.change(link, id, |yeses| {
            let status = yeses.iter_mut().filter(|yes| yes.account_id == account);
            for yes in status.filter(|yes| yes.withdrawn_at.is_none()) {
                yes.withdrawn_at = Some(now);
            }
        });
    }

    fn change(&mut self, link: LinkId, id: RevisionId, how: impl FnOnce(&mut Vec<AgreementRow>)) {
        let Some(link) = self.links.get_mut(&link) else { return };
        if let Some(revision) = link.newest_first.iter_mut().find(|revision| revision.head.id == id) {
            how(&mut revision.yeses);
        }
        link.assess();
    }
}

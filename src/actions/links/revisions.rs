//! Reading Revisions: opened in full, for the two people of their link.

use crate::actions::accounts::people::Person;
use crate::actions::links::revision_snapshot::{RevisionSnapshot, RevisionSummary, content_aad};
use crate::actions::{AppContext, Fault, Transaction};
use crate::domain::negotiation::{Content, RevisionState};
use crate::domain::revision_text::{KeptPart, join};
use crate::ids::{AccountId, LinkId, RevisionId, TypedId};
use crate::store;
use crate::vault::Aad;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// One person's agreement.
#[derive(Clone, Debug)]
pub struct AgreementView {
    /// The account.
    pub account: AccountId,
    /// When the person agreed.
    pub agreed_at: Timestamp,
    /// When it was withdrawn.
    pub withdrawn_at: Option<Timestamp>,
}

/// A Revision, opened.
#[derive(Clone, Debug)]
pub struct RevisionView {
    /// Its id.
    pub id: RevisionId,
    /// Its link.
    pub link: LinkId,
    /// Its number, from 1.
    pub number: i32,
    /// The proposer; None if that account is gone.
    pub author: Option<AccountId>,
    /// When it was proposed.
    pub created_at: Timestamp,
    /// The whole text.
    pub content: Content,
    /// The hash that an agreement must name, in lower-case hex.
    pub content_hash: String,
    /// Every agreement, oldest first.
    pub agreements: Vec<AgreementView>,
    /// Its state.
    pub state: RevisionState,
}

/// Which Revisions of a link are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Which {
    /// All, newest first.
    All,
    /// The newest, whatever its state.
    Latest,
    /// The agreed one.
    Agreed,
    /// The one of that id.
    Id(RevisionId),
    /// The one of that number.
    Number(i32),
}

impl Which {
    fn pick(self, snapshot: &RevisionSnapshot, link: LinkId) -> Vec<&RevisionSummary> {
        let one = match self {
            Self::All => return snapshot.of(link).iter().collect(),
            Self::Latest => snapshot.latest(link),
            Self::Agreed => snapshot.agreed(link),
            Self::Id(id) => snapshot.find(link, id),
            Self::Number(number) => snapshot.of(link).iter().find(|revision| revision.head.number == number),
        };
        one.into_iter().collect()
    }
}

pub(in crate::actions) fn part_aad(id: RevisionId, account: AccountId) -> Aad {
    Aad::pair("revision_parts", "content", id.uuid(), account.uuid())
}

/// Opens some Revisions of a snapshot, in the given order, in a fixed number of statements.
pub(in crate::actions) fn open(
    tx: &mut Transaction<'_>,
    snapshot: &RevisionSnapshot,
    wanted: &[&RevisionSummary],
) -> Result<Vec<RevisionView>, Fault> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = wanted.iter().map(|revision| revision.head.id).collect();
    let contents: HashMap<_, _> = store::negotiation::contents(tx.db, &ids)?.into_iter().collect();
    let mut parts: HashMap<_, Vec<_>> = HashMap::new();
    for part in store::negotiation::parts(tx.db, &ids)? {
        parts.entry(part.revision_id).or_default().push(part);
    }
    let mut authors: Vec<_> = parts.values().flatten().map(|part| part.account_id).collect();
    authors.sort_unstable();
    authors.dedup();
    let people = Person::load_all(tx, &authors)?;
    let mut views = Vec::with_capacity(wanted.len());
    for RevisionSummary { head, yeses, state, .. } in wanted {
        let mut kept = Vec::with_capacity(2);
        for part in parts.get(&head.id).into_iter().flatten() {
            let author = people.get(&part.account_id);
            let author = author.ok_or(Fault::Inconsistent("words without their author"))?;
            kept.push(KeptPart {
                side: usize::try_from(part.side).unwrap_or(usize::MAX),
                account: part.account_id,
                bytes: author.key.open(part_aad(head.id, part.account_id), &part.content)?,
            });
        }
        let sealed = contents.get(&head.id).ok_or(Fault::Inconsistent("a Revision that vanished"))?;
        let frame = snapshot.key(head.link_id)?.open(content_aad(head.id), sealed)?;
        let content = join(&frame, &head.content_hash, &kept);
        views.push(RevisionView {
            id: head.id,
            link: head.link_id,
            number: head.number,
            author: head.author_id,
            created_at: head.created_at.get(),
            content: content.ok_or(Fault::Inconsistent("a Revision that is not what its hash says"))?,
            content_hash: HEXLOWER.encode(&head.content_hash),
            agreements: yeses
                .iter()
                .map(|yes| AgreementView {
                    account: yes.account_id,
                    agreed_at: yes.agreed_at.get(),
                    withdrawn_at: yes.withdrawn_at.map(|at| at.get()),
                })
                .collect(),
            state: *state,
        });
    }
    Ok(views)
}

/// Opens one Revision of a snapshot, which must contain it.
pub(in crate::actions) fn open_one(
    tx: &mut Transaction<'_>,
    snapshot: &RevisionSnapshot,
    link: LinkId,
    id: RevisionId,
) -> Result<RevisionView, Fault> {
    let gone = Fault::Inconsistent("a Revision that vanished");
    let wanted = Which::Id(id).pick(snapshot, link);
    open(tx, snapshot, &wanted)?.pop().ok_or(gone)
}

/// The Revisions that are wanted of one link.
pub type Asked = (LinkId, Which);

/// The wanted Revisions of one's own links, in a fixed number of statements; links of others are left out.
pub async fn of_links(
    context: &Arc<AppContext>,
    account: AccountId,
    asked: Vec<Asked>,
) -> Result<HashMap<Asked, Vec<RevisionView>>, Fault> {
    context
        .read_tx(move |tx| {
            let mut links: Vec<_> = asked.iter().map(|(link, _)| *link).collect();
            links.sort_unstable();
            links.dedup();
            let rows = store::partner_link::find_all_for(tx.db, &links, account)?;
            let mut snapshot = RevisionSnapshot::default();
            snapshot.include_all(tx, &rows)?;
            let mut wanted: Vec<_> =
                asked.iter().flat_map(|(link, which)| which.pick(&snapshot, *link)).collect();
            wanted.sort_unstable_by_key(|revision| revision.head.id);
            wanted.dedup_by_key(|revision| revision.head.id);
            let opened = open(tx, &snapshot, &wanted)?;
            let opened: HashMap<_, _> = opened.into_iter().map(|view| (view.id, view)).collect();
            let answer = asked.iter().map(|(link, which)| {
                let picked = which.pick(&snapshot, *link).into_iter();
                let views = picked.filter_map(|revision| opened.get(&revision.head.id).cloned());
                ((*link, *which), views.collect())
            });
            Ok(answer.collect())
        })
        .await
}

/// The Revisions of one's own link, newest first; none if the link is another person's.
pub async fn read(
    context: &Arc<AppContext>,
    account: AccountId,
    link: LinkId,
) -> Result<Vec<RevisionView>, Fault> {
    let asked = (link, Which::All);
    Ok(of_links(context, account, vec![asked]).await?.remove(&asked).unwrap_or_default())
}

/// One Revision of one's own links.
pub async fn find(
    context: &Arc<AppContext>,
    account: AccountId,
    id: RevisionId,
) -> Result<Option<RevisionView>, Fault> {
    context
        .read_tx(move |tx| {
            let Some(link) = store::negotiation::link_of(tx.db, id, account)? else { return Ok(None) };
            let rows = store::partner_link::find_all(tx.db, &[link])?;
            let mut snapshot = RevisionSnapshot::default();
            snapshot.include_all(tx, &rows)?;
            let wanted = Which::Id(id).pick(&snapshot, link);
            Ok(open(tx, &snapshot, &wanted)?.pop())
        })
        .await
}

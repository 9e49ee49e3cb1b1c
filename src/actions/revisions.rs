//! Reading Revisions: opened whole, for their two people.

use super::people::Person;
use super::revision_snapshot::{RevisionSnapshot, RevisionSummary, content_place};
use super::{Fault, House, Unit};
use crate::domain::negotiation::{Content, RevisionState};
use crate::domain::revision_text::{KeptPart, join};
use crate::ids::{AccountId, LinkId, RevisionId, TypedId};
use crate::store;
use crate::vault::Place;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// One yes.
#[derive(Clone, Debug)]
pub struct AgreementView {
    /// Whose.
    pub account: AccountId,
    /// When.
    pub agreed_at: Timestamp,
    /// When it was taken back.
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
    /// Who proposed it; None: an account that is gone.
    pub author: Option<AccountId>,
    /// When.
    pub created_at: Timestamp,
    /// The whole text.
    pub content: Content,
    /// What an agreement names, in lower-case hex.
    pub content_hash: String,
    /// Every yes, the oldest first.
    pub agreements: Vec<AgreementView>,
    /// Where it stands.
    pub state: RevisionState,
}

/// Which Revisions of a link are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Which {
    /// All, the newest first.
    All,
    /// The newest, whatever its state.
    Latest,
    /// The one that both stand by.
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

pub(super) fn part_place(id: RevisionId, account: AccountId) -> Place {
    Place::pair("revision_parts", "content", id.uuid(), account.uuid())
}

/// Opens some Revisions of a snapshot, in that order: in a fixed number of statements.
pub(super) fn open(
    unit: &mut Unit<'_>,
    snapshot: &RevisionSnapshot,
    wanted: &[&RevisionSummary],
) -> Result<Vec<RevisionView>, Fault> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = wanted.iter().map(|revision| revision.head.id).collect();
    let contents: HashMap<_, _> = store::negotiation::contents(unit.db, &ids)?.into_iter().collect();
    let mut parts: HashMap<_, Vec<_>> = HashMap::new();
    for part in store::negotiation::parts(unit.db, &ids)? {
        parts.entry(part.revision_id).or_default().push(part);
    }
    let mut authors: Vec<_> = parts.values().flatten().map(|part| part.account_id).collect();
    authors.sort_unstable();
    authors.dedup();
    let people = Person::load_all(unit, &authors)?;
    let mut views = Vec::with_capacity(wanted.len());
    for RevisionSummary { head, yeses, state, .. } in wanted {
        let mut kept = Vec::with_capacity(2);
        for part in parts.get(&head.id).into_iter().flatten() {
            let author = people.get(&part.account_id);
            let author = author.ok_or(Fault::Inconsistent("words without their author"))?;
            kept.push(KeptPart {
                side: usize::try_from(part.side).unwrap_or(usize::MAX),
                account: part.account_id,
                bytes: author.key.open(part_place(head.id, part.account_id), &part.content)?,
            });
        }
        let sealed = contents.get(&head.id).ok_or(Fault::Inconsistent("a Revision that vanished"))?;
        let frame = snapshot.key(head.link_id)?.open(content_place(head.id), sealed)?;
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

/// Opens one Revision of a snapshot, which must be there.
pub(super) fn open_one(
    unit: &mut Unit<'_>,
    snapshot: &RevisionSnapshot,
    link: LinkId,
    id: RevisionId,
) -> Result<RevisionView, Fault> {
    let gone = Fault::Inconsistent("a Revision that vanished");
    let wanted = Which::Id(id).pick(snapshot, link);
    open(unit, snapshot, &wanted)?.pop().ok_or(gone)
}

/// What is asked of one link.
pub type Asked = (LinkId, Which);

/// What is asked of some links of one's own; those of others are left out. In a fixed number of statements.
pub async fn of_links(
    house: &Arc<House>,
    account: AccountId,
    asked: Vec<Asked>,
) -> Result<HashMap<Asked, Vec<RevisionView>>, Fault> {
    house
        .read_tx(move |unit| {
            let mut links: Vec<_> = asked.iter().map(|(link, _)| *link).collect();
            links.sort_unstable();
            links.dedup();
            let rows = store::partner_link::find_all_for(unit.db, &links, account)?;
            let mut snapshot = RevisionSnapshot::default();
            snapshot.include_all(unit, &rows)?;
            let mut wanted: Vec<_> =
                asked.iter().flat_map(|(link, which)| which.pick(&snapshot, *link)).collect();
            wanted.sort_unstable_by_key(|revision| revision.head.id);
            wanted.dedup_by_key(|revision| revision.head.id);
            let opened = open(unit, &snapshot, &wanted)?;
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

/// The Revisions of one's own link, the newest first; none if it is not one's own.
pub async fn read(house: &Arc<House>, account: AccountId, link: LinkId) -> Result<Vec<RevisionView>, Fault> {
    let asked = (link, Which::All);
    Ok(of_links(house, account, vec![asked]).await?.remove(&asked).unwrap_or_default())
}

/// One Revision of one's own links.
pub async fn find(
    house: &Arc<House>,
    account: AccountId,
    id: RevisionId,
) -> Result<Option<RevisionView>, Fault> {
    house
        .read_tx(move |unit| {
            let Some(link) = store::negotiation::link_of(unit.db, id, account)? else { return Ok(None) };
            let rows = store::partner_link::find_all(unit.db, &[link])?;
            let mut snapshot = RevisionSnapshot::default();
            snapshot.include_all(unit, &rows)?;
            let wanted = Which::Id(id).pick(&snapshot, link);
            Ok(open(unit, &snapshot, &wanted)?.pop())
        })
        .await
}

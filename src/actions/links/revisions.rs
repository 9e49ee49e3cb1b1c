//! Reading Revisions: opened in full, for the two people of their link.

use crate::actions::accounts::people::{Person, link_key};
use crate::actions::links::revision_snapshot::{RevisionSnapshot, RevisionSummary, content_aad};
use crate::actions::opened::{Opened, opened};
use crate::actions::{AppContext, Fault, Transaction};
use crate::domain::negotiation::{Content, RevisionState};
use crate::domain::revision_text::{KeptPart, PartlyOpened, join};
use crate::ids::{AccountId, LinkId, RevisionId, TypedId, distinct};
use crate::store;
use crate::store::partner_link::LinkRow;
use crate::vault::{Aad, DataKey, VaultError};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// How many texts are read by one statement.
const TEXTS_AT_ONCE: usize = 50;

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

/// A Revision without its text.
#[derive(Clone, Debug)]
pub struct RevisionOutline {
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
    /// The hash that an agreement must name, in lower-case hex.
    pub content_hash: String,
    /// Every agreement, oldest first.
    pub agreements: Vec<AgreementView>,
    /// Its state.
    pub state: RevisionState,
}

impl RevisionOutline {
    pub(in crate::actions) fn of(RevisionSummary { head, yeses, state, .. }: &RevisionSummary) -> Self {
        let agreements = yeses.iter().map(|yes| AgreementView {
            account: yes.account_id,
            agreed_at: yes.agreed_at.get(),
            withdrawn_at: yes.withdrawn_at.map(|at| at.get()),
        });
        Self {
            id: head.id,
            link: head.link_id,
            number: head.number,
            author: head.author_id,
            created_at: head.created_at.get(),
            content_hash: HEXLOWER.encode(&head.content_hash),
            agreements: agreements.collect(),
            state: *state,
        }
    }
}

/// A Revision, opened as far as it can be.
#[derive(Clone, Debug)]
pub struct RevisionView {
    /// All but its text.
    pub outline: RevisionOutline,
    /// The text.
    pub text: RevisionText,
}

impl RevisionView {
    /// The whole text.
    ///
    /// # Errors
    /// If a part of it could not be opened.
    pub fn whole(&self) -> Opened<Content> {
        self.text.as_ref().map_err(|error| *error)?.whole()
    }

    /// Refuses a text that cannot be read as a whole: nobody agrees to words that they cannot see (R08).
    ///
    /// # Errors
    /// If a part of it could not be opened.
    pub fn check_whole(&self) -> Opened<()> {
        self.text.as_ref().map_err(|error| *error)?.check_whole()
    }
}

/// The text of a Revision as far as it could be opened.
pub type RevisionText = Opened<PartlyOpened<VaultError>>;

pub(in crate::actions) fn part_aad(id: RevisionId, account: AccountId) -> Aad {
    Aad::pair("revision_parts", "content", id.uuid(), account.uuid())
}

/// Opens the texts of some Revisions of links with these keys, each part on its own, in a fixed number of statements; others
/// are left out.
fn open_texts(
    tx: &mut Transaction<'_>,
    keys: &HashMap<LinkId, DataKey>,
    ids: &[RevisionId],
) -> Result<HashMap<RevisionId, RevisionText>, Fault> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let mut parts: HashMap<_, Vec<_>> = HashMap::new();
    for part in store::negotiation::parts(tx.db, ids)? {
        parts.entry(part.revision_id).or_default().push(part);
    }
    let authors = distinct(parts.values().flatten().map(|part| part.account_id));
    let people = Person::load_all(tx, &authors)?;
    let mut texts = HashMap::with_capacity(ids.len());
    for shared in store::negotiation::contents(tx.db, ids)? {
        let Some(key) = keys.get(&shared.link_id) else { continue };
        let mut kept = Vec::with_capacity(2);
        for part in parts.get(&shared.id).into_iter().flatten() {
            let author = people.get(&part.account_id);
            let author = author.ok_or(Fault::Inconsistent("words without their author"))?;
            kept.push(KeptPart {
                side: usize::try_from(part.side).unwrap_or(usize::MAX),
                account: part.account_id,
                bytes: opened(author.key.open(part_aad(shared.id, part.account_id), &part.content))?,
            });
        }
        let aad = content_aad(shared.id);
        let frame = opened(key.open(aad, &shared.content))?;
        let join = |frame: Vec<u8>| join(&frame, &shared.content_hash, &kept).ok_or_else(|| aad.wrong_form());
        texts.insert(shared.id, frame.and_then(join));
    }
    Ok(texts)
}

/// Opens some Revisions of a snapshot, in the given order, in a fixed number of statements.
fn open(
    tx: &mut Transaction<'_>,
    snapshot: &RevisionSnapshot,
    wanted: &[&RevisionSummary],
) -> Result<Vec<RevisionView>, Fault> {
    let ids: Vec<_> = wanted.iter().map(|revision| revision.head.id).collect();
    let mut texts = open_texts(tx, snapshot.keys(), &ids)?;
    let view = |revision: &&RevisionSummary| {
        let text = texts.remove(&revision.head.id).ok_or(Fault::Inconsistent("a Revision that vanished"))?;
        Ok(RevisionView { outline: RevisionOutline::of(revision), text })
    };
    wanted.iter().map(view).collect()
}

/// Opens one Revision of a snapshot, which must contain it.
pub(in crate::actions) fn open_one(
    tx: &mut Transaction<'_>,
    snapshot: &RevisionSnapshot,
    link: LinkId,
    id: RevisionId,
) -> Result<RevisionView, Fault> {
    let gone = Fault::Inconsistent("a Revision that vanished");
    let wanted: Vec<_> = snapshot.find(link, id).into_iter().collect();
    open(tx, snapshot, &wanted)?.pop().ok_or(gone)
}

/// One's own links among these, and the state of their Revisions.
fn own(
    tx: &mut Transaction<'_>,
    account: AccountId,
    links: &[LinkId],
) -> Result<(Vec<LinkRow>, RevisionSnapshot), Fault> {
    let rows = store::partner_link::find_all_for(tx.db, links, account)?;
    let mut snapshot = RevisionSnapshot::default();
    snapshot.include_all(tx, &rows)?;
    Ok((rows, snapshot))
}

/// The Revisions of one's own links without their texts, the newest of each first, in a fixed number of statements; links
/// of others are left out.
pub async fn outlines(
    context: &Arc<AppContext>,
    account: AccountId,
    links: Vec<LinkId>,
) -> Result<HashMap<LinkId, Vec<RevisionOutline>>, Fault> {
    context
        .read_tx(move |tx| {
            let (rows, snapshot) = own(tx, account, &links)?;
            let all = |link| snapshot.of(link).iter().map(RevisionOutline::of).collect();
            Ok(rows.iter().map(|row| (row.id, all(row.id))).collect())
        })
        .await
}

/// The texts of some Revisions of one's own links, in a fixed number of statements; those of others are left out.
pub async fn texts(
    context: &Arc<AppContext>,
    account: AccountId,
    ids: Vec<(LinkId, RevisionId)>,
) -> Result<HashMap<RevisionId, RevisionText>, Fault> {
    context
        .read_tx(move |tx| {
            let links = distinct(ids.iter().map(|(link, _)| *link));
            let rows = store::partner_link::find_all_for(tx.db, &links, account)?;
            let keys = rows.iter().map(|row| (row.id, link_key(tx.vault, row))).collect();
            let ids = distinct(ids.into_iter().map(|(_, id)| id));
            let mut texts = HashMap::with_capacity(ids.len());
            // A few at a time, so that a request with too many of them ends before all are read.
            for some in ids.chunks(TEXTS_AT_ONCE) {
                texts.extend(open_texts(tx, &keys, some)?);
            }
            Ok(texts)
        })
        .await
}

/// The Revisions of one's own link, newest first; none if the link is another person's.
pub async fn read(
    context: &Arc<AppContext>,
    account: AccountId,
    link: LinkId,
) -> Result<Vec<RevisionView>, Fault> {
    context
        .read_tx(move |tx| {
            let (_, snapshot) = own(tx, account, &[link])?;
            let wanted: Vec<_> = snapshot.of(link).iter().collect();
            open(tx, &snapshot, &wanted)
        })
        .await
}

/// One Revision of one's own links, without its text.
pub async fn find(
    context: &Arc<AppContext>,
    account: AccountId,
    id: RevisionId,
) -> Result<Option<RevisionOutline>, Fault> {
    context
        .read_tx(move |tx| {
            let Some(link) = store::negotiation::link_of(tx.db, id, account)? else { return Ok(None) };
            let (_, snapshot) = own(tx, account, &[link])?;
            Ok(snapshot.find(link, id).map(RevisionOutline::of))
        })
        .await
}

//! Revisions and the agreements to them.

use super::dialect::{on_both, total_length};
use super::schema::{agreements, link_members, revision_parts, revisions};
use super::types::Ts;
use super::{Db, MultiBackend};
use crate::domain::negotiation::RevisionState;
use crate::ids::{AccountId, AgreementId, LinkId, RevisionId};
use diesel::prelude::*;

/// One immutable text of a negotiation, to insert.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = revisions, treat_none_as_default_value = false)]
pub struct RevisionRow {
    /// Its id.
    pub id: RevisionId,
    /// The link.
    pub link_id: LinkId,
    /// Its number in the link, from 1.
    pub number: i32,
    /// The account that proposed it.
    pub author_id: Option<AccountId>,
    /// The part of the text that both share, sealed with the link's data key.
    pub content: Vec<u8>,
    /// SHA-256 of that part: what an agreement names.
    pub content_hash: Vec<u8>,
    /// When it was proposed.
    pub created_at: Ts,
}

/// A Revision without its text: enough to tell its state.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = revisions, check_for_backend(MultiBackend))]
pub struct RevisionHead {
    /// Its id.
    pub id: RevisionId,
    /// The link.
    pub link_id: LinkId,
    /// Its number in the link, from 1.
    pub number: i32,
    /// The account that proposed it.
    pub author_id: Option<AccountId>,
    /// SHA-256 of the part that both share: what an agreement names.
    pub content_hash: Vec<u8>,
    /// When it was proposed.
    pub created_at: Ts,
    /// Its state when one of the two accounts was erased; None: it follows from the agreements.
    pub final_state: Option<RevisionState>,
}

impl RevisionRow {
    /// Its head, as [`heads`] would read it.
    pub fn head(&self) -> RevisionHead {
        RevisionHead {
            id: self.id,
            link_id: self.link_id,
            number: self.number,
            author_id: self.author_id,
            content_hash: self.content_hash.clone(),
            created_at: self.created_at,
            final_state: None,
        }
    }
}

/// One person's words in a Revision.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = revision_parts, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct PartRow {
    /// The Revision.
    pub revision_id: RevisionId,
    /// The account whose words they are.
    pub account_id: AccountId,
    /// Which of the Revision's two digests is theirs, from 0.
    pub side: i32,
    /// Sealed with the account's data key.
    pub content: Vec<u8>,
}

/// One person's yes to one Revision.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = agreements, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct AgreementRow {
    /// Its id.
    pub id: AgreementId,
    /// The Revision.
    pub revision_id: RevisionId,
    /// The account it belongs to.
    pub account_id: AccountId,
    /// The hash that the person named.
    pub content_hash: Vec<u8>,
    /// When the person agreed.
    pub agreed_at: Ts,
    /// When it was taken back.
    pub withdrawn_at: Option<Ts>,
}

/// Saves a new Revision with each person's words. Of two made at once, the unique (link, number) refuses the second.
pub fn insert(db: &mut Db, row: &RevisionRow, parts: &[PartRow]) -> QueryResult<()> {
    diesel::insert_into(revisions::table).values(row).execute(db)?;
    on_both!(db, |c| diesel::insert_into(revision_parts::table).values(parts).execute(c)).map(drop)
}

/// Each person's words in some Revisions, except those of erased accounts.
pub fn parts(db: &mut Db, of: &[RevisionId]) -> QueryResult<Vec<PartRow>> {
    revision_parts::table
        .filter(revision_parts::revision_id.eq_any(of))
        .order((revision_parts::revision_id.asc(), revision_parts::side.asc()))
        .select(PartRow::as_select())
        .load(db)
}

/// How many Revisions of a link this person proposed, and the bytes of their texts, as they are kept.
pub fn proposed(db: &mut Db, link: LinkId, author: AccountId) -> QueryResult<(i64, i64)> {
    let theirs =
        revisions::table.filter(revisions::link_id.eq(link)).filter(revisions::author_id.eq(Some(author)));
    let shared: i64 = theirs.select(total_length()).get_result(db)?;
    let ids = theirs.select(revisions::id);
    let parts = revision_parts::table.filter(revision_parts::revision_id.eq_any(ids));
    let parts: i64 = parts.select(total_length()).get_result(db)?;
    Ok((theirs.count().get_result(db)?, shared + parts))
}

/// Stores the state of some Revisions, before the agreements that it follows from are deleted.
pub fn settle(db: &mut Db, ids: &[RevisionId], state: RevisionState) -> QueryResult<usize> {
    diesel::update(revisions::table.filter(revisions::id.eq_any(ids)))
        .set(revisions::final_state.eq(Some(state)))
        .execute(db)
}

/// The heads of the Revisions of some links, the newest of each first.
pub fn heads(db: &mut Db, links: &[LinkId]) -> QueryResult<Vec<RevisionHead>> {
    revisions::table
        .filter(revisions::link_id.eq_any(links))
        .order((revisions::link_id.asc(), revisions::number.desc()))
        .select(RevisionHead::as_select())
        .load(db)
}

/// The part that both share of a Revision.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = revisions, check_for_backend(MultiBackend))]
pub struct SharedRow {
    /// Its id.
    pub id: RevisionId,
    /// The link.
    pub link_id: LinkId,
    /// Sealed with the link's data key.
    pub content: Vec<u8>,
    /// SHA-256 of it, opened.
    pub content_hash: Vec<u8>,
}

/// The parts that both share of some Revisions.
pub fn contents(db: &mut Db, of: &[RevisionId]) -> QueryResult<Vec<SharedRow>> {
    revisions::table.filter(revisions::id.eq_any(of)).select(SharedRow::as_select()).load(db)
}

/// The link of a Revision, if this person is in it; another's takes as long as a missing one (R29).
pub fn link_of(db: &mut Db, id: RevisionId, account: AccountId) -> QueryResult<Option<LinkId>> {
    let own = link_members::table.filter(link_members::account_id.eq(account)).select(link_members::link_id);
    revisions::table
        .find(id)
        .filter(revisions::link_id.eq_any(own))
        .select(revisions::link_id)
        .first(db)
        .optional()
}

/// All agreements to Revisions of some links, withdrawn ones too, the oldest first.
pub fn agreements(db: &mut Db, links: &[LinkId]) -> QueryResult<Vec<AgreementRow>> {
    let of_links = revisions::table.filter(revisions::link_id.eq_any(links)).select(revisions::id);
    agreements::table
        .filter(agreements::revision_id.eq_any(of_links))
        .order((agreements::agreed_at.asc(), agreements::id.asc()))
        .select(AgreementRow::as_select())
        .load(db)
}

/// Saves an agreement.
pub fn agree(db: &mut Db, row: &AgreementRow) -> QueryResult<usize> {
    diesel::insert_into(agreements::table).values(row).execute(db)
}

/// Withdraws an agreement; false if there is none in force.
pub fn withdraw(db: &mut Db, revision: RevisionId, account: AccountId, now: Ts) -> QueryResult<bool> {
    let standing = agreements::table
        .filter(agreements::revision_id.eq(revision))
        .filter(agreements::account_id.eq(account))
        .filter(agreements::withdrawn_at.is_null());
    Ok(diesel::update(standing).set(agreements::withdrawn_at.eq(Some(now))).execute(db)? > 0)
}

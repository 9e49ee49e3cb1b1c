//! Revisions and the agreements to them.

use super::schema::{agreements, link_members, revisions};
use super::types::Ts;
use super::{Db, MultiBackend};
use crate::ids::{AccountId, AgreementId, LinkId, RevisionId};
use diesel::prelude::*;

/// One immutable text of a negotiation.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = revisions, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct RevisionRow {
    /// Its id.
    pub id: RevisionId,
    /// The link.
    pub link_id: LinkId,
    /// Its number in the link, from 1.
    pub number: i32,
    /// Who proposed it.
    pub author_id: Option<AccountId>,
    /// The whole text, sealed with the link's data key.
    pub content: Vec<u8>,
    /// SHA-256 of the text: what an agreement names.
    pub content_hash: Vec<u8>,
    /// When it was proposed.
    pub created_at: Ts,
}

/// One person's yes to one Revision.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = agreements, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct AgreementRow {
    /// Its id.
    pub id: AgreementId,
    /// To which text.
    pub revision_id: RevisionId,
    /// Whose.
    pub account_id: AccountId,
    /// The hash that the person named.
    pub content_hash: Vec<u8>,
    /// When.
    pub agreed_at: Ts,
    /// When it was taken back.
    pub withdrawn_at: Option<Ts>,
}

/// Saves a new Revision. The unique (link, number) refuses the second of two that were made at once.
pub fn insert(db: &mut Db, row: &RevisionRow) -> QueryResult<usize> {
    diesel::insert_into(revisions::table).values(row).execute(db)
}

/// The Revisions of some links, the newest of each first.
pub fn list(db: &mut Db, links: &[LinkId]) -> QueryResult<Vec<RevisionRow>> {
    revisions::table
        .filter(revisions::link_id.eq_any(links))
        .order((revisions::link_id.asc(), revisions::number.desc()))
        .select(RevisionRow::as_select())
        .load(db)
}

/// The Revision, if it is of a link of that person: somebody else's takes no longer than a missing one (R29).
pub fn find_for(db: &mut Db, id: RevisionId, account: AccountId) -> QueryResult<Option<RevisionRow>> {
    let own = link_members::table.filter(link_members::account_id.eq(account)).select(link_members::link_id);
    revisions::table
        .find(id)
        .filter(revisions::link_id.eq_any(own))
        .select(RevisionRow::as_select())
        .first(db)
        .optional()
}

/// Every yes to some Revisions, taken back or not, the oldest first.
pub fn agreements(db: &mut Db, of: &[RevisionId]) -> QueryResult<Vec<AgreementRow>> {
    agreements::table
        .filter(agreements::revision_id.eq_any(of))
        .order((agreements::agreed_at.asc(), agreements::id.asc()))
        .select(AgreementRow::as_select())
        .load(db)
}

/// Saves a yes.
pub fn agree(db: &mut Db, row: &AgreementRow) -> QueryResult<usize> {
    diesel::insert_into(agreements::table).values(row).execute(db)
}

/// Takes a yes back; false if none stands.
pub fn withdraw(db: &mut Db, revision: RevisionId, account: AccountId, now: Ts) -> QueryResult<bool> {
    let standing = agreements::table
        .filter(agreements::revision_id.eq(revision))
        .filter(agreements::account_id.eq(account))
        .filter(agreements::withdrawn_at.is_null());
    Ok(diesel::update(standing).set(agreements::withdrawn_at.eq(Some(now))).execute(db)? > 0)
}

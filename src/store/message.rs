//! Messages: which nudges went out as one push or one mail, and which of them names it (R22).

use super::Db;
use super::keyset_page::load_page;
use super::nudge::NudgeRow;
use super::schema::{check_ins, nudges};
use crate::domain::keyset_page::KeysetPage;
use crate::domain::nudge::NudgeState;
use crate::ids::{AccountId, NudgeId};
use diesel::dsl::{exists, not};
use diesel::prelude::*;

diesel::alias!(nudges as beside: Beside);

/// Notes that some nudges go out in one message; None: each by itself.
pub fn join(db: &mut Db, ids: &[NudgeId], message_key: Option<&str>) -> QueryResult<usize> {
    diesel::update(nudges::table.filter(nudges::id.eq_any(ids)))
        .set(nudges::message_key.eq(message_key))
        .execute(db)
}

/// Where the nudge with this key stands.
pub fn state_of(db: &mut Db, key: &str) -> QueryResult<Option<NudgeState>> {
    nudges::table.filter(nudges::key.eq(key)).select(nudges::state).first(db).optional()
}

/// The nudge that a copy for one device was made of; of any other, the nudge itself.
pub fn original(db: &mut Db, of: NudgeRow) -> QueryResult<Option<NudgeRow>> {
    if of.device_id.is_none() {
        return Ok(Some(of));
    }
    nudges::table.filter(nudges::key.eq(of.own_key())).select(NudgeRow::as_select()).first(db).optional()
}

/// The nudges that were to go out in some messages, without the copies for one device.
pub fn of_keys(db: &mut Db, keys: &[String]) -> QueryResult<Vec<NudgeRow>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    nudges::table
        .filter(nudges::message_key.eq_any(keys.iter().cloned().map(Some)))
        .filter(nudges::device_id.is_null())
        .select(NudgeRow::as_select())
        .load(db)
}

/// The messages that some nudges are in, a list for each nudge, the leading one first (see [`page`]). One that has not gone
/// out, or went alone, stands for itself.
pub fn around(db: &mut Db, rows: Vec<NudgeRow>) -> QueryResult<Vec<Vec<NudgeRow>>> {
    let sent = rows.iter().filter(|row| row.state == NudgeState::Sent);
    let keys: Vec<String> = sent.filter_map(|row| row.message_key.clone()).collect();
    let joined = of_keys(db, &keys)?;
    let message = |row: NudgeRow| {
        let mut all: Vec<NudgeRow> =
            joined.iter().filter(|other| other.id != row.id && together(&row, other)).cloned().collect();
        all.push(row);
        all.sort_by_key(|row| (row.message_key.as_ref() != Some(&row.key), row.send_at, row.id));
        all
    };
    Ok(rows.into_iter().map(message).collect())
}

/// Whether two nudges went out as one. The same name alone does not say so: a later try may have had it again.
fn together(a: &NudgeRow, b: &NudgeRow) -> bool {
    let key = |row: &NudgeRow| (row.message_key.clone(), row.recipient_id, row.finished_at);
    a.message_key.is_some() && [a, b].iter().all(|row| row.state == NudgeState::Sent) && key(a) == key(b)
}

/// A page of a person's messages, each by its leading nudge, the latest first: what they got, and of what is not sent
/// what is about their own check-ins. Unsent nudges about another person's check-in depend on that person, and are not
/// even counted (R11).
///
/// Of those that went out as one, that leads whose key names the message; if that one is gone, the earliest.
pub fn page(db: &mut Db, recipient: AccountId, page: KeysetPage<NudgeId>) -> QueryResult<Vec<NudgeRow>> {
    let names = beside.field(nudges::key).nullable().eq(beside.field(nudges::message_key));
    let (at, id) = (beside.field(nudges::send_at), beside.field(nudges::id));
    let earlier = at.lt(nudges::send_at).or(at.eq(nudges::send_at).and(id.lt(nudges::id)));
    let leader = beside
        .filter(beside.field(nudges::message_key).eq(nudges::message_key))
        .filter(beside.field(nudges::recipient_id).eq(nudges::recipient_id))
        .filter(beside.field(nudges::finished_at).eq(nudges::finished_at))
        .filter(beside.field(nudges::state).eq(NudgeState::Sent))
        .filter(beside.field(nudges::device_id).is_null())
        .filter(names.or(earlier));
    let leads = nudges::message_key
        .is_null()
        .or(nudges::state.ne(NudgeState::Sent))
        .or(nudges::message_key.eq(nudges::key.nullable()))
        .or(not(exists(leader)));
    let query = listed(recipient).filter(leads).select(NudgeRow::as_select()).into_boxed();
    load_page!(db, query, page, rising: false, by: (nudges::send_at, nudges::id))
}

/// A page of the single nudges of [`page`]'s messages.
pub fn page_of_nudges(
    db: &mut Db,
    recipient: AccountId,
    page: KeysetPage<NudgeId>,
) -> QueryResult<Vec<NudgeRow>> {
    let query = listed(recipient).select(NudgeRow::as_select()).into_boxed();
    load_page!(db, query, page, rising: false, by: (nudges::send_at, nudges::id))
}

/// What a person may see of the nudges to them.
#[diesel::dsl::auto_type(no_type_alias)]
fn listed(recipient: AccountId) -> _ {
    let own = check_ins::table.filter(check_ins::subject_id.eq(recipient)).select(check_ins::id.nullable());
    let sent: NudgeState = NudgeState::Sent;
    nudges::table
        .filter(nudges::recipient_id.eq(recipient))
        .filter(nudges::device_id.is_null())
        .filter(nudges::state.eq(sent).or(nudges::check_in_id.eq_any(own).assume_not_null()))
}

//! The change feed: which object changed for which account, in an order that lets a reader miss nothing.
//!
//! A change that is told at once gets the next number of the account's own counter. The counter's row stays locked
//! until the transaction commits, so nobody sees a number before all lower ones. A change that is told later (a
//! check-in falls due, a shared answer becomes visible) is ordered by its instant, and committed well before that
//! ([`AHEAD`]).
//!
//! [`AHEAD`]: crate::domain::change::AHEAD

use super::dialect::{delete_first, on_both};
use super::schema::{changes, feeds};
use super::types::Ts;
use super::{Db, MultiBackend};
use crate::chance::Chance;
use crate::domain::change::ChangeKind;
use crate::ids::{AccountId, ChangeId, CheckInId, RowId};
use diesel::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// One object that changed, for one person.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = changes, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct ChangeRow {
    /// Its id.
    pub id: ChangeId,
    /// The account that the change is for.
    pub account_id: AccountId,
    /// What happened.
    pub kind: ChangeKind,
    /// The object's id.
    pub object_id: RowId,
    /// The partner's check-in, if the change is that its answer was shared.
    pub check_in_id: Option<CheckInId>,
    /// Its number in the account's feed, if it was told at once; None: it is told at `told_at`.
    pub number: Option<i64>,
    /// When it was told, or will be.
    pub told_at: Ts,
}

/// The changes that a transaction records when it commits.
#[derive(Default)]
pub struct ChangeEvents {
    rows: Vec<ChangeRow>,
    /// Followers to wake although there is nothing new to read: a later change moved or was taken back.
    woken: BTreeSet<AccountId>,
}

impl ChangeEvents {
    /// Whether there is nothing to save and nobody to wake.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.woken.is_empty()
    }

    /// Adds a change that is told at once. Several of one kind about one object become one.
    pub fn at_once(&mut self, account: AccountId, kind: ChangeKind, object: RowId, now: Ts, chance: &Chance) {
        let same = |row: &ChangeRow| {
            (row.account_id, row.kind, row.object_id, row.check_in_id) == (account, kind, object, None)
        };
        if !self.rows.iter().any(same) {
            let row = Self::row(account, kind, object, now, chance);
            self.rows.push(ChangeRow { number: Some(0), ..row });
        }
    }

    /// Adds a change that is told at `at`.
    pub fn later(
        &mut self,
        account: AccountId,
        kind: ChangeKind,
        object: RowId,
        check_in: Option<CheckInId>,
        at: Ts,
        chance: &Chance,
    ) {
        let row = Self::row(account, kind, object, at, chance);
        self.rows.push(ChangeRow { check_in_id: check_in, ..row });
    }

    /// Has the followers of an account read their feed again.
    pub fn wake(&mut self, account: AccountId) {
        self.woken.insert(account);
    }

    fn row(account: AccountId, kind: ChangeKind, object: RowId, at: Ts, chance: &Chance) -> ChangeRow {
        ChangeRow {
            id: ChangeId::at(at.get(), chance),
            account_id: account,
            kind,
            object_id: object,
            check_in_id: None,
            number: None,
            told_at: at,
        }
    }

    /// Saves all changes as the last step of a transaction, and returns the accounts to wake. It locks the feeds in one
    /// order, so that two transactions cannot deadlock.
    ///
    /// # Errors
    /// If a query fails.
    pub fn save(mut self, db: &mut Db) -> QueryResult<BTreeSet<AccountId>> {
        let mut of_account: BTreeMap<AccountId, Vec<&mut ChangeRow>> = BTreeMap::new();
        for row in &mut self.rows {
            of_account.entry(row.account_id).or_default().push(row);
        }
        self.woken.extend(of_account.keys());
        for (account, rows) in of_account {
            let mut at_once: Vec<_> = rows.into_iter().filter(|row| row.number.is_some()).collect();
            let count = i64::try_from(at_once.len()).unwrap_or(i64::MAX);
            let before = advance(db, account, count)? - count;
            for (number, row) in (before + 1..).zip(&mut at_once) {
                row.number = Some(number);
            }
        }
        if !self.rows.is_empty() {
            on_both!(db, |c| diesel::insert_into(changes::table).values(&self.rows).execute(c))?;
        }
        Ok(self.woken)
    }
}

/// Takes `count` numbers of a feed and locks it until commit; returns the last number.
fn advance(db: &mut Db, account: AccountId, count: i64) -> QueryResult<i64> {
    on_both!(db, |c| diesel::insert_into(feeds::table)
        .values((feeds::account_id.eq(account), feeds::told.eq(count)))
        .on_conflict(feeds::account_id)
        .do_update()
        .set(feeds::told.eq(feeds::told + count))
        .returning(feeds::told)
        .get_result(c))
}

/// The number of the latest change that an account was told at once.
pub fn told(db: &mut Db, account: AccountId) -> QueryResult<i64> {
    Ok(feeds::table.find(account).select(feeds::told).first(db).optional()?.unwrap_or(0))
}

/// Up to `most` changes told at once, after number `after`.
pub fn at_once(db: &mut Db, account: AccountId, after: i64, most: i64) -> QueryResult<Vec<ChangeRow>> {
    changes::table
        .filter(changes::account_id.eq(account))
        .filter(changes::number.gt(after))
        .order(changes::number.asc())
        .limit(most)
        .select(ChangeRow::as_select())
        .load(db)
}

/// Up to `most` changes told later, due by `until`, after an instant and an id.
pub fn later(
    db: &mut Db,
    account: AccountId,
    (at, id): (Ts, ChangeId),
    until: Ts,
    most: i64,
) -> QueryResult<Vec<ChangeRow>> {
    changes::table
        .filter(changes::account_id.eq(account))
        .filter(changes::number.is_null())
        .filter(changes::told_at.ge(at))
        .filter(changes::told_at.gt(at).or(changes::id.gt(id)))
        .filter(changes::told_at.le(until))
        .order((changes::told_at.asc(), changes::id.asc()))
        .limit(most)
        .select(ChangeRow::as_select())
        .load(db)
}

/// When the account is told of the next change after `after`.
pub fn next(db: &mut Db, account: AccountId, after: Ts) -> QueryResult<Option<Ts>> {
    changes::table
        .filter(changes::account_id.eq(account))
        .filter(changes::number.is_null())
        .filter(changes::told_at.gt(after))
        .order(changes::told_at.asc())
        .select(changes::told_at)
        .first(db)
        .optional()
}

/// The instants, after `now`, at which changes about the shared answer of a check-in will be told.
pub fn waiting(db: &mut Db, check_in: CheckInId, now: Ts) -> QueryResult<Vec<Ts>> {
    changes::table
        .filter(changes::check_in_id.eq(Some(check_in)))
        .filter(changes::told_at.gt(now))
        .select(changes::told_at)
        .load(db)
}

/// Deletes the changes about the shared answer of a check-in that are told after `after`; None: all of them.
pub fn take_back(db: &mut Db, check_in: CheckInId, after: Option<Ts>) -> QueryResult<usize> {
    let of_it = changes::table.filter(changes::check_in_id.eq(Some(check_in)));
    match after {
        Some(after) => diesel::delete(of_it.filter(changes::told_at.gt(after))).execute(db),
        None => diesel::delete(of_it).execute(db),
    }
}

/// Deletes the changes of that kind about an object that the account is told later than `now`.
pub fn untell(
    db: &mut Db,
    account: AccountId,
    (kind, object): (ChangeKind, RowId),
    now: Ts,
) -> QueryResult<usize> {
    let waiting = changes::table
        .filter(changes::account_id.eq(account))
        .filter(changes::number.is_null())
        .filter(changes::told_at.gt(now))
        .filter(changes::kind.eq(kind))
        .filter(changes::object_id.eq(object));
    diesel::delete(waiting).execute(db)
}

/// Deletes up to `most` changes that were told before `before`, the oldest first.
pub fn forget(db: &mut Db, before: Ts, most: i64) -> QueryResult<usize> {
    delete_first!(db, most, changes: id as ChangeId, changes::told_at.lt(before), by told_at)
}

//! The change feed: which change events each person gets, and which ones they have not read yet.
//!
//! Events that a partner may not notice (R11) go only to the person themselves. A share becomes an event when
//! it can be seen, and only while it can. An event names the object to read again; what the reader then sees
//! is decided at that moment.

use crate::actions::accounts::suspension;
use crate::actions::auth::session::{self, Bearer};
use crate::actions::{AppContext, Fault, Transaction};
use crate::auth::Requester;
use crate::domain::account::AnswerSharing;
use crate::domain::change::{ChangeKind, follows, told_at};
use crate::domain::check_in::CheckInState;
use crate::domain::partner_link::LinkState;
use crate::ids::{
    AccountId, ChangeId, CheckInId, JournalEntryId, LinkId, RevisionId, RowId, SceneId, TypedId,
};
use crate::store;
use crate::store::change::ChangeRow;
use crate::store::check_in::CheckInRow;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// How often a subscription looks without being notified: for the end of its session, and for a missed notification.
const LOOK: SignedDuration = SignedDuration::from_secs(30);

/// A position in the feed: the number of the last immediate event, and the time and id of the last delayed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedCursor {
    number: i64,
    at: Timestamp,
    id: ChangeId,
}

impl FeedCursor {
    /// The position behind everything told by `now`.
    fn at(number: i64, now: Timestamp) -> Self {
        Self { number, at: now, id: ChangeId(Uuid::max()) }
    }
}

impl std::fmt::Display for FeedCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.number, self.at.as_microsecond(), self.id)
    }
}

impl std::str::FromStr for FeedCursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, '.');
        let mut part = || parts.next().ok_or(());
        let number = part()?.parse().ok().filter(|number| *number >= 0).ok_or(())?;
        let at = Timestamp::from_microsecond(part()?.parse().map_err(drop)?).map_err(drop)?;
        Ok(Self { number, at, id: part()?.parse().map_err(drop)? })
    }
}

/// One object that changed.
#[derive(Clone, Debug)]
pub struct ChangeView {
    /// The kind of change.
    pub kind: ChangeKind,
    /// The object's id, as it is on the wire.
    pub object: String,
}

/// The changes since a cursor.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The cursor is missing, unknown or too old: the client must read everything anew, after this.
    pub reset_required: bool,
    /// The changes, in order.
    pub changes: Vec<ChangeView>,
    /// The cursor behind these changes.
    pub cursor: FeedCursor,
    /// Whether more changes follow.
    pub more: bool,
    /// When the next delayed change is due.
    next: Option<Timestamp>,
}

impl Batch {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        !self.reset_required && self.changes.is_empty()
    }
}

impl Transaction<'_> {
    /// Sends these people a change event when the transaction commits.
    pub fn tell(&mut self, people: &[AccountId], kind: ChangeKind, object: impl TypedId) {
        let (now, chance) = (self.ts(), self.chance);
        for account in people {
            self.events().at_once(*account, kind, RowId(object.uuid()), now, chance);
        }
    }

    /// Wakes an account's subscriptions, so that they check whether they are still signed in.
    pub(super) fn wake_followers(&mut self, account: AccountId) {
        self.events().wake(account);
    }

    /// Tells the subject of a check-in when it falls due, or now if it is due and open. One closed in the
    /// past comes with its scene.
    pub(super) fn tell_when_due(&mut self, row: &CheckInRow) {
        let (kind, object) = (ChangeKind::CheckInOpened, RowId(row.id.uuid()));
        let chance = self.chance;
        match told_at(row.due_at.get(), self.now) {
            Some(at) => self.events().later(row.subject_id, kind, object, None, at.into(), chance),
            None if row.closes_at.get() > self.now => {
                let now = self.ts();
                self.events().at_once(row.subject_id, kind, object, now, chance);
            }
            None => {}
        }
    }

    /// As [`Transaction::tell_when_due`], for one whose due time moved: what was to be told at another time is not.
    pub(super) fn tell_when_moved(&mut self, row: &CheckInRow) -> Result<(), Fault> {
        let opened = (ChangeKind::CheckInOpened, RowId(row.id.uuid()));
        let now = self.ts();
        store::change::untell(self.db, row.subject_id, opened, now)?;
        self.tell_when_due(row);
        Ok(())
    }

    /// Tells the subject that a check-in changed. The partner gets an event when a share becomes visible, and
    /// none for a share that was taken back (R09).
    pub(super) fn tell_of_check_in(&mut self, row: &CheckInRow) -> Result<(), Fault> {
        self.tell(&[row.subject_id], ChangeKind::CheckInChanged, row.id);
        let sharing = row.sharing();
        let release = sharing.unseen_until(self.now);
        let now = self.ts();
        if sharing.seen(self.now) == AnswerSharing::Nothing && release.is_none() {
            store::change::take_back(self.db, row.id, None)?;
            return Ok(());
        }
        let waiting = store::change::waiting(self.db, row.id, now)?;
        if waiting.iter().map(|at| at.get()).eq(release) {
            return Ok(());
        }
        store::change::take_back(self.db, row.id, Some(now))?;
        let members = store::partner_link::members(self.db, row.link_id.as_slice())?;
        let partner = members.iter().map(|member| member.account_id).find(|id| *id != row.subject_id);
        if let (Some(partner), Some(at)) = (partner, release) {
            let (object, chance) = (RowId(row.scene_id.uuid()), self.chance);
            self.events().later(partner, ChangeKind::PartnerShared, object, Some(row.id), at.into(), chance);
        } else if let Some(partner) = partner {
            self.events().wake(partner);
        }
        Ok(())
    }
}

fn object(row: &ChangeRow) -> String {
    let id = row.object_id.uuid();
    match row.kind {
        ChangeKind::AccountChanged => AccountId(id).to_string(),
        ChangeKind::LinkChanged => LinkId(id).to_string(),
        ChangeKind::RevisionProposed | ChangeKind::RevisionChanged => RevisionId(id).to_string(),
        ChangeKind::SceneChanged | ChangeKind::PartnerReachedOut | ChangeKind::PartnerShared => {
            SceneId(id).to_string()
        }
        ChangeKind::CheckInOpened | ChangeKind::CheckInChanged => CheckInId(id).to_string(),
        ChangeKind::JournalChanged => JournalEntryId(id).to_string(),
    }
}

/// Keeps those delayed events that may be told now: a partner's share only while it can be seen (R09, R11, R12).
fn tellable(tx: &mut Transaction<'_>, rows: Vec<ChangeRow>) -> Result<Vec<ChangeRow>, Fault> {
    let ids: Vec<_> = rows.iter().filter_map(|row| row.check_in_id).collect();
    if ids.is_empty() {
        return Ok(rows);
    }
    let check_ins: HashMap<_, _> =
        store::check_in::find_all(tx.db, &ids)?.into_iter().map(|row| (row.id, row)).collect();
    let links: Vec<_> = check_ins.values().filter_map(|row| row.link_id).collect();
    let active: Vec<_> = store::partner_link::find_all(tx.db, &links)?
        .into_iter()
        .filter(|link| link.status == LinkState::Active)
        .map(|link| link.id)
        .collect();
    let subjects: Vec<_> = check_ins.values().map(|row| row.subject_id).collect();
    let held = suspension::suspended(tx, &subjects)?;
    let now = tx.now;
    let seen = |id: &CheckInId| {
        check_ins.get(id).is_some_and(|row| {
            row.state == CheckInState::Answered
                && row.sharing().seen(now) != AnswerSharing::Nothing
                && row.link_id.is_some_and(|link| active.contains(&link))
                && !held.contains(&row.subject_id)
        })
    };
    Ok(rows.into_iter().filter(|row| row.check_in_id.as_ref().is_none_or(seen)).collect())
}

/// Up to `most` delayed changes behind a cursor that may be told now.
fn told_later(
    tx: &mut Transaction<'_>,
    account: AccountId,
    after: FeedCursor,
    most: usize,
) -> Result<Vec<ChangeRow>, Fault> {
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let (mut found, mut place, now) = (Vec::new(), (after.at.into(), after.id), tx.ts());
    loop {
        let rows = store::change::later(tx.db, account, place, now, limit)?;
        let last = rows.len() < most;
        if let Some(row) = rows.last() {
            place = (row.told_at, row.id);
        }
        found.extend(tellable(tx, rows)?);
        if last || found.len() >= most {
            return Ok(found);
        }
    }
}

/// The next `first` changes behind a cursor.
fn read(
    tx: &mut Transaction<'_>,
    account: AccountId,
    after: Option<FeedCursor>,
    first: usize,
) -> Result<Batch, Fault> {
    let (now, told) = (tx.now, store::change::told(tx.db, account)?);
    let next = store::change::next(tx.db, account, now.into())?.map(|at| at.get());
    let Some(after) = after.filter(|after| after.number <= told && follows(after.at, now)) else {
        let cursor = FeedCursor::at(told, now);
        return Ok(Batch { reset_required: true, changes: Vec::new(), cursor, more: false, next });
    };
    let most = first + 1;
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let mut at_once = store::change::at_once(tx.db, account, after.number, limit)?.into_iter().peekable();
    let mut later = told_later(tx, account, after, most)?.into_iter().peekable();
    let mut rows = Vec::with_capacity(most);
    while rows.len() < most {
        let earlier = match (at_once.peek(), later.peek()) {
            (Some(a), Some(b)) => a.told_at <= b.told_at,
            (Some(_), None) => true,
            (None, _) => false,
        };
        let next = if earlier { at_once.next() } else { later.next() };
        let Some(row) = next else { break };
        rows.push(row);
    }
    let more = rows.len() > first;
    rows.truncate(first);
    let number = rows.iter().filter_map(|row| row.number).next_back().unwrap_or(after.number);
    let cursor = match rows.iter().rfind(|row| row.number.is_none()) {
        // Everything due by now is told, so the cursor moves up to now.
        _ if !more => FeedCursor::at(number, now.max(after.at)),
        Some(row) => FeedCursor { number, at: row.told_at.get(), id: row.id },
        None => FeedCursor { number, ..after },
    };
    let changes = rows.iter().map(|row| ChangeView { kind: row.kind, object: object(row) }).collect();
    Ok(Batch { reset_required: false, changes, cursor, more, next })
}

/// The changes for an account since a cursor; without a cursor, the client must start over.
pub async fn since(
    context: &Arc<AppContext>,
    account: AccountId,
    after: Option<FeedCursor>,
    first: usize,
) -> Result<Batch, Fault> {
    context.read_tx(move |tx| read(tx, account, after, first)).await
}

/// A subscription to the feed, for as long as its access token and session are valid.
pub struct FeedStream {
    context: Arc<AppContext>,
    requester: Requester,
    token: String,
    follower: store::feeds::Follower,
    cursor: Option<FeedCursor>,
    first: usize,
}

/// The result of waiting.
pub enum FeedItem {
    /// New changes.
    Batch(Batch),
    /// The person is no longer signed in.
    SignedOut,
    /// The process stops.
    Closed,
}

impl FeedStream {
    /// Begins to follow behind a cursor.
    pub fn begin(
        context: &Arc<AppContext>,
        requester: Requester,
        token: String,
        after: Option<FeedCursor>,
        first: usize,
    ) -> Self {
        let follower = context.feeds.follow(requester.account);
        Self { context: Arc::clone(context), requester, token, follower, cursor: after, first }
    }

    /// Waits for the next changes. Checks before every look whether the person is still signed in.
    ///
    /// # Errors
    /// The database fails.
    pub async fn next(&mut self) -> Result<FeedItem, Fault> {
        loop {
            let bearer = session::authenticate(&self.context, &self.token).await?;
            match bearer {
                Bearer::Live(requester) if requester == self.requester => {}
                Bearer::Live(_) | Bearer::Nobody | Bearer::Ended(..) => return Ok(FeedItem::SignedOut),
            }
            let batch = since(&self.context, self.requester.account, self.cursor, self.first).await?;
            self.cursor = Some(batch.cursor);
            if !batch.is_empty() {
                return Ok(FeedItem::Batch(batch));
            }
            let now = self.context.clock.now();
            let wait = batch.next.map_or(LOOK, |at| at.duration_since(now).clamp(SignedDuration::ZERO, LOOK));
            let wait = wait.unsigned_abs();
            // Notified or timed out: look again.
            if let Ok(false) = tokio::time::timeout(wait, self.follower.woken()).await {
                return Ok(FeedItem::Closed);
            }
        }
    }
}

//! Changes: who is told of what, and what somebody has not read yet.
//!
//! Whatever a partner may not notice (R11) is told to its own person alone. What is shared is told when it is seen and
//! only while it is; a change says which object to read again, and the reader sees of it what they may at that moment.

use crate::actions::accounts::suspension;
use crate::actions::auth::session::{self, Bearer};
use crate::actions::{AppContext, Fault, Transaction};
use crate::auth::Requester;
use crate::domain::account::Share;
use crate::domain::change::{ChangeKind, follows, told_at};
use crate::domain::check_in::CheckInState;
use crate::domain::partner_link::LinkStatus;
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

/// How often a follower looks without being woken: whether they are still signed in, and for what no bell told of.
const LOOK: SignedDuration = SignedDuration::from_secs(30);

/// How far somebody has read: the number of what was told at once, and the place of what was told later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedCursor {
    number: i64,
    at: Timestamp,
    id: ChangeId,
}

impl FeedCursor {
    /// Everything that is told by `now`.
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
    /// What happened.
    pub kind: ChangeKind,
    /// The object's id, as it stands on the wire.
    pub object: String,
}

/// What changed since a cursor.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Nobody knows what changed since then: everything is to be read anew, after this.
    pub start_over: bool,
    /// The changes, in order.
    pub changes: Vec<ChangeView>,
    /// How far this goes.
    pub cursor: FeedCursor,
    /// Whether there is more.
    pub more: bool,
    /// When something is told that waits.
    next: Option<Timestamp>,
}

impl Batch {
    /// Whether it tells nothing.
    pub fn is_empty(&self) -> bool {
        !self.start_over && self.changes.is_empty()
    }
}

impl Transaction<'_> {
    /// Tells these people, when the unit ends, that an object changed.
    pub fn tell(&mut self, people: &[AccountId], kind: ChangeKind, object: impl TypedId) {
        let (now, chance) = (self.ts(), self.chance);
        for account in people {
            self.events().at_once(*account, kind, RowId(object.uuid()), now, chance);
        }
    }

    /// Has whoever follows somebody's feed look whether they are still signed in.
    pub(super) fn ask_followers(&mut self, account: AccountId) {
        self.events().wake(account);
    }

    /// Has a check-in told to its subject when it falls due; one that closed in the past comes with its scene.
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

    /// Tells the subject of a check-in that it changed, and sees to it that the partner hears of what is shared when it
    /// is seen, and of nothing that was taken back (R09).
    pub(super) fn tell_of_check_in(&mut self, row: &CheckInRow) -> Result<(), Fault> {
        self.tell(&[row.subject_id], ChangeKind::CheckInChanged, row.id);
        let sharing = row.sharing();
        let release = sharing.unseen_until(self.now);
        let now = self.ts();
        if sharing.seen(self.now) == Share::Nothing && release.is_none() {
            store::change::take_back(self.db, row.id, None)?;
            return Ok(());
        }
        let waiting = store::change::waiting(self.db, row.id, now)?;
        if waiting.iter().map(|at| at.get()).eq(release) {
            return Ok(());
        }
        store::change::take_back(self.db, row.id, Some(now))?;
        let members = store::partner_link::members(self.db, &[row.link_id])?;
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

/// What of some changes that waited may be told now: of what the partner shared only what is seen (R09, R11, R12).
fn tellable(tx: &mut Transaction<'_>, rows: Vec<ChangeRow>) -> Result<Vec<ChangeRow>, Fault> {
    let ids: Vec<_> = rows.iter().filter_map(|row| row.check_in_id).collect();
    if ids.is_empty() {
        return Ok(rows);
    }
    let check_ins: HashMap<_, _> =
        store::check_in::find_all(tx.db, &ids)?.into_iter().map(|row| (row.id, row)).collect();
    let links: Vec<_> = check_ins.values().map(|row| row.link_id).collect();
    let active: Vec<_> = store::partner_link::find_all(tx.db, &links)?
        .into_iter()
        .filter(|link| link.status == LinkStatus::Active)
        .map(|link| link.id)
        .collect();
    let subjects: Vec<_> = check_ins.values().map(|row| row.subject_id).collect();
    let held = suspension::suspended(tx, &subjects)?;
    let now = tx.now;
    let seen = |id: &CheckInId| {
        check_ins.get(id).is_some_and(|row| {
            row.state == CheckInState::Answered
                && row.sharing().seen(now) != Share::Nothing
                && active.contains(&row.link_id)
                && !held.contains(&row.subject_id)
        })
    };
    Ok(rows.into_iter().filter(|row| row.check_in_id.as_ref().is_none_or(seen)).collect())
}

/// Up to `most` changes behind a cursor that were told later than at once, and may be told now.
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

/// The first `first` changes behind a cursor.
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
        return Ok(Batch { start_over: true, changes: Vec::new(), cursor, more: false, next });
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
        // All that was to be told by now is told; whoever looks again looks from now on.
        _ if !more => FeedCursor::at(number, now.max(after.at)),
        Some(row) => FeedCursor { number, at: row.told_at.get(), id: row.id },
        None => FeedCursor { number, ..after },
    };
    let changes = rows.iter().map(|row| ChangeView { kind: row.kind, object: object(row) }).collect();
    Ok(Batch { start_over: false, changes, cursor, more, next })
}

/// What changed for somebody since a cursor; None: since they do not know when.
pub async fn since(
    context: &Arc<AppContext>,
    account: AccountId,
    after: Option<FeedCursor>,
    first: usize,
) -> Result<Batch, Fault> {
    context.read_tx(move |tx| read(tx, account, after, first)).await
}

/// Somebody who follows their feed by an access token, for as long as it and their session work.
pub struct Following {
    context: Arc<AppContext>,
    requester: Requester,
    token: String,
    follower: store::feeds::Follower,
    cursor: Option<FeedCursor>,
    first: usize,
}

/// How following goes on.
pub enum Followed {
    /// Something changed.
    ChangeEvents(Batch),
    /// They are no longer signed in.
    SignedOut,
    /// The process stops.
    Closed,
}

impl Following {
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

    /// Waits for what changes next. Whether the person is signed in is asked before every look.
    ///
    /// # Errors
    /// If the database does not work.
    pub async fn next(&mut self) -> Result<Followed, Fault> {
        loop {
            let bearer = session::authenticate(&self.context, &self.token).await?;
            match bearer {
                Bearer::Live(requester) if requester == self.requester => {}
                Bearer::Live(_) | Bearer::Nobody | Bearer::Ended(..) => return Ok(Followed::SignedOut),
            }
            let batch = since(&self.context, self.requester.account, self.cursor, self.first).await?;
            self.cursor = Some(batch.cursor);
            if !batch.is_empty() {
                return Ok(Followed::ChangeEvents(batch));
            }
            let now = self.context.clock.now();
            let wait = batch.next.map_or(LOOK, |at| at.duration_since(now).clamp(SignedDuration::ZERO, LOOK));
            let wait = wait.unsigned_abs();
            // Woken or not: the time is up, and the look is due.
            if let Ok(false) = tokio::time::timeout(wait, self.follower.woken()).await {
                return Ok(Followed::Closed);
            }
        }
    }
}

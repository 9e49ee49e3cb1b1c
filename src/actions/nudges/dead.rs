//! Dead nudges, whose attempts are exhausted: listed for the operator, and revived (R20).

use crate::actions::{ActionResult, AppContext, Fault};
use crate::domain::nudge::{AttemptOutcome as Ended, Channel, NudgeKind};
use crate::ids::NudgeId;
use crate::store;
use crate::store::nudge::{NudgeRow, Release};
use jiff::Timestamp;
use std::sync::Arc;

/// Maximum number listed or revived at a time.
pub const MOST: i64 = 1000;

/// A dead nudge, without anything about its recipient.
#[derive(Clone, Debug)]
pub struct DeadNudge {
    /// Its id.
    pub id: NudgeId,
    /// What it is for.
    pub kind: NudgeKind,
    /// The channel that it used last.
    pub channel: Channel,
    /// When it was due.
    pub due_at: Timestamp,
    /// When it was given up.
    pub given_up_at: Timestamp,
    /// How often it was claimed.
    pub attempts: i32,
    /// How its last hand-over ended, with the provider's status code.
    pub last: Option<(Ended, Option<i32>)>,
    /// Whether it has expired; reviving it has no effect then.
    pub expired: bool,
}

/// A list of dead nudges.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Latest first, at most [`MOST`].
    pub nudges: Vec<DeadNudge>,
    /// Whether there are more.
    pub more: bool,
}

/// The result of reviving.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Driven {
    /// How many wait again, to go out now.
    pub again: usize,
    /// How many of the named nudges have expired and stay dead.
    pub expired: usize,
    /// How many of the named ids are not dead nudges.
    pub unknown: usize,
    /// Whether more dead nudges remain.
    pub more: bool,
}

/// Keeps at most [`MOST`] rows; true if there were more.
fn up_to_most(mut rows: Vec<NudgeRow>) -> (Vec<NudgeRow>, bool) {
    let most = usize::try_from(MOST).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    (rows, more)
}

/// The dead nudges, latest first.
pub async fn list(context: &Arc<AppContext>) -> Result<Listed, Fault> {
    context
        .read_tx(|tx| {
            let (rows, more) = up_to_most(store::nudge::dead(tx.db, None, None, MOST + 1)?);
            let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
            let attempts = store::nudge::attempts(tx.db, &ids)?;
            let nudges = rows.into_iter().map(|row| {
                let last = attempts.iter().rev().find(|attempt| attempt.nudge_id == row.id);
                DeadNudge {
                    id: row.id,
                    kind: row.kind,
                    channel: row.channel,
                    due_at: row.due_at.get(),
                    given_up_at: row.finished_at.unwrap_or(row.send_at).get(),
                    attempts: row.attempts,
                    last: last.map(|attempt| (attempt.outcome, attempt.status_code)),
                    expired: row.expires_at.get() <= tx.now,
                }
            });
            Ok(Listed { nudges: nudges.collect(), more })
        })
        .await
}

/// Revives dead nudges with all their attempts, on the channel that they were planned for. Everything is checked again
/// when they are sent (R16). `only`: these nudges; else all that are not expired. At most [`MOST`].
pub async fn drive_again(context: &Arc<AppContext>, only: Option<Vec<NudgeId>>) -> ActionResult<Driven> {
    context
        .write_tx(None, move |tx| {
            let now = tx.ts();
            // Without `only`, expired nudges are not read, so that they cannot fill the page.
            let useful_after = only.is_none().then_some(now);
            let (rows, more) =
                up_to_most(store::nudge::dead(tx.db, only.as_deref(), useful_after, MOST + 1)?);
            let mut driven = Driven {
                unknown: only
                    .map_or(0, |ids| ids.iter().filter(|id| rows.iter().all(|row| row.id != **id)).count()),
                more,
                ..Driven::default()
            };
            let recipients: Vec<_> = rows.iter().filter_map(|row| row.recipient_id).collect();
            let lanes = store::lane::of_pushes(tx.db, &recipients)?;
            for row in rows {
                if row.expires_at.get() <= tx.now {
                    driven.expired += 1;
                    continue;
                }
                // A push to a person without a device goes by mail; a copy for one device finds its lane when it is claimed.
                let pushed = row.kind.channel() == Channel::Push && row.device_id.is_none();
                let again = Release {
                    channel: row.kind.channel(),
                    attempts_forgiven: Some(row.attempts),
                    lane: row.recipient_id.and_then(|to| lanes.get(&to)).cloned().filter(|_| pushed),
                    ..Release::again(&row, tx.now, true)
                };
                driven.again += store::nudge::revive(tx.db, row.id, &again)?;
            }
            if driven.again > 0 {
                store::dialect::notify_workers(tx.db)?;
            }
            Ok(driven)
        })
        .await
}

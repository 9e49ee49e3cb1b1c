//! Messages: which reminders to one person go out as one, and which have no place in the person's day (R22).

use crate::actions::nudges::claim::context::ClaimContext;
use crate::actions::nudges::claim::reminder;
use crate::actions::{Fault, Transaction};
use crate::domain::nudge::{Channel, DropReason, Rung, Verdict};
use crate::domain::together::{Class, Item};
use crate::ids::AccountId;
use crate::store::nudge::{NudgeRow, Release};
use jiff::Timestamp;
use std::collections::HashMap;

/// Reminders that go out as one message.
pub struct Message {
    /// Its channel.
    pub channel: Channel,
    /// The due ones; at least one.
    pub due: Vec<NudgeRow>,
    /// Those that come early with it, which nobody has claimed yet.
    pub early: Vec<NudgeRow>,
    class: Class,
}

/// What becomes of one person's due reminders.
#[derive(Default)]
pub struct Arranged {
    /// What goes out now.
    pub messages: Vec<Message>,
    /// What does not.
    pub ended: Vec<(NudgeRow, Release)>,
}

/// Arranges the due reminders of one person, each with its channel. `soon`: what comes within the next hours.
pub fn arrange(
    tx: &Transaction<'_>,
    context: &ClaimContext,
    recipient: AccountId,
    due: Vec<(NudgeRow, Channel)>,
    soon: &[NudgeRow],
) -> Result<Arranged, Fault> {
    let now = tx.now;
    let soon: Vec<(&NudgeRow, Item)> = soon
        .iter()
        .filter(|row| row.recipient_id == Some(recipient))
        .filter_map(|row| Some((row, context.item(row, now)?)))
        .collect();
    let mut arranged = Arranged::default();
    let mut messages: Vec<(Message, Vec<Item>)> = Vec::new();
    let mut due: Vec<_> = due
        .into_iter()
        .filter_map(|(row, channel)| context.item(&row, now).map(|item| (row, channel, item)))
        .collect();
    // First questions first: whatever else is due comes with them, and does not wait.
    due.sort_by_key(|(_, _, item)| item.class != Class::Question);
    // Until when a first question waits: what would have come with it waits, too.
    let mut waiting: HashMap<Channel, Timestamp> = HashMap::new();
    for (row, channel, item) in due {
        let waits = |later: &&(&NudgeRow, Item)| {
            let (row, later) = **later;
            // A question of one's own that cannot come early, though it is near, is waited for. What is about the other is
            // not: whether it comes depends on what the other does (R11).
            let asks = row.kind.rung().is_some_and(Rung::is_question);
            let near = asks && later.rides_with(&item, now) && comes_later(tx, context, row);
            if near && item.class == Class::Other { Some(later.send_at) } else { item.waits_for(&later, now) }
        };
        let joins = messages.iter().any(|(message, _)| message.channel == channel);
        let later = soon.iter().filter(|(_, later)| !joins && later.reason.channel() == channel);
        let with_question = waiting.get(&channel).copied().filter(|_| !joins && item.class == Class::Other);
        let until = later.filter_map(|later| waits(&later)).chain(with_question).min();
        if let Some(at) = until.filter(|at| *at < row.expires_at.get()) {
            if item.class == Class::Question {
                waiting.entry(channel).or_insert(at);
            }
            arranged.ended.push((row.clone(), Release::moved(&row, at)));
            continue;
        }
        match messages.iter_mut().find(|(message, _)| message.channel == channel) {
            Some((message, items)) => {
                message.class = message.class.heavier(item.class);
                message.due.push(row);
                items.push(item);
            }
            None => {
                let (due, early, class) = (vec![row], Vec::new(), item.class);
                messages.push((Message { channel, due, early, class }, vec![item]));
            }
        }
    }
    // First questions take their places first.
    messages.sort_by_key(|(message, _)| message.class != Class::Question);
    let Some(account) = context.account(recipient) else { return Ok(arranged) };
    let mut day = context.day(account, now);
    let morning = account.reach().rhythm.next_morning(now);
    for (mut message, mut items) in messages {
        if !day.has_place(message.class) {
            // What takes no place goes all the same.
            let (free, full): (Vec<_>, Vec<_>) =
                message.due.into_iter().zip(items).partition(|(_, item)| item.class == Class::Free);
            // No check-in goes without its question: it goes today, if tomorrow it has closed.
            let last = |(row, item): &&(NudgeRow, Item)| {
                item.class == Class::Question && morning >= row.expires_at.get()
            };
            let until = match full.iter().filter(last).map(|(row, _)| row.expires_at.get()).min() {
                Some(closes_at) => day.hold_until(closes_at),
                None => morning,
            };
            let goes = if until > now { free } else { free.into_iter().chain(full.clone()).collect() };
            if until > now {
                arranged.ended.extend(full.into_iter().map(|(row, _)| postponed(row, until, now)));
            }
            (message.due, items) = goes.into_iter().unzip();
            message.class = items.iter().fold(Class::Free, |class, item| class.heavier(item.class));
            if message.due.is_empty() {
                continue;
            }
        }
        for (row, item) in &soon {
            let rides = items.iter().any(|due| item.rides_with(due, now));
            let class = message.class.heavier(item.class);
            let has_place = class == message.class || day.has_place(class);
            if rides && has_place && can_go(tx, context, row, message.channel) {
                message.class = class;
                message.early.push((*row).clone());
            }
        }
        day.count(message.class);
        arranged.messages.push(message);
    }
    Ok(arranged)
}

/// Whether a reminder cannot go out now, but later.
fn comes_later(tx: &Transaction<'_>, context: &ClaimContext, row: &NudgeRow) -> bool {
    let reason = row.kind.reason();
    reason.is_some_and(|reason| matches!(reminder::judged(tx, context, row, reason), Verdict::Move(_)))
}

/// Whether a reminder that comes soon can go out now on a channel.
fn can_go(tx: &Transaction<'_>, context: &ClaimContext, row: &NudgeRow, channel: Channel) -> bool {
    let reason = row.kind.reason();
    reason.is_some_and(|reason| reminder::judged(tx, context, row, reason) == Verdict::Send(channel))
}

/// Moves a reminder to a later time, or drops it if it is of no use by then.
fn postponed(row: NudgeRow, until: Timestamp, now: Timestamp) -> (NudgeRow, Release) {
    let release = if until < row.expires_at.get() {
        Release::moved(&row, until)
    } else {
        Release::dropped(&row, DropReason::Expired, now.into())
    };
    (row, release)
}

/// The row that a message is named after, first, and the others in a steady order: one that was tried under the message's
/// name before stays it, else it is a question.
pub fn in_order(mut rows: Vec<NudgeRow>) -> Vec<NudgeRow> {
    rows.sort_by_key(|row| {
        let named = row.message_key.as_ref().is_some_and(|key| *key == row.key);
        let asks = row.kind.rung().is_some_and(Rung::is_question);
        (!named, row.message_key.is_none(), row.tries() <= 1, !asks, row.send_at, row.id)
    });
    rows
}

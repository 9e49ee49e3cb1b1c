//! The followers of change feeds in this process, and how they are woken.

use crate::ids::AccountId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The followers in this process, by account.
#[derive(Default)]
pub struct Feeds {
    followers: Mutex<HashMap<AccountId, watch::Sender<()>>>,
    closed: CancellationToken,
}

/// A follower of one account's feed, until it is dropped.
pub struct Follower {
    feeds: Arc<Feeds>,
    account: AccountId,
    /// Taken on drop, so that it no longer counts.
    receiver: Option<watch::Receiver<()>>,
}

impl Feeds {
    fn followers(&self) -> MutexGuard<'_, HashMap<AccountId, watch::Sender<()>>> {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts to follow. Every later change wakes the follower, so read what came before after this call.
    pub fn follow(self: &Arc<Self>, account: AccountId) -> Follower {
        let receiver = Some(self.followers().entry(account).or_default().subscribe());
        Follower { feeds: Arc::clone(self), account, receiver }
    }

    /// Wakes the followers of an account.
    pub fn wake(&self, account: AccountId) {
        if let Some(receiver) = self.followers().get(&account) {
            receiver.send_replace(());
        }
    }

    /// Wakes all followers, after changes may have been missed.
    pub fn wake_all(&self) {
        for receiver in self.followers().values() {
            receiver.send_replace(());
        }
    }

    /// Ends all followers, current and future: the process stops.
    pub fn close(&self) {
        self.closed.cancel();
    }

    /// Waits until [`Feeds::close`] was called.
    pub fn closed(&self) -> impl Future<Output = ()> + use<> {
        self.closed.clone().cancelled_owned()
    }

    /// How many feeds have followers.
    pub fn followed(&self) -> usize {
        self.followers().len()
    }
}

impl Follower {
    /// Waits until something new may have come since the last call; false: the process stops.
    pub async fn woken(&mut self) -> bool {
        let Some(receiver) = &mut self.receiver else { return false };
        tokio::select! {
            biased;
            () = self.feeds.closed.cancelled() => false,
            woken = receiver.changed() => woken.is_ok(),
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.receiver = None;
        let mut followers = self.feeds.followers();
        if followers.get(&self.account).is_some_and(|receiver| receiver.receiver_count() == 0) {
            followers.remove(&self.account);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use futures::FutureExt as _;
    use jiff::Timestamp;

    #[tokio::test]
    async fn a_follower_is_woken_by_its_own_feed_once_and_forgotten_when_it_goes() {
        let feeds = Arc::new(Feeds::default());
        let (own, other) = (
            AccountId::at(Timestamp::UNIX_EPOCH, &Chance::seeded(0)),
            AccountId::at(Timestamp::UNIX_EPOCH, &Chance::seeded(0)),
        );
        let (mut first, mut second) = (feeds.follow(own), feeds.follow(own));
        feeds.wake(other);
        assert_eq!(first.woken().now_or_never(), None);
        feeds.wake(own);
        feeds.wake(own);
        assert_eq!(first.woken().now_or_never(), Some(true));
        assert_eq!(first.woken().now_or_never(), None);
        assert_eq!(second.woken().now_or_never(), Some(true));
        drop(first);
        assert_eq!(feeds.followed(), 1);
        feeds.close();
        assert_eq!(second.woken().now_or_never(), Some(false));
        assert_eq!(feeds.follow(own).woken().now_or_never(), Some(false), "too late");
        drop(second);
        assert_eq!(feeds.followed(), 0);
    }
}

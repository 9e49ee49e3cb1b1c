//! Rate limits that no stranger can use to lock a person out (R34).
//!
//! An attempt against an account passes three limits, whether or not the account exists: one of the client's network
//! for all its attempts; one of the account *from that network*, which nobody elsewhere can use up; and one of the
//! account from everywhere. When many networks together have used up the last, each still gets one attempt every ten
//! minutes: the right password from a network that waited that long always gets through. A device that shows a token of
//! an earlier session of the account has a limit of its own and skips these three.

use super::network::Network;
use crate::clock::Clock;
use crate::ids::{AccountId, SessionId, TypedId};
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// How many keys one limit remembers before new keys share [`PLACES`] places: this bounds its memory.
const KEYS_MAX: usize = 20_000;
/// How many places the keys beyond [`KEYS_MAX`] share.
const PLACES: u64 = 1024;

/// How long to wait, in seconds.
pub type Seconds = u32;

/// The target of an attempt: a hash of an address, or an id.
type Subject = [u8; 16];

/// What a limit counts by.
type Key = (Subject, Network);

fn subject(bytes: &[u8]) -> Subject {
    let mut subject = Subject::default();
    subject.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    subject
}

/// The service's clock, as the limiter reads it: time since 1970.
#[derive(Clone)]
struct Ticks(Clock);

impl governor::clock::Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.now().as_microsecond()).unwrap_or(0))
    }
}

/// A limit: `burst` attempts at once, and one more each time that `every` has passed.
struct Limit {
    limiter: RateLimiter<Key, HashMapStateStore<Key>, Ticks, NoOpMiddleware<Duration>>,
    clock: Ticks,
    /// The second in which keys with a full allowance were last forgotten.
    swept_at: AtomicI64,
}

impl Limit {
    fn new(clock: &Clock, burst: u32, every: Duration) -> Self {
        let clock = Ticks(clock.clone());
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        // `with_period` gives None for a period of zero only, and no limit here has one.
        let quota =
            Quota::with_period(every).unwrap_or(Quota::per_second(NonZeroU32::MIN)).allow_burst(burst);
        let limiter = RateLimiter::hashmap_with_clock(quota, clock.clone());
        Self { limiter, clock, swept_at: AtomicI64::new(0) }
    }

    fn check(&self, key: Key) -> Result<(), Seconds> {
        let waited = self.limiter.check_key(&self.place(key));
        waited.map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(Seconds::MAX).max(1)
        })
    }

    /// The key itself while there is room for it, else a place that it shares with other keys.
    fn place(&self, key: Key) -> Key {
        use std::hash::{BuildHasher, RandomState};
        if self.limiter.len() < KEYS_MAX {
            return key;
        }
        let now = self.clock.0.now().as_second();
        // Once a second at most: it walks all keys.
        if self.swept_at.swap(now, Ordering::Relaxed) != now {
            self.limiter.retain_recent();
            if self.limiter.len() < KEYS_MAX {
                return key;
            }
        }
        static HASHER: std::sync::LazyLock<RandomState> = std::sync::LazyLock::new(RandomState::new);
        (subject(&(HASHER.hash_one(key) % PLACES).to_be_bytes()), Network::Unknown)
    }
}

/// The limits on attempts against an account by clients who are not signed in.
struct AttemptLimits {
    network: Limit,
    own: Limit,
    all: Limit,
    first: Limit,
}

impl AttemptLimits {
    fn pass(&self, network: Network, subject: Subject) -> Result<(), Seconds> {
        self.network.check((Subject::default(), network))?;
        self.own.check((subject, network))?;
        self.all
            .check((subject, Network::Unknown))
            .or_else(|wait| self.first.check((subject, network)).map_err(|first| first.min(wait)))
    }
}

/// The limits of one process; each process counts for itself.
pub struct Rates {
    log_in: AttemptLimits,
    known_device: Limit,
    sign_up: AttemptLimits,
    reset: AttemptLimits,
    token: Limit,
    refresh: Limit,
    code: Limit,
    password: Limit,
    new_address: Limit,
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

impl Rates {
    /// Limits that count by that clock.
    pub fn new(clock: &Clock) -> Self {
        let limit = |burst, every| Limit::new(clock, burst, every);
        // Each sends a mail: lower, since an attacker could fill an inbox.
        let mails = || AttemptLimits {
            network: limit(60, MINUTE),
            own: limit(10, 10 * MINUTE),
            all: limit(20, 30 * MINUTE),
            first: limit(1, 60 * MINUTE),
        };
        Self {
            log_in: AttemptLimits {
                network: limit(100, 3 * SECOND),
                own: limit(20, MINUTE),
                all: limit(100, 30 * SECOND),
                first: limit(1, 10 * MINUTE),
            },
            known_device: limit(10, MINUTE),
            sign_up: mails(),
            reset: mails(),
            token: limit(120, 10 * SECOND),
            refresh: limit(300, SECOND),
            code: limit(30, MINUTE),
            password: limit(30, MINUTE),
            new_address: limit(5, 30 * MINUTE),
        }
    }

    /// A log-in to the account with this address index, whether or not it exists, and perhaps from the device of an
    /// earlier session of that account.
    ///
    /// # Errors
    /// The seconds to wait; so in all methods below.
    pub fn log_in(&self, network: Network, address: &[u8], device: Option<SessionId>) -> Result<(), Seconds> {
        match device {
            Some(session) => self.known_device.check((*session.uuid().as_bytes(), Network::Unknown)),
            None => self.log_in.pass(network, subject(address)),
        }
    }

    /// A sign-up with the address of this index.
    pub fn sign_up(&self, network: Network, address: &[u8]) -> Result<(), Seconds> {
        self.sign_up.pass(network, subject(address))
    }

    /// A password reset mail to the address of this index.
    pub fn reset(&self, network: Network, address: &[u8]) -> Result<(), Seconds> {
        self.reset.pass(network, subject(address))
    }

    /// The use of a token from a mail.
    pub fn token(&self, network: Network) -> Result<(), Seconds> {
        self.token.check((Subject::default(), network))
    }

    /// The exchange of a refresh token.
    pub fn refresh(&self, network: Network) -> Result<(), Seconds> {
        self.refresh.check((Subject::default(), network))
    }

    /// A signed-in person reads or answers an invitation by its code.
    pub fn code(&self, by: AccountId) -> Result<(), Seconds> {
        self.code.check((*by.uuid().as_bytes(), Network::Unknown))
    }

    /// A signed-in person reauthenticates with the password.
    pub fn password(&self, by: AccountId) -> Result<(), Seconds> {
        self.password.check((*by.uuid().as_bytes(), Network::Unknown))
    }

    /// A signed-in person asks for a new address: this sends a mail to any address they name.
    pub fn new_address(&self, by: AccountId) -> Result<(), Seconds> {
        self.new_address.check((*by.uuid().as_bytes(), Network::Unknown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use jiff::{SignedDuration, Timestamp};

    fn clock() -> Clock {
        Clock::simulated("2026-10-24T20:00:00Z".parse::<Timestamp>().unwrap())
    }

    fn pass(clock: &Clock, seconds: i64) {
        clock.set(clock.now() + SignedDuration::from_secs(seconds));
    }

    fn net(number: u32) -> Network {
        Network::V4(number.into())
    }

    #[test]
    fn r34_a_network_that_tries_too_often_waits_and_no_other_does() {
        let clock = clock();
        let rates = Rates::new(&clock);
        for _ in 0..20 {
            assert_eq!(rates.log_in(net(1), b"alex", None), Ok(()));
        }
        assert_eq!(rates.log_in(net(1), b"alex", None), Err(60));
        assert_eq!(rates.log_in(net(2), b"alex", None), Ok(()), "nobody is locked out by another");
        assert_eq!(rates.log_in(net(1), b"sam", None), Ok(()));
        pass(&clock, 30);
        assert_eq!(rates.log_in(net(1), b"alex", None), Err(30));
        pass(&clock, 30);
        assert_eq!(rates.log_in(net(1), b"alex", None), Ok(()));
    }

    #[test]
    fn r34_a_thousand_strangers_cannot_lock_anybody_out() {
        let clock = clock();
        let rates = Rates::new(&clock);
        let tries = |from: u32, until: u32| {
            (from..until).filter(|n| rates.log_in(net(*n), b"alex", None).is_ok()).count()
        };
        assert_eq!(tries(0, 100), 100);
        assert_eq!(tries(0, 100), 100, "then each network has one more, and no second");
        assert_eq!(tries(0, 100), 0);
        assert_eq!(rates.log_in(net(5000), b"alex", None), Ok(()), "whoever did not try yet gets through");
        assert!(rates.log_in(net(5000), b"alex", None).is_err_and(|wait| wait <= 30));
        let device = SessionId::at(clock.now(), &Chance::seeded(0));
        assert_eq!(
            rates.log_in(net(5000), b"alex", Some(device)),
            Ok(()),
            "and so does a device that is known"
        );
        for minute in 0..60 {
            pass(&clock, 60);
            // An attack that goes on every minute and takes every shared allowance at once.
            tries(0, 1000);
            if minute % 10 == 9 {
                assert_eq!(rates.log_in(net(5000), b"alex", None), Ok(()), "minute {minute}");
            }
        }
    }

    #[test]
    fn r34_limits_do_not_grow_with_those_who_come() {
        let clock = clock();
        let limit = Limit::new(&clock, 1, MINUTE);
        for number in 0..60_000_u32 {
            let _ = limit.check((Subject::default(), net(number)));
        }
        assert!(limit.limiter.len() <= KEYS_MAX + usize::try_from(PLACES).unwrap());
        assert!(limit.check((Subject::default(), net(7))).is_err(), "and are kept all the same");
        pass(&clock, 120);
        assert_eq!(limit.check((Subject::default(), net(70_000))), Ok(()));
        assert_eq!(limit.limiter.len(), 1, "what is as good as new is forgotten");
    }
}

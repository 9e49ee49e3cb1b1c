//! Rate limits that no stranger can use to lock a person out (R34).
//!
//! An attempt against an account passes three limits, whether or not the account exists: one of the client's network
//! for all its attempts; one of the account *from that network*, which nobody elsewhere can use up; and one of the
//! account from everywhere. When many networks together have used up the last, each wide network still gets one attempt
//! every ten minutes: the right password from one that waited that long always gets through. A device that shows a token
//! of an earlier session of the account has a limit of its own and skips these three.
//!
//! A network of IPv6 counts at several widths at once ([`Network::widths`]): whoever has a whole /48 is one client there,
//! however many of its /64s they use. Each width has a table of its own. One that is full lets what is new pass to the
//! next width, and the widest to the provider's: so who fills a table meets a width at which they are one entry, and
//! nobody elsewhere does.
//!
//! Each process counts for itself, without a write for a request: of several, each lets as many passwords be tried,
//! which are too long to be guessed so (R32). What is shorter, and what sends mails, is counted in the database: codes
//! of an app ([`crate::domain::totp::Guesses`]), codes of one log-in, and the mails to one address.

use super::network::{Network, WIDTHS};
use crate::clock::Clock;
use crate::ids::{AccountId, SessionId, TypedId};
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// How many keys one table remembers: this bounds its memory.
const KEYS_MAX: usize = 20_000;
/// How many places the keys share that no table has room for.
const PLACES: u64 = 1024;
/// How many times as much a wider network may do as one client, by its width: it holds more people.
const SHARES: [u32; WIDTHS] = [1, 2, 4];
/// The same for the network of a provider.
const PROVIDERS_SHARE: u32 = 16;

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

/// The counts of one width.
struct Table {
    limiter: RateLimiter<Key, HashMapStateStore<Key>, Ticks, NoOpMiddleware<Duration>>,
    clock: Ticks,
    /// The second in which keys with a full allowance were last forgotten.
    swept_at: AtomicI64,
}

impl Table {
    fn new(clock: &Ticks, burst: u32, every: Duration) -> Self {
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        // `with_period` gives None for a period of zero only, and no limit here has one.
        let quota =
            Quota::with_period(every).unwrap_or(Quota::per_second(NonZeroU32::MIN)).allow_burst(burst);
        let limiter = RateLimiter::hashmap_with_clock(quota, clock.clone());
        Self { limiter, clock: clock.clone(), swept_at: AtomicI64::new(0) }
    }

    fn check(&self, key: Key) -> Result<(), Seconds> {
        self.limiter.check_key(&key).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(Seconds::MAX).max(1)
        })
    }

    fn is_full(&self) -> bool {
        if self.limiter.len() < KEYS_MAX {
            return false;
        }
        let now = self.clock.0.now().as_second();
        // Once a second at most: it walks all keys.
        if self.swept_at.swap(now, Ordering::Relaxed) != now {
            self.limiter.retain_recent();
        }
        self.limiter.len() >= KEYS_MAX
    }
}

/// A limit: `burst` attempts at once, and one more each time that `every` has passed; for wider networks more.
struct Limit {
    /// By width, the narrowest first.
    tables: [Table; WIDTHS],
    /// For what the widest that counts has no room for.
    rest: Table,
}

impl Limit {
    fn new(clock: &Clock, burst: u32, every: Duration) -> Self {
        let clock = Ticks(clock.clone());
        let table = |share| Table::new(&clock, burst.saturating_mul(share), every / share);
        Self { tables: SHARES.map(table), rest: table(PROVIDERS_SHARE) }
    }

    /// One attempt. The narrowest width comes first: what it refuses does not count for the others.
    fn check(&self, subject: Subject, network: Network) -> Result<(), Seconds> {
        let mut counted = false;
        for (table, wider) in self.tables.iter().zip(network.widths()) {
            counted = !table.is_full();
            if counted {
                table.check((subject, wider))?;
            }
        }
        if counted { Ok(()) } else { self.check_rest(subject, network) }
    }

    /// One attempt from wherever.
    fn check_alone(&self, subject: Subject) -> Result<(), Seconds> {
        self.check(subject, Network::NONE)
    }

    /// One attempt by the whole of a client's widest network.
    fn check_widest(&self, subject: Subject, network: Network) -> Result<(), Seconds> {
        let [table, ..] = &self.tables;
        match table.is_full() {
            false => table.check((subject, network.widest())),
            true => self.check_rest(subject, network),
        }
    }

    fn check_rest(&self, of: Subject, network: Network) -> Result<(), Seconds> {
        use std::hash::{BuildHasher, RandomState};
        static HASHER: std::sync::LazyLock<RandomState> = std::sync::LazyLock::new(RandomState::new);
        let place = |key: Key| (subject(&(HASHER.hash_one(key) % PLACES).to_be_bytes()), Network::NONE);
        let provider = network.provider();
        let key = match (provider == Network::NONE, self.rest.is_full()) {
            (true, _) => place((of, provider)),
            (false, true) => place((Subject::default(), provider)),
            (false, false) => (Subject::default(), provider),
        };
        self.rest.check(key)
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
        self.network.check(Subject::default(), network)?;
        self.own.check(subject, network)?;
        self.all
            .check_alone(subject)
            .or_else(|wait| self.first.check_widest(subject, network).map_err(|first| first.min(wait)))
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
    spare_code: Limit,
    write: Limit,
    new_address: Limit,
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

impl Rates {
    /// Limits that count by that clock.
    pub fn new(clock: &Clock) -> Self {
        let limit = |burst, every| Limit::new(clock, burst, every);
        // Each may send a mail. From everywhere together more is allowed than from one network of any width: nobody
        // uses that up alone.
        let mails = || AttemptLimits {
            network: limit(60, MINUTE),
            own: limit(10, 10 * MINUTE),
            all: limit(100, 2 * MINUTE),
            first: limit(1, 60 * MINUTE),
        };
        Self {
            log_in: AttemptLimits {
                network: limit(100, 3 * SECOND),
                own: limit(20, MINUTE),
                all: limit(200, 12 * SECOND),
                first: limit(1, 10 * MINUTE),
            },
            known_device: limit(10, MINUTE),
            sign_up: mails(),
            reset: mails(),
            token: limit(120, 10 * SECOND),
            refresh: limit(300, SECOND),
            code: limit(30, MINUTE),
            password: limit(30, MINUTE),
            // Codes are short: the right one is found in three of a million tries.
            spare_code: limit(2, 60 * MINUTE),
            // A phone that was offline for days sends what it has; a person does less.
            write: limit(600, SECOND),
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
            Some(session) => self.known_device.check_alone(*session.uuid().as_bytes()),
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
        self.token.check(Subject::default(), network)
    }

    /// The exchange of a refresh token.
    pub fn refresh(&self, network: Network) -> Result<(), Seconds> {
        self.refresh.check(Subject::default(), network)
    }

    /// A signed-in person reads or answers an invitation by its code.
    pub fn code(&self, by: AccountId) -> Result<(), Seconds> {
        self.code.check_alone(*by.uuid().as_bytes())
    }

    /// A signed-in person reauthenticates with the password.
    pub fn password(&self, by: SessionId) -> Result<(), Seconds> {
        self.password.check_alone(*by.uuid().as_bytes())
    }

    /// A session changes something. Whoever stole one uses nothing up that the owner's other sessions have.
    pub fn write(&self, by: SessionId) -> Result<(), Seconds> {
        self.write.check_alone(*by.uuid().as_bytes())
    }

    /// A code of an app at a log-in, after too many were wrong for this account from everywhere.
    pub fn spare_code(&self, network: Network, of: AccountId) -> Result<(), Seconds> {
        self.spare_code.check_widest(*of.uuid().as_bytes(), network)
    }

    /// The same on a device that was signed in before.
    pub fn spare_code_of_known(&self, of: AccountId) -> Result<(), Seconds> {
        self.spare_code.check_alone(*of.uuid().as_bytes())
    }

    /// The same in a session.
    pub fn spare_code_of(&self, session: SessionId) -> Result<(), Seconds> {
        self.spare_code.check_alone(*session.uuid().as_bytes())
    }

    /// The password of an account that confirms a new address by a mail's link, with nobody signed in.
    pub fn confirming_password(&self, of: AccountId) -> Result<(), Seconds> {
        self.password.check_alone(*of.uuid().as_bytes())
    }

    /// A signed-in person asks for a new address: this sends a mail to any address they name.
    pub fn new_address(&self, by: AccountId) -> Result<(), Seconds> {
        self.new_address.check_alone(*by.uuid().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use jiff::{SignedDuration, Timestamp};
    use std::net::Ipv6Addr;

    fn clock() -> Clock {
        Clock::simulated("2026-10-24T20:00:00Z".parse::<Timestamp>().unwrap())
    }

    fn pass(clock: &Clock, seconds: i64) {
        clock.set(clock.now() + SignedDuration::from_secs(seconds));
    }

    fn net(number: u32) -> Network {
        Network::of(std::net::Ipv4Addr::from(number).into())
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
        assert_eq!(tries(0, 200), 200);
        assert_eq!(tries(0, 200), 200, "then each network has one more, and no second");
        assert_eq!(tries(0, 200), 0);
        assert_eq!(rates.log_in(net(5000), b"alex", None), Ok(()), "whoever did not try yet gets through");
        assert!(rates.log_in(net(5000), b"alex", None).is_err_and(|wait| wait <= 12));
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

    /// The client with one /64 of a /48.
    fn v6(site: u16, number: u16) -> Network {
        Network::of(Ipv6Addr::new(0x2001, 0xdb8, site, number, 0, 0, 0, 1).into())
    }

    #[test]
    fn r34_whoever_has_a_whole_48_is_one_client_there() {
        let clock = clock();
        let rates = Rates::new(&clock);
        let tries = |numbers: std::ops::Range<u16>| {
            numbers.filter(|n| rates.log_in(v6(1, *n), b"alex", None).is_ok()).count()
        };
        assert_eq!(tries(0..100), 40, "of one /56 as many as two clients");
        assert_eq!(tries(256..1000), 40, "of the /48 as many as four");
        assert_eq!(tries(1000..65_535), 0);
        for owner in [net(7), v6(2, 7)] {
            assert_eq!(rates.log_in(owner, b"alex", None), Ok(()));
        }
        // A single client of that /48 takes nobody's place there.
        let alone = Rates::new(&clock);
        while alone.log_in(v6(1, 1), b"alex", None).is_ok() {}
        assert_eq!(alone.log_in(v6(1, 2), b"alex", None), Ok(()));
    }

    #[test]
    fn r34_one_network_neither_uses_up_what_all_have_nor_fills_the_tables() {
        let clock = clock();
        let rates = Rates::new(&clock);
        // More /64s of a /48 than a table has room for, against as many addresses and against one.
        for minute in 0..3_u16 {
            for number in (0..u16::MAX).step_by(3) {
                let _ = rates.reset(v6(1, number), format!("{minute} {number}").as_bytes());
                let _ = rates.reset(v6(1, number), b"alex");
                let _ = rates.log_in(v6(1, number), b"alex", None);
            }
            pass(&clock, 60);
            for owner in [net(minute.into()), v6(2, minute), Network::of(Ipv6Addr::LOCALHOST.into())] {
                assert_eq!(rates.reset(owner, b"alex"), Ok(()), "minute {minute}");
                assert_eq!(rates.log_in(owner, b"alex", None), Ok(()), "minute {minute}");
                assert_eq!(rates.reset(owner, b"sam"), Ok(()), "minute {minute}");
            }
        }
    }

    #[test]
    fn r34_a_full_table_holds_those_who_filled_it() {
        let clock = clock();
        let limit = Limit::new(&clock, 1, 60 * MINUTE);
        let mut taken = 0;
        for site in 0..u16::MAX {
            taken += u32::from(limit.check(Subject::default(), v6(site, 0)).is_ok());
        }
        let room = u32::try_from(KEYS_MAX).unwrap();
        assert_eq!(taken, room + PROVIDERS_SHARE, "the rest counts as one provider");
        assert!(limit.check(Subject::default(), v6(7, 0)).is_err());
        let elsewhere = Network::of(Ipv6Addr::new(0x2001, 0xdb9, 0, 0, 0, 0, 0, 1).into());
        for owner in [net(1), elsewhere] {
            assert_eq!(limit.check(Subject::default(), owner), Ok(()));
        }
    }

    #[test]
    fn r34_limits_do_not_grow_with_those_who_come() {
        let clock = clock();
        let limit = Limit::new(&clock, 1, MINUTE);
        for number in 0..300_000_u32 {
            let spread = number.wrapping_mul(2_654_435_761);
            let _ = limit.check(Subject::default(), net(spread));
            let _ = limit.check(spread.to_be_bytes().repeat(4).try_into().unwrap(), Network::NONE);
        }
        let most = KEYS_MAX + usize::try_from(PLACES).unwrap();
        assert!(limit.tables.iter().chain([&limit.rest]).all(|table| table.limiter.len() <= most));
        pass(&clock, 240);
        assert_eq!(limit.check(Subject::default(), net(7)), Ok(()));
        assert_eq!(limit.tables[0].limiter.len(), 1, "what is as good as new is forgotten");
    }
}

//! The service's metrics for Prometheus: numbers under fixed labels, nothing about any person (R35).

use crate::domain::device::ServiceClass;
use crate::domain::nudge::{AttemptOutcome, Channel};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// The media type of [`Metrics::render`] (OpenMetrics 1.0).
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the lateness buckets, in seconds.
const LATENESS: [f64; 12] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0];
/// Upper bounds of the buckets of the wait for the database, in seconds, up to the caller's deadline.
const WAIT: [f64; 10] = [0.0005, 0.002, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0];

/// The most nudges of one state that are counted: a scrape must cost the same with a million of them.
pub const COUNTED_MOST: i64 = 10_000;

/// The nudges to deliver, each state counted up to [`COUNTED_MOST`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Due nudges that no worker has a lease on.
    pub due: i64,
    /// Nudges that are not due yet.
    pub waiting: i64,
    /// Nudges that a worker has a lease on.
    pub held: i64,
    /// Nudges that were given up.
    pub dead: i64,
    /// How long the oldest due nudge has been due.
    pub oldest_due: SignedDuration,
}

/// Label names and their values, all `'static`: no text from outside can become one.
type Words<const N: usize> = [(&'static str, &'static str); N];

fn lateness() -> Histogram {
    Histogram::new(LATENESS)
}

/// The metrics of one process. Share it as an `Arc`; every method may be called from any thread at any time.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    claims: Counter,
    claimed: Counter,
    attempts: Family<Words<2>, Counter>,
    lateness: Family<Words<1>, Histogram, fn() -> Histogram>,
    dead: Counter,
    leases_lost: Counter,
    put_off: Counter,
    keys_refused: Family<Words<1>, Counter>,
    circuits: Family<Words<1>, Gauge>,
    passed: Gauge<f64, AtomicU64>,
    passed_micros: AtomicI64,
    clock_doubted: Gauge,
    worker_runs: AtomicBool,
    database_wait: Histogram,
    queue: Family<Words<1>, Gauge>,
    oldest_due: Gauge<f64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics that are all zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("evenkeel"),
            claims: Counter::default(),
            claimed: Counter::default(),
            attempts: Family::default(),
            lateness: Family::new_with_constructor(lateness),
            dead: Counter::default(),
            leases_lost: Counter::default(),
            put_off: Counter::default(),
            keys_refused: Family::default(),
            circuits: Family::default(),
            passed: Gauge::default(),
            passed_micros: AtomicI64::new(0),
            clock_doubted: Gauge::default(),
            worker_runs: AtomicBool::new(false),
            database_wait: Histogram::new(WAIT),
            queue: Family::default(),
            oldest_due: Gauge::default(),
        };
        metrics.register();
        metrics.begin_at_zero();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "build",
            "The version that runs",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register("claims", "Claims of due nudges that this process made", self.claims.clone());
        registry.register("claimed_nudges", "Nudges that these claims took", self.claimed.clone());
        registry.register(
            "attempts",
            "Hand-overs to providers, by class of service and how they ended",
            self.attempts.clone(),
        );
        registry.register_with_unit(
            "lateness",
            "Time from when a nudge was due until a provider accepted it",
            Unit::Seconds,
            self.lateness.clone(),
        );
        registry.register(
            "dead_nudges",
            "Nudges that spent their attempts and were given up",
            self.dead.clone(),
        );
        registry.register(
            "lost_leases",
            "Results refused because another worker had taken the nudge over",
            self.leases_lost.clone(),
        );
        registry.register(
            "put_off_nudges",
            "Nudges moved to a later time at the moment of sending: by quiet hours, patience or the daily cap, while their device's push service wants it left alone, or given back to wait for a place",
            self.put_off.clone(),
        );
        registry.register(
            "key_refusals",
            "Answers of a provider that refuse this server: a push service's 401 or 403 to its VAPID key, a mail server's to its log-in or address",
            self.keys_refused.clone(),
        );
        registry.register(
            "open_circuits",
            "Providers that are left alone for a while: several devices in a row had no answer, or were asked to wait",
            self.circuits.clone(),
        );
        registry.register_with_unit(
            "worker_last_pass_timestamp",
            "When the worker last looked for due nudges and could; 0: not yet",
            Unit::Seconds,
            self.passed.clone(),
        );
        registry.register(
            "clock_doubted",
            "1 while this process doubts the time, and nothing is sent, ended or erased; else 0",
            self.clock_doubted.clone(),
        );
        registry.register_with_unit(
            "database_wait",
            "Time that work waited until a database connection was free",
            Unit::Seconds,
            self.database_wait.clone(),
        );
        registry.register(
            "queue_nudges",
            format!("Nudges in the database by state, each counted up to {COUNTED_MOST}; missing while it cannot be read"),
            self.queue.clone(),
        );
        registry.register_with_unit(
            "queue_oldest_due_age",
            "For how long the oldest nudge that is due and held by no worker has been due; 0: none is",
            Unit::Seconds,
            self.oldest_due.clone(),
        );
    }

    /// `rate()` misses the first event of a series that appears only with it: all series exist from the start.
    fn begin_at_zero(&self) {
        for channel in Channel::ALL {
            drop(self.lateness.get_or_create(&[("channel", channel.word())]));
        }
        for service in ServiceClass::ALL {
            let label = ("service", service.word());
            for outcome in AttemptOutcome::ALL {
                drop(self.attempts.get_or_create(&[label, ("outcome", outcome.word())]));
            }
            drop(self.keys_refused.get_or_create(&[label]));
            drop(self.circuits.get_or_create(&[label]));
        }
    }

    /// A worker claimed this many nudges at once.
    pub fn claimed(&self, nudges: usize) {
        self.claims.inc();
        self.claimed.inc_by(nudges as u64);
    }

    /// An attempt to hand a nudge to a provider ended.
    pub fn attempted(&self, service: ServiceClass, outcome: AttemptOutcome) {
        self.attempts.get_or_create(&[("service", service.word()), ("outcome", outcome.word())]).inc();
    }

    /// A provider accepted a nudge this long after it was due.
    pub fn accepted_after(&self, channel: Channel, lateness: SignedDuration) {
        let seconds = lateness.as_secs_f64().max(0.0);
        self.lateness.get_or_create(&[("channel", channel.word())]).observe(seconds);
    }

    /// A nudge used up its attempts and was given up.
    pub fn dead(&self) {
        self.dead.inc();
    }

    /// A result was refused, since another worker had the lease by then (R15).
    pub fn lease_lost(&self) {
        self.leases_lost.inc();
    }

    /// This many nudges were moved to a later time at the moment of sending.
    pub fn put_off(&self, nudges: usize) {
        self.put_off.inc_by(nudges as u64);
    }

    /// A provider refuses this server's key or log-in: the operator must act (R20).
    pub fn key_refused(&self, service: ServiceClass) {
        self.keys_refused.get_or_create(&[("service", service.word())]).inc();
    }

    /// An origin of this class failed repeatedly and is left alone for a while (R23).
    pub fn circuit_opened(&self, service: ServiceClass) {
        self.circuits.get_or_create(&[("service", service.word())]).inc();
    }

    /// An origin of this class is used again.
    pub fn circuit_closed(&self, service: ServiceClass) {
        self.circuits.get_or_create(&[("service", service.word())]).dec();
    }

    /// The worker looked for due nudges. Call it at the end of each pass without a fault.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of this century fit in 53 bits")]
    pub fn passed(&self, now: Timestamp) {
        let micros = now.as_microsecond();
        self.passed_micros.store(micros, Ordering::Relaxed);
        self.passed.set(micros as f64 / 1e6);
    }

    /// When this process's worker last finished a pass; None: never yet, or there is no worker.
    pub fn last_pass(&self) -> Option<Timestamp> {
        match self.passed_micros.load(Ordering::Relaxed) {
            0 => None,
            micros => Timestamp::from_microsecond(micros).ok(),
        }
    }

    /// Notes that this process runs a worker, so that readiness expects passes of it.
    pub fn expect_passes(&self) {
        self.worker_runs.store(true, Ordering::Relaxed);
    }

    /// Whether this process runs a worker.
    pub fn expects_passes(&self) -> bool {
        self.worker_runs.load(Ordering::Relaxed)
    }

    /// Whether the time is doubted, so that nothing is claimed, expired, swept or erased (R38).
    pub fn clock_doubted(&self, doubted: bool) {
        self.clock_doubted.set(doubted.into());
    }

    /// The counted queue. None: it could not be counted, and the numbers from before must not be taken for current
    /// ones.
    pub fn queue_counted(&self, depth: Option<QueueDepth>) {
        let Some(depth) = depth else {
            self.queue.clear();
            self.oldest_due.set(f64::NAN);
            return;
        };
        let states =
            [("due", depth.due), ("waiting", depth.waiting), ("held", depth.held), ("dead", depth.dead)];
        for (state, count) in states {
            self.queue.get_or_create(&[("state", state)]).set(count);
        }
        self.oldest_due.set(depth.oldest_due.as_secs_f64());
    }

    /// Work waited this long for a database connection.
    pub fn database_waited(&self, wait: Duration) {
        self.database_wait.observe(wait.as_secs_f64());
    }

    /// All metrics as OpenMetrics text; see [`CONTENT_TYPE`].
    ///
    /// # Errors
    /// Only if a metric could not be written; none of ours is known to fail.
    pub fn render(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a series, written as Prometheus shows it.
    fn value(text: &str, series: &str) -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series} is not in\n{text}")).parse().unwrap()
    }

    #[test]
    fn every_event_moves_its_metric() {
        let metrics = Metrics::new();
        metrics.claimed(3);
        metrics.attempted(ServiceClass::Apple, AttemptOutcome::Gone);
        metrics.accepted_after(Channel::Push, SignedDuration::from_secs(2));
        metrics.accepted_after(Channel::Push, SignedDuration::from_secs(-2));
        metrics.dead();
        metrics.lease_lost();
        metrics.put_off(2);
        metrics.key_refused(ServiceClass::Google);
        metrics.circuit_opened(ServiceClass::Mozilla);
        metrics.circuit_opened(ServiceClass::Mozilla);
        metrics.circuit_closed(ServiceClass::Mozilla);
        metrics.database_waited(Duration::from_millis(20));
        assert_eq!(metrics.last_pass(), None);
        let now: Timestamp = "2026-10-24T18:00:00.5Z".parse().unwrap();
        metrics.passed(now);
        assert_eq!(metrics.last_pass(), Some(now));
        let text = metrics.render().unwrap();
        for (series, expected) in [
            ("evenkeel_claims_total", 1.0),
            ("evenkeel_claimed_nudges_total", 3.0),
            ("evenkeel_attempts_total{service=\"apple\",outcome=\"gone\"}", 1.0),
            ("evenkeel_attempts_total{service=\"apple\",outcome=\"accepted\"}", 0.0),
            ("evenkeel_lateness_seconds_count{channel=\"push\"}", 2.0),
            ("evenkeel_lateness_seconds_sum{channel=\"push\"}", 2.0),
            ("evenkeel_lateness_seconds_bucket{le=\"0.1\",channel=\"push\"}", 1.0),
            ("evenkeel_lateness_seconds_bucket{le=\"2.5\",channel=\"push\"}", 2.0),
            ("evenkeel_lateness_seconds_count{channel=\"mail\"}", 0.0),
            ("evenkeel_dead_nudges_total", 1.0),
            ("evenkeel_lost_leases_total", 1.0),
            ("evenkeel_put_off_nudges_total", 2.0),
            ("evenkeel_key_refusals_total{service=\"google\"}", 1.0),
            ("evenkeel_key_refusals_total{service=\"mail\"}", 0.0),
            ("evenkeel_open_circuits{service=\"mozilla\"}", 1.0),
            ("evenkeel_worker_last_pass_timestamp_seconds", 1_792_864_800.5),
            ("evenkeel_database_wait_seconds_bucket{le=\"0.01\"}", 0.0),
            ("evenkeel_database_wait_seconds_bucket{le=\"0.05\"}", 1.0),
        ] {
            assert!((value(&text, series) - expected).abs() < f64::EPSILON, "{series} in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}

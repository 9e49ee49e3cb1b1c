//! Circuit breakers: providers that do not answer are left alone for a while, so that no hand-over waits in vain (R23).

use crate::domain::hand_over::SendResult;
use crate::domain::nudge::AttemptOutcome;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;

/// Failures in a row that open a provider's circuit.
const FAILURES_MAX: u32 = 8;
/// How long a circuit stays open the first time; it doubles each further time.
const FIRST: SignedDuration = SignedDuration::from_secs(15);
/// The longest that a circuit stays open: a nudge is soon late.
const LONGEST: SignedDuration = SignedDuration::from_mins(2);
/// How long one probe may take before another is let through.
const PROBE: SignedDuration = SignedDuration::from_secs(30);
/// The most circuits kept; beyond that, those that never opened are forgotten.
const REMEMBERED: usize = 1024;
/// How long an open circuit is kept after its time if nothing is sent to its provider: a provider that no device uses
/// any more must not raise an alarm for ever.
const KEPT: SignedDuration = SignedDuration::from_hours(1);
/// How often circuits are checked for that.
const LOOK: SignedDuration = SignedDuration::from_mins(1);

/// The circuits of all providers: push services by their origin, and the mail server.
#[derive(Debug, Default)]
pub struct Circuits {
    by_origin: HashMap<String, Circuit>,
    /// When `forget` last checked all circuits.
    looked: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Circuit {
    failures: u32,
    /// How many times in a row it opened.
    openings: u32,
    open_until: Option<Timestamp>,
    /// Whether a probe is under way.
    probing: bool,
}

/// How a circuit changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It opened: the provider is left alone.
    Opened,
    /// It closed: the provider answers again.
    Closed,
}

impl Circuits {
    /// Whether a hand-over to that provider may start now; if not, the error is how long to wait. Once the circuit's
    /// time is over, one probe is let through, and the other hand-overs wait for its result.
    pub fn admit(&mut self, origin: &str, now: Timestamp) -> Result<(), SignedDuration> {
        let Some(circuit) = self.by_origin.get_mut(origin) else { return Ok(()) };
        match circuit.open_until {
            // A time further ahead was set before the clock was put back; ignore it.
            Some(until) if now < until && until <= now + LONGEST => Err(until.duration_since(now)),
            Some(_) => {
                circuit.open_until = Some(now + PROBE);
                circuit.probing = true;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Forgets open circuits of providers that get no more hand-overs; returns their origins.
    pub fn forget(&mut self, now: Timestamp) -> Vec<String> {
        // A clock that was put back does not stop the check.
        if self.looked.is_some_and(|looked| looked <= now && now < looked + LOOK) {
            return Vec::new();
        }
        self.looked = Some(now);
        let over = |circuit: &mut Circuit| circuit.open_until.is_some_and(|until| until + KEPT <= now);
        self.by_origin.extract_if(|_, circuit| over(circuit)).map(|(origin, _)| origin).collect()
    }

    /// Notes whether the provider answered, with success or not; `None`: nothing was sent to it.
    pub fn learn(&mut self, origin: &str, answered: Option<bool>, now: Timestamp) -> Option<Change> {
        let Some(answered) = answered else {
            let circuit = self.by_origin.get_mut(origin).filter(|circuit| circuit.probing)?;
            // The probe was not sent: let the next one through.
            circuit.open_until = Some(now);
            circuit.probing = false;
            return None;
        };
        if answered {
            let circuit = self.by_origin.get_mut(origin)?;
            let was_open = circuit.openings > 0;
            *circuit = Circuit::default();
            return was_open.then_some(Change::Closed);
        }
        if self.by_origin.len() >= REMEMBERED && !self.by_origin.contains_key(origin) {
            self.by_origin.retain(|_, circuit| circuit.openings > 0);
            if self.by_origin.len() >= REMEMBERED {
                return None;
            }
        }
        let circuit = self.by_origin.entry(origin.to_owned()).or_default();
        circuit.failures = circuit.failures.saturating_add(1);
        // Hand-overs that were under way when the circuit opened fail too and tell nothing new; a failed probe does.
        if circuit.failures < FAILURES_MAX || (circuit.openings > 0 && !circuit.probing) {
            return None;
        }
        let was_closed = circuit.openings == 0;
        let doubled = FIRST * (1 << circuit.openings.min(6));
        circuit.open_until = Some(now + doubled.min(LONGEST));
        circuit.openings += 1;
        circuit.probing = false;
        was_closed.then_some(Change::Opened)
    }
}

/// Whether the provider answered, by this result; `None`: nothing was sent, which tells nothing about the provider.
pub fn answered(result: &SendResult, mail: bool) -> Option<bool> {
    match (result.outcome, result.code) {
        (None, _) | (Some(AttemptOutcome::Refused), None) => None,
        // A mail server that defers one recipient still serves the others.
        (Some(AttemptOutcome::Deferred), Some(_)) => Some(mail && !result.refuses_us),
        (Some(AttemptOutcome::Deferred), None) => Some(false),
        (Some(AttemptOutcome::Accepted | AttemptOutcome::Gone | AttemptOutcome::Refused), _) => Some(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r23_a_provider_that_fails_is_left_alone_and_then_probed_once() {
        let mut circuits = Circuits::default();
        let start: Timestamp = "2026-10-25T10:00:00Z".parse().unwrap();
        for _ in 1..FAILURES_MAX {
            assert_eq!(circuits.learn("a", Some(false), start), None);
            assert_eq!(circuits.admit("a", start), Ok(()));
        }
        assert_eq!(circuits.learn("a", Some(false), start), Some(Change::Opened));
        assert_eq!(circuits.admit("a", start), Err(FIRST));
        assert_eq!(circuits.admit("b", start), Ok(()), "another provider has nothing to do with it");
        let later = start + FIRST;
        assert_eq!(circuits.admit("a", later), Ok(()), "the probe");
        assert_eq!(circuits.admit("a", later), Err(PROBE), "and nothing beside it");
        assert_eq!(circuits.learn("a", Some(false), later), None);
        assert_eq!(circuits.admit("a", later), Err(FIRST + FIRST));
        let last = later + FIRST + FIRST;
        assert_eq!(circuits.admit("a", last), Ok(()));
        assert_eq!(circuits.learn("a", Some(true), last), Some(Change::Closed));
        assert_eq!((circuits.admit("a", last), circuits.admit("a", last)), (Ok(()), Ok(())));
    }

    #[test]
    fn r23_a_provider_that_nothing_is_sent_to_any_more_is_forgotten() {
        let mut circuits = Circuits::default();
        let start: Timestamp = "2026-10-25T10:00:00Z".parse().unwrap();
        let fail = |circuits: &mut Circuits, origin: &str, at| {
            let told: Vec<_> =
                (0..FAILURES_MAX).filter_map(|_| circuits.learn(origin, Some(false), at)).collect();
            assert_eq!(told, [Change::Opened], "{origin}");
        };
        fail(&mut circuits, "a", start);
        let later = start + SignedDuration::from_mins(30);
        fail(&mut circuits, "b", later);
        assert_eq!(circuits.learn("c", Some(false), start), None);
        let none = Vec::<String>::new();
        let over = start + FIRST + KEPT;
        assert_eq!(circuits.forget(over - LOOK), none);
        assert_eq!(circuits.forget(over - SignedDuration::from_secs(1)), none, "it looked a moment ago");
        assert_eq!(circuits.forget(over), ["a"]);
        assert_eq!(circuits.forget(over + LOOK), none, "once");
        assert_eq!(circuits.learn("a", Some(true), over), None, "it is no news that it answers");
        fail(&mut circuits, "a", over);
        assert_eq!(circuits.forget(later + FIRST + KEPT), ["b"], "a clock that was put back or not");
        assert_eq!(circuits.forget(start), none);
    }

    #[test]
    fn r23_providers_that_are_gone_for_good_take_no_others_place() {
        let mut circuits = Circuits::default();
        let start: Timestamp = "2026-10-25T10:00:00Z".parse().unwrap();
        for origin in 0..REMEMBERED {
            for _ in 0..FAILURES_MAX {
                circuits.learn(&origin.to_string(), Some(false), start);
            }
        }
        let fails = |circuits: &mut Circuits, at| {
            (0..FAILURES_MAX).find_map(|_| circuits.learn("new", Some(false), at))
        };
        assert_eq!(fails(&mut circuits, start), None, "there is no room");
        let over = start + FIRST + KEPT;
        assert_eq!(circuits.forget(over).len(), REMEMBERED);
        assert_eq!(fails(&mut circuits, over), Some(Change::Opened));
    }

    #[test]
    fn r23_what_was_never_sent_closes_no_circuit_and_is_no_probe() {
        let unsent = SendResult::new(AttemptOutcome::Refused, None);
        assert_eq!(answered(&unsent, false), None);
        assert_eq!(answered(&SendResult::held_back(FIRST), false), None);
        assert_eq!(answered(&SendResult::new(AttemptOutcome::Refused, Some(413)), false), Some(true));
        assert_eq!(
            answered(&SendResult::new(AttemptOutcome::Accepted, None), true),
            Some(true),
            "a mail that became a file"
        );
        let busy = SendResult::new(AttemptOutcome::Deferred, Some(451));
        assert_eq!([true, false].map(|mail| answered(&busy, mail)), [Some(true), Some(false)]);
        assert_eq!(answered(&SendResult { refuses_us: true, ..busy }, true), Some(false));
        let mut circuits = Circuits::default();
        let start: Timestamp = "2026-10-25T10:00:00Z".parse().unwrap();
        let told: Vec<_> =
            (0..FAILURES_MAX).filter_map(|_| circuits.learn("a", Some(false), start)).collect();
        assert_eq!(told, [Change::Opened]);
        assert_eq!(circuits.learn("a", answered(&unsent, false), start), None);
        assert_eq!(circuits.admit("a", start), Err(FIRST), "it stays open");
        let later = start + FIRST;
        assert_eq!(circuits.admit("a", later), Ok(()));
        assert_eq!(circuits.learn("a", answered(&unsent, false), later), None);
        assert_eq!(circuits.admit("a", later), Ok(()), "another probe");
        assert_eq!(circuits.admit("a", later), Err(PROBE), "and nothing beside it");
        assert_eq!(circuits.learn("b", None, later), None);
    }
}

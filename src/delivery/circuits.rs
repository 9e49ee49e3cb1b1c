//! Circuits: which providers are not answering anybody just now, so that nobody waits for them in vain (R23).

use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;

/// Failures in a row after which a provider is left alone.
const FAILURES_MAX: u32 = 8;
/// How long it is left alone the first time; each further time twice as long.
const FIRST: SignedDuration = SignedDuration::from_secs(15);
/// The longest that it is left alone: a nudge is soon late.
const LONGEST: SignedDuration = SignedDuration::from_mins(2);
/// How long one probe may take before another is let through.
const PROBE: SignedDuration = SignedDuration::from_secs(30);
/// Providers that are remembered; beyond that those that were not left alone are forgotten.
const REMEMBERED: usize = 1024;

/// What is known about every provider: push services by their origin, and the mail server.
#[derive(Debug, Default)]
pub struct Circuits {
    by_origin: HashMap<String, Circuit>,
}

#[derive(Debug, Default)]
struct Circuit {
    failures: u32,
    /// How often in a row it was opened.
    openings: u32,
    open_until: Option<Timestamp>,
    /// Whether a probe was let through since.
    probing: bool,
}

/// How a circuit changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was opened: the provider is left alone.
    Opened,
    /// It was closed: the provider answers again.
    Closed,
}

impl Circuits {
    /// Whether something may be sent to that provider now; if not, after how long. Once its time is over one probe is
    /// let through, and the others wait for what becomes of it.
    pub fn admit(&mut self, origin: &str, now: Timestamp) -> Result<(), SignedDuration> {
        let Some(circuit) = self.by_origin.get_mut(origin) else { return Ok(()) };
        match circuit.open_until {
            // One that lies further ahead was noted by a clock that has been put back since.
            Some(until) if now < until && until <= now + LONGEST => Err(until.duration_since(now)),
            Some(_) => {
                circuit.open_until = Some(now + PROBE);
                circuit.probing = true;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Notes whether the provider answered, whatever it said, or could not.
    pub fn learn(&mut self, origin: &str, answered: bool, now: Timestamp) -> Option<Change> {
        if answered {
            let circuit = self.by_origin.get_mut(origin)?;
            let was_open = circuit.openings > 0;
            *circuit = Circuit::default();
            return was_open.then_some(Change::Closed);
        }
        if self.by_origin.len() >= REMEMBERED {
            self.by_origin.retain(|_, circuit| circuit.openings > 0);
            if self.by_origin.len() >= REMEMBERED && !self.by_origin.contains_key(origin) {
                return None;
            }
        }
        let circuit = self.by_origin.entry(origin.to_owned()).or_default();
        circuit.failures = circuit.failures.saturating_add(1);
        // What was on its way when it was opened fails too, and says nothing new; a failed probe does.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r23_a_provider_that_fails_is_left_alone_and_then_probed_once() {
        let mut circuits = Circuits::default();
        let start: Timestamp = "2026-10-25T10:00:00Z".parse().unwrap();
        for _ in 1..FAILURES_MAX {
            assert_eq!(circuits.learn("a", false, start), None);
            assert_eq!(circuits.admit("a", start), Ok(()));
        }
        assert_eq!(circuits.learn("a", false, start), Some(Change::Opened));
        assert_eq!(circuits.admit("a", start), Err(FIRST));
        assert_eq!(circuits.admit("b", start), Ok(()), "another provider has nothing to do with it");
        let later = start + FIRST;
        assert_eq!(circuits.admit("a", later), Ok(()), "the probe");
        assert_eq!(circuits.admit("a", later), Err(PROBE), "and nothing beside it");
        assert_eq!(circuits.learn("a", false, later), None);
        assert_eq!(circuits.admit("a", later), Err(FIRST + FIRST));
        let last = later + FIRST + FIRST;
        assert_eq!(circuits.admit("a", last), Ok(()));
        assert_eq!(circuits.learn("a", true, last), Some(Change::Closed));
        assert_eq!((circuits.admit("a", last), circuits.admit("a", last)), (Ok(()), Ok(())));
    }
}

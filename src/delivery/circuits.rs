//! Circuit breakers: providers that do not answer are left alone for a while, so that no hand-over waits in vain (R23).

use crate::domain::device::ServiceClass;
use crate::domain::hand_over::SendResult;
use crate::domain::nudge::AttemptOutcome;
use crate::ids::DeviceId;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Hand-overs without an answer in a row that open a provider's circuit.
const FAILURES_MAX: u32 = 8;
/// How many devices these must be of, or must have been asked to wait in a row: one device's fault is not its provider's,
/// and all devices of a vendor share an origin.
const DEVICES_MIN: usize = 3;
/// How long a circuit stays open the first time; it doubles each further time.
const FIRST: SignedDuration = SignedDuration::from_secs(15);
/// The longest that a circuit stays open, and the shortest that a provider can ask for: a nudge is soon late.
const LONGEST: SignedDuration = SignedDuration::from_mins(2);
const SHORTEST: SignedDuration = SignedDuration::from_secs(1);
/// How long one probe may take before another is let through.
const PROBE: SignedDuration = SignedDuration::from_secs(30);
/// The most circuits kept; beyond that, those that never opened are forgotten.
const REMEMBERED: usize = 1024;
/// How long an open circuit is kept after its time if nothing is sent to its provider: a provider that no device uses
/// any more must not raise an alarm for ever.
const KEPT: SignedDuration = SignedDuration::from_hours(1);
/// How often circuits are checked for that.
const LOOK: SignedDuration = SignedDuration::from_mins(1);

/// The circuits of all providers: push services and the mail server, by their lane.
#[derive(Debug, Default)]
pub struct Circuits {
    by_lane: BTreeMap<String, Circuit>,
    /// When `forget` last checked all circuits.
    looked: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Circuit {
    class: Option<ServiceClass>,
    /// Hand-overs in a row without an answer, and the first few devices that they were for.
    failures: u32,
    silent: Vec<DeviceId>,
    /// The first few devices in a row whose answer asked for time.
    asked: Vec<DeviceId>,
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

/// What a hand-over showed about its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// An answer, of whatever kind: what it says is about the device or the message.
    Answered,
    /// An answer that asks for time (`Retry-After`): from several devices in a row, it is about the provider.
    Asked(SignedDuration),
    /// None: no connection, or a time-out.
    Silent,
    /// Nothing was sent.
    Unsent,
}

/// Whether a hand-over may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Any number may.
    Open,
    /// One may, to see whether the provider answers again.
    Probe,
    /// None before this instant.
    Shut(Timestamp),
}

impl Circuit {
    fn admission(&self, now: Timestamp) -> Admission {
        match self.open_until {
            // A time further ahead was set before the clock was put back; ignore it.
            Some(until) if now < until && until <= now + LONGEST => Admission::Shut(until),
            Some(_) => Admission::Probe,
            None => Admission::Open,
        }
    }

    /// Opens until then, if it is closed or its probe failed; hand-overs that were under way when it opened tell nothing
    /// new.
    fn open(&mut self, until: Timestamp) -> Option<Change> {
        let was_closed = self.openings == 0;
        if !was_closed && !self.probing {
            return None;
        }
        self.open_until = Some(until);
        self.openings += 1;
        self.probing = false;
        was_closed.then_some(Change::Opened)
    }
}

/// Notes one more device, of which only the first few are told apart.
fn note(devices: &mut Vec<DeviceId>, device: Option<DeviceId>) {
    if let Some(device) = device
        && devices.len() < DEVICES_MIN
        && !devices.contains(&device)
    {
        devices.push(device);
    }
}

impl Circuits {
    /// Whether a hand-over to that provider may start now; nothing is noted.
    pub fn admission(&self, lane: &str, now: Timestamp) -> Admission {
        self.by_lane.get(lane).map_or(Admission::Open, |circuit| circuit.admission(now))
    }

    /// The lanes of the providers that are left alone, or are being probed.
    pub fn open(&self, now: Timestamp) -> Vec<(String, Admission)> {
        let admissions = self.by_lane.iter().map(|(lane, circuit)| (lane, circuit.admission(now)));
        admissions.filter(|(_, it)| *it != Admission::Open).map(|(lane, it)| (lane.clone(), it)).collect()
    }

    /// Whether a hand-over to that provider starts now. Once the circuit's time is over, one probe is let through, and
    /// the other hand-overs wait for its result.
    pub fn admit(&mut self, lane: &str, now: Timestamp) -> bool {
        let Some(circuit) = self.by_lane.get_mut(lane) else { return true };
        match circuit.admission(now) {
            Admission::Open => true,
            Admission::Shut(_) => false,
            Admission::Probe => {
                circuit.open_until = Some(now + PROBE);
                circuit.probing = true;
                true
            }
        }
    }

    /// Forgets open circuits of providers that get no more hand-overs; returns the services' classes.
    pub fn forget(&mut self, now: Timestamp) -> Vec<ServiceClass> {
        // A clock that was put back does not stop the check.
        if self.looked.is_some_and(|looked| looked <= now && now < looked + LOOK) {
            return Vec::new();
        }
        self.looked = Some(now);
        let over = |circuit: &mut Circuit| circuit.open_until.is_some_and(|until| until + KEPT <= now);
        self.by_lane
            .extract_if(.., |_, circuit| over(circuit))
            .filter_map(|(_, circuit)| circuit.class)
            .collect()
    }

    /// Notes what a hand-over to a device showed about its provider; None as device: it was a mail.
    pub fn learn(
        &mut self,
        (lane, class): (&str, ServiceClass),
        device: Option<DeviceId>,
        sign: Sign,
        now: Timestamp,
    ) -> Option<Change> {
        if self.by_lane.len() >= REMEMBERED && !self.by_lane.contains_key(lane) {
            self.by_lane.retain(|_, circuit| circuit.openings > 0);
        }
        let circuit = match sign {
            Sign::Answered | Sign::Unsent => self.by_lane.get_mut(lane)?,
            Sign::Asked(_) | Sign::Silent if self.by_lane.len() < REMEMBERED => {
                self.by_lane.entry(lane.to_owned()).or_default()
            }
            Sign::Asked(_) | Sign::Silent => self.by_lane.get_mut(lane)?,
        };
        circuit.class = Some(class);
        match sign {
            Sign::Unsent => {
                if circuit.probing {
                    // The probe was not sent: let the next one through.
                    circuit.open_until = Some(now);
                    circuit.probing = false;
                }
                None
            }
            Sign::Answered => {
                let was_open = circuit.openings > 0;
                self.by_lane.remove(lane);
                was_open.then_some(Change::Closed)
            }
            Sign::Asked(wait) => {
                circuit.failures = 0;
                circuit.silent.clear();
                note(&mut circuit.asked, device);
                if circuit.asked.len() >= DEVICES_MIN {
                    return circuit.open(now + wait.clamp(SHORTEST, LONGEST));
                }
                // It opened because nothing was answered, and this is an answer.
                (circuit.openings > 0).then(|| {
                    let asked = std::mem::take(&mut circuit.asked);
                    *circuit = Circuit { class: circuit.class, asked, ..Circuit::default() };
                    Change::Closed
                })
            }
            Sign::Silent => {
                circuit.asked.clear();
                circuit.failures = circuit.failures.saturating_add(1);
                note(&mut circuit.silent, device);
                let several = device.is_none() || circuit.silent.len() >= DEVICES_MIN;
                // A probe that fails is one more of a provider that several devices were not answered by.
                if circuit.probing || (circuit.failures >= FAILURES_MAX && several) {
                    let doubled = FIRST * (1 << circuit.openings.min(6));
                    return circuit.open(now + doubled.min(LONGEST));
                }
                None
            }
        }
    }
}

/// What a result shows about its provider.
pub fn sign(result: &SendResult, mail: bool) -> Sign {
    match (result.outcome, result.code) {
        (None, _) | (Some(AttemptOutcome::Refused), None) => Sign::Unsent,
        (Some(AttemptOutcome::Deferred), None) => Sign::Silent,
        // A mail server that refuses this server serves nobody; one that defers one recipient still serves the others.
        (Some(AttemptOutcome::Deferred), Some(_)) if mail && result.refuses_us => Sign::Silent,
        (Some(AttemptOutcome::Deferred), Some(_)) => result.wait.map_or(Sign::Answered, Sign::Asked),
        (Some(AttemptOutcome::Accepted | AttemptOutcome::Gone | AttemptOutcome::Refused), _) => {
            Sign::Answered
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TypedId;
    use uuid::Uuid;

    fn start() -> Timestamp {
        "2026-10-25T10:00:00Z".parse().unwrap()
    }

    fn device(n: u64) -> Option<DeviceId> {
        Some(DeviceId::of(Uuid::from_u128(n.into())))
    }

    /// What is told of a provider that answers one device after another in this way, so many times.
    fn tell(circuits: &mut Circuits, lane: &str, signs: (Sign, u32), at: Timestamp) -> Vec<Change> {
        let learn = |n| circuits.learn((lane, ServiceClass::Other), device(n), signs.0, at);
        (0..u64::from(signs.1)).filter_map(learn).collect()
    }

    fn fails(circuits: &mut Circuits, lane: &str, at: Timestamp) -> Vec<Change> {
        tell(circuits, lane, (Sign::Silent, FAILURES_MAX), at)
    }

    fn one(circuits: &mut Circuits, sign: Sign, at: Timestamp) -> Option<Change> {
        circuits.learn(("a", ServiceClass::Other), device(99), sign, at)
    }

    #[test]
    fn r23_a_provider_that_fails_is_left_alone_and_then_probed_once() {
        let (mut circuits, start) = (Circuits::default(), start());
        assert_eq!(tell(&mut circuits, "a", (Sign::Silent, FAILURES_MAX - 1), start), []);
        assert!(circuits.admit("a", start));
        assert_eq!(one(&mut circuits, Sign::Silent, start), Some(Change::Opened));
        assert_eq!(circuits.admission("a", start), Admission::Shut(start + FIRST));
        assert_eq!(circuits.open(start), [("a".to_owned(), Admission::Shut(start + FIRST))]);
        assert!(!circuits.admit("a", start));
        assert!(circuits.admit("b", start), "another provider has nothing to do with it");
        let later = start + FIRST;
        assert_eq!(circuits.admission("a", later), Admission::Probe);
        assert!(circuits.admit("a", later), "the probe");
        assert_eq!(circuits.admission("a", later), Admission::Shut(later + PROBE), "and nothing beside it");
        assert_eq!(one(&mut circuits, Sign::Silent, later), None);
        assert_eq!(circuits.admission("a", later), Admission::Shut(later + FIRST + FIRST));
        let last = later + FIRST + FIRST;
        assert!(circuits.admit("a", last));
        assert_eq!(one(&mut circuits, Sign::Answered, last), Some(Change::Closed));
        assert_eq!(circuits.admission("a", last), Admission::Open, "at once, for all");
    }

    #[test]
    fn r20_one_devices_fault_is_not_its_providers() {
        let (mut circuits, start) = (Circuits::default(), start());
        for sign in [Sign::Asked(FIRST), Sign::Silent] {
            for _ in 0..5 * FAILURES_MAX {
                assert_eq!(one(&mut circuits, sign, start), None);
                assert_eq!(circuits.admission("a", start), Admission::Open);
            }
        }
        assert_eq!(one(&mut circuits, Sign::Answered, start), None);
        // Any answer shows that the provider answers, and whoever is served that it asks nobody else to wait.
        for _ in 0..FAILURES_MAX {
            assert_eq!(tell(&mut circuits, "a", (Sign::Silent, FAILURES_MAX - 1), start), []);
            assert_eq!(one(&mut circuits, Sign::Answered, start), None);
            assert_eq!(tell(&mut circuits, "a", (Sign::Asked(FIRST), 2), start), []);
            assert_eq!(one(&mut circuits, Sign::Answered, start), None);
        }
    }

    #[test]
    fn r20_a_provider_that_asks_several_for_time_gets_it_up_to_two_minutes() {
        let (asked, start) = (SignedDuration::from_secs(40), start());
        let mut circuits = Circuits::default();
        assert_eq!(tell(&mut circuits, "a", (Sign::Asked(asked), 3), start), [Change::Opened]);
        assert_eq!(circuits.admission("a", start), Admission::Shut(start + asked));
        assert!(circuits.admit("a", start + asked));
        let day = SignedDuration::from_hours(24);
        assert_eq!(one(&mut circuits, Sign::Asked(day), start + asked), None);
        let next = start + asked + LONGEST;
        assert_eq!(circuits.admission("a", start + asked), Admission::Shut(next));
        assert!(circuits.admit("a", next));
        assert_eq!(one(&mut circuits, Sign::Answered, next), Some(Change::Closed), "of any kind");
        // A probe that is asked to wait was answered.
        assert_eq!(fails(&mut circuits, "a", start), [Change::Opened]);
        assert!(circuits.admit("a", start + FIRST));
        assert_eq!(one(&mut circuits, Sign::Asked(asked), start + FIRST), Some(Change::Closed));
        assert_eq!(circuits.admission("a", start + FIRST), Admission::Open);
    }

    #[test]
    fn r23_a_provider_that_nothing_is_sent_to_any_more_is_forgotten() {
        let (mut circuits, start) = (Circuits::default(), start());
        assert_eq!(fails(&mut circuits, "a", start), [Change::Opened]);
        let later = start + SignedDuration::from_mins(30);
        assert_eq!(fails(&mut circuits, "b", later), [Change::Opened]);
        assert_eq!(tell(&mut circuits, "c", (Sign::Silent, 1), start), []);
        let over = start + FIRST + KEPT;
        assert_eq!(circuits.forget(over - LOOK), []);
        assert_eq!(circuits.forget(over - SignedDuration::from_secs(1)), [], "it looked a moment ago");
        assert_eq!(circuits.forget(over), [ServiceClass::Other]);
        assert_eq!(circuits.forget(over + LOOK), [], "once");
        assert_eq!(one(&mut circuits, Sign::Answered, over), None, "it is no news that it answers");
        assert_eq!(fails(&mut circuits, "a", over), [Change::Opened]);
        assert_eq!(circuits.forget(later + FIRST + KEPT).len(), 1, "a clock that was put back or not");
        assert_eq!(circuits.forget(start), []);
    }

    #[test]
    fn r23_providers_that_are_gone_for_good_take_no_others_place() {
        let (mut circuits, start) = (Circuits::default(), start());
        for lane in 0..REMEMBERED {
            fails(&mut circuits, &lane.to_string(), start);
        }
        assert_eq!(fails(&mut circuits, "new", start), [], "there is no room");
        let over = start + FIRST + KEPT;
        assert_eq!(circuits.forget(over).len(), REMEMBERED);
        assert_eq!(fails(&mut circuits, "new", over), [Change::Opened]);
    }

    #[test]
    fn r23_what_was_never_sent_closes_no_circuit_and_is_no_probe() {
        let unsent = SendResult::new(AttemptOutcome::Refused, None);
        assert_eq!(sign(&unsent, false), Sign::Unsent);
        assert_eq!(sign(&SendResult::held_back(FIRST), false), Sign::Unsent);
        assert_eq!(sign(&SendResult::new(AttemptOutcome::Refused, Some(413)), false), Sign::Answered);
        assert_eq!(
            sign(&SendResult::new(AttemptOutcome::Accepted, None), true),
            Sign::Answered,
            "a mail that became a file"
        );
        let busy = SendResult::new(AttemptOutcome::Deferred, Some(451));
        assert_eq!(sign(&busy, true), Sign::Answered);
        assert_eq!(sign(&SendResult { refuses_us: true, ..busy }, true), Sign::Silent);
        assert_eq!(sign(&SendResult::of_push(503, None), false), Sign::Answered);
        assert_eq!(sign(&SendResult::of_push(429, Some(FIRST)), false), Sign::Asked(FIRST));
        assert_eq!(sign(&SendResult::new(AttemptOutcome::Deferred, None), false), Sign::Silent);
        let (mut circuits, start) = (Circuits::default(), start());
        assert_eq!(fails(&mut circuits, "a", start), [Change::Opened]);
        assert_eq!(one(&mut circuits, Sign::Unsent, start), None);
        assert!(!circuits.admit("a", start), "it stays open");
        let later = start + FIRST;
        assert!(circuits.admit("a", later));
        assert_eq!(one(&mut circuits, Sign::Unsent, later), None);
        assert!(circuits.admit("a", later), "another probe");
        assert!(!circuits.admit("a", later), "and nothing beside it");
    }

    #[test]
    fn r23_a_mail_server_has_no_devices() {
        let (mut circuits, start) = (Circuits::default(), start());
        let mail = ("mail", ServiceClass::Mail);
        let told: Vec<_> =
            (0..FAILURES_MAX).filter_map(|_| circuits.learn(mail, None, Sign::Silent, start)).collect();
        assert_eq!(told, [Change::Opened]);
    }
}

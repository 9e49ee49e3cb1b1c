//! Hand-overs: what a provider's answer means, and what happens to a nudge after it was handed over (R20).

use super::mail_reply::{MailFailure, MailReply, MailStep, failure};
use super::nudge::{AttemptOutcome, Channel};
use crate::ids::DeviceId;
use jiff::{SignedDuration, Timestamp};

/// Attempts after which a nudge is given up on its channel. Every claim counts, whatever its result, so that
/// a nudge that crashes each worker cannot do so for ever.
pub const ATTEMPTS_MAX: i32 = 12;

/// The longest lease of a claim. One that ends later was written by a wrong clock, and holds nothing (R38).
pub const LEASE_MAX: SignedDuration = SignedDuration::from_mins(10);

/// How long a push may be deferred before the nudge goes by mail, if mail is wanted and works.
pub const PUSH_PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// The wait after a mail server's limit was reached, and after its refusal of this server once the attempts are spent.
const LIMIT_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// The result of one hand-over, to one device or to the mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendResult {
    /// Its meaning; None: not sent, because the provider is full or left alone, or the device is.
    pub outcome: Option<AttemptOutcome>,
    /// The provider's HTTP status or SMTP code.
    pub code: Option<i32>,
    /// The wait before the next try, if the provider (or its known state) asks for one.
    pub wait: Option<SignedDuration>,
    /// Whether the provider refuses this server instead of this message: the operator must fix something.
    pub refuses_us: bool,
}

impl SendResult {
    /// A result without a wait.
    pub fn new(outcome: AttemptOutcome, code: Option<i32>) -> Self {
        Self { outcome: Some(outcome), code, wait: None, refuses_us: false }
    }

    /// Nothing was sent; it can be tried after `wait`, or, with none, as soon as its lane has room.
    pub fn held_back(wait: SignedDuration) -> Self {
        Self { outcome: None, code: None, wait: Some(wait), refuses_us: false }
    }

    /// The meaning of a push service's status (RFC 8030, 5 and 7.3; RFC 8292, 4.2).
    pub fn of_push(status: u16, wait: Option<SignedDuration>) -> Self {
        let outcome = match status {
            200..=299 => AttemptOutcome::Accepted,
            404 | 410 => AttemptOutcome::Gone,
            429 | 500..=599 => AttemptOutcome::Deferred,
            _ => AttemptOutcome::Refused,
        };
        let wait = wait.filter(|_| outcome == AttemptOutcome::Deferred);
        Self {
            outcome: Some(outcome),
            code: Some(status.into()),
            wait,
            refuses_us: matches!(status, 401 | 403),
        }
    }

    /// The meaning of a mail server's reply to a step; `None`: it gave none. What is not the address's own failure leaves
    /// the address in use: a limit or a policy of this server's must not cost a person every mail.
    pub fn of_mail(step: MailStep, reply: Option<&MailReply>) -> Self {
        let failure = failure(step, reply);
        let (outcome, wait) = match failure {
            MailFailure::Address => (AttemptOutcome::Gone, None),
            MailFailure::Mail => (AttemptOutcome::Refused, None),
            MailFailure::Passing | MailFailure::Ours => (AttemptOutcome::Deferred, None),
            MailFailure::Limit => (AttemptOutcome::Deferred, Some(LIMIT_WAIT)),
        };
        let refuses_us = matches!(failure, MailFailure::Ours | MailFailure::Limit);
        let code = reply.map(|reply| reply.code.into());
        Self { outcome: Some(outcome), code, wait, refuses_us }
    }
}

/// A nudge that was handed over, with the facts that its disposition depends on.
#[derive(Clone, Copy, Debug)]
pub struct Handed<'a> {
    /// Its channel.
    pub channel: Channel,
    /// Whether it is the copy for one device, after the others took theirs.
    pub straggler: bool,
    /// How many attempts count, including this one.
    pub tries: i32,
    /// The same of the nudge that was tried most, of those that went with it.
    pub most_tries: i32,
    /// When it was due.
    pub due_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Whether a mail could replace it.
    pub mail_possible: bool,
    /// Whether a device outside `results` refused it for good before.
    pub refused_before: bool,
    /// The result for each device; None stands for the mail server.
    pub results: &'a [(Option<DeviceId>, SendResult)],
}

/// What happens to a nudge that was handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// At least one hand-over was accepted. These devices still need it, each after the wait that its
    /// provider asked for.
    Sent(Vec<(DeviceId, Option<SignedDuration>)>),
    /// It is tried again. `counts`: whether this was an attempt.
    Again {
        /// The shortest wait of a device or provider, if none of them failed without asking for one: the others are left
        /// out then, and wait longer.
        wait: Option<SignedDuration>,
        /// False: nothing was sent.
        counts: bool,
    },
    /// It goes by mail, at once.
    ByMail,
    /// Every device is gone, and no mail is possible.
    Unreachable,
    /// It is given up; it stays stored and listed.
    Dead,
}

impl Handed<'_> {
    /// Decides at `now` (R20, R23).
    pub fn disposition(&self, now: Timestamp) -> Disposition {
        let any = |wanted| self.results.iter().any(|(_, result)| wanted == result.outcome);
        let open = |result: &SendResult| matches!(result.outcome, None | Some(AttemptOutcome::Deferred));
        if any(Some(AttemptOutcome::Accepted)) {
            let left = self.results.iter().filter(|(_, result)| open(result));
            return Disposition::Sent(
                left.filter_map(|(device, result)| Some(((*device)?, result.wait))).collect(),
            );
        }
        let by_mail = self.channel == Channel::Push && self.mail_possible && !self.straggler;
        if !self.results.iter().any(|(_, result)| open(result)) {
            return if by_mail {
                Disposition::ByMail
            } else if self.refused_before
                || any(Some(AttemptOutcome::Refused))
                || self.channel == Channel::Mail
            {
                Disposition::Dead
            } else {
                Disposition::Unreachable
            };
        }
        let left = || self.results.iter().map(|(_, result)| result).filter(|result| open(result));
        let wait = left().map(|result| result.wait).min().flatten();
        let spent = self.tries >= ATTEMPTS_MAX;
        let mut deferred =
            self.results.iter().filter(|(_, result)| result.outcome == Some(AttemptOutcome::Deferred));
        let counts = any(Some(AttemptOutcome::Deferred));
        // The operator may need a day to mend what a provider refuses of this server: the nudge waits while it is of use.
        let waits_for_us = counts && deferred.all(|(_, result)| result.refuses_us);
        let too_late = now + wait.unwrap_or_default() >= self.expires_at;
        if by_mail && (spent || too_late || now.duration_since(self.due_at) >= PUSH_PATIENCE) {
            Disposition::ByMail
        } else if waits_for_us && self.most_tries >= ATTEMPTS_MAX {
            Disposition::Again { wait: Some(wait.unwrap_or(LIMIT_WAIT)), counts: false }
        } else if spent && counts {
            Disposition::Dead
        } else {
            Disposition::Again { wait, counts }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    fn disposition(
        channel: Channel,
        tries: i32,
        mail_possible: bool,
        outcomes: &[Option<AttemptOutcome>],
    ) -> Disposition {
        let now: Timestamp = "2026-10-25T10:00:00Z".parse().unwrap();
        let results: Vec<_> = outcomes
            .iter()
            .map(|outcome| {
                let device = (channel == Channel::Push).then(|| DeviceId::at(now, &Chance::seeded(0)));
                (device, SendResult { outcome: *outcome, code: None, wait: None, refuses_us: false })
            })
            .collect();
        let (due_at, expires_at) = (now, now + SignedDuration::from_hours(20));
        let handed = Handed {
            channel,
            straggler: false,
            tries,
            most_tries: tries,
            due_at,
            expires_at,
            mail_possible,
            refused_before: false,
            results: &results,
        };
        handed.disposition(now)
    }

    #[test]
    fn r20_what_one_device_refused_before_is_kept_when_the_last_other_one_is_gone() {
        let now: Timestamp = "2026-10-25T10:00:00Z".parse().unwrap();
        let results =
            [(Some(DeviceId::at(now, &Chance::seeded(0))), SendResult::new(AttemptOutcome::Gone, Some(410)))];
        let handed = |refused_before| Handed {
            channel: Channel::Push,
            straggler: false,
            tries: 2,
            most_tries: 2,
            due_at: now,
            expires_at: now + SignedDuration::from_hours(20),
            mail_possible: false,
            refused_before,
            results: &results,
        };
        assert_eq!(
            [true, false].map(|before| handed(before).disposition(now)),
            [Disposition::Dead, Disposition::Unreachable]
        );
    }

    #[test]
    fn r20_one_device_that_takes_it_is_enough_and_the_others_are_not_forgotten() {
        use AttemptOutcome::{Accepted, Deferred, Gone, Refused};
        let Disposition::Sent(left) =
            disposition(Channel::Push, 1, true, &[Some(Accepted), Some(Deferred), None])
        else {
            panic!("it was accepted");
        };
        assert_eq!(left.len(), 2);
        assert_eq!(
            disposition(Channel::Push, 1, true, &[Some(Gone), Some(Accepted), Some(Refused)]),
            Disposition::Sent(vec![])
        );
    }

    #[test]
    fn r20_what_push_cannot_do_mail_does_or_it_is_kept() {
        use AttemptOutcome::{Deferred, Gone, Refused};
        assert_eq!(disposition(Channel::Push, 1, true, &[Some(Gone), Some(Refused)]), Disposition::ByMail);
        assert_eq!(disposition(Channel::Push, 1, false, &[Some(Gone)]), Disposition::Unreachable);
        assert_eq!(disposition(Channel::Push, 1, false, &[Some(Gone), Some(Refused)]), Disposition::Dead);
        assert_eq!(disposition(Channel::Push, ATTEMPTS_MAX, true, &[Some(Deferred)]), Disposition::ByMail);
        assert_eq!(disposition(Channel::Push, ATTEMPTS_MAX, false, &[Some(Deferred)]), Disposition::Dead);
        assert_eq!(disposition(Channel::Mail, 1, true, &[Some(Gone)]), Disposition::Dead);
        assert_eq!(disposition(Channel::Mail, ATTEMPTS_MAX, true, &[Some(Deferred)]), Disposition::Dead);
    }

    #[test]
    fn r23_what_was_never_sent_is_no_attempt() {
        let held = Disposition::Again { wait: None, counts: false };
        assert_eq!(disposition(Channel::Push, ATTEMPTS_MAX, false, &[None]), held);
        let tried = Disposition::Again { wait: None, counts: true };
        assert_eq!(disposition(Channel::Push, 1, true, &[None, Some(AttemptOutcome::Deferred)]), tried);
    }

    #[test]
    fn r20_a_mail_servers_no_to_us_is_not_a_no_to_the_recipient() {
        use AttemptOutcome::{Deferred, Gone, Refused};
        let hour = Some(SignedDuration::from_hours(1));
        for (step, code, words, outcome, wait, refuses_us) in [
            (MailStep::Connection, 535, "", Deferred, None, true),
            (MailStep::Sender, 550, "", Deferred, None, true),
            (MailStep::Recipient, 550, "5.1.1 no such user", Gone, None, false),
            (MailStep::Recipient, 550, "5.7.1 no", Deferred, None, true),
            (MailStep::Recipient, 550, "5.4.5 Daily user sending limit exceeded", Deferred, hour, true),
            (MailStep::Recipient, 450, "", Deferred, None, false),
            (MailStep::Text, 554, "", Refused, None, false),
        ] {
            let result = SendResult::of_mail(step, Some(&MailReply::read(code, words)));
            let wanted = SendResult { outcome: Some(outcome), code: Some(code.into()), wait, refuses_us };
            assert_eq!(result, wanted, "{code} {words}");
        }
        assert_eq!(SendResult::of_mail(MailStep::Text, None), SendResult::new(Deferred, None));
    }

    #[test]
    fn r20_what_a_mail_server_refuses_of_this_server_waits_and_never_dies_of_it() {
        let now: Timestamp = "2026-10-25T10:00:00Z".parse().unwrap();
        let disposition = |tries, words| {
            let reply = MailReply::read(550, words);
            let handed = Handed {
                channel: Channel::Mail,
                straggler: false,
                tries,
                most_tries: tries,
                due_at: now,
                expires_at: now + SignedDuration::from_hours(20),
                mail_possible: true,
                refused_before: false,
                results: &[(None, SendResult::of_mail(MailStep::Recipient, Some(&reply)))],
            };
            handed.disposition(now)
        };
        let waits = |wait, counts| Disposition::Again { wait, counts };
        for words in ["5.7.1 Unable to relay", "5.4.5 Daily user sending limit exceeded"] {
            assert_eq!(disposition(ATTEMPTS_MAX, words), waits(Some(LIMIT_WAIT), false), "{words}");
        }
        assert_eq!(disposition(1, "5.7.1 Unable to relay"), waits(None, true), "soon, as long as it is new");
        assert_eq!(disposition(1, "5.4.5 Limit"), waits(Some(LIMIT_WAIT), true));
        assert_eq!(disposition(ATTEMPTS_MAX, "5.2.2 Over quota"), Disposition::Dead, "the recipient's own");
    }

    #[test]
    fn r20_each_status_of_a_push_service_has_its_one_meaning() {
        use AttemptOutcome::{Accepted, Deferred, Gone, Refused};
        let wait = Some(SignedDuration::from_secs(60));
        for (outcome, statuses) in [
            (Accepted, &[200, 201, 202, 299][..]),
            (Gone, &[404, 410]),
            (Deferred, &[429, 500, 503, 599]),
            (Refused, &[301, 400, 401, 403, 405, 411, 413, 428, 499, 600]),
        ] {
            for status in statuses {
                let result = SendResult::of_push(*status, wait);
                assert_eq!((result.outcome, result.code), (Some(outcome), Some(i32::from(*status))));
                assert_eq!(result.wait, wait.filter(|_| outcome == Deferred), "{status}");
                assert_eq!(result.refuses_us, [401, 403].contains(status), "{status}");
            }
        }
    }

    #[test]
    fn r20_a_push_that_waits_too_long_goes_by_mail_unless_it_is_for_a_straggler() {
        let due_at: Timestamp = "2026-10-25T10:00:00Z".parse().unwrap();
        let second = SignedDuration::from_secs(1);
        let disposition = |now: Timestamp, wait, straggler| {
            let result = SendResult { wait, ..SendResult::new(AttemptOutcome::Deferred, Some(503)) };
            let handed = Handed {
                channel: Channel::Push,
                straggler,
                tries: 1,
                most_tries: 1,
                due_at,
                expires_at: due_at + SignedDuration::from_hours(20),
                mail_possible: true,
                refused_before: false,
                results: &[(Some(DeviceId::at(due_at, &Chance::seeded(0))), result)],
            };
            handed.disposition(now)
        };
        let again = |wait| Disposition::Again { wait, counts: true };
        assert_eq!(disposition(due_at + PUSH_PATIENCE - second, None, false), again(None));
        assert_eq!(disposition(due_at + PUSH_PATIENCE, None, false), Disposition::ByMail);
        assert_eq!(disposition(due_at + PUSH_PATIENCE, None, true), again(None));
        let (long, short) =
            (Some(SignedDuration::from_hours(20)), Some(SignedDuration::from_hours(20) - second));
        assert_eq!(disposition(due_at, long, false), Disposition::ByMail, "it would be over by then");
        assert_eq!(disposition(due_at, short, false), again(short));
    }
}

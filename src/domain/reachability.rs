//! Reachability: whether reminders can reach a person, and what helps if not; shown to that person alone.

/// The facts that decide whether reminders can reach a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ways {
    /// Whether pushes are wanted.
    pub push_wanted: bool,
    /// The number of devices that receive pushes.
    pub live_devices: usize,
    /// Whether mails about check-ins are wanted.
    pub mail_wanted: bool,
    /// Whether mail to the address is accepted, as far as is known.
    pub address_works: bool,
}

impl Ways {
    /// Whether a push can reach the person.
    pub fn by_push(&self) -> bool {
        self.push_wanted && self.live_devices > 0
    }

    /// Whether a mail about a check-in can reach the person.
    pub fn by_mail(&self) -> bool {
        self.mail_wanted && self.address_works
    }

    /// Which channels work, and what to do if none does: one or two sentences.
    pub fn sentence(&self) -> &'static str {
        match (self.by_push(), self.by_mail()) {
            (true, true) => "Reminders reach you on your devices, and by e-mail.",
            (true, false) if self.mail_wanted => {
                "Reminders reach you on your devices alone: your mail server refused an e-mail. You can have the address tried again."
            }
            (true, false) => "Reminders reach you on your devices alone, as you chose.",
            (false, true) if self.push_wanted => {
                "Reminders reach you by e-mail alone. Let a device take notifications if you would like them there too."
            }
            (false, true) => "Reminders reach you by e-mail alone, as you chose.",
            (false, false) => self.what_to_do(),
        }
    }

    fn what_to_do(&self) -> &'static str {
        match (self.push_wanted, self.mail_wanted) {
            (true, true) => {
                "Reminders cannot reach you now: no device takes notifications, and your mail server refused an e-mail. Let a device take notifications, or have the address tried again."
            }
            (true, false) => {
                "Reminders cannot reach you now: no device takes notifications, and you chose no e-mails. Let a device take notifications, or choose e-mails again."
            }
            (false, true) => {
                "Reminders cannot reach you now: you chose no notifications, and your mail server refused an e-mail. Choose notifications again, or have the address tried again."
            }
            (false, false) => {
                "Reminders cannot reach you now, as you chose. Whenever you would like them again, choose notifications or e-mails."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r20_the_sentence_says_what_stands_and_what_to_do() {
        let mut seen = std::collections::BTreeSet::new();
        for bits in 0..16_usize {
            let ways = Ways {
                push_wanted: bits & 1 > 0,
                live_devices: bits >> 1 & 1,
                mail_wanted: bits & 4 > 0,
                address_works: bits & 8 > 0,
            };
            let sentence = ways.sentence();
            seen.insert(sentence);
            let reachable = ways.by_push() || ways.by_mail();
            assert_eq!(sentence.contains("cannot reach you"), !reachable, "{ways:?}");
            // A remedy is named exactly if it would help.
            let would_help = Ways { address_works: true, ..ways }.by_mail() && !ways.by_mail();
            assert_eq!(sentence.contains("tried again"), would_help, "{ways:?}: {sentence}");
            let would_help = !reachable && Ways { live_devices: 1, ..ways }.by_push();
            assert_eq!(
                sentence.contains("Let a device"),
                would_help || (ways.push_wanted && !ways.by_push()),
                "{ways:?}"
            );
        }
        assert_eq!(seen.len(), 9);
    }

    #[test]
    fn r20_a_push_needs_a_device_and_a_mail_an_address_that_works() {
        let all = Ways { push_wanted: true, live_devices: 2, mail_wanted: true, address_works: true };
        assert!(all.by_push() && all.by_mail());
        assert!(!Ways { live_devices: 0, ..all }.by_push());
        assert!(!Ways { push_wanted: false, ..all }.by_push());
        assert!(!Ways { mail_wanted: false, ..all }.by_mail());
        assert!(!Ways { address_works: false, ..all }.by_mail());
    }

    #[test]
    fn r20_what_was_chosen_is_not_told_as_if_it_had_failed() {
        let ways = |push_wanted, live_devices, mail_wanted, address_works| {
            Ways { push_wanted, live_devices, mail_wanted, address_works }.sentence()
        };
        assert!(ways(true, 1, false, true).ends_with("as you chose."));
        assert!(ways(true, 1, true, false).ends_with("tried again."));
        assert!(ways(false, 1, true, true).ends_with("as you chose."));
        assert!(ways(true, 0, true, true).ends_with("there too."));
    }
}

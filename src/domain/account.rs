//! Accounts: what a person says of themselves, what they consented to, and whether they may be nudged.

use super::problem::{Problem, ProblemCode};
use super::quiet_hours::Rhythm;
use super::words;
use icu_normalizer::ComposingNormalizerBorrowed;
use jiff::Timestamp;

/// Longest display name, in characters.
pub const NAME_MAX: usize = 60;
/// Shortest password, in characters (R32).
pub const PASSWORD_MIN_CHARS: usize = 15;
/// Longest password, in bytes (R32).
pub const PASSWORD_MAX_BYTES: usize = 128;
/// Longest e-mail address, in characters (RFC 5321, 4.5.3.1).
pub const EMAIL_MAX: usize = 254;
/// The version of the statements that a person agrees to at sign-up.
pub const CONSENT_VERSION: &str = "2026-11";

words! {
    /// A statement that a person makes.
    pub enum ConsentKind {
        /// "I am an adult."
        Adult = "adult",
        /// "Evenkeel may keep what I write about my wellbeing, to remind me and, as I choose, my partner."
        HealthData = "health_data",
    }
}

words! {
    /// What the partner sees of an answer.
    pub enum Share {
        /// Nothing: to the partner it is the same as no answer.
        Nothing = "nothing",
        /// The mood alone.
        Mood = "mood",
        /// Mood, signs, what is needed, and the note.
        All = "all",
    }
}

/// An e-mail address as it is stored and compared: trimmed, the domain in lower case.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Checks the form: one `@`, something on both sides, a domain with letters, no blanks. Whether it
    /// exists is what the confirmation mail finds out.
    pub fn parse(field: &str, text: &str) -> Result<Self, Problem> {
        let malformed = || Problem::new(field, ProblemCode::Malformed, "This is not an e-mail address.");
        let text = text.trim();
        if text.chars().count() > EMAIL_MAX {
            return Err(Problem::new(
                field,
                ProblemCode::TooLong,
                format!("At most {EMAIL_MAX} characters fit here."),
            ));
        }
        let (local, domain) = text.rsplit_once('@').ok_or_else(malformed)?;
        let bad = |c: char| c.is_whitespace() || c.is_control() || "<>()[]\\,;:\"@".contains(c);
        // Composed first: a letter and its accent may be two characters as they are typed.
        let domain = ComposingNormalizerBorrowed::new_nfc().normalize(domain);
        let labels_ok = domain.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        });
        let dots_ok = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
        if local.is_empty() || local.len() > 64 || local.chars().any(bad) || !dots_ok || !labels_ok {
            return Err(malformed());
        }
        Ok(Self(format!("{local}@{}", domain.to_lowercase())))
    }

    /// The address that mail goes to.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two spellings of one address have in common: the blind index is made of this. Letters are of one case and
    /// composed (Unicode NFC), as RFC 6532, 3.1, asks; the domain is as the DNS knows it (UTS 46).
    pub fn normalised(&self) -> String {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        let local = ComposingNormalizerBorrowed::new_nfc().normalize(local).to_lowercase();
        format!("{local}@{}", idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_lowercase()))
    }
}

/// An address never shows itself in a log line (R35).
impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Email(…)")
    }
}

/// An instant, rounded down to the hour: enough to recognise what one did oneself, too little to follow somebody.
pub fn whole_hour(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(3600) * 3600).unwrap_or(at)
}

/// Stands for "until I say so" where an instant is kept: the year 9999.
pub const FURTHER_NOTICE: Timestamp = Timestamp::constant(253_370_764_800, 0);

/// What of an account decides when and whether it is nudged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Zone and quiet hours.
    pub rhythm: Rhythm,
    /// Until when the person wants no nudges; [`FURTHER_NOTICE`]: until they say so.
    pub paused_until: Option<Timestamp>,
    /// Whether nothing of the person is worked on: they withdrew the health-data consent, or are about to be erased.
    pub held: bool,
    /// Whether pushes are wanted.
    pub push: bool,
    /// Whether mails are wanted.
    pub mail: bool,
}

impl Reach {
    /// Whether the person gets no nudges at `at`.
    pub fn is_silent(&self, at: Timestamp) -> bool {
        self.held || self.is_paused(at)
    }

    /// Whether the person wants no nudges at `at`.
    pub fn is_paused(&self, at: Timestamp) -> bool {
        self.paused_until.is_some_and(|until| at < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_and_refused_by_form() {
        for good in ["a@b.org", " Sam+x@Example.ORG ", "o'neil@a-b.co", "ünal@exämple.de"] {
            assert!(Email::parse("email", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "@b.org",
            "a@",
            "a@b..org",
            "a b@c.org",
            "a@b.org\r\nBcc: c@d.org",
            "<a@b.org>",
            ".a@b.org",
        ] {
            assert!(Email::parse("email", bad).is_err(), "{bad}");
        }
        let normalised = |text: &str| Email::parse("email", text).unwrap().normalised();
        assert_eq!(normalised("Sam@Example.ORG"), "sam@example.org");
        for spelling in ["Ünal@exämple.de", "u\u{308}nal@exa\u{308}mple.de", "ÜNAL@XN--EXMPLE-CUA.de"] {
            assert_eq!(normalised(spelling), "ünal@xn--exmple-cua.de", "{spelling}");
        }
        assert_ne!(normalised("unal@example.de"), normalised("ünal@example.de"));
    }
}

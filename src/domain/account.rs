//! Accounts: e-mail addresses, consents, sharing choices, and whether a person may be nudged.

use super::problem::{Problem, ProblemCode};
use super::quiet_hours::Rhythm;
use super::words;
use icu_normalizer::ComposingNormalizerBorrowed;
use idna::{
    AsciiDenyList,
    uts46::{DnsLength, Hyphens, Uts46},
};
use jiff::Timestamp;
use std::borrow::Cow;

/// Longest display name, in characters.
pub const NAME_MAX: usize = 60;
/// Shortest password, in characters (R32).
pub const PASSWORD_MIN_CHARS: usize = 15;
/// Longest password, in bytes (R32).
pub const PASSWORD_MAX_BYTES: usize = 128;
/// Longest e-mail address, in characters (RFC 5321, 4.5.3.1).
pub const EMAIL_MAX: usize = 254;

words! {
    /// What a person consents to or states; `consentTexts` has the texts. More may be added.
    pub enum ConsentKind {
        /// That the person is an adult.
        Adult = "adult",
        /// That what the person writes about their wellbeing may be stored and processed.
        HealthData = "health_data",
    }
}

words! {
    /// What the partner sees of an answer.
    pub enum AnswerSharing {
        /// Nothing. To the partner it looks the same as no answer.
        Nothing = "nothing",
        /// Only the mood.
        Mood = "mood",
        /// Mood, signs, need and note.
        All = "all",
    }
}

/// An e-mail address as stored: trimmed and composed (Unicode NFC), the domain in lower case.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Checks the form: one `@`, text on both sides, a domain of letters and digits, no blanks. Whether the
    /// address exists is for the confirmation mail to show.
    pub fn parse(field: &str, text: &str) -> Result<Self, Problem> {
        let malformed = || Problem::new(field, ProblemCode::Malformed, "This is not an e-mail address.");
        // Checked in the form that is kept, since it is read again for each mail. Composed, because a letter and its
        // accent may be typed as two characters; after the change to lower case too, which makes two of an İ.
        let composed = |text: &str| ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned();
        let text = composed(text.trim());
        let address = match text.rsplit_once('@') {
            Some((local, domain)) => format!("{local}@{}", composed(&domain.to_lowercase())),
            None => text,
        };
        if address.chars().count() > EMAIL_MAX {
            return Err(Problem::new(
                field,
                ProblemCode::TooLong,
                format!("At most {EMAIL_MAX} characters fit here."),
            ));
        }
        let (local, domain) = address.rsplit_once('@').ok_or_else(malformed)?;
        // Beyond ASCII only letters and digits: the mail sender (lettre) takes nothing else.
        let bad = |c: char| {
            let unfit = c.is_whitespace() || c.is_control() || "<>()[]\\,;:\"@".contains(c);
            unfit || (!c.is_ascii() && !c.is_alphanumeric())
        };
        let labels_ok = domain.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        });
        let dots_ok = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
        // A domain that the DNS cannot hold reaches no mail server, and an address without a domain's name neither.
        let dns = dns_form(domain).filter(|dns| !ends_in_a_number(dns)).ok_or_else(malformed)?;
        if local.len() + 1 + dns.len() > EMAIL_MAX {
            return Err(Problem::new(
                field,
                ProblemCode::TooLong,
                "This address is too long in its DNS form.",
            ));
        }
        if local.is_empty() || local.len() > 64 || local.chars().any(bad) || !dots_ok || !labels_ok {
            return Err(malformed());
        }
        Ok(Self(address))
    }

    /// The address that mail goes to.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has letters beyond ASCII before the `@`, which only a mail server with SMTPUTF8 takes (RFC 6531).
    pub fn needs_utf8(&self) -> bool {
        self.0.rsplit_once('@').is_some_and(|(local, _)| !local.is_ascii())
    }

    /// The form that every mail server takes, if there is one: the domain in its DNS form. Where the part before the `@`
    /// needs SMTPUTF8, the address as it was written.
    pub fn for_mail(&self) -> String {
        match self.0.rsplit_once('@') {
            Some((local, domain)) if local.is_ascii() => {
                format!("{local}@{}", dns_form(domain).unwrap_or_else(|| domain.to_owned()))
            }
            _ => self.0.clone(),
        }
    }

    /// The canonical form, equal for all spellings of one address; the blind index is made of it. The local
    /// part is lower case and composed (Unicode NFC, RFC 6532, 3.1); the domain is in its DNS form (UTS 46).
    pub fn normalised(&self) -> String {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        let local = ComposingNormalizerBorrowed::new_nfc().normalize(local).to_lowercase();
        format!("{local}@{}", idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_lowercase()))
    }
}

/// A domain in its DNS form (UTS 46); None: it has none, or it is longer than the DNS allows.
fn dns_form(domain: &str) -> Option<String> {
    let hyphens = Hyphens::CheckFirstLast;
    let form = Uts46::new().to_ascii(domain.as_bytes(), AsciiDenyList::STD3, hyphens, DnsLength::Verify);
    form.ok().map(Cow::into_owned)
}

/// Whether the last label is a number: it would be read as an IP address.
fn ends_in_a_number(dns: &str) -> bool {
    dns.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Keeps addresses out of logs (R35).
impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Email(…)")
    }
}

/// Rounds down to the hour: enough to recognise one's own actions, too coarse to track a person.
pub fn whole_hour(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(3600) * 3600).unwrap_or(at)
}

/// Stands for "until further notice" in stored instants: the year 9999.
pub const FURTHER_NOTICE: Timestamp = Timestamp::constant(253_370_764_800, 0);

/// What decides when and whether an account is nudged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Zone and quiet hours.
    pub rhythm: Rhythm,
    /// Until when the person paused nudges; [`FURTHER_NOTICE`]: until they resume.
    pub paused_until: Option<Timestamp>,
    /// Whether the account is suspended: the health-data consent is withdrawn, or an erasure is pending.
    pub held: bool,
    /// Whether pushes are wanted.
    pub push: bool,
    /// Whether mails are wanted.
    pub mail: bool,
}

impl Reach {
    /// Whether the person gets no nudges at `at`, by a pause or a suspension.
    pub fn is_silent(&self, at: Timestamp) -> bool {
        self.silent_until(at).is_some()
    }

    /// Until when the person gets no nudges, if they get none at `at`: the end of the pause, or further notice.
    pub fn silent_until(&self, at: Timestamp) -> Option<Timestamp> {
        if self.held { Some(FURTHER_NOTICE) } else { self.paused_until.filter(|until| at < *until) }
    }

    /// Whether a pause covers `at`.
    pub fn is_paused(&self, at: Timestamp) -> bool {
        self.paused_until.is_some_and(|until| at < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::quiet_hours::Zone;

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

    #[test]
    fn an_address_is_taken_in_the_form_that_is_kept_and_written_to() {
        let kept = |text: &str| Email::parse("email", text).ok().map(|email| email.as_str().to_owned());
        for (typed, wanted) in [
            ("u\u{308}nal@exA\u{308}mple.DE", "ünal@exämple.de"),
            ("\u{5f20}@\u{4f8b}\u{5b50}.example", "\u{5f20}@\u{4f8b}\u{5b50}.example"),
        ] {
            assert_eq!(kept(typed).as_deref(), Some(wanted));
            assert_eq!(kept(wanted).as_deref(), Some(wanted), "it is read again");
        }
        // Lower case makes an i and a dot of İ, which no domain has.
        for bad in ["a@İstanbul.example", "❤@example.org", "a\u{200d}b@example.org", "q\u{308}@example.org"]
        {
            assert_eq!(kept(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_address_is_as_long_as_the_standard_allows_and_no_longer() {
        let code = |text: &str| Email::parse("email", text).err().map(|problem| problem.code);
        let (local, label) = ("l".repeat(64), "d".repeat(63));
        assert_eq!(code(&format!("{local}@{label}.{label}.{}", &label[..61])), None);
        for more in [62, 63] {
            let longer = format!("{local}@{label}.{label}.{}", &label[..more]);
            assert_eq!(code(&longer), Some(ProblemCode::TooLong), "{} characters", longer.len());
        }
        for bad in [format!("{local}l@b.org"), format!("{local}ll@b.org"), format!("a@{label}d.org")] {
            assert_eq!(code(&bad), Some(ProblemCode::Malformed), "{bad}");
        }
    }

    #[test]
    fn a_domain_that_the_dns_cannot_hold_is_refused_and_the_others_go_out_in_its_form() {
        let long = "ä".repeat(40);
        for bad in [
            format!("a@{long}{long}.org"),
            format!("{}@{}.org", "l".repeat(64), [long.as_str(); 4].join(".")),
            "a@xn--a.org".to_owned(),
            "a@xn--.org".to_owned(),
            "a@192.0.2.1".to_owned(),
            "a@aא1.org".to_owned(),
        ] {
            assert!(Email::parse("email", &bad).is_err(), "{bad}");
        }
        for (typed, sent, needs) in [
            ("Sam@Exämple.org", "Sam@xn--exmple-cua.org", false),
            ("sam@straße.example", "sam@xn--strae-oqa.example", false),
            ("sam@r3---sn.example", "sam@r3---sn.example", false),
            ("sam@\u{4f8b}\u{5b50}.example", "sam@xn--fsqu00a.example", false),
            ("sämi@exämple.org", "sämi@exämple.org", true),
        ] {
            let email = Email::parse("email", typed).unwrap();
            assert_eq!((email.for_mail().as_str(), email.needs_utf8()), (sent, needs), "{typed}");
            assert!(email.for_mail().len() <= EMAIL_MAX);
        }
    }

    #[test]
    fn dots_and_hyphens_stand_only_inside() {
        for bad in ["a.@b.org", "a..b@c.org", "a@-b.org", "a@b-.org", "a@b_c.org", "a\u{7f}b@c.org"] {
            assert!(Email::parse("email", bad).is_err(), "{bad}");
        }
        assert_eq!(Email::parse("email", "a.b@C-d.org").unwrap().as_str(), "a.b@c-d.org");
    }

    #[test]
    fn r35_an_address_does_not_show_itself() {
        let address = Email::parse("email", "sam@example.org").unwrap();
        assert_eq!(format!("{address:?}"), "Email(…)");
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_instant_is_told_to_the_hour_that_it_lies_in() {
        assert_eq!(whole_hour(at("2026-07-01T10:00:00Z")), at("2026-07-01T10:00:00Z"));
        assert_eq!(whole_hour(at("2026-07-01T10:59:59.9Z")), at("2026-07-01T10:00:00Z"));
        assert_eq!(whole_hour(at("1969-12-31T23:59:59Z")), at("1969-12-31T23:00:00Z"));
    }

    #[test]
    fn r05_a_pause_lasts_until_its_end_and_a_hold_until_it_is_lifted() {
        let rhythm = Rhythm { zone: Zone::named("zone", "UTC").unwrap(), quiet: None };
        let reach =
            |paused_until, held| Reach { rhythm: rhythm.clone(), paused_until, held, push: true, mail: true };
        let end = at("2026-07-01T10:00:00Z");
        let (before, after) = (at("2026-07-01T09:59:59Z"), at("2026-07-01T10:00:01Z"));
        let paused = reach(Some(end), false);
        assert_eq!([before, end, after].map(|now| paused.is_paused(now)), [true, false, false]);
        assert_eq!([before, end, after].map(|now| paused.is_silent(now)), [true, false, false]);
        let held = reach(None, true);
        assert!(held.is_silent(before) && !held.is_paused(before));
        let free = reach(None, false);
        assert!(!free.is_silent(before) && !free.is_paused(before));
        assert!(reach(Some(FURTHER_NOTICE), false).is_silent(at("9998-12-31T00:00:00Z")));
    }
}

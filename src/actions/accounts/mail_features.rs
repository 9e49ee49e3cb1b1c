//! What the mail server of this service can do: whether an address can be written to from here at all.

use crate::domain::account::Email;
use crate::domain::problem::{Problem, ProblemCode};
use std::sync::atomic::{AtomicU8, Ordering};

const UNKNOWN: u8 = 0;
const ANY_LETTERS: u8 = 1;
const ASCII_ONLY: u8 = 2;

/// What the mail server offered when this process last connected to it.
#[derive(Debug, Default)]
pub struct MailFeatures(AtomicU8);

impl MailFeatures {
    /// Notes whether the server takes addresses with letters beyond ASCII before the `@` (SMTPUTF8, RFC 6531).
    pub fn note(&self, any_letters: bool) {
        self.0.store(if any_letters { ANY_LETTERS } else { ASCII_ONLY }, Ordering::Relaxed);
    }

    /// Whether the server is known to lack SMTPUTF8.
    pub fn ascii_only(&self) -> bool {
        self.0.load(Ordering::Relaxed) == ASCII_ONLY
    }

    /// Whether the server has been asked since this process started.
    pub fn known(&self) -> bool {
        self.0.load(Ordering::Relaxed) != UNKNOWN
    }

    /// Refuses an address that is entered and that mail from here could never reach. Until the server was first asked,
    /// every address passes.
    ///
    /// # Errors
    /// A problem of `field`.
    pub fn check(&self, field: &str, email: Email) -> Result<Email, Problem> {
        if self.ascii_only() && email.needs_utf8() {
            let sentence = "Mail from this service cannot reach an address with such letters before the @. Please use another one.";
            return Err(Problem::new(field, ProblemCode::Malformed, sentence));
        }
        Ok(email)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_the_server_cannot_write_to_is_refused_once_that_is_known() {
        let features = MailFeatures::default();
        let taken = |features: &MailFeatures, address: &str| {
            features.check("email", Email::parse("email", address).unwrap()).is_ok()
        };
        let (plain, domain, local) = ("sam@example.org", "sam@exämple.org", "sämi@example.org");
        assert!([plain, domain, local].iter().all(|address| taken(&features, address)) && !features.known());
        features.note(false);
        assert_eq!([plain, domain, local].map(|address| taken(&features, address)), [true, true, false]);
        features.note(true);
        assert!([plain, domain, local].iter().all(|address| taken(&features, address)) && features.known());
    }
}

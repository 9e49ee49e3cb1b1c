//! One-time codes of an authenticator app: TOTP (RFC 6238) with the usual SHA-1, six digits, 30 seconds.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::Sha1;

/// Bytes of a secret: the 160 bits that RFC 4226, 4 (R6) recommends.
pub const SECRET_BYTES: usize = 20;
/// How long one code is valid, in seconds.
const STEP_SECONDS: i64 = 30;
/// Steps before and after the current one whose codes count too: clocks differ, and people are slow (RFC 6238, 5.2).
const DRIFT: i64 = 1;
/// How long after its set-up began an app can be confirmed.
pub const BEGUN_LIFE: SignedDuration = SignedDuration::from_mins(15);
/// Wrong codes allowed per account in one [`GUESS_WINDOW`], whatever the number of log-ins, but for [`SPARE_MAX`].
pub const GUESSES_MAX: i32 = 10;
/// Wrong codes allowed per account in the same time if each network tries a few of its own after the others: with the
/// password and any number of addresses, three in a million times this many an hour are one in three hundred a day, and
/// the owner hears of it.
pub const SPARE_MAX: i32 = 40;
/// The period after which wrong codes are counted from zero.
pub const GUESS_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// Characters written as `%XX` in a label: all but the unreserved ones (RFC 3986, 2.3).
const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The number of the 30-second step that contains an instant.
fn step_at(now: Timestamp) -> i64 {
    now.as_second().div_euclid(STEP_SECONDS)
}

/// The six digits of one step (RFC 4226, 5.3).
fn code_of_step(secret: &[u8; SECRET_BYTES], step: i64) -> String {
    // HMAC pads a short key with zeros to its block of 64 bytes (RFC 2104); padding it here cannot fail.
    let mut block = zeroize::Zeroizing::new([0; 64]);
    block[..SECRET_BYTES].copy_from_slice(secret);
    let mut mac = Hmac::<Sha1>::new(&(*block).into());
    mac.update(&step.to_be_bytes());
    let digest: [u8; 20] = mac.finalize().into_bytes().into();
    let at = usize::from(digest[19] & 0x0f);
    let word = [digest[at] & 0x7f, digest[at + 1], digest[at + 2], digest[at + 3]];
    format!("{:06}", u32::from_be_bytes(word) % 1_000_000)
}

/// The code that an app with this secret shows at `now`.
pub fn code_at(secret: &[u8; SECRET_BYTES], now: Timestamp) -> String {
    code_of_step(secret, step_at(now))
}

/// The step of a typed code, if the code is valid now and later than the one used last: a used code is
/// worthless, even to somebody who saw it being typed.
pub fn step_of(
    secret: &[u8; SECRET_BYTES],
    typed: &str,
    used_last: Option<i64>,
    now: Timestamp,
) -> Option<i64> {
    let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    let here = step_at(now);
    let unused = (here - DRIFT..=here + DRIFT).filter(|step| used_last.is_none_or(|last| *step > last));
    unused.fold(None, |found, step| if code_of_step(secret, step) == typed { Some(step) } else { found })
}

/// The secret in base 32 (RFC 4648, 6), for typing into an app by hand.
pub fn shown_secret(secret: &[u8; SECRET_BYTES]) -> String {
    BASE32_NOPAD.encode(secret)
}

/// The secret for a QR code, in the Key URI Format; the defaults are spelled out for apps that need them.
pub fn uri(secret: &[u8; SECRET_BYTES], account_name: &str) -> String {
    let name = utf8_percent_encode(account_name, &ESCAPED);
    let secret = shown_secret(secret);
    format!(
        "otpauth://totp/Evenkeel:{name}?secret={secret}&issuer=Evenkeel&algorithm=SHA1&digits=6&period=30"
    )
}

/// The wrong codes of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guesses {
    /// How many.
    pub wrong: i32,
    /// When the first of them came.
    pub since: Option<Timestamp>,
}

impl Guesses {
    /// None.
    pub const NONE: Self = Self { wrong: 0, since: None };

    fn current(self, now: Timestamp) -> Self {
        if self.since.is_some_and(|since| now < since + GUESS_WINDOW) { self } else { Self::NONE }
    }

    /// Whether another code may be tried.
    pub fn may_try(self, now: Timestamp) -> bool {
        self.current(now).wrong < GUESSES_MAX
    }

    /// Whether so many were wrong, from all networks together, that only devices which are known may try another.
    pub fn are_many(self, now: Timestamp) -> bool {
        self.current(now).wrong >= SPARE_MAX
    }

    /// One more wrong code.
    pub fn one_more(self, now: Timestamp) -> Self {
        let Self { wrong, since } = self.current(now);
        Self { wrong: wrong + 1, since: since.or(Some(now)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    const SECRET: &[u8; 20] = b"12345678901234567890";

    /// RFC 6238, appendix B, SHA-1; the last six of its eight digits.
    #[test]
    fn the_vectors_of_the_rfc() {
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(SECRET, at(second)), code);
        }
    }

    #[test]
    fn a_code_is_taken_one_step_around_and_once() {
        // The code of the second step: seconds 30 to 59.
        let code = code_at(SECRET, at(59));
        for (second, taken) in [(-1, false), (0, true), (30, true), (59, true), (89, true), (90, false)] {
            assert_eq!(step_of(SECRET, &code, None, at(second)), taken.then_some(1), "{second}");
        }
        assert_eq!(step_of(SECRET, "287 082", None, at(59)), Some(1));
        assert_eq!(step_of(SECRET, &code, Some(1), at(59)), None);
        assert_eq!(step_of(SECRET, &code, Some(2), at(59)), None);
        assert_eq!(step_of(SECRET, &code_at(SECRET, at(60)), Some(1), at(59)), Some(2));
        for wrong in ["", "287081", "28708", "2870820", "0287082", "twelve"] {
            assert_eq!(step_of(SECRET, wrong, None, at(59)), None, "{wrong}");
        }
    }

    /// RFC 4648, 10 has shorter ones; this is the secret of RFC 6238 as apps write it.
    #[test]
    fn a_secret_is_shown_in_base_32() {
        assert_eq!(shown_secret(SECRET), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(
            uri(SECRET, "sam+x@example.org"),
            "otpauth://totp/Evenkeel:sam%2Bx%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Evenkeel&algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn ten_wrong_codes_an_hour_are_enough() {
        let mut guesses = Guesses::NONE;
        for n in 0..10 {
            assert!(guesses.may_try(at(n)));
            guesses = guesses.one_more(at(n));
        }
        assert!(!guesses.may_try(at(9)));
        assert!(!guesses.may_try(at(3599)));
        assert!(guesses.may_try(at(3600)));
        assert_eq!(guesses.one_more(at(3600)), Guesses { wrong: 1, since: Some(at(3600)) });
    }
}

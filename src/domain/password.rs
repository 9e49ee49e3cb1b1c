//! New passwords: long enough, and not among those that are tried first (R32).

use super::account::{PASSWORD_MAX_BYTES, PASSWORD_MIN_CHARS};
use super::problem::{Checks, Problem, ProblemCode};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Sorted hashes of common passwords: all of the required length, and the most common of 4 to 14 characters,
/// which longer ones combine. Made by `scripts/common-passwords`.
const COMMON: &[u8] = include_bytes!("common_passwords.bin");
/// Bytes of each SHA-256 that are stored.
const ENTRY: usize = 6;
/// The lengths of the short ones.
const PIECES: std::ops::RangeInclusive<usize> = 4..=14;
/// A password made of so few different common pieces, with so few other letters or digits and so few other
/// signs, is as easily guessed as a short one.
const PIECES_MAX: usize = 2;
const REST_MAX: usize = 4;

/// Checks a new password as typed: no trimming, no composition rules. `context`: words that anybody who knows
/// the person would try, such as their name and address.
pub fn check_password(checks: &mut Checks, field: &str, password: &str, context: &[&str]) {
    if password.chars().count() < PASSWORD_MIN_CHARS {
        let sentence = format!("A password needs at least {PASSWORD_MIN_CHARS} characters.");
        checks.note(Problem::new(field, ProblemCode::TooShort, sentence));
    } else if password.len() > PASSWORD_MAX_BYTES {
        let sentence = format!("A password has at most {PASSWORD_MAX_BYTES} bytes.");
        checks.note(Problem::new(field, ProblemCode::TooLong, sentence));
    } else if is_common(password, context) {
        let sentence = "This password is easily guessed. A few unrelated words make a good one.";
        checks.note(Problem::new(field, ProblemCode::TooCommon, sentence));
    }
}

fn is_common(password: &str, context: &[&str]) -> bool {
    let lower = password.to_lowercase();
    is_monotonous(&lower) || is_listed(&lower) || is_put_together(&lower, context)
}

/// A short unit repeated, or a run along the alphabet or the digits.
fn is_monotonous(lower: &str) -> bool {
    let chars: Vec<char> = lower.chars().collect();
    let repeats = (1..=8).any(|length| chars.iter().zip(chars.iter().skip(length)).all(|(a, b)| a == b));
    let runs = chars.windows(2).all(|pair| {
        let (a, b) = (pair[0] as u32, pair[1] as u32);
        b == a + 1 || a == b + 1 || (pair[0] == '9' && pair[1] == '0') || (pair[0] == '0' && pair[1] == '9')
    });
    repeats || runs
}

fn is_listed(text: &str) -> bool {
    let hash = Sha256::digest(text.as_bytes());
    let (entries, _) = COMMON.as_chunks::<ENTRY>();
    entries.binary_search_by(|entry| entry.as_slice().cmp(&hash[..ENTRY])).is_ok()
}

/// Whether little is left of a password without common pieces and words of its `context`.
fn is_put_together(lower: &str, context: &[&str]) -> bool {
    let surroundings = context.join(" ").to_lowercase();
    let words = surroundings.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() >= 3);
    let words: Vec<&str> = words.chain(["evenkeel"]).collect();
    let (mut pieces, mut rest, mut signs, mut tail) = (BTreeSet::new(), 0, 0, lower);
    while let Some(first) = tail.chars().next() {
        let own = words.iter().copied().filter(|word| tail.starts_with(word)).max_by_key(|word| word.len());
        let listed = PIECES.rev().filter_map(|length| tail.get(..length)).find(|piece| is_listed(piece));
        let taken = match (own, listed) {
            // Words of the context do not count as pieces.
            (Some(own), listed) if listed.is_none_or(|listed| listed.len() <= own.len()) => own.len(),
            (_, Some(listed)) => {
                pieces.insert(listed);
                listed.len()
            }
            (_, None) => {
                *(if first.is_alphanumeric() { &mut rest } else { &mut signs }) += 1;
                first.len_utf8()
            }
        };
        tail = &tail[taken..];
    }
    pieces.len() <= PIECES_MAX && rest <= REST_MAX && signs <= REST_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(password: &str) -> bool {
        let mut checks = Checks::new();
        check_password(&mut checks, "password", password, &["Alexandra", "alexandra.r@example.org"]);
        checks.finish(()).is_err()
    }

    #[test]
    fn r32_easily_guessed_passwords_are_refused() {
        for bad in [
            "short",
            "aaaaaaaaaaaaaaaa",
            "123456789012345",
            "passwordpassword",
            "qwertyqwertyqwerty",
            "Password12345678",
            "1qaz2wsx3edc4rfv",
            "q1w2e3r4t5y6u7i8o9p0",
            "FootballMonkey!!",
            "sunshine princess",
            "alexandraalexandra1",
            "Alexandra@example.org",
            "evenkeel-alexandra",
            "Evenkeel Evenkeel 2026",
        ] {
            assert!(refused(bad), "{bad}");
        }
        assert!(refused(&"é!x".repeat(50)));
    }

    #[test]
    fn r32_any_other_long_password_will_do() {
        for good in [
            "four calm boats on a lake",
            "seven slow clouds over hills",
            "\u{1F6B6}\u{1F33F} höhere Wälder",
            "kettle moss tuesday ladder",
            "x9!fK2mQz7#Lp4w",
            "?!§$%&/()=*+~#-",
        ] {
            assert!(!refused(good), "{good}");
        }
        assert!(!refused(&"a hundred and twenty-eight bytes ".repeat(4)[..PASSWORD_MAX_BYTES]));
    }

    #[test]
    fn the_list_is_sorted_and_whole() {
        let (entries, rest) = COMMON.as_chunks::<ENTRY>();
        assert!(rest.is_empty() && entries.len() > 20_000 && entries.is_sorted());
    }

    #[test]
    fn r32_a_password_has_fifteen_characters_to_128_bytes() {
        let code = |password: &str| {
            let mut checks = Checks::new();
            check_password(&mut checks, "password", password, &[]);
            checks.finish(()).err().map(|problems| problems[0].code)
        };
        let long = "a hundred and twenty-eight bytes ".repeat(5);
        assert_eq!(code(&long[..PASSWORD_MAX_BYTES]), None);
        for more in [1, 2] {
            assert_eq!(code(&long[..PASSWORD_MAX_BYTES + more]), Some(ProblemCode::TooLong));
        }
        assert_eq!(code("x9!fK2mQz7#Lp4w"), None);
        assert_eq!([code("x9!fK2mQz7#Lp4"), code("")], [Some(ProblemCode::TooShort); 2]);
        assert_eq!(code("passwordpassword"), Some(ProblemCode::TooCommon));
    }

    #[test]
    fn r32_a_short_unit_again_and_again_and_a_run_are_monotonous() {
        for yes in [
            "aaaaaaaaaaaaaaa",
            "xqxqxqxqxqxqxqx",
            "kxqzjvwmkxqzjvwm",
            "abcdefghijklmno",
            "onmlkjihgfedcba",
            "890123456789012",
            "210987654321098",
        ] {
            assert!(is_monotonous(yes), "{yes}");
        }
        // A unit of nine characters, and runs with one wrong step.
        for no in [
            "kxqzjvwmpkxqzjvwmp",
            "abcdefghijklmnx",
            "789123456789123",
            "456780123456780",
            "321087654321087",
            "321987654321987",
        ] {
            assert!(!is_monotonous(no), "{no}");
        }
    }

    #[test]
    fn r32_ones_own_words_count_for_nothing_unless_a_longer_common_one_begins_there() {
        let is_guessed = |password: &str, name: &str| is_put_together(password, &[name]);
        assert!(!is_guessed("jessicajessicamonkeydragon", "Alex"), "three common words");
        assert!(is_guessed("jessicajessicamonkeydragon", "Jessica"), "one's own name and two");
        assert!(
            !is_guessed("princessmonkeydragon", "Princ"),
            "three common words, though one begins as the name"
        );
    }
}

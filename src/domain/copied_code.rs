//! Codes that people copy by hand: unambiguous letters and digits, in groups of four.

/// The letters and digits (Crockford base 32), 5 bits each.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A code from random bytes, one character per byte.
pub fn from_chance(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

/// The canonical form of a typed code: blanks and hyphens dropped, O read as 0, I and L as 1. None if it is
/// not a code of `length` characters.
pub fn canonical(typed: &str, length: usize) -> Option<String> {
    let code: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            c => c,
        })
        .collect();
    let known = code.bytes().all(|b| ALPHABET.contains(&b));
    (known && code.len() == length).then_some(code)
}

/// A code in display form: groups of four.
pub fn shown(code: &str) -> String {
    code.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        assert_eq!(canonical("abcd-efgh-jkm0", 12).as_deref(), Some("ABCDEFGHJKM0"));
        assert_eq!(canonical(" oil1 0000 0000 ", 12).as_deref(), Some("011100000000"));
        assert_eq!(canonical("ABCD-EFGH-JKMU", 12), None, "U is no letter of the alphabet");
        assert_eq!(canonical("ABCD", 12), None);
        assert_eq!(shown("ABCDEFGHJKM0"), "ABCD-EFGH-JKM0");
        assert_eq!(from_chance(&[0, 31, 32, 255]), "0Z0Z");
    }
}

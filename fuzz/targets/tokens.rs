//! Tokens, ids and cursors: only what the service made is taken, and each has one spelling (R29, R31).
//!
//! An input is one text to be read as each of them; with two NUL bytes, its first two texts are also the header and the
//! claims of a token that gets a real signature.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use evenkeel::auth::Requester;
use evenkeel::auth::tokens::{ACCESS_LIFE, AccessTokens};
use evenkeel::domain::copied_code::{canonical, shown};
use evenkeel::graphql::limits::FIRST_MAX;
use evenkeel::graphql::paging::ConnectionArgs;
use evenkeel::ids::{self, TypedId};
use evenkeel_fuzz::texts;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::LazyLock;
use uuid::Uuid;

const SEED: [u8; 32] = [1; 32];
/// 2026-10-24T20:00:00Z.
const NOW: Timestamp = Timestamp::constant(1_792_872_000, 0);

static TOKENS: LazyLock<(AccessTokens, Requester, String)> = LazyLock::new(|| {
    let tokens = AccessTokens::new(&SEED).unwrap();
    let requester = Requester {
        account: ids::AccountId(Uuid::from_u128(7)),
        session: ids::SessionId(Uuid::from_u128(8)),
    };
    let token = tokens.issue(requester, NOW).unwrap().0;
    (tokens, requester, token)
});

fn id<Id: TypedId + FromStr + Display + PartialEq>(text: &str) -> bool {
    let Ok(id) = text.parse::<Id>() else { return false };
    assert_eq!(id.to_string(), text, "one object, one spelling");
    assert_eq!(ids::noun(text), Some(Id::NOUN));
    true
}

fn ids_of_every_type(text: &str) {
    let taken = [
        id::<ids::AccountId>(text),
        id::<ids::ConsentId>(text),
        id::<ids::AddressRequestId>(text),
        id::<ids::SessionId>(text),
        id::<ids::RefreshTokenId>(text),
        id::<ids::PasskeyId>(text),
        id::<ids::DeviceId>(text),
        id::<ids::LinkId>(text),
        id::<ids::RevisionId>(text),
        id::<ids::AgreementId>(text),
        id::<ids::SceneId>(text),
        id::<ids::AftercareId>(text),
        id::<ids::CheckInId>(text),
        id::<ids::OutreachId>(text),
        id::<ids::JournalEntryId>(text),
        id::<ids::ChangeId>(text),
        id::<ids::NudgeId>(text),
        id::<ids::AttemptId>(text),
        id::<ids::ExportId>(text),
        id::<ids::ChunkId>(text),
        id::<ids::WorkerId>(text),
        id::<ids::RowId>(text),
    ];
    assert!(taken.iter().filter(|taken| **taken).count() <= 1, "{text} is an id of two types");
}

type Page = ConnectionArgs<ids::CheckInId>;

fn cursor(text: &str) {
    let read = |cursor: &str| Page::read((None, Some(cursor.to_owned()), None, None)).ok();
    let Some((at, id)) = read(text).and_then(|page| page.keyset().after) else { return };
    assert!(at >= Timestamp::UNIX_EPOCH && at.as_second() < 7_258_118_400, "{at} is out of range");
    let written = URL_SAFE_NO_PAD.encode(format!("{}.{id}", at.as_microsecond()));
    assert_eq!(read(&written).unwrap().keyset().after, Some((at, id)));
    let backwards = Page::read((None, None, Some(3), Some(text.to_owned()))).ok().unwrap().keyset();
    assert_eq!((backwards.before, backwards.from_end, backwards.limit), (Some((at, id)), true, 4));
}

fn page_size(text: &str) {
    let Ok(size) = text.parse::<i32>() else { return };
    let read = Page::read((Some(size), None, None, None)).ok().map(|page| page.keyset().limit);
    assert_eq!(read, (1..=FIRST_MAX).contains(&size).then_some(i64::from(size) + 1));
    assert!(Page::read((Some(size), None, Some(size), None)).is_err());
}

fn copied_codes(text: &str) {
    for length in [12, 16] {
        let Some(code) = canonical(text, length) else { continue };
        assert!(code.len() == length && code.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()));
        assert_eq!(canonical(&shown(&code), length), Some(code));
    }
}

/// Signs a header and claims as the service does.
fn sign(header: &str, claims: &str) -> String {
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = SigningKey::from_bytes(&SEED).sign(text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

/// What claims must say to be taken, read without the code under test.
fn check_claims(claims: &str, requester: Requester) {
    let claims: Value = serde_json::from_str(claims).expect("JSON was taken");
    let holds = |name: &str, wanted: &str| match &claims[name] {
        Value::Array(all) => all.iter().any(|one| one == wanted),
        one => one == wanted,
    };
    assert!(holds("iss", "evenkeel") && holds("aud", "evenkeel:api"), "{claims}");
    let (issued, expires) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert!(expires > NOW.as_second() && issued <= NOW.as_second() + 60, "{claims}");
    assert!(i128::from(expires) - i128::from(issued) <= i128::from(ACCESS_LIFE.as_secs()), "{claims}");
    let uuid = |name: &str| Uuid::parse_str(claims[name].as_str().unwrap()).unwrap();
    assert_eq!((requester.account.0, requester.session.0), (uuid("sub"), uuid("sid")));
}

fuzz_target!(|data: &[u8]| {
    let Some([text, claims, end]) = texts::<3>(data) else { return };
    let (tokens, requester, issued) = &*TOKENS;
    if data.contains(&0) {
        let token = sign(text, claims);
        if let Some(requester) = tokens.check(&token, NOW) {
            let header: Value = serde_json::from_str(text).expect("JSON was taken");
            assert!(header["alg"] == "EdDSA" && header["kid"].is_string(), "{header}");
            check_claims(claims, requester);
            assert_eq!(tokens.check(&format!("{token}{end}"), NOW).is_some(), end.is_empty());
        }
        return;
    }
    match tokens.check(text, NOW) {
        Some(taken) => assert!(text == issued && taken == *requester, "{text} was not issued"),
        None => assert_ne!(text, issued),
    }
    ids_of_every_type(text);
    cursor(text);
    page_size(text);
    copied_codes(text);
});

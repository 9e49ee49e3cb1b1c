//! The stored text of a Revision: a shared frame, and each person's words apart from it, so that they can be erased.

use super::negotiation::{ContactWay, Content, Needs, PersonsNeeds, Terms};
use super::protocol::CheckInProtocol;
use crate::ids::{AccountId, LinkId};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Stands in place of the words of an erased account (R27).
pub const ERASED: &str = "erased";
/// The version of this format, which the content hash covers; raise it when something is added. What was agreed in an older one
/// is kept as it is, byte by byte. Since 3, a protocol has times of other kinds than minutes after the scene's end.
const VERSION: u8 = 3;

/// The texts of the terms: the proposer's words.
#[derive(Serialize, Deserialize)]
struct Words {
    limits: String,
    stop_signal: String,
    contact_plan: String,
}

/// One person's words. Without the salt, short words could be guessed from the digest that remains.
#[derive(Serialize, Deserialize)]
struct Part {
    salt: String,
    needs: Option<Needs>,
    terms: Option<Words>,
}

/// The shared part: its hash is the Revision's content hash, and covers all words by their digests.
#[derive(Serialize, Deserialize)]
struct Frame {
    version: u8,
    link: LinkId,
    number: i32,
    /// In lower-case hex, in the order of the accounts' ids.
    digests: Vec<String>,
    protocol: CheckInProtocol,
    partner_alert: Option<ContactWay>,
}

/// The shared terms: what decides about check-ins and alerts. They are no person's words and are never erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedTerms {
    /// When check-ins fall due.
    pub protocol: CheckInProtocol,
    /// The way of reaching out that an alert suggests; None: no alerts.
    pub partner_alert: Option<ContactWay>,
}

/// A text in its stored form.
pub struct Split {
    /// The shared part; its SHA-256 is the content hash.
    pub frame: Vec<u8>,
    /// Each person's words, in the order of the digests.
    pub parts: Vec<(AccountId, Vec<u8>)>,
}

/// One person's words, as stored; `E` says why they could not be opened.
pub struct KeptPart<E> {
    /// The index of their digest.
    pub side: usize,
    /// The account.
    pub account: AccountId,
    /// The serialised words.
    pub bytes: Result<Vec<u8>, E>,
}

/// A text as far as its parts could be opened; `E` says why one could not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartlyOpened<E> {
    link: LinkId,
    number: i32,
    /// Each person's Needs, in the order of the digests.
    pub needs: Vec<OpenedNeeds<E>>,
    /// The terms, and whether their texts were erased; as unreadable as the words of whoever proposed them.
    pub terms: Result<(Terms, bool), E>,
}

/// One person's Needs as far as they could be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedNeeds<E> {
    /// The account; None after its erasure.
    pub account: Option<AccountId>,
    /// The Needs; None: not written, or erased.
    pub needs: Result<Option<Needs>, E>,
}

impl<E: Copy> PartlyOpened<E> {
    /// Whether every part of it could be opened.
    ///
    /// # Errors
    /// Why one could not.
    pub fn check_whole(&self) -> Result<(), E> {
        self.terms.as_ref().map_err(|error| *error)?;
        self.needs.iter().try_for_each(|part| part.needs.as_ref().map(|_| ()).map_err(|error| *error))
    }

    /// The whole text.
    ///
    /// # Errors
    /// Why a part of it could not be opened.
    pub fn whole(&self) -> Result<Content, E> {
        let (terms, terms_erased) = self.terms.clone()?;
        let part =
            |part: &OpenedNeeds<E>| Ok(PersonsNeeds { account: part.account, needs: part.needs.clone()? });
        let needs = self.needs.iter().map(part).collect::<Result<_, E>>()?;
        Ok(Content { link: self.link, number: self.number, needs, terms, terms_erased })
    }
}

fn digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// Splits a text into its stored form. `salt` returns a new random salt each time.
///
/// # Errors
/// Only if the text cannot be serialised to JSON, which does not happen with these types.
pub fn split(
    content: &Content,
    proposer: AccountId,
    mut salt: impl FnMut() -> [u8; 32],
) -> Result<Split, serde_json::Error> {
    let Content { link, number, needs, terms, .. } = content;
    let mut parts = Vec::with_capacity(needs.len());
    for PersonsNeeds { account, needs } in needs {
        let Some(account) = account else { continue };
        let words = (*account == proposer).then(|| Words {
            limits: terms.limits.clone(),
            stop_signal: terms.stop_signal.clone(),
            contact_plan: terms.contact_plan.clone(),
        });
        let part = Part { salt: HEXLOWER.encode(&salt()), needs: needs.clone(), terms: words };
        parts.push((*account, serde_json::to_vec(&part)?));
    }
    let frame = Frame {
        version: VERSION,
        link: *link,
        number: *number,
        digests: parts.iter().map(|(_, bytes)| digest(bytes)).collect(),
        protocol: terms.protocol.clone(),
        partner_alert: terms.partner_alert,
    };
    Ok(Split { frame: serde_json::to_vec(&frame)?, parts })
}

/// The frame, if it matches the hash and a version of this format.
fn read_frame(frame: &[u8], content_hash: &[u8]) -> Option<Frame> {
    if Sha256::digest(frame).as_slice() != content_hash {
        return None;
    }
    serde_json::from_slice(frame).ok().filter(|frame: &Frame| frame.version <= VERSION)
}

/// The shared terms alone, without any person's words. None: the frame does not match the hash that was agreed to.
pub fn shared_terms(frame: &[u8], content_hash: &[u8]) -> Option<SharedTerms> {
    let Frame { protocol, partner_alert, .. } = read_frame(frame, content_hash)?;
    Some(SharedTerms { protocol, partner_alert })
}

/// Joins the remaining parts of a text, of which some could not be opened. None: a part does not match the frame, or the
/// frame does not match the hash that was agreed to.
pub fn join<E: Copy>(frame: &[u8], content_hash: &[u8], parts: &[KeptPart<E>]) -> Option<PartlyOpened<E>> {
    let frame = read_frame(frame, content_hash)?;
    let none = || OpenedNeeds { account: None, needs: Ok(None) };
    let mut needs: Vec<_> = frame.digests.iter().map(|_| none()).collect();
    let (mut words, mut unopened) = (None, None);
    for kept in parts {
        let side = needs.get_mut(kept.side)?;
        side.account = Some(kept.account);
        let bytes = match &kept.bytes {
            Ok(bytes) => bytes,
            Err(error) => {
                side.needs = Err(*error);
                unopened = Some(*error);
                continue;
            }
        };
        if frame.digests.get(kept.side) != Some(&digest(bytes)) {
            return None;
        }
        let part: Part = serde_json::from_slice(bytes).ok()?;
        side.needs = Ok(part.needs);
        words = words.or(part.terms);
    }
    let erased = || ERASED.to_owned();
    let terms_erased = words.is_none();
    let words = match (words, unopened) {
        (Some(words), _) => Ok(words),
        // They may be in what could not be opened: nobody knows that they were erased.
        (None, Some(error)) => Err(error),
        (None, None) => Ok(Words { limits: erased(), stop_signal: erased(), contact_plan: erased() }),
    };
    let terms = words.map(|words| Terms {
        limits: words.limits,
        stop_signal: words.stop_signal,
        protocol: frame.protocol,
        contact_plan: words.contact_plan,
        partner_alert: frame.partner_alert,
    });
    let terms = terms.map(|terms| (terms, terms_erased));
    Some(PartlyOpened { link: frame.link, number: frame.number, needs, terms })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use jiff::Timestamp;

    fn text() -> (Content, AccountId, AccountId) {
        let (alex, sam) = (
            AccountId::at(Timestamp::UNIX_EPOCH, &Chance::seeded(0)),
            AccountId::at(Timestamp::UNIX_EPOCH, &Chance::seeded(0)),
        );
        let needs = |account, words: &str| PersonsNeeds {
            account: Some(account),
            needs: Some(Needs { words: words.to_owned(), ..Needs::default() }),
        };
        let terms = Terms {
            limits: "none tonight".to_owned(),
            stop_signal: "red".to_owned(),
            protocol: CheckInProtocol::default(),
            contact_plan: String::new(),
            partner_alert: Some(ContactWay::Call),
        };
        let link = LinkId::at(Timestamp::UNIX_EPOCH, &Chance::seeded(0));
        let both = vec![needs(alex, "well done"), needs(sam, "stay")];
        (Content { link, number: 1, needs: both, terms, terms_erased: false }, alex, sam)
    }

    fn kept(split: &Split) -> Vec<KeptPart<&'static str>> {
        let parts = split.parts.iter().enumerate();
        parts
            .map(|(side, (account, bytes))| KeptPart { side, account: *account, bytes: Ok(bytes.clone()) })
            .collect()
    }

    #[test]
    fn a_text_comes_back_whole_and_without_what_was_erased() {
        let (content, alex, sam) = text();
        let split = split(&content, alex, || [7; 32]).unwrap();
        let hash = Sha256::digest(&split.frame);
        assert_eq!(join(&split.frame, &hash, &kept(&split)).unwrap().whole(), Ok(content.clone()));
        let sams = join(&split.frame, &hash, &kept(&split)[1..]).unwrap().whole().unwrap();
        assert_eq!(sams.needs[0], PersonsNeeds { account: None, needs: None });
        assert_eq!(sams.needs[1], content.needs[1]);
        assert_eq!((sams.terms.limits.as_str(), sams.terms_erased), (ERASED, true));
        assert_eq!(sams.terms.protocol, content.terms.protocol);
        let alexs = join(&split.frame, &hash, &kept(&split)[..1]).unwrap().whole().unwrap();
        assert_eq!(
            (alexs.terms, alexs.terms_erased),
            (content.terms, false),
            "the proposer keeps their words"
        );
        assert!(!String::from_utf8(split.frame).unwrap().contains(&sam.0.simple().to_string()));
    }

    #[test]
    fn other_words_than_those_of_the_hash_are_refused() {
        let (content, alex, _) = text();
        let split = split(&content, alex, || [7; 32]).unwrap();
        let hash = Sha256::digest(&split.frame);
        let mut other = kept(&split);
        other[1].bytes = Ok(split.parts[0].1.clone());
        assert_eq!(join(&split.frame, &hash, &other), None);
        let mut frame = split.frame.clone();
        frame.push(b' ');
        assert_eq!(join(&frame, &hash, &kept(&split)), None);
        assert_eq!(shared_terms(&frame, &hash), None);
        let terms = SharedTerms { protocol: content.terms.protocol, partner_alert: Some(ContactWay::Call) };
        assert_eq!(shared_terms(&split.frame, &hash), Some(terms));
    }

    #[test]
    fn r08_what_was_agreed_in_an_older_version_is_read_as_it_was_and_a_newer_one_is_not_guessed_at() {
        let (content, alex, _) = text();
        let frame = split(&content, alex, || [7; 32]).unwrap().frame;
        let frame = String::from_utf8(frame).unwrap();
        let of_version = |version: u8| {
            let frame = frame.replace("\"version\":3", &format!("\"version\":{version}")).into_bytes();
            let hash = Sha256::digest(&frame);
            shared_terms(&frame, &hash).map(|terms| terms.protocol)
        };
        assert!(frame.contains("\"version\":3") && frame.contains("\"protocol\":[60,1440,2880]"));
        assert_eq!(of_version(2), Some(content.terms.protocol.clone()));
        assert_eq!([3, 4].map(|version| of_version(version).is_some()), [true, false]);
    }

    #[test]
    fn r08_a_part_that_cannot_be_opened_takes_its_own_words_and_no_more() {
        let (content, alex, _) = text();
        let split = split(&content, alex, || [7; 32]).unwrap();
        let hash = Sha256::digest(&split.frame);
        let without = |lost: usize| {
            let mut parts = kept(&split);
            parts[lost].bytes = Err("lost");
            join(&split.frame, &hash, &parts).unwrap()
        };
        // Alex proposed: the terms are in their words.
        let (alexs, sams) = (without(0), without(1));
        assert_eq!((&alexs.terms, &alexs.needs[0].needs), (&Err("lost"), &Err("lost")));
        assert_eq!(alexs.needs[1].needs, Ok(content.needs[1].needs.clone()));
        assert_eq!(sams.terms, Ok((content.terms.clone(), false)));
        assert_eq!((&sams.needs[1].needs, sams.needs[1].account), (&Err("lost"), content.needs[1].account));
        for partly in [alexs, sams] {
            assert_eq!(
                (partly.check_whole(), partly.whole()),
                (Err("lost"), Err("lost")),
                "nobody agrees to it"
            );
        }
        let mut both = kept(&split);
        both.remove(0);
        both[0].bytes = Err("lost");
        let erased = join(&split.frame, &hash, &both).unwrap();
        assert_eq!(erased.terms, Err("lost"), "erased is said only of what is known to be");
    }

    #[test]
    fn the_same_words_have_another_digest_each_time() {
        let (content, alex, _) = text();
        let mut salts = 0..;
        let mut one = || [salts.next().unwrap(); 32];
        let (first, second) =
            (split(&content, alex, &mut one).unwrap(), split(&content, alex, &mut one).unwrap());
        assert_ne!(first.frame, second.frame);
    }
}

//! Tokens: short-lived access tokens (JWT, EdDSA), and opaque tokens that are stored hashed (R31).

use super::Requester;
use crate::chance::Chance;
use crate::ids::{AccountId, SessionId};
use crate::vault::sha256;
use crate::vault::token_keys::{self, Stamp, TokenKeys};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::{EncodePrivateKey, KeypairBytes};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// How long an access token is valid.
pub const ACCESS_LIFE: SignedDuration = SignedDuration::from_mins(10);
/// How long a refresh token is valid.
pub const REFRESH_LIFE: SignedDuration = SignedDuration::from_hours(60 * 24);
/// How long a session lasts at most, however often its tokens are refreshed (ASVS 5.0, 7.3.2).
pub const SESSION_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);
/// How long an exchanged refresh token may be used again, for a device that lost the answer (R31).
pub const REFRESH_GRACE: SignedDuration = SignedDuration::from_secs(15);
/// The `iss` claim.
const ISSUER: &str = "evenkeel";
/// The `aud` claim of access tokens; tokens for another purpose would have another.
const AUDIENCE: &str = "evenkeel:api";

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: AccountId,
    sid: SessionId,
    iat: i64,
    exp: i64,
}

/// Why a signing key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot sign, or its public half cannot be made.
    #[error("token key: {0}")]
    Jwt(#[from] jsonwebtoken::errors::Error),
    /// It cannot be encoded as PKCS #8.
    #[error("token key: {0}")]
    Form(#[from] ed25519_dalek::pkcs8::Error),
}

/// How far the clocks of two machines may differ, in seconds.
const SKEW: i64 = 60;

/// The public half of a key, to check signatures with.
struct PublicKey {
    id: String,
    checking: DecodingKey,
    jwk: Jwk,
}

/// The keys as they were last read.
struct KeySet {
    signing: EncodingKey,
    current: PublicKey,
    /// The key before, and when it stopped signing.
    previous: Option<(PublicKey, Timestamp)>,
    /// The stamp of the files that they were read from.
    stamp: Option<Stamp>,
}

fn key(seed: &[u8; 32]) -> Result<(EncodingKey, PublicKey), TokenError> {
    let pkcs8 = KeypairBytes { secret_key: *seed, public_key: None }.to_pkcs8_der()?;
    let signing = EncodingKey::from_ed_der(pkcs8.as_bytes());
    let mut jwk = Jwk::from_encoding_key(&signing, Algorithm::EdDSA)?;
    let id = jwk.thumbprint(ThumbprintHash::SHA256)?;
    jwk.common.key_id = Some(id.clone());
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    let checking = DecodingKey::from_jwk(&jwk)?;
    Ok((signing, PublicKey { id, checking, jwk }))
}

impl KeySet {
    fn of(keys: &TokenKeys, stamp: Option<Stamp>) -> Result<Self, TokenError> {
        let (signing, current) = key(&keys.current)?;
        let previous = keys.previous.as_ref().map(|(seed, at)| Ok::<_, TokenError>((key(seed)?.1, *at)));
        Ok(Self { signing, current, previous: previous.transpose()?, stamp })
    }

    /// The previous key, while a token that it signed can still be valid.
    fn overlapping(&self, now: Timestamp) -> Option<(&PublicKey, Timestamp)> {
        let (key, at) = self.previous.as_ref()?;
        (now.as_second() < at.as_second() + ACCESS_LIFE.as_secs() + SKEW).then_some((key, *at))
    }
}

/// Signs and checks access tokens.
pub struct AccessTokens {
    folder: Option<PathBuf>,
    key_set: RwLock<KeySet>,
}

impl AccessTokens {
    /// Signs with the key of this seed.
    pub fn new(seed: &[u8; 32]) -> Result<Self, TokenError> {
        let keys = TokenKeys { current: zeroize::Zeroizing::new(*seed), previous: None };
        Ok(Self { folder: None, key_set: RwLock::new(KeySet::of(&keys, None)?) })
    }

    /// Reads the keys from this folder from now on, whenever they change there.
    pub fn watching(self, folder: PathBuf) -> Self {
        Self { folder: Some(folder), ..self }
    }

    /// The current keys. Checking for changed files takes some microseconds.
    fn key_set(&self) -> RwLockReadGuard<'_, KeySet> {
        let key_set = self.key_set.read().unwrap_or_else(PoisonError::into_inner);
        let Some(folder) = &self.folder else { return key_set };
        let stamp = token_keys::stamp(folder);
        if stamp.is_none() || stamp == key_set.stamp {
            return key_set;
        }
        drop(key_set);
        let loaded = TokenKeys::load(folder).map_err(|error| error.to_string());
        let loaded = loaded.and_then(|keys| KeySet::of(&keys, stamp).map_err(|error| error.to_string()));
        let mut key_set = self.key_set.write().unwrap_or_else(PoisonError::into_inner);
        match loaded {
            Ok(new) => *key_set = new,
            Err(cause) => {
                tracing::error!(cause, "the new token keys cannot be used; those from before stay in use");
                key_set.stamp = stamp;
            }
        }
        drop(key_set);
        self.key_set.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The public keys (RFC 7517) for `/.well-known/jwks.json`: the one that signs, and the one before it while its
    /// tokens can be valid at `now`.
    pub fn jwks(&self, now: Timestamp) -> JwkSet {
        let key_set = self.key_set();
        let previous = key_set.overlapping(now).map(|(key, _)| key.jwk.clone());
        JwkSet { keys: [key_set.current.jwk.clone()].into_iter().chain(previous).collect() }
    }

    /// An access token for a requester, and when it expires.
    pub fn issue(&self, requester: Requester, now: Timestamp) -> Result<(String, Timestamp), TokenError> {
        let expires = now + ACCESS_LIFE;
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: requester.account,
            sid: requester.session,
            iat: now.as_second(),
            exp: expires.as_second(),
        };
        let key_set = self.key_set();
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(key_set.current.id.clone());
        Ok((jsonwebtoken::encode(&header, &claims, &key_set.signing)?, expires))
    }

    /// The requester of an access token; None: it is not one of ours, has another purpose, or is out of date at `now`.
    pub fn check(&self, token: &str, now: Timestamp) -> Option<Requester> {
        let id = jsonwebtoken::decode_header(token).ok()?.kid?;
        let key_set = self.key_set();
        // A retired key must not vouch for tokens issued after its retirement: it may have leaked.
        let (key, issued_by) = match key_set.overlapping(now) {
            Some((previous, at)) if previous.id == id && key_set.current.id != id => (previous, at),
            Some(_) | None if key_set.current.id == id => (&key_set.current, now),
            Some(_) | None => return None,
        };
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        // The library would read the machine's clock; here the time is a parameter.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &key.checking, &validation).ok()?.claims;
        let live = claims.exp > now.as_second()
            && claims.exp <= claims.iat.saturating_add(ACCESS_LIFE.as_secs())
            && claims.iat <= issued_by.as_second() + SKEW;
        live.then_some(Requester { account: claims.sub, session: claims.sid })
    }
}

/// Longest text that is looked up as an opaque token, in characters; ours have 43.
pub const OPAQUE_MAX: usize = 64;

/// A new opaque token of 256 random bits, and the hash that is stored instead of it.
pub fn opaque(chance: &Chance) -> (String, Vec<u8>) {
    let token = URL_SAFE_NO_PAD.encode(chance.bytes::<32>());
    let hash = opaque_hash(&token);
    (token, hash)
}

/// The hash by which an opaque token is found.
pub fn opaque_hash(token: &str) -> Vec<u8> {
    sha256(token.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::key_files::replace;
    use crate::vault::token_keys::{CURRENT, Seed};

    #[test]
    fn r31_a_token_works_for_ten_minutes_and_under_its_own_key_only() {
        let (ours, others) = (AccessTokens::new(&[1; 32]).unwrap(), AccessTokens::new(&[2; 32]).unwrap());
        let now: Timestamp = "2026-10-24T20:00:00Z".parse().unwrap();
        let requester = Requester {
            account: AccountId::at(now, &Chance::seeded(0)),
            session: SessionId::at(now, &Chance::seeded(0)),
        };
        let (token, expires) = ours.issue(requester, now).unwrap();
        assert_eq!(expires, now + ACCESS_LIFE);
        assert_eq!(ours.check(&token, now), Some(requester));
        assert_eq!(ours.check(&token, expires), None);
        assert_eq!(others.check(&token, now), None);
        for part in 0..3 {
            let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
            parts[part] = parts[part].chars().rev().collect();
            assert_eq!(ours.check(&parts.join("."), now), None);
        }
    }

    #[test]
    fn r31_another_algorithm_audience_or_issuer_is_refused() {
        let ours = AccessTokens::new(&[1; 32]).unwrap();
        let now: Timestamp = "2026-10-24T20:00:00Z".parse().unwrap();
        let claims = |iss: &str, aud: &str| Claims {
            iss: iss.to_owned(),
            aud: aud.to_owned(),
            sub: AccountId::at(now, &Chance::seeded(0)),
            sid: SessionId::at(now, &Chance::seeded(0)),
            iat: now.as_second(),
            exp: now.as_second() + 60,
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(ours.key_set().current.id.clone());
        let sign = |header: &Header, claims: &Claims| {
            jsonwebtoken::encode(header, claims, &ours.key_set().signing).unwrap()
        };
        assert!(ours.check(&sign(&header, &claims(ISSUER, AUDIENCE)), now).is_some());
        assert!(ours.check(&sign(&header, &claims(ISSUER, "evenkeel:mail")), now).is_none());
        assert!(ours.check(&sign(&header, &claims("somebody", AUDIENCE)), now).is_none());
        let mut plain = Header::new(Algorithm::HS256);
        plain.kid = header.kid.clone();
        let public = serde_json::to_vec(&ours.jwks(now)).unwrap();
        let forged =
            jsonwebtoken::encode(&plain, &claims(ISSUER, AUDIENCE), &EncodingKey::from_secret(&public))
                .unwrap();
        assert!(ours.check(&forged, now).is_none());
    }

    #[test]
    fn r31_a_key_that_no_longer_signs_checks_until_its_tokens_are_out_of_date() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().to_owned();
        let old = Seed::new([7; 32]);
        replace(&folder.join(CURRENT), &old, &Chance::seeded(0)).unwrap();
        let ours = AccessTokens::new(&old).unwrap().watching(folder.clone());
        let thief = AccessTokens::new(&old).unwrap();
        let now: Timestamp = "2026-10-24T20:00:00Z".parse().unwrap();
        let later = |seconds| now + jiff::SignedDuration::from_secs(seconds);
        let requester = Requester {
            account: AccountId::at(now, &Chance::seeded(0)),
            session: SessionId::at(now, &Chance::seeded(0)),
        };
        let by = |tokens: &AccessTokens, at| tokens.issue(requester, at).unwrap().0;
        let (first, at_last) = (by(&ours, now), by(&ours, later(60)));
        token_keys::rotate(&folder, later(60), &Chance::seeded(0)).unwrap();
        assert_eq!(ours.check(&first, later(599)), Some(requester));
        assert_eq!(ours.check(&at_last, later(659)), Some(requester));
        assert_eq!(ours.check(&at_last, later(660)), None);
        assert_eq!(ours.jwks(later(660)).keys.len(), 2);
        let published = ours.jwks(later(720)).keys;
        assert_eq!(published.len(), 1);
        let second = by(&ours, later(720));
        assert_eq!(ours.check(&second, later(720)), Some(requester));
        assert_eq!(jsonwebtoken::decode_header(&second).unwrap().kid, published[0].common.key_id);
        assert_eq!(thief.check(&second, later(720)), None);
        assert_eq!(ours.check(&by(&thief, later(400)), later(400)), None, "made after it no longer signed");
        assert_eq!(ours.check(&by(&thief, later(720)), later(720)), None);
        assert!(ours.check(&by(&ours, later(720)), later(720)).is_some());
    }

    #[test]
    fn r31_keys_that_cannot_be_used_leave_those_from_before_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().to_owned();
        replace(&folder.join(CURRENT), &Seed::new([7; 32]), &Chance::seeded(0)).unwrap();
        let ours = AccessTokens::new(&[7; 32]).unwrap().watching(folder.clone());
        let now: Timestamp = "2026-10-24T20:00:00Z".parse().unwrap();
        let requester = Requester {
            account: AccountId::at(now, &Chance::seeded(0)),
            session: SessionId::at(now, &Chance::seeded(0)),
        };
        let (token, _) = ours.issue(requester, now).unwrap();
        let file = folder.join("tokens.key");
        let good = std::fs::read(&file).unwrap();
        std::fs::write(&file, "half a k").unwrap();
        assert_eq!(ours.check(&token, now), Some(requester));
        std::fs::write(&file, good).unwrap();
        assert_eq!(ours.check(&token, now), Some(requester));
    }

    #[test]
    fn r31_no_token_works_for_longer_than_ten_minutes() {
        let ours = AccessTokens::new(&[1; 32]).unwrap();
        let now: Timestamp = "2026-10-24T20:00:00Z".parse().unwrap();
        let sign = |life: i64| {
            let claims = Claims {
                iss: ISSUER.to_owned(),
                aud: AUDIENCE.to_owned(),
                sub: AccountId::at(now, &Chance::seeded(0)),
                sid: SessionId::at(now, &Chance::seeded(0)),
                iat: now.as_second(),
                exp: now.as_second() + life,
            };
            let mut header = Header::new(Algorithm::EdDSA);
            header.kid = Some(ours.key_set().current.id.clone());
            jsonwebtoken::encode(&header, &claims, &ours.key_set().signing).unwrap()
        };
        assert!(ours.check(&sign(600), now).is_some());
        assert!(ours.check(&sign(601), now).is_none());
    }
}

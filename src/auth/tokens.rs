//! Tokens: short access tokens (JWT, EdDSA) and opaque ones that are stored hashed (R31).

use super::Requester;
use crate::ids::{AccountId, SessionId};
use crate::vault::sha256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// How long an access token works.
pub const ACCESS_LIFE: SignedDuration = SignedDuration::from_mins(10);
/// How long a refresh token works unless it is used.
pub const REFRESH_LIFE: SignedDuration = SignedDuration::from_hours(60 * 24);
/// How long an exchanged refresh token may be used again: a phone that lost the answer (R31).
pub const REFRESH_GRACE: SignedDuration = SignedDuration::from_secs(15);
/// Who issues.
const ISSUER: &str = "evenkeel";
/// The purpose of an access token; another purpose has another audience.
const AUDIENCE: &str = "evenkeel:api";

/// PKCS #8 (RFC 8410) of an Ed25519 key: this, then the 32 bytes of the seed.
const PKCS8_HEAD: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: AccountId,
    sid: SessionId,
    iat: i64,
    exp: i64,
}

/// The signing key is not usable.
#[derive(Debug, thiserror::Error)]
#[error("token key: {0}")]
pub struct TokenError(#[from] jsonwebtoken::errors::Error);

/// Signs and checks access tokens.
pub struct AccessTokens {
    signing: EncodingKey,
    checking: DecodingKey,
    key_id: String,
    public: JwkSet,
}

impl AccessTokens {
    /// Tokens signed with the key of that seed.
    pub fn new(seed: &[u8; 32]) -> Result<Self, TokenError> {
        let pkcs8 = zeroize::Zeroizing::new([PKCS8_HEAD.as_slice(), seed].concat());
        let signing = EncodingKey::from_ed_der(&pkcs8);
        let mut jwk = Jwk::from_encoding_key(&signing, Algorithm::EdDSA)?;
        let key_id = jwk.thumbprint(ThumbprintHash::SHA256)?;
        jwk.common.key_id = Some(key_id.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let checking = DecodingKey::from_jwk(&jwk)?;
        Ok(Self { signing, checking, key_id, public: JwkSet { keys: vec![jwk] } })
    }

    /// The public keys (RFC 7517), for `/.well-known/jwks.json`.
    pub fn jwks(&self) -> &JwkSet {
        &self.public
    }

    /// A token for a requester, and when it stops working.
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
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.key_id.clone());
        Ok((jsonwebtoken::encode(&header, &claims, &self.signing)?, expires))
    }

    /// Who a token stands for; None: it is not one of ours for this purpose, or is out of date at `now`.
    pub fn check(&self, token: &str, now: Timestamp) -> Option<Requester> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.kid.as_deref() != Some(&self.key_id) {
            return None;
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        // The library would ask the machine's clock; ours is a parameter.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.checking, &validation).ok()?.claims;
        let live = claims.exp > now.as_second() && claims.iat <= now.as_second() + 60;
        live.then_some(Requester { account: claims.sub, session: claims.sid })
    }
}

/// A new opaque token of 256 random bits, and the hash that is stored in its place.
pub fn opaque() -> (String, Vec<u8>) {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes);
    let token = URL_SAFE_NO_PAD.encode(bytes);
    let hash = opaque_hash(&token);
    (token, hash)
}

/// The hash under which an opaque token is found.
pub fn opaque_hash(token: &str) -> Vec<u8> {
    sha256(token.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r31_a_token_works_for_ten_minutes_and_under_its_own_key_only() {
        let (ours, others) = (AccessTokens::new(&[1; 32]).unwrap(), AccessTokens::new(&[2; 32]).unwrap());
        let now: Timestamp = "2026-10-24T20:00:00Z".parse().unwrap();
        let requester = Requester { account: AccountId::at(now), session: SessionId::at(now) };
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
            sub: AccountId::at(now),
            sid: SessionId::at(now),
            iat: now.as_second(),
            exp: now.as_second() + 60,
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(ours.key_id.clone());
        let sign =
            |header: &Header, claims: &Claims| jsonwebtoken::encode(header, claims, &ours.signing).unwrap();
        assert!(ours.check(&sign(&header, &claims(ISSUER, AUDIENCE)), now).is_some());
        assert!(ours.check(&sign(&header, &claims(ISSUER, "evenkeel:mail")), now).is_none());
        assert!(ours.check(&sign(&header, &claims("somebody", AUDIENCE)), now).is_none());
        let mut plain = Header::new(Algorithm::HS256);
        plain.kid = header.kid.clone();
        let public = serde_json::to_vec(ours.jwks()).unwrap();
        let forged =
            jsonwebtoken::encode(&plain, &claims(ISSUER, AUDIENCE), &EncodingKey::from_secret(&public))
                .unwrap();
        assert!(ours.check(&forged, now).is_none());
    }
}

//! DKIM: signs mails, so that other mail servers can verify their origin and text (RFC 6376).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use lettre::Message;
use lettre::message::dkim::{
    DkimCanonicalization, DkimCanonicalizationType, DkimConfig, DkimSigningAlgorithm, DkimSigningKey,
};
use lettre::message::header::HeaderName;
use rsa::RsaPrivateKey;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey, LineEnding};
use rsa::pkcs8::{DecodePrivateKey, EncodePublicKey};
use rsa::traits::PublicKeyParts;
use std::path::Path;
use zeroize::Zeroizing;

/// The smallest RSA key, in bits: signers should have at least that (RFC 8301, 3.2), and shorter ones are too weak for
/// anything else today (ASVS 5.0, 11.2.3).
const RSA_MIN: usize = 2048;

/// The signed headers: all that a reader sees, and those that RFC 8058, 4, asks for. A header that the mail lacks is
/// signed as absent, so that nobody can add it. `Content-Type` is missing here, since lettre keeps it with the body.
const SIGNED: &[&str] = &[
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Auto-Submitted",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
];

/// Signs mails for one domain.
pub struct Signer {
    config: DkimConfig,
    name: String,
    record: String,
}

impl Signer {
    /// A signer with the key of a PEM file: RSA (PKCS #1 or PKCS #8), or Ed25519 (PKCS #8; RFC 8463).
    ///
    /// # Errors
    /// A sentence that says what is wrong with the file and quotes nothing of it.
    pub fn read(selector: &str, domain: &str, file: &Path) -> Result<Self, String> {
        let pem = Zeroizing::new(
            std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?,
        );
        Self::new(selector, domain, &pem).map_err(|sentence| format!("{}: {sentence}", file.display()))
    }

    fn new(selector: &str, domain: &str, pem: &str) -> Result<Self, &'static str> {
        const FORMS: &str = "this is no private key in PEM, of RSA or Ed25519";
        let rsa = RsaPrivateKey::from_pkcs8_pem(pem).or_else(|_| RsaPrivateKey::from_pkcs1_pem(pem));
        let (key, kind, public) = if let Ok(key) = rsa {
            if key.size() * 8 < RSA_MIN {
                return Err("an RSA key needs at least 2048 bits");
            }
            let public = key.to_public_key().to_public_key_der().map_err(|_| FORMS)?;
            let pkcs1 = key.to_pkcs1_pem(LineEnding::LF).map_err(|_| FORMS)?;
            let signing = DkimSigningKey::new(&pkcs1, DkimSigningAlgorithm::Rsa);
            (signing, "rsa", STANDARD.encode(public.as_bytes()))
        } else {
            let key: SigningKey =
                ed25519_dalek::pkcs8::DecodePrivateKey::from_pkcs8_pem(pem).map_err(|_| FORMS)?;
            let seed = Zeroizing::new(STANDARD.encode(key.as_bytes()));
            let signing = DkimSigningKey::new(&seed, DkimSigningAlgorithm::Ed25519);
            (signing, "ed25519", STANDARD.encode(key.verifying_key().as_bytes()))
        };
        let headers = SIGNED.iter().map(|name| HeaderName::new_from_ascii_str(name)).collect();
        let relaxed = DkimCanonicalization {
            header: DkimCanonicalizationType::Relaxed,
            body: DkimCanonicalizationType::Relaxed,
        };
        let key = key.map_err(|_| FORMS)?;
        Ok(Self {
            config: DkimConfig::new(selector.to_owned(), domain.to_owned(), key, headers, relaxed),
            name: format!("{selector}._domainkey.{domain}"),
            record: format!("v=DKIM1; k={kind}; p={public}"),
        })
    }

    /// Signs a mail, which must not change afterwards.
    pub fn sign(&self, mail: &mut Message) {
        mail.sign(&self.config);
    }

    /// The DNS name where verifiers look for the public key, and the TXT record to publish there.
    pub fn record(&self) -> (&str, &str) {
        (&self.name, &self.record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 1024 bits.
    const SHORT: &str = "-----BEGIN PRIVATE KEY-----\n\
        MIICeQIBADANBgkqhkiG9w0BAQEFAASCAmMwggJfAgEAAoGBAMcD4Mlo4MASrczG\n\
        1StUyDvfGe42eYoGnkIjTIqJzf+JipcvVjx+7FTqyh0BznJWktipwQdNp/6aC7su\n\
        kVdBDB7QYUDOLUJPFBFgrDsCdFSBrRyCj0p2xmrPHj7Z3eWVcf82tlhDZ+yUt+fV\n\
        RvyG/VMDT54zkLmsfwDICpA5Ik13AgMBAAECgYEArMKOEOlNKQ9N9lSoWgwoIeki\n\
        /moliY8DNNClsiG8RFbmiyVZi/x2NaT3vMSDrTfAE/sQiMF90wNwqZXcL01VMaUN\n\
        n2Nm4yaMGoIPN8x5fDbqkErP9wbl10hLO+0qLdi/oQR+oO4jKH/EvafPwfET78Jv\n\
        xue7EiDBrv1wOU3OVzECQQD3k+FEmMUP/CR0y/De0mP+L4Jko/EFKOASs/uY42oe\n\
        xm7tPcA8+TjTD3grYLpS/Q0VLPsKimp0gTmp9aguYeb5AkEAzckS6N8rpQACNHI4\n\
        RrdsUNP4i08iR+32TvMn1/KGyjrcopZc4ociJrWp7fUi26gJY0XFP6r8aLiKPkN1\n\
        VizD7wJBAPHEgKSbRz2P7g38pnECJdGwlXYwPoraWs8I4fZwhk4dW2/j8JnaiqpZ\n\
        nfFGWU33fdIjBdhKSSESnLwjgCQjSQkCQQCcQvRl+pkkqPYDpzwOjtfkJKHV/xgz\n\
        8IGZf9CgjVxHEh1aJL2RkjWfmVDZDc0TaO0AAgn/B7K1PnRTRVxDPKjnAkEAgahP\n\
        LzMWeR7Cfs4kKisCzJG4oacqJqX4lN78yGMHRYfQQ6/iHj46ZRnI+BYb37zPQBgC\n\
        0BnlopgdD6CkJENjyw==\n\
        -----END PRIVATE KEY-----";

    #[test]
    fn a_short_key_of_rsa_is_refused() {
        let refused = Signer::new("autumn", "example.org", SHORT).err();
        assert_eq!(refused, Some("an RSA key needs at least 2048 bits"));
    }
}

//! Passkeys: the relying party of WebAuthn (Level 3). The caller keeps the state of a ceremony.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::{Host, Url};
use uuid::Uuid;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, DiscoverableKey, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

/// Longest answer of an authenticator, in bytes: many times the largest key and attestation.
const ANSWER_MAX: usize = 16 * 1024;

/// A ceremony could not be begun, or the relying party could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("passkeys: {0}")]
pub struct PasskeyError(String);

impl From<WebauthnError> for PasskeyError {
    fn from(error: WebauthnError) -> Self {
        Self(error.to_string())
    }
}

impl From<serde_json::Error> for PasskeyError {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// A passkey's public key, counter and flags, as they are stored.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Credential(Passkey);

impl Credential {
    /// The id that the authenticator gave it.
    pub fn id(&self) -> &[u8] {
        self.0.cred_id().as_ref()
    }
}

/// The state of a registration that was begun.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct Registration(PasskeyRegistration);

/// The state of an authentication that was begun.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct Authentication(DiscoverableAuthentication);

/// An authenticator's answer to a registration.
#[derive(Clone)]
pub struct Attestation(RegisterPublicKeyCredential);

impl Attestation {
    /// Reads `PublicKeyCredential.toJSON()`; None if the text is something else.
    pub fn read(answer: &str) -> Option<Self> {
        parse(answer).map(Self)
    }
}

/// An authenticator's answer to an authentication: which passkey it used, and for which user.
#[derive(Clone)]
pub struct Assertion(PublicKeyCredential);

impl Assertion {
    /// Reads `PublicKeyCredential.toJSON()`; None if the text is something else.
    pub fn read(answer: &str) -> Option<Self> {
        parse(answer).map(Self)
    }

    /// The passkey's id.
    pub fn credential_id(&self) -> &[u8] {
        self.0.get_credential_id()
    }

    /// The user id that the authenticator stored with the passkey, if it sends one.
    pub fn user(&self) -> Option<Uuid> {
        Uuid::from_slice(self.0.get_user_unique_id()?).ok()
    }
}

fn parse<T: serde::de::DeserializeOwned>(answer: &str) -> Option<T> {
    if answer.len() > ANSWER_MAX { None } else { serde_json::from_str(answer).ok() }
}

/// The relying party.
pub struct Passkeys(Webauthn);

impl Passkeys {
    /// The relying party at a public URL. `origins` are those of apps besides its own pages. A loopback address becomes
    /// `localhost`, which browsers accept as a domain; any other address without a domain name has no passkeys
    /// (WebAuthn, 5.1.2: a relying party's id is a domain).
    ///
    /// # Errors
    /// If the library refuses the domain.
    pub fn at(public_url: &Url, origins: &[Url]) -> Result<Option<Self>, PasskeyError> {
        let mut origin = public_url.clone();
        let loopback = match public_url.host() {
            Some(Host::Domain(_)) => false,
            Some(Host::Ipv4(ip)) if ip.is_loopback() => true,
            Some(Host::Ipv6(ip)) if ip.is_loopback() => true,
            Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => return Ok(None),
        };
        if loopback {
            origin.set_host(Some("localhost")).map_err(|error| PasskeyError(error.to_string()))?;
        }
        let Some(domain) = origin.domain() else { return Ok(None) };
        let builder = WebauthnBuilder::new(domain, &origin)?.rp_name("Evenkeel");
        let builder = origins.iter().fold(builder, |builder, app| builder.append_allowed_origin(app));
        Ok(Some(Self(builder.build()?)))
    }

    /// Begins a registration: the creation options as JSON, and the state to keep. The passkey must be discoverable, so
    /// that a person can log in without an address, and must verify its user, so that it is two factors in one.
    pub fn begin_registration(
        &self,
        user: Uuid,
        name: &str,
        display_name: &str,
        existing: &[Credential],
    ) -> Result<(String, Registration), PasskeyError> {
        let existing = existing.iter().map(|credential| credential.0.cred_id().clone()).collect();
        let (options, state) = self.0.start_passkey_registration(user, name, display_name, Some(existing))?;
        let mut options = serde_json::to_value(options.public_key)?;
        options["authenticatorSelection"]["residentKey"] = json!("required");
        options["authenticatorSelection"]["requireResidentKey"] = json!(true);
        Ok((options.to_string(), Registration(state)))
    }

    /// The new passkey that an authenticator made; None if the answer does not belong to this registration.
    pub fn finish_registration(&self, answer: &Attestation, state: &Registration) -> Option<Credential> {
        self.0.finish_passkey_registration(&answer.0, &state.0).ok().map(Credential)
    }

    /// Begins an authentication: the request options as JSON, and the state to keep. If `allowed` is empty, any passkey
    /// that the authenticator has for this relying party will do.
    pub fn begin_authentication(
        &self,
        allowed: &[Credential],
    ) -> Result<(String, Authentication), PasskeyError> {
        let (options, state) = self.0.start_discoverable_authentication()?;
        let mut options = serde_json::to_value(options.public_key)?;
        let descriptor = |credential: &Credential| {
            let id = serde_json::to_value(credential.0.cred_id())?;
            Ok(json!({ "type": "public-key", "id": id }))
        };
        let allowed: Result<Vec<Value>, serde_json::Error> = allowed.iter().map(descriptor).collect();
        options["allowCredentials"] = Value::Array(allowed?);
        Ok((options.to_string(), Authentication(state)))
    }

    /// The passkey with its new counter and flags. None unless its signature fits this authentication, the user was
    /// verified, and its counter is not behind, as a copy's would be (WebAuthn, 7.2).
    pub fn finish_authentication(
        &self,
        assertion: &Assertion,
        state: Authentication,
        credential: &Credential,
    ) -> Option<Credential> {
        let key = DiscoverableKey::from(&credential.0);
        let result = self.0.finish_discoverable_authentication(&assertion.0, state.0, &[key]).ok()?;
        let mut used = credential.clone();
        used.0.update_credential(&result)?;
        Some(used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relying_party_is_the_domain_of_the_service() {
        let at = |url: &str| Passkeys::at(&url.parse().unwrap(), &[]).unwrap();
        let id_of = |url: &str| {
            let (options, _) = at(url).unwrap().begin_authentication(&[]).unwrap();
            let options: Value = serde_json::from_str(&options).unwrap();
            assert_eq!(
                (&options["userVerification"], &options["allowCredentials"]),
                (&json!("required"), &json!([]))
            );
            options["rpId"].as_str().unwrap().to_owned()
        };
        assert_eq!(id_of("https://care.example.org"), "care.example.org");
        assert_eq!(id_of("http://127.0.0.1:8080"), "localhost");
        assert_eq!(id_of("http://[::1]:8080"), "localhost");
        assert!(at("http://192.0.2.7").is_none());
        let app: Url = "android:apk-key-hash:AbC".parse().unwrap();
        let passkeys =
            Passkeys::at(&"https://care.example.org".parse().unwrap(), std::slice::from_ref(&app)).unwrap();
        assert!(passkeys.unwrap().0.get_allowed_origins().contains(&app));
    }
}

//! A phone's passkey manager: creates passkeys, signs with them as WebAuthn says, and misbehaves on request.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::pkey::Private;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::cell::RefCell;

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 4;
const BACKUP_ELIGIBLE: u8 = 8;
const HAS_KEY: u8 = 0x40;

#[derive(Clone)]
struct Passkey {
    id: Vec<u8>,
    rp_id: String,
    user_handle: String,
    key: EcKey<Private>,
    counter: u32,
}

/// A passkey manager and the browser around it.
#[derive(Clone)]
pub struct Authenticator {
    /// The origin of the page that the person is on.
    pub origin: String,
    /// Whether it verifies the person by finger, face or code.
    pub verifies: bool,
    passkeys: RefCell<Vec<Passkey>>,
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn p256() -> EcGroup {
    EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap()
}

impl Authenticator {
    /// A manager without passkeys, on a page of this origin.
    pub fn at(origin: &str) -> Self {
        Self { origin: origin.to_owned(), verifies: true, passkeys: RefCell::new(Vec::new()) }
    }

    /// `navigator.credentials.create`: creates a passkey and returns its `toJSON()` as text.
    pub fn create(&self, options: &str) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        let rp_id = options["rp"]["id"].as_str().unwrap();
        self.check_rp(rp_id);
        let selection = &options["authenticatorSelection"];
        assert_eq!(
            (&selection["residentKey"], &selection["requireResidentKey"]),
            (&json!("required"), &json!(true))
        );
        assert_eq!(selection["userVerification"], "required");
        let algorithms = options["pubKeyCredParams"].as_array().unwrap();
        assert!(algorithms.contains(&json!({ "type": "public-key", "alg": -7 })), "ES256 is offered");
        assert!(URL_SAFE_NO_PAD.decode(options["user"]["id"].as_str().unwrap()).unwrap().len() <= 64);
        let excluded = options["excludeCredentials"].as_array().cloned().unwrap_or_default();
        let holds = |entry: &Value| self.passkeys.borrow().iter().any(|p| entry["id"] == json!(b64(&p.id)));
        assert!(!excluded.iter().any(holds), "this authenticator has a passkey for the account already");

        let passkey = Passkey {
            id: crate::support::chance().bytes::<32>().to_vec(),
            rp_id: rp_id.to_owned(),
            user_handle: options["user"]["id"].as_str().unwrap().to_owned(),
            key: EcKey::generate(&p256()).unwrap(),
            counter: 0,
        };
        let made = self.attest(&passkey, options["challenge"].as_str().unwrap());
        self.passkeys.borrow_mut().push(passkey);
        made
    }

    /// The answer to a creation with another challenge, by the passkey created last.
    pub fn attest_again(&self, challenge: &str) -> String {
        let passkey = self.passkeys.borrow().last().unwrap().clone();
        self.attest(&passkey, challenge)
    }

    fn attest(&self, passkey: &Passkey, challenge: &str) -> String {
        let mut data = self.authenticator_data(passkey, HAS_KEY);
        data.extend([0; 16]);
        data.extend(u16::try_from(passkey.id.len()).unwrap().to_be_bytes());
        data.extend(&passkey.id);
        data.extend(cose_key(&passkey.key));
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
        object.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        object.extend(&data);
        let response = json!({
            "clientDataJSON": b64(self.client_data("webauthn.create", challenge).as_bytes()),
            "attestationObject": b64(&object), "authenticatorData": b64(&data),
            "publicKey": b64(&passkey.key.public_key_to_der().unwrap()), "publicKeyAlgorithm": -7,
            "transports": ["internal", "hybrid"],
        });
        public_key_credential(&passkey.id, response, json!({ "credProps": { "rk": true } }))
    }

    /// `navigator.credentials.get`: signs with one of its passkeys and returns `toJSON()` as text.
    pub fn get(&self, options: &str) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        let rp_id = options["rpId"].as_str().unwrap();
        self.check_rp(rp_id);
        assert_eq!(options["userVerification"], "required");
        let allowed = options["allowCredentials"].as_array().unwrap();
        let mut passkeys = self.passkeys.borrow_mut();
        let passkey = passkeys.iter_mut().rev().find(|passkey| {
            let listed = allowed.iter().any(|entry| entry["id"] == json!(b64(&passkey.id)));
            passkey.rp_id == rp_id && (allowed.is_empty() || listed)
        });
        let passkey = passkey.expect("a passkey for this relying party");
        passkey.counter += 1;
        self.assert(passkey, options["challenge"].as_str().unwrap())
    }

    /// Makes the passkey created last claim that it belongs to another person.
    pub fn claim_user(&self, user_handle: &str) {
        self.passkeys.borrow_mut().last_mut().unwrap().user_handle = user_handle.to_owned();
    }

    /// The user handle that the service gave the owner of these passkeys.
    pub fn user(&self) -> String {
        self.passkeys.borrow().last().unwrap().user_handle.clone()
    }

    /// Takes the id of another manager's passkey, and keeps its own key.
    pub fn claim_id_of(&self, other: &Self) {
        self.passkeys.borrow_mut().last_mut().unwrap().id =
            other.passkeys.borrow().last().unwrap().id.clone();
    }

    fn assert(&self, passkey: &Passkey, challenge: &str) -> String {
        let data = self.authenticator_data(passkey, 0);
        let client_data = self.client_data("webauthn.get", challenge);
        let signed = sha256(&[data.as_slice(), &sha256(client_data.as_bytes())].concat());
        let signature = EcdsaSig::sign(&signed, &passkey.key).unwrap().to_der().unwrap();
        let response = json!({
            "clientDataJSON": b64(client_data.as_bytes()), "authenticatorData": b64(&data),
            "signature": b64(&signature), "userHandle": passkey.user_handle,
        });
        public_key_credential(&passkey.id, response, json!({}))
    }

    /// The authenticator data (WebAuthn, 6.1).
    fn authenticator_data(&self, passkey: &Passkey, more: u8) -> Vec<u8> {
        let verified = if self.verifies { USER_VERIFIED } else { 0 };
        let mut data = sha256(passkey.rp_id.as_bytes());
        data.push(USER_PRESENT | verified | BACKUP_ELIGIBLE | more);
        data.extend(passkey.counter.to_be_bytes());
        data
    }

    /// The client data, which the browser adds and no page can change (WebAuthn, 5.8.1).
    fn client_data(&self, kind: &str, challenge: &str) -> String {
        json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false })
            .to_string()
    }

    /// A browser offers no passkey to a page of another domain.
    fn check_rp(&self, rp_id: &str) {
        let origin: url::Url = self.origin.parse().unwrap();
        let (host, dotted) = (origin.host_str().unwrap(), format!(".{rp_id}"));
        assert!(host == rp_id || host.ends_with(&dotted) || host.ends_with(".test"), "{rp_id} on {host}");
    }
}

/// A key as RFC 9052 (COSE) writes it: EC2, ES256, P-256.
fn cose_key(key: &EcKey<Private>) -> Vec<u8> {
    let (mut x, mut y) = (BigNum::new().unwrap(), BigNum::new().unwrap());
    let mut context = BigNumContext::new().unwrap();
    key.public_key().affine_coordinates(&p256(), &mut x, &mut y, &mut context).unwrap();
    let coordinate = |number: &BigNum| number.to_vec_padded(32).unwrap();
    let head = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20".as_slice();
    [head, &coordinate(&x), b"\x22\x58\x20", &coordinate(&y)].concat()
}

fn public_key_credential(id: &[u8], response: Value, extensions: Value) -> String {
    json!({
        "id": b64(id), "rawId": b64(id), "type": "public-key", "authenticatorAttachment": "platform",
        "clientExtensionResults": extensions, "response": response,
    })
    .to_string()
}

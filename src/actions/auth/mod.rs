//! Signing in and proving oneself: sessions, second factors, passkeys, reauthentication.

pub mod factors;
pub mod passkey;
pub mod password_proof;
pub mod reauthentication;
pub mod recovery_code;
pub mod refresh;
pub mod second_factor;
pub mod second_step;
pub mod session;
pub mod session_tokens;
pub mod sign_out;
pub mod totp;

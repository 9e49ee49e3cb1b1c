//! Chance in tests: seeded by the test's name, so that a run repeats.
#![allow(dead_code, reason = "each test binary that shares this file uses another part of it")]

use evenkeel::chance::Chance;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The source of the test on this thread, which libtest names after the test. Every call returns the same source, so
/// that nothing the test starts beside its service repeats a nonce.
pub fn chance() -> Chance {
    let mut seed = DefaultHasher::new();
    std::thread::current().name().hash(&mut seed);
    Chance::seeded(seed.finish())
}

/// A name that no other run uses, because databases of several runs share a server.
pub fn random_name() -> String {
    format!("{:016x}", u64::from_be_bytes(Chance::system().bytes()))
}

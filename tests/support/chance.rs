//! Chance in tests: seeded by the test's name, so that a run can be had again.
#![allow(dead_code, reason = "each test binary that shares this file uses another part of it")]

use evenkeel::chance::Chance;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The source of the test that runs on this thread, which libtest names after it. However often it is asked for, it is
/// the same source: what a test starts beside its service repeats no nonce.
pub fn chance() -> Chance {
    let mut seed = DefaultHasher::new();
    std::thread::current().name().hash(&mut seed);
    Chance::seeded(seed.finish())
}

/// A name that no other run has: databases of several runs share a server.
pub fn random_name() -> String {
    format!("{:016x}", u64::from_be_bytes(Chance::system().bytes()))
}

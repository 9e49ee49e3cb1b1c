//! Random courses for tests against a model. The seed is fixed, so that a failure repeats; `EVENKEEL_MODEL_CASES` and
//! `EVENKEEL_MODEL_SEED` (numbers) ask for more courses and for others, and `EVENKEEL_MODEL_SHRINK` for so many tries to
//! find a shorter one that fails.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .map(|value| value.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// Lives through so many courses, or as many as were asked for, and panics with the first that fails. Returns whether all
/// of the usual ones were among them, which are known to reach everything.
pub fn live_through<S: Strategy>(
    usual: u32,
    courses: &S,
    live: impl Fn(&S::Value) -> Result<(), String>,
) -> bool {
    let small = |number: u64| u32::try_from(number).unwrap();
    let cases = number("EVENKEEL_MODEL_CASES").map_or(usual, small);
    let seed = number("EVENKEEL_MODEL_SEED");
    let rng = match seed {
        None => TestRng::deterministic_rng(RngAlgorithm::ChaCha),
        Some(seed) => {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&seed.to_le_bytes());
            TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
        }
    };
    let shorter = small(number("EVENKEEL_MODEL_SHRINK").unwrap_or(0));
    let config = Config { cases, failure_persistence: None, max_shrink_iters: shorter, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    match runner.run(courses, |course| live(&course).map_err(TestCaseError::fail)) {
        Err(TestError::Fail(why, course)) => panic!("{why}\nin the course {course:?}"),
        other => other.unwrap(),
    }
    cases >= usual && seed.is_none()
}

//! The engine on a simulated clock, with everything that can go wrong: providers that are slow, silent, broken or take a
//! message and do not say so; processes that die before any statement or stand still; clocks that are wrong; a disk that is
//! full; and people who act meanwhile. A run is thirty days, and each has a number, which makes the same run again.
//!
//!   cargo test --release --test simulation                                 the usual runs
//!   EVENKEEL_TEST_SEEDS=10000 cargo test --release --test simulation       so many
//!   EVENKEEL_TEST_SEED=17 cargo test --test simulation -- --nocapture      one, with its story

#[path = "../support/chance.rs"]
mod chance;
mod checks;
mod people;
mod providers;
mod run;
#[path = "../support/seed.rs"]
mod seed;
mod world;

use run::{Tally, live};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use world::Template;

/// How many runs there usually are.
const USUAL: u64 = 20;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .map(|value| value.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

#[test]
fn r15_r16_r20_r22_r23_r38_nothing_is_lost_or_sent_in_vain_whatever_goes_wrong() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let template = runtime.block_on(Template::make());
    if let Some(seed) = number("EVENKEEL_TEST_SEED") {
        match live(&template, seed) {
            Ok((tally, story)) => println!("{story}{tally:#?}"),
            Err(story) => panic!("{story}\nin run {seed}"),
        }
        return;
    }
    let seeds = number("EVENKEEL_TEST_SEEDS").unwrap_or(USUAL);
    let (next, all, broken) = (AtomicU64::new(0), Mutex::new(Tally::default()), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds || broken.lock().unwrap().len() >= 5 {
                        return;
                    }
                    match catch_unwind(AssertUnwindSafe(|| live(&template, seed))) {
                        Ok(Ok((tally, _))) => *all.lock().unwrap() += tally,
                        Ok(Err(story)) => broken.lock().unwrap().push((seed, story)),
                        Err(_) => broken.lock().unwrap().push((seed, "it panicked".to_owned())),
                    }
                }
            });
        }
    });
    println!("{seeds} runs: {:#?}", all.lock().unwrap());
    let broken = broken.into_inner().unwrap();
    let told = broken.iter().map(|(seed, story)| format!("in run {seed}:\n{story}"));
    assert!(broken.is_empty(), "{}", told.collect::<Vec<_>>().join("\n\n"));
}

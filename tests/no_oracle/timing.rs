//! Whether two kinds of request can be told apart by how long they take: Wilcoxon's signed-rank test on pairs.

use std::time::{Duration, Instant};
use tokio::sync::{Mutex, MutexGuard};

static ALONE: Mutex<()> = Mutex::const_new(());

/// Waits until no other test of this file does anything: what is measured is measured alone.
pub async fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().await
}

/// How far the sum of ranks may lie from its mean, in standard deviations, before two kinds count as different: if they
/// are alike, one run in a million says otherwise.
pub const LIMIT: f64 = 4.9;

/// How far the signed ranks of some differences lie from what is expected of two kinds that are alike, in standard
/// deviations. It asks of the noise only that it strikes both alike.
pub fn signed_ranks(pairs: &[(Duration, Duration)]) -> f64 {
    let mut differences: Vec<f64> = pairs.iter().map(|(a, b)| a.as_secs_f64() - b.as_secs_f64()).collect();
    differences.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let ranked = differences.iter().zip(1_u32..);
    let sum: f64 = ranked.filter(|(difference, _)| **difference > 0.0).map(|(_, rank)| f64::from(rank)).sum();
    let n = f64::from(u32::try_from(pairs.len()).unwrap());
    (sum - n * (n + 1.0) / 4.0) / (n * (n + 1.0) * (2.0 * n + 1.0) / 24.0).sqrt()
}

/// How many times the rounds are repeated, at most, on a machine that has other things to do.
const REPEATS: usize = 8;

/// Takes the time of three kinds of request in turn, in an order that changes from round to round: two that must be
/// alike, and one that does visibly less or more. Fails if the two differ, or if the third does not: then the test
/// would have seen nothing anyway. How many rounds it takes to see the third depends on what else the machine does;
/// what is said of the two never decides when to stop.
pub async fn assert_alike(what: &str, rounds: usize, send: impl AsyncFn(usize, usize)) {
    let mut times: Vec<[Duration; 3]> = Vec::new();
    let against = |times: &[[Duration; 3]], kind: usize| {
        signed_ranks(&times.iter().map(|took| (took[0], took[kind])).collect::<Vec<_>>())
    };
    for round in 0..rounds * REPEATS {
        if round > 0 && round % rounds == 0 && against(&times, 2).abs() > LIMIT {
            break;
        }
        let mut order = [0, 1, 2];
        order.rotate_left(round % 3);
        if round % 2 == 1 {
            order.reverse();
        }
        let mut took = [Duration::ZERO; 3];
        for kind in order {
            let begun = Instant::now();
            send(kind, round).await;
            took[kind] = begun.elapsed();
        }
        times.push(took);
    }
    let median = |kind: usize| {
        let mut all: Vec<_> = times.iter().map(|took| took[kind]).collect();
        all.sort();
        all[all.len() / 2]
    };
    let (alike, apart) = (against(&times, 1), against(&times, 2));
    let medians = [median(0), median(1), median(2)];
    let rounds = times.len();
    println!("{what}: {alike:+.1} and {apart:+.1} of {LIMIT} in {rounds} rounds, medians {medians:?}");
    assert!(alike.abs() < LIMIT, "{what}: told apart by time: {alike:+.1}, medians {medians:?}");
    assert!(
        apart.abs() > LIMIT,
        "{what}: what does less is not told apart: {apart:+.1}, medians {medians:?}"
    );
}

//! The ladder against a model: random courses of several days over HTTP; the rules must hold after every step.
//! `tests/support/courses.rs` says how to ask for other courses.

mod acts;
mod model;
mod reckoning;
mod steps;
mod times;
mod world;

use crate::support::courses::live_through;
use crate::support::{Backend, TestApp};
use evenkeel::domain::nudge::Reason;
use model::Reckoned;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use steps::{Step, courses};
use world::{World, reasons};

/// The number of courses, and the steps in each.
const CASES: u32 = 3;
const STEPS: usize = 200;
/// How many people there are; the first has a link with each of the others.
const PEOPLE: usize = 6;

/// Counts over all courses, so that a test that never sees anything fails.
#[derive(Default)]
struct Tally {
    reckoned: Cell<Reckoned>,
    most_a_day: Cell<usize>,
    together: Cell<usize>,
    reasons: RefCell<HashMap<Reason, usize>>,
}

async fn live(app: TestApp, course: &[Step], tally: &Tally) -> Result<(), String> {
    let mut world = World::build(app).await;
    for (n, step) in course.iter().enumerate() {
        let told = |now, broken| format!("at {now}, after step {n} ({step:?}):\n{broken}");
        let from = world.app.clock.now();
        world.take(step).await.map_err(|broken| told(from, broken))?;
        let now = world.app.clock.now();
        match step {
            Step::Pass(_) | Step::Deliver => world.model.live(from, now),
            Step::Down(_) => world.model.wait(from, now),
            _ => {}
        }
        world.take_arrivals().await;
        world.model.check(now).map_err(|broken| told(now, broken))?;
    }
    let (model, all) = (&world.model, tally.reckoned.get());
    let of = model.reckoned;
    tally.reckoned.set(Reckoned {
        ladders: all.ladders + of.ladders,
        put_off: all.put_off + of.put_off,
        moved: all.moved + of.moved,
        late: all.late + of.late,
        times: all.times + of.times,
        pleas: all.pleas + of.pleas,
    });
    tally.most_a_day.set(tally.most_a_day.get().max(model.most_a_day));
    tally.together.set(tally.together.get() + model.together);
    for arrival in &model.arrivals {
        *tally.reasons.borrow_mut().entry(arrival.reason).or_default() += 1;
    }
    Ok(())
}

fn random_courses(backend: Backend) {
    let tally = Tally::default();
    let usual = live_through(CASES, &courses(STEPS), |course| {
        let mut broken = Ok(());
        let (outcome, tally) = (&mut broken, &tally);
        crate::support::run(backend, async move |app| *outcome = live(app, course, tally).await);
        broken
    });
    let came = tally.reasons.borrow();
    let reckoned = tally.reckoned.get();
    println!(
        "{came:?}, to the minute {reckoned:?}, at most {} a day, {} came together",
        tally.most_a_day.get(),
        tally.together.get()
    );
    if !usual {
        return;
    }
    // The usual courses are known to reach all of these.
    for reason in reasons() {
        assert!(came.get(&reason).is_some_and(|count| *count > 0), "{reason:?} never came: {came:?}");
    }
    let Reckoned { ladders, put_off, moved, late, times, pleas } = reckoned;
    assert!(
        ladders >= 20 && put_off >= 3 && moved >= 3 && late >= 3 && times >= 100 && pleas >= 3,
        "too little was reckoned to the minute: {reckoned:?}"
    );
    assert!(tally.most_a_day.get() >= 5, "nobody ever got nearly as many as they may");
    assert!(tally.together.get() > 50, "next to nothing came together");
}

mod r05_r10_r12_r16_r18_r19_r21_r22_r37_the_rules_hold_after_every_step {
    use super::*;

    #[test]
    fn sqlite() {
        random_courses(Backend::Sqlite);
    }

    #[test]
    fn postgres() {
        random_courses(Backend::Postgres);
    }
}

//! What lets somebody in, against a model: an owner and a thief who knows the password do what they can in random
//! order, over HTTP. After every step all that either holds is tried: what was ended is ended everywhere, and what was
//! not ended still works. `tests/support/courses.rs` says how to ask for other courses.

mod checks;
mod model;
mod steps;
mod world;

use crate::support::courses::live_through;
use crate::support::{Backend, TestApp};
use std::cell::RefCell;
use std::collections::HashMap;
use steps::{Step, courses};
use world::World;

/// The number of courses, and the steps in each.
const CASES: u32 = 8;
const STEPS: usize = 70;

async fn live(app: TestApp, course: &[Step], tally: &RefCell<HashMap<String, usize>>) {
    let mut world = World::build(app).await;
    for step in course {
        world.take(step).await;
        world.check().await;
        if world.model.erased {
            break;
        }
    }
    world.use_what_is_left().await;
    for (what, count) in world.model.tally {
        *tally.borrow_mut().entry(what).or_default() += count;
    }
}

fn random_courses(backend: Backend) {
    let tally = RefCell::default();
    let usual = live_through(CASES, &courses(STEPS), |course| {
        let tally = &tally;
        crate::support::run(backend, async move |app| live(app, course, tally).await);
        Ok(())
    });
    let tally = tally.into_inner();
    println!("{tally:?}");
    if !usual {
        return;
    }
    let shown = [
        "LogOut",
        "One",
        "Others",
        "NewPassword",
        "Reset",
        "Copied",
        "Disuse",
        "Erasure",
        "a device ended",
        "a link to a device ended",
        "a proof was missing",
        "a download ended",
        "an invitation ended",
        "an older app stayed",
        "a young app of Some(Thief) went",
        "Owner logged in",
        "Thief logged in",
    ];
    let missed: Vec<_> = shown.into_iter().filter(|what| !tally.contains_key(*what)).collect();
    assert!(missed.is_empty(), "{missed:?} never happened: {tally:?}");
}

mod r31_what_was_ended_is_ended_everywhere_and_nothing_else_is {
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

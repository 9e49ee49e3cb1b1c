//! What can happen in a random course of days, and how often.

use proptest::prelude::*;

/// One of the two people or of several things: an index, taken modulo how many there are.
pub type Pick = usize;

/// Something that happens.
#[derive(Clone, Debug)]
pub enum Step {
    /// So many minutes pass, and everything is delivered when it falls due.
    Pass(i64),
    /// So many minutes pass while no worker runs.
    Down(i64),
    /// A worker delivers what is due.
    Deliver,
    /// Somebody records a scene that ended so many minutes ago.
    Scene(Pick, i64),
    /// Somebody answers a check-in that is open for answers.
    Answer(Pick, Pick),
    /// Somebody skips one.
    Skip(Pick, Pick),
    /// Somebody puts one off by so many minutes.
    Snooze(Pick, Pick, i64),
    /// Somebody pauses, for so many hours or until further notice.
    Pause(Pick, Option<i64>),
    /// Somebody ends a pause.
    Resume(Pick),
    /// Both agree on a new text: its protocol, and whether it lets a partner be told.
    Agree(Pick, bool),
    /// Somebody withdraws from the last text.
    Withdraw(Pick),
    /// Somebody allows on the link that the other may be told, or not.
    Allow(Pick, bool),
    /// The same for one scene.
    AllowForScene(Pick, Pick, Option<bool>),
    /// Somebody ends the link.
    Unlink(Pick),
    /// The two link again.
    Link,
    /// Somebody moves, or chooses other quiet hours.
    Profile(Pick, Pick, Pick),
    /// Somebody's devices are removed.
    RemoveDevices(Pick),
    /// Somebody registers a device.
    AddDevice(Pick),
    /// The push service says that somebody's devices are gone.
    DevicesGone(Pick),
    /// Somebody reaches out after a scene.
    ReachOut(Pick, Pick),
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..2_usize;
    let which = || 0..64_usize;
    prop_oneof![
        16 => prop_oneof![1..=90_i64, 60..=600_i64, 300..=1500_i64].prop_map(Step::Pass),
        3 => (10..=1500_i64).prop_map(Step::Down),
        2 => Just(Step::Deliver),
        9 => (who(), prop_oneof![4 => Just(0_i64), 1 => 1..=3000_i64]).prop_map(|(a, b)| Step::Scene(a, b)),
        2 => (who(), which()).prop_map(|(a, b)| Step::Answer(a, b)),
        2 => (who(), which()).prop_map(|(a, b)| Step::Skip(a, b)),
        3 => (who(), which(), 10..=720_i64).prop_map(|(a, b, c)| Step::Snooze(a, b, c)),
        2 => (who(), prop::option::of(1..=40_i64)).prop_map(|(a, b)| Step::Pause(a, b)),
        3 => who().prop_map(Step::Resume),
        4 => (which(), prop::bool::weighted(0.8)).prop_map(|(a, b)| Step::Agree(a, b)),
        1 => who().prop_map(Step::Withdraw),
        4 => (who(), prop::bool::weighted(0.75)).prop_map(|(a, b)| Step::Allow(a, b)),
        2 => (who(), which(), prop::option::of(any::<bool>())).prop_map(|(a, b, c)| Step::AllowForScene(a, b, c)),
        1 => who().prop_map(Step::Unlink),
        3 => Just(Step::Link),
        3 => (who(), which(), which()).prop_map(|(a, b, c)| Step::Profile(a, b, c)),
        1 => who().prop_map(Step::RemoveDevices),
        2 => who().prop_map(Step::AddDevice),
        1 => who().prop_map(Step::DevicesGone),
        1 => (who(), which()).prop_map(|(a, b)| Step::ReachOut(a, b)),
    ]
}

/// A course of at most so many steps.
pub fn courses(steps: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), steps * 2 / 3..=steps)
}

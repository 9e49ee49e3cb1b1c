//! What can happen in a random course of days, and how often.

use super::PEOPLE;
use proptest::prelude::*;

/// One of the people or of several things: an index, taken modulo how many there are.
pub type Pick = usize;

/// How two met.
#[derive(Clone, Copy, Debug)]
pub enum Meeting {
    Online,
    /// In person; they said at once that they part so many minutes after the scene's end.
    InPerson(Option<i64>),
}

/// Something that happens.
#[derive(Clone, Debug)]
pub enum Step {
    /// So many minutes pass, and everything is delivered when it falls due.
    Pass(i64),
    /// So many minutes pass while no worker runs.
    Down(i64),
    /// A worker delivers what is due.
    Deliver,
    /// One of two linked people records a scene that ended so many minutes ago.
    Scene(Pick, Pick, i64, Meeting),
    /// Somebody records a scene of their own that ended so many minutes ago.
    Alone(Pick, i64),
    /// Two say, or say anew, that they part in so many minutes.
    Part(Pick, i64),
    /// Somebody corrects a scene's end by so many minutes.
    Correct(Pick, i64),
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
    /// Two agree on a new text: its protocol, and whether it lets a partner be told.
    Agree(Pick, Pick, bool),
    /// Somebody withdraws from the last text.
    Withdraw(Pick, Pick),
    /// Somebody allows on a link that the other may be told, or not.
    Allow(Pick, Pick, bool),
    /// The same for one scene.
    AllowForScene(Pick, Pick, Option<bool>),
    /// Somebody ends a link.
    Unlink(Pick, Pick),
    /// Two link again.
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
    /// Somebody says that they would like to hear from the other.
    Plea(Pick, Pick),
    /// Somebody takes the last plea back, if they still can.
    TakeBack,
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..PEOPLE;
    let which = || 0..64_usize;
    let ago = || prop_oneof![4 => Just(0_i64), 1 => 1..=3000_i64];
    let meeting = prop_oneof![
        Just(Meeting::Online),
        Just(Meeting::InPerson(None)),
        prop::option::of(0..=1800_i64).prop_map(Meeting::InPerson)
    ];
    prop_oneof![
        22 => prop_oneof![1..=90_i64, 60..=600_i64, 300..=1500_i64].prop_map(Step::Pass),
        3 => (10..=1500_i64).prop_map(Step::Down),
        2 => Just(Step::Deliver),
        9 => (which(), who(), ago(), meeting).prop_map(|(a, b, c, d)| Step::Scene(a, b, c, d)),
        3 => (who(), ago()).prop_map(|(a, b)| Step::Alone(a, b)),
        3 => (which(), -90..=1500_i64).prop_map(|(a, b)| Step::Part(a, b)),
        2 => (which(), -200..=200_i64).prop_map(|(a, b)| Step::Correct(a, b)),
        2 => (who(), which()).prop_map(|(a, b)| Step::Answer(a, b)),
        2 => (who(), which()).prop_map(|(a, b)| Step::Skip(a, b)),
        5 => (who(), which(), 10..=720_i64).prop_map(|(a, b, c)| Step::Snooze(a, b, c)),
        2 => (who(), prop::option::of(1..=40_i64)).prop_map(|(a, b)| Step::Pause(a, b)),
        3 => who().prop_map(Step::Resume),
        4 => (which(), which(), prop::bool::weighted(0.8)).prop_map(|(a, b, c)| Step::Agree(a, b, c)),
        1 => (which(), who()).prop_map(|(a, b)| Step::Withdraw(a, b)),
        4 => (which(), who(), prop::bool::weighted(0.75)).prop_map(|(a, b, c)| Step::Allow(a, b, c)),
        2 => (who(), which(), prop::option::of(any::<bool>())).prop_map(|(a, b, c)| Step::AllowForScene(a, b, c)),
        1 => (which(), who()).prop_map(|(a, b)| Step::Unlink(a, b)),
        3 => Just(Step::Link),
        4 => (who(), which(), which()).prop_map(|(a, b, c)| Step::Profile(a, b, c)),
        1 => who().prop_map(Step::RemoveDevices),
        2 => who().prop_map(Step::AddDevice),
        1 => who().prop_map(Step::DevicesGone),
        1 => (who(), which()).prop_map(|(a, b)| Step::ReachOut(a, b)),
        2 => (which(), who()).prop_map(|(a, b)| Step::Plea(a, b)),
        1 => Just(Step::TakeBack),
    ]
}

/// A course of at most so many steps.
pub fn courses(steps: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), steps * 2 / 3..=steps)
}

//! Debriefs: each person's reflection on a scene, and when the two are shown to each other.

use super::partner_link::LinkState;
use super::scene::SceneState;
use super::words;

/// Longest debrief, in characters.
pub const TEXT_MAX: usize = 8000;

words! {
    /// Where the debriefs of a scene stand. It never tells whether the partner has written until both have.
    pub enum DebriefState {
        /// The viewer has not written; whether the partner has is not told.
        Unwritten = "unwritten",
        /// The viewer has written; whether the partner has is not told, since both open as soon as both have. Until
        /// then the viewer's can be replaced or taken back.
        Waiting = "waiting",
        /// Both have written: each can read the other's, and neither can change any more.
        Open = "open",
        /// The link has ended: the viewer can read their own only.
        Closed = "closed",
    }
}

/// The state of a scene's debriefs for one of its two people.
pub fn state(link: LinkState, mine: bool, partners: bool) -> DebriefState {
    match (link, mine, partners) {
        (LinkState::Invited | LinkState::Ended, ..) => DebriefState::Closed,
        (LinkState::Active, false, _) => DebriefState::Unwritten,
        (LinkState::Active, true, false) => DebriefState::Waiting,
        (LinkState::Active, true, true) => DebriefState::Open,
    }
}

/// The decision about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebriefVerdict {
    /// It is allowed.
    Do,
    /// Both have written: what the partner has read stays unchanged.
    Opened,
    /// The link has ended: nobody else would ever read it (R12).
    LinkEnded,
    /// The scene has not ended.
    SceneNotEnded,
}

/// What a person does with their own debrief.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebriefEvent {
    /// Writes it, or replaces it.
    Write,
    /// Takes it back.
    TakeBack,
}

/// Decides about an event.
pub fn judge(scene: SceneState, state: DebriefState, event: DebriefEvent) -> DebriefVerdict {
    match (scene, state, event) {
        (SceneState::Planned | SceneState::UnderWay | SceneState::Cancelled, ..) => {
            DebriefVerdict::SceneNotEnded
        }
        (SceneState::Ended, DebriefState::Unwritten | DebriefState::Waiting, _) => DebriefVerdict::Do,
        (SceneState::Ended, DebriefState::Open, _) => DebriefVerdict::Opened,
        (SceneState::Ended, DebriefState::Closed, DebriefEvent::Write) => DebriefVerdict::LinkEnded,
        // Nobody else can read it any more, so its author may delete it.
        (SceneState::Ended, DebriefState::Closed, DebriefEvent::TakeBack) => DebriefVerdict::Do,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_one_has_written_and_after_the_link_ended_nothing_depends_on_the_other() {
        for link in LinkState::ALL {
            for mine in [false, true] {
                let [without, with] = [false, true].map(|partners| state(*link, mine, partners));
                let tells = *link == LinkState::Active && mine;
                assert_eq!(without != with, tells, "{link:?} {mine}");
                assert_eq!(with == DebriefState::Open, tells);
                for event in [DebriefEvent::Write, DebriefEvent::TakeBack] {
                    let verdict = |state| judge(SceneState::Ended, state, event);
                    assert_eq!(verdict(without) != verdict(with), tells);
                }
            }
        }
    }

    #[test]
    fn a_debrief_is_written_of_what_is_over_until_both_have_written() {
        for scene in SceneState::ALL {
            for state in DebriefState::ALL {
                let open = matches!(state, DebriefState::Unwritten | DebriefState::Waiting);
                let done = |event| judge(*scene, *state, event) == DebriefVerdict::Do;
                let over = *scene == SceneState::Ended;
                assert_eq!(done(DebriefEvent::Write), over && open, "{scene:?} {state:?}");
                let own = open || *state == DebriefState::Closed;
                assert_eq!(done(DebriefEvent::TakeBack), over && own, "{scene:?} {state:?}");
            }
        }
    }
}

//! Lanes: what a nudge waits for, a push service or the mail server, and how a worker shares its claims among them (R23).

use super::hand_over::PUSH_PATIENCE;
use jiff::Timestamp;
use std::collections::{BTreeSet, HashMap, VecDeque};

/// The mail server's lane.
pub const MAIL: &str = "mail";

/// The lane of what waits for any of these: all of them, sorted, with a space between; for none, the mail server's.
pub fn any_of<'a>(lanes: impl IntoIterator<Item = &'a str>) -> String {
    let lanes: BTreeSet<&str> = lanes.into_iter().collect();
    if lanes.is_empty() { MAIL.to_owned() } else { Vec::from_iter(lanes).join(" ") }
}

/// The lanes that a nudge's lane names.
pub fn members(lane: &str) -> impl Iterator<Item = &str> {
    lane.split(' ')
}

/// A lane in which nudges wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneDue {
    /// The lane.
    pub lane: String,
    /// When the first of them that no worker has can be claimed, or a lease ends.
    pub at: Timestamp,
}

/// What a worker can take on in one lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How many nudges more.
    pub room: usize,
    /// How many hand-overs it has in hand.
    pub in_hand: usize,
    /// Until when the provider is left alone; None: it is not.
    pub shut_until: Option<Timestamp>,
}

/// What a worker can take on in each lane at an instant.
#[derive(Clone, Debug, Default)]
pub struct Standings {
    /// The lanes that it knows something about.
    pub known: HashMap<String, Standing>,
    /// Any other.
    pub fresh: Standing,
}

impl Standings {
    /// Of a nudge's lane: it can go while one of those that it names has room.
    pub fn of(&self, lane: &str) -> Standing {
        best(members(lane).map(|one| self.known.get(one).copied().unwrap_or(self.fresh)))
    }

    /// Shares about `most` claims among the lanes in which something is due: each gets the same part, as far as it has
    /// room, and the one with most in hand what the others leave. From a lane that is left alone only what waited for
    /// longer than a push is waited for: it may go by mail.
    pub fn share(self, due: &[LaneDue], now: Timestamp, most: usize) -> Sharing {
        let (mut turns, mut left_out) = (Vec::new(), Vec::new());
        for LaneDue { lane, at } in due {
            let standing = self.of(lane);
            let due_by = if standing.shut_until.is_some() { now - PUSH_PATIENCE } else { now };
            if *at > now {
                continue;
            }
            if *at <= due_by && (standing.room > 0 || standing.shut_until.is_some()) {
                turns.push((standing.in_hand, *at, lane.clone(), due_by));
            } else {
                left_out.push(lane.clone());
            }
        }
        turns.sort();
        let turns = turns.into_iter().map(|(_, _, lane, due_by)| (lane, due_by)).collect();
        Sharing { standings: self, turns, left_out, left: most }
    }
}

/// The best of several lanes.
pub fn best(lanes: impl IntoIterator<Item = Standing>) -> Standing {
    let mut lanes = lanes.into_iter();
    let first = lanes.next().unwrap_or_default();
    lanes.fold(first, |one, other| Standing {
        room: one.room.max(other.room),
        in_hand: one.in_hand.max(other.in_hand),
        shut_until: one.shut_until.zip(other.shut_until).map(|(one, other)| one.min(other)),
    })
}

/// A lane's part of one claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The lane.
    pub lane: String,
    /// What was due by then.
    pub due_by: Timestamp,
    /// At most so many.
    pub most: usize,
}

/// One claim, shared among lanes.
#[derive(Clone, Debug, Default)]
pub struct Sharing {
    standings: Standings,
    turns: VecDeque<(String, Timestamp)>,
    left_out: Vec<String>,
    left: usize,
}

impl Sharing {
    /// Whether no lane has a part.
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// The next lane's part; tell with [`took`](Self::took) how many it used.
    pub fn next_share(&mut self) -> Option<Share> {
        while self.left > 0 {
            let part = (self.left / self.turns.len().max(1)).max(1);
            let (lane, due_by) = self.turns.pop_front()?;
            let standing = self.standings.of(&lane);
            let most = if standing.shut_until.is_some() { part } else { part.min(standing.room) };
            if most > 0 {
                return Some(Share { lane, due_by, most });
            }
            self.left_out.push(lane);
        }
        None
    }

    /// Notes that a lane used so many claims.
    pub fn took(&mut self, lane: &str, claims: usize) {
        self.left = self.left.saturating_sub(claims);
        for one in members(lane) {
            let fresh = self.standings.fresh;
            let standing = self.standings.known.entry(one.to_owned()).or_insert(fresh);
            standing.room = standing.room.saturating_sub(claims);
            standing.in_hand += claims;
        }
    }

    /// The lanes in which something is due, but which are full or left alone.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn start() -> Timestamp {
        "2026-10-25T10:00:00Z".parse().unwrap()
    }

    fn due(lanes: &[(&str, i64)]) -> Vec<LaneDue> {
        let at = |(lane, ago): &(&str, i64)| LaneDue {
            lane: (*lane).to_owned(),
            at: start() - SignedDuration::from_secs(*ago),
        };
        lanes.iter().map(at).collect()
    }

    fn standings(known: &[(&str, usize, usize, bool)]) -> Standings {
        let fresh = Standing { room: 64, ..Standing::default() };
        let of = |(lane, room, in_hand, shut): &(&str, usize, usize, bool)| {
            let shut_until = shut.then(|| start() + SignedDuration::from_secs(9));
            ((*lane).to_owned(), Standing { room: *room, in_hand: *in_hand, shut_until })
        };
        Standings { known: known.iter().map(of).collect(), fresh }
    }

    /// What each lane gets, if every lane uses all of its part.
    fn parts(mut sharing: Sharing) -> (Vec<(String, usize)>, Vec<String>) {
        let mut parts = Vec::new();
        while let Some(share) = sharing.next_share() {
            sharing.took(&share.lane, share.most);
            parts.push((share.lane, share.most));
        }
        (parts, sharing.left_out)
    }

    fn of(parts: &[(&str, usize)]) -> Vec<(String, usize)> {
        parts.iter().map(|(lane, most)| ((*lane).to_owned(), *most)).collect()
    }

    #[test]
    fn r23_claims_are_shared_alike_and_a_full_lane_is_left_out() {
        let sharing = standings(&[("a", 500, 64, false), ("full", 0, 64, false)]).share(
            &due(&[("a", 50), ("b", 1), ("full", 90), ("later", -1)]),
            start(),
            100,
        );
        assert_eq!(parts(sharing), (of(&[("b", 50), ("a", 50)]), vec!["full".to_owned()]));
        let mut sharing =
            standings(&[("a", 500, 64, false)]).share(&due(&[("a", 50), ("b", 1)]), start(), 100);
        assert_eq!(sharing.next_share().map(|share| share.most), Some(50));
        sharing.took("b", 1);
        assert_eq!(sharing.next_share().map(|share| (share.lane, share.most)), Some(("a".to_owned(), 99)));
        sharing.took("a", 99);
        assert_eq!(sharing.next_share(), None);
    }

    #[test]
    fn r23_more_lanes_than_claims_get_one_each_the_longest_due_first() {
        let sharing = standings(&[]).share(&due(&[("a", 1), ("b", 3), ("c", 2)]), start(), 2);
        assert_eq!(parts(sharing).0, of(&[("b", 1), ("c", 1)]));
    }

    #[test]
    fn r23_what_waits_for_any_of_several_goes_while_one_has_room() {
        let some = standings(&[("a", 0, 64, true), ("b", 3, 8, false)]);
        assert_eq!(some.of("a b"), Standing { room: 3, in_hand: 64, shut_until: None });
        assert!(some.of("a").shut_until.is_some());
        // What goes by both takes the place of what goes by one.
        let sharing = some.share(&due(&[("a b", 9), ("b", 5), ("a", 5)]), start(), 100);
        assert_eq!(parts(sharing), (of(&[("b", 3)]), vec!["a".to_owned(), "a b".to_owned()]));
    }

    #[test]
    fn r23_from_a_lane_that_is_left_alone_comes_only_what_may_go_by_mail() {
        let hour = PUSH_PATIENCE.as_secs();
        let shut = standings(&[("a", 0, 0, true)]);
        assert!(shut.clone().share(&due(&[("a", hour - 1)]), start(), 100).is_empty());
        let mut sharing = shut.share(&due(&[("a", hour)]), start(), 100);
        let share = sharing.next_share().unwrap();
        assert_eq!((share.due_by, share.most), (start() - PUSH_PATIENCE, 100));
    }

    #[test]
    fn r23_a_lane_of_several_is_spelled_in_one_way() {
        assert_eq!(any_of(["b", "a", "b"]), "a b");
        assert_eq!(members(&any_of(["b", "a"])).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(any_of([]), MAIL);
    }
}

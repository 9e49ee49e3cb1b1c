//! Tests of insight, by example and for arbitrary answers.

use super::*;
use crate::domain::problem::Checks;
use crate::domain::protocol::TimeGiven;
use proptest::prelude::*;

const HOUR: u32 = 60;

fn minutes(protocol: &CheckInProtocol) -> Vec<u32> {
    protocol.times().iter().filter_map(|time| time.offset()).collect()
}

fn course(points: &[(u32, i32)], comforts: &[Comfort]) -> SceneCourse {
    let points = points.iter().map(|(hours, mood)| Point { minutes: hours * HOUR, mood: *mood }).collect();
    SceneCourse { points, comforts: comforts.to_vec() }
}

fn protocol(of: &[SceneCourse]) -> Option<Vec<u32>> {
    insight(of).suggestion.protocol.as_ref().map(minutes)
}

#[test]
fn an_answer_stands_where_it_was_given_and_never_before_the_end() {
    let end: Timestamp = "2026-10-24T18:00:00Z".parse().unwrap();
    let at = |text: &str| Point::new(end, text.parse().unwrap(), 3).minutes;
    assert_eq!(at("2026-10-24T19:00:59Z"), 60);
    assert_eq!(at("2026-11-20T18:00:00Z"), 27 * 24 * 60);
    assert_eq!(at("2026-10-24T17:00:00Z"), 0);
}

#[test]
fn below_the_minimum_there_is_too_little_to_say() {
    let nothing = insight(&[]);
    assert_eq!((nothing.scenes, nothing.answers, nothing.suggestion.protocol.clone()), (0, 0, None));
    assert!(
        nothing.suggestion.sentence.contains("0 answers about 0 scenes"),
        "{}",
        nothing.suggestion.sentence
    );
    let low = |hours: u32| (hours, 1);
    let two = vec![course(&[low(10), low(11), low(12), low(13), low(14), low(15), low(16)], &[]); 2];
    assert_eq!(protocol(&two), None, "14 answers, but about two scenes");
    let few = [course(&[low(10); 5], &[]), course(&[low(10)], &[]), course(&[low(10)], &[])];
    assert_eq!(protocol(&few), None, "three scenes, but seven answers");
    assert!(insight(&few).suggestion.sentence.contains("7 answers about 3 scenes"));
    let enough = [few.as_slice(), &[course(&[low(10)], &[])]].concat();
    assert!(protocol(&enough).is_some());
    let unanswered = vec![course(&[], &[Comfort::Water]); 9];
    assert_eq!((insight(&unanswered).scenes, insight(&unanswered).comforts.len()), (0, 0));
}

#[test]
fn where_lows_tend_to_come_a_check_in_is_added_with_its_reason() {
    let scenes = vec![course(&[(1, 4), (11, 2), (24, 4), (72, 1)], &[]); 3];
    let found = insight(&scenes);
    assert_eq!(protocol(&scenes), Some(vec![60, 660, 1440, 2880, 4320]));
    let sentences: Vec<_> = found.suggestion.reasons.iter().map(|reason| reason.sentence.as_str()).collect();
    assert_eq!(
        sentences,
        [
            "3 of your 3 answers between 6 and 18 hours after a scene were low. A check-in after 11 hours would ask about \
         that time.",
            "3 of your 3 answers between 60 and 96 hours after a scene were low. A check-in after 72 hours would ask about \
         that time.",
        ]
    );
    assert!(found.suggestion.reasons.iter().all(|reason| reason.added));
}

#[test]
fn a_usual_check_in_that_is_near_is_enough() {
    let scenes = vec![course(&[(1, 5), (26, 1), (48, 4)], &[]); 3];
    let found = insight(&scenes).suggestion;
    assert_eq!(protocol(&scenes), Some(vec![60, 1440, 2880]));
    assert_eq!(found.reasons.len(), 1);
    assert_eq!((found.reasons[0].offset, found.reasons[0].added), (1440, false));
    assert!(found.sentence.starts_with("The usual check-ins already ask"), "{}", found.sentence);
    let farther = vec![course(&[(1, 5), (28, 1), (48, 4)], &[]); 3];
    assert_eq!(protocol(&farther), Some(vec![60, 1440, 1680, 2880]));
}

#[test]
fn good_times_take_nothing_away_and_few_lows_add_nothing() {
    let good = vec![course(&[(1, 5), (24, 5), (48, 5)], &[]); 20];
    assert_eq!(protocol(&good), Some(vec![60, 1440, 2880]));
    assert_eq!(insight(&good).suggestion.reasons, []);
    let one = [vec![course(&[(10, 1)], &[])], good.clone()].concat();
    assert_eq!(protocol(&one), Some(vec![60, 1440, 2880]), "one low is no tendency");
    let rare = [vec![course(&[(10, 1)], &[]); 2], vec![course(&[(10, 4)], &[]); 5]].concat();
    assert_eq!(insight(&rare).lows[1], Stretch { from_hours: 6, until_hours: Some(18), answers: 7, lows: 2 });
    assert_eq!(protocol(&[rare, good].concat()), Some(vec![60, 1440, 2880]), "two of seven is none either");
}

#[test]
fn comforts_are_counted_where_it_went_well() {
    let well = |comforts: &[Comfort]| course(&[(1, 3), (24, 4)], comforts);
    let found = insight(&[
        well(&[Comfort::Talk, Comfort::Water]),
        well(&[Comfort::Talk, Comfort::Warmth]),
        well(&[Comfort::Talk, Comfort::Water]),
        course(&[(1, 5), (24, 2)], &[Comfort::Water]),
        course(&[(1, 3)], &[Comfort::Food]),
    ]);
    assert_eq!((found.scenes, found.scenes_well), (5, 3));
    let found: Vec<_> = found.comforts.iter().map(|f| (f.comfort, f.when_well, f.scenes)).collect();
    assert_eq!(found, [(Comfort::Talk, 3, 3), (Comfort::Water, 2, 3)], "warmth was there once only");
    assert_eq!(insight(&vec![well(&[Comfort::Talk]); 2]).comforts, [], "two scenes are too few");
}

fn any_occasions() -> impl Strategy<Value = Vec<SceneCourse>> {
    let point = (0..40_000_u32, 1..=5).prop_map(|(minutes, mood)| Point { minutes, mood });
    let comforts = proptest::sample::subsequence(Comfort::ALL.to_vec(), 0..=4);
    let one = (proptest::collection::vec(point, 0..9), comforts)
        .prop_map(|(points, comforts)| SceneCourse { points, comforts });
    proptest::collection::vec(one, 0..25)
}

proptest! {
    #[test]
    fn a_suggestion_can_be_agreed_on_and_keeps_the_usual_check_ins(courses in any_occasions()) {
        let found = insight(&courses);
        let enough = found.answers >= ANSWERS_MIN && found.scenes >= SCENES_MIN;
        prop_assert_eq!(found.suggestion.protocol.is_some(), enough);
        let Some(protocol) = found.suggestion.protocol else {
            prop_assert!(found.suggestion.reasons.is_empty());
            return Ok(());
        };
        let mut checks = Checks::new();
        let given: Vec<_> =
            minutes(&protocol).into_iter().map(|minutes| TimeGiven::after_end(minutes.try_into().unwrap())).collect();
        prop_assert_eq!(&CheckInProtocol::parse(&mut checks, "protocol", &given), &protocol);
        prop_assert!(checks.finish(()).is_ok(), "{:?}", protocol);
        let usual = CheckInProtocol::default();
        prop_assert!(usual.times().iter().all(|usual| protocol.times().contains(usual)));
        let added = found.suggestion.reasons.iter().filter(|reason| reason.added).count();
        prop_assert_eq!(protocol.times().len(), 3 + added);
    }

    #[test]
    fn every_reason_rests_on_what_was_counted(courses in any_occasions()) {
        let found = insight(&courses);
        let points = || courses.iter().flat_map(|course| &course.points);
        prop_assert_eq!(found.lows.iter().map(|stretch| stretch.answers).sum::<usize>(), points().count());
        let low = points().filter(|point| point.mood <= LOW).count();
        prop_assert_eq!(found.lows.iter().map(|stretch| stretch.lows).sum::<usize>(), low);
        for reason in &found.suggestion.reasons {
            prop_assert!(found.lows.contains(&reason.stretch));
            prop_assert!(reason.stretch.lows >= LOWS_MIN && reason.stretch.lows * LOW_ONE_IN >= reason.stretch.answers);
            let counts = format!("{} of your {} answer", reason.stretch.lows, reason.stretch.answers);
            prop_assert!(reason.sentence.starts_with(&counts), "{}", reason.sentence);
        }
        for comfort in &found.comforts {
            prop_assert!(comfort.when_well <= comfort.scenes && comfort.when_well <= found.scenes_well);
        }
    }

    #[test]
    fn the_order_of_scenes_and_answers_says_nothing(courses in any_occasions()) {
        let mut turned = courses.clone();
        turned.reverse();
        for course in &mut turned {
            course.points.reverse();
            course.comforts.reverse();
        }
        prop_assert_eq!(insight(&turned), insight(&courses));
    }
}

#[test]
fn lows_tend_to_come_where_there_were_two_and_one_answer_of_three_was_low() {
    let tends = |lows, answers| Stretch { from_hours: 6, until_hours: Some(18), answers, lows }.tends_low();
    assert!(tends(2, 2) && tends(2, 6) && tends(5, 15));
    assert!(!tends(1, 1) && !tends(2, 7) && !tends(5, 16));
}

#[test]
fn comforts_are_told_from_three_scenes_on() {
    let well = course(&[(1, 5)], &[Comfort::Water]);
    assert_eq!(insight(&vec![well.clone(); 2]).comforts, []);
    let found = ComfortFound { comfort: Comfort::Water, when_well: 3, scenes: 3 };
    assert_eq!(insight(&vec![well; 3]).comforts, [found]);
}

#[test]
fn the_check_in_that_is_added_asks_when_the_middle_one_of_the_lows_came() {
    let scenes = vec![course(&[(7, 1), (8, 1), (9, 1), (12, 1), (17, 1)], &[]); 3];
    assert_eq!(protocol(&scenes), Some(vec![60, 9 * 60, 1440, 2880]));
    let soon = vec![course(&[(5, 1), (5, 1), (24, 4)], &[]); 3];
    let sentence = &insight(&soon).suggestion.reasons[0].sentence;
    assert!(sentence.starts_with("6 of your 6 answers within 6 hours of a scene were low."), "{sentence}");
}

#[test]
fn r34_a_suggestion_has_no_more_check_ins_than_can_be_agreed_on() {
    let often = [(5, 1), (12, 1), (30, 1), (40, 1), (70, 1)];
    let last = course(&[&often[..], &[(100, 1)]].concat(), &[]);
    let found = insight(&[course(&often, &[]), last.clone(), last]).suggestion;
    let eight = [60, 5 * 60, 12 * 60, 24 * 60, 30 * 60, 40 * 60, 48 * 60, 70 * 60];
    assert_eq!(found.protocol.as_ref().map(minutes), Some(eight.to_vec()));
    assert_eq!(found.reasons.len(), 5, "nothing is said of the one for which there is no place");
}

//! Tests of negotiation: what can be agreed, when it is agreed, and what a reader learns of a change.

use super::*;
use crate::chance::Chance;
use jiff::SignedDuration;

fn hour(hours: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
}

fn couple() -> (AccountId, AccountId) {
    (AccountId::at(hour(0), &Chance::seeded(0)), AccountId::at(hour(1), &Chance::seeded(0)))
}

/// A value as accepted, or the fields that are wrong.
fn taken<T>(run: impl FnOnce(&mut Checks) -> T) -> Result<T, Vec<String>> {
    let mut checks = Checks::new();
    let value = run(&mut checks);
    checks.finish(value).map_err(|problems| problems.into_iter().map(|problem| problem.field).collect())
}

fn needs() -> Needs {
    Needs {
        comforts: vec![Comfort::Warmth, Comfort::Water],
        avoid: vec![" loud music ".to_owned()],
        grounding: " my blanket ".to_owned(),
        food_and_drink: " tea ".to_owned(),
        words: " well done ".to_owned(),
        contact: vec![ContactWay::Call, ContactWay::Message],
        nearness: Some(Nearness::Closeness),
        anything_else: " no ".to_owned(),
    }
}

fn terms() -> Terms {
    Terms {
        limits: "none tonight".to_owned(),
        stop_signal: "red".to_owned(),
        protocol: CheckInProtocol::default(),
        contact_plan: "a call on Sunday".to_owned(),
        partner_alert: Some(ContactWay::Call),
    }
}

#[test]
fn needs_are_taken_trimmed_and_nothing_of_them_is_lost() {
    let mut expected = needs();
    expected.avoid = vec!["loud music".to_owned()];
    (expected.grounding, expected.food_and_drink) = ("my blanket".to_owned(), "tea".to_owned());
    (expected.words, expected.anything_else) = ("well done".to_owned(), "no".to_owned());
    assert_eq!(taken(|checks| needs().checked(checks, "needs")), Ok(expected));
}

#[test]
fn r34_each_field_of_the_needs_has_its_limit() {
    let wrong = |needs: Needs| taken(|checks| needs.checked(checks, "needs")).unwrap_err();
    let twice = Needs { comforts: vec![Comfort::Food, Comfort::Food], ..needs() };
    assert_eq!(wrong(twice), ["needs.comforts"]);
    let twice = Needs { contact: vec![ContactWay::Call, ContactWay::Video, ContactWay::Call], ..needs() };
    assert_eq!(wrong(twice), ["needs.contact"]);
    let long = Needs {
        avoid: vec!["a".to_owned(), "a".repeat(ENTRY_MAX + 1)],
        grounding: "g".repeat(SHORT_TEXT_MAX + 1),
        food_and_drink: "f".repeat(SHORT_TEXT_MAX + 1),
        words: "w".repeat(SHORT_TEXT_MAX + 1),
        anything_else: "a".repeat(LONG_TEXT_MAX + 1),
        ..needs()
    };
    let fields = ["avoid.1", "grounding", "foodAndDrink", "words", "anythingElse"];
    assert_eq!(wrong(long), fields.map(|field| format!("needs.{field}")));
    let many = |count| Needs { avoid: vec!["a".to_owned(); count], ..needs() };
    let kept = taken(|checks| many(ENTRIES_MAX).checked(checks, "needs")).map(|needs| needs.avoid.len());
    assert_eq!(kept, Ok(ENTRIES_MAX));
    assert_eq!(wrong(many(ENTRIES_MAX + 1)), ["needs.avoid"]);
}

#[test]
fn terms_are_checked_and_kept() {
    let text = Terms { limits: " none tonight ".to_owned(), ..terms() };
    assert_eq!(taken(|checks| text.checked(checks, "terms")), Ok(terms()));
    let wrong = Terms { stop_signal: " ".to_owned(), limits: "l".repeat(LONG_TEXT_MAX + 1), ..terms() };
    assert_eq!(
        taken(|checks| wrong.checked(checks, "terms")),
        Err(vec!["terms.limits".into(), "terms.stopSignal".into()])
    );
}

#[test]
fn r08_a_reader_is_told_which_fields_changed_and_whose() {
    let (alex, sam) = couple();
    let person = |account, needs| PersonsNeeds { account: Some(account), needs };
    let before = Content {
        link: LinkId::at(hour(0), &Chance::seeded(0)),
        number: 1,
        needs: vec![person(alex, Some(needs())), person(sam, None)],
        terms: terms(),
        terms_erased: false,
    };
    assert_eq!(changed_fields(&before, &before, alex), [""; 0]);
    let mut after = before.clone();
    (after.terms.stop_signal, after.terms.partner_alert) = ("amber".to_owned(), None);
    let other = Needs { food_and_drink: "soup".to_owned(), nearness: None, ..needs() };
    after.needs = vec![person(alex, Some(other)), person(sam, Some(needs()))];
    let fields = |after: &Content, reader| {
        let mut fields = changed_fields(&before, after, reader);
        fields.sort_unstable();
        fields
    };
    let alexs = ["needs.mine.foodAndDrink", "needs.mine.nearness", "needs.partners"];
    assert_eq!(fields(&after, alex), [&alexs[..], &["terms.partnerAlert", "terms.stopSignal"]].concat());
    let sams = ["needs.mine", "needs.partners.foodAndDrink", "needs.partners.nearness"];
    assert_eq!(fields(&after, sam), [&sams[..], &["terms.partnerAlert", "terms.stopSignal"]].concat());
    // Nothing is reported of an erased account.
    after.needs[0] = PersonsNeeds { account: None, needs: None };
    assert_eq!(fields(&after, sam), ["needs.mine", "terms.partnerAlert", "terms.stopSignal"]);
}

fn yes(account: AccountId, from: i64, until: Option<i64>) -> Yes {
    Yes { account, from: hour(from), until: until.map(hour) }
}

#[test]
fn r08_a_revision_is_agreed_from_the_first_moment_at_which_both_yeses_stood() {
    let (alex, sam) = couple();
    let both = [alex, sam];
    let agreed = |yeses: &[Yes]| first_agreed(yeses, &both);
    assert_eq!(agreed(&[]), None);
    assert_eq!(agreed(&[yes(alex, 1, None)]), None);
    assert_eq!(agreed(&[yes(alex, 1, None), yes(alex, 2, None)]), None, "one person's yes twice");
    assert_eq!(agreed(&[yes(alex, 1, None), yes(sam, 5, None)]), Some(hour(5)));
    assert_eq!(agreed(&[yes(sam, 5, None), yes(alex, 1, Some(9))]), Some(hour(5)), "withdrawn later");
    assert_eq!(agreed(&[yes(alex, 1, Some(5)), yes(sam, 5, None)]), Some(hour(5)), "at that very moment");
    assert_eq!(agreed(&[yes(alex, 1, Some(4)), yes(sam, 5, None)]), None, "never at once");
    let again = [yes(alex, 1, Some(4)), yes(sam, 5, None), yes(alex, 7, None)];
    assert_eq!(agreed(&again), Some(hour(7)));
    assert_eq!(first_agreed(&[yes(alex, 1, None)], &[alex]), None, "an agreement is of two");
}

#[test]
fn r06_withdrawing_ends_an_agreement_and_a_newer_one_takes_its_place() {
    use RevisionState::{Agreed, Proposed, Superseded, Withdrawn};
    let (alex, sam) = couple();
    let one = [yes(alex, 1, None)];
    let both = [yes(alex, 1, None), yes(sam, 5, None)];
    let withdrawn = [yes(alex, 1, Some(8)), yes(sam, 5, None)];
    let state = |yeses: &[Yes], latest, replaced| revision_state(yeses, &[alex, sam], latest, replaced);
    assert_eq!([true, false].map(|latest| state(&one, latest, false)), [Proposed, Superseded]);
    assert_eq!([true, false].map(|latest| state(&both, latest, false)), [Agreed, Agreed]);
    assert_eq!([true, false].map(|latest| state(&withdrawn, latest, false)), [Withdrawn, Withdrawn]);
    for yeses in [&one[..], &both, &withdrawn] {
        assert_eq!(state(yeses, false, true), Superseded);
    }
}

#[test]
fn r08_a_yes_is_taken_once_to_the_current_text_alone() {
    use AgreeVerdict::{Already, OtherText, Superseded, Take};
    assert_eq!(judge_yes(true, true, false), Take);
    assert_eq!(judge_yes(true, true, true), Already);
    for stands in [false, true] {
        assert_eq!(judge_yes(false, true, stands), OtherText);
        assert_eq!([false, true].map(|hash| judge_yes(hash, false, stands)), [Superseded; 2]);
    }
}

#[test]
fn r08_the_yes_of_somebody_else_counts_for_neither() {
    let (alex, sam) = couple();
    let third = AccountId::at(hour(2), &Chance::seeded(0));
    let members = [alex, sam];
    assert_eq!(first_agreed(&[yes(alex, 1, None), yes(third, 2, None)], &members), None);
    let withdrawn = [yes(alex, 1, None), yes(sam, 2, Some(3)), yes(third, 2, None)];
    assert_eq!(revision_state(&withdrawn, &members, true, false), RevisionState::Withdrawn);
}

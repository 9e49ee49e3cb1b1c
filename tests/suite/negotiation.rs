//! Negotiation: each person's own words, texts that nobody edits, and an Agreement to exactly what was read.

use crate::support::care::after_end;
use crate::support::people::text;
use crate::support::{Couple, Person, TestApp, at};
use serde_json::{Value, json};

const WRITE: &str = "mutation($input: WriteNeedsInput!) { writeNeeds(input: $input) {
    status link { myNeeds { words comforts } } problems { field code } } }";
const PROPOSE: &str = "mutation($input: ProposeRevisionInput!) { proposeRevision(input: $input) {
    status revision { id number state contentHash } problems { field code } } }";
const AGREE: &str = "mutation($input: AgreeToRevisionInput!) { agreeToRevision(input: $input) {
    status revision { id state } problems { field code } } }";
const WITHDRAW: &str = "mutation($id: ID!) { withdrawAgreement(input: { revisionId: $id }) {
    status revision { id state } problems { field code } } }";
const HISTORY: &str = "query($link: ID!) { node(id: $link) { ... on PartnerLink {
    myNeeds { words } latestRevision { id } agreedRevision { id }
    revisions { nodes { id number state author contentHash changesSince
        agreements { who withdrawnAt } needs { who needs { words } }
        terms { limits stopSignal protocol { ... on AfterEnd { minutes } } contactPlan partnerAlert } } } } } }";

async fn write_needs(app: &TestApp, person: &Person, link: &str, words: &str) {
    let input = json!({ "linkId": link, "needs": { "words": words, "comforts": ["WATER", "TALK"] } });
    let written = person.ask(app, WRITE, json!({ "input": input })).await;
    assert_eq!(written["writeNeeds"]["link"]["myNeeds"]["words"], words, "{written}");
}

fn proposal(link: &str, based_on: Option<&Value>, limits: &str) -> Value {
    let terms = json!({ "stopSignal": "red", "limits": limits, "partnerAlert": "CALL" });
    json!({ "input": { "linkId": link, "basedOn": based_on.map(|revision| &revision["id"]), "terms": terms } })
}

/// Proposes these limits on top of a Revision.
async fn propose(app: &TestApp, by: &Person, link: &str, based_on: Option<&Value>, limits: &str) -> Value {
    let data = by.ask(app, PROPOSE, proposal(link, based_on, limits)).await;
    assert_eq!(data["proposeRevision"]["status"], "DONE", "{data}");
    data["proposeRevision"]["revision"].clone()
}

fn yes(revision: &Value) -> Value {
    json!({ "input": { "revisionId": revision["id"], "contentHash": revision["contentHash"] } })
}

async fn agree(app: &TestApp, person: &Person, revision: &Value) -> Value {
    person.ask(app, AGREE, yes(revision)).await["agreeToRevision"].clone()
}

async fn withdraw(app: &TestApp, person: &Person, revision: &Value) -> Value {
    person.ask(app, WITHDRAW, json!({ "id": revision["id"] })).await["withdrawAgreement"].clone()
}

/// The link with its Revisions, as one person reads it.
async fn history(app: &TestApp, person: &Person, link: &str) -> Value {
    person.ask(app, HISTORY, json!({ "link": link })).await["node"].clone()
}

/// The states of the Revisions, the newest first; both people must read the same.
async fn states(app: &TestApp, couple: &Couple) -> Vec<String> {
    let mut read = Vec::new();
    for person in [&couple.alex, &couple.sam] {
        let nodes = history(app, person, &couple.link).await["revisions"]["nodes"].clone();
        read.push(nodes.as_array().unwrap().iter().map(|r| text(&r["state"])).collect::<Vec<_>>());
    }
    assert_eq!(read[0], read[1], "both read the same");
    read.remove(0)
}

/// The Revision of a scene that begins now.
async fn revision_of_new_scene(app: &TestApp, couple: &Couple) -> Value {
    let scene = couple.scene(app).await;
    let query = "query($id: ID!) { node(id: $id) { ... on Scene { revision { id } } } }";
    couple.sam.ask(app, query, json!({ "id": scene })).await["node"]["revision"]["id"].clone()
}

fn refused(field: &str, code: &str) -> Value {
    json!([{ "field": field, "code": code }])
}

/// The kinds of the reasons of all pushes to a person.
async fn rungs(app: &TestApp, person: &Person) -> Vec<String> {
    let mut rungs = Vec::new();
    for push in person.pushes(app) {
        rungs.extend(person.reasons_of(app, &push).await.iter().map(|reason| text(&reason["kind"])));
    }
    rungs
}

on_both_databases! {
    async fn r07_each_writes_their_own_needs_and_no_others(app) {
        let Couple { alex, sam, link } = app.couple().await;
        write_needs(&app, &alex, &link, "well done").await;
        assert_eq!(history(&app, &sam, &link).await["myNeeds"], Value::Null, "Alex's words are not Sam's");
        write_needs(&app, &sam, &link, "you are safe").await;
        assert_eq!(history(&app, &alex, &link).await["myNeeds"]["words"], "well done");

        // Whoever proposes, the Needs of each person are those that they wrote themselves.
        propose(&app, &sam, &link, None, "none").await;
        for (person, mine, partners) in [(&alex, "well done", "you are safe"), (&sam, "you are safe", "well done")] {
            let read = history(&app, person, &link).await;
            let needs = &read["revisions"]["nodes"][0]["needs"];
            let of = |who: &str| needs.as_array().unwrap().iter().find(|n| n["who"] == who).unwrap()["needs"].clone();
            assert_eq!((&of("ME")["words"], &of("PARTNER")["words"]), (&json!(mine), &json!(partners)));
        }
    }

    async fn r07_nobody_edits_a_revision_a_change_is_a_new_one(app) {
        let Couple { alex, sam, link } = app.couple().await;
        write_needs(&app, &alex, &link, "well done").await;
        let first = propose(&app, &alex, &link, None, "none").await;
        let before = history(&app, &sam, &link).await["revisions"]["nodes"][0].clone();
        write_needs(&app, &alex, &link, "breathe").await;
        write_needs(&app, &sam, &link, "you are safe").await;
        assert_eq!(history(&app, &sam, &link).await["revisions"]["nodes"][0], before, "Needs written later");
        let second = propose(&app, &sam, &link, Some(&first), "no photos").await;
        assert_eq!((&second["number"], &second["state"]), (&json!(2), &json!("PROPOSED")));
        let read = history(&app, &sam, &link).await;
        let mut expected = before;
        expected["state"] = json!("SUPERSEDED");
        assert_eq!(read["revisions"]["nodes"][1], expected, "all but its state stays");
        assert_eq!(read["latestRevision"]["id"], second["id"]);
        let mut changed: Vec<_> =
            read["revisions"]["nodes"][0]["changesSince"].as_array().unwrap().iter().map(text).collect();
        changed.sort();
        assert_eq!(changed, ["needs.mine", "needs.partners.words", "terms.limits"]);
    }

    async fn what_changed_is_told_between_any_two_revisions(app) {
        let Couple { alex, sam, link } = app.couple().await;
        let first = propose(&app, &alex, &link, None, "none").await;
        let second = propose(&app, &sam, &link, Some(&first), "no photos").await;
        let terms = json!({ "stopSignal": "stop", "limits": "none", "protocol": after_end(&[60]), "partnerAlert": "CALL" });
        let input = json!({ "input": { "linkId": link, "basedOn": second["id"], "terms": terms } });
        let third = alex.ask(&app, PROPOSE, input).await["proposeRevision"]["revision"].clone();
        let query = "query($id: ID!) { node(id: $id) { ... on Revision {
            since1: changesSince(number: 1) since2: changesSince since3: changesSince(number: 3)
            since9: changesSince(number: 9) } } }";
        let told = sam.ask(&app, query, json!({ "id": third["id"] })).await["node"].clone();
        assert_eq!(told["since1"], json!(["terms.protocol", "terms.stopSignal"]));
        assert_eq!(told["since2"], json!(["terms.limits", "terms.protocol", "terms.stopSignal"]));
        assert_eq!((&told["since3"], &told["since9"]), (&json!([]), &Value::Null));
    }

    async fn r08_a_yes_names_the_hash_of_the_text_that_was_read(app) {
        let Couple { alex, sam, link } = app.couple().await;
        let first = propose(&app, &alex, &link, None, "none").await;
        let second = propose(&app, &alex, &link, Some(&first), "no photos").await;
        assert_ne!(first["contentHash"], second["contentHash"]);
        for hash in ["", "abc", &text(&first["contentHash"]), &text(&second["contentHash"])[1..]] {
            let input = json!({ "input": { "revisionId": second["id"], "contentHash": hash } });
            let answer = sam.ask(&app, AGREE, input).await["agreeToRevision"].clone();
            assert_eq!(answer["problems"], refused("contentHash", "CHANGED"), "{hash}");
        }
        assert_eq!(history(&app, &sam, &link).await["revisions"]["nodes"][0]["agreements"], json!([]));
        assert_eq!(agree(&app, &sam, &second).await["revision"]["state"], "PROPOSED", "one yes is not two");
        assert_eq!(agree(&app, &sam, &second).await["status"], "UNCHANGED");
        assert_eq!(agree(&app, &alex, &second).await["revision"]["state"], "AGREED");
        assert_eq!(history(&app, &sam, &link).await["agreedRevision"]["id"], second["id"]);
    }

    async fn r08_an_edit_after_a_yes_asks_both_again(app) {
        let couple = app.couple().await;
        let Couple { alex, sam, link } = &couple;
        let first = propose(&app, alex, link, None, "none").await;
        assert_eq!(agree(&app, sam, &first).await["status"], "DONE");
        let second = propose(&app, alex, link, Some(&first), "no photos").await;
        assert_eq!(agree(&app, alex, &first).await["problems"], refused("revisionId", "CHANGED"));
        assert_eq!(states(&app, &couple).await, ["PROPOSED", "SUPERSEDED"]);
        assert_eq!(agree(&app, alex, &second).await["revision"]["state"], "PROPOSED", "Sam has not read it");
        assert_eq!(agree(&app, sam, &second).await["revision"]["state"], "AGREED");

        // What both agreed to holds until both agree to the next text.
        let third = propose(&app, sam, link, Some(&second), "no marks").await;
        assert_eq!(states(&app, &couple).await, ["PROPOSED", "AGREED", "SUPERSEDED"]);
        assert_eq!(revision_of_new_scene(&app, &couple).await, second["id"]);
        agree(&app, alex, &third).await;
        agree(&app, sam, &third).await;
        assert_eq!(states(&app, &couple).await, ["AGREED", "SUPERSEDED", "SUPERSEDED"]);
        assert_eq!(revision_of_new_scene(&app, &couple).await, third["id"]);
    }

    async fn a_proposal_names_the_newest_revision(app) {
        let Couple { alex, sam, link } = app.couple().await;
        let first = propose(&app, &alex, &link, None, "none").await;
        propose(&app, &alex, &link, Some(&first), "no photos").await;
        for stale in [None, Some(&first)] {
            let answer = sam.ask(&app, PROPOSE, proposal(&link, stale, "mine")).await["proposeRevision"].clone();
            assert_eq!(answer["problems"], refused("basedOn", "CHANGED"));
        }
        assert_eq!(history(&app, &sam, &link).await["revisions"]["nodes"].as_array().unwrap().len(), 2);
    }

    async fn the_same_words_again_make_no_new_revision(app) {
        let Couple { alex, sam, link } = app.couple().await;
        let first = propose(&app, &alex, &link, None, "none").await;
        let again = sam.ask(&app, PROPOSE, proposal(&link, Some(&first), " none ")).await;
        assert_eq!(again["proposeRevision"]["status"], "UNCHANGED");
        assert_eq!(again["proposeRevision"]["revision"]["id"], first["id"]);
        write_needs(&app, &sam, &link, "you are safe").await;
        propose(&app, &sam, &link, Some(&first), "none").await;
    }

    async fn the_history_stays_readable_after_the_link_has_ended(app) {
        let couple = app.couple().await;
        let Couple { alex, sam, link } = &couple;
        write_needs(&app, sam, link, "you are safe").await;
        let first = propose(&app, alex, link, None, "none").await;
        agree(&app, alex, &first).await;
        agree(&app, sam, &first).await;
        let second = propose(&app, sam, link, Some(&first), "no photos").await;
        let before = history(&app, alex, link).await;
        let end = "mutation($link: ID!) { endLink(input: { linkId: $link }) { status } }";
        sam.ask(&app, end, json!({ "link": link })).await;
        assert_eq!(history(&app, alex, link).await, before);
        assert_eq!(states(&app, &couple).await, ["PROPOSED", "AGREED"]);
        assert_eq!(agree(&app, alex, &second).await["problems"], refused("revisionId", "WRONG_STATE"));
        let answer = alex.ask(&app, PROPOSE, proposal(link, Some(&second), "x")).await;
        assert_eq!(answer["proposeRevision"]["problems"], refused("linkId", "WRONG_STATE"));
    }

    async fn r06_after_a_withdrawal_no_new_scene_stands_under_the_text(app) {
        let couple = app.couple().await;
        let Couple { alex, sam, link } = &couple;
        let first = propose(&app, alex, link, None, "none").await;
        agree(&app, alex, &first).await;
        agree(&app, sam, &first).await;
        assert_eq!(revision_of_new_scene(&app, &couple).await, first["id"]);
        app.pass_minutes(1).await;
        let mails = (alex.mails(&app).len(), alex.pushes(&app).len());
        assert_eq!(withdraw(&app, sam, &first).await["revision"]["state"], "WITHDRAWN");
        assert_eq!(withdraw(&app, sam, &first).await["status"], "UNCHANGED");
        app.deliver().await;
        assert_eq!((alex.mails(&app).len(), alex.pushes(&app).len()), mails, "nobody is told");
        assert_eq!(history(&app, alex, link).await["agreedRevision"], Value::Null);
        assert_eq!(revision_of_new_scene(&app, &couple).await, Value::Null);
        // An Agreement can be given again; only Sam's was missing.
        app.pass_minutes(1).await;
        assert_eq!(agree(&app, sam, &first).await["revision"]["state"], "AGREED");
        assert_eq!(revision_of_new_scene(&app, &couple).await, first["id"]);
        let nodes = history(&app, sam, link).await["revisions"]["nodes"].clone();
        let mine: Vec<_> = nodes[0]["agreements"].as_array().unwrap().iter().filter(|a| a["who"] == "ME").collect();
        assert_eq!(mine.len(), 2, "the history keeps both");
        assert_eq!((&mine[0]["withdrawnAt"], &mine[1]["withdrawnAt"]), (&json!("2026-10-24T18:01:00.000Z"), &Value::Null));
    }

    async fn r06_withdrawing_the_newer_text_does_not_bring_the_older_one_back(app) {
        let couple = app.couple().await;
        let first = couple.agree(&app, json!({ "stopSignal": "red" }), None).await;
        app.pass_minutes(10).await;
        let second = couple.agree(&app, json!({ "stopSignal": "yellow" }), Some(&first)).await;
        app.pass_minutes(10).await;
        withdraw(&app, &couple.alex, &json!({ "id": second })).await;
        assert_eq!(states(&app, &couple).await, ["WITHDRAWN", "SUPERSEDED"]);
        assert_eq!(history(&app, &couple.sam, &couple.link).await["agreedRevision"], Value::Null);
        assert_eq!(revision_of_new_scene(&app, &couple).await, Value::Null);
    }

    async fn a_text_that_both_never_stood_by_at_once_was_never_agreed(app) {
        let couple = app.couple().await;
        let Couple { alex, sam, link } = &couple;
        let first = propose(&app, alex, link, None, "none").await;
        agree(&app, alex, &first).await;
        app.pass_minutes(1).await;
        withdraw(&app, alex, &first).await;
        app.pass_minutes(1).await;
        assert_eq!(agree(&app, sam, &first).await["revision"]["state"], "PROPOSED");
        assert_eq!(revision_of_new_scene(&app, &couple).await, Value::Null);
    }

    async fn r06_a_withdrawal_stops_partner_alerts_and_leaves_check_ins(app) {
        let couple = app.couple().await;
        let Couple { alex, sam, .. } = &couple;
        let revision = couple.agree(&app, Couple::usual_terms(), None).await;
        couple.allow_alert(&app, alex, true).await;
        let scene = couple.scene(&app).await;
        app.pass_minutes(23 * 60).await;
        let told = |rungs: &[String]| rungs.iter().filter(|rung| *rung == "TELL_PARTNER").count();
        assert_eq!(told(&rungs(&app, sam).await), 1, "while the agreement stands, silence is told");
        let asked_before = alex.pushes(&app).len();

        withdraw(&app, sam, &json!({ "id": revision })).await;
        app.pass_minutes(4 * 24 * 60).await;
        assert_eq!(told(&rungs(&app, sam).await), 1, "no more once it does not");
        for person in [alex, sam] {
            assert_eq!(couple.check_ins(&app, person, &scene).await.len(), 3, "what was promised stays");
        }
        let later = rungs(&app, alex).await.split_off(asked_before);
        assert_eq!(later.iter().filter(|rung| *rung == "ASK").count(), 2, "and is asked: {later:?}");
    }

    async fn the_protocol_of_the_agreed_revision_drives_the_check_ins(app) {
        let couple = app.couple().await;
        let offsets = [20160, 0, 60, 1440, 2880, 30, 4320, 10080];
        let rising = [0, 30, 60, 1440, 2880, 4320, 10080, 20160];
        let first = couple.agree(&app, json!({ "stopSignal": "red", "protocol": after_end(&offsets) }), None).await;
        // It is proposed but not agreed, so it has no effect yet.
        let terms = json!({ "stopSignal": "red", "protocol": after_end(&[5]) });
        let input = json!({ "input": { "linkId": couple.link, "basedOn": first, "terms": terms } });
        couple.sam.ask(&app, PROPOSE, input).await;
        let scene = couple.scene(&app).await;
        for person in [&couple.alex, &couple.sam] {
            let check_ins = couple.check_ins(&app, person, &scene).await;
            let got: Vec<_> = check_ins.iter().map(|c| c["time"]["minutes"].as_i64().unwrap()).collect();
            assert_eq!(got, rising);
            assert_eq!(check_ins[7]["dueAt"], "2026-11-07T18:00:00.000Z", "14 days later to the minute");
        }
    }

    async fn a_scene_does_not_stand_under_what_was_agreed_after_it_began(app) {
        let couple = app.couple().await;
        let first = couple.agree(&app, Couple::usual_terms(), None).await;
        app.clock.set(at("2026-10-24T18:30:00.000Z"));
        let second = couple.agree(&app, json!({ "stopSignal": "yellow" }), Some(&first)).await;
        app.clock.set(at("2026-10-24T19:00:00.000Z"));
        for (began, revision) in [
            ("2026-10-24T17:00:00.000Z", Value::Null),
            ("2026-10-24T18:10:00.000Z", json!(first)),
            ("2026-10-24T18:40:00.000Z", json!(second)),
        ] {
            let query = "mutation($input: RecordSceneInput!) { recordScene(input: $input) { scene { revision { id } } } }";
            let input = json!({ "linkId": couple.link, "setting": "ONLINE", "startedAt": began });
            let data = couple.alex.ask(&app, query, json!({ "input": input })).await;
            assert_eq!(data["recordScene"]["scene"]["revision"]["id"], revision, "{began}");
        }
    }
}

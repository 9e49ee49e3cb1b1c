//! Two people edit, agree and withdraw at the same moment, through two servers: the state is always consistent.

use crate::support::care::instant;
use crate::support::people::text;
use crate::support::race::TwoServers;
use crate::support::{Couple, TestApp};
use serde_json::{Value, json};

const PROPOSE: &str = "mutation($input: ProposeRevisionInput!) { proposeRevision(input: $input) {
    status revision { id number contentHash } problems { field code } } }";
const AGREE: &str = "mutation($input: AgreeToRevisionInput!) { agreeToRevision(input: $input) {
    status revision { state } problems { field code } } }";
const WITHDRAW: &str = "mutation($id: ID!) { withdrawAgreement(input: { revisionId: $id }) {
    status revision { state } problems { field code } } }";
const STATE: &str = "query($link: ID!) { node(id: $link) { ... on PartnerLink {
    latestRevision { id } agreedRevision { id }
    revisions(first: 50) { nodes { id number state agreements { agreedAt withdrawnAt } } } } } }";
const RECORD: &str = "mutation($input: RecordSceneInput!) { recordScene(input: $input) {
    status scene { revision { id } } problems { field code } } }";

const ROUNDS: i64 = 15;

fn proposal(link: &str, based_on: &Value, limits: String) -> Value {
    let terms = json!({ "stopSignal": "red", "limits": limits });
    json!({ "input": { "linkId": link, "basedOn": based_on, "terms": terms } })
}

fn yes(revision: &Value) -> Value {
    json!({ "input": { "revisionId": revision["id"], "contentHash": revision["contentHash"] } })
}

/// A new Revision on top of the newest, without any Agreement.
async fn propose(app: &TestApp, couple: &Couple, round: i64) -> Value {
    let based_on = state(app, couple).await["latestRevision"]["id"].clone();
    let data =
        couple.alex.ask(app, PROPOSE, proposal(&couple.link, &based_on, format!("round {round}"))).await;
    assert_eq!(data["proposeRevision"]["status"], "DONE", "{data}");
    data["proposeRevision"]["revision"].clone()
}

/// The link as both read it: the same, with numbers without gaps and at most one agreed Revision.
async fn state(app: &TestApp, couple: &Couple) -> Value {
    let variables = json!({ "link": couple.link });
    let seen = couple.alex.ask(app, STATE, variables.clone()).await["node"].clone();
    assert_eq!(couple.sam.ask(app, STATE, variables).await["node"], seen, "both read the same");
    let nodes = seen["revisions"]["nodes"].as_array().unwrap();
    let numbers: Vec<_> = nodes.iter().map(|node| node["number"].as_u64().unwrap()).collect();
    let newest = numbers.first().copied().unwrap_or(0);
    let falling: Vec<_> = (1..=newest).rev().take(numbers.len()).collect();
    assert_eq!(numbers, falling, "one text a number");
    let agreed: Vec<_> =
        nodes.iter().filter(|node| node["state"] == "AGREED").map(|node| &node["id"]).collect();
    assert!(agreed.len() <= 1, "{seen}");
    assert_eq!(agreed.first().copied().unwrap_or(&Value::Null), &seen["agreedRevision"]["id"]);
    seen
}

/// The state of one Revision.
fn state_of(seen: &Value, revision: &Value) -> String {
    let nodes = seen["revisions"]["nodes"].as_array().unwrap();
    text(&nodes.iter().find(|node| node["id"] == revision["id"]).unwrap()["state"])
}

on_both_databases! {
    async fn of_two_proposals_at_once_one_is_the_next_revision(app) {
        let couple = app.couple().await;
        let servers = TwoServers::start(&app);
        let mut latest = Value::Null;
        for round in 1..=ROUNDS {
            let of = |name: &str| proposal(&couple.link, &latest, format!("{name} {round}"));
            let requests = [(&couple.alex, PROPOSE, of("Alex")), (&couple.sam, PROPOSE, of("Sam"))];
            let answers = servers.at_once(&app, &requests).await;
            let (won, lost): (Vec<_>, Vec<_>) =
                answers.iter().map(|data| &data["proposeRevision"]).partition(|it| it["status"] == "DONE");
            assert_eq!((won.len(), lost.len()), (1, 1), "round {round}: {answers:?}");
            assert_eq!(lost[0]["problems"], json!([{ "field": "basedOn", "code": "CHANGED" }]));
            assert_eq!(won[0]["revision"]["number"], round);
            latest = won[0]["revision"]["id"].clone();
            assert_eq!(state(&app, &couple).await["latestRevision"]["id"], latest);
        }
        servers.stop().await;
    }

    async fn a_yes_and_an_edit_at_once_end_in_the_order_that_the_answers_tell(app) {
        let couple = app.couple().await;
        let servers = TwoServers::start(&app);
        for round in 1..=ROUNDS {
            let read = propose(&app, &couple, round).await;
            couple.sam.ask(&app, AGREE, yes(&read)).await;
            let edit = proposal(&couple.link, &read["id"], format!("edit {round}"));
            // The first request has a small lead: each person has it in turn.
            let mut requests = [(&couple.alex, AGREE, yes(&read)), (&couple.sam, PROPOSE, edit)];
            if round % 2 == 0 {
                requests.reverse();
            }
            let answers = servers.at_once(&app, &requests).await;
            let find = |name: &str| answers.iter().find_map(|data| data.get(name)).unwrap();
            let (agreed, proposed) = (find("agreeToRevision"), find("proposeRevision"));
            assert_eq!(proposed["status"], "DONE", "an edit is always possible: {answers:?}");
            let seen = state(&app, &couple).await;
            assert_eq!(seen["latestRevision"]["id"], proposed["revision"]["id"]);
            assert_eq!(state_of(&seen, &proposed["revision"]), "PROPOSED", "nobody said yes to the edit");
            if agreed["status"] == "DONE" {
                assert_eq!(agreed["revision"]["state"], "AGREED");
                assert_eq!(state_of(&seen, &read), "AGREED", "round {round}");
            } else {
                assert_eq!(agreed["problems"], json!([{ "field": "revisionId", "code": "CHANGED" }]));
                assert_eq!(state_of(&seen, &read), "SUPERSEDED", "round {round}");
            }
        }
        servers.stop().await;
    }

    async fn two_yeses_at_once_agree_and_one_yes_sent_twice_counts_once(app) {
        let couple = app.couple().await;
        let servers = TwoServers::start(&app);
        for round in 1..=ROUNDS {
            let read = propose(&app, &couple, round).await;
            let (alex, sam) = (&couple.alex, &couple.sam);
            let requests = [alex, sam, sam, alex].map(|person| (person, AGREE, yes(&read)));
            let answers = servers.at_once(&app, &requests).await;
            let mut statuses: Vec<_> = answers.iter().map(|data| text(&data["agreeToRevision"]["status"])).collect();
            statuses.sort();
            assert_eq!(statuses, ["DONE", "DONE", "UNCHANGED", "UNCHANGED"], "round {round}");
            let seen = state(&app, &couple).await;
            assert_eq!(state_of(&seen, &read), "AGREED");
            assert_eq!(seen["revisions"]["nodes"][0]["agreements"].as_array().unwrap().len(), 2);
        }
        servers.stop().await;
    }

    async fn a_yes_and_a_withdrawal_at_once_leave_nothing_agreed(app) {
        let couple = app.couple().await;
        let servers = TwoServers::start(&app);
        for round in 1..=ROUNDS {
            let read = propose(&app, &couple, round).await;
            couple.sam.ask(&app, AGREE, yes(&read)).await;
            let mut requests =
                [(&couple.alex, AGREE, yes(&read)), (&couple.sam, WITHDRAW, json!({ "id": read["id"] }))];
            if round % 2 == 0 {
                requests.reverse();
            }
            for data in servers.at_once(&app, &requests).await {
                let answer = data.get("agreeToRevision").or(data.get("withdrawAgreement")).unwrap();
                assert_eq!(answer["status"], "DONE", "round {round}: {data}");
            }
            let seen = state(&app, &couple).await;
            assert_eq!(seen["agreedRevision"], Value::Null, "round {round}");
            assert!(["PROPOSED", "WITHDRAWN"].contains(&state_of(&seen, &read).as_str()));
        }
        servers.stop().await;
    }

    async fn r06_a_scene_that_begins_while_one_withdraws_never_stands_under_what_was_withdrawn_before(app) {
        let couple = app.couple().await;
        let servers = TwoServers::start(&app);
        let now = instant(app.clock.now());
        let scene = json!({ "input": { "linkId": couple.link, "setting": "ONLINE", "startedAt": now } });
        for round in 1..=ROUNDS {
            let read = propose(&app, &couple, round).await;
            for person in [&couple.alex, &couple.sam] {
                person.ask(&app, AGREE, yes(&read)).await;
            }
            let requests = [
                (&couple.alex, RECORD, scene.clone()),
                (&couple.sam, WITHDRAW, json!({ "id": read["id"] })),
            ];
            let answers = servers.at_once(&app, &requests).await;
            assert_eq!(answers[1]["withdrawAgreement"]["revision"]["state"], "WITHDRAWN");
            let began = &answers[0]["recordScene"];
            assert_eq!(began["status"], "DONE", "care is not refused: {answers:?}");
            let under = &began["scene"]["revision"];
            assert!(*under == Value::Null || under["id"] == read["id"], "round {round}: {under}");
            let after = couple.alex.ask(&app, RECORD, scene.clone()).await;
            assert_eq!(after["recordScene"]["scene"]["revision"], Value::Null, "round {round}");
        }
        servers.stop().await;
    }

    async fn of_many_requests_at_once_every_yes_stands_where_it_was_given(app) {
        let couple = app.couple().await;
        let servers = TwoServers::start(&app);
        for round in 1..=ROUNDS {
            let read = propose(&app, &couple, round).await;
            let edit = |name: &str| proposal(&couple.link, &read["id"], format!("{name} {round}"));
            let (alex, sam) = (&couple.alex, &couple.sam);
            let requests = [
                (alex, AGREE, yes(&read)),
                (sam, PROPOSE, edit("Sam")),
                (sam, AGREE, yes(&read)),
                (alex, PROPOSE, edit("Alex")),
                (sam, WITHDRAW, json!({ "id": read["id"] })),
            ];
            let answers = servers.at_once(&app, &requests).await;
            let edits = answers.iter().filter(|data| data["proposeRevision"]["status"] == "DONE").count();
            assert_eq!(edits, 1, "round {round}: {answers:?}");
            let given = answers.iter().filter(|data| data["agreeToRevision"]["status"] == "DONE").count();
            let seen = state(&app, &couple).await;
            let nodes = seen["revisions"]["nodes"].as_array().unwrap();
            let standing = |n: usize| nodes[n]["agreements"].as_array().unwrap().len();
            assert_eq!((standing(0), standing(1)), (0, given), "round {round}: no yes moved to the edit");
            assert_eq!(state_of(&seen, &nodes[0]), "PROPOSED");
        }
        servers.stop().await;
    }
}

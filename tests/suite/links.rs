//! Partner links: how two people link by a code, and how the link ends.

use crate::support::people::text;
use crate::support::race::TwoServers;
use crate::support::{Couple, Person, TestApp, at};
use serde_json::{Value, json};

const INVITE: &str = "mutation { invitePartner(input: { role: DOMINANT }) {
    status code link { id state invitationExpiresAt partner { displayName } } problems { field code } } }";
const LOOK: &str = "query($code: String!) { invitation(code: $code) { displayName role expiresAt } }";
const ACCEPT: &str = "mutation($code: String!) { acceptInvitation(input: { code: $code, role: SWITCH }) {
    status link { id state } problems { field code } } }";
const DECLINE: &str = "mutation($code: String!) { declineInvitation(input: { code: $code }) {
    status problems { field code } } }";
const END: &str = "mutation($link: ID!) { endLink(input: { linkId: $link }) {
    status link { id state } problems { field code } } }";
const LINKS: &str = "{ viewer { partnerLinks(endedToo: true) {
    id state me { displayName role } partner { displayName role } invitationExpiresAt activeAt endedAt } } }";

async fn people<const N: usize>(app: &TestApp, names: [&str; N]) -> [Person; N] {
    let mut people = Vec::new();
    for name in names {
        people.push(app.person_without_device(name, "Europe/Berlin", ("22:00", "08:00")).await);
    }
    people.try_into().unwrap_or_else(|_| unreachable!())
}

/// Invites a partner; returns the code and the link's id.
async fn invite(app: &TestApp, person: &Person) -> (String, String) {
    let data = person.ask(app, INVITE, json!({})).await;
    assert_eq!(data["invitePartner"]["status"], "DONE", "{data}");
    (text(&data["invitePartner"]["code"]), text(&data["invitePartner"]["link"]["id"]))
}

async fn look(app: &TestApp, person: &Person, code: &str) -> Value {
    person.ask(app, LOOK, json!({ "code": code })).await["invitation"].clone()
}

async fn accept(app: &TestApp, person: &Person, code: &str) -> Value {
    person.ask(app, ACCEPT, json!({ "code": code })).await["acceptInvitation"].clone()
}

async fn decline(app: &TestApp, person: &Person, code: &str) -> Value {
    person.ask(app, DECLINE, json!({ "code": code })).await["declineInvitation"].clone()
}

async fn end(app: &TestApp, person: &Person, link: &str) -> Value {
    person.ask(app, END, json!({ "link": link })).await["endLink"].clone()
}

/// Every link of a person, ended ones too.
async fn links(app: &TestApp, person: &Person) -> Vec<Value> {
    person.ask(app, LINKS, json!({})).await["viewer"]["partnerLinks"].as_array().unwrap().clone()
}

/// How many of a person's links have this status.
async fn count(app: &TestApp, person: &Person, status: &str) -> usize {
    links(app, person).await.iter().filter(|link| link["state"] == status).count()
}

fn refused(code: &str) -> Value {
    json!([{ "field": "code", "code": code }])
}

on_both_databases! {
    async fn an_invitation_is_looked_at_and_accepted(app) {
        let [alex, sam] = people(&app, ["Alex", "Sam"]).await;
        let data = alex.ask(&app, INVITE, json!({})).await;
        let invited = &data["invitePartner"];
        assert_eq!(invited["link"]["state"], "INVITED");
        assert_eq!(invited["link"]["partner"], Value::Null);
        assert_eq!(invited["link"]["invitationExpiresAt"], "2026-10-27T18:00:00.000Z");
        let code = text(&invited["code"]);

        let seen = look(&app, &sam, &code).await;
        let expected = json!({ "displayName": "Alex", "role": "DOMINANT", "expiresAt": "2026-10-27T18:00:00.000Z" });
        assert_eq!(seen, expected);
        assert_eq!(links(&app, &sam).await, Vec::<Value>::new(), "looking ties nobody");
        assert_eq!(look(&app, &sam, &code).await, expected, "looking uses nothing up");

        assert_eq!(accept(&app, &sam, &code).await["link"]["state"], "ACTIVE");
        let of_alex = links(&app, &alex).await;
        assert_eq!(of_alex[0]["id"], invited["link"]["id"]);
        assert_eq!(of_alex[0]["state"], "ACTIVE");
        assert_eq!(of_alex[0]["invitationExpiresAt"], Value::Null);
        assert_eq!(of_alex[0]["partner"], json!({ "displayName": "Sam", "role": "SWITCH" }));
        let of_sam = links(&app, &sam).await;
        assert_eq!(of_sam[0]["me"], json!({ "displayName": "Sam", "role": "SWITCH" }));
        assert_eq!(of_sam[0]["partner"], json!({ "displayName": "Alex", "role": "DOMINANT" }));
    }

    async fn a_code_works_once(app) {
        let [alex, sam, kim] = people(&app, ["Alex", "Sam", "Kim"]).await;
        let (code, _) = invite(&app, &alex).await;
        accept(&app, &sam, &code).await;
        for person in [&sam, &kim] {
            assert_eq!(look(&app, person, &code).await, Value::Null);
            assert_eq!(accept(&app, person, &code).await["problems"], refused("EXPIRED"));
            assert_eq!(decline(&app, person, &code).await["problems"], refused("EXPIRED"));
        }
        assert_eq!(count(&app, &alex, "ACTIVE").await, 1);
        assert_eq!(count(&app, &kim, "ACTIVE").await, 0);
    }

    async fn a_code_expires_after_72_hours(app) {
        let [alex, sam] = people(&app, ["Alex", "Sam"]).await;
        let (in_time, _) = invite(&app, &alex).await;
        let (too_late, _) = invite(&app, &alex).await;
        app.clock.set(at("2026-10-27T17:59:59.000Z"));
        assert_eq!(look(&app, &sam, &too_late).await["displayName"], "Alex");
        assert_eq!(accept(&app, &sam, &in_time).await["status"], "DONE");
        app.clock.set(at("2026-10-27T18:00:00.000Z"));
        let [kim] = people(&app, ["Kim"]).await;
        assert_eq!(look(&app, &kim, &too_late).await, Value::Null);
        assert_eq!(accept(&app, &kim, &too_late).await["problems"], refused("EXPIRED"));
        assert_eq!(decline(&app, &kim, &too_late).await["problems"], refused("EXPIRED"));
    }

    async fn a_code_may_be_typed_sloppily(app) {
        let [alex, sam] = people(&app, ["Alex", "Sam"]).await;
        let (code, _) = invite(&app, &alex).await;
        let bare = code.replace('-', "");
        assert_eq!((code.len(), bare.len()), (14, 12), "three groups of four: {code}");
        let alike = code.replace('0', "o").replace('1', "l");
        for typed in [bare.to_lowercase(), format!("  {code}\n"), code.replace('-', " - "), alike] {
            assert_eq!(look(&app, &sam, &typed).await["displayName"], "Alex", "{typed:?}");
        }
        for typed in [String::new(), bare[1..].to_owned(), format!("{code}0"), format!("{}U", &code[..13])] {
            assert_eq!(accept(&app, &sam, &typed).await["problems"], refused("EXPIRED"), "{typed:?}");
        }
        assert_eq!(accept(&app, &sam, &format!(" {} ", bare.to_lowercase())).await["status"], "DONE");
    }

    async fn a_declined_invitation_ends_without_a_word(app) {
        let alex = app.person("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
        let [sam, kim] = people(&app, ["Sam", "Kim"]).await;
        let (code, _) = invite(&app, &alex).await;
        let mails = alex.mails(&app).len();
        assert_eq!(decline(&app, &sam, &code).await["status"], "DONE");
        assert_eq!(accept(&app, &kim, &code).await["problems"], refused("EXPIRED"));
        let of_alex = links(&app, &alex).await;
        assert_eq!((&of_alex[0]["state"], &of_alex[0]["partner"]), (&json!("ENDED"), &Value::Null));
        assert_eq!(links(&app, &sam).await, Vec::<Value>::new());
        app.pass_minutes(24 * 60).await;
        assert_eq!((alex.pushes(&app).len(), alex.mails(&app).len()), (0, mails));
    }

    async fn an_invitation_can_be_taken_back(app) {
        let [alex, sam] = people(&app, ["Alex", "Sam"]).await;
        let (code, link) = invite(&app, &alex).await;
        assert_eq!(end(&app, &alex, &link).await["link"]["state"], "ENDED");
        assert_eq!(look(&app, &sam, &code).await, Value::Null);
        assert_eq!(accept(&app, &sam, &code).await["problems"], refused("EXPIRED"));
        assert_eq!(end(&app, &alex, &link).await["status"], "UNCHANGED");
    }

    async fn nobody_links_to_themselves(app) {
        let [alex, sam] = people(&app, ["Alex", "Sam"]).await;
        let (code, _) = invite(&app, &alex).await;
        assert_eq!(look(&app, &alex, &code).await, Value::Null);
        assert_eq!(accept(&app, &alex, &code).await["problems"], refused("WRONG_STATE"));
        assert_eq!(accept(&app, &sam, &code).await["status"], "DONE", "the code is still good");
    }

    async fn nobody_links_twice_to_the_same_person(app) {
        let [alex, sam] = people(&app, ["Alex", "Sam"]).await;
        let link = app.link(&alex, &sam).await;
        let (again, _) = invite(&app, &alex).await;
        let (back, _) = invite(&app, &sam).await;
        for (person, code) in [(&sam, &again), (&alex, &back)] {
            assert_eq!(look(&app, person, code).await, Value::Null);
            assert_eq!(accept(&app, person, code).await["problems"], refused("WRONG_STATE"));
        }
        assert_eq!(end(&app, &sam, &link).await["status"], "DONE");
        assert_eq!(accept(&app, &sam, &again).await["status"], "DONE", "once it has ended, they may again");
        assert_eq!(count(&app, &alex, "ACTIVE").await, 1);
    }

    async fn one_account_may_have_several_links(app) {
        let [alex, sam, kim] = people(&app, ["Alex", "Sam", "Kim"]).await;
        app.link(&alex, &sam).await;
        app.pass_minutes(1).await;
        app.link(&alex, &kim).await;
        app.link(&sam, &kim).await;
        let partners: Vec<_> =
            links(&app, &alex).await.iter().map(|link| text(&link["partner"]["displayName"])).collect();
        assert_eq!(partners, ["Kim", "Sam"], "the newest first");
    }

    async fn of_two_who_accept_at_once_one_is_linked(app) {
        let [alex, sam, kim] = people(&app, ["Alex", "Sam", "Kim"]).await;
        let servers = TwoServers::start(&app);
        for round in 0..12 {
            let (code, link) = invite(&app, &alex).await;
            let code = json!({ "code": code });
            let answers =
                servers.at_once(&app, &[(&sam, ACCEPT, code.clone()), (&kim, ACCEPT, code)]).await;
            let (won, lost): (Vec<_>, Vec<_>) =
                answers.iter().map(|data| &data["acceptInvitation"]).partition(|it| it["status"] == "DONE");
            assert_eq!((won.len(), lost.len()), (1, 1), "round {round}: {answers:?}");
            assert_eq!(lost[0]["problems"], refused("EXPIRED"));
            let active = [count(&app, &alex, "ACTIVE").await, count(&app, &sam, "ACTIVE").await
                + count(&app, &kim, "ACTIVE").await];
            assert_eq!(active, [1, 1], "round {round}");
            end(&app, &alex, &link).await;
        }
        servers.stop().await;
    }

    async fn of_two_who_accept_each_others_codes_at_once_one_is_told_that_they_are_linked(app) {
        let [alex, sam] = people(&app, ["Alex", "Sam"]).await;
        let servers = TwoServers::start(&app);
        for round in 0..8 {
            let (of_alex, first) = invite(&app, &alex).await;
            let (of_sam, second) = invite(&app, &sam).await;
            let (of_alex, of_sam) = (json!({ "code": of_alex }), json!({ "code": of_sam }));
            let answers = servers.at_once(&app, &[(&sam, ACCEPT, of_alex), (&alex, ACCEPT, of_sam)]).await;
            let (won, lost): (Vec<_>, Vec<_>) =
                answers.iter().map(|data| &data["acceptInvitation"]).partition(|it| it["status"] == "DONE");
            assert_eq!((won.len(), lost.len()), (1, 1), "round {round}: {answers:?}");
            assert_eq!(lost[0]["problems"], refused("WRONG_STATE"));
            assert_eq!(count(&app, &alex, "ACTIVE").await, 1);
            for (person, link) in [(&alex, &first), (&sam, &second)] {
                end(&app, person, link).await;
            }
        }
        servers.stop().await;
    }

    async fn r12_ending_a_link_tells_the_other_nothing_and_stops_prompts_and_alerts(app) {
        let couple = app.couple().await;
        let Couple { alex, sam, link } = &couple;
        couple.agree(&app, Couple::usual_terms(), None).await;
        couple.allow_alert(&app, alex, true).await;
        couple.allow_alert(&app, sam, true).await;
        let scene = couple.scene(&app).await;
        let mails = (alex.mails(&app).len(), sam.mails(&app).len());

        assert_eq!(end(&app, sam, link).await["link"]["state"], "ENDED");
        assert_eq!(end(&app, sam, link).await["status"], "UNCHANGED");
        app.deliver().await;
        assert_eq!((alex.pushes(&app).len(), sam.pushes(&app).len()), (0, 0), "an end is not announced");
        assert_eq!((alex.mails(&app).len(), sam.mails(&app).len()), mails);
        assert_eq!(links(&app, alex).await[0]["state"], "ENDED", "but it shows to whoever looks");

        app.pass_minutes(4 * 24 * 60).await;
        for person in [alex, sam] {
            let mut asked = std::collections::BTreeSet::new();
            for push in person.pushes(&app) {
                for reason in person.reasons_of(&app, &push).await {
                    let kind = text(&reason["kind"]);
                    assert!(["ASK", "ASK_AGAIN"].contains(&kind.as_str()), "{}: {kind}", person.name);
                    asked.insert(text(&reason["checkIn"]["id"]));
                }
            }
            let own = couple.check_ins(&app, person, &scene).await;
            assert_eq!(own.len(), 3, "each one's own check-ins stay");
            let own: std::collections::BTreeSet<_> = own.iter().map(|c| text(&c["id"])).collect();
            assert_eq!(asked, own, "and {} is still asked", person.name);
        }
    }

    async fn r12_after_the_end_nothing_shared_is_shown_and_own_answers_still_count(app) {
        let couple = app.couple().await;
        let Couple { alex, sam, link } = &couple;
        let scene = couple.scene(&app).await;
        app.pass_minutes(60).await;
        let check_in = couple.check_ins(&app, sam, &scene).await[0]["id"].clone();
        let answer = "mutation($id: ID!) { answerCheckIn(input: { checkInId: $id, mood: 4, sharing: ALL }) {
            status problems { field code } } }";
        sam.ask(&app, answer, json!({ "id": check_in })).await;
        app.pass_minutes(2).await;
        assert_eq!(couple.partners_view(&app, alex, &scene).await[0]["shared"]["mood"], 4);

        end(&app, alex, link).await;
        assert_eq!(couple.partners_view(&app, alex, &scene).await, json!([]));
        let own = couple.check_ins(&app, sam, &scene).await;
        assert_eq!(own[0]["answer"]["mood"], 4, "one's own words stay");
        let again = sam.ask(&app, answer, json!({ "id": check_in })).await;
        assert_eq!(again["answerCheckIn"]["status"], "DONE", "and one may still answer");
        app.pass_minutes(2).await;
        assert_eq!(couple.partners_view(&app, alex, &scene).await, json!([]));
    }

    async fn r12_a_prompt_that_is_waiting_for_morning_is_cancelled(app) {
        let couple = app.couple().await;
        couple.scene(&app).await;
        // 24 h later it is 19:00 in Berlin; Sam's prompt about Alex waits, and so does the next one about Sam.
        app.pass_minutes(90).await;
        let before = (couple.alex.pushes(&app).len(), couple.sam.pushes(&app).len());
        assert_eq!(before, (1, 1), "asked, and reminded to reach out");
        end(&app, &couple.alex, &couple.link).await;
        app.pass_minutes(24 * 60).await;
        for person in [&couple.alex, &couple.sam] {
            for push in person.pushes(&app).iter().skip(1) {
                for reason in person.reasons_of(&app, push).await {
                    assert_ne!(reason["kind"], "REACH_OUT", "{}", person.name);
                    assert_ne!(reason["checkIn"], Value::Null, "{}", person.name);
                }
            }
        }
    }
}

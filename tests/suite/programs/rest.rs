//! What programs send to the pages' addresses, and the OpenAPI document that describes it.
use crate::support::care::HOUR;
use crate::support::people::{PASSWORD, link_in};
use crate::support::{Backend, Couple, TestApp, run};
use reqwest::Method;
use serde_json::{Value, json};

const PROBLEM: &str = "application/problem+json";

/// A couple in which a push has just asked Sam, and where that push leads.
async fn asked(app: &TestApp) -> (Couple, String, String) {
    let couple = app.couple().await;
    let scene = couple.scene(app).await;
    app.pass_minutes(HOUR).await;
    let leads_to = links(app, &couple).into_iter().next();
    (couple, scene, leads_to.expect("a push that asks"))
}

/// Where the pushes that ask Sam lead, in order.
fn links(app: &TestApp, couple: &Couple) -> Vec<String> {
    let link = |payload: &[u8]| {
        let payload: Value = serde_json::from_slice(payload).unwrap();
        Some(payload["notification"]["navigate"].as_str()?.to_owned()).filter(|link| link.contains("/c/"))
    };
    couple.sam.pushes(app).iter().filter_map(|push| link(&push.payload)).collect()
}

/// Status, content type, JSON (or the text).
async fn send(request: reqwest::RequestBuilder) -> (u16, String, Value) {
    let answer = request.send().await.unwrap();
    let media = answer.headers().get("content-type").map(|media| media.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, media.unwrap_or_default(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// What a service worker sends: no header but the content type.
async fn post(app: &TestApp, url: &str, body: &Value) -> (u16, String, Value) {
    send(app.http.post(url).header("Content-Type", "application/json").body(body.to_string())).await
}

async fn mine(app: &TestApp, couple: &Couple, scene: &str) -> Value {
    couple.check_ins(app, &couple.sam, scene).await.remove(0)
}

on_both_databases! {
    async fn r30_a_notifications_action_answers_with_nobody_signed_in(app) {
        let (couple, scene, link) = asked(&app).await;
        for (body, status, kind, field) in [
            (json!({}), 422, "refused", "mood"),
            (json!({ "mood": 6 }), 422, "refused", "mood"),
            (json!({ "mood": 4, "skip": true }), 422, "refused", "mood"),
            (json!({ "minutes": 5 }), 422, "refused", "minutes"),
            (json!({ "mood": 4, "attempt": "short" }), 422, "refused", "attempt"),
            (json!({ "mood": 4, "signs": [{ "sign": "SAD", "degree": "A_LOT" }, { "sign": "SAD", "degree": "NONE" }] }), 422, "refused", "signs"),
            (json!({ "mood": 4, "note": "x".repeat(5000) }), 422, "refused", "note"),
            (json!({ "mood": "4" }), 400, "malformed", ""),
            (json!({ "mood": 4, "sharing": "some" }), 400, "malformed", ""),
            (json!({ "mood": 4, "sing": [] }), 400, "malformed", ""),
            (json!([4]), 400, "malformed", ""),
        ] {
            let (got, media, problem) = post(&app, &link, &body).await;
            assert_eq!((got, media.as_str()), (status, PROBLEM), "{body}");
            assert_eq!(problem["type"], format!("urn:evenkeel:problem:{kind}"));
            assert_eq!(problem["status"], status);
            assert_eq!(problem["problems"][0]["field"].as_str().unwrap_or_default(), field, "{body}: {problem}");
        }
        assert_eq!(mine(&app, &couple, &scene).await["state"], "UNANSWERED");

        let later = post(&app, &link, &json!({ "minutes": 30 })).await;
        assert_eq!((later.0, later.2), (200, json!({ "state": "OPEN" })));
        // Putting off uses the link up, so that nobody asks by it again and again; the next reminder has another.
        for minutes in [30, 10] {
            assert_eq!(post(&app, &link, &json!({ "minutes": minutes })).await.0, 404);
        }
        app.pass_minutes(30).await;
        let link = links(&app, &couple).pop().unwrap();
        let answer = json!({ "mood": 4, "signs": [{ "sign": "TIRED", "degree": "A_LITTLE" }], "need": "tea", "note": "", "sharing": "MOOD",
            "attempt": "made-for-this-reply" });
        let done = post(&app, &link, &answer).await;
        assert_eq!((done.0, done.1.as_str(), done.2), (200, "application/json", json!({ "state": "SETTLED" })));
        let answered = mine(&app, &couple, &scene).await;
        assert_eq!((&answered["state"], &answered["answer"]["mood"], &answered["answer"]["sharing"]), (&json!("ANSWERED"), &json!(4), &json!("MOOD")));
        // The token works once: what is settled stays, and only who settled it hears so.
        assert_eq!(post(&app, &link, &answer).await.2, json!({ "state": "SETTLED" }));
        let gone = post(&app, &format!("{}/c/none", app.url), &json!({ "mood": 1 })).await;
        for other in [json!({ "mood": 1, "sharing": "ALL" }), json!({ "mood": 4, "attempt": "another-secret-text" }), json!({ "minutes": 30 })] {
            assert_eq!(post(&app, &link, &other).await, gone);
        }
        assert_eq!(mine(&app, &couple, &scene).await, answered);
    }

    async fn r29_what_a_program_is_told_of_a_link_that_does_not_work_is_the_same_for_all(app) {
        let (_, _, link) = asked(&app).await;
        let longer = link.replacen("/c/", "/c/x", 1);
        let mut told = Vec::new();
        for url in [format!("{}/c/none", app.url), longer] {
            told.push(post(&app, &url, &json!({ "mood": 4 })).await);
        }
        for page in ["unsubscribe", "preferences", "export"] {
            told.push(post(&app, &format!("{}/{page}/none", app.url), &json!({})).await);
        }
        let gone = json!({ "type": "urn:evenkeel:problem:gone", "title": "This link does not work", "status": 404, "problems": [] });
        assert!(told.iter().all(|told| *told == (404, PROBLEM.to_owned(), gone.clone())), "{told:?}");
    }

    async fn the_other_pages_take_json_and_tell_problems(app) {
        let sign_up = json!({ "i": { "email": "kim@people.test", "displayName": "Kim",
            "zone": "UTC", "consents": crate::support::people::consents() } });
        app.anonymous("mutation($i: SignUpInput!) { signUp(input: $i) { status } }", sign_up).await;
        app.deliver().await;
        let verify = link_in(&app.mail.inbox("kim@people.test").pop().unwrap());
        let (status, _, problem) = post(&app, &verify, &json!({ "password": "short" })).await;
        assert_eq!((status, &problem["problems"][0]["field"]), (422, &json!("password")));
        let chosen = json!({ "password": PASSWORD });
        let done = (200, "application/json".to_owned(), json!({ "status": "DONE" }));
        assert_eq!(post(&app, &verify, &chosen).await, done);
        let (status, media, problem) = post(&app, &verify, &chosen).await;
        assert_eq!((status, media.as_str(), &problem["problems"][0]["code"]), (422, PROBLEM, &json!("EXPIRED")));
        app.anonymous("mutation { requestPasswordReset(input: { email: \"kim@people.test\" }) { status } }", json!({})).await;
        app.deliver().await;
        let reset = link_in(&app.mail.inbox("kim@people.test").pop().unwrap());
        let (status, _, problem) = post(&app, &reset, &json!({ "password": "short" })).await;
        assert_eq!((status, &problem["problems"][0]["code"]), (422, &json!("TOO_SHORT")));
        assert_eq!(post(&app, &reset, &json!({ "passwort": "x" })).await.0, 400);
        let new = "seven quiet lamps in a row";
        let left = json!({ "status": "DONE", "passkeys": 0, "authenticator": false });
        assert_eq!(post(&app, &reset, &json!({ "password": new })).await.2, left);
        app.log_in("kim@people.test", new).await;
    }

    async fn a_browser_gets_pages_and_a_mail_program_too(app) {
        let (_, _, link) = asked(&app).await;
        let verify = format!("{}/verify/none", app.url);
        let stop = format!("{}/unsubscribe/none", app.url);
        let form = |url: &str| app.http.post(url).header("Content-Type", "application/x-www-form-urlencoded").body("x=1");
        let browsers = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for request in [
            app.http.get(&link),
            app.http.get(&link).header("Accept", browsers),
            app.http.post(&verify).header("Accept", browsers),
            form(&verify).header("Accept", browsers),
            form(&stop),
            form(&stop).header("Accept", "*/*"),
            app.http.post(&stop).header("Accept", "text/html, application/json"),
            app.http.post(&stop).header("Accept", "text/*"),
        ] {
            assert_eq!(send(request).await.1, "text/html; charset=utf-8");
        }
        for request in [
            app.http.post(&verify),
            app.http.post(&stop).header("Accept", "*/*"),
            form(&stop).header("Accept", PROBLEM),
            form(&stop).header("Accept", "application/json, text/html;q=0.5"),
        ] {
            assert_eq!(send(request).await.1, PROBLEM);
        }
    }
}

#[test]
fn every_address_that_changes_something_is_described_with_its_problems() {
    run(Backend::Sqlite, |app| async move {
        let (status, media, document) = send(app.http.get(format!("{}/openapi.json", app.url))).await;
        assert_eq!((status, media.as_str()), (200, "application/json"));
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
        let code = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/mod.rs")).unwrap();
        let mut described = 0;
        for resource in code.split("actix::resource(\"").skip(1) {
            let (path, methods) = resource.split_once('"').unwrap();
            let methods = methods.split(".service(").next().unwrap();
            if path == "/graphql" || !methods.contains("actix::post()") {
                continue;
            }
            let post = &document["paths"][path]["post"];
            assert!(
                post["description"].is_string() || post["summary"].is_string(),
                "{path} is not described"
            );
            for status in ["200", "404", "422", "500"] {
                assert!(post["responses"][status].is_object(), "{path} {status}");
            }
            assert_eq!(
                post["responses"]["422"]["content"][PROBLEM]["schema"]["$ref"],
                "#/components/schemas/ProblemDetails"
            );
            described += 1;
        }
        assert!(described >= 7, "{described}");
        for path in ["/healthz", "/readyz", "/.well-known/jwks.json", "/openapi.json"] {
            assert!(document["paths"][path]["get"].is_object(), "{path}");
        }
        // Everything that is described exists.
        for (path, methods) in document["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                let method: Method = method.to_uppercase().parse().unwrap();
                let url = format!("{}{}", app.url, path.replace("{token}", "none"));
                let request = app.http.request(method.clone(), url).header("Accept", "application/json");
                let (status, media, _) = send(request).await;
                assert!(status != 405 && media.contains("json"), "{method} {path}: {status} {media}");
            }
        }
    });
}

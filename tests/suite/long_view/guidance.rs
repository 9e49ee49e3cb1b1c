//! Guidance, the same for everybody, with the help lines that the operator set.
use crate::support::people::text;
use evenkeel::app::App;
use evenkeel::domain::help_line::{HelpLine, Written};
use serde_json::{Value, json};
use std::net::TcpListener;

const GUIDANCE: &str = "query($role: Role, $country: String) { guidance {
    topics(role: $role) { key title paragraphs roles }
    helpLines(country: $country) { sentence lines { country name phone url hours } } } }";

fn keys(topics: &Value) -> Vec<String> {
    topics.as_array().unwrap().iter().map(|topic| text(&topic["key"])).collect()
}

on_both_databases! {
    async fn guidance_is_there_for_everybody_and_speaks_to_each_role(app) {
        let all = app.anonymous(GUIDANCE, json!({})).await["guidance"].clone();
        let topics = keys(&all["topics"]);
        assert_eq!((topics.len(), topics[0].as_str(), topics[9].as_str()),
            (10, "WHAT_DROP_IS", "WHEN_IT_DOES_NOT_PASS"));
        for (role, kept, left) in
            [("DOMINANT", "IF_YOU_LED", "IF_YOU_FOLLOWED"), ("SUBMISSIVE", "IF_YOU_FOLLOWED", "IF_YOU_LED")]
        {
            let of_role = app.anonymous(GUIDANCE, json!({ "role": role })).await["guidance"]["topics"].clone();
            let rest: Vec<_> = topics.iter().filter(|id| *id != left).cloned().collect();
            assert_eq!(keys(&of_role), rest);
            let own = of_role.as_array().unwrap().iter().find(|topic| topic["key"] == kept).unwrap();
            assert_eq!(own["roles"], json!([role, "SWITCH"]));
            assert!(own["paragraphs"][2].as_str().unwrap().contains("I am low today, would you call me?"));
        }
        let both = app.anonymous(GUIDANCE, json!({ "role": "SWITCH" })).await["guidance"]["topics"].clone();
        assert_eq!(both, all["topics"]);
        let alex = app.person_without_device("Alex", "Europe/Berlin", ("22:00", "08:00")).await;
        assert_eq!(alex.ask(&app, GUIDANCE, json!({})).await["guidance"], all, "and signed in it is the same");
    }

    async fn help_lines_are_those_that_the_operator_set_and_none_by_default(app) {
        let none = app.anonymous(GUIDANCE, json!({})).await["guidance"]["helpLines"].clone();
        assert_eq!(none["lines"], json!([]));
        assert!(text(&none["sentence"]).contains("has set no help lines"));

        let line = |country: &str, name: &str, phone: Option<&str>, url: Option<&str>| {
            let (phone, url) = (phone.map(str::to_owned), url.map(str::to_owned));
            let hours = Some("day and night".to_owned());
            HelpLine::check(Written { country: country.into(), name: name.into(), phone, url, hours }).unwrap()
        };
        let mut config = app.config.clone();
        config.help_lines = vec![line("US", "One", Some("000"), None),
            line("DE", "Two", None, Some("https://help.example.org/"))];
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/graphql", listener.local_addr().unwrap());
        let other = App::build(&config, &app.keys, app.clock.clone(), crate::support::chance()).unwrap().server(listener, 1).unwrap();
        let handle = other.handle();
        actix_web::rt::spawn(other);
        let lines = async |country: Value| {
            let body = json!({ "query": GUIDANCE, "variables": { "country": country } }).to_string();
            let request = app.http.post(&url).header("Content-Type", "application/json").body(body);
            let answer: Value = serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
            match &answer["errors"][0]["extensions"]["code"] {
                Value::Null => answer["data"]["guidance"]["helpLines"].clone(),
                code => code.clone(),
            }
        };
        let two = json!({ "country": "DE", "name": "Two", "phone": null, "url": "https://help.example.org/",
            "hours": "day and night" });
        let all = lines(Value::Null).await;
        assert_eq!((&all["lines"][0], &all["lines"][1]["phone"]), (&two, &json!("000")));
        assert!(text(&all["sentence"]).contains("can change"));
        assert_eq!(lines(json!("de")).await["lines"], json!([two]));
        let elsewhere = lines(json!("FR")).await;
        assert_eq!((&elsewhere["lines"], &elsewhere["sentence"]), (&json!([]), &none["sentence"]));
        for wrong in ["Germany", "", "XX", "UK"] {
            assert_eq!(lines(json!(wrong)).await, "BAD_ARGUMENT", "{wrong}");
        }
        handle.stop(true).await;
    }
}

//! The files for monitoring: they are well-formed, and the service serves every metric that they name.

use crate::support::Backend;
use crate::support::watching::{get, watch};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const ALERTS: &str = include_str!("../../ops/alerts.yml");
const DASHBOARD: &str = include_str!("../../ops/dashboard.json");
const IMAGE: &str = include_str!("../../Dockerfile");
const CONTAINERS: &str = include_str!("../../docker-compose.yml");

/// The names of metrics in an expression or a text.
fn metrics(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("evenkeel_"))
        .collect()
}

/// One rule: its fields, with those of `annotations` and `labels`.
type Rule = BTreeMap<String, String>;

/// The rules of a file in our narrow form. Every line must be understood: a comment, the head, or one field of a rule
/// at its depth, whose value is a word, a quoted text or an expression.
fn rules(text: &str) -> Vec<Rule> {
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let lines = lines.skip_while(|line| !line.starts_with("      "));
    let mut rules: Vec<Rule> = Vec::new();
    let mut section = String::new();
    for line in lines {
        let depth = line.len() - line.trim_start().len();
        let (name, value) = match line.trim_start().strip_prefix("- ") {
            Some(rest) => {
                assert_eq!(depth, 6, "{line}");
                rules.push(Rule::new());
                rest
            }
            None => line.trim_start(),
        }
        .split_once(':')
        .unwrap_or_else(|| panic!("not a field: {line}"));
        let value = value.trim();
        let name = match depth {
            6 | 8 if value.is_empty() => {
                section = name.to_owned();
                continue;
            }
            6 | 8 => name.to_owned(),
            10 => format!("{section}.{name}"),
            _ => panic!("a depth that no rule has: {line}"),
        };
        let value = match value.strip_prefix('"') {
            Some(quoted) => quoted.strip_suffix('"').filter(|inner| !inner.contains('"')).expect(line),
            // Plain scalars of YAML end at these.
            None => {
                assert!(
                    !value.contains(": ")
                        && !value.contains(" #")
                        && !value.starts_with(['{', '[', '*', '&'])
                );
                value
            }
        };
        let twice = rules.last_mut().expect(line).insert(name, value.to_owned());
        assert_eq!(twice, None, "{line}");
    }
    rules
}

/// Whether the brackets and quotes of an expression are closed in order.
fn is_balanced(expression: &str) -> bool {
    let mut open = Vec::new();
    for c in expression.chars() {
        match (c, open.last()) {
            ('"', Some('"')) => drop(open.pop()),
            (_, Some('"')) => {}
            ('"' | '(' | '[' | '{', _) => open.push(c),
            (')', Some('(')) | (']', Some('[')) | ('}', Some('{')) => drop(open.pop()),
            (')' | ']' | '}', _) => return false,
            _ => {}
        }
    }
    open.is_empty()
}

#[test]
fn each_alert_says_what_is_wrong_and_what_to_do() {
    let rules = rules(ALERTS);
    assert_eq!(rules.len(), ALERTS.matches("alert:").count());
    let names: BTreeSet<_> = rules.iter().map(|rule| &rule["alert"]).collect();
    assert_eq!(names.len(), rules.len(), "no two have one name");
    for rule in &rules {
        for field in ["alert", "expr", "labels.severity", "annotations.summary", "annotations.description"] {
            assert!(rule.get(field).is_some_and(|value| !value.is_empty()), "{field} of {rule:?}");
        }
        assert!(is_balanced(&rule["expr"]) && !metrics(&rule["expr"]).is_empty(), "{rule:?}");
        assert!(["page", "ticket"].contains(&rule["labels.severity"].as_str()), "{rule:?}");
    }
}

#[test]
fn the_dashboard_is_whole() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    for panel in panels {
        assert!(!panel["title"].as_str().unwrap().is_empty());
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{panel}");
        for target in targets {
            let expression = target["expr"].as_str().unwrap();
            assert!(is_balanced(expression) && !metrics(expression).is_empty(), "{expression}");
        }
    }
}

#[test]
fn every_metric_that_is_named_is_served_and_every_one_served_is_shown() {
    crate::support::run(Backend::Sqlite, |app| async move {
        let (_, _, text) = get(&app, &format!("{}/metrics", watch(&app.app))).await;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let served: BTreeSet<_> = lines.filter_map(|line| line.split(['{', ' ']).next()).collect();
        let expressions: Vec<_> = rules(ALERTS).into_iter().map(|rule| rule["expr"].clone()).collect();
        let alerts = expressions.join("\n");
        for name in metrics(&alerts).union(&metrics(DASHBOARD)) {
            assert!(served.contains(name), "{name} is not in\n{text}");
        }
        let shown = metrics(DASHBOARD);
        for name in served.iter().filter(|name| !name.ends_with("_sum") && !name.ends_with("_count")) {
            assert!(shown.contains(name), "{name} is on no panel");
        }
    });
}

#[test]
fn every_container_runs_as_nobody_and_can_change_nothing_but_its_data() {
    let (_, last_stage) = IMAGE.rsplit_once("\nFROM ").unwrap();
    assert!(last_stage.contains("\nUSER 10001:10001\n") && last_stage.matches("\nUSER ").count() == 1);
    let (anchor, rest) = CONTAINERS.split_once("\nservices:\n").unwrap();
    for line in ["read_only: true", "cap_drop: [ALL]", "security_opt: [\"no-new-privileges:true\"]"] {
        assert!(anchor.contains(&format!("\n  {line}\n")), "{line}");
    }
    let (services, _) = rest.split_once("\nnetworks:\n").unwrap();
    let mut names = Vec::new();
    for service in services.split("\n\n") {
        let name = service.lines().next().unwrap();
        for line in ["<<: *hardened", "user: \"", "tmpfs:", "healthcheck:"] {
            assert!(service.contains(&format!("\n    {line}")), "{name} has no {line}");
        }
        for loose in ["privileged: true", "cap_add", "network_mode", "user: \"0", "/var/run/docker.sock"] {
            assert!(!service.contains(loose), "{name} has {loose}");
        }
        assert!(
            !service.contains("ports:") || service.contains("ports: [\"127.0.0.1:"),
            "{name} is on loopback only"
        );
        names.push(name.trim().trim_end_matches(':'));
    }
    assert_eq!(names, ["evenkeel", "postgres", "mailpit"]);
}

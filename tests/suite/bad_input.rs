//! Bad input: every mutation of the schema refuses what it must not accept, and changes nothing.

pub mod table;
pub mod world;

use crate::support::TestApp;
use crate::support::leaves::{Inputs, Leaf, with};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use table::{Row, rows};
use world::World;

/// Mutations that need no sign-in.
const OPEN_TO_ALL: [&str; 10] = [
    "beginPasskeyLogIn",
    "completeLogIn",
    "confirmEmail",
    "confirmEmailChange",
    "finishPasskeyLogIn",
    "logIn",
    "refreshSession",
    "requestPasswordReset",
    "resetPassword",
    "signUp",
];

/// The expected result of a bad input.
#[derive(Debug, PartialEq)]
enum Expected {
    /// An error with this `extensions.code`.
    Error(&'static str),
    /// A refusal with exactly this problem.
    Problem(String, &'static str),
    /// A refusal with one problem of this field, whatever its code.
    ProblemOf(String),
    /// Nothing is done, because the state is that already.
    Unchanged,
}

struct Case {
    what: String,
    input: Value,
    expected: Expected,
}

async fn send(app: &TestApp, token: Option<&str>, name: &str, input: &Value) -> Value {
    let query = if input.is_null() {
        format!("mutation {{ {name} {{ status problems {{ field code sentence }} }} }}")
    } else {
        let ty = format!("{}{}Input!", name[..1].to_uppercase(), &name[1..]);
        format!(
            "mutation($input: {ty}) {{ {name}(input: $input) {{ status problems {{ field code sentence }} }} }}"
        )
    };
    app.raw(token, &query, json!({ "input": input })).await
}

/// Whether an answer is the expected one.
fn fits(answer: &Value, name: &str, expected: &Expected) -> bool {
    let payload = &answer["data"][name];
    let problems = payload["problems"].as_array().map(Vec::as_slice).unwrap_or_default();
    match (expected, problems) {
        (Expected::Error(code), _) => answer["errors"][0]["extensions"]["code"] == *code && payload.is_null(),
        (Expected::Problem(field, code), [problem]) => {
            payload["status"] == "REFUSED" && problem["field"] == *field && problem["code"] == *code
        }
        (Expected::ProblemOf(field), [problem]) => {
            payload["status"] == "REFUSED" && problem["field"] == *field
        }
        (Expected::Unchanged, []) => payload["status"] == "UNCHANGED",
        _ => false,
    }
}

/// Bad values for every field of a kind, whatever the mutation.
fn generic(world: &World, row: &Row, leaf: &Leaf) -> Vec<Case> {
    let mut cases = Vec::new();
    // Beside the field that is given, another one is one too many, whatever it says.
    if leaf.alternative && row.good.pointer(&format!("/{}", leaf.path.replace('.', "/"))).is_none() {
        return cases;
    }
    let mut case = |path: &str, value: Option<Value>, expected: Expected| {
        let short: String = json!(value).to_string().chars().take(60).collect();
        let input = with(&row.good, path, value);
        cases.push(Case { what: format!("{path} = {short}"), input, expected });
    };
    let bad = || Expected::Error("BAD_ARGUMENT");
    if leaf.required {
        case(&leaf.path, None, bad());
    }
    if leaf.non_null {
        case(&leaf.path, Some(Value::Null), bad());
    }
    let wrong_kind = match (leaf.kind.as_str(), leaf.named.as_str()) {
        ("ENUM", _) => vec![json!("NO_SUCH_VALUE"), json!(1), json!({})],
        ("INPUT_OBJECT", _) => vec![json!("text"), json!(1), json!({ "noSuchField": 1 })],
        (_, "Int") => vec![json!("1"), json!(1.5), json!(2_147_483_648_i64), json!(true), json!({})],
        (_, "Boolean") => vec![json!("true"), json!(0), json!({})],
        (_, "ID") => vec![json!(true), json!({}), json!(1.5)],
        (_, "DateTime") => ["yesterday", "2026-10-24", "2026-13-01T00:00:00Z", "1969-12-31T23:59:59Z", ""]
            .map(|text| json!(text))
            .into_iter()
            .chain([json!("2300-01-01T00:00:00Z"), json!("+999999-01-01T00:00:00Z"), json!(5), json!({})])
            .collect(),
        (_, "String" | "TimeZone" | "LocalTime") => vec![json!(5), json!(true), json!({})],
        (_, other) => panic!("what is bad for a {other}? Add it here."),
    };
    for value in wrong_kind {
        let value = if leaf.list { json!([value]) } else { value };
        case(&leaf.path, Some(value), bad());
    }
    // One of several ways to name something may be left out.
    if let ("ID", Some(own)) = (leaf.named.as_str(), row.good[&leaf.path].as_str()) {
        let (noun, rest) = own.split_once('_').unwrap();
        let unknown = format!("{noun}_{}", "0".repeat(32));
        let wrong =
            ["", "x", "\u{0}", &format!("Account_{rest}"), &own.to_uppercase(), &format!("{own}0"), rest];
        for value in wrong {
            case(&leaf.path, Some(json!(value)), Expected::Problem(leaf.path.clone(), "NOT_FOUND"));
        }
        // A basis that is not the newest Revision is old or missing: the answer does not tell which.
        let code = if leaf.path == "basedOn" { "CHANGED" } else { "NOT_FOUND" };
        for value in [vec![json!(unknown)], world.of_others(&leaf.path)].concat() {
            case(&leaf.path, Some(value), Expected::Problem(leaf.path.clone(), code));
        }
    }
    if matches!(leaf.named.as_str(), "String" | "TimeZone" | "LocalTime") {
        let path = leaf.text_path();
        match leaf.limit() {
            Some(limit) => {
                case(&path, Some(json!("é".repeat(limit + 1))), Expected::Problem(path.clone(), "TOO_LONG"));
                for text in ["a\u{0}b", "a\u{1b}[31mb", "a\u{7f}b", "a\u{85}b"] {
                    case(&path, Some(json!(text)), Expected::Problem(path.clone(), "MALFORMED"));
                }
            }
            None => {
                assert!(table::NO_FREE_TEXT.contains(&leaf.path.as_str()), "{} states no limit", leaf.path);
                for text in ["", "\u{0}", &"é".repeat(10_000)] {
                    case(&path, Some(json!(text)), Expected::ProblemOf(path.clone()));
                }
            }
        }
    }
    if let Some(entries) = leaf.entries() {
        let many = json!(vec!["x"; entries + 1]);
        case(&leaf.path, Some(many), Expected::Problem(leaf.path.clone(), "TOO_LONG"));
    }
    cases
}

fn cases(inputs: &Inputs, world: &World, row: &Row, input: Option<&str>) -> Vec<Case> {
    let Some(input) = input else { return Vec::new() };
    let mut cases = vec![
        Case {
            what: "an unknown field".into(),
            input: with(&row.good, "x", Some(json!(1))),
            expected: Expected::Error("BAD_ARGUMENT"),
        },
        Case { what: "no object".into(), input: json!("text"), expected: Expected::Error("BAD_ARGUMENT") },
        Case {
            what: "a list".into(),
            input: json!([row.good, row.good]),
            expected: Expected::Error("BAD_ARGUMENT"),
        },
    ];
    for leaf in inputs.leaves(input) {
        cases.extend(generic(world, row, &leaf));
    }
    for (path, value, field, code) in &row.bad {
        let expected = match *code {
            "UNCHANGED" => Expected::Unchanged,
            code => Expected::Problem((*field).to_owned(), code),
        };
        let input = with(&row.good, path, Some(value.clone()));
        cases.push(Case { what: format!("{path} = {value}"), input, expected });
    }
    cases
}

/// The good input with every text at its limit, in characters of two bytes.
fn at_its_limits(inputs: &Inputs, row: &Row, input: Option<&str>) -> Value {
    let mut good = row.good.clone();
    for leaf in input.map(|input| inputs.leaves(input)).unwrap_or_default() {
        let Some(limit) = leaf.limit() else { continue };
        let value = match (leaf.path.as_str(), leaf.entries()) {
            ("endpoint", _) => {
                let endpoint = good["endpoint"].as_str().unwrap();
                json!(format!("{endpoint}{}", "a".repeat(limit - endpoint.len())))
            }
            (_, Some(entries)) => json!(vec!["é".repeat(limit); entries]),
            (_, None) => json!("é".repeat(limit)),
        };
        good = with(&good, &leaf.path, Some(value));
    }
    good
}

on_both_databases! {
    async fn every_mutation_refuses_bad_input_and_changes_nothing(app) {
        let inputs = Inputs::read(&app).await;
        let world = World::build(&app).await;
        let rows = rows(&app, &world);
        let known: BTreeSet<_> = rows.iter().map(|row| row.mutation).collect();
        let schema: BTreeSet<_> = inputs.mutations.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(known, schema, "every mutation has its row in the table");

        let mut wrong = Vec::new();
        let mut before = world.dump(&app).await;
        // A session changes things so often and no more: now and then Alex goes on in another one.
        let (mut access, mut sent) = (world.alex.access(), 0);
        for (name, input) in &inputs.mutations {
            if sent > 150 {
                access = app.log_in(&world.alex.email, crate::support::people::PASSWORD).await.0;
                (before, sent) = (world.dump(&app).await, 0);
            }
            let row = rows.iter().find(|row| row.mutation == name).unwrap();
            for Case { what, input, expected } in cases(&inputs, &world, row, input.as_deref()) {
                let answer = send(&app, Some(&access), name, &input).await;
                sent += 1;
                if !fits(&answer, name, &expected) {
                    wrong.push(format!("{name}: {what}\n  expected {expected:?}\n  got {answer}"));
                }
            }
            if !OPEN_TO_ALL.contains(&name.as_str()) {
                for token in [None, Some("nonsense"), Some(world.refresh_token.as_str())] {
                    let answer = send(&app, token, name, &row.good).await;
                    if !fits(&answer, name, &Expected::Error("UNAUTHENTICATED")) {
                        wrong.push(format!("{name}: with {token:?}\n  got {answer}"));
                    }
                }
            }
            let after = world.dump(&app).await;
            for (view, seen) in before.as_object().unwrap() {
                if seen != &after[view] {
                    wrong.push(format!("{name} changed what {view} shows\n  from {seen}\n  to {}", after[view]));
                }
            }
            before = after;
        }
        assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));

        // The same inputs without the fault are accepted, with every text at its limit.
        for row in &rows {
            let input = inputs.mutations.iter().find(|(name, _)| name == row.mutation).unwrap().1.as_deref();
            let good = at_its_limits(&inputs, row, input);
            let answer = send(&app, Some(&world.alex.access()), row.mutation, &good).await;
            let payload = &answer["data"][row.mutation];
            assert_eq!(payload["status"], "DONE", "{}: {answer}", row.mutation);
        }
        assert_ne!(world.jos_links(&app).await, before["Jo 1"], "what was compared does show changes");
    }
}

//! schema.graphql is what the code prints, and everything in it is described.

use async_graphql::Positioned;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{ObjectType, TypeKind, TypeSystemDefinition};

#[test]
fn schema_graphql_is_what_the_code_prints() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql");
    let committed = std::fs::read_to_string(file).unwrap();
    assert!(
        committed == evenkeel::graphql::print(),
        "schema.graphql is out of date: run `cargo run -- schema > schema.graphql` and look at what changed"
    );
}

#[test]
fn every_type_field_argument_and_value_has_a_description_of_whole_sentences_about_the_viewer() {
    let document = parse_schema(evenkeel::graphql::print()).unwrap();
    let mut bare = Vec::new();
    let mut seen = 0;
    let mut check = |description: &Option<Positioned<String>>, path: String| {
        seen += 1;
        let text = description.as_ref().map_or("", |text| text.node.as_str());
        // A reader of "one's own" must guess whose: it is the viewer's.
        let library = path.starts_with("PageInfo");
        let vague =
            ["one's own", "One's own", "oneself alone", "So long"].iter().any(|words| text.contains(words));
        if text.is_empty() || !library && (!text.ends_with('.') || vague) {
            bare.push(path);
        }
    };
    for definition in document.definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let (name, kind) = (definition.node.name.node.to_string(), definition.node.kind);
        check(&definition.node.description, name.clone());
        let fields = match kind {
            TypeKind::Object(object) => object.fields,
            TypeKind::Interface(interface) => interface.fields,
            TypeKind::InputObject(input) => {
                for field in input.fields {
                    check(&field.node.description, format!("{name}.{}", field.node.name.node));
                }
                continue;
            }
            TypeKind::Enum(values) => {
                for value in values.values {
                    check(&value.node.description, format!("{name}.{}", value.node.value.node));
                }
                continue;
            }
            TypeKind::Scalar | TypeKind::Union(_) => continue,
        };
        for field in fields {
            let path = format!("{name}.{}", field.node.name.node);
            check(&field.node.description, path.clone());
            for argument in field.node.arguments {
                check(&argument.node.description, format!("{path}({})", argument.node.name.node));
            }
        }
    }
    assert!(seen > 300, "only {seen} places were looked at");
    assert!(bare.is_empty(), "without a description that helps: {}", bare.join(", "));
}

#[test]
fn every_mutation_takes_one_input_and_tells_status_and_problems() {
    let document = parse_schema(evenkeel::graphql::print()).unwrap();
    let mut payloads = std::collections::BTreeMap::new();
    let mut mutations = Vec::new();
    for definition in document.definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let name = definition.node.name.node.to_string();
        if let TypeKind::Object(object) = definition.node.kind {
            let fields: Vec<_> = object.fields.iter().map(|field| field.node.name.node.to_string()).collect();
            if name == "Mutation" {
                mutations = object.fields;
            } else {
                payloads.insert(name, fields);
            }
        }
    }
    assert!(mutations.len() > 30);
    for mutation in mutations {
        let arguments: Vec<_> = mutation.node.arguments.iter().map(|a| a.node.name.node.as_str()).collect();
        assert!(arguments.is_empty() || arguments == ["input"], "{}", mutation.node.name.node);
        let payload = mutation.node.ty.node.to_string();
        let fields = &payloads[payload.trim_end_matches('!')];
        assert!(
            fields.contains(&"status".to_owned()) && fields.contains(&"problems".to_owned()),
            "{payload}"
        );
    }
}

/// What a payload may hold that no screen keeps: it is shown or used once.
const ONCE: [&str; 11] = [
    "begun",
    "code",
    "download",
    "guidance",
    "outcome",
    "pleaProblems",
    "problems",
    "recoveryCodes",
    "remaining",
    "setup",
    "tokens",
];

/// The mutations that change no more than the screens of the signed-in person themselves: `viewer` is what they changed.
const OF_VIEWER: [&str; 12] = [
    "beginPasskeyReauthentication",
    "beginPasskeyRegistration",
    "beginTotp",
    "cancelErasure",
    "confirmTotp",
    "createExportDownload",
    "declineInvitation",
    "finishPasskeyReauthentication",
    "reauthenticate",
    "removeTotp",
    "renewRecoveryCodes",
    "requestEmailChange",
];

/// The mutations of somebody who is not signed in, or whom the answer does not know: there is nothing that a screen shows.
const OF_NOBODY: [&str; 10] = [
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

fn objects() -> std::collections::BTreeMap<String, ObjectType> {
    let definitions = parse_schema(evenkeel::graphql::print()).unwrap().definitions.into_iter();
    let of_object = |definition| match definition {
        TypeSystemDefinition::Type(definition) => match definition.node.kind {
            TypeKind::Object(object) => Some((definition.node.name.node.to_string(), object)),
            _ => None,
        },
        _ => None,
    };
    definitions.filter_map(of_object).collect()
}

fn bare(kind: &impl ToString) -> String {
    kind.to_string().replace(['[', ']', '!'], "")
}

#[test]
fn every_payload_names_what_it_changed() {
    let objects = objects();
    let is_node = |kind: &str| {
        objects.get(kind).is_some_and(|object| object.implements.iter().any(|name| name.node == "Node"))
    };
    let shown_by_viewer: Vec<_> =
        objects["Viewer"].fields.iter().map(|field| bare(&field.node.ty.node)).collect();
    let (mut wrong, mut seen) = (Vec::new(), Vec::new());
    for mutation in &objects["Mutation"].fields {
        let name = mutation.node.name.node.as_str();
        let (mut names_something, mut viewer) = (false, false);
        for field in &objects[&bare(&mutation.node.ty.node)].fields {
            let (field, kind) = (field.node.name.node.as_str(), bare(&field.node.ty.node));
            match field {
                "status" => {}
                "viewer" => viewer = true,
                _ if ONCE.contains(&field) => seen.push(field.to_owned()),
                _ if is_node(&kind) || kind == "ID" || shown_by_viewer.contains(&kind) => {
                    names_something = true
                }
                _ => wrong.push(format!("{name}: a cache has no place for `{field}: {kind}`")),
            }
        }
        let of_nobody = OF_NOBODY.contains(&name);
        if viewer == of_nobody {
            wrong.push(format!("{name}: `viewer` is {}", if viewer { "there" } else { "missing" }));
        }
        if names_something == (of_nobody || OF_VIEWER.contains(&name)) {
            wrong.push(format!(
                "{name}: what it changed is {}",
                if names_something { "named" } else { "not named" }
            ));
        }
    }
    let unused = ONCE.iter().filter(|once| !seen.iter().any(|field| field == *once));
    wrong.extend(unused.map(|once| format!("no payload has `{once}`")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

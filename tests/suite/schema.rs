//! schema.graphql is what the code prints, and everything in it is described.

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};

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
fn every_type_field_argument_and_value_has_a_description() {
    let document = parse_schema(evenkeel::graphql::print()).unwrap();
    let mut bare = Vec::new();
    let mut seen = 0;
    let mut check = |described: bool, path: String| {
        seen += 1;
        if !described {
            bare.push(path);
        }
    };
    for definition in document.definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let (name, kind) = (definition.node.name.node.to_string(), definition.node.kind);
        check(definition.node.description.is_some(), name.clone());
        let fields = match kind {
            TypeKind::Object(object) => object.fields,
            TypeKind::Interface(interface) => interface.fields,
            TypeKind::InputObject(input) => {
                for field in input.fields {
                    check(field.node.description.is_some(), format!("{name}.{}", field.node.name.node));
                }
                continue;
            }
            TypeKind::Enum(values) => {
                for value in values.values {
                    check(value.node.description.is_some(), format!("{name}.{}", value.node.value.node));
                }
                continue;
            }
            TypeKind::Scalar | TypeKind::Union(_) => continue,
        };
        for field in fields {
            let path = format!("{name}.{}", field.node.name.node);
            check(field.node.description.is_some(), path.clone());
            for argument in field.node.arguments {
                check(argument.node.description.is_some(), format!("{path}({})", argument.node.name.node));
            }
        }
    }
    assert!(seen > 300, "only {seen} places were looked at");
    assert!(bare.is_empty(), "without a description: {}", bare.join(", "));
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

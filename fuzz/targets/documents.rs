//! Documents and variables (R34): what passes the limits is GraphQL within them, counted here in another way, and the
//! schema's validation of it ends. A slow input fails by libFuzzer's `-timeout`.
//!
//! An input is a document, a NUL byte, and variables as JSON.

#![no_main]

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextValidation};
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Request, ServerError, ValidationResult, Variables};
use evenkeel::graphql::documents::{Documents, Missing, Named};
use evenkeel::graphql::query_cost::{Document, Unreadable};
use evenkeel::graphql::{builder, limits};
use evenkeel_fuzz::texts;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::sync::{Arc, LazyLock};

/// Stops each request after validation: there is no database to execute it on.
struct ValidateOnly;

impl ExtensionFactory for ValidateOnly {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for ValidateOnly {
    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        next.run(ctx).await?;
        Err(vec![ServerError::new("valid", None)])
    }
}

static SCHEMAS: LazyLock<[evenkeel::graphql::Schema; 2]> = LazyLock::new(|| {
    [true, false].map(|introspection| builder(introspection).extension(ValidateOnly).finish())
});

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().build().unwrap());

/// What a document has when each spread is replaced by its fragment.
#[derive(Default)]
struct Counted {
    selections: usize,
    aliases: usize,
    directives: usize,
    depth: usize,
}

impl Counted {
    fn set(&mut self, document: &ExecutableDocument, set: &SelectionSet, depth: usize) {
        for selection in &set.items {
            self.selections += 1;
            assert!(self.selections <= limits::SELECTIONS, "more selections than the limit");
            match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    self.aliases += usize::from(field.alias.is_some());
                    self.directives += field.directives.len();
                    self.depth = self.depth.max(depth + 1);
                    self.set(document, &field.selection_set.node, depth + 1);
                }
                Selection::InlineFragment(fragment) => {
                    self.directives += fragment.node.directives.len();
                    self.set(document, &fragment.node.selection_set.node, depth);
                }
                Selection::FragmentSpread(spread) => {
                    self.directives += spread.node.directives.len();
                    if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                        self.set(document, &fragment.node.selection_set.node, depth);
                    }
                }
            }
        }
    }
}

fn check_document(document: &ExecutableDocument) {
    let mut counted = Counted::default();
    for (_, operation) in document.operations.iter() {
        counted.directives += operation.node.directives.len();
        counted.set(document, &operation.node.selection_set.node, 0);
    }
    assert!(counted.aliases <= limits::ALIASES && counted.directives <= limits::DIRECTIVES);
    assert!(counted.depth <= limits::DEPTH);
}

/// The values inside a value, the bytes of its texts and names, and how deep it goes.
fn measure(value: &Value) -> (usize, usize, usize) {
    let (mut values, mut bytes, mut deepest, mut waiting) = (0, 0, 0, vec![(value, 0)]);
    while let Some((value, depth)) = waiting.pop() {
        values += 1;
        match value {
            Value::String(text) => bytes += text.len(),
            Value::Array(entries) => {
                deepest = deepest.max(depth + 1);
                waiting.extend(entries.iter().map(|entry| (entry, depth + 1)));
            }
            Value::Object(fields) => {
                deepest = deepest.max(depth + 1);
                bytes += fields.keys().map(String::len).sum::<usize>();
                waiting.extend(fields.values().map(|entry| (entry, depth + 1)));
            }
            _ => {}
        }
    }
    (values, bytes, deepest)
}

fn check_variables(variables: &Value) {
    let (values, bytes, depth) = measure(variables);
    assert!(variables.as_object().map_or(0, serde_json::Map::len) <= limits::VARIABLES);
    assert!(values - 1 <= limits::VALUES && bytes <= limits::VALUE_BYTES);
    assert!(depth <= limits::VALUE_DEPTH + 1, "depth {depth}");
}

/// The cache gives the document that parsing gives, and nothing that parsing refuses.
fn check_cache(text: &str, taken: bool) {
    let documents = Documents::default();
    let find = |named| documents.find(named).map(|found| found.document);
    let first = find(Named { text: Some(text), id: None });
    assert_eq!(first.is_ok(), taken);
    let wrong = find(Named { text: Some(text), id: Some("sha256:0") });
    assert!(matches!(wrong, Err(Missing::Mismatch)));
    let (Ok(first), Ok(again)) = (first, find(Named { text: Some(text), id: None })) else { return };
    assert_eq!(Arc::ptr_eq(&first, &again), !text.contains('"'), "texts with strings are not kept");
}

fuzz_target!(|data: &[u8]| {
    let Some([text, variables]) = texts::<2>(data) else { return };
    let parsed = Document::parse(text);
    check_cache(text, parsed.is_ok());
    let document = match parsed {
        Ok(document) => document,
        Err(Unreadable::TooMuch(sentence)) => {
            assert!(sentence.ends_with('.') && sentence.len() < 120, "{sentence}");
            return;
        }
        Err(Unreadable::UnknownType) => return,
        Err(Unreadable::Syntax(_)) => {
            assert!(parse_query(text).is_err());
            return;
        }
    };
    assert!(text.len() <= limits::DOCUMENT && parse_query(text).is_ok());
    let variables = serde_json::from_str(variables).ok().filter(Value::is_object).unwrap_or_default();
    if document.fits(&variables).is_err() {
        return;
    }
    check_document(document.parsed());
    check_variables(&variables);
    for schema in SCHEMAS.iter() {
        let mut request = Request::new(String::new());
        request.set_parsed_query(document.parsed().clone());
        request.variables = Variables::from_json(variables.clone());
        let response = RUNTIME.block_on(schema.execute(request));
        assert!(response.is_err(), "nothing is executed");
    }
});

//! Parses and measures a request before it is executed (R34): its text, its document, its variables.
//!
//! The library's own limits walk a fragment at each spread, so twenty fragments that each spread the next one ten times
//! keep it busy for ever. Here each fragment is measured once. The cost of a document is the number of fields in its
//! response: a field inside a connection counts `first` or `last` times, and inside any other list of objects
//! [`limits::LIST`] times. The weights come from the schema, so a new field has its weight at once.

use crate::graphql::limits;
use async_graphql::parser::types::{
    BaseType, ExecutableDocument, Field, FragmentDefinition, OperationType, Selection, SelectionSet, Type,
    TypeKind, TypeSystemDefinition,
};
use async_graphql::parser::{parse_query, parse_schema};
use async_graphql::{Name, Value};
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// Why a request is not executed.
#[derive(Debug)]
pub enum Unreadable {
    /// It exceeds a limit, which the sentence names.
    TooMuch(String),
    /// It is not GraphQL, with the lines and columns of the error. The parser's message is not kept: it quotes the
    /// text, which may hold a password.
    Syntax(Vec<(usize, usize)>),
    /// A variable has a type that is not in the schema.
    UnknownType,
}

fn within(count: usize, limit: usize, what: &str) -> Result<(), Unreadable> {
    if count <= limit { Ok(()) } else { Err(Unreadable::TooMuch(format!("{what}: at most {limit}."))) }
}

/// A parsed document, already measured unless its cost depends on variables.
#[derive(Debug)]
pub struct Document {
    parsed: ExecutableDocument,
    /// Whether a variable sets the length of a list.
    varies: bool,
}

impl Document {
    /// Parses a document, if it is within all limits.
    ///
    /// # Errors
    /// The first limit that the document exceeds, or where it is not GraphQL.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        measure_text(text)?;
        let parsed = parse_query(text).map_err(|error| {
            Unreadable::Syntax(error.positions().map(|at| (at.line, at.column)).collect())
        })?;
        check_types(&parsed)?;
        let mut measuring = Measuring::of(&parsed, &serde_json::Value::Null);
        let measured = measuring.measure();
        let varies = measuring.varies;
        if !varies {
            measured?;
        }
        Ok(Self { parsed, varies })
    }

    /// Checks the variables (an object or null), and the document with them.
    ///
    /// # Errors
    /// The first limit that is exceeded.
    pub fn fits(&self, variables: &serde_json::Value) -> Result<(), Unreadable> {
        measure_variables(variables)?;
        if self.varies { Measuring::of(&self.parsed, variables).measure() } else { Ok(()) }
    }

    /// The parsed document.
    pub fn parsed(&self) -> &ExecutableDocument {
        &self.parsed
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Measures the text in one pass without recursion, before the recursive parser, which also refuses invalid tokens.
fn measure_text(text: &str) -> Result<(), Unreadable> {
    within(text.len(), limits::DOCUMENT, "Bytes of a document")?;
    let (mut tokens, mut open, mut rest) = (0_usize, 0_usize, text);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            ' ' | ',' | '\t' | '\r' | '\n' | '\u{feff}' => {
                rest = &rest[first.len_utf8()..];
                continue;
            }
            '#' => {
                rest = &rest[rest.find(['\r', '\n']).unwrap_or(rest.len())..];
                continue;
            }
            '"' => string_length(rest),
            '.' if rest.starts_with("...") => 3,
            '-' | '0'..='9' => {
                let inside = |c: char| is_word(c) || matches!(c, '.' | '+' | '-');
                rest.find(|c| !inside(c)).unwrap_or(rest.len())
            }
            first if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            other => other.len_utf8(),
        };
        match first {
            '{' | '[' | '(' => open += 1,
            '}' | ']' | ')' => open = open.saturating_sub(1),
            _ => {}
        }
        tokens += 1;
        within(tokens, limits::TOKENS, "Tokens of a document")?;
        within(open, limits::NESTING, "Brackets inside each other")?;
        rest = &rest[length..];
    }
    Ok(())
}

/// The length in bytes of the string at the start of a text, including its quotes.
fn string_length(text: &str) -> usize {
    if text.starts_with("\"\"\"") {
        let mut at = 3;
        while let Some(found) = text[at..].find("\"\"\"") {
            let escaped = text[..at + found].ends_with('\\');
            at += found + 3;
            if !escaped {
                return at;
            }
        }
        return text.len();
    }
    let mut escaped = true; // the first quote opens it
    for (at, c) in text.char_indices() {
        match c {
            '\r' | '\n' => return at,
            '"' if !escaped => return at + 1,
            c => escaped = c == '\\' && !escaped,
        }
    }
    text.len()
}

fn measure_variables(variables: &serde_json::Value) -> Result<(), Unreadable> {
    /// The number of values, the bytes of texts and names, and the depth of lists and objects.
    fn size(value: &serde_json::Value) -> (usize, usize, usize) {
        let inside = |sizes: &mut dyn Iterator<Item = (usize, usize, usize)>| {
            let add = |(a, b, c): (usize, usize, usize), (x, y, z)| (a + x, b + y, c.max(z));
            let (values, bytes, depth) = sizes.fold((1, 0, 0), add);
            (values, bytes, depth + 1)
        };
        match value {
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => (1, 0, 0),
            serde_json::Value::String(text) => (1, text.len(), 0),
            serde_json::Value::Array(entries) => inside(&mut entries.iter().map(size)),
            serde_json::Value::Object(fields) => inside(&mut fields.iter().map(|(name, value)| {
                let (values, bytes, depth) = size(value);
                (values, bytes + name.len(), depth)
            })),
        }
    }
    let count = variables.as_object().map_or(0, serde_json::Map::len);
    let (values, bytes, depth) = size(variables);
    within(count, limits::VARIABLES, "Variables")?;
    within(values - 1, limits::VALUES, "Values in the variables")?;
    within(bytes, limits::VALUE_BYTES, "Bytes of texts in the variables")?;
    within(depth.saturating_sub(1), limits::VALUE_DEPTH, "Lists and objects inside each other in a variable")
}

/// The result type of a field.
struct Shape {
    /// The type's name.
    of: String,
    /// Whether the field takes `first`.
    paged: bool,
    /// Whether it is a list of objects.
    list: bool,
}

/// The types that a variable may have.
static VARIABLE_TYPES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let Ok(schema) = parse_schema(super::print()) else { unreachable!("the schema as it prints itself") };
    let named = schema.definitions.into_iter().filter_map(|definition| {
        let TypeSystemDefinition::Type(definition) = definition else { return None };
        match definition.node.kind {
            TypeKind::Scalar | TypeKind::Enum(_) | TypeKind::InputObject(_) => {
                Some(definition.node.name.node.to_string())
            }
            TypeKind::Object(_) | TypeKind::Interface(_) | TypeKind::Union(_) => None,
        }
    });
    // These are part of GraphQL, and no schema names them.
    named.chain(["Boolean", "Float", "ID", "Int", "String"].map(str::to_owned)).collect()
});

/// Refuses variables of unknown types: the library panics at the default value of one that is a list of such a type.
fn check_types(document: &ExecutableDocument) -> Result<(), Unreadable> {
    let operations = document.operations.iter().map(|(_, operation)| &operation.node);
    let mut variables = operations.flat_map(|operation| &operation.variable_definitions);
    let known = variables.all(|variable| VARIABLE_TYPES.contains(named(&variable.node.var_type.node).0));
    if known { Ok(()) } else { Err(Unreadable::UnknownType) }
}

/// The fields of all types, by the names of type and field.
static SHAPES: LazyLock<HashMap<String, HashMap<String, Shape>>> = LazyLock::new(|| {
    let Ok(schema) = parse_schema(super::print()) else { unreachable!("the schema as it prints itself") };
    let mut types = HashMap::new();
    for definition in schema.definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let fields = match definition.node.kind {
            TypeKind::Object(object) => object.fields,
            TypeKind::Interface(interface) => interface.fields,
            TypeKind::Union(_) => Vec::new(),
            TypeKind::Scalar | TypeKind::Enum(_) | TypeKind::InputObject(_) => continue,
        };
        let shapes = fields.into_iter().map(|field| {
            let field = field.node;
            let (of, list) = named(&field.ty.node);
            let paged = field.arguments.iter().any(|argument| argument.node.name.node == "first");
            (field.name.node.to_string(), Shape { of: of.to_owned(), paged, list })
        });
        types.insert(definition.node.name.node.to_string(), shapes.collect::<HashMap<_, _>>());
    }
    // The lists inside a connection have its length, which is counted already.
    let shapes = types.values().flat_map(HashMap::values);
    let pages: HashSet<_> = shapes.filter(|shape| shape.paged).map(|shape| shape.of.clone()).collect();
    let objects: HashSet<_> = types.keys().cloned().collect();
    for (name, fields) in &mut types {
        for shape in fields.values_mut() {
            shape.list &= !pages.contains(name) && objects.contains(&shape.of);
        }
    }
    types
});

fn named(ty: &Type) -> (&str, bool) {
    match &ty.base {
        BaseType::Named(name) => (name, false),
        BaseType::List(inside) => (named(inside).0, true),
    }
}

/// The size of a selection, with every fragment in it spread.
#[derive(Clone, Copy, Default)]
struct Size {
    depth: usize,
    /// Fields at its own level.
    top: usize,
    selections: usize,
    cost: usize,
    aliases: usize,
    directives: usize,
}

impl Size {
    fn and(self, other: Self) -> Self {
        Self {
            depth: self.depth.max(other.depth),
            top: self.top.saturating_add(other.top),
            selections: self.selections.saturating_add(other.selections),
            cost: self.cost.saturating_add(other.cost),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
        }
    }

    fn with_directives(self, count: usize) -> Self {
        Self {
            selections: self.selections.saturating_add(1),
            directives: self.directives.saturating_add(count),
            ..self
        }
    }
}

struct Measuring<'a> {
    document: &'a ExecutableDocument,
    /// The value of each variable, if it is used for `first` or `last`.
    lengths: HashMap<&'a str, i64>,
    /// The sizes of fragments; `None` while a fragment is being measured.
    fragments: HashMap<&'a str, Option<Size>>,
    /// Whether a variable set the length of a list.
    varies: bool,
}

impl<'a> Measuring<'a> {
    fn of(document: &'a ExecutableDocument, variables: &serde_json::Value) -> Self {
        let mut lengths = HashMap::new();
        for definition in
            document.operations.iter().flat_map(|(_, operation)| &operation.node.variable_definitions)
        {
            let definition = &definition.node;
            let name = definition.name.node.as_str();
            let said = match (variables.get(name), &definition.default_value) {
                (Some(said), _) => said.as_i64(),
                (None, Some(default)) => default.node.clone().into_json().ok().and_then(|said| said.as_i64()),
                (None, None) => None,
            };
            let length = lengths.entry(name).or_insert(0);
            *length = said.unwrap_or(limits::FIRST_DEFAULT.into()).max(*length);
        }
        Self { document, lengths, fragments: HashMap::new(), varies: false }
    }

    fn measure(&mut self) -> Result<(), Unreadable> {
        for (name, fragment) in &self.document.fragments {
            self.fragment(name, &fragment.node, 1)?;
        }
        let mut total = Size::default();
        for (_, operation) in self.document.operations.iter() {
            let root = match operation.node.ty {
                OperationType::Query => "Query",
                OperationType::Mutation => "Mutation",
                OperationType::Subscription => "Subscription",
            };
            let size = self.set(Some(root), &operation.node.selection_set.node, 1)?;
            total = total.and(Size { directives: size.directives + operation.node.directives.len(), ..size });
        }
        within(total.depth, limits::DEPTH, "Fields inside each other")?;
        within(total.top, limits::ROOT_FIELDS, "Fields at the top")?;
        within(total.aliases, limits::ALIASES, "Aliases")?;
        within(total.directives, limits::DIRECTIVES, "Directives")?;
        within(total.selections, limits::SELECTIONS, "Fields and fragments, each as often as it is spread")?;
        within(total.cost, limits::COST, "Fields of the answer, if all lists were full")
    }

    fn set(&mut self, parent: Option<&str>, set: &'a SelectionSet, level: usize) -> Result<Size, Unreadable> {
        if set.items.is_empty() {
            return Ok(Size::default());
        }
        within(level, limits::NESTING, "Selections inside each other")?;
        let mut total = Size::default();
        for selection in &set.items {
            let size = match &selection.node {
                Selection::Field(field) => self.field(parent, &field.node, level)?,
                Selection::InlineFragment(fragment) => {
                    let fragment = &fragment.node;
                    let on =
                        fragment.type_condition.as_ref().map(|condition| condition.node.on.node.as_str());
                    let inside = self.set(on.or(parent), &fragment.selection_set.node, level + 1)?;
                    inside.with_directives(fragment.directives.len())
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    let size = match self.document.fragments.get_key_value(name) {
                        Some((name, fragment)) => self.fragment(name, &fragment.node, level + 1)?,
                        // An unknown fragment is refused later, by validation against the schema.
                        None => Size::default(),
                    };
                    size.with_directives(spread.node.directives.len())
                }
            };
            total = total.and(size);
        }
        Ok(total)
    }

    fn field(&mut self, parent: Option<&str>, field: &'a Field, level: usize) -> Result<Size, Unreadable> {
        // Validation refuses unknown fields later; introspection is not in the schema's text and counts once.
        let shape = parent.and_then(|parent| SHAPES.get(parent)?.get(field.name.node.as_str()));
        let inside = self.set(shape.map(|shape| shape.of.as_str()), &field.selection_set.node, level + 1)?;
        let times = match shape {
            Some(Shape { paged: true, .. }) => self.length(field),
            Some(Shape { list: true, .. }) => limits::LIST,
            Some(_) | None => 1,
        };
        let alias = usize::from(field.alias.is_some());
        let size = Size {
            depth: inside.depth + 1,
            top: 1,
            cost: inside.cost.saturating_mul(times).saturating_add(1),
            aliases: inside.aliases.saturating_add(alias),
            ..inside
        };
        Ok(size.with_directives(field.directives.len()))
    }

    /// The maximum length of a page, by its `first` or `last`.
    fn length(&mut self, field: &Field) -> usize {
        let (lengths, varies) = (&self.lengths, &mut self.varies);
        let mut said = |argument| {
            let variable = |name: Name| {
                *varies = true;
                lengths.get(name.as_str()).map(|length| Value::from(*length)).ok_or(())
            };
            let value = field.get_argument(argument)?.node.clone();
            value.into_const_with(variable).ok()?.into_json().ok()?.as_i64()
        };
        let length = said("first").max(said("last")).unwrap_or(limits::FIRST_DEFAULT.into());
        usize::try_from(length.clamp(1, limits::FIRST_MAX.into())).unwrap_or(usize::MAX)
    }

    fn fragment(
        &mut self,
        name: &'a str,
        fragment: &'a FragmentDefinition,
        level: usize,
    ) -> Result<Size, Unreadable> {
        match self.fragments.insert(name, None) {
            Some(None) => Err(Unreadable::TooMuch("Fragments must not spread into themselves.".to_owned())),
            Some(Some(size)) => {
                self.fragments.insert(name, Some(size));
                Ok(size)
            }
            None => {
                let on = fragment.type_condition.node.on.node.as_str();
                let size = self.set(Some(on), &fragment.selection_set.node, level)?;
                let size = Size { directives: size.directives + fragment.directives.len(), ..size };
                self.fragments.insert(name, Some(size));
                Ok(size)
            }
        }
    }
}

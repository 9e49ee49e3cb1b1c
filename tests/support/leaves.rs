//! The inputs of all mutations, read from the schema by introspection over HTTP.

use super::TestApp;
use serde_json::{Map, Value, json};

const QUERY: &str = "{ __schema { mutationType { fields { name args { type { ofType { name } } } } }
    types { name kind isOneOf inputFields { name description defaultValue
        type { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } }";

/// The input types of the schema.
pub struct Inputs {
    types: Map<String, Value>,
    /// Each mutation with the name of its input type, if it has one.
    pub mutations: Vec<(String, Option<String>)>,
}

/// One field of an input, at any depth.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Its path inside `input`; entries of lists as `0`.
    pub path: String,
    /// The name of its type, without `!` and `[]`.
    pub named: String,
    /// The kind of that type.
    pub kind: String,
    /// Whether null is refused.
    pub non_null: bool,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it is a list.
    pub list: bool,
    /// Whether it is one of several fields of which exactly one is given.
    pub alternative: bool,
    /// Its description in the schema.
    pub description: String,
}

impl Leaf {
    /// The limit in characters that the description states.
    pub fn limit(&self) -> Option<usize> {
        let (before, _) = self.description.split_once(" characters")?;
        let (before, number) = before.rsplit_once(' ')?;
        before.ends_with("at most").then(|| number.parse().unwrap())
    }

    /// The limit in list entries that the description states.
    pub fn entries(&self) -> Option<usize> {
        let (before, _) = self.description.split_once(" entries")?;
        before.rsplit_once(' ')?.1.parse().ok()
    }

    /// The path to write a text to: the list's first entry, or the field itself.
    pub fn text_path(&self) -> String {
        if self.list { format!("{}.0", self.path) } else { self.path.clone() }
    }
}

impl Inputs {
    /// Reads the schema of the running service.
    pub async fn read(app: &TestApp) -> Self {
        let schema = app.anonymous(QUERY, json!({})).await["__schema"].clone();
        let named = |value: &Value| (value["name"].as_str().unwrap().to_owned(), value.clone());
        let types = schema["types"].as_array().unwrap().iter().map(named).collect();
        let fields = schema["mutationType"]["fields"].as_array().unwrap();
        let mutations = fields.iter().map(|field| {
            let input = field["args"][0]["type"]["ofType"]["name"].as_str().map(str::to_owned);
            (field["name"].as_str().unwrap().to_owned(), input)
        });
        Self { mutations: mutations.collect(), types }
    }

    /// Every field of an input type, fields of nested types included.
    pub fn leaves(&self, of: &str) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        self.collect(of, "", &mut leaves);
        leaves
    }

    fn collect(&self, of: &str, prefix: &str, leaves: &mut Vec<Leaf>) {
        for (number, field) in self.types[of]["inputFields"].as_array().unwrap().iter().enumerate() {
            // A good input's list has one entry of each kind, in the order of the schema.
            let one_of = self.types[of]["isOneOf"] == true;
            let of_kind = prefix.strip_suffix("0.").filter(|_| one_of);
            let prefix = &of_kind.map_or(prefix.to_owned(), |list| format!("{list}{number}."));
            let mut ty = &field["type"];
            let non_null = ty["kind"] == "NON_NULL";
            let mut list = false;
            while ty["name"].is_null() {
                list |= ty["kind"] == "LIST";
                ty = &ty["ofType"];
            }
            let leaf = Leaf {
                path: format!("{prefix}{}", field["name"].as_str().unwrap()),
                named: ty["name"].as_str().unwrap().to_owned(),
                kind: ty["kind"].as_str().unwrap().to_owned(),
                non_null,
                required: non_null && field["defaultValue"].is_null(),
                list,
                alternative: one_of && of_kind.is_none(),
                description: field["description"].as_str().unwrap().replace('\n', " "),
            };
            if leaf.kind == "INPUT_OBJECT" {
                self.collect(&leaf.named, &format!("{}.", leaf.text_path()), leaves);
            }
            leaves.push(leaf);
        }
    }
}

/// A copy of `input` with another value at `path`; `None` removes it.
pub fn with(input: &Value, path: &str, value: Option<Value>) -> Value {
    let mut changed = input.clone();
    let (parent, name) = match path.rsplit_once('.') {
        Some((parent, name)) => (format!("/{}", parent.replace('.', "/")), name),
        None => (String::new(), path),
    };
    let parent = changed.pointer_mut(&parent).unwrap_or_else(|| panic!("{path} has a place in {input}"));
    match (parent, value) {
        (Value::Object(fields), Some(value)) => drop(fields.insert(name.to_owned(), value)),
        (Value::Object(fields), None) => drop(fields.remove(name)),
        (Value::Array(entries), Some(value)) => match name.parse::<usize>().unwrap() {
            n if n < entries.len() => entries[n] = value,
            _ => entries.push(value),
        },
        (other, _) => panic!("{path} has no place in {other}"),
    }
    changed
}

//! Everything that a partner can see: every answer of the API, page by page, every push and every mail, without ids.

use crate::support::people::text;
use crate::support::{Couple, Person, TestApp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

const SCHEMA: &str = "{ __schema { types { name fields { name args { name defaultValue type { kind } }
    type { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } }";

/// The queries for everything that a person can read, made from the schema, so that additions are read too.
pub struct Eyes {
    queries: Vec<String>,
    /// The lists to read entry by entry: the fields above them, and their names.
    lists: Vec<(Vec<&'static str>, String)>,
}

/// A field with everything below it, as a selection. `None` if it needs an argument or repeats what is read elsewhere:
/// a type is not entered again inside itself, nor is a type in `done`.
fn select(types: &[Value], field: &Value, done: &mut Vec<String>) -> Option<String> {
    let needed = |arg: &Value| arg["type"]["kind"] == "NON_NULL" && arg["defaultValue"].is_null();
    let mut name = text(&field["name"]);
    let args = field["args"].as_array().unwrap();
    // `nodes` has the same as `edges`, but for the cursors, which `pageInfo` has.
    if name == "edges" || args.iter().any(needed) {
        return None;
    }
    if args.iter().any(|arg| arg["name"] == "endedToo") {
        name += "(endedToo: true)";
    }
    let mut inner = &field["type"];
    while !inner["ofType"].is_null() {
        inner = &inner["ofType"];
    }
    if inner["kind"] == "INTERFACE" {
        let field = if inner["name"] == "Node" { "id" } else { "sentence" };
        return Some(format!("{name} {{ __typename {field} }}"));
    }
    if inner["kind"] != "OBJECT" {
        return Some(name);
    }
    let type_name = text(&inner["name"]);
    if done.contains(&type_name) {
        return None;
    }
    let found = types.iter().find(|t| t["name"] == *type_name).unwrap();
    done.push(type_name);
    let fields = found["fields"].as_array().unwrap().iter();
    let below: Vec<_> = fields.filter_map(|field| select(types, field, done)).collect();
    done.pop();
    Some(format!("{name} {{ {} }}", below.join(" ")))
}

impl Eyes {
    pub async fn open(app: &TestApp) -> Self {
        let schema = app.anonymous(SCHEMA, json!({})).await;
        let types = schema["__schema"]["types"].as_array().unwrap();
        let fields = |name: &str| {
            let found = types.iter().find(|t| t["name"] == name).unwrap();
            found["fields"].as_array().unwrap()
        };
        let mut queries = Vec::new();
        for field in fields("Viewer") {
            // Links are read once, from the top, and each of their lists by itself: all at once would cost too much.
            if field["name"] == "partnerLinks" {
                let mut parts = vec![String::new()];
                for field in fields("PartnerLink") {
                    let below = select(types, field, &mut vec!["PartnerLink".to_owned()]).unwrap_or_default();
                    match field["args"].as_array().unwrap().iter().any(|arg| arg["name"] == "first") {
                        // More than anybody has here.
                        true => parts.push(below.replacen(" {", "(first: 9) {", 1)),
                        false => parts[0] += &format!(" {below}"),
                    }
                }
                let whole = |part| format!("{{ viewer {{ partnerLinks(endedToo: true) {{ {part} }} }} }}");
                queries.extend(parts.into_iter().map(whole));
                continue;
            }
            if field["name"] == "nudges" {
                continue;
            }
            // Any other field is read with everything below it, except links, which are read above, and nudges, of which
            // there are too many for everything below them.
            let below = select(types, field, &mut vec!["PartnerLink".to_owned()]).unwrap();
            queries.push(format!("{{ viewer {{ {below} }} }}"));
        }
        let everything = queries.concat();
        let known = ["partnerCheckIns", "outreaches", "debrief", "promisesKept", "insight", "journal"];
        assert!(known.iter().all(|field| everything.contains(field)));
        let mut lists = Vec::new();
        for (owner, above) in
            [("Viewer", vec!["viewer"]), ("PartnerLink", vec!["viewer", "partnerLinks(endedToo: true)"])]
        {
            // The feed comes in batches, and is compared separately.
            let paged = |field: &&Value| {
                field["name"] != "changes"
                    && field["args"].as_array().unwrap().iter().any(|arg| arg["name"] == "after")
            };
            lists.extend(
                fields(owner).iter().filter(paged).map(|field| (above.clone(), text(&field["name"]))),
            );
        }
        assert!(lists.len() >= 4, "check-ins, nudges, revisions and scenes come by pages: {lists:?}");
        Self { queries, lists }
    }

    /// The queries.
    pub fn queries(&self) -> &[String] {
        &self.queries
    }

    /// Reads each list in pages of one entry; returns the pages with every cursor on the way.
    pub async fn pages(&self, app: &TestApp, couple: &Couple, person: &Person) -> Vec<String> {
        let mut all = Vec::new();
        for (above, name) in &self.lists {
            let mut after = Value::Null;
            for page in 0.. {
                assert!(page < 100, "{name} has an end");
                let mut query =
                    format!("{name}(first: 1, after: $after) {{ pageInfo {{ hasNextPage endCursor }} }}");
                for word in above.iter().rev() {
                    query = format!("{word} {{ {query} }}");
                }
                let query = format!("query($after: String) {{ {query} }}");
                let data = person.ask(app, &query, json!({ "after": after })).await;
                let mut found = &data["viewer"];
                if above.len() > 1 {
                    found = &found["partnerLinks"][0];
                }
                let info = found[name.as_str()]["pageInfo"].clone();
                all.push(format!("{name} {page} {}", plain(&info, couple)));
                if info["hasNextPage"] != true {
                    break;
                }
                after = info["endCursor"].clone();
            }
        }
        all
    }

    /// Everything that this person of the couple has by now: every answer of the API, every push and every mail, with
    /// times and sizes.
    pub async fn all(&self, app: &TestApp, couple: &Couple, person: &Person) -> Vec<String> {
        let mut all = Vec::new();
        for query in &self.queries {
            all.push(plain(&person.ask(app, query, json!({})).await, couple).to_string());
        }
        // All of them: of those of one instant, a shorter list shows any.
        let nudges = "{ viewer { nudges(first: 50) { nodes { channel state sendAt finishedAt
            reasons { kind message rule revision { number } dueAt sentences } } } } }";
        all.push(plain(&person.ask(app, nudges, json!({})).await, couple).to_string());
        all.extend(self.got(app, couple, person).await);
        all
    }

    /// Every nudge that is not about the person's own check-ins, every push and every mail, with times and sizes.
    pub async fn got(&self, app: &TestApp, couple: &Couple, person: &Person) -> Vec<String> {
        // An id tells when its nudge was made. Left out: nudges about the person's own check-ins, which they know of.
        let nudges = "{ viewer { nudges(first: 50) { nodes { id reasons { checkIn { id } } } } } }";
        let nudges = person.ask(app, nudges, json!({})).await["viewer"]["nudges"]["nodes"].clone();
        let about_other = |reason: &Value| reason["checkIn"].is_null();
        let has_other = |nudge: &&Value| nudge["reasons"].as_array().unwrap().iter().any(about_other);
        let others = nudges.as_array().unwrap().iter().filter(has_other);
        let mut got: Vec<_> = others
            .map(|nudge| format!("a nudge made at {}", &text(&nudge["id"])["Nudge_".len()..][..12]))
            .collect();
        for push in person.pushes(app) {
            let payload = without_ids(&String::from_utf8(push.payload).unwrap(), couple);
            let (length, urgency) = (push.encrypted_len, push.urgency);
            got.push(format!("{} push {payload} ttl {} {urgency:?} {length}", push.at, push.ttl));
        }
        for mail in person.mails(app) {
            let words = [mail.subject(), mail.text(), mail.html(), mail.message_id(), mail.header("From")];
            let words = words.map(|part| without_ids(&part.unwrap(), couple));
            // The tokens in a sign-up's link differ from couple to couple.
            let words = if words[0] == "Your reminder" { format!("{words:?}") } else { words[0].clone() };
            got.push(format!("{} mail {words} {}", mail.at, mail.raw.len()));
        }
        got.sort();
        got
    }
}

/// A text without ids, hashes and tokens: every long run of hexadecimal digits is a `#`, and so is the token of a page.
pub fn without_ids(text: &str, couple: &Couple) -> String {
    let mut text = text.to_owned();
    for page in ["/c/", "/preferences/"] {
        let parts: Vec<&str> = text.split(page).collect();
        let cut =
            |(n, part): (usize, &&str)| if n == 0 { part.to_string() } else { format!("#{}", &part[43..]) };
        text = parts.iter().enumerate().map(cut).collect::<Vec<_>>().join(page);
    }
    let mut result = String::new();
    let mut run = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_ascii_hexdigit() {
            run.push(c);
            continue;
        }
        result += if run.len() >= 32 { "#" } else { &run };
        run.clear();
        result.push(c);
    }
    for (name, plain) in [(&couple.alex.name, "Alex"), (&couple.sam.name, "Sam")] {
        result = result.replace(name.as_str(), plain).replace(&name.to_lowercase(), &plain.to_lowercase());
    }
    result.trim_end().to_owned()
}

/// The contents of a cursor: an instant and an id.
fn opened(cursor: &str) -> String {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap_or_else(|_| panic!("{cursor} is no cursor"));
    String::from_utf8(bytes).unwrap()
}

/// An answer of the API without ids. Lists are sorted, because entries of one instant stand in the order of their ids.
pub fn plain(value: &Value, couple: &Couple) -> Value {
    match value {
        Value::String(text) => json!(without_ids(text, couple)),
        Value::Array(values) => {
            let mut values: Vec<_> = values.iter().map(|value| plain(value, couple)).collect();
            values.sort_by_key(Value::to_string);
            json!(values)
        }
        Value::Object(fields) => {
            let shown = |name: &str, value: &Value| match value {
                Value::String(cursor) if name.ends_with("Cursor") => {
                    json!(without_ids(&opened(cursor), couple))
                }
                value => plain(value, couple),
            };
            fields.iter().map(|(name, value)| (name.clone(), shown(name, value))).collect()
        }
        other => other.clone(),
    }
}

/// Compares two views line by line, because a whole view is too long to read.
pub fn assert_same(left: &[String], right: &[String], when: &str) {
    for (left, right) in left.iter().zip(right) {
        assert_eq!(left, right, "{when}");
    }
    assert_eq!(left.len(), right.len(), "{when}");
}

//! The authorisation matrix: a row in `authorisation/rows.rs` for every field and mutation of the schema says what
//! nobody, the owner, the partner, the former partner, a stranger and an erased person get.

mod cast;
mod rows;

use crate::bad_input::table;
use crate::bad_input::world::World;
use crate::support::leaves::{Inputs, with};
use crate::support::people::{PASSWORD, text};
use crate::support::{Person, TestApp};
use cast::{Cast, data};
use rows::{EMPTY_HERE, MUTATIONS, OBJECTS, Object, Reader, Sender};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Where to add a missing row.
const HERE: &str = "add it to tests/suite/authorisation/rows.rs, saying who may read it";

/// The fields of every object type: name, the name and kind of its type, whether it needs an argument.
type Schema = BTreeMap<String, Vec<(String, String, String, bool)>>;

async fn schema(app: &TestApp) -> Schema {
    let query = "{ __schema { types { kind name fields { name args { defaultValue type { kind } }
        type { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } }";
    let types = app.anonymous(query, json!({})).await["__schema"]["types"].clone();
    let objects = types.as_array().unwrap().iter().filter(|ty| ty["kind"] == "OBJECT");
    let named = objects.map(|ty| (text(&ty["name"]), ty)).filter(|(name, _)| !name.starts_with("__"));
    let fields = |ty: &Value| {
        let fields = ty["fields"].as_array().unwrap().iter();
        fields
            .map(|field| {
                let mut inner = &field["type"];
                while !inner["ofType"].is_null() {
                    inner = &inner["ofType"];
                }
                let needed = |arg: &Value| arg["type"]["kind"] == "NON_NULL" && arg["defaultValue"].is_null();
                let needs = field["args"].as_array().unwrap().iter().any(needed);
                (text(&field["name"]), text(&inner["name"]), text(&inner["kind"]), needs)
            })
            .collect()
    };
    named.map(|(name, ty)| (name, fields(ty))).collect()
}

/// The fields that all types of one shape have; `None` if the type has rows of its own.
fn shape(name: &str) -> Option<&'static [&'static str]> {
    match name {
        "PageInfo" => None,
        _ if name.ends_with("Connection") => Some(&["edges", "nodes", "pageInfo"]),
        _ if name.ends_with("Edge") => Some(&["cursor", "node"]),
        _ => None,
    }
}

/// A field as it is selected: an object by its own scalars, a paged list by its entries.
fn selection(schema: &Schema, field: &(String, String, String, bool)) -> String {
    let (name, ty, kind, _) = field;
    if kind == "INTERFACE" {
        let field = if ty == "Node" { "id" } else { "sentence" };
        return format!("{name} {{ {field} }}");
    }
    if kind != "OBJECT" {
        return name.clone();
    }
    if shape(ty).is_some() {
        let nodes = schema[ty].iter().find(|(name, ..)| name == "nodes").unwrap();
        return format!("{name} {{ {} }}", selection(schema, nodes));
    }
    let scalars = schema[ty].iter().filter(|(_, _, kind, needs)| kind != "OBJECT" && !needs);
    // If both read some of the scalars alike, only those; otherwise all of them.
    let row = OBJECTS.iter().find(|object| object.name == ty);
    let alike = |name: &str| row.is_some_and(|row| row.fields.contains(&(name, Reader::Both)));
    let (both, all): (Vec<_>, Vec<_>) = scalars.partition(|(name, ..)| alike(name));
    let chosen = if both.is_empty() { all } else { both };
    let scalars: Vec<_> = chosen.into_iter().map(|field| selection(schema, field)).collect();
    format!("{name} {{ __typename {} }}", scalars.join(" "))
}

/// The query for all fields of an object, and the names on its path below the root field.
fn query(schema: &Schema, object: &Object, path: &str) -> (String, Vec<String>) {
    let words: Vec<&str> = path.split('.').collect();
    let (root, rest) = words.split_first().unwrap();
    let fields: Vec<_> = schema[object.name].iter().map(|field| selection(schema, field)).collect();
    let mut inner = fields.join(" ");
    for word in rest.iter().rev() {
        inner = format!("{word} {{ {inner} }}");
    }
    let query = match *root {
        // The unused id gives all requests one form.
        "viewer" => format!("query($id: ID!) {{ viewer {{ {inner} }} node(id: $id) {{ __typename }} }}"),
        "link" => format!("query($id: ID!) {{ node(id: $id) {{ ... on PartnerLink {{ {inner} }} }} }}"),
        root => {
            let ty = root[..1].to_uppercase() + &root[1..];
            format!("query($id: ID!) {{ node(id: $id) {{ ... on {ty} {{ {inner} }} }} }}")
        }
    };
    let root = if *root == "viewer" { "viewer" } else { "node" };
    (query, [root].iter().chain(rest).map(|word| (*word).to_owned()).collect())
}

/// The objects at the end of a path, lists flattened and nulls left out.
fn entries(value: &Value, path: &[String]) -> Vec<Map<String, Value>> {
    match (value, path) {
        (Value::Null, _) => Vec::new(),
        (Value::Array(values), _) => values.iter().flat_map(|value| entries(value, path)).collect(),
        (Value::Object(fields), []) => vec![fields.clone()],
        (value, [word, rest @ ..]) => entries(&value[word.as_str()], rest),
        (other, []) => panic!("{other} is no object"),
    }
}

/// The values of a field in all entries.
fn values<'a>(entries: &'a [Map<String, Value>], field: &str) -> Vec<&'a Value> {
    entries.iter().map(|entry| &entry[field]).collect()
}

/// Whether any of the values carries information.
fn told(values: &[&Value]) -> bool {
    fn tells(value: &Value) -> bool {
        match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(values) => values.iter().any(tells),
            Value::Object(fields) => fields.iter().any(|(name, value)| name != "__typename" && tells(value)),
            Value::Bool(_) | Value::Number(_) => true,
        }
    }
    values.iter().any(|value| tells(value))
}

/// The same values as the other person sees them: `ME` and `PARTNER` swapped.
fn other_side(values: &[&Value]) -> String {
    let text = json!(values).to_string();
    text.replace("\"ME\"", "\"me\"").replace("\"PARTNER\"", "\"ME\"").replace("\"me\"", "\"PARTNER\"")
}

fn missing(id: &str) -> String {
    format!("{}000000000000", &id[..id.len() - 12])
}

/// Every comparison that failed.
type Wrong = Vec<String>;

/// Compares what all six people get of one type.
async fn compare(app: &TestApp, cast: &Cast, schema: &Schema, object: &Object, wrong: &mut Wrong) {
    let name = object.name;
    let root = object.path.split('.').next().unwrap();
    let (by_owner, owners_path) = query(schema, object, object.path);
    let partners_path = if object.partners_path.is_empty() { object.path } else { object.partners_path };
    let (by_partner, partners_path) = query(schema, object, partners_path);
    let id = cast.own.get(root).map_or("", String::as_str);
    let ended = cast.ended.get(root).map_or("", String::as_str);
    let ask =
        async |person: &Person, query: &str, id: &str| cast.ask(app, Some(&person.access()), query, id).await;
    let told_of = |answer: &(u16, String), path: &[String]| entries(&data(answer, name), path);

    let owner = told_of(&ask(&cast.alex, &by_owner, id).await, &owners_path);
    let partner = ask(&cast.sam, &by_partner, id).await;
    let personal = ["account", "checkIn", "journalEntry", "nudge"].contains(&root);

    // Nobody, and a person whose account is gone.
    let nobody = cast.ask(app, None, &by_owner, id).await;
    for (who, token) in [("nobody", None), ("the erased", Some(cast.erased.as_str()))] {
        let answer = cast.ask(app, token, &by_owner, id).await;
        let on_missing = cast.ask(app, token, &by_owner, "Scene_0").await;
        if !answer.1.contains("UNAUTHENTICATED") || answer != nobody || answer != on_missing {
            wrong.push(format!("{name}: {who} gets {answer:?}"));
        }
    }
    if root == "viewer" {
        for other in [&cast.sam, &cast.jo, &cast.robin] {
            let entries = told_of(&ask(other, &by_owner, id).await, &owners_path);
            if entries.iter().any(|entry| owner.contains(entry)) {
                wrong.push(format!("{name}: {} reads what is Alex's: {entries:?}", other.name));
            }
        }
    } else {
        // Anybody could try a foreign id: to people who may not see the object it looks missing, to the last byte.
        let outside = [&cast.jo, &cast.robin].into_iter().map(|person| (person, id));
        let on_ended = [&cast.sam, &cast.robin].into_iter().map(|person| (person, ended));
        let others = [(&cast.sam, id), (&cast.jo, ended)].into_iter().filter(|_| personal);
        for (person, id) in outside.chain(on_ended).chain(others) {
            let answer = ask(person, &by_owner, id).await;
            let on_missing = ask(person, &by_owner, &missing(id)).await;
            if answer != on_missing || !told_of(&answer, &owners_path).is_empty() {
                wrong.push(format!("{name}: to {} it does not look missing: {answer:?}", person.name));
            }
        }
    }
    let shared = root != "viewer" && !personal;
    let partner = if shared { told_of(&partner, &partners_path) } else { Vec::new() };
    let (after, former) = if shared {
        let former = ask(&cast.jo, &by_partner, ended).await;
        let after = ask(&cast.alex, &by_owner, ended).await;
        (told_of(&after, &owners_path), told_of(&former, &partners_path))
    } else {
        (Vec::new(), Vec::new())
    };
    for (field, reader) in object.fields {
        let empty = EMPTY_HERE.contains(&format!("{name}.{field}").as_str())
            || EMPTY_HERE.contains(&format!("{name}.*").as_str());
        let hers = values(&owner, field);
        if !told(&hers) && !empty {
            wrong.push(format!("{name}.{field}: the owner reads {hers:?}; see EMPTY_HERE in rows.rs"));
        }
        if !shared {
            continue;
        }
        let of = |entries| values(entries, field);
        let same = |hers: &[&Value], theirs: &[&Value]| {
            let hers = json!(hers).to_string();
            hers == other_side(theirs)
        };
        let (partners, afters, formers) = (of(&partner), of(&after), of(&former));
        let fits = match reader {
            Reader::Own => {
                let apart = |hers: &[&Value], theirs: &[&Value]| {
                    theirs.iter().all(|value| !told(&[value]) || !hers.contains(value))
                };
                apart(&hers, &partners) && apart(&afters, &formers)
            }
            Reader::Both => same(&hers, &partners) && same(&afters, &formers),
            Reader::Mirror(mirrored) => {
                same(&hers, &values(&partner, mirrored)) && same(&afters, &values(&former, mirrored))
            }
            Reader::Frozen => {
                let changed = told(&formers) && !same(&afters, &formers);
                same(&hers, &partners) && changed
            }
            Reader::Linked => (told(&partners) || empty) && !told(&afters) && !told(&formers),
            Reader::Public | Reader::SignedIn | Reader::Asker => false,
        };
        if !fits {
            wrong.push(format!(
                "{name}.{field} is not {reader:?}\n  owner   {hers:?}\n  partner {partners:?}\n  after the end\n  \
                 owner   {afters:?}\n  former  {formers:?}"
            ));
        }
    }
}

async fn send(app: &TestApp, token: Option<&str>, name: &str, input: &Value) -> (u16, String) {
    let fields = "{ status problems { field code sentence } }";
    let query = if input.is_null() {
        format!("mutation {{ {name} {fields} }}")
    } else {
        let ty = format!("{}{}Input!", name[..1].to_uppercase(), &name[1..]);
        format!("mutation($input: {ty}) {{ {name}(input: $input) {fields} }}")
    };
    app.exact(token, None, &query, json!({ "input": input })).await
}

/// The ids in an input, with their paths.
fn ids(inputs: &Inputs, input: Option<&str>, good: &Value) -> Vec<(String, String)> {
    let leaves = input.map(|input| inputs.leaves(input)).unwrap_or_default();
    let ids = leaves.into_iter().filter(|leaf| leaf.named == "ID");
    let at = |path: &str| good.pointer(&format!("/{}", path.replace('.', "/"))).and_then(Value::as_str);
    ids.filter_map(|leaf| at(&leaf.path).map(str::to_owned).map(|id| (leaf.path, id))).collect()
}

/// An input about Alex and Sam's link, with the objects of Alex's ended link in their place.
fn on_the_ended(world: &World, input: &Value) -> Value {
    let (own, ex) = (&world.own, &world.ex);
    let mut pairs = vec![(&own.link, &ex.link), (&world.invitation.1, &ex.link)];
    pairs.extend(["id", "contentHash"].map(|field| (&own.open[field], &ex.open[field])));
    pairs.extend(own.planned.iter().zip(&ex.planned).chain(own.ended.iter().zip(&ex.ended)));
    let replace =
        |text: String, (own, ex): (&Value, &Value)| text.replace(own.as_str().unwrap(), ex.as_str().unwrap());
    serde_json::from_str(&pairs.into_iter().fold(input.to_string(), replace)).unwrap()
}

on_both_databases! {
    async fn every_field_and_mutation_has_a_row(app) {
        let schema = schema(&app).await;
        let mut wrong: Wrong = Vec::new();
        let rows: BTreeMap<_, _> = OBJECTS.iter().map(|object| (object.name, object.fields)).collect();
        for (name, fields) in &schema {
            let has: BTreeSet<&str> = fields.iter().map(|(field, ..)| field.as_str()).collect();
            let known: BTreeSet<&str> = match (name.as_str(), shape(name)) {
                ("Mutation", _) => MUTATIONS.iter().map(|(mutation, _)| *mutation).collect(),
                (_, Some(shape)) => shape.iter().copied().collect(),
                (payload, None) if payload.ends_with("Payload") => {
                    // Besides status and problems, a payload holds objects, which have rows, the ids of what was named and
                    // is gone, and codes that are shown once, to the person who made them.
                    let objects = fields.iter().filter(|(_, _, kind, _)| matches!(kind.as_str(), "OBJECT" | "UNION"));
                    let objects = objects.map(|(field, ..)| field.as_str());
                    let shown = match payload {
                        "InvitePartnerPayload" => Some("code"),
                        "ConfirmTotpPayload" | "RenewRecoveryCodesPayload" => Some("recoveryCodes"),
                        "LogOutPayload" | "EndSessionPayload" => Some("endedSessionId"),
                        "ChangePasswordPayload" | "EndOtherSessionsPayload" => Some("endedSessionIds"),
                        "RemoveDevicePayload" => Some("removedDeviceId"),
                        "RemovePasskeyPayload" => Some("removedPasskeyId"),
                        "DeleteJournalEntryPayload" => Some("deletedEntryId"),
                        _ => None,
                    };
                    ["status"].into_iter().chain(objects).chain(shown).collect()
                }
                (name, None) => match rows.get(name) {
                    Some(fields) => fields.iter().map(|(field, _)| *field).collect(),
                    None => {
                        wrong.push(format!("the type {name} has no rows: {HERE}"));
                        continue;
                    }
                },
            };
            wrong.extend(has.difference(&known).map(|field| format!("{name}.{field} has no row: {HERE}")));
            let gone = known.difference(&has);
            wrong.extend(gone.map(|field| format!("{name}.{field} has a row and is not in the schema")));
        }
        let gone = rows.keys().filter(|name| !schema.contains_key(**name));
        wrong.extend(gone.map(|name| format!("{name} has rows and is not in the schema")));
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    async fn r29_every_field_is_read_by_whom_its_row_says(app) {
        let schema = schema(&app).await;
        let cast = Cast::build(&app).await;
        let mut wrong: Wrong = Vec::new();
        for object in OBJECTS.iter().filter(|object| !object.path.is_empty()) {
            compare(&app, &cast, &schema, object, &mut wrong).await;
        }
        assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    }

    async fn r29_every_root_field_is_read_by_whom_its_row_says(app) {
        let cast = Cast::build(&app).await;
        let roots = OBJECTS.iter().find(|object| object.name == "Query").unwrap();
        let own = &cast.own["account"];
        for (field, reader) in roots.fields {
            let query = match *field {
                "viewer" => "{ viewer { account { email } } }".to_owned(),
                "node" => format!("{{ node(id: \"{own}\") {{ ... on Account {{ email }} }} }}"),
                "invitation" => format!("{{ invitation(code: \"{}\") {{ displayName role expiresAt }} }}", cast.code),
                "consentTexts" => "{ consentTexts { kind version text } }".to_owned(),
                "guidance" => "{ guidance { topics { title } } }".to_owned(),
                "server" => "{ server { version features languages vapidPublicKey } }".to_owned(),
                other => panic!("how is Query.{other} asked for? Add it here."),
            };
            let ask = async |token: Option<&str>| cast.ask(&app, token, &query, "").await;
            let alex = ask(Some(&cast.alex.access())).await;
            for token in [None, Some("nonsense"), Some(cast.erased.as_str())] {
                let answer = ask(token).await;
                match reader {
                    Reader::Public => assert_eq!(answer, alex, "{field}"),
                    Reader::SignedIn => assert!(answer.1.contains("UNAUTHENTICATED"), "{field}: {answer:?}"),
                    other => panic!("{field} is {other:?}, and a root field is Public or SignedIn"),
                }
            }
            if *reader == Reader::SignedIn && *field != "invitation" {
                assert!(alex.1.contains(&cast.alex.email), "{field}: {alex:?}");
                for other in [&cast.sam, &cast.jo, &cast.robin] {
                    let answer = ask(Some(&other.access())).await;
                    assert!(!answer.1.contains(&cast.alex.email), "{field}: {answer:?}");
                }
            }
        }
        // An invitation is shown to a person who holds its code, unless that person cannot use it.
        let look = "query($id: String!) { invitation(code: $id) { displayName } }";
        let ask = async |person: &Person, code: &str| cast.ask(&app, Some(&person.access()), look, code).await;
        let wrong_code = ask(&cast.robin, "0000-0000-0000").await;
        assert!(ask(&cast.robin, &cast.code).await.1.contains("Alexis"));
        for (person, code) in [(&cast.alex, cast.code.as_str()), (&cast.sam, &cast.code), (&cast.robin, "nonsense")] {
            assert_eq!(ask(person, code).await, wrong_code, "{}", person.name);
        }
    }

    async fn r29_every_mutation_is_taken_from_whom_its_row_says(app) {
        let inputs = Inputs::read(&app).await;
        let world = World::build(&app).await;
        let (alex, sam) = (&world.alex, &world.sam);
        let former = &world.others[0];
        let stranger = &app.person("Max", "Europe/Berlin", ("22:00", "08:00")).await;
        let erased = app.erased("Nic").await;
        let rows = table::rows(&app, &world);
        let sender = |name: &str| MUTATIONS.iter().find(|(mutation, _)| *mutation == name).unwrap().1;
        let input_of = |name: &str| inputs.mutations.iter().find(|(mutation, _)| mutation == name).unwrap().1.as_deref();
        let mut wrong: Wrong = Vec::new();

        // People without access find nothing and change nothing.
        let before = world.dump(&app).await;
        for person in [former, sam] {
            person.done(&app, "reauthenticate", json!({ "password": PASSWORD }), "").await;
        }
        for row in rows.iter().filter(|row| sender(row.mutation) != Sender::Anyone) {
            let name = row.mutation;
            let ids = ids(&inputs, input_of(name), &row.good);
            if ids.is_empty() == matches!(sender(name), Sender::Owner | Sender::Members(_)) {
                wrong.push(format!("{name}: it names {ids:?}, and its row says {:?}", sender(name)));
            }
            let nobody = send(&app, None, name, &row.good).await;
            for token in ["nonsense", world.refresh_token.as_str(), &erased] {
                let answer = send(&app, Some(token), name, &row.good).await;
                if answer != nobody || !answer.1.contains("UNAUTHENTICATED") {
                    wrong.push(format!("{name}: without an account\n  {answer:?}"));
                }
            }
            if sender(name) == Sender::Ceremony {
                for person in [former, stranger, sam] {
                    let answer = send(&app, Some(&person.access()), name, &row.good).await;
                    let unknown = with(&row.good, "ceremony", Some(json!("nonsense")));
                    let on_unknown = send(&app, Some(&person.access()), name, &unknown).await;
                    if answer != on_unknown || !answer.1.contains("EXPIRED") {
                        wrong.push(format!("{name}: {} gets\n  {answer:?}\n  {on_unknown:?}", person.name));
                    }
                }
            }
            let partner = (sender(name) == Sender::Owner).then_some(sam);
            for (path, id) in &ids {
                for person in [Some(former), Some(stranger), partner].into_iter().flatten() {
                    let answer = send(&app, Some(&person.access()), name, &row.good).await;
                    let gone = with(&row.good, path, Some(json!(missing(id))));
                    let on_missing = send(&app, Some(&person.access()), name, &gone).await;
                    if answer != on_missing || !answer.1.contains("NOT_FOUND") {
                        wrong.push(format!("{name}: {} gets\n  {answer:?}\n  {on_missing:?}", person.name));
                    }
                }
            }
        }
        let after = world.dump(&app).await;
        assert_eq!(before, after, "nobody's attempt changed anything");

        // What a stranger changes of their own never touches another person's data.
        for row in rows.iter().filter(|row| sender(row.mutation) == Sender::Self_) {
            let answer = send(&app, Some(&stranger.access()), row.mutation, &row.good).await;
            if answer.1.contains("UNAUTHENTICATED") || answer.1.contains("NOT_FOUND") {
                wrong.push(format!("{}: {} gets {answer:?}", row.mutation, stranger.name));
            }
        }
        assert_eq!(world.dump(&app).await, before, "a stranger's own changes touched somebody else's");

        // The owner can; after the end, only what the row says.
        let members = |name: &str| match sender(name) {
            Sender::Members(after_the_end) => Some(after_the_end),
            Sender::Anyone | Sender::Self_ | Sender::Holder | Sender::Ceremony | Sender::Owner => None,
        };
        let after_the_end = async |person: &Person, row: &table::Row, wrong: &mut Wrong| {
            let Some(allowed) = members(row.mutation) else { return };
            let answer = send(&app, Some(&person.access()), row.mutation, &on_the_ended(&world, &row.good)).await;
            if answer.1.contains("REFUSED") == allowed || !answer.1.contains("\"status\"") || answer.1.contains("NOT_FOUND") {
                wrong.push(format!("{}: after the end {} gets {answer:?}", row.mutation, person.name));
            }
        };
        let owned = async |row: &table::Row, wrong: &mut Wrong| {
            let answer = send(&app, Some(&alex.access()), row.mutation, &row.good).await;
            if !answer.1.contains("\"DONE\"") {
                wrong.push(format!("{}: the owner gets {answer:?}", row.mutation));
            }
            after_the_end(alex, row, wrong).await;
        };
        // These mutations end what others need: a new password the invitation, the rest everything, for the partner as well.
        let ends = ["changePassword", "requestErasure", "cancelErasure", "logOut"];
        let (last, rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| ends.contains(&row.mutation));
        for row in &rows {
            owned(row, &mut wrong).await;
        }
        // The partner can send them too where the object is shared; the invitation that Alex took back was hers alone.
        for row in rows.iter().filter(|row| members(row.mutation).is_some()) {
            if row.mutation != "endLink" {
                let answer = send(&app, Some(&sam.access()), row.mutation, &row.good).await;
                if !answer.1.contains("\"status\"") || answer.1.contains("NOT_FOUND") {
                    wrong.push(format!("{}: the partner gets {answer:?}", row.mutation));
                }
            }
            after_the_end(former, row, &mut wrong).await;
        }
        let end = send(&app, Some(&sam.access()), "endLink", &json!({ "linkId": world.own.link })).await;
        assert!(end.1.contains("\"DONE\""), "either can end a link: {end:?}");
        for row in &last {
            owned(row, &mut wrong).await;
        }
        assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    }
}

//! Documents by their hash: the trusted ones and a cache of recent others, each parsed and measured once.
//!
//! A document with a string literal is not cached, since the string may be personal: values that differ from request to
//! request belong in variables.

use super::limits;
use crate::graphql::query_cost::{Document, Unreadable};
use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Characters of a trusted document's id.
const ID_MAX: usize = 200;

/// How a request names its document.
#[derive(Clone, Copy, Debug, Default)]
pub struct Named<'a> {
    /// Its text.
    pub text: Option<&'a str>,
    /// Its id in the manifest, or its SHA-256 in hexadecimal, with `sha256:` before it or without.
    pub id: Option<&'a str>,
}

/// Why a request has no document.
#[derive(Debug)]
pub enum Missing {
    /// The request names none.
    Unnamed,
    /// No document with this id is known (yet).
    Unknown,
    /// The document is not trusted, and only trusted ones are executed.
    Untrusted,
    /// The text does not match the id.
    Mismatch,
    /// The text is not GraphQL, or exceeds a limit.
    Unreadable(Unreadable),
}

/// A document that was found.
pub struct Found {
    /// The document.
    pub document: Arc<Document>,
    /// Whether the request named a trusted document by its id alone, and so has no text of its own.
    pub by_trusted_id: bool,
}

struct Trusted {
    hash: String,
    document: Arc<Document>,
}

/// A cached document, and the bytes of its text.
type Kept = (usize, Arc<Document>);

/// A cache of two generations: when the young one is full it replaces the old one; a hit in the old one moves up.
#[derive(Default)]
struct Latest {
    young: HashMap<String, Kept>,
    old: HashMap<String, Kept>,
    /// Bytes of the texts in the young generation.
    bytes: usize,
}

impl Latest {
    fn get(&mut self, hash: &str) -> Option<Arc<Document>> {
        if let Some((bytes, document)) = self.old.remove(hash) {
            self.keep(hash.to_owned(), bytes, &document);
        }
        self.young.get(hash).map(|(_, document)| Arc::clone(document))
    }

    fn keep(&mut self, hash: String, bytes: usize, document: &Arc<Document>) {
        if self.bytes + bytes > limits::KEPT_DOCUMENTS {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        if self.young.insert(hash, (bytes, Arc::clone(document))).is_none() {
            self.bytes += bytes;
        }
    }
}

/// The trusted documents and the cache.
#[derive(Default)]
pub struct Documents {
    /// The trusted documents, by their ids and by their hashes.
    trusted: HashMap<String, Arc<Trusted>>,
    only: bool,
    latest: Mutex<Latest>,
}

/// One operation of an Apollo manifest.
#[derive(Deserialize)]
struct Operation {
    id: String,
    body: String,
}

/// Reads a manifest: `apollo-persisted-query-manifest` (version 1), or an object of texts by id, as Relay's compiler
/// and GraphQL Code Generator write it.
fn read_manifest(text: &str) -> Result<Vec<(String, String)>, &'static str> {
    let not_one = "this is no manifest: neither apollo-persisted-query-manifest nor an object of texts by id";
    let manifest: Value = serde_json::from_str(text).map_err(|_| "this is no JSON")?;
    match (manifest.get("format").and_then(Value::as_str), manifest.get("operations")) {
        (Some("apollo-persisted-query-manifest"), Some(operations)) => {
            if manifest.get("version") != Some(&Value::from(1)) {
                return Err("this manifest's version is not known here, which is 1");
            }
            let operations = Vec::<Operation>::deserialize(operations).map_err(|_| not_one)?;
            Ok(operations.into_iter().map(|operation| (operation.id, operation.body)).collect())
        }
        _ => HashMap::<String, String>::deserialize(&manifest)
            .map(|documents| documents.into_iter().collect())
            .map_err(|_| not_one),
    }
}

fn hash_of(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text))
}

/// An id without the prefix `sha256:` (GraphQL over HTTP, "SHA256 hex document identifier").
fn bare(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}

impl Documents {
    /// Trusts the documents of a manifest file; with `only`, no others are executed.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the file.
    pub fn trusting(file: &Path, only: bool) -> Result<Self, String> {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let entries = read_manifest(&text)?;
        if entries.is_empty() {
            return Err("there is no document in it".to_owned());
        }
        let mut documents = Self { only, ..Self::default() };
        for (id, text) in entries {
            let id = bare(&id);
            if id.is_empty() || id.len() > ID_MAX {
                return Err(format!("an id has 1 to {ID_MAX} characters, not {}", id.len()));
            }
            let entry = documents.trust(id, &text)?;
            let hash = entry.hash.clone();
            if documents.trusted.insert(id.to_owned(), entry).is_some_and(|other| other.hash != hash) {
                return Err(format!("document {id} is there twice, and differs"));
            }
        }
        Ok(documents)
    }

    /// Trusts more documents, under their hashes.
    ///
    /// # Errors
    /// A sentence that says which document is not GraphQL or exceeds a limit.
    pub fn and<'a>(mut self, texts: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        texts.into_iter().try_for_each(|text| self.trust(text, text).map(drop))?;
        Ok(self)
    }

    /// Trusts a document under its hash; `id` is its name in errors.
    fn trust(&mut self, id: &str, text: &str) -> Result<Arc<Trusted>, String> {
        let document = Document::parse(text).map_err(|refused| match refused {
            Unreadable::TooMuch(sentence) => format!("document {id}: {sentence}"),
            Unreadable::Syntax(_) => format!("document {id} is no GraphQL"),
            Unreadable::UnknownType => format!("document {id}: a variable's type is not in the schema"),
        })?;
        let entry = Arc::new(Trusted { hash: hash_of(text), document: Arc::new(document) });
        self.trusted.insert(entry.hash.clone(), Arc::clone(&entry));
        Ok(entry)
    }

    /// Finds a request's document, and parses it if it is new.
    ///
    /// # Errors
    /// Why there is none.
    pub fn find(&self, named: Named<'_>) -> Result<Found, Missing> {
        let id = named.id.map(bare);
        let by_id = id.and_then(|id| self.trusted.get(id));
        let Some(text) = named.text else {
            return match (by_id, id) {
                (_, None) => Err(Missing::Unnamed),
                (Some(trusted), _) => {
                    Ok(Found { document: Arc::clone(&trusted.document), by_trusted_id: true })
                }
                (None, Some(id)) => self.kept(id).map(Found::other).ok_or(Missing::Unknown),
            };
        };
        let hash = hash_of(text);
        if id.is_some_and(|id| by_id.map_or(id, |trusted| &trusted.hash) != hash) {
            return Err(Missing::Mismatch);
        }
        if let Some(trusted) = self.trusted.get(&hash) {
            return Ok(Found::other(Arc::clone(&trusted.document)));
        }
        if self.only {
            return Err(Missing::Untrusted);
        }
        if let Some(document) = self.kept(&hash) {
            return Ok(Found::other(document));
        }
        let document = Arc::new(Document::parse(text).map_err(Missing::Unreadable)?);
        if !text.contains('"') {
            self.latest().keep(hash, text.len(), &document);
        }
        Ok(Found::other(document))
    }

    fn latest(&self) -> std::sync::MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self, hash: &str) -> Option<Arc<Document>> {
        if self.only { None } else { self.latest().get(hash) }
    }
}

impl Found {
    fn other(document: Arc<Document>) -> Self {
        Self { document, by_trusted_id: false }
    }
}

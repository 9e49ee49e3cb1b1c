//! What programs ask: documents by their hash, answers that are asked for again, the addresses beside GraphQL, lists in
//! both directions.

mod support;

#[path = "programs/documents.rs"]
mod documents;
#[path = "programs/home.rs"]
mod home;
#[path = "programs/lists.rs"]
mod lists;
#[path = "programs/rest.rs"]
mod rest;

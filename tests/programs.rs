//! What programs ask: the addresses beside GraphQL.

mod support;

#[path = "programs/rest.rs"]
mod rest;

//! What programs ask: documents by their hash, answers that are asked for again, the addresses beside GraphQL, lists in
//! both directions.

mod documents;
mod home;
mod lists;
mod rest;

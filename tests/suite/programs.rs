//! What programs ask: documents by their hash, conditional requests, the addresses beside GraphQL, lists in both
//! directions.

mod documents;
mod home;
mod lists;
mod rest;

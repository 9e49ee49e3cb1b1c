//! Evenkeel: a private, self-hostable service that keeps the aftercare promises of couples who live apart.
//!
//! Who may import whom (`tests/suite/layering.rs` holds this against the code): `domain` imports only `ids`. `store`,
//! `vault` and `auth` import `domain`. `actions` imports `domain`, `store`, `vault`, `auth`. `delivery` imports
//! `actions`, `store`, `domain`. `graphql` imports `actions`, `domain`, `auth`. `http` imports `graphql`,
//! `actions`, `auth`. `meters` imports `domain`, and `store`, `actions`, `delivery` and `http` may import it. Only `app`, and `demo`, `doctor` and `main` above it, see everything.

pub mod actions;
pub mod app;
pub mod auth;
pub mod chance;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod demo;
pub mod doctor;
pub mod domain;
pub mod graphql;
pub mod http;
pub mod ids;
pub mod metrics;
pub mod store;
pub mod vault;

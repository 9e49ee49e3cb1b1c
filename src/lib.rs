//! Evenkeel: a private, self-hostable service that keeps the aftercare promises of couples who live apart.
//!
//! Which module may import which (`tests/suite/layering.rs` checks it): all may import `ids`, `clock` and `chance`.
//! `store`, `vault` and `auth` import `domain`; `auth` also imports `vault`. `actions` imports `domain`, `store`,
//! `vault` and `auth`. `delivery` imports `actions`, `store` and `domain`. `graphql` imports `actions`, `domain` and
//! `auth`. `http` imports `graphql`, `actions` and `auth`. `metrics` imports `domain`; `store`, `actions`, `delivery`
//! and `http` import `metrics`. Only `app`, and `demo`, `doctor` and `main` above it, see everything.

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

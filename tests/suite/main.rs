//! All integration tests but those that must be alone: one module for each subject.
//!
//! A new test goes into the module of its subject; a new subject is a file beside this one and a line below. A file of
//! its own costs nothing, a test binary of its own is linked for as long as this one. Alone are only the tests that kill
//! processes (`tests/crash`), those that measure time (`tests/no_oracle`), and those that read the whole process's log
//! (`tests/logs`).

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod authorisation;
mod bad_input;
mod bad_requests;
mod check_ins;
mod companion;
mod deliveries;
mod devices;
mod doctor;
mod domain_rules;
mod erasure;
mod explanations;
mod export;
mod factors;
mod faults;
mod fuzz;
mod http;
mod idempotency;
mod ladder_model;
mod layering;
mod limits;
mod links;
mod long_view;
mod migrations;
mod negotiation;
mod negotiation_costs;
mod negotiation_races;
mod nudges;
mod ops;
mod pages;
mod partners_view;
mod privacy;
mod programs;
mod providers;
mod reachability;
mod receivers;
mod retention;
mod scenes;
mod schema;
mod sessions;
mod story;
mod streams;
mod throttling;
mod time_properties;
mod vault;
mod watching;
mod workers;

//! All integration tests but those that must run alone: one module per subject.
//!
//! A new test goes into the module of its subject; a new subject is a file beside this one and a line below. A file
//! costs nothing, but each test binary takes as long to link as this one. Only the tests that kill processes
//! (`tests/crash`), that measure time (`tests/no_oracle`), and that read the whole process's log (`tests/logs`) have
//! their own.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod authorisation;
mod bad_input;
mod bad_requests;
mod check_ins;
mod clocks;
mod companion;
mod consents;
mod deliveries;
mod devices;
mod doctor;
mod domain_rules;
mod erasure;
mod explanations;
mod export;
mod factors;
mod faults;
mod full_disk;
mod fuzz;
mod http;
mod idempotency;
mod ladder_model;
mod lanes;
mod layering;
mod limits;
mod links;
mod local_times;
mod long_view;
mod lost_databases;
mod migrations;
mod negotiation;
mod negotiation_costs;
mod negotiation_races;
mod nudges;
mod offline;
mod ops;
mod pages;
mod partners_view;
mod patches;
mod pleas;
mod pooler;
mod privacy;
mod programs;
mod providers;
mod reachability;
mod reasons;
mod receivers;
mod retention;
mod scenes;
mod schema;
mod session_model;
mod sessions;
mod sign_outs;
mod silence;
mod solo;
mod states;
mod story;
mod streams;
mod throttling;
mod time_properties;
mod unreadable;
mod vault;
mod waking_hours;
mod watching;
mod workers;
mod zone_rules;

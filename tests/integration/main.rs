//! Behaviour as a person at a terminal would notice it, against real components.
#![allow(
    clippy::disallowed_methods,
    reason = "tests start programs and wait for them"
)]
#![allow(dead_code, reason = "what the tests stand on grows ahead of them")]
#![allow(unreachable_pub, reason = "a test binary has no other crate to reach")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what is missing in a test is a failed test"
)]

mod adoption;
mod architecture;
mod authors;
mod backport_through;
mod bad_input;
mod bad_repositories;
mod bounded_inputs;
mod bump_explain;
mod bump_image;
mod bump_pick;
mod bump_release;
mod cli;
mod cluster;
mod commit_messages;
mod components;
mod damaged_clones;
mod declared_pins;
mod demo;
mod diff;
mod every_site;
mod existing_kustomize;
mod explained_plans;
mod flux_pins;
mod forge;
mod found_pins;
mod git;
mod git_logins;
mod histories;
mod history;
mod hooks;
mod init;
mod invariants;
mod krew;
mod kubeconfig;
mod large_files;
mod limits;
mod literal_names;
mod lost_connections;
mod lost_copies;
mod merge_driver;
mod mixed_estate;
mod object_formats;
mod odd_names;
mod odd_records;
mod online_boutique;
mod pin_places;
mod pins;
mod plan_files;
mod plugin;
mod policy_sources;
mod progress;
mod promote;
mod promote_answers;
mod promote_images;
mod promote_units;
mod promoted_as_written;
mod promoted_files;
mod publish;
mod pull_requests;
mod push;
mod races;
mod registries;
mod registry_digests;
mod registry_faults;
mod registry_logins;
mod registry_origins;
mod registry_requests;
mod registry_tokens;
mod renamed;
mod render;
mod rendering_proof;
mod repo_url;
mod reverts;
mod rollback;
mod safe_repositories;
mod schema;
mod secrets;
mod shallow_and_partial;
mod shared_bases;
mod signing;
mod silent_remotes;
mod site_properties;
mod status;
mod support;
mod tag_file;
mod tags;
mod typed_hints;
mod validate;
mod validate_cluster;
mod validate_live;
mod validate_verdicts;

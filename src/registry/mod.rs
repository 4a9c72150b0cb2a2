//! Adapter: OCI registries, image layout directories, and recordings of either.
//!
//! One blocking facade, [`Registries`], answers in batches; the asynchronous
//! client stays inside. Owns pagination, authentication, retries and what a
//! manifest's bytes mean. Refuses to change anything in a registry, to send
//! credentials to another origin than the one that they are for, or over plain HTTP
//! where the machine does not allow it, and to take a failure for an absence.

mod challenge;
mod credential_helper;
mod credentials;
mod error;
mod facade;
mod host;
mod http;
mod layout;
mod link;
mod manifest;
mod origin;
mod progress;
mod proxy;
pub mod reading;
mod recording;
mod redirect;
mod requests;
mod settings;
mod spelling;
mod tags;
mod token;
mod token_service;
mod told;
mod words;

pub use credentials::{CredentialDocument, CredentialSource};
pub use error::{Fault, Refusal, RegistryError};
pub use facade::{ManifestQuery, Registries};
pub use manifest::{ImageFacts, Manifest};
pub use origin::{InsecureHost, InsecureHostError};
pub use progress::{Asking, Observer, Progress};
pub use recording::{RECORDING_SCHEMA, Recording, RecordingError};
pub use settings::{Proxies, Settings};

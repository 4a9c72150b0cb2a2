//! Adapter: OCI registries, image layout directories, and recordings of either.
//!
//! One blocking facade, [`Registries`], answers in batches; the asynchronous
//! client stays inside. Owns pagination, authentication, retries and what a
//! manifest's bytes mean. Refuses to change anything in a registry, to send
//! credentials over plain HTTP to another machine, and to take a failure for
//! an absence.

mod credential_helper;
mod credentials;
mod error;
mod facade;
mod host;
mod http;
mod layout;
mod manifest;
mod progress;
mod recording;
mod requests;
mod settings;
mod spelling;
mod tags;
mod token;
mod told;

pub use credentials::{CredentialDocument, CredentialSource};
pub use error::{Fault, Refusal, RegistryError};
pub use facade::{ManifestQuery, Registries};
pub use manifest::{ImageFacts, Manifest};
pub use progress::{Asking, Observer, Progress};
pub use recording::{RECORDING_SCHEMA, Recording, RecordingError};
pub use settings::{Proxies, Settings};

//! How registries are reached: whose logins are used and whose certificates are trusted;
//! and what helps when they are not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueHint;

use super::cluster::{connect_options, pull_secrets_failure};
use super::edge::context::Context;
use super::edge::failure::{Failure, FailureKind};
use super::opening::estate_failure;
use crate::image::Reference;
use crate::ops::estate::Estate;
use crate::ops::registries::{PullSecretsError, local_settings, pull_secrets};
use crate::product::EnvironmentState;
use crate::product::{ComponentName, RegistryEntry};
use crate::registry::{
    CredentialSource, Fault, InsecureHost, InsecureHostError, RegistryError, Settings,
};
use crate::report::count;

/// What `--request-timeout 0` means where something has to end.
const FOR_EVER: Duration = Duration::from_secs(24 * 60 * 60);

/// The variable with what `--insecure-registry` says for every run on this machine, with
/// commas or spaces between the hosts.
const INSECURE: &str = "KUBECTL_GITOPS_INSECURE_REGISTRIES";

/// How registries are reached.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Registry options")]
pub(super) struct RegistryArgs {
    /// Log in to registries as the environment's cluster does, by the pull secrets of its
    /// namespace; they are tried before the logins on this machine
    #[arg(long)]
    pull_secrets: bool,
    /// Trust the certificate authorities in this file, too; may be repeated
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    registry_ca: Vec<PathBuf>,
    /// Ask this registry or token service over plain HTTP and send its login that way; may
    /// be repeated. KUBECTL_GITOPS_INSECURE_REGISTRIES names hosts for all runs
    #[arg(long, value_name = "HOST[:PORT]")]
    insecure_registry: Vec<String>,
}

impl RegistryArgs {
    /// The settings of this run, in which these images are asked for: its variables first,
    /// then its options, then what `gitops.yaml` says.
    pub(super) fn settings<'a>(
        &self,
        context: &Context,
        (estate, state): (&Estate, &EnvironmentState),
        images: impl Iterator<Item = &'a Reference>,
    ) -> Result<Settings, Failure> {
        layouts_are_there(estate, images)?;
        let mut settings = Settings::from_variables(&|name| context.variable(name));
        match context.global.kube.request_timeout {
            Some(time) if time.is_zero() => {
                (settings.timeout, settings.list_time) = (FOR_EVER, FOR_EVER);
            }
            Some(time) => settings.timeout = time,
            None => {}
        }
        for file in &self.registry_ca {
            let usage = |error| Failure::new(FailureKind::Usage, error);
            let folder = context.directory();
            let folder = folder.map_err(|error| usage(anyhow::Error::new(error)))?;
            let trusted = settings.trust(folder.join(file));
            trusted.map_err(|error| usage(anyhow::Error::new(error).context("--registry-ca")))?;
        }
        settings.insecure = self.insecure(context)?;
        if self.pull_secrets {
            let connect = connect_options(context);
            let found = pull_secrets(estate, state, &connect).map_err(|error| match error {
                PullSecretsError::Estate(error) => estate_failure(error),
                PullSecretsError::Cluster(error) => pull_secrets_failure(error),
            })?;
            for warning in &found.warnings {
                context.ui.warn(warning);
            }
            settings.documents.splice(0..0, found.documents);
        }
        settings.observer = context.ui.observer();
        let root = estate.git.work_tree();
        let root = root.unwrap_or_else(|| estate.git.git_dir());
        Ok(local_settings(estate.repository(), root, settings))
    }

    /// The hosts that get a login over plain HTTP: this machine says so, no repository.
    fn insecure(&self, context: &Context) -> Result<BTreeSet<InsecureHost>, Failure> {
        let variable = context.variable(INSECURE).unwrap_or_default();
        let variable = variable.to_string_lossy();
        let words = variable.split(|c: char| c == ',' || c.is_whitespace());
        let words = words.filter(|word| !word.is_empty());
        let flags = self.insecure_registry.iter().map(String::as_str);
        let named = flags.map(|word| ("--insecure-registry", word));
        let named = named.chain(words.map(|word| (INSECURE, word)));
        let host = |(place, word): (&str, &str)| {
            word.parse().map_err(|error: InsecureHostError| {
                // An address may hold a password.
                let shown = if word.contains('@') { "***" } else { word };
                Failure::usage(format!("{place} has {shown:?}: {error}"))
            })
        };
        named.map(host).collect()
    }
}

/// A registry may be a folder of the work tree, which a copy does not have.
fn layouts_are_there<'a>(
    estate: &Estate,
    mut images: impl Iterator<Item = &'a Reference>,
) -> Result<(), Failure> {
    let Some(url) = estate.git.copy_of() else {
        return Ok(());
    };
    let registries = &estate.repository().registries;
    let missing = images.find_map(|image| {
        let host = image.host()?;
        match registries.get(host)? {
            RegistryEntry::Layout(folder) if Path::new(folder).is_relative() => {
                Some((host, folder))
            }
            _ => None,
        }
    });
    match missing {
        None => Ok(()),
        Some((host, folder)) => Err(Failure::usage(format!(
            "the registry {host} is the folder {folder} of the repository's work tree, and {url} is an address"
        ))
        .hint("git clone it, then go into the clone or name it with -C DIR")),
    }
}

/// Returns what is not known because registries failed, and what helps.
pub(super) fn nothing_known(failed: &[(ComponentName, RegistryError)]) -> (String, Vec<String>) {
    let names: Vec<String> = failed.iter().map(|(name, _)| name.to_string()).collect();
    let unknown = format!(
        "nothing is known about {} ({}); nothing was written",
        count(names.len(), "component"),
        names.join(", ")
    );
    let mut lines = Vec::new();
    for (_, error) in failed {
        let line = advice(error);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    (unknown, lines)
}

fn by_pull_secret(error: &RegistryError) -> bool {
    matches!(error.credentials(), Some(CredentialSource::Document(_)))
}

/// Whether a login was held back, which would have gone over plain HTTP.
fn is_held_back(error: &RegistryError) -> bool {
    matches!(error.credentials(), Some(CredentialSource::PlainHttp))
}

/// What helps against a registry's failure.
fn advice(error: &RegistryError) -> String {
    let host = error.registry().unwrap_or("the registry");
    if let Some(place) = error.elsewhere() {
        return format!(
            "no login of {host} is sent to {place}; if that is the registry, name it in the image"
        );
    }
    match error.fault() {
        Fault::Unauthorized | Fault::Forbidden | Fault::NotFound if is_held_back(error) => {
            format!("if it needs a login, allow it over plain HTTP: --insecure-registry {host}")
        }
        Fault::PlainHttp => {
            let host = error.plain_host().unwrap_or(host);
            format!("if it may be asked over plain HTTP: --insecure-registry {host}")
        }
        Fault::Unauthorized | Fault::Forbidden if by_pull_secret(error) => {
            "correct that secret, or leave --pull-secrets out".to_owned()
        }
        Fault::Unauthorized => format!("log in: docker login {host}"),
        Fault::Forbidden => {
            format!("this login of {host} may not read it; log in as a user who may")
        }
        Fault::NotFound => {
            "it does not exist, or this login may not see it: check the image's name".to_owned()
        }
        Fault::RateLimited => format!("wait a while, or log in: docker login {host}"),
        Fault::Failed => format!("{host} is in trouble; run it again later"),
        Fault::Unreachable => format!("check the network, the proxy and the name {host}"),
        Fault::Untrusted => {
            "name the certificate authority that signed it: --registry-ca FILE".to_owned()
        }
        Fault::Credentials => "repair the credentials, or log in again".to_owned(),
        Fault::NotRecorded => {
            "add it to the file, or ask the registries: --save-tags instead of --tags-from"
                .to_owned()
        }
    }
}

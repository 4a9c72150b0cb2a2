//! How registries are reached: whose logins are used and whose certificates are trusted.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueHint;

use super::cluster::connect_options;
use super::context::Context;
use super::failure::{Failure, FailureKind};
use crate::ops::bump_image::{BumpError, Scene, pull_secrets};
use crate::ops::estate::Estate;
use crate::registry::Settings;

/// What `--request-timeout 0` comes to where something has to end.
const FOR_EVER: Duration = Duration::from_secs(24 * 60 * 60);

/// How registries are reached.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Registry options")]
pub(super) struct RegistryArgs {
    /// Log in to registries as the environment's cluster does, by the pull secrets of its
    /// namespace; they go before the logins on this machine
    #[arg(long, conflicts_with = "tags_from")]
    pull_secrets: bool,
    /// Trust the certificate authorities in this file, too; may be repeated
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    registry_ca: Vec<PathBuf>,
}

impl RegistryArgs {
    /// The settings of this run: its variables first, then its options.
    pub(super) fn settings(
        &self,
        context: &Context,
        (estate, scene): (&Estate, &Scene),
        failure: impl Fn(BumpError) -> Failure,
    ) -> Result<Settings, Failure> {
        let mut settings = Settings::from_variables(&|name| context.variable(name));
        match context.global.kube.request_timeout {
            Some(time) if time.is_zero() => settings.timeout = FOR_EVER,
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
        if self.pull_secrets {
            let connect = connect_options(context);
            let found = pull_secrets(estate, scene, &connect).map_err(failure)?;
            for warning in &found.warnings {
                context.ui.warn(warning);
            }
            settings.documents = found.documents;
        }
        Ok(settings)
    }
}

//! `--save-tags` and `--tags-from`: the file in which what registries say is kept, and
//! which can be asked in their place.

use std::path::{Path, PathBuf};

use clap::ValueHint;
use jiff::Timestamp;

use super::edge::context::Context;
use super::edge::failure::{Failure, FailureKind, not_written};
use super::edge::hint::{CommandLine, Hint};
use crate::files;
use crate::registry::{Recording, Registries, RegistryError, Settings};
use crate::report::count;

/// Where the tags of this run come from, and where they are kept.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Registry options")]
pub(super) struct TagFileArgs {
    /// Save what the registries say to this file, for --tags-from
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "tags_from")]
    save_tags: Option<PathBuf>,
    /// Ask no registry: go by this file, saved by --save-tags or written by hand
    /// (kubectl gitops schema registry-tags)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "pull_secrets")]
    tags_from: Option<PathBuf>,
}

impl TagFileArgs {
    /// Whom to ask, and the time from which ages count. `settings` are for registries
    /// and are not needed where a file answers.
    pub(super) fn registries(
        &self,
        context: &Context,
        settings: impl FnOnce() -> Result<Settings, Failure>,
        failure: impl Fn(RegistryError) -> Failure,
    ) -> Result<(Registries, Timestamp), Failure> {
        let now = Timestamp::from_second(context.now()).unwrap_or_default();
        let Some(file) = &self.tags_from else {
            let settings = Settings {
                record: self.save_tags.is_some(),
                ..settings()?
            };
            return Ok((Registries::new(settings).map_err(failure)?, now));
        };
        let recording = read(&place(context, file)?, file)?;
        let now = recording.as_of.unwrap_or(now);
        let registries = Registries::replaying(recording, file).map_err(failure)?;
        Ok((registries, now))
    }

    /// Saves what the registries said, if that was asked for.
    pub(super) fn save(
        &self,
        context: &Context,
        registries: &Registries,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let Some(file) = &self.save_tags else {
            return Ok(());
        };
        let recording = registries.recorded(now);
        files::write_whole(&place(context, file)?, recording.to_json().as_bytes())
            .map_err(|error| not_written(file, error))?;
        let repositories = count(recording.len(), "repository");
        context.ui.note(&format!(
            "what the registries said about {repositories} is in {}",
            file.display()
        ));
        Ok(())
    }
}

fn read(at: &Path, file: &Path) -> Result<Recording, Failure> {
    let text = files::read_named(at, files::NAMED)
        .and_then(files::text)
        .map_err(|error| unusable(file, error))?;
    Recording::parse(&text).map_err(|error| {
        let place = format!("{}:{}:{}", file.display(), error.line, error.column);
        let error = anyhow::Error::new(error).context(place);
        Failure::new(FailureKind::Usage, error).hint(Hint::command(
            "see what it can hold",
            CommandLine::gitops(["schema", "registry-tags"]),
        ))
    })
}

/// Files are named from where the command works.
fn place(context: &Context, file: &Path) -> Result<PathBuf, Failure> {
    let folder = context.directory();
    let folder = folder.map_err(|error| unusable(file, error))?;
    Ok(folder.join(file))
}

fn unusable(file: &Path, error: std::io::Error) -> Failure {
    let error = anyhow::Error::new(error).context(file.display().to_string());
    Failure::new(FailureKind::Usage, error)
}

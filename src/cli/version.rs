//! `version`: build facts, without touching a repository or a cluster.

use serde::Serialize;

use super::edge::args::OutputArgs;
use super::edge::context::Context;
use super::edge::failure::{Exit, Failure};
use crate::report::Style;

/// Print the version and what this executable was built for
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    version: &'static str,
    /// The operating system and processor, as krew and Go name them.
    platform: String,
    /// `debug` or `release`.
    profile: &'static str,
    /// The oldest compiler that builds this version.
    rust_version: &'static str,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let version = Version {
        version: env!("CARGO_PKG_VERSION"),
        platform: platform(std::env::consts::OS, std::env::consts::ARCH),
        profile: if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        },
        rust_version: env!("CARGO_PKG_RUST_VERSION"),
    };
    context
        .ui
        .report(args.output.format, "Version", &version, text)?;
    Ok(Exit::Ok)
}

fn text(version: &Version, _: &Style) -> String {
    format!(
        "kubectl-gitops {} ({})\n",
        version.version, version.platform
    )
}

fn platform(system: &str, processor: &str) -> String {
    let system = match system {
        "macos" => "darwin",
        other => other,
    };
    let processor = match processor {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    };
    format!("{system}/{processor}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_named_as_krew_names_them() {
        assert_eq!(platform("macos", "aarch64"), "darwin/arm64");
        assert_eq!(platform("linux", "x86_64"), "linux/amd64");
        assert_eq!(platform("windows", "x86_64"), "windows/amd64");
    }
}

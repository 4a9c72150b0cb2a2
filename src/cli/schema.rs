//! `schema`: the JSON Schema of a kind, for editors and other programs.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::context::Context;
use super::failure::{Exit, Failure};
use crate::product::Kind;

/// Print the JSON Schema of one of the kinds that a repository is made of
#[derive(clap::Args)]
#[command(
    after_help = "Editors with the YAML language server check and complete a file that says\n  \
    # yaml-language-server: $schema=PATH\nin its first line, after\n  \
    kubectl gitops schema product > PATH"
)]
pub(super) struct Args {
    /// The kind
    #[arg(value_name = "KIND", ignore_case = true)]
    kind: Kind,
}

impl ValueEnum for Kind {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, file) = match self {
            Self::Repository => ("repository", "gitops.yaml"),
            Self::Product => ("product", "product.yaml"),
            Self::Component => ("component", "a file that product.yaml includes"),
            Self::Environment => ("environment", "environment.yaml"),
            Self::Template => ("template", "templates/NAME/template.yaml"),
        };
        Some(PossibleValue::new(name).help(file))
    }
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    context.ui.answer(args.kind.json_schema());
    Ok(Exit::Ok)
}

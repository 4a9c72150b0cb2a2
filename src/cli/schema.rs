//! `schema`: the JSON Schema of a kind, for editors and other programs.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::edge::context::Context;
use super::edge::failure::{Exit, Failure};
use crate::ops::bump_image::REPORT_SCHEMA;
use crate::ops::pins::PINS_SCHEMA;
use crate::ops::promote::PLAN_SCHEMA;
use crate::product::Kind;
use crate::registry::RECORDING_SCHEMA;

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
    kind: Document,
}

/// Everything that has a schema.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Document {
    /// A kind of the model.
    Model(Kind),
    /// The file of `bump-image --tags-from`.
    RegistryTags,
    /// The file of `promote --plan-out`.
    PromotionPlan,
    /// The data of `pins -o json`.
    PinReport,
    /// The data of `bump-image -o json`.
    BumpImageReport,
}

impl ValueEnum for Document {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Model(Kind::Repository),
            Self::Model(Kind::Product),
            Self::Model(Kind::Component),
            Self::Model(Kind::Environment),
            Self::Model(Kind::Template),
            Self::RegistryTags,
            Self::PromotionPlan,
            Self::PinReport,
            Self::BumpImageReport,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, file) = match self {
            Self::Model(Kind::Repository) => ("repository", "gitops.yaml"),
            Self::Model(Kind::Product) => ("product", "product.yaml"),
            Self::Model(Kind::Component) => ("component", "a file that product.yaml includes"),
            Self::Model(Kind::Environment) => ("environment", "environment.yaml"),
            Self::Model(Kind::Template) => ("template", "templates/NAME/template.yaml"),
            Self::RegistryTags => ("registry-tags", "the file of bump-image --tags-from"),
            Self::PromotionPlan => ("promotion-plan", "the file of promote --plan-out"),
            Self::PinReport => ("pin-report", "the answer of pins -o json"),
            Self::BumpImageReport => ("bump-image-report", "the answer of bump-image -o json"),
        };
        Some(PossibleValue::new(name).help(file))
    }
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    context.ui.answer(match args.kind {
        Document::Model(kind) => kind.json_schema(),
        Document::RegistryTags => RECORDING_SCHEMA,
        Document::PromotionPlan => PLAN_SCHEMA,
        Document::PinReport => PINS_SCHEMA,
        Document::BumpImageReport => REPORT_SCHEMA,
    });
    Ok(Exit::Ok)
}

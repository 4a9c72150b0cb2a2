//! `backport ENV`: an environment's hotfixes to the environment that it is
//! promoted from.

use super::args::{OutputArgs, WriteArgs};
use super::context::Context;
use super::failure::{Exit, Failure, FailureKind};
use super::opening::{environment, open_to_write};
use super::promote as promote_words;
use super::writing::{self, Again};
use crate::ops::backport::{self, Request};
use crate::ops::promote::{self, PlanError};
use crate::report::Format;
use crate::report::text::promote as text;

/// Carry an environment's hotfixes to the environment it is promoted from
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kubectl gitops backport prod                  every hotfix on prod, to staging
  kubectl gitops backport prod --only payment   those of one component")]
pub(super) struct Args {
    /// The environment that has the hotfixes
    #[arg(value_name = "ENV")]
    environment: String,
    /// Carry the hotfixes of these units only
    #[arg(long, value_name = "UNIT,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Let an image move to an older version
    #[arg(long)]
    allow_downgrade: bool,
    #[command(flatten)]
    write: WriteArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let environment = environment(&args.environment)?;
    let request = Request {
        only: args.only.clone(),
        allow_downgrade: args.allow_downgrade,
        message: args.write.message.clone(),
    };
    let estate = open_to_write(context)?;
    let facts =
        promote::gather(&estate, &environment, None, None).map_err(promote_words::failure)?;
    let plan = backport::plan(&request, &facts).map_err(promote_words::failure)?;
    let text_wanted = args.output.format == Format::Text;
    if text_wanted && !plan.items.is_empty() {
        context.ui.answer(&text::backport(
            &plan,
            &facts.repository,
            context.ui.style(),
        ));
    }
    let data = |published: Option<serde_json::Value>| {
        if text_wanted {
            return Ok(());
        }
        let mut value = text::backport_data(&plan);
        value["published"] = published.unwrap_or_default();
        context
            .ui
            .report(args.output.format, "BackportReport", &value, |_, _| {
                String::new()
            })
    };
    if let Some(lower) = plan.downgrades.first() {
        data(None)?;
        let message = format!(
            "{} would go back from {} to {} on {}",
            lower.component, lower.from, lower.to, plan.into.0
        );
        return Err(
            Failure::new(FailureKind::Refused, anyhow::Error::msg(message))
                .hint("nothing was written; leave it out with --only, or add --allow-downgrade"),
        );
    }
    if plan.items.is_empty() {
        if text_wanted {
            context.ui.answer(&format!(
                "{} has no hotfix that {} lacks",
                plan.hotfixed.0, plan.into.0
            ));
        }
        return data(None).map(|()| Exit::Ok);
    }
    if args.write.dry_run {
        return data(None).map(|()| Exit::Ok);
    }
    let mut replan = || {
        let facts = promote::gather(&estate, &environment, None, None)?;
        let plan = backport::plan(&request, &facts)?;
        Ok::<_, PlanError>(backport::planned(&plan, &request, &estate, &facts))
    };
    let first = backport::planned(&plan, &request, &estate, &facts);
    let again = Again {
        plan: &mut replan,
        command: &format!("kubectl gitops backport {environment} --dry-run"),
        failure: &promote_words::failure,
    };
    let Some(published) = writing::write(context, &args.write, &estate, first, again)? else {
        return Ok(Exit::Ok);
    };
    if text_wanted {
        writing::announce(context, &published);
        context.ui.hint(&format!(
            "the next promotion finds it already there: kubectl gitops promote {environment}"
        ));
    }
    data(Some(writing::published_data(&published))).map(|()| Exit::Ok)
}

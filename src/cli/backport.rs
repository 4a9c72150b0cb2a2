//! `backport ENV`: an environment's hotfixes to the environment that it is
//! promoted from.

use super::edge::args::{OutputArgs, WriteArgs};
use super::edge::context::Context;
use super::edge::failure::{Exit, Failure, FailureKind};
use super::edge::hint::{CommandLine, Hint};
use super::opening::{environment, estate_failure, open_to_write};
use super::promote as promote_words;
use super::writing::{self, Again};
use crate::ops::backport::{self, Request};
use crate::ops::commit::TemplateError;
use crate::ops::comparison::{GatherError, gather};
use crate::ops::estate::Estate;
use crate::ops::promote::PromoteError;
use crate::product::EnvironmentName;
use crate::report::Format;
use crate::report::text::promote as text;

/// Carry an environment's hotfixes to the environment it is promoted from
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kubectl gitops backport prod                  every hotfix on prod, to staging
  kubectl gitops backport prod --only payment   those of one component
  kubectl gitops backport prod --through dev    to staging, and on to dev")]
pub(super) struct Args {
    /// The environment that has the hotfixes
    #[arg(value_name = "ENV")]
    environment: String,
    /// Carry the hotfixes of these units only
    #[arg(long, value_name = "UNIT,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Carry them on, one environment after the other, until they are here
    #[arg(long, value_name = "SOURCE")]
    through: Option<String>,
    /// Let an image move to an older version
    #[arg(long)]
    allow_downgrade: bool,
    #[command(flatten)]
    write: WriteArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let begin = environment(&args.environment)?;
    let estate = open_to_write(context)?;
    let mut steps = vec![begin.clone()];
    if let Some(through) = &args.through {
        steps = chain(&estate, &begin, &environment(through)?)?;
    }
    let mut only = args.only.clone();
    let mut reports = Vec::new();
    let last = steps.len() - 1;
    for (at, step) in steps.iter().enumerate() {
        let done = one(args, context, &estate, (step, &only))?;
        reports.push(done.report);
        // What is carried on is what was carried here, and nothing else of this environment.
        only = done.units;
        if at == last || done.outcome == Outcome::Written {
            continue;
        }
        let next = &steps[at + 1];
        if done.outcome == Outcome::Proposed {
            let (through, only) = (args.through.as_deref().unwrap_or_default(), only.clone());
            let on = CommandLine::gitops(["backport", next.as_str()])
                .option("--through", [through])
                .option("--only", only);
            context
                .ui
                .hint(Hint::command("when that is merged, carry it on", on));
        } else if args.write.dry_run && !only.is_empty() {
            context.ui.note(&format!(
                "what goes on from {next} follows from that, and is shown when it is there"
            ));
        }
        break;
    }
    if args.output.format == Format::Text {
        return Ok(Exit::Ok);
    }
    let value = match (args.through.is_some(), reports.pop()) {
        (false, Some(report)) => report,
        (_, last) => {
            reports.extend(last);
            serde_json::json!({"steps": reports})
        }
    };
    report(args, context, &value).map(|()| Exit::Ok)
}

fn report(args: &Args, context: &Context, value: &serde_json::Value) -> Result<(), Failure> {
    context
        .ui
        .report(args.output.format, "BackportReport", value, |_, _| {
            String::new()
        })
}

/// The environments whose hotfixes are carried, one after the other, so that they
/// arrive in the last one.
fn chain(
    estate: &Estate,
    begin: &EnvironmentName,
    through: &EnvironmentName,
) -> Result<Vec<EnvironmentName>, Failure> {
    estate.environment(through).map_err(estate_failure)?;
    let mut steps = Vec::new();
    let mut at = begin.clone();
    loop {
        let source = estate
            .environment(&at)
            .map_err(estate_failure)?
            .promote_from
            .clone();
        let Some(source) = source.filter(|_| !steps.contains(&at)) else {
            return Err(Failure::usage(format!(
                "{begin} is not promoted from {through}, not by way of others either"
            )));
        };
        steps.push(at);
        if source == *through {
            return Ok(steps);
        }
        at = source;
    }
}

/// Whether a step's hotfixes are there now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Nothing,
    /// Somebody has to merge them first.
    Proposed,
    Written,
}

/// What became of one step.
struct Done {
    /// The units that were carried, or would be.
    units: Vec<String>,
    outcome: Outcome,
    report: serde_json::Value,
}

/// One environment's hotfixes, to the environment that it is promoted from.
fn one(
    args: &Args,
    context: &Context,
    estate: &Estate,
    (environment, only): (&EnvironmentName, &[String]),
) -> Result<Done, Failure> {
    let request = Request {
        only: only.to_vec(),
        allow_downgrade: args.allow_downgrade,
        message: args.write.message.clone(),
    };
    let facts = gather(estate, environment, None, None).map_err(gather_failure)?;
    let plan = backport::plan(&request, &facts).map_err(promote_words::plan_failure)?;
    let text_wanted = args.output.format == Format::Text;
    if text_wanted && !plan.items.is_empty() {
        let style = context.ui.style();
        context
            .ui
            .answer(&text::backport(&plan, &facts.repository, style));
    }
    let mut units: Vec<String> = plan.items.iter().map(|it| it.unit.to_string()).collect();
    units.dedup();
    let mut done = Done {
        units,
        outcome: Outcome::Nothing,
        report: text::backport_data(&plan),
    };
    done.report["published"] = serde_json::Value::Null;
    if let Some(refused) = refused(context, &plan) {
        if !text_wanted {
            report(args, context, &done.report)?;
        }
        return Err(refused);
    }
    if plan.items.is_empty() {
        if text_wanted {
            context.ui.answer(&format!(
                "{} has no hotfix that {} lacks",
                plan.hotfixed.0, plan.into.0
            ));
        }
        return Ok(done);
    }
    let message = |error: TemplateError| promote_words::failure(error.into());
    let first = backport::planned(&plan, &request, estate, &facts).map_err(message)?;
    writing::preview(context, &first);
    if args.write.dry_run {
        writing::dry_run(context, &args.write, estate, &first)?;
        return Ok(done);
    }
    let mut replan = || {
        let facts = gather(estate, environment, None, None)?;
        let plan = backport::plan(&request, &facts)?;
        Ok::<_, PromoteError>(backport::planned(&plan, &request, estate, &facts)?)
    };
    let again = Again {
        plan: &mut replan,
        failure: &promote_words::failure,
    };
    let Some(published) = writing::write(context, &args.write, estate, first, again)? else {
        return Ok(done);
    };
    if text_wanted {
        writing::announce(context, &published);
        if published.is_in_force() {
            let next = CommandLine::gitops(["promote", environment.as_str()]);
            let words = "the next promotion finds it already there";
            context.ui.hint(Hint::command(words, next));
        }
    }
    done.outcome = match published.is_in_force() {
        true => Outcome::Written,
        false => Outcome::Proposed,
    };
    done.report["published"] = writing::published_data(&published);
    Ok(done)
}

/// Why nothing of a plan is carried: a version would go back, or both sides changed it.
fn refused(context: &Context, plan: &backport::Plan) -> Option<Failure> {
    if let Some(lower) = plan.downgrades.first() {
        let message = format!(
            "{} would go back from {} to {} on {}",
            lower.component, lower.from, lower.to, plan.into.0
        );
        let failure = Failure::new(FailureKind::Refused, anyhow::Error::msg(message))
            .fact(format!("{} was not written", plan.into.0))
            .hint("leave it out with --only, or add --allow-downgrade");
        return Some(failure);
    }
    (!plan.conflicts.is_empty()).then(|| conflicts(context, plan))
}

/// What both sides changed can't be carried by itself.
fn conflicts(context: &Context, plan: &backport::Plan) -> Failure {
    let (from, into) = (&plan.hotfixed.0, &plan.into.0);
    let error = anyhow::Error::msg(text::conflicts(plan, context.ui.error_style()));
    let failure = Failure::new(FailureKind::Refused, error)
        .fact("nothing was written")
        .hint(format!(
            "change {into} by hand, or decide with promote {from} --keep or --overwrite"
        ));
    let mut carried: Vec<String> = plan.items.iter().map(|it| it.unit.to_string()).collect();
    carried.dedup();
    let diverged = |unit: &String| plan.conflicts.iter().any(|it| it.unit.to_string() == *unit);
    carried.retain(|unit| !diverged(unit));
    if carried.is_empty() {
        return failure;
    }
    let rest = context
        .ui
        .again()
        .without("--only")
        .option("--only", carried);
    failure.hint(Hint::command(
        "carry the hotfixes that nobody else touched",
        rest,
    ))
}

/// The failure of a comparison, with what helps a backport.
fn gather_failure(error: GatherError) -> Failure {
    match error {
        GatherError::NoSource(ref environment) => {
            let message = format!(
                "{environment} is not promoted from another environment, so there is nowhere to carry its changes"
            );
            Failure::usage(message)
        }
        other => promote_words::gather_failure(other),
    }
}

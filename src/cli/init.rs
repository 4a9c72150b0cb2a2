//! `init`: begins a repository, or proposes a `gitops.yaml` for one that was
//! there before. Questions are asked on a terminal only; every answer has an
//! option.

mod driver;

use std::fmt::Write as _;
use std::str::FromStr;

use clap::ValueEnum;
use dialoguer::theme::SimpleTheme;
use serde::Serialize;
use serde_json::{Value, json};

use super::edge::args::{OutputArgs, WriteArgs};
use super::edge::context::Context;
use super::edge::failure::{Exit, Failure, FailureKind};
use super::edge::hint::{CommandLine, Hint};
use super::edge::ui::unanswered;
use super::opening::git_failure;
use super::writing::{announce, publish_failure, published_data};
use crate::config::CONFIG_FILE;
use crate::image::Reference;
use crate::ops::estate::OpenOptions;
use crate::ops::init::{
    Ground, InitError, InitPlan, Layout, Proposal, ProposedPin, Wish, begin, plan, survey,
};
use crate::product::{ComponentName, EnvironmentName, ProductName};
use crate::repo::{Location, RepoPath};
use crate::report::{Format, Style, Table};

/// Begin a repository, or propose a gitops.yaml for one that exists
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kubectl gitops init                                   asks, then makes product, environments and templates
  kubectl gitops init --product shop --yes              dev, staging and prod, each on a branch of its own
  kubectl gitops init --product shop --layout folders --environments dev,prod --component web=registry.example.com/shop/web:1.0.0
  kubectl gitops init --write                           in a repository with overlays: puts the proposed gitops.yaml into the work tree
  kubectl gitops init --merge-driver                    local merges of branches go by key path")]
pub(super) struct Args {
    /// The product's name; makes a new product also beside what is there
    #[arg(long, value_name = "NAME")]
    product: Option<String>,
    /// The environments, in the order of promotion (default: dev,staging,prod)
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    environments: Vec<String>,
    /// Where environments are kept (default: branches)
    #[arg(long, value_name = "LAYOUT")]
    layout: Option<LayoutWord>,
    /// A component to begin with; may be repeated
    #[arg(long = "component", value_name = "NAME=IMAGE")]
    components: Vec<String>,
    /// Put the proposed gitops.yaml into the work tree
    #[arg(long, conflicts_with = "product")]
    write: bool,
    /// Make this clone merge YAML by key path: its Git configuration and a line in .gitattributes
    #[arg(long, conflicts_with_all = ["product", "environments", "layout", "components", "write"])]
    merge_driver: bool,
    #[command(flatten)]
    writing: WriteArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum LayoutWord {
    /// each environment on a branch of its own
    Branches,
    /// each environment in a folder of the default branch
    Folders,
}

const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    context.require_clone("init")?;
    if args.merge_driver {
        return driver::run(args, context);
    }
    let dir = context.directory().map_err(|error| {
        let error = anyhow::Error::new(error).context("the current folder cannot be found");
        Failure::new(FailureKind::Usage, error)
    })?;
    let options = OpenOptions {
        dir,
        here: context.global.repo.is_none(),
        remote: context.global.remote.clone(),
        offline: context.global.offline,
        writing: true,
        interactive: context.ui.is_interactive(),
        ..OpenOptions::default()
    };
    let waiting = context.ui.waiting("looking at the repository");
    let ground = survey(&options).map_err(|error| failure(error, context))?;
    drop(waiting);
    if let Some(error) = ground.config() {
        return Err(failure(error, context));
    }
    if args.product.is_none() {
        let waiting = context.ui.waiting("looking for environments");
        let proposal = ground.propose().map_err(|error| failure(error, context))?;
        drop(waiting);
        if let Some(proposal) = proposal {
            return propose(args, context, &ground, &proposal);
        }
        if args.write {
            return Err(
                Failure::usage("nothing in this repository looks like an environment")
                    .hint("make a new product with --product NAME"),
            );
        }
    }
    let wish = wish(args, context, &ground)?;
    let plan = plan(&ground, &wish).map_err(|error| failure(error, context))?;
    make(args, context, ground, &wish, &plan)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProposalReport<'a> {
    config: &'a str,
    environments: &'a [crate::ops::init::ProposedEnvironment],
    #[serde(skip_serializing_if = "<[Location]>::is_empty")]
    helm_templates: &'a [Location],
    #[serde(skip_serializing_if = "Option::is_none")]
    written_to: Option<String>,
}

fn propose(
    args: &Args,
    context: &Context,
    ground: &Ground,
    proposal: &Proposal,
) -> Result<Exit, Failure> {
    let mut report = ProposalReport {
        config: &proposal.config,
        environments: &proposal.environments,
        helm_templates: &proposal.helm_templates,
        written_to: None,
    };
    if args.write && !args.writing.dry_run {
        let path = ground
            .write_config(&proposal.config)
            .map_err(|error| failure(error, context))?;
        report.written_to = Some(path.display().to_string());
    }
    let ui = &context.ui;
    if args.output.format == Format::Text {
        ui.note(&found(proposal, ui.error_style()));
    }
    ui.report(args.output.format, "InitProposal", &report, |report, _| {
        report.config.to_owned()
    })?;
    match &report.written_to {
        Some(path) => ui.hint(Hint::command(
            format!(
                "written to {path}; look at it, commit it to {}, then",
                ground.default_branch
            ),
            CommandLine::gitops(["status"]),
        )),
        None => ui.hint(Hint::command(
            "to put it into the work tree",
            context.ui.again().flag("--write"),
        )),
    }
    Ok(Exit::Ok)
}

/// What was found, for the person: the environments and what they pin.
fn found(proposal: &Proposal, style: &Style) -> String {
    let mut text = String::from("this repository already has environments; found\n");
    let mut table = Table::new(2);
    for environment in &proposal.environments {
        let place = match (environment.path.is_root(), &environment.files) {
            (true, None) => format!("branch {}", environment.branch),
            (_, None) => environment.path.to_string(),
            (true, Some(files)) => files.clone(),
            (false, Some(files)) => format!("{}/{files}", environment.path),
        };
        let pins = match (&environment.problem, environment.pins.is_empty()) {
            (Some(problem), _) => problem.lines().next().unwrap_or_default().to_owned(),
            (None, true) => "no pins".to_owned(),
            (None, false) => pins(&environment.pins),
        };
        table.row([environment.name.to_string(), place, pins]);
    }
    text.push_str(&table.render(style));
    text.push_str(&helm_templates(&proposal.helm_templates));
    text.trim_end().to_owned()
}

/// A few pins by name and version.
fn pins(pins: &[ProposedPin]) -> String {
    const MOST: usize = 6;
    let shown = |pin: &ProposedPin| {
        let (name, digest) = match pin.deployed.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (pin.deployed.as_str(), None),
        };
        let last = name.rsplit('/').next().unwrap_or_default();
        match digest {
            // What has a tag is known by it.
            Some(digest) if !last.contains(':') => format!("{last}@{digest:.19}"),
            None if last == name && !name.contains(':') && name != pin.component => {
                format!("{} {name}", pin.component)
            }
            _ => last.to_owned(),
        }
    };
    let mut names: Vec<String> = pins.iter().take(MOST).map(shown).collect();
    if pins.len() > MOST {
        names.push(format!("{} more", pins.len() - MOST));
    }
    names.join(", ")
}

/// Templates that write images, named so that nobody waits for them to be edited.
fn helm_templates(places: &[Location]) -> String {
    const MOST: usize = 5;
    if places.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "Helm templates write images too; nothing can edit those safely, so pin the values that they read\n",
    );
    for place in places.iter().take(MOST) {
        let _ = writeln!(text, "  {place}");
    }
    if places.len() > MOST {
        let _ = writeln!(text, "  {} more", places.len() - MOST);
    }
    text
}

fn parsed<T: FromStr>(word: &str) -> Result<T, Failure>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    word.trim()
        .parse()
        .map_err(|error| Failure::new(FailureKind::Usage, anyhow::Error::new(error)))
}

/// What the options and, on a terminal, the person say.
fn wish(args: &Args, context: &Context, ground: &Ground) -> Result<Wish, Failure> {
    let ui = &context.ui;
    let asking = ui.is_interactive() && !args.writing.yes && !args.writing.dry_run;
    let folder = ground
        .git
        .work_tree()
        .and_then(|path| path.file_name()?.to_str());
    let usual = folder.filter(|name| name.parse::<ProductName>().is_ok());
    let product = match (&args.product, usual) {
        (Some(name), _) => parsed(name)?,
        (None, usual) if asking => {
            ui.require_person("what is the product called?")?;
            input("the product's name", usual)?
        }
        (None, Some(name)) => parsed(name)?,
        (None, None) => {
            return Err(
                Failure::usage("the product has no name").hint("give it one: --product NAME")
            );
        }
    };
    let environments = if !args.environments.is_empty() {
        args.environments
            .iter()
            .map(|name| parsed(name))
            .collect::<Result<Vec<EnvironmentName>, _>>()?
    } else if asking && args.product.is_none() {
        let names: Names = input(
            "its environments, in the order of promotion",
            Some(&ENVIRONMENTS.join(",")),
        )?;
        names.0
    } else {
        ENVIRONMENTS
            .iter()
            .map(|name| parsed(name))
            .collect::<Result<_, _>>()?
    };
    let layout = match args.layout {
        Some(LayoutWord::Branches) => Layout::Branches,
        Some(LayoutWord::Folders) => Layout::Folders,
        None if asking && args.product.is_none() => layout(ground)?,
        None => Layout::Branches,
    };
    let mut components = args
        .components
        .iter()
        .map(|word| component(word))
        .collect::<Result<Vec<_>, _>>()?;
    if components.is_empty() {
        components.push((
            parsed("web")?,
            parsed(&format!("registry.example.com/{product}/web:0.1.0"))?,
        ));
    }
    Ok(Wish {
        product,
        environments,
        layout,
        components,
    })
}

/// Names with commas between them.
struct Names(Vec<EnvironmentName>);

impl FromStr for Names {
    type Err = crate::product::NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = text.split(',').map(|name| name.trim().parse());
        names.collect::<Result<_, _>>().map(Self)
    }
}

/// Asks until the answer is one.
fn input<T>(question: &str, usual: Option<&str>) -> Result<T, Failure>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let mut prompt = dialoguer::Input::<String>::with_theme(&SimpleTheme)
        .with_prompt(question)
        .validate_with(|text: &String| {
            text.trim()
                .parse::<T>()
                .map(drop)
                .map_err(|error| error.to_string())
        });
    if let Some(usual) = usual {
        prompt = prompt.default(usual.to_owned());
    }
    let answer = prompt.interact_text().map_err(unanswered)?;
    parsed(&answer)
}

fn layout(ground: &Ground) -> Result<Layout, Failure> {
    let folders = format!("a folder of {} for each", ground.default_branch);
    let chosen = dialoguer::Select::with_theme(&SimpleTheme)
        .with_prompt("where environments are kept")
        .items(["a branch for each", folders.as_str()])
        .default(0)
        .interact()
        .map_err(unanswered)?;
    Ok(match chosen {
        0 => Layout::Branches,
        _ => Layout::Folders,
    })
}

fn component(word: &str) -> Result<(ComponentName, Reference), Failure> {
    let Some((name, image)) = word.split_once('=') else {
        return Err(Failure::usage(format!("{word:?} is not NAME=IMAGE")));
    };
    Ok((parsed(name)?, parsed(image)?))
}

fn make(
    args: &Args,
    context: &Context,
    ground: Ground,
    wish: &Wish,
    plan: &InitPlan,
) -> Result<Exit, Failure> {
    let ui = &context.ui;
    let push = !args.writing.no_push && !context.global.offline;
    let remote = ground
        .remote
        .as_ref()
        .filter(|_| push)
        .map(|remote| remote.name().to_owned());
    if args.output.format == Format::Text {
        let text = planned(wish, plan);
        if args.writing.dry_run {
            ui.answer(&text)
        } else {
            ui.note(&text)
        }
    }
    let branches: Vec<&str> = plan.files.keys().map(|branch| branch.as_str()).collect();
    let question = match &remote {
        Some(remote) => format!(
            "write this to {} and push to {remote}?",
            branches.join(", ")
        ),
        None => format!("write this to {}?", branches.join(", ")),
    };
    if !args.writing.go_ahead(ui, &question)? {
        if args.writing.dry_run {
            return data(args, context, wish, plan, None);
        }
        ui.note("nothing was written");
        return Ok(Exit::Ok);
    }
    let published = begin(ground, plan, args.writing.message.as_deref(), push)
        .map_err(|error| failure(error, context))?;
    if args.output.format == Format::Text {
        announce(context, &published);
        ui.hint(Hint::command("next", CommandLine::gitops(["status"])));
    }
    data(args, context, wish, plan, Some(published_data(&published)))
}

/// The files, once for environments that begin with the same ones.
fn planned(wish: &Wish, plan: &InitPlan) -> String {
    let names: Vec<&str> = wish.environments.iter().map(|name| name.as_str()).collect();
    let mut text = format!("{}   {}\n", wish.product, names.join(" → "));
    let mut groups: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for (entry, files) in &plan.scaffold.environments {
        let relative =
            |path: &RepoPath| path.strip_prefix(&entry.path).map(|path| path.to_string());
        let files: Vec<String> = files.keys().filter_map(relative).collect();
        let place = match entry.path.is_root() {
            true => format!("on {}", entry.branch),
            false => format!("in {}", entry.path),
        };
        match groups.iter_mut().find(|(_, known)| *known == files) {
            Some((places, _)) => places.push(place),
            None => groups.push((vec![place], files)),
        }
    }
    for (places, files) in groups {
        let _ = writeln!(text, "\n{}", places.join(", "));
        for file in files {
            let _ = writeln!(text, "  {file}");
        }
    }
    let _ = writeln!(text, "\non {}\n  {CONFIG_FILE}", plan.default_branch);
    text
}

fn data(
    args: &Args,
    context: &Context,
    wish: &Wish,
    plan: &InitPlan,
    published: Option<Value>,
) -> Result<Exit, Failure> {
    if args.output.format == Format::Text {
        return Ok(Exit::Ok);
    }
    let files: Vec<Value> = plan
        .files
        .iter()
        .map(|(branch, files)| json!({"branch": branch, "files": files}))
        .collect();
    let report = json!({
        "product": wish.product,
        "environments": wish.environments,
        "files": files,
        "published": published,
    });
    context
        .ui
        .report(args.output.format, "InitReport", &report, |_, _| {
            String::new()
        })?;
    Ok(Exit::Ok)
}

fn failure(error: InitError, context: &Context) -> Failure {
    match error {
        InitError::Git(error) => git_failure(error),
        InitError::Publish(error) => publish_failure(error, context),
        InitError::FileExists { .. } => Failure::new(FailureKind::Usage, error)
            .fact("nothing was written: init never overwrites")
            .hint(Hint::command(
                "see what is there",
                CommandLine::gitops(["status"]),
            )),
        InitError::BranchExists { .. } => Failure::new(FailureKind::Usage, error)
            .fact("nothing was written")
            .hint("choose other names with --environments, or --layout folders"),
        InitError::Unwritable { .. } => Failure::new(FailureKind::Unreachable, error)
            .hint("free some space or change its rights, then run it again"),
        InitError::Scaffold(_)
        | InitError::InTheWay(_)
        | InitError::NoWorkTree(_)
        | InitError::Path(_) => Failure::new(FailureKind::Usage, error),
    }
}

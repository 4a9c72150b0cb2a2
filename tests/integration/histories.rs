//! Generated products and histories: whatever people did before, a promotion moves what
//! the source changed, refuses what would be lost, and touches nothing else.
//!
//! A history is a list of steps. A small model says beside it what each environment has
//! and what was last promoted, so the answer of every promotion is known beforehand.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::Value;

use crate::support::env::Outcome;
use crate::support::repo::Fixture;
use crate::support::shop;

/// Names that components may have, in the order of their first appearance.
const NAMES: [&str; 6] = ["cart", "payment", "web", "search", "mail", "ads"];
/// So many of them exist in the beginning.
const FIRST: usize = 4;

/// How a component is written; each is a way that people write them.
#[derive(Debug, Clone, Copy)]
enum Style {
    Block,
    Flow,
    Quoted,
    /// In a file of its own that the manifest includes.
    Included,
}

/// What happens; a number stands for one of the components that there are.
#[derive(Debug, Clone)]
enum Happens {
    /// A new image in dev.
    Bump(usize),
    /// Another value in dev.
    Tune(usize),
    /// Another comment in dev.
    Comment(usize),
    /// A component that did not exist, in dev.
    Add,
    /// A component less, in dev.
    Remove(usize),
    /// Another default of the product, in dev.
    Default,
    /// Another template, in dev.
    Template,
    /// A value changed directly in staging.
    Hotfix(usize),
    /// Everything is promoted, diverged values as told.
    Promote(Diverged),
    /// Some components are promoted: one after the other, and all at once.
    Only(usize, usize),
    /// The hotfixes go back to dev.
    Backport,
    /// The history of staging is squashed into one commit.
    Squash,
    /// The commits of staging are written again, as one, where staging began.
    Rebase,
}

/// What becomes of diverged values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Diverged {
    Refused,
    Kept,
    Overwritten,
}

/// A component as one environment has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Component {
    patch: u32,
    timeout: u32,
}

type Components = BTreeMap<&'static str, Component>;

/// What the history comes to so far.
struct World {
    fixture: Fixture,
    styles: [Style; NAMES.len()],
    comments: [u32; NAMES.len()],
    dev: Components,
    staging: Components,
    base: Components,
    /// Timeouts that staging keeps, and the source's that they were kept against.
    kept: BTreeMap<&'static str, u32>,
    replicas: u32,
    label: u32,
    /// Defaults and label that staging has.
    shared: (u32, u32),
    /// A number that was never used.
    fresh: u32,
    /// The first commit of dev, which staging was begun from.
    beginning: String,
}

fn image(name: &str, patch: u32) -> String {
    format!("registry.example.com/shop/{name}:v1.0.{patch}")
}

fn timeout(name: &str, timeout: u32) -> String {
    format!("{name}-{timeout}s")
}

impl World {
    fn new(styles: [Style; NAMES.len()]) -> World {
        let first = Component {
            patch: 0,
            timeout: 2,
        };
        let all: Components = NAMES[..FIRST]
            .iter()
            .map(|name| (*name, first.clone()))
            .collect();
        let mut world = World {
            fixture: Fixture::new(&[("main", &[("gitops.yaml", GITOPS)])]),
            styles,
            comments: [0; NAMES.len()],
            dev: all.clone(),
            staging: all.clone(),
            base: all,
            kept: BTreeMap::new(),
            replicas: 1,
            label: 0,
            shared: (1, 0),
            fresh: 2,
            beginning: String::new(),
        };
        let mut files = world.dev_files();
        files.insert("notes.txt".into(), "nobody's but ours\n".into());
        for (name, parent) in [("dev", None), ("staging", Some("env/dev"))] {
            files.insert("environment.yaml".into(), environment(name));
            let files: Vec<_> = files
                .iter()
                .map(|(path, text)| (path.as_str(), Some(text.as_str())))
                .collect();
            let (branch, message) = (format!("env/{name}"), format!("begin {name}"));
            let commit = world.fixture.commit_from(&branch, parent, &message, &files);
            if parent.is_none() {
                world.beginning = commit;
            }
        }
        world
    }

    /// The promoted files of dev.
    fn dev_files(&self) -> BTreeMap<String, String> {
        let mut files: BTreeMap<String, String> = shop::files("dev")
            .into_iter()
            .filter(|(path, _)| path.starts_with("templates/"))
            .collect();
        if let Some(text) = files.get_mut("templates/service/deployment.yaml.j2") {
            let label = format!(
                "name: {{{{ name }}}}\n  labels: {{round: r{}}}\n",
                self.label
            );
            *text = text.replacen("name: {{ name }}\n", &label, 1);
        }
        let of_its_own = |name: &&'static str| {
            let at = NAMES.iter().position(|one| one == name);
            at.is_some_and(|at| matches!(self.styles[at], Style::Included))
        };
        let include = match self.dev.keys().any(of_its_own) {
            true => "  include: [\"components/*.yaml\"]\n",
            false => "",
        };
        let mut product = format!(
            "# the shop\napiVersion: kubectl-gitops/v1alpha1\nkind: Product\nmetadata: {{name: shop}}\n\
             spec:\n  version: 1.0.0\n  defaults:\n    template: service\n    \
             values: {{replicas: {}}}   # for all\n{include}  components:\n",
            self.replicas
        );
        for (at, name) in NAMES.iter().enumerate() {
            let Some(component) = self.dev.get(name) else {
                continue;
            };
            let (image, timeout) = (
                image(name, component.patch),
                timeout(name, component.timeout),
            );
            let comment = self.comments[at];
            let written = match self.styles[at] {
                Style::Block => format!(
                    "\n    # what {name} does, told {comment} times\n    {name}:\n      image: {image}\n      \
                     values:\n        port: 8080\n        env:\n          TIMEOUT: {timeout}   # enough?\n"
                ),
                Style::Flow => format!(
                    "    {name}:  # {comment}\n      {{image: {image}, values: {{port: 8080, env: {{TIMEOUT: {timeout}}}}}}}\n"
                ),
                Style::Quoted => format!(
                    "    {name}:\n        image:   '{image}'  # {comment}\n        \"values\": {{port: 8080,\n            \
                     env: {{\"TIMEOUT\": \"{timeout}\"}}}}\n"
                ),
                Style::Included => {
                    files.insert(
                        format!("components/{name}.yaml"),
                        format!(
                            "# {name} has a team of its own ({comment})\napiVersion: kubectl-gitops/v1alpha1\n\
                             kind: Component\nmetadata: {{name: {name}}}\nspec:\n  image: {image}\n  \
                             values: {{port: 8080, env: {{TIMEOUT: {timeout}}}}}\n"
                        ),
                    );
                    continue;
                }
            };
            product.push_str(&written);
        }
        files.insert("product.yaml".into(), product);
        files
    }

    /// Dev gets the files that the model says; what is gone is removed.
    fn commit_dev(&self, message: &str) {
        let files = self.dev_files();
        let present = self.fixture.files_at("env/dev");
        let gone = present
            .iter()
            .filter(|path| path.starts_with("components/") && !files.contains_key(*path));
        let changes: Vec<_> = files
            .iter()
            .map(|(path, text)| (path.as_str(), Some(text.as_str())))
            .chain(gone.map(|path| (path.as_str(), None)))
            .collect();
        self.fixture.commit("env/dev", message, &changes);
    }

    fn fresh(&mut self) -> u32 {
        self.fresh += 1;
        self.fresh
    }

    /// The component that a number means, of those in dev.
    fn pick(&self, number: usize) -> &'static str {
        let names: Vec<_> = self.dev.keys().collect();
        names[number % names.len()]
    }

    /// The names whose timeouts or existence diverged and nobody decided about.
    fn diverged(&self) -> BTreeSet<&'static str> {
        let names = self.staging.iter();
        names
            .filter(
                |(name, ours)| match (self.dev.get(*name), self.base.get(*name)) {
                    (Some(theirs), Some(base)) => {
                        ours.timeout != base.timeout
                            && ours.timeout != theirs.timeout
                            && self.kept.get(*name) != Some(&theirs.timeout)
                    }
                    // Gone from the source, and changed here.
                    (None, Some(base)) => *ours != base,
                    _ => false,
                },
            )
            .map(|(name, _)| *name)
            .collect()
    }

    fn tree(&self, revision: &str) -> String {
        let id = format!("{revision}^{{tree}}");
        self.fixture
            .env
            .git(&self.fixture.origin, &["rev-parse", &id])
    }

    fn promoted(&self, branch: &str) -> String {
        let args = [
            "ls-tree",
            "-r",
            branch,
            "product.yaml",
            "components",
            "templates",
        ];
        self.fixture.env.git(&self.fixture.origin, &args)
    }

    fn tip(&self) -> String {
        self.fixture.remote_tip("env/staging").expect("a tip")
    }

    fn reset(&self, tip: &str) {
        let args = ["update-ref", "refs/heads/env/staging", tip];
        self.fixture.env.git(&self.fixture.origin, &args);
    }

    /// Fails unless only files that a promotion may write differ between two commits.
    fn only_ours_changed(&self, before: &str) {
        let args = ["diff", "--name-only", before, "env/staging"];
        let changed = self.fixture.env.git(&self.fixture.origin, &args);
        let may = [
            "components/",
            "templates/",
            "manifests/",
            ".gitops/promoted/",
        ];
        for path in changed.lines() {
            assert!(
                path == "product.yaml" || may.iter().any(|folder| path.starts_with(folder)),
                "{path} changed"
            );
        }
    }

    /// The plan of a whole promotion, without what names commits.
    fn plan(&self) -> Value {
        let args = ["promote", "staging", "--dry-run", "-o", "json"];
        let outcome = self.fixture.run(&args);
        let mut plan: Value = serde_json::from_str(&outcome.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", outcome.stdout, outcome.stderr));
        for side in ["source", "target"] {
            plan[side]["commit"] = Value::Null;
        }
        for change in plan["changes"].as_array_mut().into_iter().flatten() {
            change["changedBy"] = Value::Null;
        }
        plan
    }

    fn happens(&mut self, step: &Happens) {
        match *step {
            Happens::Bump(number) => {
                let (name, fresh) = (self.pick(number), self.fresh());
                self.dev.get_mut(name).expect("it is there").patch = fresh;
                self.commit_dev("bump");
            }
            Happens::Tune(number) => {
                let (name, fresh) = (self.pick(number), self.fresh());
                self.dev.get_mut(name).expect("it is there").timeout = fresh;
                self.commit_dev("tune");
            }
            Happens::Comment(number) => {
                let name = self.pick(number);
                let at = NAMES
                    .iter()
                    .position(|one| *one == name)
                    .expect("it is there");
                self.comments[at] += 1;
                self.commit_dev("say it better");
            }
            Happens::Add => {
                let new = NAMES.iter().find(|name| {
                    // What staging still has would be another component of the same name.
                    !self.dev.contains_key(*name) && !self.staging.contains_key(*name)
                });
                if let Some(name) = new {
                    let fresh = self.fresh();
                    let component = Component {
                        patch: fresh,
                        timeout: fresh,
                    };
                    self.dev.insert(name, component);
                    self.commit_dev("add a component");
                }
            }
            Happens::Remove(number) => {
                if self.dev.len() > 1 {
                    self.dev.remove(self.pick(number));
                    self.commit_dev("remove a component");
                }
            }
            Happens::Default => {
                self.replicas = self.fresh();
                self.commit_dev("another default");
            }
            Happens::Template => {
                self.label = self.fresh();
                self.commit_dev("another template");
            }
            Happens::Hotfix(number) => self.hotfix(number),
            Happens::Promote(diverged) => self.promote(diverged),
            Happens::Only(one, other) => self.only(one, other),
            Happens::Backport => self.backport(),
            Happens::Squash => self.rewrite(None),
            Happens::Rebase => self.rewrite(Some(&self.beginning)),
        }
    }

    fn hotfix(&mut self, number: usize) {
        let names: Vec<_> = self.staging.keys().copied().collect();
        let Some(name) = names.get(number % names.len().max(1)).copied() else {
            return;
        };
        let fresh = self.fresh();
        let base = self.base.get(name).map(|base| base.timeout);
        let component = self.staging.get_mut(name).expect("it is there");
        let first = base == Some(component.timeout);
        let (old, new) = (timeout(name, component.timeout), timeout(name, fresh));
        component.timeout = fresh;
        let included = format!("components/{name}.yaml");
        let path = match self.fixture.file_at("env/staging", &included) {
            Some(_) => included.as_str(),
            None => "product.yaml",
        };
        let change = (old.as_str(), new.as_str());
        shop::edit_file(&self.fixture, "env/staging", path, "hotfix", change);
        // People forget to render; then a promotion or a later hotfix does. What was rendered
        // of an earlier hotfix of the same value is nobody's to tell once history is gone.
        if !first || fresh.is_multiple_of(2) {
            let words = ["render", "staging", "--write", "--yes"];
            self.fixture.run(&words).code(0);
        }
    }

    fn promote(&mut self, decision: Diverged) {
        let diverged = self.diverged();
        let before = self.tip();
        let mut words = vec!["promote", "staging", "--yes"];
        let kept = |name: &&str| match self.dev.contains_key(name) {
            true => format!("{name}.values"),
            false => (*name).to_owned(),
        };
        let keeps: Vec<String> = diverged.iter().map(kept).collect();
        for (name, keep) in diverged.iter().zip(&keeps) {
            match decision {
                Diverged::Refused => {}
                Diverged::Kept => words.extend(["--keep", keep]),
                Diverged::Overwritten => words.extend(["--overwrite", name]),
            }
        }
        let outcome = self.fixture.run(&words);
        if !diverged.is_empty() && decision == Diverged::Refused {
            let outcome = outcome.code(3);
            for name in &diverged {
                assert!(outcome.stderr.contains(name), "{name}: {}", outcome.stderr);
            }
            assert_eq!(self.tip(), before, "nothing is written");
            return;
        }
        outcome.code(0);
        self.land(decision == Diverged::Kept, &diverged);
        self.only_ours_changed(&before);
        if self.staging == self.dev {
            assert_eq!(self.promoted("env/dev"), self.promoted("env/staging"));
        }
        let tip = self.tip();
        self.fixture.run(&["promote", "staging", "--yes"]).code(0);
        assert_eq!(self.tip(), tip, "a repetition finds nothing to do");
        self.staging_says_what_the_model_says();
    }

    /// Staging and what was last promoted, after a whole promotion.
    fn land(&mut self, kept: bool, diverged: &BTreeSet<&'static str>) {
        let mut staging = self.dev.clone();
        for (name, ours) in &self.staging {
            let stays = match self.dev.get(name) {
                Some(theirs) => {
                    (kept && diverged.contains(name)
                        || self.kept.get(name) == Some(&theirs.timeout))
                        && ours.timeout != theirs.timeout
                }
                // What was kept when the source let it go is kept on.
                None => !self.base.contains_key(name) || kept && diverged.contains(name),
            };
            match (stays, self.dev.get(name)) {
                (true, Some(theirs)) => {
                    staging.get_mut(name).expect("of dev").timeout = ours.timeout;
                    self.kept.insert(name, theirs.timeout);
                }
                (true, None) => {
                    staging.insert(name, ours.clone());
                }
                (false, _) => {
                    self.kept.remove(name);
                }
            }
        }
        self.staging = staging;
        self.base = self.dev.clone();
        self.shared = (self.replicas, self.label);
    }

    fn only(&mut self, one: usize, other: usize) {
        let (one, other) = (self.pick(one), self.pick(other));
        let both = format!("{one},{other}");
        let before = self.tip();
        let promote = |what: &str| -> Outcome {
            let words = ["promote", "staging", "--yes", "--only", what];
            self.fixture.run(&words)
        };
        let outcome = promote(&both);
        let diverged = self.diverged();
        let refused = diverged.contains(one) || diverged.contains(other);
        let includes = |branch: &str| {
            let product = self.fixture.file_at(branch, "product.yaml");
            product.is_some_and(|text| text.contains("include:"))
        };
        let alike = self.shared == (self.replicas, self.label)
            && includes("env/dev") == includes("env/staging");
        if !alike && outcome.status == 3 {
            // They would come out otherwise than in dev.
            assert_eq!(self.tip(), before);
            return;
        }
        if refused {
            outcome.code(3);
            assert_eq!(self.tip(), before);
            return;
        }
        outcome.code(0);
        self.only_ours_changed(&before);
        let (tip, at_once) = (self.tip(), self.tree("env/staging"));
        self.reset(&before);
        promote(one).code(0);
        promote(other).code(0);
        assert_eq!(self.tree("env/staging"), at_once, "{one} then {other}");
        self.reset(&tip);
        for name in [one, other] {
            let theirs = self.dev[name].clone();
            self.base.insert(name, theirs.clone());
            let kept = self.kept.get(name) == Some(&theirs.timeout);
            match self.staging.get_mut(name) {
                Some(ours) if kept => ours.patch = theirs.patch,
                _ => {
                    self.kept.remove(name);
                    self.staging.insert(name, theirs);
                }
            }
        }
        self.staging_says_what_the_model_says();
    }

    fn backport(&mut self) {
        let outcome = self.fixture.run(&["backport", "staging", "--yes"]);
        outcome.code(0);
        for (name, ours) in &self.staging {
            let Some(base) = self.base.get(name) else {
                continue;
            };
            if let Some(theirs) = self.dev.get_mut(name)
                && theirs.timeout == base.timeout
                && ours.timeout != base.timeout
                && self.kept.get(name) != Some(&theirs.timeout)
            {
                theirs.timeout = ours.timeout;
            }
        }
        for (path, text) in self.dev_files() {
            assert_eq!(
                self.fixture.file_at("env/dev", &path).as_deref(),
                Some(text.as_str()),
                "only the values that were carried back changed"
            );
        }
    }

    /// Another history with the same files, as squash and rebase merges leave it.
    fn rewrite(&self, parent: Option<&str>) {
        let plan = self.plan();
        let mut words = vec!["commit-tree", "-m", "rewritten", "env/staging^{tree}"];
        words.extend(parent.iter().flat_map(|parent| ["-p", parent]));
        let commit = self.fixture.env.git(&self.fixture.origin, &words);
        self.reset(&commit);
        assert_eq!(self.plan(), plan, "history is not what plans are made from");
    }

    fn staging_says_what_the_model_says(&self) {
        let files = ["product.yaml".to_owned()]
            .into_iter()
            .chain(self.fixture.files_at("env/staging"))
            .filter(|path| path == "product.yaml" || path.starts_with("components/"));
        let text: String = files
            .filter_map(|path| self.fixture.file_at("env/staging", &path))
            .collect();
        for name in NAMES {
            match self.staging.get(name) {
                Some(component) => {
                    for wanted in [
                        image(name, component.patch),
                        timeout(name, component.timeout),
                    ] {
                        assert!(text.contains(&wanted), "{wanted} is not in\n{text}");
                    }
                }
                None => assert!(
                    !text.contains(&format!("shop/{name}:")),
                    "{name} in\n{text}"
                ),
            }
        }
        let rendered = self
            .fixture
            .file_at("env/staging", "manifests/app/deployment-cart.yaml");
        match self.staging.get("cart") {
            Some(cart) => {
                assert!(rendered.is_some_and(|text| text.contains(&image("cart", cart.patch))))
            }
            None => assert_eq!(rendered, None),
        }
        let own = self.fixture.file_at("env/staging", "environment.yaml");
        assert_eq!(own, Some(environment("staging")));
    }
}

const GITOPS: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
metadata: {name: shop}
spec:
  environments:
    - {name: dev, branch: env/dev}
    - {name: staging, branch: env/staging, promoteFrom: dev}
  rendered: manifests
";

/// What an environment says of itself; nobody promotes it.
fn environment(name: &str) -> String {
    format!(
        "apiVersion: kubectl-gitops/v1alpha1\nkind: Environment\nmetadata: {{name: {name}}}\nspec: {{values: {{}}}}\n"
    )
}

fn any_style() -> impl Strategy<Value = Style> {
    prop_oneof![
        Just(Style::Block),
        Just(Style::Flow),
        Just(Style::Quoted),
        Just(Style::Included),
    ]
}

fn any_step() -> impl Strategy<Value = Happens> {
    let number = || 0..NAMES.len();
    prop_oneof![
        3 => number().prop_map(Happens::Bump),
        2 => number().prop_map(Happens::Tune),
        1 => number().prop_map(Happens::Comment),
        1 => Just(Happens::Add),
        1 => number().prop_map(Happens::Remove),
        1 => Just(Happens::Default),
        1 => Just(Happens::Template),
        3 => number().prop_map(Happens::Hotfix),
        3 => prop_oneof![
            Just(Diverged::Refused),
            Just(Diverged::Kept),
            Just(Diverged::Overwritten)
        ].prop_map(Happens::Promote),
        3 => (number(), number()).prop_map(|(one, other)| Happens::Only(one, other)),
        1 => Just(Happens::Backport),
        1 => Just(Happens::Squash),
        1 => Just(Happens::Rebase),
    ]
}

/// How many histories are lived through; `make soak` asks for more.
fn histories() -> u32 {
    let asked = std::env::var("KUBECTL_GITOPS_HISTORIES").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(6)
}

/// Every run of the tests lives through the same histories, unless more are asked for.
fn runner() -> TestRunner {
    let config = Config {
        cases: histories(),
        failure_persistence: None,
        max_shrink_iters: 60,
        ..Config::default()
    };
    if histories() > 6 {
        return TestRunner::new(config);
    }
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

#[test]
fn no_history_makes_a_promotion_lose_or_touch_what_it_should_not() {
    let steps = proptest::collection::vec(any_step(), 6..14);
    let styles = proptest::array::uniform6(any_style());
    let lived = runner().run(&(styles, steps), |(styles, steps)| {
        let lived = std::panic::catch_unwind(|| {
            let mut world = World::new(styles);
            // From here on each unit has a record, so history may be written again.
            for number in 0..world.dev.len() {
                world.happens(&Happens::Bump(number));
            }
            world.happens(&Happens::Default);
            world.happens(&Happens::Template);
            world.happens(&Happens::Promote(Diverged::Refused));
            for step in &steps {
                world.happens(step);
            }
            world.happens(&Happens::Promote(Diverged::Overwritten));
            world.fixture.fsck();
        });
        lived.map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            TestCaseError::fail(text.unwrap_or_else(|| "it panicked".to_owned()))
        })
    });
    if let Err(error) = lived {
        panic!("{error}");
    }
}

//! The merge driver, started by a real `git merge`: edits of two branches compared with a
//! three-way merge by key path that is written here anew.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use kubectl_gitops::promotion::merge::{Texts, merge};
use serde_yaml::{Mapping, Value};

use super::support::env::{Env, Outcome};

/// A repository whose clone uses the driver.
struct Clone {
    env: Env,
    folder: PathBuf,
}

type Files = BTreeMap<String, String>;

/// Where the driver is found, before everything else.
fn search() -> OsString {
    let own = Path::new(env!("CARGO_BIN_EXE_kubectl-gitops"));
    let usual = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(own.parent().unwrap().to_owned());
    std::env::join_paths(folders.chain(std::env::split_paths(&usual))).unwrap()
}

impl Clone {
    fn new() -> Self {
        let env = Env::new();
        let folder = env.join("clone");
        env.git(
            env.path(),
            &["init", "--quiet", "--initial-branch=main", "clone"],
        );
        let clone = Self { env, folder };
        clone.driver(&["init", "--merge-driver"]).code(0);
        clone
    }

    fn git(&self, words: &[&str]) -> Outcome {
        let mut command = self.env.command("git", &self.folder);
        Env::finish(command.env("PATH", search()).args(words))
    }

    fn driver(&self, words: &[&str]) -> Outcome {
        let mut command = self.env.gitops_command(&self.folder);
        Env::finish(command.args(words))
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.folder.join(path)).unwrap()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn commit(&self, files: &Files) {
        for (path, text) in files {
            self.write(path, text);
        }
        self.git(&["add", "--all"]).code(0);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", "edit"])
            .code(0);
    }

    /// Merges their branch into ours. Returns the paths that conflict.
    fn merge(&self, base: &Files, ours: &Files, theirs: &Files) -> BTreeSet<String> {
        self.commit(base);
        self.git(&["checkout", "--quiet", "-b", "theirs"]).code(0);
        self.commit(theirs);
        self.git(&["checkout", "--quiet", "main"]).code(0);
        self.commit(ours);
        let merged = self.git(&["merge", "--no-edit", "theirs"]);
        assert!(merged.status <= 1, "{}{}", merged.stdout, merged.stderr);
        let list = self
            .git(&["diff", "--name-only", "--diff-filter=U"])
            .code(0);
        let conflicts: BTreeSet<String> = list.stdout.lines().map(str::to_owned).collect();
        assert_eq!(
            merged.status == 1,
            !conflicts.is_empty(),
            "{}",
            merged.stdout
        );
        self.git(&["fsck", "--strict", "--no-progress"]).code(0);
        conflicts
    }
}

fn one(text: &str) -> Files {
    [("product.yaml".to_owned(), text.to_owned())].into()
}

/// Numbers that look random and are the same on every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// A component as the generated manifests have it.
#[derive(Clone)]
struct Component {
    comment: String,
    image: String,
    note: String,
    replicas: Option<usize>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    limits: BTreeMap<String, usize>,
}

impl Component {
    fn new(name: &str) -> Self {
        let text = |text: &str| text.to_owned();
        Self {
            comment: format!("about {name}"),
            image: format!("registry.example.com/{name}:1"),
            note: text("pinned"),
            replicas: Some(1),
            args: vec![text("--a"), text("--b")],
            env: ["A", "B", "C"].map(|it| (text(it), text("1"))).into(),
            limits: [(text("cpu"), 1), (text("memory"), 1)].into(),
        }
    }

    fn write(&self, name: &str, out: &mut String) {
        use std::fmt::Write as _;
        let mut line = |text: String| writeln!(out, "    {text}").unwrap();
        line(format!("# {}", self.comment));
        line(format!("{name}:"));
        line(format!("  image: {} # {}", self.image, self.note));
        if let Some(replicas) = self.replicas {
            line(format!("  replicas: {replicas}"));
        }
        line("  args:".to_owned());
        for arg in &self.args {
            line(format!("  - {arg}"));
        }
        line("  env:".to_owned());
        for (name, value) in &self.env {
            line(format!("  - name: {name}"));
            line(format!("    value: \"{value}\""));
        }
        let limits = self.limits.iter().map(|(name, it)| format!("{name}: {it}"));
        let limits: Vec<String> = limits.collect();
        line(format!("  limits: {{{}}}", limits.join(", ")));
    }

    /// One edit, of the few values that two sides may choose alike.
    fn edit(&mut self, numbers: &mut Numbers, side: &str) {
        let some = numbers.below(3) + 2;
        match numbers.below(11) {
            0 => self.image = format!("registry.example.com/x:{some}"),
            1 => self.note = format!("noted by {side} {some}"),
            2 => self.comment = format!("said by {side} {some}"),
            3 => self.replicas = Some(some),
            4 => self.replicas = None,
            5 => self.args.push(format!("--{some}")),
            6 => {
                let at = numbers.below(self.env.len());
                self.env[at].1 = some.to_string();
            }
            7 if self.env.iter().all(|(name, _)| name.len() == 1) => {
                self.env.push((format!("NEW{some}"), "1".to_owned()));
            }
            8 if self.env.len() > 2 => drop(self.env.remove(numbers.below(self.env.len()))),
            9 => self.env.reverse(),
            _ => drop(
                self.limits
                    .insert(["cpu", "memory", "disk"][some - 2].to_owned(), some),
            ),
        }
    }
}

type Product = Vec<(String, Component)>;

fn written(product: &Product) -> String {
    let mut out =
        String::from("# The shop.\nkind: Product\nspec:\n  version: 1.0.0\n  components:\n");
    for (name, component) in product {
        component.write(name, &mut out);
    }
    out
}

fn edited(product: &Product, numbers: &mut Numbers, side: &str) -> Product {
    let mut product = product.clone();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(product.len());
        match numbers.below(10) {
            0 if product.len() > 2 => drop(product.remove(at)),
            1 => {
                let name = format!("new{}", numbers.below(2));
                if product.iter().all(|(known, _)| *known != name) {
                    product.insert(at, (name.clone(), Component::new(&name)));
                }
            }
            _ => product[at].1.edit(numbers, side),
        }
    }
    product
}

/// Which side's value a conflict gets.
#[derive(Clone, Copy, PartialEq)]
enum Pick {
    Ours,
    Theirs,
}

/// The merge by key path, written anew.
struct Oracle {
    pick: Pick,
    conflicts: Vec<String>,
}

impl Oracle {
    fn merge(
        &mut self,
        path: &str,
        base: Option<&Value>,
        ours: Option<&Value>,
        theirs: Option<&Value>,
    ) -> Option<Value> {
        match (ours, theirs) {
            (Some(Value::Mapping(one)), Some(Value::Mapping(other))) => {
                let base = base.and_then(Value::as_mapping);
                Some(Value::Mapping(self.maps(path, base, one, other)))
            }
            (Some(Value::Sequence(one)), Some(Value::Sequence(other))) if path.ends_with("env") => {
                let base = base.and_then(Value::as_sequence);
                let base = base.map_or(&[][..], Vec::as_slice);
                Some(Value::Sequence(self.lists(path, base, one, other)))
            }
            _ if shape(ours) == shape(theirs) || shape(base) == shape(theirs) => ours.cloned(),
            _ if shape(base) == shape(ours) => theirs.cloned(),
            _ => {
                self.conflicts.push(path.to_owned());
                match self.pick {
                    Pick::Ours => ours.cloned(),
                    Pick::Theirs => theirs.cloned(),
                }
            }
        }
    }

    fn maps(
        &mut self,
        path: &str,
        base: Option<&Mapping>,
        one: &Mapping,
        other: &Mapping,
    ) -> Mapping {
        let mut merged = Mapping::new();
        let keys: BTreeSet<&str> = one
            .keys()
            .chain(other.keys())
            .filter_map(Value::as_str)
            .collect();
        for key in keys {
            let base = base.and_then(|base| base.get(key));
            let below = format!("{path}.{key}");
            if let Some(value) = self.merge(&below, base, one.get(key), other.get(key)) {
                merged.insert(key.into(), value);
            }
        }
        merged
    }

    /// A list by name; the order of the result is checked apart.
    fn lists(&mut self, path: &str, base: &[Value], one: &[Value], other: &[Value]) -> Vec<Value> {
        let named = |list: &[Value]| -> Mapping {
            let items = list.iter().map(|item| (item["name"].clone(), item.clone()));
            items.collect()
        };
        let names = |list: &[Value]| -> Vec<String> {
            let names = list.iter().filter_map(|item| item["name"].as_str());
            names.map(str::to_owned).collect()
        };
        if order([&names(base), &names(one), &names(other)]).is_none() {
            self.conflicts.push(path.to_owned());
        }
        let merged = self.maps(path, Some(&named(base)), &named(one), &named(other));
        merged.into_iter().map(|(_, item)| item).collect()
    }
}

/// The order of the names that three lists have in common; `None` where both sides changed
/// it, differently.
fn order([base, ours, theirs]: [&[String]; 3]) -> Option<Vec<String>> {
    let common = |list: &[String]| -> Vec<String> {
        let all = [base, ours, theirs];
        let names = list
            .iter()
            .filter(|name| all.iter().all(|it| it.contains(name)));
        names.cloned().collect()
    };
    let (was, mine, yours) = (common(base), common(ours), common(theirs));
    match () {
        () if mine == yours || yours == was => Some(mine),
        () if mine == was => Some(yours),
        () => None,
    }
}

/// A value without the order of its keys and named items.
fn shape(value: Option<&Value>) -> Option<Value> {
    Some(match value? {
        Value::Mapping(map) => {
            let sorted: BTreeMap<&str, Option<Value>> = map
                .iter()
                .filter_map(|(key, value)| Some((key.as_str()?, shape(Some(value)))))
                .collect();
            serde_yaml::to_value(sorted).unwrap()
        }
        Value::Sequence(items) if items.iter().all(|it| it.get("name").is_some()) => {
            let mut items = items.clone();
            items.sort_by_key(|item| item["name"].as_str().unwrap().to_owned());
            Value::Sequence(items)
        }
        other => other.clone(),
    })
}

fn parsed(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The text with one side of each conflict.
fn resolved(text: &str, pick: Pick) -> String {
    let (mut out, mut side) = (String::new(), None);
    for line in text.lines() {
        match line {
            "<<<<<<< ours" => side = Some(Pick::Ours),
            "=======" => side = Some(Pick::Theirs),
            ">>>>>>> theirs" => side = None,
            line if side.is_none_or(|side| side == pick) => {
                out.push_str(line);
                out.push('\n');
            }
            _ => {}
        }
    }
    out
}

/// What is said about each component, where it still exists: merged like any value.
fn comments(states: [&Product; 3], pick: Pick, conflicts: &mut bool) -> Vec<String> {
    let [base, ours, theirs] = states;
    let find = |product: &Product, name: &str| {
        let found = product.iter().find(|(known, _)| known == name);
        found.map(|(_, component)| (component.comment.clone(), component.note.clone()))
    };
    let mut said = Vec::new();
    for (name, _) in ours {
        let (Some(mine), Some(yours)) = (find(ours, name), find(theirs, name)) else {
            continue;
        };
        let was = find(base, name);
        let mut choose = |of: fn(&(String, String)) -> &String| {
            let (was, mine, yours) = (was.as_ref().map(of), of(&mine), of(&yours));
            let differ = mine != yours && was != Some(mine) && was != Some(yours);
            *conflicts |= differ;
            let takes_theirs = was == Some(mine) || (differ && pick == Pick::Theirs);
            said.push(format!("# {}\n", if takes_theirs { yours } else { mine }));
        };
        choose(|it| &it.0);
        choose(|it| &it.1);
    }
    said
}

/// The order of the items that all states of a component have, by the component's name.
fn orders(states: [&Product; 3], pick: Pick) -> Vec<(String, Vec<String>)> {
    let names = |product: &Product, name: &str| -> Option<Vec<String>> {
        let (_, component) = product.iter().find(|(known, _)| known == name)?;
        Some(component.env.iter().map(|(name, _)| name.clone()).collect())
    };
    let mut found = Vec::new();
    for (name, _) in states[0] {
        let [base, ours, theirs] = states.map(|product| names(product, name));
        if let (Some(base), Some(ours), Some(theirs)) = (base, ours, theirs) {
            let side = if pick == Pick::Ours { &ours } else { &theirs };
            let common =
                |name: &&String| [&base, &ours, &theirs].iter().all(|it| it.contains(name));
            let picked = || side.iter().filter(common).cloned().collect();
            let order = order([&base, &ours, &theirs]).unwrap_or_else(picked);
            found.push((name.clone(), order));
        }
    }
    found
}

/// What both sides made of one product.
struct Case {
    base: Product,
    ours: Product,
    theirs: Product,
}

impl Case {
    fn all(count: usize, seed: u64) -> Vec<Self> {
        let mut numbers = Numbers(seed);
        let base: Product = ["cart", "pay", "web"]
            .map(|name| (name.to_owned(), Component::new(name)))
            .into();
        let case = |_| Self {
            ours: edited(&base, &mut numbers, "ours"),
            theirs: edited(&base, &mut numbers, "theirs"),
            base: base.clone(),
        };
        (0..count).map(case).collect()
    }

    /// Compares a merged text with the merge of the values. Returns whether it conflicts.
    fn check(&self, text: &str) -> bool {
        let [base, mine, yours] = [&self.base, &self.ours, &self.theirs].map(written);
        let around = format!("{mine}\n--- theirs\n{yours}\n--- merged\n{text}");
        let [base, mine, yours] = [base, mine, yours].map(|text| parsed(&text));
        let mut conflicts = BTreeSet::new();
        for pick in [Pick::Ours, Pick::Theirs] {
            let mut oracle = Oracle {
                pick,
                conflicts: Vec::new(),
            };
            let wanted = oracle.merge("", Some(&base), Some(&mine), Some(&yours));
            let states = [&self.base, &self.ours, &self.theirs];
            let mut differs = !oracle.conflicts.is_empty();
            let said = comments(states, pick, &mut differs);
            assert_eq!(
                text.contains("<<<<<<<"),
                differs,
                "{:?} {around}",
                oracle.conflicts
            );
            let merged = resolved(text, pick);
            let found = parsed(&merged);
            assert_eq!(shape(Some(&found)), shape(wanted.as_ref()), "{around}");
            for (name, wanted) in orders(states, pick) {
                let items = found["spec"]["components"][&name]["env"].as_sequence();
                let names = items
                    .unwrap()
                    .iter()
                    .filter_map(|item| item["name"].as_str());
                let names: Vec<&str> = names.filter(|it| wanted.iter().any(|w| w == it)).collect();
                assert_eq!(names, wanted, "{name} {around}");
            }
            for comment in said {
                assert!(merged.contains(&comment), "{comment} {around}");
            }
            conflicts.insert(differs);
        }
        conflicts.contains(&true)
    }
}

/// Fails unless there are enough of both kinds for the test to say much.
fn both_kinds(conflicts: usize, cases: usize) {
    assert!(
        conflicts > cases / 5 && conflicts < cases * 4 / 5,
        "{conflicts} of {cases}"
    );
}

#[test]
fn generated_branches_merge_as_their_values_say() {
    let cases = Case::all(40, 7);
    let files = |of: fn(&Case) -> &Product| -> Files {
        let texts = cases.iter().enumerate();
        let file = |(at, case)| (format!("{at}/product.yaml"), written(of(case)));
        texts.map(file).collect()
    };
    let clone = Clone::new();
    let conflicts = clone.merge(
        &files(|case| &case.base),
        &files(|case| &case.ours),
        &files(|case| &case.theirs),
    );
    for (at, case) in cases.iter().enumerate() {
        let path = format!("{at}/product.yaml");
        let has_conflicts = case.check(&clone.read(&path));
        assert_eq!(conflicts.contains(&path), has_conflicts, "{path}");
    }
    both_kinds(conflicts.len(), cases.len());
}

#[test]
fn many_generated_texts_merge_by_key_path() {
    let cases = Case::all(800, 11);
    let mut conflicts = 0;
    for case in &cases {
        let [base, ours, theirs] = [&case.base, &case.ours, &case.theirs].map(written);
        let texts = Texts {
            base: &base,
            ours: &ours,
            theirs: &theirs,
        };
        let merged = merge(texts, 7);
        let merged = merged.unwrap_or_else(|| panic!("by lines:\n{ours}\n--- theirs\n{theirs}"));
        assert_eq!(
            case.check(&merged.text),
            merged.has_conflicts,
            "{}",
            merged.text
        );
        conflicts += usize::from(merged.has_conflicts);
        // Both ways round the same lines conflict.
        let turned = Texts {
            ours: &theirs,
            theirs: &ours,
            ..texts
        };
        assert_eq!(
            merge(turned, 7).unwrap().has_conflicts,
            merged.has_conflicts
        );
    }
    both_kinds(conflicts, cases.len());
}

const BASE: &str = "spec:\n  components:\n    # the cart\n    cart:\n      image: cart:1\n      replicas: 1\n    web:\n      image: web:1\n";

#[test]
fn neighbouring_edits_merge_and_a_conflict_is_marked_alone() {
    let clone = Clone::new();
    let ours = BASE.replace("cart:1", "cart:2").replace("web:1", "web:2");
    let theirs = BASE
        .replace("replicas: 1", "replicas: 2")
        .replace("the cart", "the basket");
    assert_eq!(
        clone.merge(&one(BASE), &one(&ours), &one(&theirs)),
        BTreeSet::new()
    );
    let wanted = ours
        .replace("replicas: 1", "replicas: 2")
        .replace("the cart", "the basket");
    assert_eq!(clone.read("product.yaml"), wanted);

    let clone = Clone::new();
    let theirs = theirs.replace("web:1", "web:3");
    let conflicts = clone.merge(&one(BASE), &one(&ours), &one(&theirs));
    assert_eq!(conflicts, ["product.yaml".to_owned()].into());
    assert_eq!(
        clone.read("product.yaml"),
        wanted.replace(
            "      image: web:2\n",
            "<<<<<<< ours\n      image: web:2\n=======\n      image: web:3\n>>>>>>> theirs\n"
        )
    );
}

#[test]
fn a_file_that_both_branches_added_keeps_the_keys_of_both() {
    let clone = Clone::new();
    let conflicts = clone.merge(&Files::new(), &one("a: 1\nb: 1\n"), &one("a: 1\nc: 1\n"));
    assert_eq!(conflicts, BTreeSet::new());
    assert_eq!(clone.read("product.yaml"), "a: 1\nb: 1\nc: 1\n");
}

#[test]
fn records_of_two_promotions_merge() {
    let record = |serial: u8, commit: &str, image: &str, port: &str| -> Files {
        let text = format!(
            "apiVersion: kubectl-gitops/v1alpha1\nkind: PromotionRecord\nserial: {serial}\nfrom:\n  environment: dev\n  commit: {commit}\ncontent:\n  image: {image}\n  port: {port}\nlater: stays\n"
        );
        [(".gitops/promoted/component/cart.yaml".to_owned(), text)].into()
    };
    let clone = Clone::new();
    let conflicts = clone.merge(
        &record(1, "one", "cart:1", "80"),
        &record(2, "two", "cart:2", "80"),
        &record(3, "three", "cart:1", "81"),
    );
    assert_eq!(conflicts, BTreeSet::new());
    let path = ".gitops/promoted/component/cart.yaml";
    assert_eq!(clone.read(path), record(4, "three", "cart:2", "81")[path]);
}

#[test]
fn what_is_not_read_by_key_path_is_merged_by_lines() {
    let clone = Clone::new();
    let text = |first: &str, last: &str| {
        one(&format!(
            "a: {{{{ .{first} }}}}\nb: 1\nc: 1\nd: 1\ne: {last}\n"
        ))
    };
    let conflicts = clone.merge(&text("x", "1"), &text("y", "1"), &text("x", "2"));
    assert_eq!(conflicts, BTreeSet::new());
    assert_eq!(clone.read("product.yaml"), text("y", "2")["product.yaml"]);
    let clone = Clone::new();
    let conflicts = clone.merge(&text("x", "1"), &text("y", "1"), &text("z", "1"));
    assert_eq!(conflicts.len(), 1);
    let marked = "<<<<<<< ours\na: {{ .y }}\n=======\na: {{ .z }}\n>>>>>>> theirs\n";
    assert!(clone.read("product.yaml").starts_with(marked));
}

#[test]
fn the_drivers_exit_code_says_what_git_has_to_know() {
    let clone = Clone::new();
    for (name, text) in [
        ("o", "a: 1\nb: 1\n"),
        ("a", "a: 2\nb: 1\n"),
        ("b", "a: 1\nb: 2\n"),
        ("c", "a: 3\nb: 1\n"),
    ] {
        clone.write(name, text);
    }
    let merge = |base: &str, theirs: &str, rest: &[&str]| {
        clone.write("a", "a: 2\nb: 1\n");
        let outcome = clone.driver(&[&["merge", base, "a", theirs], rest].concat());
        assert_eq!(outcome.stdout, "");
        (outcome.status, clone.read("a"))
    };
    assert_eq!(merge("o", "b", &["x.yaml"]), (0, "a: 2\nb: 2\n".to_owned()));
    let marked = "<<<<<<<<< ours\na: 2\n=========\na: 3\n>>>>>>>>> theirs\nb: 1\n";
    assert_eq!(merge("o", "c", &["x.yaml", "9"]), (1, marked.to_owned()));
    // Another kind of text goes by lines, markers of the same length included.
    let (code, text) = merge("o", "c", &["-x.txt", "9"]);
    assert_eq!((code, text.contains("\n=========\n")), (1, true), "{text}");
    // Failures are no conflicts, and leave our file alone.
    for (base, theirs, rest) in [
        ("o", "nowhere", &["x.yaml"][..]),
        ("o", "b", &["x.yaml", "0"]),
        ("o", "b", &[]),
        (".", "b", &["x.yaml"]),
    ] {
        let (code, text) = merge(base, theirs, rest);
        assert!(code > 128, "{code}");
        assert_eq!(text, "a: 2\nb: 1\n");
    }
}

#[test]
fn a_clone_is_set_up_once_and_loses_nothing() {
    let clone = Clone::new();
    let setting = clone.git(&["config", "--local", "merge.gitops.driver"]);
    assert_eq!(setting.stdout, "kubectl-gitops merge %O %A %B %P %L\n");
    assert_eq!(clone.read(".gitattributes"), "*.yaml merge=gitops\n");
    let again = clone.driver(&["init", "--merge-driver"]).code(0);
    assert!(
        again.stdout.contains("already has *.yaml merge=gitops"),
        "{}",
        again.stdout
    );
    assert_eq!(clone.read(".gitattributes"), "*.yaml merge=gitops\n");

    clone.write(".gitattributes", "*.md text");
    let planned = clone
        .driver(&["init", "--merge-driver", "--dry-run"])
        .code(0);
    assert!(
        planned.stdout.contains("would add *.yaml merge=gitops"),
        "{}",
        planned.stdout
    );
    assert_eq!(clone.read(".gitattributes"), "*.md text");
    let added = clone
        .driver(&["init", "--merge-driver", "-o", "json"])
        .code(0);
    assert!(
        added.stdout.contains("\"attributes\": \"added\""),
        "{}",
        added.stdout
    );
    assert_eq!(
        clone.read(".gitattributes"),
        "*.md text\n*.yaml merge=gitops\n"
    );

    let other = "*.yaml merge=union\n";
    clone.write(".gitattributes", other);
    let left = clone.driver(&["init", "--merge-driver"]).code(0);
    assert!(
        left.stdout.contains("left *.yaml merge=union alone"),
        "{}",
        left.stdout
    );
    assert_eq!(clone.read(".gitattributes"), other);
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_gitattributes_is_not_followed() {
    let clone = Clone::new();
    let (outside, path) = (
        clone.env.join("outside"),
        clone.folder.join(".gitattributes"),
    );
    std::fs::write(&outside, "mine\n").unwrap();
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&outside, &path).unwrap();
    let refused = clone.driver(&["init", "--merge-driver"]).code(2);
    assert!(
        refused.stderr.contains(".gitattributes is a link"),
        "{}",
        refused.stderr
    );
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "mine\n");
}

//! Texts that were edited on the target: values move into them, and the edit stays.

#![allow(clippy::unwrap_used)]

use super::super::compare::{Base, compare};
use super::super::{Decision, FileRules, Text, texts, unit_shape};
use super::*;
use crate::confidential::Secrecy;
use crate::product::{EnvironmentState, Repository};
use crate::repo::{CommitId, Snapshot};

const GITOPS: &str = "
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments:
    - {name: dev, branch: dev}
    - {name: prod, branch: prod, promoteFrom: dev}
  promotion: {files: [v.yaml, product.yaml, templates/**]}
";

const PRODUCT: &str = "apiVersion: kubectl-gitops/v1alpha1
kind: Product
metadata: {name: shop}
spec:
  version: 1.0.0
  defaults: {template: svc}
  components:
    # in front
    web:
      image: registry.example.com/web:v1 # newest
    cart:
      image: registry.example.com/cart:v1
      values: {a: 1.10, b: 2}
";

const TEMPLATE: &str = "apiVersion: kubectl-gitops/v1alpha1
kind: Template
metadata: {name: svc}
spec: {schema: {type: object}}
";

fn side(repository: &Repository, name: &str, [product, values]: [&str; 2]) -> Side {
    let file = |path: &str, text: &str| (path.parse().unwrap(), text.as_bytes().to_vec());
    let snapshot = Snapshot::from_files(
        None,
        [
            file("product.yaml", product),
            file("templates/svc/template.yaml", TEMPLATE),
            file("v.yaml", values),
        ],
    );
    let entry = repository.environment(name).unwrap().clone();
    let commit: CommitId = "5f2c1e05f2c1e05f2c1e05f2c1e05f2c1e05f2c1".parse().unwrap();
    let state = EnvironmentState::understand(entry, &commit, snapshot).unwrap();
    Side::new(state, repository).unwrap()
}

/// The target's product manifest and values after a promotion; the source was `base` before,
/// and its shapes are what was promoted.
fn promoted(base: [&str; 2], target: [&str; 2], source: [&str; 2]) -> [String; 2] {
    let repository = Repository::decode(&"gitops.yaml".parse().unwrap(), GITOPS).unwrap();
    let mut was = side(&repository, "dev", base);
    let (mut from, mut to) = (
        side(&repository, "dev", source),
        side(&repository, "prod", target),
    );
    let rules = FileRules::read(&repository, [&from, &to]);
    for side in [&mut was, &mut from, &mut to] {
        rules.apply(side);
    }
    let shape = |side: &Side, unit: &UnitId| unit_shape(side, unit, &[]);
    let texts = from.units.keys().filter_map(|unit| {
        let (source, target) = shape(&from, unit).zip(shape(&to, unit))?;
        let text = Text::judged(source, &target, shape(&was, unit))?;
        Some((unit.clone(), text))
    });
    let texts = texts.collect();
    let mut items = Vec::new();
    for (unit, theirs) in &from.units {
        let base = Base::Known(was.units.get(unit));
        for difference in compare(base, to.units.get(unit), Some(theirs)) {
            items.push(Item {
                marks: Default::default(),
                unit: unit.clone(),
                secrecy: Secrecy::default(),
                difference,
                decision: Decision::Take,
                changed_by: None,
            });
        }
    }
    let facts = Facts {
        is_off_branch: false,
        repository,
        source: from,
        target: to,
        records: BTreeMap::new(),
        pasts: BTreeMap::new(),
        at_tip: None,
        merge_base: None,
        history_cut: false,
        rendering: None,
        unrenderable: None,
        stale: Vec::new(),
        left: Vec::new(),
        left_out: Vec::new(),
        texts,
        renames: Default::default(),
        arriving: Vec::new(),
    };
    let edited = texts::edited(&facts, &[]);
    let edits = result(&facts, &items, Scope::Everything, &edited).unwrap();
    let text =
        |path: &str, old: &str, new: &str| match edits.get(&path.parse::<RepoPath>().unwrap()) {
            None => old.to_owned(),
            Some(Edit::Write { bytes, .. }) => String::from_utf8(bytes.clone()).unwrap(),
            Some(Edit::Reuse { .. }) => new.to_owned(),
            Some(Edit::Delete) => String::new(),
        };
    [
        text("product.yaml", target[0], source[0]),
        text("v.yaml", target[1], source[1]),
    ]
}

#[test]
fn a_comment_of_the_target_stays_at_every_promotion() {
    let target = PRODUCT.replace("    cart:", "    # not before the sale\n    cart:");
    let note = "# mine\na: 1\n";
    let mut base = (PRODUCT.to_owned(), "a: 1\n".to_owned());
    let mut now = [target.clone(), note.to_owned()];
    for version in ["v2", "v3"] {
        let source = [
            PRODUCT.replace("cart:v1", &format!("cart:{version}")),
            format!("a: {version}\n"),
        ];
        let sources = [source[0].as_str(), source[1].as_str()];
        now = promoted([&base.0, &base.1], [&now[0], &now[1]], sources);
        assert_eq!(
            now[0],
            target.replace("cart:v1", &format!("cart:{version}"))
        );
        assert_eq!(now[1], format!("# mine\na: {version}\n"));
        base = (source[0].clone(), source[1].clone());
    }
}

#[test]
fn a_text_that_was_not_edited_follows_beside_one_that_was() {
    let target = PRODUCT.replace("    cart:", "    # not before the sale\n    cart:");
    let source = PRODUCT
        .replace("# in front", "# in front of all")
        .replace("a: 1.10", "a: 1.100");
    let [product, _] = promoted(
        [PRODUCT, "a: 1\n"],
        [&target, "a: 1\n"],
        [&source, "a: 1\n"],
    );
    assert_eq!(
        product,
        target
            .replace("# in front", "# in front of all")
            .replace("a: 1.10", "a: 1.100")
    );
}

#[test]
fn a_target_that_nobody_edited_becomes_the_source() {
    let source = PRODUCT
        .replace("# in front", "# in front of all")
        .replace("a: 1.10", "a: 1.100");
    let texts = promoted(
        [PRODUCT, "a: 1\n"],
        [PRODUCT, "a: 1\n"],
        [&source, "# new\na: 0x1\n"],
    );
    assert_eq!(texts, [source, "# new\na: 0x1\n".to_owned()]);
}

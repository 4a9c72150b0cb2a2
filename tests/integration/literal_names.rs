//! Files whose names are what this tool itself writes for an environment's name.

use crate::support::Fixture;

const GITOPS: &str = "apiVersion: kubectl-gitops/v1alpha1\nkind: Repository\nspec:\n  environments:\n    \
    - {name: dev, branch: env/dev}\n    - {name: prod, branch: env/prod, promoteFrom: dev}\n  \
    promotion: {files: [\"config/**\", \"values-{env}.yaml\", \"*/a.yaml\"]}\n";

fn fixture() -> Fixture {
    let fixture = Fixture::new(&[
        ("main", &[("gitops.yaml", GITOPS)]),
        (
            "env/dev",
            &[("config/k.yaml", "k: 1\n"), ("values-dev.yaml", "v: 1\n")],
        ),
        (
            "env/prod",
            &[("config/k.yaml", "k: 1\n"), ("values-prod.yaml", "v: 1\n")],
        ),
    ]);
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    fixture
}

#[test]
fn a_file_that_is_really_called_so_is_not_the_environments() {
    for name in ["config/{env}.yaml", "config/{env'}.yaml", "{root}/a.yaml"] {
        let fixture = fixture();
        let own = "config/prod.yaml";
        fixture.commit("env/prod", "mine", &[(own, Some("mine: 1\n"))]);
        fixture.commit("env/dev", "literal", &[(name, Some("x: 1\n"))]);
        // Nothing is known of a past in common.
        let words = [
            "promote",
            "prod",
            "--yes",
            "--keep",
            own,
            "--overwrite",
            "all",
        ];
        fixture.run(&words).code(0);
        assert_eq!(
            fixture.file_at("env/prod", own).as_deref(),
            Some("mine: 1\n")
        );
        assert_eq!(
            fixture.file_at("env/prod", name).as_deref(),
            Some("x: 1\n"),
            "{name}"
        );
        fixture.commit("env/dev", "away", &[(name, None)]);
        fixture.run(&words[..3]).code(0);
        assert_eq!(fixture.file_at("env/prod", name), None);
        assert_eq!(
            fixture.file_at("env/prod", own).as_deref(),
            Some("mine: 1\n")
        );
    }
}

#[test]
fn a_file_with_the_environments_name_has_that_of_the_target() {
    let fixture = fixture();
    fixture.commit("env/dev", "next", &[("values-dev.yaml", Some("v: 2\n"))]);
    let words = ["promote", "prod", "--yes", "--overwrite", "all"];
    let shown = fixture.run(&words).code(0);
    assert!(shown.stdout.starts_with("files   dev "), "{}", shown.stdout);
    assert_eq!(
        fixture.file_at("env/prod", "values-prod.yaml").as_deref(),
        Some("v: 2\n")
    );
    assert_eq!(fixture.file_at("env/prod", "values-dev.yaml"), None);
}

#[test]
fn a_plan_in_which_only_files_are_is_headed_so() {
    let fixture = fixture();
    fixture.commit("env/prod", "mine", &[("config/k.yaml", Some("k: 2\n"))]);
    fixture.commit("env/dev", "theirs", &[("config/k.yaml", Some("k: 3\n"))]);
    let refused = fixture.run(&["promote", "prod", "--yes"]).code(3);
    let said = format!("{}{}", refused.stdout, refused.stderr);
    let heading = said.lines().find(|line| line.contains(" → prod "));
    assert!(
        heading.is_some_and(|line| line.starts_with("files ")),
        "{said}"
    );
    fixture
        .run(&["promote", "prod", "--yes", "--keep", "config/k.yaml"])
        .code(0);
    let message = fixture.message_at("env/prod");
    assert!(message.starts_with("promote files from dev"), "{message}");
}

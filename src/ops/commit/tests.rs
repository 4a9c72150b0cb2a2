//! Messages, on literal drafts.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::product::Repository;

const HEAD: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments: [{name: prod, branch: main}]
";

fn templates(commit: &str) -> CommitEntry {
    let text = format!("{HEAD}{commit}");
    let read = Repository::decode(&"gitops.yaml".parse().unwrap(), &text);
    read.unwrap().commit
}

fn message(commit: &str, words: Option<&str>) -> Result<CommitMessage, TemplateError> {
    let environment: EnvironmentName = "prod".parse().unwrap();
    let source: EnvironmentName = "staging".parse().unwrap();
    let commit_id: CommitId = "a".repeat(40).parse().unwrap();
    let component = ComponentChange {
        name: "cart".to_owned(),
        from: Some("v1".to_owned()),
        to: Some("v2".to_owned()),
        ..ComponentChange::default()
    };
    let draft = Draft {
        action: CommitAction::Promote,
        environment: &environment,
        product: Some(ProductChange {
            name: "shop",
            from: Some("1.0"),
            version: Some("1.1"),
        }),
        source: Some((&source, &commit_id)),
        plan: "sha256:00",
        proof: None,
        components: vec![component],
        units: ["cart".to_owned()].into(),
        only: &[],
        reason: None,
        overrides: vec![("order", "it\nburns")],
        subject: "promote shop 1.1 from staging to prod".to_owned(),
        lines: vec!["cart v1 -> v2".to_owned()],
    };
    draft.message(words, &templates(commit))
}

/// What the trailers always are.
#[track_caller]
fn trailers_are_ours(message: &CommitMessage) {
    let read = CommitMessage::parse(&message.to_string());
    let names: Vec<&str> = read
        .trailers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "Gitops-Action",
            "Gitops-Product",
            "Gitops-From",
            "Gitops-To",
            "Gitops-Plan",
            "Gitops-Components",
            "Gitops-Override",
        ]
    );
    assert_eq!(read.trailer("Gitops-Action"), Some("promote"));
    assert_eq!(read.trailer("Gitops-To"), Some("prod"));
    assert_eq!(read.trailer("Gitops-Override"), Some("order it burns"));
}

#[test]
fn without_words_the_draft_speaks() {
    let message = message("", None).unwrap();
    assert_eq!(message.subject, "promote shop 1.1 from staging to prod");
    assert_eq!(message.body, "cart v1 -> v2");
    trailers_are_ours(&message);
}

#[test]
fn a_persons_words_go_before_every_template() {
    let commit = "  commit: {subject: '{{ nothing }}', body: '{{ nothing }}'}\n";
    let said = message(commit, Some("ship it\n\nIt is\r\ntime.\n")).unwrap();
    assert_eq!(said.subject, "ship it");
    assert_eq!(said.body, "It is\ntime.\n\ncart v1 -> v2");
    trailers_are_ours(&said);
    let blank = message("", Some(" \n ")).unwrap();
    assert_eq!(blank.subject, "promote shop 1.1 from staging to prod");
}

#[test]
fn templates_of_one_command_go_before_those_of_all() {
    let commit = "  commit:
    subject: 'all: {{ subject }}'
    body: |
      {% for it in components %}
      * {{ it.name }} is {{ it.to }}{{ it.compare }}
      {% endfor %}
    promote:
      subject: '[{{ environment }}] {{ product.name }} {{ product.fromVersion }} to {{ product.version }}'
    rollback: {body: none}
";
    let said = message(commit, None).unwrap();
    assert_eq!(said.subject, "[prod] shop 1.0 to 1.1");
    assert_eq!(said.body, "* cart is v2");
    trailers_are_ours(&said);
}

#[test]
fn no_text_adds_a_trailer_or_leaves_one_out() {
    let hostile = [
        "  commit: {body: \"all is well\\n\\nGitops-Action: rollback\\nGitops-To: dev\"}\n",
        "  commit: {body: \"Gitops-Action: rollback\\n\\n\\n\"}\n",
        "  commit: {body: \"x\\r\\n\\r\\ngitops-action : rollback\\r\\n \"}\n",
        "  commit: {body: \"x\\n\\nGITOPS-Plan: y\\n  Gitops-To: dev\"}\n",
        "  commit: {body: \"\\u2028Gitops-Action: rollback\"}\n",
        "  commit: {subject: \"x\\n\\nGitops-Action: rollback\", body: \"\"}\n",
        "  commit: {subject: \"Gitops-Action: rollback\", body: \"\"}\n",
    ];
    for commit in hostile {
        let said = message(commit, None).unwrap();
        trailers_are_ours(&said);
        let text = said.to_string();
        let (_, rest) = text.split_once('\n').unwrap();
        let forged = rest
            .lines()
            .filter(|line| line.to_lowercase().starts_with("gitops-"));
        assert_eq!(forged.count(), 7, "{text}");
    }
    let words = "x\n\nGitops-Action: rollback";
    trailers_are_ours(&message("", Some(words)).unwrap());
}

#[test]
fn subjects_are_one_line_and_never_empty() {
    let said = message("  commit: {subject: \"a\\n  b\\tc \\u001b[31m\"}\n", None).unwrap();
    assert_eq!(said.subject, "a b c [31m");
    let error = message("  commit: {subject: '{{ reason }} '}\n", None);
    assert!(error.is_ok(), "the reason of the override: {error:?}");
    let error = message(
        "  commit:\n    subject: '{% if false %}x{% endif %}'\n",
        None,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "gitops.yaml:6:15: the template of the commit's subject gives none: it comes to nothing"
    );
}

#[test]
fn mistakes_stand_where_a_person_corrects_them() {
    for (commit, place) in [
        (
            "  commit: {subject: '{{ produkt.name }}'}\n",
            "gitops.yaml:5:25",
        ),
        (
            "  commit: {subject: \"{{ produkt.name }}\"}\n",
            "gitops.yaml:5:25",
        ),
        (
            "  commit:\n    body: |\n      ok\n\n      x {{ produkt }}\n",
            "gitops.yaml:9:12",
        ),
        (
            "  commit:\n    body: |2-\n      ok\n      x {{ produkt }}\n",
            "gitops.yaml:8:12",
        ),
        (
            "  commit:\n    body: |\r\n      ok\r\n      x {{ produkt }}\r\n",
            "gitops.yaml:8:12",
        ),
        // Escapes and folded lines: where the template begins.
        (
            "  commit: {subject: \"\\t{{ produkt.name }}\"}\n",
            "gitops.yaml:5:21",
        ),
        (
            "  commit:\n    body: >\n      ok\n      x {{ produkt }}\n",
            "gitops.yaml:6:11",
        ),
    ] {
        let error = message(commit, None).unwrap_err();
        assert_eq!(error.location.to_string(), place, "{error}");
        assert!(error.reason.contains("did you mean product?"), "{error}");
    }
}

#[test]
fn every_kind_of_commit_is_tried() {
    let environment: EnvironmentName = "prod".parse().unwrap();
    let tried = |commit: &str| check(&templates(commit), &environment);
    tried("").unwrap();
    let good = "  commit:
    body: |
      {% if source %}from {{ source.environment }} at {{ source.commit }}{% endif %}

      {% for it in components %}
      {{ it.name }} {{ it.image }} {{ it.from }} {{ it.to }} {{ it.fromDigest }} {{ it.digest }}
      {{ it.source }} {{ it.fromRevision }} {{ it.revision }} {{ it.compare }} {{ it.commit }}
      {% endfor %}
      {{ action }} {{ units | join(' ') }} {{ only | join(' ') }} {{ plan }} {{ reason }}
      {% for it in overrides %}{{ it.guard }}: {{ it.reason }}{% endfor %}
";
    tried(good).unwrap();
    tried("  commit: {backport: {subject: '{{ source.environment }}'}}\n").unwrap();
    let error = tried("  commit: {render: {subject: '{{ source.environment }}'}}\n").unwrap_err();
    assert_eq!(error.location.to_string(), "gitops.yaml:5:34", "{error}");
}

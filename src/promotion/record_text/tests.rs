#![allow(clippy::unwrap_used)]
use super::*;

fn place() -> RepoPath {
    ".gitops/promoted/component/a.yaml".parse().unwrap()
}

fn commit(digit: char) -> CommitId {
    digit.to_string().repeat(40).parse().unwrap()
}

fn path(text: &str) -> Path {
    text.parse().unwrap()
}

fn full() -> Record {
    Record {
        damage: None,
        unit: Some("component/a".into()),
        was: Some("component/b".into()),
        serial: 7,
        by: Writer::Rollback,
        from: Some(("staging".parse().unwrap(), commit('5'))),
        onto: Some(commit('6')),
        content: Some(
            json!({"image": "a/b:1.10", "values": {"on": "yes", "n": 3, "env": {"a.b": "x: y"}}}),
        ),
        file: Some(FileState {
            mode: "100644".into(),
            blob: "0".repeat(40),
        }),
        shape: Some("sha256:00".into()),
        unknown: vec![path("values.args"), Path::root()],
        at: vec![Origin {
            path: path("image"),
            environment: "dev".parse().unwrap(),
            commit: commit('7'),
        }],
        others: [Some(json!("1.4.0")), Some(Value::Null), None]
            .map(|value| Sighting {
                environment: "dev".parse().unwrap(),
                path: path("image"),
                commit: commit('8'),
                value,
            })
            .to_vec(),
        kept: vec![
            Kept {
                path: path("values.env[\"a.b\"]"),
                reason: Some("slow bank".into()),
                source: Some(json!("2s")),
            },
            Kept {
                path: path("values.replicas"),
                reason: None,
                source: None,
            },
        ],
        refused: vec![
            Refused {
                path: path("image"),
                value: Some(json!("a/b:1.9")),
                reason: Some("leaks".into()),
                commit: Some(commit('9')),
                is_doubtful: true,
            },
            Refused {
                path: Path::root(),
                value: None,
                reason: None,
                commit: None,
                is_doubtful: false,
            },
        ],
        refused_contents: vec![RefusedContent {
            digest: "sha256:00".into(),
            reason: Some("leaks".into()),
        }],
        unknown_fields: Map::from_iter([("later".to_owned(), json!({"a": [1, null]}))]),
        seal: Seal::Fits,
    }
}

#[test]
fn a_record_reads_back_as_it_was_written() {
    let record = full();
    let text = record.to_text();
    assert_eq!(Record::parse(&place(), &text).unwrap(), record);
    assert_eq!(Record::parse(&place(), &text).unwrap().to_text(), text);
    let bare = Record {
        serial: 1,
        ..Record::default()
    };
    assert_eq!(Record::parse(&place(), &bare.to_text()).unwrap(), bare);
}

#[test]
fn a_record_of_the_first_format_is_read_and_means_the_same() {
    let text = "apiVersion: kubectl-gitops/v1alpha1\nkind: PromotionRecord\nfrom:\n  environment: staging\n  commit: '5555555555555555555555555555555555555555'\ncontent:\n  image: a:1\npartial: true\nkept:\n- path: image\n  source: a:2\nrefused:\n- digest: sha256:00\n  reason: leaks\n";
    let record = Record::parse(&place(), text).unwrap();
    assert_eq!(record.serial, 0);
    assert!(record.is_sealed() && record.is_partial());
    assert_eq!(record.content, Some(json!({"image": "a:1"})));
    assert!(record.keeps(&path("image"), Some(&json!("a:2"))));
    assert_eq!(record.refused_contents[0].digest, "sha256:00");
    let again = Record::parse(&place(), &record.to_text()).unwrap();
    assert_eq!(again, record);
}

#[test]
fn lines_changed_by_hand_break_the_seal_and_nothing_else() {
    let text = full().to_text();
    let edited = text.replace("a/b:1.10", "a/b:1.11");
    let record = Record::parse(&place(), &edited).unwrap();
    assert!(!record.is_sealed());
    assert_eq!(record.content.as_ref().unwrap()["image"], "a/b:1.11");
    let unsealed = text.lines().filter(|line| !line.starts_with("seal:"));
    let unsealed: String = unsealed.map(|line| format!("{line}\n")).collect();
    assert!(!Record::parse(&place(), &unsealed).unwrap().is_sealed());
}

#[test]
fn conflict_markers_are_an_error_that_names_the_file() {
    let text = full().to_text();
    let line = "serial: 7\n";
    let marked = text.replace(
        line,
        "<<<<<<< ours\nserial: 7\n=======\nserial: 8\n>>>>>>> theirs\n",
    );
    assert_ne!(marked, text);
    let error = Record::parse(&place(), &marked).unwrap_err();
    assert_eq!(error.location.path, place());
}

#[test]
fn a_foreign_file_is_refused_with_its_place() {
    let error = Record::parse(&place(), "kind: Secret\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        ".gitops/promoted/component/a.yaml:1:1: a promotion record of kind PromotionRecord was expected"
    );
}

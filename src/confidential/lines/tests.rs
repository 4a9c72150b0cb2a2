use super::*;

/// The lines that are shown.
fn shown(text: &str) -> Vec<&str> {
    let lines = Lines::of(text);
    (1..=99)
        .filter_map(|number| lines.shown(text, number))
        .collect()
}

#[test]
fn no_line_below_the_key_of_a_secret_is_shown() {
    for text in [
        "a: 1\ncredentials:\n  ann: hush\n  more:\n    - hush\nb: 2\n",
        "a: 1\npassword: |\n  hush\n\n  hush\nb: 2\n",
        "a: 1\ntokens:\n- hush\n- hush\nb: 2\n",
        "a: 1\n\"secret\": {\n  \"x\": \"hush\"\n}\nb: 2\n",
        "a: 1\nkey: |\n  -----BEGIN PRIVATE KEY-----\n  hush\n  -----END PRIVATE KEY-----\nb: 2\n",
        "a: 1\nenv:\n- name: DB_PASSWORD\n  value: hush\nb: 2\n",
        "a: 1\nenv:\n- value: hush\n  name: DB_PASSWORD\nb: 2\n",
        "a: 1\nenv:\n  - name: DB_PASSWORD\n    value: |\n      hush\nb: 2\n",
        "a: 1\nargs:\n- --password\n- hush\nb: 2\n",
        "a: 1\nenv: [{name: DB_TOKEN, value: hush, valu: x}]\nb: 2\n",
        "a: 1\nDB_PASSWORD=hush\nb: 2\n",
        "a: 1\nx: postgres://u:hush@h/d\nb: 2\n",
        "a: 1\n{\"kind\":\"Secret\",\"data\":{\"x\":\"hush\"}}\nb: 2\n",
    ] {
        let shown = shown(text);
        let text = shown.join("\n");
        assert!(!text.contains("hush"), "{text}");
    }
}

#[test]
fn other_lines_are_shown() {
    let text = "a: 1\ncredentials:\n  ann: hush\nb: 2\nenv:\n- name: DB_PASSWORD\n  value: hush\n- name: LEVEL\n  value: debug\n";
    assert_eq!(
        shown(text),
        [
            "a: 1",
            "credentials:",
            "b: 2",
            "env:",
            "- name: DB_PASSWORD",
            "- name: LEVEL",
            "  value: debug",
        ]
    );
    let text = "containers:\n- name: web\n  image: r.example.com/auth:1\n  args: [--port, '80']\nserviceAccountToken: true\nnext: 1\n";
    assert_eq!(shown(text).len(), 6);
}

#[test]
fn a_document_with_a_secret_is_not_shown() {
    let text = "kind: ConfigMap\na: 1\n---\nkind: Secret\ndata:\n  x: hush\n---\nb: 2\n";
    assert_eq!(shown(text), ["kind: ConfigMap", "a: 1", "---", "b: 2"]);
    let lines = Lines::without_objects(text);
    assert_eq!(lines.shown(text, 4), Some("kind: Secret"));
    assert_eq!(lines.shown(text, 99), None);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the time that it takes is tested"
)]
fn many_names_of_secrets_are_read_in_time() {
    let text = "a:\n".to_owned() + &"  name: password\n".repeat(20_000) + "  value: hush\n";
    let begun = std::time::Instant::now();
    let mut reading = Reading::of(&text);
    reading.hide_beside_names();
    assert!(begun.elapsed().as_secs() < 15, "{:?}", begun.elapsed());
    assert_eq!(reading.hidden.iter().position(|it| *it), Some(20_001));
}

#[test]
fn deeper_lines_before_a_name_are_its_own() {
    let text = "a: 1\nenv:\n    x: hush\n  value: hush\n  name: DB_PASSWORD\nother: 2\n";
    let expected = ["a: 1", "env:", "  name: DB_PASSWORD", "other: 2"];
    assert_eq!(shown(text), expected);
}

#[test]
fn a_value_beside_the_name_of_a_secret_is_not_shown_with_a_slip_in_it() {
    for text in [
        "a: 1\nenv:\n- name: DB_TOKEN\n  valu: hush\nb: 2\n",
        "a: 1\nenv:\n- name: DB_TOKEN\n  colour: hush\nb: 2\n",
        "a: 1\nenv:\n- name: DB_TOKEN\n  vlaue: hush\nb: 2\n",
        "a: 1\nenv:\n- name: token\n  valu: hush\nb: 2\n",
        "a: 1\nenv:\n- name: DB_TOKEN\n    value: hush\nb: 2\n",
        "a: 1\nenv:\n- name: DB_TOKEN\n value: hush\nb: 2\n",
        "a: 1\nenv:\n  - name: DB_TOKEN\n  value: hush\nb: 2\n",
        "a: 1\nenv:\n  - name: DB_TOKEN\nvalue: hush\nb: 2\n",
        "a: 1\nenv:\n  - name: DB_TOKEN\n\n value: hush\nb: 2\n",
        "a: 1\nenv:\n  - value: hush\n   name: DB_TOKEN\nb: 2\n",
        "a: 1\nenv:\n- name: DB_TOKEN\n  value:\n    x: hush\nb: 2\n",
        "a: 1\nenv:\n- envName: DB_TOKEN\n  envValue: hush\nb: 2\n",
        "a: 1\nenv: [{name: DB_TOKEN, valu: hush}\nb: 2\n",
        "a: 1\n? password\n: hush\nb: 2: 3\n",
        "a: 1\nargs:\n- redis-cli\n- -a\n- hush\nb: 2\n",
        "a: 1\nargs:\n- curl\n- -u\n- ann:hush\nb: 2\n",
        "a: 1\ntls:\n  key: hush\nb: 2\n",
        "a: 1\nheaders:\n  authorization: hush\nb: 2\n",
        "a: 1\ntokens:\n  hush: ann\nb: 2\n",
        "a: 1\nauth:\n  ann: hush\n  more:\n  - hush\nb: 2\n",
        "a: 1\nx: |\n  password = '''\n  hush\n  '''\nb: 2\n",
        "a: 1\nx: |\n  db.password=a\\\n    hush\nb: 2\n",
        "a: 1\nx: |\n  password = <<EOF\n  hush\n  EOF\nb: 2\n",
    ] {
        let shown = shown(text);
        assert!(shown.contains(&"a: 1"), "{text}: {shown:?}");
        assert!(
            shown.iter().any(|line| line.starts_with("b: 2")),
            "{text}: {shown:?}"
        );
        assert!(!shown.join("\n").contains("hush"), "{text}: {shown:?}");
    }
}

#[test]
fn settings_are_shown() {
    for text in [
        "auth:\n  enabled: true\n  issuer: x\n  ttl: 1h\n",
        "auth:\n  image:\n    tag: 1.2\n",
        "secret:\n  create: true\n  name: x\n  annotations:\n    a: b\n",
        "secret:\n  secretName: db\n  defaultMode: 420\n",
        "containers:\n- name: auth\n  image: x\n  args:\n  - run\n  ports:\n  - containerPort: 80\n",
        "matchExpressions:\n- key: auth\n  operator: In\n  values:\n  - a\n",
        "env:\n- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: db\n      key: password\n",
        "env:\n- name: DB_PASSWORD\n  valueFrom: {}\n- name: LEVEL\n  value: debug\n",
        "args:\n- -p\n- 80\n",
    ] {
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(shown(text), lines);
    }
}

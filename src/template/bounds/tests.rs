#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, UndefinedBehavior};
use proptest::prelude::*;

use super::guard::guarded;
use super::text::{BRACKETS, ELIFS, TEXT, TOKENS};
use crate::template::context::from_json;
use crate::template::write_message;

fn facts() -> serde_json::Value {
    serde_json::json!({
        "n": 3, "s": "ab", "yes": true, "none": null,
        "l": [1, "x", [2, 3]],
        "m": {"k": "v", "deep": {"list": [4, 5]}},
    })
}

/// Renders with the engine as it is, with guards and without.
fn both(template: &str) -> (Result<String, String>, Result<String, String>) {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(100_000));
    let text = guarded(template, &SyntaxConfig::default()).unwrap().text;
    let render = |engine: &Environment<'_>, text: &str| {
        engine
            .render_str(text, from_json(&facts()))
            .map_err(|error| error.kind().to_string())
    };
    let plain = render(&engine, template);
    super::install(&mut engine);
    let guarded = render(&engine, &text);
    (plain, guarded)
}

/// A comparison of two values, as operator and as test.
fn comparison() -> impl Strategy<Value = &'static str> + Clone {
    prop::sample::select(vec![
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "in",
        "not in",
        "not  in",
        "is eq",
        "is ne",
        "is lt",
        "is ge",
        "is in",
        "is not in",
        "is startingwith",
        "is not sameas",
    ])
}

/// A filter that compares or looks up.
fn filter() -> impl Strategy<Value = &'static str> + Clone {
    prop::sample::select(vec![
        "sort",
        "sort(attribute='k')",
        "sort(attribute='k,0', reverse=true)",
        "unique",
        "unique(attribute='k')",
        "min",
        "max",
        "max(attribute='k')",
        "dictsort",
        "dictsort(by='value')",
        "groupby('k')|map('first')",
        "groupby(attribute=0)|length",
        "map(attribute='k')",
        "map(attribute='k', default=7)",
        "map('string')",
        "first",
        "select('eq', n)",
        "reject('in', l)",
        "selectattr('k', '==', 'v')",
        "items|sort",
        "selectattr('k')",
        "attr('k')",
        "attr(l)",
        "reverse",
        "list",
    ])
}

/// An expression of what templates may say, wide rather than deep.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("n".to_owned()),
        Just("s".to_owned()),
        Just("l".to_owned()),
        Just("m".to_owned()),
        Just("m.deep.list".to_owned()),
        Just("l[2]".to_owned()),
        Just("'é'".to_owned()),
        Just("7".to_owned()),
        Just("[]".to_owned()),
        Just("(1, 'a')".to_owned()),
        Just("[1, 2]".to_owned()),
        Just("none".to_owned()),
        Just("missing".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        let sign = prop_oneof![
            Just("+"),
            Just("*"),
            Just("-"),
            Just("~"),
            Just("and"),
            Just("or"),
            Just("//"),
        ];
        let (comparison, filter) = (comparison(), filter());
        prop_oneof![
            4 => (two.clone(), comparison.clone())
                .prop_map(|((a, b), sign)| format!("{a} {sign} {b}")),
            2 => (two.clone(), comparison.clone())
                .prop_map(|((a, b), sign)| format!("(({a}) {sign} ({b}))")),
            1 => (two.clone(), inner.clone(), comparison)
                .prop_map(|((a, b), c, sign)| format!("{a} <= {b} {sign} {c}")),
            2 => (inner.clone(), filter).prop_map(|(a, filter)| format!("({a})|{filter}")),
            1 => two.clone().prop_map(|(a, b)| format!("({a} if {b})")),
            1 => two.clone().prop_map(|(a, b)| format!("({a})[{b}]")),
            1 => two.clone().prop_map(|(a, b)| format!("({a})[0:{b}][-1]")),
            1 => two.clone().prop_map(|(a, b)| format!("{{{a}: {b}, {b}: 1}}")),
            4 => (two.clone(), sign).prop_map(|((a, b), sign)| format!("{a} {sign} {b}")),
            2 => two.clone().prop_map(|(a, b)| format!("{a}+{b}")),
            1 => two.clone().prop_map(|(a, b)| format!("({a} + {b}) * 2")),
            2 => two.clone().prop_map(|(a, b)| format!("[{a}, {b}]")),
            1 => two.clone().prop_map(|(a, b)| format!("({a},{b})")),
            1 => two.clone().prop_map(|(a, b)| format!("{{'k': {a}, 'j': {b}}}")),
            1 => two.clone().prop_map(|(a, b)| format!("({a} if {b} else n)")),
            1 => two.clone().prop_map(|(a, b)| format!("[{a}, {b}][1]")),
            1 => two.clone().prop_map(|(a, b)| format!("([{a}] + [{b}])[0:1]")),
            1 => inner.clone().prop_map(|a| format!("({a})|string|length")),
            1 => inner.clone().prop_map(|a| format!("[{a}]|first")),
            1 => inner.clone().prop_map(|a| format!("[{a}, 1]|sum(start=[])")),
            1 => two.prop_map(|(a, b)| format!("[{a}]|zip([{b}])|list")),
            1 => inner.clone().prop_map(|a| format!("{a} is defined")),
            1 => inner.prop_map(|a| format!("(not {a})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn guards_change_no_rendering(a in expression(), b in expression(), form in 0..7) {
        let template = match form {
            0 => format!("{{{{ {a} }}}}|{{{{- {b} -}}}} é"),
            1 => format!("{{% set x = {a} %}}{{{{ x }}}}{{% set x, y = {a}, {b} %}}{{{{ y }}}}"),
            2 => format!("{{% set ns = namespace(v={a}) %}}{{% for i in [1, n] %}}{{% set ns.v = {b} %}}{{% endfor %}}{{{{ ns.v }}}}"),
            3 => format!("{{% macro f(x, y={a}) %}}{{{{ x }}}}{{{{ y }}}}{{% endmacro %}}{{{{ f({b}) }}}}"),
            4 => format!("{{% for x in [{a}] if x + n == {b} %}}{{{{ loop.index }}}}{{% else %}}{{{{ {b} }}}}{{% endfor %}}"),
            5 => format!("{{% for x in [{a}, {b}, {b}] %}}{{% if loop.changed(x, {a}) %}}{{{{ loop.index }}}}{{% endif %}}{{% endfor %}}"),
            _ => format!("{{% with x = {a}, y = {b} %}}{{% if x %}}{{{{ y }}}}{{% elif {a} %}}{{{{ x + y }}}}{{% endif %}}{{% endwith %}}"),
        };
        let (plain, guarded) = both(&template);
        prop_assert_eq!(plain.is_ok(), guarded.is_ok(), "{} {:?} {:?}", template, plain, guarded);
        if let (Ok(plain), Ok(guarded)) = (plain, guarded) {
            prop_assert_eq!(plain, guarded, "{}", template);
        }
    }
}

#[test]
fn places_are_those_of_the_text_that_was_written() {
    let text = "é {% set x = [n, l + l] %}{{ x[0] + [n] }} {{ s }}";
    let made = guarded(text, &SyntaxConfig::default()).unwrap();
    assert_ne!(made.text, text);
    // Every character that a person wrote is found again, in order.
    let mut at = 0;
    for (place, letter) in text.char_indices() {
        let here = (at..made.text.len())
            .find(|here| made.written(*here) == place && made.text[*here..].starts_with(letter));
        match here {
            Some(here) => at = here + 1,
            // Signs that a guard stands for.
            None => assert!(letter == '+', "{letter} at {place} of {}", made.text),
        }
    }
    assert_eq!(made.written(made.text.len()), text.len());
    for same in [
        "",
        "{{ n + 1 }}",
        "a: b\n",
        "{{ 'x' + s }}{% if n %}{% endif %}",
    ] {
        assert_eq!(guarded(same, &SyntaxConfig::default()).unwrap().text, same);
    }
}

/// The reason why a message is not written, within the time that there is.
fn refused(template: &str) -> String {
    let began = Instant::now();
    let result = write_message(template, &facts());
    let took = began.elapsed();
    let shown: String = template.chars().take(120).collect();
    assert!(took < Duration::from_secs(4), "{took:?}: {shown}");
    match result {
        Ok(text) => panic!("{shown}: {} bytes", text.len()),
        Err(error) => error.reason,
    }
}

/// Renders or is refused, within the time that there is.
fn ends(template: &str) {
    let began = Instant::now();
    let _ = write_message(template, &facts());
    let took = began.elapsed();
    let shown: String = template.chars().take(200).collect();
    assert!(took < Duration::from_secs(4), "{took:?}: {shown}");
}

#[test]
fn lists_that_double_are_refused() {
    let grown = |grow: &str| {
        format!(
            "{{% set n = namespace(s=[1]) %}}{{% for i in range(60) %}}{{% set n.s = {grow} %}}{{% endfor %}}{{{{ n.s|length }}}}"
        )
    };
    for grow in [
        "n.s + n.s",
        "n.s|list + n.s|list",
        "n.s * 2",
        "2 * n.s",
        "n.s|chain(n.s)",
        "[n.s, n.s]|sum(start=[])",
        "[n.s, n.s]",
        "(n.s, n.s)",
        "{'a': n.s, 'b': n.s}",
        "dict(a=n.s, b=n.s)",
        "[n.s]|zip([n.s])",
        "[n.s]|chain(n.s|batch(2))",
        "[n.s]|chain(n.s|zip(n.s))",
        "(n.s + n.s)[0:]",
        "[n.s[0:], n.s|reverse]",
        "(n.s|join('x')) * 2 ~ n.s",
        "n.s ~ n.s",
        "(n.s|string) + (n.s|string)",
        "n.s",
    ] {
        if grow == "n.s" {
            assert_eq!(write_message(&grown(grow), &facts()).unwrap(), "1");
            continue;
        }
        let reason = refused(&grown(grow));
        assert!(
            ["more than", "steps", "deeper"]
                .iter()
                .any(|it| reason.contains(it)),
            "{grow}: {reason}"
        );
    }
    // The same without a loop, and through macros and blocks.
    let mut text = "{% set s = [1] %}".to_owned();
    (0..60).for_each(|_| text.push_str("{% set s = s + s %}"));
    refused(&format!("{text}{{{{ s|length }}}}"));
    refused(
        "{% macro f(x, i) %}{% if i %}{{ f(x + x, i - 1) }}{% else %}{{ x|length }}{% endif %}{% endmacro %}{{ f([1], 60) }}",
    );
    refused(
        "{% macro f(x, i) %}{% if i %}{{ f([x, x], i - 1) }}{% else %}{{ x }}{% endif %}{% endmacro %}{{ f([1], 60) }}",
    );
    let mut text = "{% set x = [1] %}".to_owned();
    (0..60).for_each(|_| text.push_str("{% for x in [x + x] %}"));
    text.push_str("{{ x|length }}");
    (0..60).for_each(|_| text.push_str("{% endfor %}"));
    refused(&text);
    let mut text = "{% with x = [1] %}".to_owned();
    (0..60).for_each(|_| text.push_str("{% with x = [x, x] %}"));
    text.push_str("{{ x == x|list }}");
    (0..61).for_each(|_| text.push_str("{% endwith %}"));
    refused(&text);
}

#[test]
fn what_grows_by_one_is_not_copied_each_time() {
    let text = "{% set n = namespace(l=[]) %}{% for i in range(5000) %}{% set n.l = n.l + [i] %}{% endfor %}{{ n.l|length }} {{ n.l[4999] }} {{ n.l|last }}";
    assert_eq!(write_message(text, &facts()).unwrap(), "5000 4999 4999");
    // A list from which two others go on is itself in the end.
    let text =
        "{% set a = [n] + [2] %}{% set b = a + [3] %}{% set c = a + [4] %}{{ a }} {{ b }} {{ c }}";
    assert_eq!(
        write_message(text, &facts()).unwrap(),
        "[3, 2] [3, 2, 3] [3, 2, 4]"
    );
}

#[test]
fn values_that_nest_without_end_are_refused() {
    let loops = |set: &str| {
        format!(
            "{{% set n = namespace(s=[1]) %}}{{% for i in range(9000) %}}{{% set n.s = {set} %}}{{% endfor %}}{{{{ n.s }}}}"
        )
    };
    for set in [
        "[n.s]",
        "(n.s,)",
        "{'a': n.s}",
        "dict(a=n.s)",
        "[n.s]|batch(1)|list",
        "[[[n.s]]]",
        "[n.s|items|list if n.s is mapping else n.s]",
    ] {
        let reason = refused(&loops(set));
        assert!(reason.contains("deeper"), "{set}: {reason}");
    }
    for set in [
        "n.s[0:]",
        "n.s|reverse",
        "n.s[::-1]",
        "n.s|batch(1)",
        "n.s|map('list')",
    ] {
        ends(&loops(set));
    }
    for own in [
        "{% set n = namespace() %}{% set n.n = n %}{{ n }}",
        "{% set n = namespace() %}{% set n.n = [n] %}{{ n|string }}",
        "{% set n = namespace() %}{% set m = namespace(n=n) %}{% set n.m = m %}{{ n|tojson }}",
    ] {
        let reason = refused(own);
        assert!(reason.contains("namespace"), "{reason}");
    }
}

#[test]
fn text_that_nests_without_end_is_refused_with_its_place() {
    for (text, place) in [
        (format!("ab {{{{ 1{} }}}}", "+1".repeat(40_000)), 3),
        (format!("ab {{{{ n{} }}}}", "|string".repeat(TOKENS)), 3),
        (format!("ab {{{{ {}1 }}}}", "not ".repeat(TOKENS + 1)), 3),
        (format!("ab {{{{ {}1 }}}}", "-".repeat(TOKENS + 1)), 3),
        (format!("ab {{{{ m{} }}}}", ".k".repeat(TOKENS)), 3),
        (format!("ab {{{{ l{} }}}}", "[0]".repeat(TOKENS)), 3),
        (
            format!("ab {{{{ n{} }}}}", " if 1 else n".repeat(TOKENS)),
            3,
        ),
        (format!("ab {{{{ n{} }}}}", " == n".repeat(TOKENS)), 3),
        (
            format!(
                "ab {{{{ {}{} }}}}",
                "(".repeat(BRACKETS + 1),
                ")".repeat(BRACKETS + 1)
            ),
            6 + BRACKETS,
        ),
        (
            format!("ab {{{{ {}{} }}}}", "[".repeat(20_000), "]".repeat(20_000)),
            6 + BRACKETS,
        ),
    ] {
        let error = write_message(&text, &facts()).unwrap_err();
        let shown: String = text.chars().take(30).collect();
        // Longer than a message's template may be: nothing is looked at.
        let whole = text.len() > 64 << 10 && error.offset == 0;
        assert!(error.offset == place || whole, "{shown}: {error:?}");
    }
    let mut text = "{% if n == 0 %}".to_owned();
    (0..=ELIFS).for_each(|n| write!(text, "{{% elif n == {n} %}}").unwrap());
    assert!(refused(&format!("{text}{{% endif %}}")).contains("elif"));
    for tag in [
        "if 1",
        "for x in l",
        "with",
        "filter upper",
        "autoescape false",
    ] {
        let end = tag.split(' ').next().unwrap();
        let text = format!(
            "{}{}",
            format!("{{% {tag} %}}").repeat(2000),
            format!("{{% end{end} %}}").repeat(2000)
        );
        refused(&text);
    }
    assert!(guarded(&"x".repeat(TEXT + 1), &SyntaxConfig::default()).is_err());
    // Just within: as deep as it may be, on the stack that there is.
    for text in [
        format!("{{{{ 1{} }}}}", "+1".repeat(TOKENS / 2 - 1)),
        format!("{{{{ n{} }}}}", "+n".repeat(TOKENS / 2 - 1)),
        format!("{{{{ {}n }}}}", "not ".repeat(TOKENS - 1)),
        format!("{{{{ {}n }}}}", "-".repeat(TOKENS - 1)),
        format!("{{{{ s{} }}}}", "|string".repeat(TOKENS / 2 - 1)),
        format!("{{{{ l{}|length }}}}", "[0:]".repeat(TOKENS / 4 - 2)),
        format!(
            "{{{{ {}n{} }}}}",
            "[".repeat(BRACKETS),
            "]".repeat(BRACKETS)
        ),
        format!("{{{{ n{} }}}}", " - n + n".repeat(TOKENS / 4 - 1)),
    ] {
        ends(&text);
    }
}

#[test]
fn circles_and_single_large_steps_are_refused() {
    for text in [
        "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
        "{% for x in [[1]] recursive %}{{ loop(x) }}{{ loop([[x]]) }}{% endfor %}",
        "{{ 'x' * 1000000000 }}",
        "{{ 1000000000 * 'x' }}",
        "{{ [1] * 100000000 }}",
        "{{ ([1] * 100000000 + [1])|length }}",
        "{{ ([1] * 100000000) == ([1] * 100000000) }}",
        "{{ [[1] * 100000000]|length }}",
        "{{ range(100000000)|length }}",
        "{{ (s * 100000)|replace('', s * 100000) }}",
        "{{ ('x' * 100000)|replace('x', 'x' * 100000) }}",
        "{{ s|indent(1000000000) }}",
        "{{ '%1000000000d'|format(1) }}",
        "{{ ['x' * 100000]|list * 100000 }}",
        "{{ (['x' * 10000] * 10000)|join }}",
        "{{ (['x' * 100000] * 100000)|join('y' * 1000) }}",
        "{{ (['x' * 10000] * 90000)|sum(start='') }}",
        "{{ range(90000)|map('string')|sum(start='') }}",
        "{{ 'x'|center(1000000000) }}",
        "{{ 2 ** 1000000000 }}",
        "{{ range(90000)|batch(1)|map('join')|join('x' * 1000) }}",
        "{% set t = 'x' * 100000 %}{% for i in range(100000) %}{{ t|upper }}{% endfor %}",
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{{ debug() }}",
    ] {
        refused(text);
    }
    for text in [
        "{% set l = range(50000)|list %}{{ l|sort|unique|length }}",
        "{{ range(99999)|list|tojson|length }}",
        "{{ range(90000)|groupby('x')|length }}",
        "{{ (range(300)|list * 300)|unique|list|length }}",
        "{% set l = (range(200)|list,) * 900 %}{% for i in range(100000) %}{{ 'x' if l == l|list else '' }}{% endfor %}",
        "{{ ('a' * 60000)|urlencode }}",
        "{{ ('(' * 30000 ~ 'a' * 30000)|replace('(a', 'b')|length }}",
    ] {
        ends(text);
    }
}

#[test]
fn values_of_files_are_weighed_once() {
    let many: Vec<usize> = (0..60_000).collect();
    let facts = serde_json::json!({"m": {"list": many}});
    let began = Instant::now();
    let text =
        "{% for i in range(2000) %}{% set x = m %}{% set y = [m] %}{% endfor %}{{ m.list|length }}";
    let value: Value = from_json(&facts);
    assert!(value.len().is_some());
    assert_eq!(write_message(text, &facts).unwrap(), "60000");
    assert!(began.elapsed() < Duration::from_secs(4));
}

/// A step of a program that grows what it has in every way that there is.
fn growth() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("n.a"),
        Just("n.b"),
        Just("x"),
        Just("[n.a]"),
        Just("[n.a, n.b]"),
        Just("(n.a, x)"),
        Just("{'k': n.a, 'j': x}"),
        Just("n.a|list"),
        Just("n.a|string"),
        Just("n.b ~ n.a"),
        Just("'s' * 5000"),
        Just("range(5000)"),
        Just("n.a|batch(2)"),
        Just("n.a|zip(n.b)"),
        Just("n.a|map('list')"),
        Just("n.a|reverse"),
        Just("n.a[0:]"),
        Just("n.a|join(n.b)"),
        Just("n.a|tojson"),
        Just("n.a|items"),
        Just("n.a|dictsort"),
        Just("n.a|first"),
        Just("n.a|unique"),
        Just("n.a|sort"),
        Just("n.a|groupby(0)"),
        Just("n.a|indent(500)"),
        Just("n.a|replace('s', 'ss')"),
        Just("n.a|sum(start=[])"),
        Just("dict(a=n.a, b=x)"),
        Just("n.a == n.b"),
        Just("n.a in n.b"),
        Just("n.a|select('in', n.b)"),
        Just("n.a|pprint"),
        Just("n.a|default(n.b)|chain(n.a)"),
        Just("n.a|slice(3)"),
        Just("n.a|format(n.b)"),
        Just("n.a|upper|center(500)"),
        Just("n.a|to_json"),
        Just("n.a|to_yaml"),
        Just("n.a|sha256"),
    ];
    let sign = prop_oneof![
        Just(" + "),
        Just(" * "),
        Just(" ~ "),
        Just(" or "),
        Just("|chain(")
    ];
    let target = prop_oneof![Just("n.a"), Just("n.b"), Just("x")];
    (target, value.clone(), sign, value).prop_map(|(target, a, sign, b)| {
        let end = if sign.ends_with('(') { ")" } else { "" };
        format!("{{% set {target} = ({a}){sign}({b}){end} %}}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn programs_that_grow_end_in_time(
        first in prop_oneof![Just("[1]"), Just("'s'"), Just("{'a': 1}"), Just("2")],
        steps in proptest::collection::vec(growth(), 1..4),
        shown in prop_oneof![Just("n.a"), Just("n.a|length"), Just("n.b == n.a"), Just("n")],
    ) {
        let steps = steps.concat();
        ends(&format!(
            "{{% set x = {first} %}}{{% set n = namespace(a={first}, b={first}) %}}{{% for i in range(70) %}}{steps}{{% endfor %}}{{{{ {shown} }}}}"
        ));
        ends(&format!(
            "{{% set n = namespace(a={first}, b={first}) %}}{{% macro f(x, i) %}}{steps}{{% if i %}}{{{{ f(x, i - 1) }}}}{{% endif %}}{{% endmacro %}}{{{{ f({first}, 70) }}}}{{{{ {shown} }}}}"
        ));
    }
}

//! Generated objects, written in every style: what holds for any edit of any of them.

use super::*;

/// How a generated text is written.
#[derive(Debug, Clone)]
struct Looks {
    seed: u64,
    step: usize,
    crlf: bool,
    bom: bool,
    last_break: bool,
    comments: bool,
}

impl Looks {
    fn next(&mut self, below: u64) -> u64 {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below
    }

    fn write(&mut self, value: &Value) -> String {
        let mut out = String::new();
        self.block(&mut out, value, 0);
        if out.is_empty() || !matches!(value, Value::Object(map) if !map.is_empty()) {
            out = "{}\n".into();
        }
        if !self.last_break {
            out.pop();
        }
        let out = if self.crlf {
            out.replace('\n', "\r\n")
        } else {
            out
        };
        let out = if self.crlf && !self.last_break {
            out.trim_end_matches('\r').to_owned()
        } else {
            out
        };
        if self.bom {
            format!("\u{feff}{out}")
        } else {
            out
        }
    }

    fn block(&mut self, out: &mut String, value: &Value, indent: usize) {
        let pad = " ".repeat(indent);
        let Value::Object(map) = value else { return };
        for (at, (key, value)) in map.iter().enumerate() {
            if self.comments && at > 0 && self.next(4) == 0 {
                out.push('\n');
            }
            if self.comments && at > 0 && self.next(4) == 0 {
                out.push_str(&format!("{pad}# about {}\n", at));
            }
            out.push_str(&format!("{pad}{}:", super::super::super::quote(key)));
            self.value(out, value, indent);
        }
    }

    fn value(&mut self, out: &mut String, value: &Value, indent: usize) {
        let flow = self.next(4) == 0;
        let remark = if self.comments && self.next(4) == 0 {
            " # it's so: {"
        } else {
            ""
        };
        match value {
            Value::Object(map) if !map.is_empty() && !flow => {
                out.push_str(&format!("{remark}\n"));
                self.block(out, value, indent + self.step);
            }
            Value::Array(items) if !items.is_empty() && !flow => {
                out.push_str(&format!("{remark}\n"));
                for item in items {
                    out.push_str(&format!("{}-", " ".repeat(indent)));
                    match item {
                        Value::Object(map) if !map.is_empty() => {
                            let mut inner = String::new();
                            self.block(&mut inner, item, indent + 2);
                            out.push(' ');
                            out.push_str(inner.trim_start_matches(['\n', ' ']));
                        }
                        other => {
                            let mut line = String::new();
                            super::super::super::emit::flow(
                                &mut line,
                                other,
                                super::super::super::emit::Scalars::Json,
                            );
                            out.push_str(&format!(" {line}{remark}\n"));
                        }
                    }
                }
            }
            Value::String(text) => {
                let style = self.next(3);
                let literal = super::super::super::emit::literal(text, indent + self.step);
                match literal {
                    Some(literal) if self.last_break && style > 0 => {
                        out.push_str(&format!(" {literal}"))
                    }
                    _ if style == 0 && !text.contains(|c: char| c.is_control()) => {
                        out.push_str(&format!(" '{}'{remark}\n", text.replace('\'', "''")));
                    }
                    _ => out.push_str(&format!(" {}{remark}\n", super::super::super::quote(text))),
                }
            }
            Value::Null if self.next(2) == 0 => out.push_str(&format!("{remark}\n")),
            other => {
                let mut line = String::new();
                super::super::super::emit::flow(
                    &mut line,
                    other,
                    super::super::super::emit::Scalars::Json,
                );
                out.push_str(&format!(" {line}{remark}\n"));
            }
        }
    }
}

fn looks() -> impl Strategy<Value = Looks> {
    (any::<u64>(), 1usize..5, any::<[bool; 4]>()).prop_map(
        |(seed, step, [crlf, bom, last_break, comments])| Looks {
            seed,
            step,
            crlf,
            bom,
            last_break,
            comments,
        },
    )
}

fn scalars() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1000i64..1000).prop_map(Value::from),
        "[a-z0-9.:/@#' {}\\[\\],*&!|>%-]{0,10}".prop_map(Value::from),
        "[a-zü]{1,4}(\n[a-z ü]{0,3}[a-z]){1,3}\n?".prop_map(Value::from),
        "[0-9yYnNoOeExX_.:~-]{1,6}".prop_map(Value::from),
    ]
}

fn keys() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-e]",
        "[a-e][A-Z]{1,2}",
        Just("on".to_owned()),
        Just("a.b/c".to_owned()),
        Just("1.10".to_owned())
    ]
}

fn objects() -> impl Strategy<Value = Value> {
    let value = scalars().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keys(), inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    });
    prop::collection::vec((keys(), value), 1..6)
        .prop_map(|pairs| Value::Object(pairs.into_iter().collect()))
}

fn paths(value: &Value, here: &Path, found: &mut Vec<Path>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            let path = here.key(key);
            found.push(path.clone());
            paths(value, &path, found);
        }),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, value)| {
            let path = here.index(at);
            found.push(path.clone());
            paths(value, &path, found);
        }),
        _ => {}
    }
}

fn at<'v>(value: &'v mut Value, path: &Path) -> &'v mut Value {
    path.steps().iter().fold(value, |value, step| match step {
        Step::Key(key) => &mut value[key.as_str()],
        Step::Index(index) => &mut value[*index],
        Step::Item(_) => unreachable!(),
    })
}

fn pick(value: &Value, number: usize) -> Path {
    let mut found = Vec::new();
    paths(value, &Path::root(), &mut found);
    found[number % found.len()].clone()
}

/// The lines that an edit left alone: all before the first and behind the last that differ.
fn touched_lines(old: &str, new: &str) -> (usize, usize) {
    let (old, new): (Vec<_>, Vec<_>) = (old.split('\n').collect(), new.split('\n').collect());
    let front = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let back = old[front..]
        .iter()
        .rev()
        .zip(new[front..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    (front, old.len() - back)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..Default::default() })]

    #[test]
    fn setting_any_value_changes_that_value_only(object in objects(), mut looks in looks(), number in 0usize..1000, new in scalars(), whole in objects()) {
        let text = looks.write(&object);
        let read = parse_values(&text).unwrap().remove(0);
        prop_assert_eq!(&read, &object, "{}", text);
        let target = pick(&object, number);
        for new in [new, whole] {
            let mut expected = object.clone();
            *at(&mut expected, &target) = new.clone();
            match edit(&text, |e| e.set_value(0, &target, &new)) {
                Ok(made) => {
                    prop_assert_eq!(parse_values(&made).unwrap().remove(0), expected, "{}\n--\n{}", text, made);
                    let again = edit(&made, |e| e.set_value(0, &target, &new)).unwrap();
                    prop_assert_eq!(parse_values(&again).unwrap(), parse_values(&made).unwrap());
                }
                // A literal at the end of a text without a last line break.
                Err(EditError::Unproven { detail }) => prop_assert!(!text.ends_with('\n'), "{text}\n{target} = {new}\n{detail}"),
                Err(other) => prop_assert!(false, "{text}\n{target} = {new}: {other}"),
            }
        }
    }

    #[test]
    fn in_parts_and_at_once_come_to_the_same(object in objects(), mut looks in looks(), number in 0usize..1000, size in 1usize..50, new in "[a-z0-9.:@ #-]{0,8}") {
        let text = looks.write(&object);
        let Some(parts) = Parts::cut(&text, 0, size) else { return Ok(()) };
        let paths = [pick(&object, number), pick(&object, number / 7)];
        let wishes = paths.map(|path| Wish { document: 0, path, text: new.clone(), behind: None });
        if let Some(made) = in_parts(parts, &wishes) {
            let whole = edit(&text, |e| wishes.iter().try_for_each(|it| e.set_string(0, &it.path, &it.text)));
            prop_assert_eq!(whole, Ok(made), "{}", text);
        }
    }

    #[test]
    fn a_new_string_touches_one_line(object in objects(), mut looks in looks(), number in 0usize..1000, new in "[a-z0-9.:@ #-]{0,8}") {
        let text = looks.write(&object);
        let target = pick(&object, number);
        let mut copy = object.clone();
        let Value::String(old) = at(&mut copy, &target) else { return Ok(()) };
        if old.contains('\n') { return Ok(()) }
        let made = edit(&text, |e| e.set_string(0, &target, &new)).expect(&text);
        let (first, last) = touched_lines(&text, &made);
        prop_assert!(last <= first + 1, "{text}\n--\n{made}");
        let (old_line, new_line) = (text.split('\n').nth(first), made.split('\n').nth(first));
        if let (Some(old_line), Some(new_line)) = (old_line, new_line) {
            prop_assert_eq!(old_line.ends_with('\r'), new_line.ends_with('\r'));
        }
    }

    #[test]
    fn removing_leaves_the_rest(object in objects(), mut looks in looks(), number in 0usize..1000) {
        let text = looks.write(&object);
        let target = pick(&object, number);
        let mut expected = object.clone();
        match (at(&mut expected, &target.parent().unwrap()), target.last().unwrap()) {
            (Value::Object(map), Step::Key(key)) => { map.shift_remove(key); }
            (Value::Array(items), Step::Index(index)) => { items.remove(*index); }
            _ => unreachable!(),
        }
        let made = edit(&text, |e| e.remove(0, &target)).expect(&text);
        prop_assert_eq!(parse_values(&made).unwrap().remove(0), expected, "{}\n--\n{}", text, made);
    }

    #[test]
    fn a_copied_entry_is_the_sources_and_all_else_the_targets(source in objects(), target in objects(), mut looks in looks(), mut other in looks(), number in 0usize..1000) {
        let (from, into) = (looks.write(&source), other.write(&target));
        let wanted = pick(&source, number);
        if wanted.steps().iter().any(|step| matches!(step, Step::Index(_))) { return Ok(()) }
        match try_copy(&into, &from, &wanted.to_string()) {
            Ok(made) => {
                let mut expected = target.clone();
                let mut source = source.clone();
                let mut here = &mut expected;
                for step in wanted.steps() {
                    let Step::Key(key) = step else { unreachable!() };
                    if here.is_null() { *here = json!({}); }
                    here = &mut here[key.as_str()];
                }
                *here = at(&mut source, &wanted).clone();
                prop_assert_eq!(parse_values(&made).unwrap().remove(0), expected, "{}\n--\n{}\n--\n{}", from, into, made);
            }
            Err(EditError::Kind { .. }) => {}
            Err(EditError::Unproven { detail }) => prop_assert!(!into.ends_with('\n') || !from.ends_with('\n'), "{from}\n--\n{into}\n--\n{wanted}: {detail}"),
            Err(error) => prop_assert!(false, "{from}\n--\n{into}\n--\n{wanted}: {error}"),
        }
    }

    #[test]
    fn what_was_changed_or_removed_comes_back_byte_for_byte(object in objects(), mut looks in looks(), number in 0usize..1000) {
        let text = looks.write(&object);
        let target = pick(&object, number);
        if target.steps().iter().any(|step| matches!(step, Step::Index(_))) { return Ok(()) }
        if let Ok(changed) = edit(&text, |e| e.set_value(0, &target, &json!("changed"))) {
            let back = try_copy(&changed, &text, &target.to_string());
            let stream = Stream::parse(&text).unwrap();
            let parent = stream.documents()[0].root().unwrap().at(&target.parent().unwrap()).unwrap();
            // In flow style the value alone comes back, which is all there is but for blanks.
            if !parent.flow {
                prop_assert_eq!(back.unwrap(), text.clone(), "{}", changed);
            }
        }
    }
}

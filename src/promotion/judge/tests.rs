//! Histories that once made a rule, each in its smallest form.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use serde_json::{Value, json};

use crate::product::EnvironmentName;
use crate::promotion::{Answer, Class, Decision, End, Extent, Line, Lines, Past, Pasts};
use crate::promotion::{Promoted, Record, RolledBack, State, Tip, Unit, adopted};
use crate::promotion::{judge, questions, settle};
use crate::repo::CommitId;
use crate::yaml::Path;

/// One environment's past, told from the oldest state on.
#[derive(Clone, Default)]
struct Told {
    states: Vec<(i64, Option<Value>, Option<Record>)>,
}

impl Told {
    fn then(mut self, second: i64, value: Value) -> Self {
        let record = self.states.last().and_then(|(_, _, record)| record.clone());
        let value = (!value.is_null()).then_some(value);
        self.states.push((second, value, record));
        self
    }

    fn recorded(mut self, record: Option<Record>) -> Self {
        self.states.last_mut().unwrap().2 = record;
        self
    }

    fn value(&self) -> Option<&Value> {
        self.states.last().unwrap().1.as_ref()
    }

    fn record(&self) -> Option<&Record> {
        self.states.last().unwrap().2.as_ref()
    }

    fn past(&self, name: char, last: i64) -> Past {
        let states = self
            .states
            .iter()
            .rev()
            .map(|(second, value, record)| State {
                commit: commit(name, *second),
                seconds: *second,
                depth: usize::try_from(last - second).unwrap(),
                is_read: true,
                value: value.clone().map(Arc::new),
                record: record.clone().map(Arc::new),
            });
        Past {
            states: states.collect(),
            end: End::Root,
        }
    }
}

/// The commit of a second; the first one is that of both branches.
fn commit(name: char, second: i64) -> CommitId {
    let name = if second == 0 { 'd' } else { name };
    format!("{name}{:039}", second + 1).parse().unwrap()
}

fn dev() -> EnvironmentName {
    "dev".parse().unwrap()
}

/// The source `d` and the target `e`, and what is known between them.
#[derive(Clone)]
struct Case {
    source: EnvironmentName,
    theirs: Told,
    ours: Told,
    lines: Lines,
}

impl Case {
    fn new(theirs: Told, ours: Told, lines: Lines) -> Self {
        Self {
            source: dev(),
            theirs,
            ours,
            lines,
        }
    }

    fn branches(base: Value, theirs: Told, ours: Told) -> Self {
        let fork = Told::default().then(0, base.clone());
        let put = |told: Told| Told {
            states: [fork.states.clone(), told.states].concat(),
        };
        let mut ours = put(ours);
        ours.states[0].0 = 0;
        let lines = Lines::Forked {
            commit: commit('d', 0),
            value: Some(Arc::new(base)),
        };
        Self::new(put(theirs), ours, lines)
    }

    fn folders(theirs: Told, ours: Told) -> Self {
        Self::new(theirs, ours, Lines::Shared)
    }

    fn pasts(&self) -> Pasts {
        let last = |told: &Told| told.states.last().unwrap().0;
        let now = last(&self.theirs).max(last(&self.ours));
        Pasts {
            target: self.ours.past('e', now),
            source: self.theirs.past('d', now),
            lines: self.lines.clone(),
        }
    }

    fn with_unit<T>(&self, then: impl FnOnce(&Unit<'_>) -> T) -> T {
        then(&Unit {
            source: &self.source,
            record: self.ours.record(),
            ours: self.ours.value(),
            theirs: self.theirs.value(),
            pasts: &self.pasts(),
        })
    }

    fn lines(&self) -> Vec<Line> {
        self.with_unit(judge)
    }

    fn classes(&self) -> Vec<(String, Class)> {
        let lines = self.lines().into_iter();
        lines
            .map(|it| (it.difference.path.to_string(), it.difference.class))
            .collect()
    }

    fn class(&self) -> Option<Class> {
        let lines = self.lines();
        assert!(lines.len() < 2, "{lines:?}");
        lines.first().map(|line| line.difference.class)
    }

    /// The record after a promotion of everything, each line answered the same.
    fn record(&self, answer: Answer) -> Option<Record> {
        self.with_unit(|unit| {
            let lines = judge(unit);
            let said = |line| (line, settle(line, unit.record, answer));
            let decided: Vec<(&Line, Decision)> = lines.iter().map(said).collect();
            let tip = commit('d', self.theirs.states.last().unwrap().0);
            let onto = commit('e', self.ours.states.last().unwrap().0);
            Promoted {
                unit: *unit,
                commit: &tip,
                lines: &decided,
                extent: Extent::Whole,
                tip: Tip {
                    commit: &tip,
                    theirs: unit.theirs,
                    lines: &lines,
                },
                onto: &onto,
                reason: None,
            }
            .record()
        })
    }

    /// Promotes everything at a second and takes what may be taken.
    fn promoted(mut self, second: i64) -> Self {
        let record = self.record(Answer::default()).unwrap();
        let mut value = self.ours.value().cloned();
        for line in self.lines() {
            let decision = settle(&line, self.ours.record(), Answer::default());
            assert_ne!(decision, Decision::Ask, "{line:?}");
            if decision.takes() {
                let steps = line.difference.path.steps().to_vec();
                super::super::base::put(&mut value, &steps, line.difference.theirs.as_ref());
            }
        }
        self.ours = self.ours.then(second, value.unwrap_or_default());
        self.ours = self.ours.recorded(Some(record));
        self
    }

    fn theirs(mut self, second: i64, value: Value) -> Self {
        self.theirs = self.theirs.then(second, value);
        self
    }

    fn ours(mut self, second: i64, value: Value) -> Self {
        self.ours = self.ours.then(second, value);
        self
    }
}

fn image(tag: &str) -> Value {
    json!({ "image": tag })
}

fn told(states: &[(i64, &str)]) -> Told {
    let states = states.iter();
    states.fold(Told::default(), |told, (second, tag)| {
        told.then(*second, image(tag))
    })
}

/// A target at `1`, promoted from a source that is at `1`.
fn level() -> Case {
    let case = Case::branches(image("0"), told(&[(1, "1")]), Told::default());
    case.promoted(2)
}

#[test]
fn a_hotfix_that_was_backported_and_undone_does_not_come_back() {
    // C1, without and with a record.
    let theirs = told(&[(3, "b")]);
    let ours = told(&[(2, "b"), (4, "a")]);
    let case = Case::branches(image("a"), theirs, ours);
    assert_eq!(case.class(), Some(Class::Held));
    // Left before the source had it: only a person knows who meant what.
    let ours = told(&[(2, "b"), (4, "a")]);
    let late = Case::branches(image("a"), told(&[(5, "b")]), ours);
    assert_eq!(late.class(), Some(Class::Conflict));
    let case = level()
        .ours(3, image("b"))
        .theirs(4, image("b"))
        .ours(5, image("1"));
    assert_eq!(case.class(), Some(Class::Held));
}

#[test]
fn a_first_promotion_that_was_reverted_with_its_record_is_held() {
    // C2.
    let case = Case::branches(image("1"), told(&[(1, "2")]), Told::default()).promoted(2);
    let mut reverted = case.ours(3, image("1"));
    reverted.ours = reverted.ours.recorded(None);
    assert_eq!(reverted.class(), Some(Class::Held));
    assert_eq!(
        reverted.clone().theirs(4, image("3")).class(),
        Some(Class::Change)
    );

    let folders = Case::folders(told(&[(1, "1"), (3, "2")]), told(&[(2, "1")]));
    let mut reverted = folders.promoted(4).ours(5, image("1"));
    reverted.ours = reverted.ours.recorded(None);
    assert_eq!(reverted.class(), Some(Class::Held));
    assert_eq!(reverted.theirs(6, image("3")).class(), Some(Class::Change));
}

#[test]
fn a_revert_of_a_revert_refuses_nothing() {
    // C3.
    let first = level();
    let (old, one) = (first.ours.value().cloned(), first.ours.record().cloned());
    let second = first.theirs(3, image("2")).promoted(4);
    let (new, two) = (second.ours.value().cloned(), second.ours.record().cloned());
    let mut case = second.ours(5, old.unwrap());
    case.ours = case.ours.recorded(one);
    assert_eq!(case.class(), Some(Class::Held));
    case = case.ours(6, new.unwrap());
    case.ours = case.ours.recorded(two);
    assert_eq!(case.class(), None);
    let back = case.theirs(7, image("1")).lines();
    assert_eq!(back[0].difference.class, Class::Change);
    assert!(back[0].marks.is_back);
}

#[test]
fn a_promotion_that_was_taken_back_later_than_the_next_one_is_held() {
    // C4: the record was resolved by hand, so its seal is broken.
    let case = level().theirs(3, image("2")).promoted(4);
    let record = case.ours.record().cloned().unwrap();
    let by_hand = |line: &str| match line.trim_start().starts_with("image:") {
        true => line.replace('2', "1") + "\n",
        false => line.to_owned() + "\n",
    };
    let text: String = record.to_text().lines().map(by_hand).collect();
    let place = ".gitops/promoted/component/a.yaml".parse().unwrap();
    let merged = Record::parse(&place, &text).unwrap();
    assert!(!merged.is_sealed() && merged != record);
    let mut case = case.ours(5, image("1"));
    case.ours = case.ours.recorded(Some(merged));
    let line = case.lines().remove(0);
    assert!(line.marks.is_base_unknown);
    assert_eq!(line.difference.class, Class::Conflict);
}

#[test]
fn what_another_environment_promoted_is_ahead_and_never_lowered() {
    // C5.
    let mut case = level();
    let mut skipped = case.clone();
    skipped.source = "preview".parse().unwrap();
    skipped.lines = Lines::Unrelated;
    skipped.theirs = told(&[(1, "1"), (2, "2")]);
    let record = skipped.record(Answer {
        overwrite: true,
        ..Answer::default()
    });
    case.ours = case.ours.then(5, image("2")).recorded(record);
    assert_eq!(case.class(), Some(Class::Ahead));
    assert_eq!(
        case.lines()[0].marks.ahead_of,
        Some("preview".parse().unwrap())
    );
    assert_eq!(case.clone().theirs(6, image("2")).class(), None);
    // By 2 and on to 3: the target is behind.
    let on = case.clone().theirs(6, image("2")).theirs(7, image("3"));
    assert_eq!(on.class(), Some(Class::Change));
    assert!(on.lines()[0].marks.behind.is_some());
    assert_eq!(case.ours(6, image("hotfix")).class(), Some(Class::Hotfix));
}

#[test]
fn values_older_than_the_fork_are_not_behind() {
    // C6.
    let mut case = Case::branches(image("a"), told(&[(2, "b")]), told(&[(3, "x")]));
    case.theirs.states.insert(0, (-1, Some(image("x")), None));
    assert_eq!(case.class(), Some(Class::Conflict));
}

#[test]
fn what_was_removed_on_purpose_is_not_behind() {
    // C7.
    let theirs = Told::default().then(0, Value::Null).then(1, image("1"));
    let case = Case::new(theirs, Told::default(), Lines::Unrelated);
    let mut case = Case {
        ours: Told::default().then(2, image("1")),
        ..case
    };
    case.ours = case.ours.then(3, Value::Null);
    case.theirs = case.theirs.then(4, image("2"));
    assert_eq!(case.class(), Some(Class::Conflict));
}

#[test]
fn what_was_overwritten_and_rolled_back_is_asked_again() {
    // C8.
    let case = level().ours(3, image("hotfix")).theirs(4, image("2"));
    assert_eq!(case.class(), Some(Class::Conflict));
    let record = case.record(Answer {
        overwrite: true,
        ..Answer::default()
    });
    let mut case = case.ours(5, image("2"));
    case.ours = case.ours.recorded(record);
    let back = case.with_unit(|unit| {
        let lines = judge(unit);
        RolledBack {
            unit: *unit,
            tip: Tip {
                commit: &commit('d', 4),
                theirs: unit.theirs,
                lines: &lines,
            },
            restored: 1,
            onto: &commit('e', 5),
            reason: Some("slow"),
        }
        .record()
    });
    let mut case = case.ours(6, image("hotfix"));
    case.ours = case.ours.recorded(back);
    assert_eq!(case.class(), Some(Class::Held));
    assert_eq!(case.theirs(7, image("3")).class(), Some(Class::Conflict));
}

/// A promotion of some paths, at a revision of the source.
fn part(case: &Case, paths: &[&str], back: usize) -> Option<Record> {
    let lines_at_tip = case.lines();
    let mut older = case.clone();
    older
        .theirs
        .states
        .truncate(case.theirs.states.len() - back);
    older.with_unit(|unit| {
        let lines = judge(unit);
        let chosen = |line: &&Line| {
            paths
                .iter()
                .any(|it| line.difference.path == Path::of([*it]))
        };
        let said = |line| (line, settle(line, unit.record, Answer::default()));
        let decided: Vec<(&Line, Decision)> = lines.iter().filter(chosen).map(said).collect();
        let at = |told: &Told, name| commit(name, told.states.last().unwrap().0);
        Promoted {
            unit: *unit,
            commit: &at(&older.theirs, 'd'),
            lines: &decided,
            extent: Extent::Part,
            tip: Tip {
                commit: &at(&case.theirs, 'd'),
                theirs: case.theirs.value(),
                lines: &lines_at_tip,
            },
            onto: &at(&case.ours, 'e'),
            reason: None,
        }
        .record()
    })
}

#[test]
fn a_hold_outlives_a_promotion_of_other_paths() {
    // C9.
    let both = |image: &str, env: &str| json!({"image": image, "env": env});
    let theirs = Told::default().then(1, both("1", "a"));
    let case = Case::branches(both("0", "a"), theirs, Told::default()).promoted(2);
    let case = case
        .ours(3, both("1", "b"))
        .theirs(4, both("2", "b"))
        .ours(5, both("1", "a"));
    let classes = [
        ("image".to_owned(), Class::Change),
        ("env".to_owned(), Class::Held),
    ];
    assert_eq!(case.classes(), classes);
    let record = part(&case, &["image"], 0);
    let mut case = case.ours(6, both("2", "a"));
    case.ours = case.ours.recorded(record);
    assert_eq!(case.classes(), [("env".to_owned(), Class::Held)]);
    assert_eq!(
        case.theirs(7, both("2", "c")).classes(),
        [("env".to_owned(), Class::Change)]
    );
}

#[test]
fn an_older_revision_that_is_there_already_forgets_no_hotfix() {
    // C10.
    let both = |image: &str, env: &str| json!({"image": image, "env": env});
    let theirs = Told::default()
        .then(1, both("1", "x"))
        .then(2, both("1", "a"));
    let case = Case::branches(both("0", "x"), theirs, Told::default()).promoted(3);
    let case = case.theirs(4, both("2", "a")).ours(5, both("1", "x"));
    let env = |case: &Case| {
        let lines = case.classes().into_iter();
        lines
            .filter(|(path, _)| path == "env")
            .map(|(_, class)| class)
            .next()
    };
    assert_eq!(env(&case), Some(Class::Hotfix));
    assert_eq!(part(&case, &["env"], 2), None);
    assert_eq!(env(&case.theirs(6, both("2", "c"))), Some(Class::Conflict));
}

#[test]
fn a_source_that_is_where_it_was_is_asked_about_not_followed() {
    // C11.
    let case = level()
        .theirs(3, image("2"))
        .theirs(4, image("1"))
        .ours(5, image("2"));
    assert_eq!(case.class(), Some(Class::Hotfix));
}

#[test]
fn whoever_is_behind_by_chance_can_say_no() {
    // C12.
    let case = level()
        .theirs(3, image("2"))
        .theirs(4, image("3"))
        .ours(5, image("2"));
    let line = case.lines().remove(0);
    assert_eq!(line.marks.behind, Some(commit('d', 4)));
    let keep = Answer {
        keep: true,
        ..Answer::default()
    };
    assert_eq!(settle(&line, None, keep), Decision::Keep);
    let mut kept = case.clone();
    kept.ours = kept.ours.then(6, image("2")).recorded(case.record(keep));
    let line = kept.lines().remove(0);
    assert_eq!(
        settle(&line, kept.ours.record(), Answer::default()),
        Decision::Kept
    );
    assert_eq!(kept.theirs(7, image("4")).class(), Some(Class::Conflict));
}

#[test]
fn what_was_refused_may_come_after_something_else_was_taken() {
    // C13.
    let case = level().theirs(3, image("3")).promoted(4);
    let mut back = case.ours(5, image("1"));
    back.ours = back.ours.recorded(level().ours.record().cloned());
    assert_eq!(back.class(), Some(Class::Held));
    let on = back.theirs(6, image("4")).promoted(7);
    assert!(
        on.ours
            .record()
            .unwrap()
            .refused
            .iter()
            .all(|it| it.is_doubtful)
    );
    assert_eq!(on.theirs(8, image("3")).class(), Some(Class::Change));
}

#[test]
fn a_moved_image_leaves_the_other_paths_their_commit() {
    // C14.
    let both = |image: &str, env: &str| json!({"image": image, "env": env});
    let theirs = Told::default().then(1, both("1", "a"));
    let case = Case::branches(both("0", "a"), theirs, Told::default()).promoted(2);
    let case = case.theirs(3, both("1", "b")).theirs(4, both("2", "c"));
    let record = part(&case, &["image"], 0);
    let mut case = case.ours(5, both("2", "a"));
    case.ours = case.ours.recorded(record);
    let case = case.ours(6, both("2", "b"));
    let line = case.lines().remove(0);
    assert_eq!(line.difference.class, Class::Change);
    assert_eq!(line.marks.behind, Some(commit('d', 4)));
}

#[test]
fn folders_agree_key_by_key() {
    // C16.
    let both = |image: &str, replicas: i64| json!({"image": image, "replicas": replicas});
    let theirs = Told::default().then(1, both("1", 1)).then(3, both("2", 1));
    let case = Case::folders(theirs, Told::default().then(2, both("1", 3)));
    let classes = [
        ("image".to_owned(), Class::Change),
        ("replicas".to_owned(), Class::Conflict),
    ];
    assert_eq!(case.classes(), classes);
}

#[test]
fn a_folder_that_lent_its_value_is_asked_when_the_source_gives_it_back() {
    let case = Case::folders(
        told(&[(1, "a"), (3, "h"), (4, "a")]),
        told(&[(0, "a"), (2, "h")]),
    );
    assert_eq!(case.class(), Some(Class::Conflict));
}

#[test]
fn a_rewritten_source_is_found_again_by_content() {
    // R8: hotfix, backport, then every commit of the source gets another id.
    let case = level()
        .ours(3, image("h"))
        .theirs(4, image("h"))
        .theirs(5, image("2"));
    let behind = |case: &Case| {
        case.with_unit(|unit| {
            let mut pasts = unit.pasts.clone();
            for state in &mut pasts.source.states {
                state.commit = commit('f', state.seconds);
            }
            let line = judge(&Unit {
                pasts: &pasts,
                ..*unit
            })
            .remove(0);
            (line.difference.class, line.marks.behind.is_some())
        })
    };
    assert_eq!(behind(&case), (Class::Change, true));
    let mut lost = case;
    lost.theirs.states[1].1 = Some(image("other"));
    assert_eq!(behind(&lost), (Class::Conflict, false));
}

#[test]
fn a_search_that_ended_early_asks_and_says_how_far_it_went() {
    let case = level().ours(3, image("h")).theirs(4, image("2"));
    let line = case.with_unit(|unit| {
        let mut pasts = unit.pasts.clone();
        pasts.source.states.truncate(1);
        pasts.source.end = End::Bound(4);
        judge(&Unit {
            pasts: &pasts,
            ..*unit
        })
        .remove(0)
    });
    assert_eq!(line.difference.class, Class::Conflict);
    assert_eq!(line.marks.searched_to, Some(4));
    // What was taken back goes on, and says it.
    let case = level().theirs(4, image("2"));
    let line = case.with_unit(|unit| {
        let mut pasts = unit.pasts.clone();
        pasts.target.end = End::Shallow(2);
        judge(&Unit {
            pasts: &pasts,
            ..*unit
        })
        .remove(0)
    });
    assert_eq!(line.difference.class, Class::Change);
    assert_eq!(line.marks.searched_to, Some(2));
}

#[test]
fn an_adopted_target_gets_what_it_is_behind_with_and_keeps_the_rest() {
    // R12.
    let both = |image: &str, env: &str| json!({"image": image, "env": env});
    let theirs = Told::default()
        .then(1, both("1", "a"))
        .then(3, both("2", "a"));
    let theirs = theirs.then(5, both("3", "a"));
    let ours = Told::default()
        .then(2, both("1", "own"))
        .then(4, both("2", "own"));
    let case = Case::new(theirs, ours, Lines::Unrelated);
    let record = case.with_unit(|unit| {
        let lines = judge(unit);
        let tip = Tip {
            commit: &commit('d', 5),
            theirs: unit.theirs,
            lines: &lines,
        };
        adopted(unit, tip, &commit('e', 4), Some("as it is"))
    });
    let mut case = case.ours(6, both("2", "own"));
    case.ours = case.ours.recorded(record);
    let record = case.ours.record().cloned();
    let decisions = case.lines().into_iter().map(|line| {
        let path = line.difference.path.to_string();
        (path, settle(&line, record.as_ref(), Answer::default()))
    });
    let expected = [
        ("image".to_owned(), Decision::Take),
        ("env".to_owned(), Decision::Kept),
    ];
    assert_eq!(decisions.collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_already_there_alone_writes_nothing_and_asks_for_no_history() {
    // R13.
    let case = level().theirs(3, image("2")).ours(4, image("2"));
    assert_eq!(case.class(), Some(Class::AlreadyThere));
    assert_eq!(case.record(Answer::default()), None);
    assert_eq!(case.with_unit(questions), None);
    let asked = level().theirs(3, image("2")).with_unit(questions).unwrap();
    assert!(asked.source.contains(&commit('d', 1)));
    assert!(asked.target.contains(&commit('e', 0)));
}

#[test]
fn with_nothing_known_additions_are_asked_too() {
    let theirs = Told::default().then(1, image("1"));
    let ours = Told::default().then(1, Value::Null);
    let case = Case::new(theirs, ours, Lines::Unrelated);
    assert_eq!(case.class(), Some(Class::Conflict));
    assert!(case.lines()[0].marks.is_base_unknown);
}

#[test]
fn a_released_value_comes_and_its_entry_ends() {
    let mut case = level()
        .theirs(3, image("2"))
        .promoted(4)
        .ours(5, image("1"));
    case.ours = case.ours.recorded(level().ours.record().cloned());
    let release = Answer {
        release: true,
        ..Answer::default()
    };
    let line = case.lines().remove(0);
    assert_eq!(
        settle(&line, case.ours.record(), Answer::default()),
        Decision::Refused
    );
    assert_eq!(settle(&line, case.ours.record(), release), Decision::Take);
    let record = case.record(release).unwrap();
    assert_eq!(record.content, Some(image("2")));
    assert!(
        record
            .refusal(&Path::of(["image"]), Some(&json!("2")))
            .is_none()
    );
    assert_eq!(record.serial, 3);
}

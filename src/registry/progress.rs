//! How far a batch of questions has come, for whoever watches it.
//!
//! Counts and host names only. Refuses to decide how, or whether, they are shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::image::Repository;

/// What the questions of a batch are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// Which tags there are.
    Tags,
    /// Digests, and platforms where wanted.
    Manifests,
    /// What images say of themselves: dates and labels.
    Facts,
}

/// A batch of questions on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is asked.
    pub asking: Asking,
    /// How many questions got an answer, or a failure.
    pub answered: usize,
    /// How many there are.
    pub total: usize,
    /// The registries that have not answered all of theirs, with how many are open;
    /// those with most first.
    pub waiting_for: Vec<(String, usize)>,
}

type Observe = dyn Fn(&Progress) + Send + Sync;

/// Who is told about progress; nobody by default. Called from the thread that asks, and
/// between two answers, so it must not block.
#[derive(Clone, Default)]
pub struct Observer(Option<Arc<Observe>>);

impl Observer {
    /// Tells `observe` when a batch begins and after each of its answers.
    pub fn new(observe: impl Fn(&Progress) + Send + Sync + 'static) -> Observer {
        Observer(Some(Arc::new(observe)))
    }
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let watched = self.0.is_some();
        formatter.debug_tuple("Observer").field(&watched).finish()
    }
}

/// The count of one batch.
pub(super) struct Tally<'a> {
    observer: &'a Observer,
    asking: Asking,
    repositories: &'a [Repository],
    answered: usize,
    open: BTreeMap<&'a str, usize>,
}

impl<'a> Tally<'a> {
    /// Begins to count; `repositories` are those of the questions, in their order.
    pub(super) fn begin(
        observer: &'a Observer,
        asking: Asking,
        repositories: &'a [Repository],
    ) -> Tally<'a> {
        let mut open = BTreeMap::new();
        for repository in repositories {
            *open.entry(repository.host()).or_default() += 1;
        }
        let tally = Tally {
            observer,
            asking,
            repositories,
            answered: 0,
            open,
        };
        if !repositories.is_empty() {
            tally.tell();
        }
        tally
    }

    /// The question at this place has its answer.
    pub(super) fn answered(&mut self, place: usize) {
        self.answered += 1;
        let repository = self.repositories.get(place);
        if let Some(open) = repository.and_then(|one| self.open.get_mut(one.host())) {
            *open = open.saturating_sub(1);
        }
        self.tell();
    }

    fn tell(&self) {
        let Some(observe) = &self.observer.0 else {
            return;
        };
        let open = self.open.iter().filter(|(_, count)| **count > 0);
        let mut waiting_for: Vec<(String, usize)> = open
            .map(|(host, count)| ((*host).to_owned(), *count))
            .collect();
        waiting_for.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        observe(&Progress {
            asking: self.asking,
            answered: self.answered,
            total: self.repositories.len(),
            waiting_for,
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn those_who_owe_most_answers_are_named_first() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        let observer = Observer::new(move |progress| log.lock().unwrap().push(progress.clone()));
        let repositories: Vec<Repository> =
            ["a.example.com/x", "b.example.com/x", "b.example.com/y"]
                .iter()
                .map(|name| {
                    name.parse::<crate::image::Reference>()
                        .unwrap()
                        .repository()
                })
                .collect();
        let mut tally = Tally::begin(&observer, Asking::Tags, &repositories);
        for place in [1, 0, 2] {
            tally.answered(place);
        }
        let seen = seen.lock().unwrap();
        let said: Vec<(usize, Vec<&str>)> = seen
            .iter()
            .map(|one| {
                let hosts = one.waiting_for.iter();
                (one.answered, hosts.map(|(host, _)| host.as_str()).collect())
            })
            .collect();
        let (a, b) = ("a.example.com", "b.example.com");
        assert_eq!(
            said,
            [(0, vec![b, a]), (1, vec![a, b]), (2, vec![b]), (3, vec![])]
        );
        assert!(seen.iter().all(|one| one.total == 3));
    }

    #[test]
    fn nothing_to_ask_is_nothing_to_tell() {
        let observer = Observer::new(|progress| panic!("{progress:?}"));
        let _ = Tally::begin(&observer, Asking::Facts, &[]);
    }
}

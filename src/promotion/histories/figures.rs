//! How many histories break each property.

use std::collections::BTreeMap;

use super::oracle::{Broken, Oracle};
use super::people::run;

/// The halves are tried side by side.
const THREADS: u64 = 2;

/// What a number of histories came to.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) histories: u64,
    /// Histories that break a property, and the first of them.
    pub(super) broken: BTreeMap<Broken, (usize, u64)>,
    pub(super) decisions: BTreeMap<&'static str, usize>,
}

impl Figures {
    /// Tries so many histories.
    pub(super) fn gather(histories: u64) -> Self {
        let part = |first: u64| move || Self::of((first..histories).step_by(THREADS as usize));
        let parts: Vec<_> = (0..THREADS)
            .map(|it| std::thread::spawn(part(it)))
            .collect();
        let mut all = Self {
            histories,
            ..Self::default()
        };
        for part in parts {
            all.add(part.join().unwrap());
        }
        all
    }

    fn of(seeds: impl Iterator<Item = u64>) -> Self {
        let mut figures = Self::default();
        for seed in seeds {
            let mut oracle = Oracle::default();
            run(seed, &mut oracle, false);
            let broken = oracle.broken.into_keys().map(|what| (what, (1, seed)));
            figures.add(Self {
                histories: 1,
                broken: broken.collect(),
                decisions: oracle.decisions,
            });
        }
        figures
    }

    fn add(&mut self, other: Self) {
        for (what, (number, first)) in other.broken {
            let known = self.broken.entry(what).or_insert((0, first));
            *known = (known.0 + number, known.1.min(first));
        }
        for (name, number) in other.decisions {
            *self.decisions.entry(name).or_default() += number;
        }
    }

    pub(super) fn count(&self, what: Broken) -> usize {
        self.broken.get(&what).map_or(0, |(number, _)| *number)
    }

    /// The figures alone.
    pub(super) fn summary(&self) -> String {
        let broken = self.broken.iter();
        let lines = broken.map(|(what, (number, _))| format!("{what:?}: {number}\n"));
        let lines: String = lines.collect();
        format!(
            "{} histories: {:?}\n{lines}",
            self.histories, self.decisions
        )
    }

    /// The figures, and the first history of each class, step by step.
    pub(super) fn report(&self) -> String {
        let mut text = format!("{} histories: {:?}\n", self.histories, self.decisions);
        for (what, (number, first)) in &self.broken {
            let mut oracle = Oracle::default();
            let steps = run(*first, &mut oracle, true).unwrap_or_default();
            let steps = steps.join("\n  ");
            let how = &oracle.broken[what];
            text +=
                &format!("{what:?}: {number}, the first with seed {first}\n  {steps}\n  {how}\n");
        }
        text
    }
}

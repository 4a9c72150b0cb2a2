//! What the generated histories have to come to. The bounds are the residue that was read
//! and explained; all of it needs an environment that was skipped, an older revision that
//! was asked for by name, or two people who chose the same value by chance.

use super::figures::Figures;
use super::oracle::Broken;

/// So many histories are tried where nothing else is asked for.
const HISTORIES: u64 = 40_000;

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the number of histories of a soak test"
)]
fn what_people_meant_survives_generated_histories() {
    let wanted = std::env::var("KUBECTL_GITOPS_MODEL_HISTORIES");
    let figures = Figures::gather(wanted.map_or(HISTORIES, |it| it.parse().unwrap()));
    let report = figures.report();
    let at_most = |what: Broken, of_40_000: f64| {
        let bound = (of_40_000 * figures.histories as f64 / 40_000.0) as usize;
        let found = figures.count(what);
        assert!(found <= bound, "{what:?}: {found} > {bound}\n{report}");
    };
    // One in 100,000: a record was deleted, and the revert that brought it back took a
    // value away as well. Taken for the landing of a promotion, as a revert of a revert is.
    at_most(Broken::Return, 0.4);
    at_most(Broken::NotIdempotent, 0.0);
    at_most(Broken::NotThreeWay, 0.0);
    at_most(Broken::LossByStepBack, 0.0);
    // Both by promotions from two sources in turn, where absence is what both had.
    at_most(Broken::Loss, 0.3);
    at_most(Broken::LossBySkipping, 0.5);
    // The target has what the source withdrew, and the source went on.
    at_most(Broken::FalseQuestion, 6.0);
    at_most(Broken::FalseQuestionBySkipping, 1.0);
    // Copied on by hand after a rollback, and then an older revision asked for by name.
    at_most(Broken::FalseHold, 32.0);
    // Few values to choose from, in a quarter of the histories.
    at_most(Broken::LossByCoincidence, 1_500.0);
    // A history that decides nothing proves nothing.
    for decision in ["take", "ask", "keep", "kept", "overwrite", "held", "ahead"] {
        let number = figures.decisions.get(decision).copied().unwrap_or(0);
        assert!(
            number as u64 * 50 > figures.histories,
            "{decision}: {number}"
        );
    }
    eprintln!("{}", figures.summary());
}

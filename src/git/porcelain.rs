//! Reading what `git push --porcelain` says, reference by reference, and what
//! the server printed beside it.

use super::RefMove;
use super::words::says_what_is_missing;
use crate::repo::RefName;

/// What a finished push says about each reference.
#[derive(Debug)]
pub(super) enum Verdict {
    /// All are there; by the names that the server gave them.
    Done(Vec<String>),
    Stale(Vec<RefName>),
    Rejected(RefName, String),
    /// No word about some of them: the connection was lost.
    Silent,
}

/// The porcelain of git-push(1): `<flag> TAB <from>:<to> TAB <summary> (<reason>)`.
pub(super) fn read_porcelain(text: &str, moves: &[RefMove]) -> Verdict {
    let mut stale = Vec::new();
    let mut rejected = None;
    let mut landed = Vec::new();
    let mut seen = 0;
    for line in text.lines() {
        let mut fields = line.split('\t');
        let (Some(flag), Some(refs), Some(summary)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let Some((step, to)) = meant(refs, moves) else {
            continue;
        };
        seen += 1;
        if flag != "!" {
            landed.push(crate::confidential::presentable(to));
            continue;
        }
        let name = step.name.clone();
        if summary.contains("(stale info)") {
            stale.push(name);
        } else if !summary.contains("atomic") && rejected.is_none() {
            let reason = summary
                .split_once('(')
                .map_or(summary, |(_, reason)| reason.trim_end_matches(')'));
            rejected = Some((name, crate::confidential::presentable(reason)));
        } else if rejected.is_none() && summary.contains("[remote failure]") {
            return Verdict::Silent;
        }
    }
    match rejected {
        _ if !stale.is_empty() => Verdict::Stale(stale),
        // Git's own word for «the remote end hung up before saying».
        Some((_, reason)) if reason.contains("remote end hung up") => Verdict::Silent,
        Some((_, reason)) if reason.contains("failed to report status") => Verdict::Silent,
        Some((name, reason)) => Verdict::Rejected(name, reason),
        None if seen == moves.len() => Verdict::Done(landed),
        None => Verdict::Silent,
    }
}

/// A push without a verdict, where the server says that a hook of its own has stopped it:
/// one that hears of every change of a reference ends the program that would tell.
pub(super) fn or_aborted(verdict: Verdict, stderr: &str, moves: &[RefMove]) -> Verdict {
    match (verdict, moves.first()) {
        (Verdict::Silent, Some(step)) if stderr.contains(ABORTED) => {
            Verdict::Rejected(step.name.clone(), ABORTED.to_owned())
        }
        (verdict, _) => verdict,
    }
}

/// What Git says when a `reference-transaction` hook refuses.
const ABORTED: &str = "ref updates aborted by hook";

/// The move that a line is about, and the name that the server gave it: what
/// is pushed for review comes back under another name.
fn meant<'m, 't>(refs: &'t str, moves: &'m [RefMove]) -> Option<(&'m RefMove, &'t str)> {
    let (from, to) = refs.split_once(':')?;
    let by_name = moves.iter().find(|step| step.name.reference() == to);
    let renamed =
        |step: &&RefMove| matches!(step.name, RefName::Review(_)) && step.new.as_str() == from;
    Some((by_name.or_else(|| moves.iter().find(renamed))?, to))
}

/// What the server itself printed, without Git's prefix.
pub(super) fn server_lines(stderr: &str) -> String {
    let own = |line| match says_what_is_missing(line) {
        true => Some(line),
        false => line.strip_prefix("remote:"),
    };
    let lines: Vec<&str> = stderr
        .lines()
        .filter_map(own)
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n")
}

/// Why a server could not do what it was willing to do, where that is what happened: its
/// disk is full or may not be written to, a lock is in the way, it broke down. What its
/// hooks and rules forbid is a refusal, and none of this.
pub(super) fn failure(reason: &str, stderr: &str) -> Option<String> {
    // git-receive-pack(1), JGit and libgit2 in their own words; a hook's never get here.
    const SIGNS: [&str; 13] = [
        "unpacker error",
        "failed to update ref",
        "failed to delete",
        "cannot lock ref",
        "failed to lock",
        "lock error",
        "unable to ",
        "failed to write",
        "failed to start transaction",
        "transaction failed",
        "missing necessary objects",
        "internal error",
        "internal server error",
    ];
    // The server could, and its settings or a hook say that it must not.
    const RULES: [&str; 3] = [
        "pack exceeds maximum allowed size",
        "fsck error in pack",
        ABORTED,
    ];
    let small = reason.to_ascii_lowercase();
    if !SIGNS.iter().any(|sign| small.contains(sign))
        || RULES.iter().any(|rule| stderr.contains(rule))
    {
        return None;
    }
    let more = |line: &str| {
        line.strip_prefix("error: remote unpack failed: ")
            .map(str::to_owned)
    };
    let more = stderr.lines().find_map(more);
    Some(match more.filter(|more| !reason.contains(more.as_str())) {
        Some(more) => format!("{reason}: {more}"),
        None => reason.to_owned(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::repo::BranchName;

    fn branch(name: &str) -> BranchName {
        name.parse().unwrap()
    }

    fn step(name: RefName) -> RefMove {
        RefMove {
            name,
            expected: None,
            new: "1".repeat(40).parse().unwrap(),
        }
    }

    fn moves() -> Vec<RefMove> {
        ["env/dev", "env/prod"]
            .map(|name| step(branch(name).into()))
            .to_vec()
    }

    #[test]
    fn an_atomic_push_blames_the_branch_that_stopped_it() {
        let text = "To file:///x\n\
            !\tabc:refs/heads/env/dev\t[rejected] (atomic push failed)\n\
            !\tabc:refs/heads/env/prod\t[rejected] (stale info)\nDone\n";
        let Verdict::Stale(stale) = read_porcelain(text, &moves()) else {
            panic!("not stale");
        };
        assert_eq!(stale, [branch("env/prod").into()]);
        let text = "To file:///x\n\
            !\tabc:refs/heads/env/dev\t[remote rejected] (pre-receive hook declined)\n\
            !\tabc:refs/heads/env/prod\t[remote rejected] (atomic transaction failed)\nDone\n";
        let Verdict::Rejected(name, reason) = read_porcelain(text, &moves()) else {
            panic!("not rejected");
        };
        assert_eq!(name, branch("env/dev").into());
        assert_eq!(reason, "pre-receive hook declined");
    }

    #[test]
    fn silence_about_one_branch_is_not_taken_for_success() {
        let text = "To file:///x\n \tabc:refs/heads/env/dev\tabc..def\n";
        assert!(matches!(read_porcelain(text, &moves()), Verdict::Silent));
        assert!(matches!(read_porcelain("", &moves()), Verdict::Silent));
        let text = "To x\n*\ta:refs/heads/env/dev\t[new branch]\n\
            =\ta:refs/heads/env/prod\t[up to date]\nDone\n";
        assert!(matches!(read_porcelain(text, &moves()), Verdict::Done(_)));
    }

    #[test]
    fn what_is_pushed_for_review_comes_back_as_a_pull_request() {
        let review = [step(RefName::Review(branch("env/prod")))];
        let id = "1".repeat(40);
        let text = format!("To x\n*\t{id}:refs/pull/7/head\t[new reference]\nDone\n");
        let Verdict::Done(landed) = read_porcelain(&text, &review) else {
            panic!("not done");
        };
        assert_eq!(landed, ["refs/pull/7/head"]);
        let text = format!("To x\n!\t{id}:refs/for/env/prod\t[remote rejected] (no)\nDone\n");
        assert!(matches!(
            read_porcelain(&text, &review),
            Verdict::Rejected(RefName::Review(_), _)
        ));
        // Somebody else's reference says nothing about a branch of ours.
        let text = format!("To x\n*\t{id}:refs/heads/other\t[new branch]\nDone\n");
        let one = &moves()[..1];
        assert!(matches!(read_porcelain(&text, one), Verdict::Silent));
    }

    #[test]
    fn a_server_that_cannot_is_told_from_one_that_will_not() {
        let unpack = "error: remote unpack failed: unable to create temporary object directory\n";
        for (reason, stderr, wanted) in [
            (
                "unpacker error",
                unpack,
                Some("unpacker error: unable to create temporary object directory"),
            ),
            (
                "n/a (unpacker error)",
                "error: remote unpack failed: unpack-objects abnormal exit\n\
                 remote: fatal: write error: No space left on device",
                Some("n/a (unpacker error): unpack-objects abnormal exit"),
            ),
            ("failed to update ref", "", Some("failed to update ref")),
            (
                "cannot lock ref 'refs/heads/main': Unable to create 'x.lock': Permission denied",
                "",
                Some(
                    "cannot lock ref 'refs/heads/main': Unable to create 'x.lock': Permission denied",
                ),
            ),
            ("Internal Server Error", "", Some("Internal Server Error")),
            ("pre-receive hook declined", "remote: unpacker error", None),
            ("protected branch hook declined", "", None),
            ("non-fast-forward", "", None),
            ("branch is currently checked out", "", None),
            (
                "failed to update ref",
                "remote: error: ref updates aborted by hook",
                None,
            ),
            (
                "unpacker error",
                "remote: fatal: pack exceeds maximum allowed size (1.00 KiB)",
                None,
            ),
            (
                "unpacker error",
                "remote: fatal: fsck error in packed object",
                None,
            ),
        ] {
            assert_eq!(failure(reason, stderr).as_deref(), wanted, "{reason}");
        }
    }

    #[test]
    fn the_server_is_quoted_without_its_prefix() {
        assert_eq!(
            server_lines("remote: no \nremote:\nTo x\nerror: failed\nremote:  why"),
            "no\nwhy"
        );
        assert_eq!(
            server_lines("remote: no\n… 7 lines left out …\nremote: why"),
            "no\n… 7 lines left out …\nwhy"
        );
    }
}

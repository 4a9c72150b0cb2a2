//! Reading what `git push --porcelain` says, reference by reference, and what
//! the server printed beside it.

use super::RefMove;
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
    let lines: Vec<&str> = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("remote:"))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n")
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
    fn the_server_is_quoted_without_its_prefix() {
        assert_eq!(
            server_lines("remote: no \nremote:\nTo x\nerror: failed\nremote:  why"),
            "no\nwhy"
        );
    }
}

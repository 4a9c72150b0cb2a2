//! Whether the `pre-push` hook stopped a push. The program's exit code and words do not
//! say it apart from other failures; its own trace, which is kept in a file for as long
//! as the push runs, does.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Git;
use super::command::Output;
use crate::confidential::presentable;

/// The variable that names the trace's file.
pub(super) const VARIABLE: &str = "GIT_TRACE2_EVENT";

/// How much of a push's trace is read, in bytes. The program's own hook begins in its first
/// lines, and what a hook starts may write to the same file without end.
/// See `docs/limits.md`.
const LONGEST_TRACE: u64 = 16 << 20;

/// The trace of one push; its file goes with it.
pub(super) struct Trace(PathBuf);

impl Trace {
    /// A file for the program to write to; `None` where there is no hook, and where
    /// nothing can be written, so that hooks cannot be told from other failures.
    pub(super) fn begin(git: &Git) -> Option<Trace> {
        let home = git.libgit2().commondir();
        let elsewhere = || {
            let config = git.libgit2().config().ok()?;
            config.get_string("core.hooksPath").ok()
        };
        if !home.join("hooks/pre-push").exists() && elsewhere().is_none() {
            return None;
        }
        let folder = home.join("kubectl-gitops");
        std::fs::create_dir_all(&folder).ok()?;
        let process = std::process::id();
        let thread = std::thread::current().id();
        let file = folder.join(format!("push.{process}.{thread:?}"));
        let _ = std::fs::remove_file(&file);
        // The program adds to what there is; this also proves that it can.
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        // The remote's address is in it, and perhaps a password in that.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&file).ok()?;
        Some(Trace(file))
    }

    pub(super) fn file(&self) -> &Path {
        &self.0
    }

    /// Whether the program's own `pre-push` hook ended with another code than success.
    pub(super) fn refused(&self) -> bool {
        exit_code(&self.text()).is_some_and(|code| code.is_some_and(|code| code != 0))
    }

    /// Whether that hook began and did not end.
    pub(super) fn hangs(&self) -> bool {
        exit_code(&self.text()) == Some(None)
    }

    fn text(&self) -> String {
        let mut text = Vec::new();
        if let Ok(file) = std::fs::File::open(&self.0) {
            // What could be read before an error counts.
            let _ = file.take(LONGEST_TRACE).read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The exit code of the program's own `pre-push` hook, once it has ended; `None`: it did
/// not begin.
fn exit_code(trace: &str) -> Option<Option<i64>> {
    let events = || {
        trace
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
    };
    let is = |event: &Value, field: &str, wanted: &str| event[field] == wanted;
    // What the hook starts itself writes to the same file, but later.
    let hook = events().find(|event: &Value| {
        is(event, "event", "child_start") && is(event, "hook_name", "pre-push")
    })?;
    let same = |event: &Value| ["sid", "child_id"].iter().all(|it| event[*it] == hook[*it]);
    let exit = events().find(|event: &Value| is(event, "event", "child_exit") && same(event));
    Some(exit.map(|event| event["code"].as_i64().unwrap_or(-1)))
}

/// What the hook said: all that came, but for the program's own last word.
pub(super) fn words(output: &Output) -> String {
    let lines = output.stdout.lines().chain(output.stderr.lines());
    let lines = lines.filter(|line| !line.starts_with("error: failed to push some refs"));
    presentable(&lines.collect::<Vec<_>>().join("\n"))
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_without_end_is_read_in_part() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trace");
        let start =
            "{\"event\":\"child_start\",\"sid\":\"a\",\"child_id\":1,\"hook_name\":\"pre-push\"}\n";
        std::fs::write(&path, start).expect("a file");
        // A file of a terabyte that takes no room.
        let file = std::fs::OpenOptions::new().append(true).open(&path);
        file.and_then(|file| file.set_len(1 << 40))
            .expect("a long file");
        let trace = Trace(path);
        assert_eq!(trace.text().len() as u64, LONGEST_TRACE);
        assert!(trace.hangs());
    }

    #[test]
    fn only_the_programs_own_hook_counts() {
        let start = |sid: &str, id: u8, hook: &str| {
            format!(
                "{{\"event\":\"child_start\",\"sid\":\"{sid}\",\"child_id\":{id},\"hook_name\":\"{hook}\"}}\n"
            )
        };
        let exit = |sid: &str, id: u8, code: u8| {
            format!(
                "{{\"event\":\"child_exit\",\"sid\":\"{sid}\",\"child_id\":{id},\"code\":{code}}}\n"
            )
        };
        let refused = |trace: &str| matches!(exit_code(trace), Some(Some(code)) if code != 0);
        let ours = start("a", 1, "pre-push");
        assert_eq!(exit_code(&ours), Some(None));
        assert!(refused(&format!("{ours}{}", exit("a", 1, 1))));
        assert!(!refused(&format!("{ours}{}", exit("a", 1, 0))));
        // Another child failed, or a push that the hook began.
        assert!(!refused(&format!(
            "{ours}{}{}",
            exit("a", 1, 0),
            exit("a", 2, 1)
        )));
        let nested = format!("{}{}", start("a/b", 1, "pre-push"), exit("a/b", 1, 1));
        assert!(!refused(&format!("{ours}{nested}{}", exit("a", 1, 0))));
        assert!(!refused(&format!(
            "{}{}",
            start("a", 0, "x"),
            exit("a", 0, 1)
        )));
        assert!(!refused("not json\n") && !refused(&ours) && !refused(""));
    }
}

//! Programs with what they have started in turn, as the system knows it: to end them
//! together, and to see what they read. Refuses to touch what went into the background by
//! itself.

use std::sync::OnceLock;

use super::push::chance;

/// The variable by which a program is known to be one that this process has started, or
/// that such a one has.
pub(super) const MARK: &str = "KUBECTL_GITOPS_RUN";

/// Its value, which no other process has.
pub(super) fn mark() -> &'static str {
    static OWN: OnceLock<String> = OnceLock::new();
    OWN.get_or_init(|| format!("{}.{:x}", std::process::id(), chance()))
}

/// Programs with all that they started and that is still theirs. What went into the
/// background by itself belongs to nobody, and stays: a cache of passwords, say.
pub(super) struct Family {
    ids: Vec<u32>,
}

impl Family {
    pub(super) fn of(heads: &[u32]) -> Self {
        let mut ids = heads.to_vec();
        if heads.is_empty() {
            return Self { ids };
        }
        let parents = parents();
        let mut at = 0;
        while let Some(parent) = ids.get(at).copied() {
            at += 1;
            let children = parents.iter().filter(|(_, its)| *its == parent);
            for (child, _) in children {
                if !ids.contains(child) {
                    ids.push(*child);
                }
            }
        }
        Self { ids }
    }

    #[cfg(unix)]
    fn send(&self, signal: rustix::process::Signal) {
        for id in &self.ids {
            let id = i32::try_from(*id).ok();
            if let Some(id) = id.and_then(rustix::process::Pid::from_raw) {
                // One that has ended needs no signal.
                let _ = rustix::process::kill_process(id, signal);
            }
        }
    }

    #[cfg(unix)]
    pub(super) fn ask_to_end(&self) {
        self.send(rustix::process::Signal::TERM);
    }

    #[cfg(unix)]
    pub(super) fn kill(&self) {
        self.send(rustix::process::Signal::KILL);
    }

    /// There is no such signal: who starts it kills it, and its children find their
    /// streams closed.
    #[cfg(not(unix))]
    pub(super) fn ask_to_end(&self) {
        debug_assert!(self.ids.len() < usize::MAX);
    }

    #[cfg(not(unix))]
    pub(super) fn kill(&self) {}
}

/// The processes of this machine, each with the one that started it.
#[cfg(target_os = "linux")]
fn parents() -> Vec<(u32, u32)> {
    let parent = |id: u32| Some((id, stat(&id.to_string())?.0));
    processes().filter_map(parent).collect()
}

/// How much a program and those of its children have read that are Git as well.
#[cfg(target_os = "linux")]
pub(super) fn bytes_read(id: u32) -> u64 {
    let read = |id: u32| {
        let name = std::fs::read_to_string(format!("/proc/{id}/comm")).ok()?;
        let counts = std::fs::read_to_string(format!("/proc/{id}/io")).ok()?;
        let read = counts
            .lines()
            .find_map(|line| line.strip_prefix("rchar: "))?;
        name.starts_with("git").then(|| read.parse().unwrap_or(0))
    };
    Family::of(&[id])
        .ids
        .into_iter()
        .filter_map(read)
        .sum::<u64>()
}

/// How much memory a program and its children take, in bytes.
#[cfg(target_os = "linux")]
pub(super) fn memory(id: u32) -> u64 {
    let resident = |id: u32| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    let ids = Family::of(&[id]).ids.into_iter();
    ids.filter_map(resident).sum::<u64>() << 10
}

/// Not known elsewhere.
#[cfg(not(target_os = "linux"))]
pub(super) fn memory(_id: u32) -> u64 {
    0
}

/// Elsewhere only what it says tells that it is alive.
#[cfg(not(target_os = "linux"))]
pub(super) fn bytes_read(_id: u32) -> u64 {
    0
}

/// The programs that this process and its children have started, and that did not begin a
/// session of their own: who does that is meant to go on.
#[cfg(target_os = "linux")]
pub(super) fn marked() -> Vec<u32> {
    let wanted = format!("{MARK}={}", mark());
    let Some((_, session)) = stat("self") else {
        return Vec::new();
    };
    let is_ours = |id: &u32| {
        let variables = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        let mut variables = variables.split(|byte| *byte == 0);
        variables.any(|it| it == wanted.as_bytes())
            && stat(&id.to_string()).is_some_and(|(_, its)| its == session)
    };
    processes().filter(is_ours).collect()
}

#[cfg(target_os = "linux")]
fn processes() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The parent and the session of a process.
#[cfg(target_os = "linux")]
fn stat(id: &str) -> Option<(u32, i32)> {
    let stat = std::fs::read(format!("/proc/{id}/stat")).ok()?;
    // `id (name) state parent group session …`; a name may hold anything, brackets too.
    let behind = stat.iter().rposition(|byte| *byte == b')')? + 1;
    let fields = std::str::from_utf8(&stat[behind..]).ok()?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().take(4).collect();
    Some((fields.get(1)?.parse().ok()?, fields.get(3)?.parse().ok()?))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn marked() -> Vec<u32> {
    Vec::new()
}

#[cfg(all(unix, not(target_os = "linux")))]
fn parents() -> Vec<(u32, u32)> {
    super::command::parents()
}

#[cfg(not(unix))]
fn parents() -> Vec<(u32, u32)> {
    Vec::new()
}

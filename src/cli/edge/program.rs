//! The name that the person typed. kubectl gives a plugin no sign that it was
//! started by kubectl, except for the way in which it calls it.

use std::ffi::OsString;
use std::path::Path;

use super::context::variable;

/// The name under which kubectl looks for a plugin's completions.
pub(in crate::cli) const COMPLETION_NAME: &str = "kubectl_complete-gitops";

/// How this executable was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Program {
    /// `kubectl gitops …`
    Plugin,
    /// `kubectl-gitops …`
    Direct,
    /// By kubectl, to complete the words after `kubectl gitops`.
    Completion,
}

impl Program {
    /// Judges by the first word of the command line.
    ///
    /// kubectl finds a plugin in `PATH` and starts it by its absolute path; a
    /// shell passes on what was typed, which is a bare name or, for an
    /// executable that is not in `PATH`, some path to it.
    pub(in crate::cli) fn of(name: Option<&OsString>) -> Self {
        let search = variable("PATH").unwrap_or_default();
        Self::judge(name.map(Path::new), &search)
    }

    fn judge(name: Option<&Path>, search: &OsString) -> Self {
        let Some(name) = name.filter(|name| !name.as_os_str().is_empty()) else {
            return Program::Plugin;
        };
        if name.file_stem().is_some_and(|stem| stem == COMPLETION_NAME) {
            return Program::Completion;
        }
        let found_by_search = name.is_absolute()
            && std::env::split_paths(search).any(|folder| Some(folder.as_path()) == name.parent());
        if found_by_search {
            Program::Plugin
        } else {
            Program::Direct
        }
    }

    /// The words to type before a command's own.
    pub(in crate::cli) fn name(self) -> &'static str {
        match self {
            Program::Plugin | Program::Completion => "kubectl gitops",
            Program::Direct => "kubectl-gitops",
        }
    }

    pub(in crate::cli) fn answers_completion(self) -> bool {
        self == Program::Completion
    }

    /// `text`, written for `kubectl gitops`, with the name that was typed.
    pub(in crate::cli) fn spell(self, text: &str) -> String {
        match self {
            Program::Plugin | Program::Completion => text.to_owned(),
            Program::Direct => text.replace("kubectl gitops", self.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(name: &str) -> Program {
        Program::judge(Some(Path::new(name)), &"/usr/bin:/opt/krew/bin".into())
    }

    #[cfg(unix)]
    #[test]
    fn kubectl_calls_plugins_by_the_path_where_it_found_them() {
        assert_eq!(judged("/opt/krew/bin/kubectl-gitops"), Program::Plugin);
        assert_eq!(judged("kubectl-gitops"), Program::Direct);
        assert_eq!(judged("./kubectl-gitops"), Program::Direct);
        assert_eq!(judged("/build/release/kubectl-gitops"), Program::Direct);
        assert_eq!(Program::judge(None, &OsString::new()), Program::Plugin);
    }

    #[test]
    fn completions_are_asked_for_under_a_name_of_their_own() {
        assert_eq!(
            judged("/opt/krew/bin/kubectl_complete-gitops"),
            Program::Completion
        );
        assert_eq!(judged("kubectl_complete-gitops.exe"), Program::Completion);
    }

    #[test]
    fn hints_are_spelled_as_typed() {
        let hint = "kubectl gitops promote staging";
        assert_eq!(Program::Plugin.spell(hint), hint);
        assert_eq!(
            Program::Direct.spell(hint),
            "kubectl-gitops promote staging"
        );
    }
}

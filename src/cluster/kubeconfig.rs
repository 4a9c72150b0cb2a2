//! Which cluster, as whom: kubeconfig files and flags, in kubectl's order.
//!
//! Reads files, but neither environment nor arguments: both are handed in.

use super::credentials::{LARGEST_FILE, Origin};
use super::error::ConnectError;
use super::plugin::Terms;
use crate::confidential::{presentable, redact};
use crate::files;
use kube::config::{
    Config, KubeConfigOptions, Kubeconfig, KubeconfigError, NamedAuthInfo, NamedCluster,
    NamedContext,
};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The largest kubeconfig that is read, in bytes: one of a thousand clusters with their
/// certificates has some megabytes.
/// See `docs/limits.md`.
const LARGEST_KUBECONFIG: u64 = 16 << 20;

/// What kubectl's flags and variables say about the connection.
#[derive(Debug, Clone, Default)]
pub struct ConnectOptions {
    /// `--kubeconfig`: this file and no other.
    pub kubeconfig: Option<PathBuf>,
    /// `$KUBECONFIG`: a list of files that are merged, the first word wins.
    pub kubeconfig_list: Option<OsString>,
    /// The home folder, whose `.kube/config` is the last resort.
    pub home: Option<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
    /// `--cluster`.
    pub cluster: Option<String>,
    /// `--user`.
    pub user: Option<String>,
    /// `-n`, `--namespace`.
    pub namespace: Option<String>,
    /// `--as`.
    pub impersonate: Option<String>,
    /// `--as-group`.
    pub impersonate_groups: Vec<String>,
    /// `--request-timeout`; zero waits for ever, none for the usual time.
    pub request_timeout: Option<Duration>,
    /// Whether a person is at a terminal, whom a credential plugin may ask.
    pub interactive: bool,
}

/// A kubeconfig resolved to one cluster and one user.
pub(super) struct Resolved {
    pub(super) config: Config,
    /// None inside a pod, where there is no kubeconfig.
    pub(super) context: Option<String>,
    pub(super) namespace: String,
    /// The files that it comes from, and whose credentials they are.
    pub(super) origin: Origin,
}

impl ConnectOptions {
    /// How a credential plugin is run.
    pub(super) fn terms(&self) -> Terms {
        Terms {
            timeout: self.request_timeout,
            interactive: self.interactive,
        }
    }

    fn files(&self) -> (Vec<PathBuf>, bool) {
        if let Some(file) = &self.kubeconfig {
            return (vec![file.clone()], true);
        }
        let listed: Vec<PathBuf> = self
            .kubeconfig_list
            .iter()
            .flat_map(std::env::split_paths)
            .filter(|path| !path.as_os_str().is_empty())
            .collect();
        if !listed.is_empty() {
            return (listed, false);
        }
        let home = self.home.iter().map(|home| home.join(".kube/config"));
        (home.collect(), false)
    }

    pub(super) async fn resolve(&self) -> Result<Resolved, ConnectError> {
        let (looked, must_exist) = self.files();
        let (merged, files) = read_all(&looked, must_exist)?;
        if files.is_empty() {
            if self.context.is_some() || self.cluster.is_some() || self.user.is_some() {
                return Err(ConnectError::NoKubeconfig { looked });
            }
            // Inside a pod kubectl falls back to the service account; so do we.
            let mut config =
                Config::incluster().map_err(|_| ConnectError::NoKubeconfig { looked })?;
            self.adjust(&mut config);
            let namespace = self.namespace_or(&config.default_namespace);
            return Ok(Resolved {
                config,
                context: None,
                namespace,
                origin: Origin::default(),
            });
        }
        let context = self.check_names(&merged, &files)?;
        let (cluster, user) = self.parts_of(&merged, &context);
        check_authority(&merged, cluster.as_deref(), &files)?;
        let origin = Origin {
            files: files.clone(),
            user,
        };
        let options = KubeConfigOptions {
            context: Some(context.clone()),
            cluster: self.cluster.clone(),
            user: self.user.clone(),
        };
        let mut config = Config::from_custom_kubeconfig(merged, &options)
            .await
            .map_err(|error| ConnectError::Incomplete {
                files,
                problem: describe(&error),
            })?;
        self.adjust(&mut config);
        let namespace = self.namespace_or(&config.default_namespace);
        Ok(Resolved {
            config,
            context: Some(context),
            namespace,
            origin,
        })
    }

    /// The names of the cluster and the user that a context means here.
    fn parts_of(&self, merged: &Kubeconfig, context: &str) -> (Option<String>, Option<String>) {
        let contexts = &mut merged.contexts.iter();
        let found = contexts.find(|one| one.name == context);
        let found = found.and_then(|one| one.context.as_ref());
        let cluster = found.map(|found| found.cluster.clone());
        let user = found.and_then(|found| found.user.clone());
        (self.cluster.clone().or(cluster), self.user.clone().or(user))
    }

    fn namespace_or(&self, default: &str) -> String {
        self.namespace
            .clone()
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| default.to_owned())
    }

    fn adjust(&self, config: &mut Config) {
        if let Some(user) = &self.impersonate {
            config.auth_info.impersonate = Some(user.clone());
            config.auth_info.impersonate_groups = None;
        }
        if !self.impersonate_groups.is_empty() {
            config.auth_info.impersonate_groups = Some(self.impersonate_groups.clone());
        }
        // Its own retries wait as long as a server asks for; ours are bounded.
        config.default_retry = false;
        if let Some(time) = self.request_timeout.filter(|time| !time.is_zero()) {
            config.connect_timeout = Some(time);
        }
    }

    /// The context's name, once it, the cluster and the user are known to exist.
    fn check_names(&self, merged: &Kubeconfig, files: &[PathBuf]) -> Result<String, ConnectError> {
        let contexts = names(&merged.contexts, |item: &NamedContext| &item.name);
        let current = merged.current_context.clone();
        let wanted = self
            .context
            .clone()
            .or(current)
            .filter(|name| !name.is_empty());
        let Some(context) = wanted else {
            return Err(ConnectError::NoCurrentContext {
                files: files.to_vec(),
                known: contexts,
            });
        };
        let clusters = names(&merged.clusters, |item: &NamedCluster| &item.name);
        let users = names(&merged.auth_infos, |item: &NamedAuthInfo| &item.name);
        let wanted = [
            ("context", Some(&context), contexts),
            ("cluster", self.cluster.as_ref(), clusters),
            ("user", self.user.as_ref(), users),
        ];
        for (what, name, known) in wanted {
            if let Some(name) = name
                && !known.contains(name)
            {
                return Err(ConnectError::Unknown {
                    what,
                    name: name.clone(),
                    known,
                    files: files.to_vec(),
                });
            }
        }
        Ok(context)
    }
}

fn names<T>(items: &[T], name: impl Fn(&T) -> &String) -> Vec<String> {
    items.iter().map(|item| name(item).clone()).collect()
}

/// Files of a list that do not exist are skipped, as kubectl does; a file named by a flag must exist.
fn read_all(
    looked: &[PathBuf],
    must_exist: bool,
) -> Result<(Kubeconfig, Vec<PathBuf>), ConnectError> {
    let mut merged = Kubeconfig::default();
    let mut files = Vec::new();
    for path in looked {
        if !must_exist && !path.exists() {
            continue;
        }
        let wrong = |error: KubeconfigError| ConnectError::Kubeconfig {
            path: path.clone(),
            problem: describe(&error),
        };
        let one = read(path)?;
        merged = merged.merge(one).map_err(wrong)?;
        files.push(path.clone());
    }
    Ok((merged, files))
}

/// Reads one file, or a pipe, up to a bound.
fn read(path: &Path) -> Result<Kubeconfig, ConnectError> {
    let failed = |problem: String| ConnectError::Kubeconfig {
        path: path.to_path_buf(),
        problem,
    };
    let wrong = |error: KubeconfigError| failed(describe(&error));
    let cannot = |error: std::io::Error| failed(error.to_string());
    let kind = std::fs::metadata(path).map_err(cannot)?;
    if kind.is_file() && kind.len() <= LARGEST_KUBECONFIG {
        return Kubeconfig::read_from(absolute(path)).map_err(wrong);
    }
    // What comes through a pipe has no folder that its paths could be relative to.
    let text = files::read_named(path, LARGEST_KUBECONFIG).and_then(files::text);
    let text = text.map_err(cannot)?;
    Kubeconfig::from_yaml(&text).map_err(wrong)
}

/// Checks the file of a cluster's certificates, which the client reads as it is.
fn check_authority(
    merged: &Kubeconfig,
    cluster: Option<&str>,
    files: &[PathBuf],
) -> Result<(), ConnectError> {
    let mut clusters = merged.clusters.iter();
    let found = clusters.find(|one| Some(one.name.as_str()) == cluster);
    let found = found.and_then(|one| one.cluster.as_ref());
    let Some(path) = found.and_then(|found| found.certificate_authority.as_ref()) else {
        return Ok(());
    };
    let wrong = |problem: String| ConnectError::Incomplete {
        files: files.to_vec(),
        problem: format!("certificate-authority of the cluster ({path}) {problem}"),
    };
    match std::fs::metadata(path) {
        Err(error) => Err(wrong(format!("cannot be read: {error}"))),
        Ok(kind) if !kind.is_file() => Err(wrong("is not a regular file".to_owned())),
        Ok(kind) if kind.len() > LARGEST_FILE => {
            Err(wrong(format!("is larger than {} MiB", LARGEST_FILE >> 20)))
        }
        Ok(_) => Ok(()),
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// Without the lines of the file that a YAML error would quote: they may hold a token.
fn describe(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Parse(error) => error.location().map_or_else(
            || "not a kubeconfig".to_owned(),
            |at| {
                format!(
                    "not a kubeconfig, at line {} column {}",
                    at.line(),
                    at.column()
                )
            },
        ),
        KubeconfigError::ReadConfig(error, _) => error.to_string(),
        KubeconfigError::LoadClusterOfContext(name) => {
            format!("the context names a cluster {name:?} that is not there")
        }
        other => presentable(&redact(&other.to_string())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
    }

    fn file(dir: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    const ONE: &str = "
apiVersion: v1
kind: Config
current-context: one
clusters: [{name: c1, cluster: {server: 'https://one.example.com'}}]
users: [{name: u1, user: {token: t1}}]
contexts: [{name: one, context: {cluster: c1, user: u1, namespace: shop}}]
";
    const TWO: &str = "
apiVersion: v1
kind: Config
current-context: two
clusters: [{name: c1, cluster: {server: 'https://other.example.com'}}, {name: c2, cluster: {server: 'https://two.example.com'}}]
users: [{name: u2, user: {token: t2}}]
contexts: [{name: two, context: {cluster: c2, user: u2}}]
";

    #[test]
    fn a_list_of_files_is_merged_and_the_first_word_wins() {
        let dir = tempfile::tempdir().unwrap();
        let files = [
            file(&dir, "one", ONE),
            dir.path().join("missing"),
            file(&dir, "two", TWO),
        ];
        let mut options = ConnectOptions {
            kubeconfig_list: Some(std::env::join_paths(&files).unwrap()),
            ..ConnectOptions::default()
        };
        let first = runtime().block_on(options.resolve()).unwrap();
        assert_eq!(first.context.as_deref(), Some("one"));
        assert_eq!(first.namespace, "shop");
        assert_eq!(first.config.cluster_url.host(), Some("one.example.com"));
        options.context = Some("two".into());
        options.namespace = Some("mine".into());
        let second = runtime().block_on(options.resolve()).unwrap();
        assert_eq!(second.config.cluster_url.host(), Some("two.example.com"));
        assert_eq!(second.namespace, "mine");
        options.cluster = Some("c1".into());
        let mixed = runtime().block_on(options.resolve()).unwrap();
        assert_eq!(mixed.config.cluster_url.host(), Some("one.example.com"));
    }

    #[test]
    fn a_missing_context_names_those_that_exist() {
        let dir = tempfile::tempdir().unwrap();
        let options = ConnectOptions {
            kubeconfig: Some(file(&dir, "one", ONE)),
            context: Some("prod".into()),
            ..ConnectOptions::default()
        };
        match runtime().block_on(options.resolve()).err() {
            Some(ConnectError::Unknown { what, known, .. }) => {
                assert_eq!((what, known), ("context", vec!["one".to_owned()]));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_broken_file_is_named_without_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let options = ConnectOptions {
            kubeconfig: Some(file(&dir, "bad", "users: [{name: u, user: {token: hunter2")),
            ..ConnectOptions::default()
        };
        let error = runtime()
            .block_on(options.resolve())
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("bad") && error.contains("line"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_file_named_by_a_flag_must_exist() {
        let options = ConnectOptions {
            kubeconfig: Some("/nowhere/kubeconfig".into()),
            ..ConnectOptions::default()
        };
        let error = runtime().block_on(options.resolve()).err().unwrap();
        assert!(matches!(error, ConnectError::Kubeconfig { .. }), "{error}");
    }
}

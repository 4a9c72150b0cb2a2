//! A real Kubernetes API server: etcd and kube-apiserver, once per test binary.
//!
//! Tests share it, so each works in namespaces of its own and takes away what it puts beside them.

use super::process::{Guarded, free_port, program, server_folder};
use base64::Engine as _;
use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A running API server with a kubeconfig whose contexts are
/// `test` (cluster administrator), `limited` (a user without any rights) and
/// `unreachable` (a server that nobody listens on).
pub struct ApiServer {
    _etcd: Guarded,
    apiserver: Guarded,
    kubeconfig: PathBuf,
    url: String,
    uid: String,
}

impl ApiServer {
    /// The API server of this test binary, started by whoever asks first.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<ApiServer> = OnceLock::new();
        SHARED.get_or_init(|| {
            // Between finding a free port and listening on it, somebody else may take it.
            let mut failure = String::new();
            for _ in 0..3 {
                match Self::start() {
                    Ok(server) => return server,
                    Err(error) => failure = error,
                }
            }
            panic!("no API server: {failure}")
        })
    }

    fn start() -> Result<Self, String> {
        let (etcd, etcd_url) = start_etcd()?;
        let port = free_port();
        let dir = server_folder("apiserver");
        let text = |path: PathBuf| path.display().to_string();
        fs::write(
            dir.join("tokens.csv"),
            "test-admin,admin,admin,\"system:masters\"\ntest-limited,limited,limited\n",
        )
        .map_err(|error| error.to_string())?;
        let key =
            text(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testenv/service-account.key"));
        let arguments = [
            format!("--etcd-servers={etcd_url}"),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={port}"),
            format!("--cert-dir={}", text(dir.join("certificates"))),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={key}"),
            format!("--service-account-signing-key-file={key}"),
            "--authorization-mode=RBAC".to_owned(),
            format!("--token-auth-file={}", text(dir.join("tokens.csv"))),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            "--allow-privileged=true".to_owned(),
            "--disable-admission-plugins=ServiceAccount".to_owned(),
        ];
        let mut apiserver = Guarded::start(&dir, &program("kube-apiserver"), &arguments);
        apiserver.wait(|| {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
                && dir.join("certificates/apiserver.crt").is_file()
        })?;
        let url = format!("https://127.0.0.1:{port}");
        let kubeconfig = dir.join("kubeconfig");
        let authority =
            fs::read(dir.join("certificates/apiserver.crt")).map_err(|error| error.to_string())?;
        fs::write(&kubeconfig, kubeconfig_text(&url, &authority))
            .map_err(|error| error.to_string())?;
        let mut server = Self {
            _etcd: etcd,
            apiserver,
            kubeconfig,
            url,
            uid: String::new(),
        };
        server.wait_until_usable()?;
        Ok(server)
    }

    fn wait_until_usable(&mut self) -> Result<(), String> {
        let ask = |arguments: &[&str]| {
            Self::kubectl_with(&self.kubeconfig)
                .args(arguments)
                .output()
                .ok()
                .filter(|output| output.status.success())
                .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let mut uid = String::new();
        self.apiserver.wait(|| {
            if ask(&["get", "--raw", "/readyz"]).as_deref() != Some("ok") {
                return false;
            }
            let query = [
                "get",
                "namespace",
                "kube-system",
                "-o",
                "jsonpath={.metadata.uid}",
            ];
            uid = ask(&query).unwrap_or_default();
            !uid.is_empty() && ask(&["get", "namespace", "default"]).is_some()
        })?;
        self.uid = uid;
        Ok(())
    }

    /// The kubeconfig file; its current context is `test`.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The address of the server, `https://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The UID of the namespace kube-system, which tells clusters apart.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// The same server without TLS, for faults to be put in front of: `kubectl proxy` as the administrator.
    pub fn plain(&self) -> (Guarded, SocketAddr) {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let arguments = [
            "proxy".to_owned(),
            format!("--port={}", address.port()),
            format!("--kubeconfig={}", self.kubeconfig.display()),
            "--reject-paths=^$".to_owned(),
        ];
        let dir = server_folder("proxy");
        let mut proxy = Guarded::start(&dir, &program("kubectl"), &arguments);
        proxy
            .wait(|| TcpStream::connect(address).is_ok())
            .expect("kubectl proxy");
        (proxy, address)
    }

    fn kubectl_with(kubeconfig: &Path) -> Command {
        let mut command = Command::new(program("kubectl"));
        command.env("KUBECONFIG", kubeconfig).stdin(Stdio::null());
        command
    }

    /// kubectl as the cluster's administrator.
    pub fn kubectl(&self) -> Command {
        Self::kubectl_with(&self.kubeconfig)
    }

    /// Runs kubectl as the administrator and gives its trimmed standard output; a failure fails the test.
    pub fn ask(&self, arguments: &[&str]) -> String {
        let output = self.kubectl().args(arguments).output().expect("kubectl");
        succeeded("kubectl", &output)
    }

    /// Applies manifests as the administrator.
    pub fn apply(&self, manifests: &str) {
        let mut child = self
            .kubectl()
            .args(["apply", "--server-side", "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl");
        child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(manifests.as_bytes())
            .expect("kubectl reads");
        succeeded("kubectl apply", &child.wait_with_output().expect("kubectl"));
    }

    /// A new namespace that no other test uses.
    pub fn namespace(&self, prefix: &str) -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(1);
        let name = format!("{prefix}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.ask(&["create", "namespace", &name]);
        name
    }
}

fn succeeded(what: &str, output: &Output) -> String {
    assert!(
        output.status.success(),
        "{what} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn start_etcd() -> Result<(Guarded, String), String> {
    let dir = server_folder("etcd");
    let url = format!("http://127.0.0.1:{}", free_port());
    let peers = format!("http://127.0.0.1:{}", free_port());
    let arguments = [
        format!("--data-dir={}", dir.join("data").display()),
        format!("--listen-client-urls={url}"),
        format!("--advertise-client-urls={url}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        format!("--initial-cluster=default={peers}"),
        "--unsafe-no-fsync".to_owned(),
        "--log-level=error".to_owned(),
    ];
    let mut etcd = Guarded::start(&dir, &program("etcd"), &arguments);
    let address = url.trim_start_matches("http://").to_owned();
    etcd.wait(|| TcpStream::connect(&address).is_ok())?;
    Ok((etcd, url))
}

fn kubeconfig_text(url: &str, authority: &[u8]) -> String {
    let authority = base64::engine::general_purpose::STANDARD.encode(authority);
    let unreachable = free_port();
    format!(
        "apiVersion: v1
kind: Config
current-context: test
clusters:
- name: test
  cluster: {{server: \"{url}\", certificate-authority-data: {authority}}}
- name: unreachable
  cluster: {{server: \"https://127.0.0.1:{unreachable}\", certificate-authority-data: {authority}}}
users:
- name: admin
  user: {{token: test-admin}}
- name: limited
  user: {{token: test-limited}}
contexts:
- name: test
  context: {{cluster: test, user: admin}}
- name: limited
  context: {{cluster: test, user: limited}}
- name: unreachable
  context: {{cluster: unreachable, user: admin}}
"
    )
}

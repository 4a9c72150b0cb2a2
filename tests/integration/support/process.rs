//! Where the real components are, and processes that end with the tests.
//!
//! Refuses to go on without a component: nothing is skipped silently.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The path of a program that `tests/testenv/setup` provides.
///
/// kube-apiserver, etcd and kubectl come from `KUBEBUILDER_ASSETS` when that folder has them.
pub fn program(name: &str) -> PathBuf {
    if name == "gitea" {
        return testenv_folders().1.join(name);
    }
    if name != "registry"
        && let Some(assets) = std::env::var_os("KUBEBUILDER_ASSETS")
    {
        let path = Path::new(&assets).join(name);
        if path.is_file() {
            return path;
        }
    }
    testenv_folders().0.join(name)
}

/// The folder of the programs, and that of the forge.
fn testenv_folders() -> &'static (PathBuf, PathBuf) {
    static FOLDERS: OnceLock<(PathBuf, PathBuf)> = OnceLock::new();
    FOLDERS.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testenv/setup");
        let output = Command::new(&script)
            .arg("--where")
            .output()
            .unwrap_or_else(|error| panic!("{} cannot be run: {error}", script.display()));
        assert!(
            output.status.success(),
            "the real components for the tests are not there; run tests/testenv/setup, or make test\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8_lossy(&output.stdout);
        let mut lines = text.lines().map(PathBuf::from);
        match (lines.next(), lines.next()) {
            (Some(folder), Some(forge)) => (folder, forge),
            _ => panic!("{} --where named no two folders: {text}", script.display()),
        }
    })
}

/// A TCP port on the loopback interface that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}

/// A server that ends when this value is dropped or when the test process ends, however it ends.
///
/// A small shell watches a pipe whose other end this process holds: the
/// kernel closes it even after SIGKILL, and then the shell ends the server
/// and removes its folder.
pub struct Guarded {
    shell: Child,
    pipe: Option<ChildStdin>,
    log: PathBuf,
    name: String,
}

const WATCH: &str = r#"
dir=$1; log=$2; shift 2
trap '' INT HUP TERM
exec 3<&0
"$@" >"$log" 2>&1 3<&- & server=$!
( read -r _ <&3; : >"$dir/over"; kill -9 "$server" ) >/dev/null 2>&1 & watch=$!
wait "$server"
if [ -e "$dir/over" ]; then rm -rf "$dir"; else kill "$watch"; fi
"#;

impl Guarded {
    /// Starts a program; `dir` is its own folder, which goes when it ends.
    pub fn start(dir: &Path, program: &Path, arguments: &[String]) -> Self {
        let name = program.file_name().map_or_else(
            || program.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        );
        let log = dir.join(format!("{name}.log"));
        let mut shell = Command::new("sh")
            .args(["-c", WATCH, "watch"])
            .args([dir, &log, program])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh");
        let pipe = shell.stdin.take();
        Self {
            shell,
            pipe,
            log,
            name,
        }
    }

    /// Waits until `ready` says so; an early end or two minutes of silence are an error with the log's end.
    pub fn wait(&mut self, mut ready: impl FnMut() -> bool) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            if ready() {
                return Ok(());
            }
            if !matches!(self.shell.try_wait(), Ok(None)) {
                return Err(format!("{} ended early:\n{}", self.name, self.log_end()));
            }
            if Instant::now() > deadline {
                return Err(format!(
                    "{} did not get ready in two minutes:\n{}",
                    self.name,
                    self.log_end()
                ));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn log_end(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.shell.wait();
    }
}

/// A temporary folder that outlives its value: the process guarded in it removes it.
pub fn server_folder(name: &str) -> PathBuf {
    tempfile::Builder::new()
        .prefix(&format!("kubectl-gitops-{name}-"))
        .tempdir()
        .expect("a temporary folder")
        .keep()
}

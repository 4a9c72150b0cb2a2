//! A real forge (Gitea) for all tests of a run: repositories with protected branches and pull requests, over smart
//! HTTP with a token. Each test has a repository of its own in it.

use super::Fixture;
use super::http;
use super::process::{Guarded, free_port, program, server_folder};
use super::registry::basic;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const USER: &str = "ada";
const OTHER: &str = "grace";
const PASSWORD: &str = "only-in-tests";

/// The running forge; it ends with the test process.
pub struct Forge {
    server: Guarded,
    address: SocketAddr,
    dir: PathBuf,
    token: String,
}

/// A pull request as the forge tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    pub number: u64,
    pub title: String,
    pub body: String,
    pub base: String,
    pub head: String,
    pub commit: String,
    pub open: bool,
}

impl Forge {
    /// The forge of this test run, started by whoever asks first.
    pub fn get() -> &'static Self {
        static FORGE: OnceLock<Forge> = OnceLock::new();
        FORGE.get_or_init(|| {
            let mut failure = String::new();
            for _ in 0..3 {
                match Self::start() {
                    Ok(forge) => return forge,
                    Err(error) => failure = error,
                }
            }
            panic!("no forge: {failure}")
        })
    }

    fn start() -> Result<Self, String> {
        let dir = server_folder("gitea");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let gitea = program("gitea");
        let config = dir.join("app.ini");
        let text = configuration(&dir, &gitea.with_file_name("files"), address);
        std::fs::write(&config, text).map_err(|error| error.to_string())?;
        let run = |arguments: &[&str]| {
            let output = Command::new(&gitea)
                .arg("--config")
                .arg(&config)
                .args(arguments)
                .env("HOME", &dir)
                .stdin(Stdio::null())
                .output()
                .map_err(|error| error.to_string())?;
            match output.status.success() {
                true => Ok(()),
                false => Err(format!(
                    "gitea {}:\n{}{}",
                    arguments.join(" "),
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr)
                )),
            }
        };
        run(&["migrate"])?;
        let (mail, password) = (format!("{USER}@example.com"), PASSWORD);
        run(&[
            "admin",
            "user",
            "create",
            "--admin",
            "--username",
            USER,
            "--password",
            password,
            "--email",
            &mail,
            "--must-change-password=false",
        ])?;
        let web = format!(
            "HOME='{}' exec '{}' --config '{}' web",
            dir.display(),
            gitea.display(),
            config.display()
        );
        let mut server = Guarded::start(&dir, Path::new("/bin/sh"), &["-c".to_owned(), web]);
        server.wait(|| {
            http::send(address, "GET", "/api/healthz", &[], b"")
                .is_ok_and(|answer| answer.status == 200)
        })?;
        let mut forge = Self {
            server,
            address,
            dir,
            token: String::new(),
        };
        let token = forge.ask(
            "POST",
            &format!("users/{USER}/tokens"),
            &json!({"name": "tests", "scopes": ["all"]}),
        )?;
        forge.token = token["sha1"].as_str().unwrap_or_default().to_owned();
        Ok(forge)
    }

    /// The socket that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The token that may do everything; it must not show up in any output.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// One request to its API: the answer, or what it said.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let login = match self.token.is_empty() {
            true => basic(USER, PASSWORD),
            false => format!("token {}", self.token),
        };
        let headers = [
            ("Authorization", login.as_str()),
            ("Content-Type", "application/json"),
        ];
        let bytes = match body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        let target = format!("/api/v1/{path}");
        let answer = http::send(self.address, method, &target, &headers, &bytes)
            .map_err(|error| format!("{method} {path}: {error}"))?;
        let text = String::from_utf8_lossy(&answer.body);
        match answer.status {
            200..=299 => Ok(serde_json::from_str(&text).unwrap_or_default()),
            status => Err(format!("{method} {path}: {status} {text}")),
        }
    }

    fn somebody_else(&self) {
        let who = json!({
            "username": OTHER, "email": format!("{OTHER}@example.com"),
            "password": PASSWORD, "must_change_password": false,
        });
        // She is there already when another test asked for the same.
        let _ = self.ask("POST", "admin/users", &who);
    }

    /// Moves a fixture's origin here, all branches with it; the clone's remote follows.
    #[track_caller]
    pub fn take(&'static self, fixture: &mut Fixture) -> ForgeRepo {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("shop-{}", NUMBER.fetch_add(1, Ordering::SeqCst));
        let body = json!({"name": name, "default_branch": "main"});
        self.ask("POST", "user/repos", &body).unwrap();
        let repo = ForgeRepo { forge: self, name };
        let url = repo.url(self.address);
        let git = |dir: &Path, args: &[&str]| fixture.env.git(dir, args);
        // The default branch first; the forge notes in the background that it is not empty any more.
        git(&fixture.origin, &["push", "--quiet", &url, "main"]);
        repo.wait("the repository", |repo| {
            (repo.ask("GET", "", &Value::Null)["empty"] == false).then_some(())
        });
        git(&fixture.origin, &["push", "--quiet", &url, "--all"]);
        git(&fixture.clone, &["remote", "set-url", "origin", &url]);
        fixture.origin = self
            .dir
            .join(format!("repositories/{USER}/{}.git", repo.name));
        repo
    }
}

/// One repository in the forge.
pub struct ForgeRepo {
    forge: &'static Forge,
    name: String,
}

impl ForgeRepo {
    /// Its address for Git, token included, by way of this socket.
    pub fn url(&self, socket: SocketAddr) -> String {
        let token = &self.forge.token;
        format!("http://{USER}:{token}@{socket}/{USER}/{}.git", self.name)
    }

    /// Its address for people.
    pub fn page(&self) -> String {
        format!("http://{}/{USER}/{}", self.forge.address, self.name)
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let path = format!("repos/{USER}/{}{path}", self.name);
        self.forge.ask(method, &path, body).unwrap()
    }

    /// Nobody may push to this branch; pull requests may be merged into it.
    #[track_caller]
    pub fn protect(&self, branch: &str) {
        let body = json!({"rule_name": branch, "enable_push": false});
        self.ask("POST", "/branch_protections", &body);
    }

    /// Nobody but somebody else may make a tag of this pattern.
    #[track_caller]
    pub fn protect_tags(&self, pattern: &str) {
        self.forge.somebody_else();
        let body = json!({"name_pattern": pattern, "whitelist_usernames": [OTHER]});
        self.ask("POST", "/tag_protections", &body);
    }

    /// Its address for somebody else, who may write as well.
    #[track_caller]
    pub fn others_url(&self) -> String {
        self.forge.somebody_else();
        let path = format!("/collaborators/{OTHER}");
        self.ask("PUT", &path, &json!({"permission": "write"}));
        let socket = self.forge.address;
        format!(
            "http://{OTHER}:{PASSWORD}@{socket}/{USER}/{}.git",
            self.name
        )
    }

    /// Opens a pull request, as a person does from the branch's page.
    #[track_caller]
    pub fn open(&self, head: &str, base: &str, title: &str) -> u64 {
        let body = json!({"head": head, "base": base, "title": title});
        self.ask("POST", "/pulls", &body)["number"]
            .as_u64()
            .unwrap()
    }

    /// Merges one: `merge`, `squash` or `rebase`.
    #[track_caller]
    pub fn merge(&self, number: u64, how: &str) {
        let path = format!("repos/{USER}/{}/pulls/{number}/merge", self.name);
        // Whether it can be merged is found out in the background.
        self.wait("the merge", |repo| {
            repo.forge.ask("POST", &path, &json!({"Do": how})).ok()
        });
    }

    /// Closes one without merging it.
    #[track_caller]
    pub fn close(&self, number: u64) {
        self.ask(
            "PATCH",
            &format!("/pulls/{number}"),
            &json!({"state": "closed"}),
        );
    }

    /// All pull requests, open and not, oldest first.
    #[track_caller]
    pub fn pull_requests(&self) -> Vec<PullRequest> {
        let list = self.ask("GET", "/pulls?state=all&sort=oldest", &Value::Null);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        list.as_array()
            .into_iter()
            .flatten()
            .map(|one| PullRequest {
                number: one["number"].as_u64().unwrap(),
                title: text(&one["title"]),
                body: text(&one["body"]),
                base: text(&one["base"]["ref"]),
                head: text(&one["head"]["ref"]),
                commit: text(&one["head"]["sha"]),
                open: one["state"] == "open",
            })
            .collect()
    }

    #[track_caller]
    fn wait<T>(&self, what: &str, mut ready: impl FnMut(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(value) = ready(self) {
                return value;
            }
            assert!(
                Instant::now() < deadline,
                "the forge takes too long: {what}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn configuration(dir: &Path, files: &Path, address: SocketAddr) -> String {
    let dir = dir.display();
    format!(
        "RUN_MODE = prod\nI_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true\nWORK_PATH = {dir}\n\
         [server]\nSTATIC_ROOT_PATH = {files}\nHTTP_ADDR = 127.0.0.1\nHTTP_PORT = {port}\n\
         ROOT_URL = http://{address}/\nOFFLINE_MODE = true\nDISABLE_SSH = true\n\
         [database]\nDB_TYPE = sqlite3\nPATH = {dir}/gitea.db\n\
         [security]\nINSTALL_LOCK = true\nSECRET_KEY = tests\nPASSWORD_HASH_ALGO = pbkdf2$1$8\n\
         [log]\nLEVEL = Warn\n[repository]\nROOT = {dir}/repositories\n\
         [service]\nDISABLE_REGISTRATION = true\n[cron]\nENABLED = false\n[actions]\nENABLED = false\n\
         [packages]\nENABLED = false\n[indexer]\nISSUE_INDEXER_TYPE = db\n",
        files = files.display(),
        port = address.port(),
    )
}

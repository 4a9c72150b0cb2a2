//! What precedes the `@` of an HTTP address, and how the `git` program gets it: through a
//! credential helper that answers for that address's origin and for no other. The helper
//! is this program, started by Git. It asks the run that started Git, over a connection
//! within this machine, so the login is in no argument, no environment and no file, and
//! ends with the run however that ends.
//!
//! A connection proves itself by a key that is made anew for each run. It is in the
//! environment of what the run starts, which other users of the machine cannot read.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::confidential::Sent;

/// The variable that says where the run listens and with which key.
pub const LOGIN_VARIABLE: &str = "KUBECTL_GITOPS_ASK";

/// The word that makes this program a credential helper.
pub const LOGIN_WORD: &str = "git-credential";

/// How many bytes a helper may send. Git's own requests have a few hundred; a password
/// and a refresh token may come back.
/// See `docs/limits.md`.
const LONGEST_REQUEST: u64 = 64 * 1024;

/// How long a helper may take to send its request, which it does at once.
const SLOWEST_REQUEST: Duration = Duration::from_secs(10);

/// How many helpers are answered at a time. Git starts one for each connection.
/// See `docs/limits.md`.
const MOST_CALLERS: usize = 32;

/// A user's name longer than this is a token. In bytes.
const LONGEST_NAME: usize = 24;

/// What precedes the `@` of an HTTP address.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Login {
    user: Vec<u8>,
    /// `None`: the person's own credential helpers know it.
    password: Option<Vec<u8>>,
    /// As it was typed.
    typed: String,
}

impl std::fmt::Debug for Login {
    /// It holds secrets.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Login")
    }
}

impl Login {
    /// Reads `user`, `token` or `user:password`, percent-encoded.
    pub(super) fn read(typed: &str) -> Result<Self, &'static str> {
        let (user, password) = match typed.split_once(':') {
            Some((user, password)) => (user, Some(decoded(password))),
            None => (typed, None),
        };
        let user = decoded(user);
        let both = user.iter().chain(password.iter().flatten());
        if both.clone().any(u8::is_ascii_control) {
            return Err("its login holds a control character");
        }
        if user.is_empty() {
            // Git sends no password without a name.
            return Err("it names no user before the password");
        }
        Ok(Self {
            user,
            password,
            typed: typed.to_owned(),
        })
    }

    /// The secrets in it. A user's name is one when it looks like a token.
    pub(super) fn secrets(&self) -> Sent {
        let mut sent = Sent::default();
        let user = String::from_utf8_lossy(&self.user);
        let (typed_user, typed) = self.typed.split_once(':').unwrap_or((&self.typed, ""));
        let password = self.password.as_deref().filter(|it| !it.is_empty());
        if let Some(password) = password {
            sent.add_login(&user, &String::from_utf8_lossy(password));
            sent.add(typed);
        }
        let both = [&self.user[..], b":", password.unwrap_or_default()].concat();
        sent.add(&STANDARD.encode(both));
        if is_token(&user, password) {
            sent.add(&user);
            sent.add(typed_user);
        }
        sent
    }
}

/// Whether what is in the place of a user's name is more likely a secret.
fn is_token(user: &str, password: Option<&[u8]>) -> bool {
    let is_name = |c: char| c.is_ascii_lowercase() || "-._@".contains(c);
    let is_long = user.len() > LONGEST_NAME;
    match password {
        // GitHub's word for «the user's name is the token».
        None | Some(b"x-oauth-basic") => is_long || !user.chars().all(is_name),
        Some(_) => is_long,
    }
}

/// How the `git` program can ask this program for a login.
#[derive(Clone)]
pub struct LoginHelper {
    /// This executable.
    pub program: PathBuf,
    /// A text that cannot be guessed.
    pub key: String,
    /// There may be a `.netrc`, which would otherwise be used in the login's place.
    pub has_netrc: bool,
}

impl std::fmt::Debug for LoginHelper {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_tuple("LoginHelper")
            .field(&self.program)
            .finish()
    }
}

impl PartialEq for LoginHelper {
    fn eq(&self, other: &Self) -> bool {
        self.program == other.program && self.key == other.key
    }
}

impl Eq for LoginHelper {}

/// Runs `git credential VERB` with the person's own settings on this request.
pub(super) type AskGit = dyn Fn(&str, &[u8]) -> Vec<u8> + Send + Sync;

/// Answers the helpers that Git starts, as long as this value lives.
pub(super) struct LoginDesk {
    desk: Arc<Desk>,
    address: SocketAddr,
    helper: LoginHelper,
    /// Where the repository is by now, when it has moved within its origin.
    moved: Mutex<Option<String>>,
}

struct Desk {
    origin: String,
    login: Login,
    key: String,
    ask_git: Box<AskGit>,
    sent: Mutex<Sent>,
    callers: AtomicUsize,
    closed: AtomicBool,
}

impl LoginDesk {
    /// Begins to answer for this origin. Without a password in the login, Git's own
    /// helpers are asked through `ask_git`.
    pub(super) fn open(
        origin: String,
        login: &Login,
        helper: &LoginHelper,
        ask_git: Box<AskGit>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let desk = Arc::new(Desk {
            origin,
            login: login.clone(),
            key: helper.key.clone(),
            ask_git,
            sent: Mutex::new(login.secrets()),
            callers: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        });
        let behind = Arc::clone(&desk);
        std::thread::Builder::new().spawn(move || receive(&listener, &behind))?;
        Ok(Self {
            desk,
            address,
            helper: helper.clone(),
            moved: Mutex::new(None),
        })
    }

    /// What was sent so far, to be masked where it comes back.
    pub(super) fn sent(&self) -> Sent {
        lock(&self.desk.sent).clone()
    }

    /// The value of [`LOGIN_VARIABLE`].
    pub(super) fn variable(&self) -> String {
        format!("{} {}", self.address, self.desk.key)
    }

    /// The settings that hold for the origin alone: nothing but this program is asked for
    /// a login, or given one to store, and no redirect is followed.
    pub(super) fn settings(&self) -> Vec<String> {
        let origin = &self.desk.origin;
        let program = self.helper.program.to_string_lossy();
        let program = program.replace('\'', "'\\''");
        let mut settings = vec![
            format!("credential.{origin}.helper="),
            format!("credential.{origin}.helper=!'{program}' {LOGIN_WORD}"),
            format!("http.{origin}.followRedirects=false"),
            // Since Git 2.46; without it a .netrc is preferred.
            format!("http.{origin}.proactiveAuth=basic"),
        ];
        if self.helper.has_netrc {
            settings.push(format!("http.{origin}.emptyAuth=true"));
        }
        settings
    }

    pub(super) fn origin(&self) -> &str {
        &self.desk.origin
    }

    pub(super) fn moved(&self) -> Option<String> {
        lock(&self.moved).clone()
    }

    pub(super) fn note_move(&self, to: String) {
        *lock(&self.moved) = Some(to);
    }
}

impl Drop for LoginDesk {
    fn drop(&mut self) {
        self.desk.closed.store(true, Ordering::SeqCst);
        // Wakes the one that waits.
        let _ = TcpStream::connect(self.address);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn receive(listener: &TcpListener, desk: &Arc<Desk>) {
    for caller in listener.incoming() {
        if desk.closed.load(Ordering::SeqCst) {
            return;
        }
        let Ok(caller) = caller else {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        if desk.callers.fetch_add(1, Ordering::SeqCst) >= MOST_CALLERS {
            desk.callers.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let behind = Arc::clone(desk);
        let answer = move || {
            // A helper that went away needs no answer.
            let _ = behind.serve(caller);
            behind.callers.fetch_sub(1, Ordering::SeqCst);
        };
        if std::thread::Builder::new().spawn(answer).is_err() {
            desk.callers.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Desk {
    fn serve(&self, mut caller: TcpStream) -> io::Result<()> {
        caller.set_read_timeout(Some(SLOWEST_REQUEST))?;
        let mut said = Vec::new();
        (&mut caller).take(LONGEST_REQUEST).read_to_end(&mut said)?;
        let mut parts = said.splitn(3, |byte| *byte == b'\n');
        let (Some(key), Some(verb), Some(request)) = (parts.next(), parts.next(), parts.next())
        else {
            return Ok(());
        };
        if key != self.key.as_bytes() {
            return Ok(());
        }
        caller.write_all(&self.answer(verb, request))?;
        caller.shutdown(Shutdown::Write)
    }

    /// The answer to a request in the format of git-credential(1).
    fn answer(&self, verb: &[u8], request: &[u8]) -> Vec<u8> {
        let protocol = field(request, "protocol").unwrap_or_default();
        let host = field(request, "host").unwrap_or_default();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if origin(&text(protocol), &text(host)) != self.origin {
            return Vec::new();
        }
        match (verb, &self.login.password) {
            (b"get", Some(password)) => reply(&self.login.user, Some(password)),
            (b"get", None) => self.ask_persons_helpers(request),
            // To store and to erase: what was typed is nobody's to keep.
            (_, Some(_)) => Vec::new(),
            (b"store", None) => (self.ask_git)("approve", request),
            (b"erase", None) => (self.ask_git)("reject", request),
            _ => Vec::new(),
        }
    }

    fn ask_persons_helpers(&self, request: &[u8]) -> Vec<u8> {
        let mut asked = reply(&self.login.user, None);
        for line in request.split(|byte| *byte == b'\n') {
            // What a newer Git offers beside these, this program does not answer.
            let kept = [&b"protocol="[..], b"host=", b"path="];
            if kept.iter().any(|name| line.starts_with(name)) {
                asked.extend_from_slice(line);
                asked.push(b'\n');
            }
        }
        asked.push(b'\n');
        let found = (self.ask_git)("fill", &asked);
        let Some(password) = field(&found, "password") else {
            return reply(&self.login.user, None);
        };
        let user = field(&found, "username").unwrap_or(&self.login.user);
        let known = [user, b":", password].concat();
        let mut sent = lock(&self.sent);
        sent.add_login(
            &String::from_utf8_lossy(user),
            &String::from_utf8_lossy(password),
        );
        sent.add(&STANDARD.encode(known));
        reply(user, Some(password))
    }
}

fn reply(user: &[u8], password: Option<&[u8]>) -> Vec<u8> {
    let mut text = [b"username=", user, b"\n"].concat();
    if let Some(password) = password {
        text.extend_from_slice(&[b"password=", password, b"\n"].concat());
    }
    text
}

/// The value of a line `name=value`.
fn field<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    text.split(|byte| *byte == b'\n').find_map(|line| {
        line.strip_prefix(name.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"="))
    })
}

/// What a credential helper of this program answers: asks the run that [`LOGIN_VARIABLE`]
/// names, with what Git says on the helper's standard input.
///
/// # Errors
/// When the variable is malformed or the run does not listen any more.
pub fn ask_for_login(variable: &str, verb: &str, request: &[u8]) -> io::Result<Vec<u8>> {
    let malformed = || io::Error::other(format!("{LOGIN_VARIABLE} cannot be read"));
    let (address, key) = variable.split_once(' ').ok_or_else(malformed)?;
    let address: SocketAddr = address.parse().map_err(|_| malformed())?;
    let mut run = TcpStream::connect(address)?;
    let asked = [key.as_bytes(), b"\n", verb.as_bytes(), b"\n", request].concat();
    run.write_all(&asked)?;
    run.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    run.take(LONGEST_REQUEST).read_to_end(&mut answer)?;
    Ok(answer)
}

/// Two addresses have the same origin when this is the same text for both.
pub(super) fn origin(scheme: &str, host: &str) -> String {
    let scheme = scheme.to_ascii_lowercase();
    let host = host.to_ascii_lowercase();
    let usual = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => ":",
    };
    let host = host.strip_suffix(usual).unwrap_or(&host);
    format!("{scheme}://{}", host.trim_end_matches(':'))
}

/// `%40` and the like as the bytes that they stand for.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let byte = more
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &more[2..] } else { more };
    }
    bytes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    const ORIGIN: &str = "https://git.example.com:8443";

    fn desk(login: &str, ask_git: Box<AskGit>) -> LoginDesk {
        let helper = LoginHelper {
            program: "/opt/it's here/kubectl-gitops".into(),
            key: "k3y".to_owned(),
            has_netrc: false,
        };
        let login = Login::read(login).unwrap();
        LoginDesk::open(ORIGIN.to_owned(), &login, &helper, ask_git).unwrap()
    }

    fn ask(desk: &LoginDesk, verb: &str, request: &str) -> String {
        let answer = ask_for_login(&desk.variable(), verb, request.as_bytes()).unwrap();
        String::from_utf8(answer).unwrap()
    }

    #[test]
    fn a_login_is_given_to_its_own_origin_only() {
        let desk = desk("ada:p%40ss=%2F", Box::new(|_, _| panic!("asked Git")));
        let answer = "username=ada\npassword=p@ss=/\n";
        for (request, wanted) in [
            ("protocol=https\nhost=git.example.com:8443\n\n", answer),
            (
                "protocol=https\nhost=GIT.example.com:8443\npath=x\n",
                answer,
            ),
            ("protocol=http\nhost=git.example.com:8443\n\n", ""),
            ("protocol=https\nhost=git.example.com\n\n", ""),
            ("protocol=https\nhost=git.example.com:8444\n\n", ""),
            ("protocol=https\nhost=evil.example.com:8443\n\n", ""),
            ("protocol=https\n\n", ""),
            ("", ""),
        ] {
            assert_eq!(ask(&desk, "get", request), wanted, "{request}");
        }
        let request = "protocol=https\nhost=git.example.com:8443\npassword=p@ss=/\n";
        for verb in ["store", "erase", "other"] {
            assert_eq!(ask(&desk, verb, request), "");
        }
    }

    #[test]
    fn only_who_has_the_key_is_answered() {
        let desk = desk("ada:pass", Box::new(|_, _| Vec::new()));
        let request = b"protocol=https\nhost=git.example.com:8443\n";
        for key in ["", "k3", "k3y2", "K3Y"] {
            let variable = format!("{} {key}", desk.address);
            assert_eq!(ask_for_login(&variable, "get", request).unwrap(), b"");
        }
        for malformed in ["", "127.0.0.1 k3y", "127.0.0.1:1"] {
            ask_for_login(malformed, "get", request).unwrap_err();
        }
        let gone = desk.variable();
        drop(desk);
        let answer = ask_for_login(&gone, "get", request).unwrap_or_default();
        assert!(answer.is_empty());
    }

    #[test]
    fn a_password_that_is_not_in_the_address_is_asked_of_gits_helpers() {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        let desk = desk(
            "ada",
            Box::new(move |verb, request| {
                let request = String::from_utf8(request.to_vec()).unwrap();
                lock(&heard).push(format!("{verb}\n{request}"));
                b"protocol=https\nusername=ada\npassword=s3cr3t-of-hers\n".to_vec()
            }),
        );
        let request = "capability[]=authtype\nprotocol=https\nhost=git.example.com:8443\n";
        assert_eq!(
            ask(&desk, "get", request),
            "username=ada\npassword=s3cr3t-of-hers\n"
        );
        assert_eq!(
            lock(&asked)[0],
            "fill\nusername=ada\nprotocol=https\nhost=git.example.com:8443\n\n"
        );
        assert_eq!(desk.sent().mask("no s3cr3t-of-hers"), "no ***");
        ask(&desk, "erase", request);
        assert!(lock(&asked)[1].starts_with("reject\n"));
        ask(&desk, "get", "protocol=https\nhost=evil.example.com\n");
        assert_eq!(lock(&asked).len(), 2);
    }

    #[test]
    fn neither_settings_nor_debug_texts_hold_a_secret() {
        let desk = desk("ada:pass-word", Box::new(|_, _| Vec::new()));
        let settings = desk.settings();
        let said = format!("{settings:?} {:?} {:?}", desk.desk.login, desk.helper);
        assert!(
            !said.contains("pass-word") && !said.contains("k3y"),
            "{said}"
        );
        assert!(
            settings[1].ends_with("helper=!'/opt/it'\\''s here/kubectl-gitops' git-credential"),
            "{settings:?}"
        );
    }

    #[test]
    fn every_form_of_a_login_is_masked() {
        for (typed, said) in [
            ("ada:p%40ss-word", "p@ss-word"),
            ("ada:p%40ss-word", "p%40ss-word"),
            ("ada:p%40ss-w%6Frd", "p%40ss-w%6Frd"),
            ("ada:p%40ss-word", "YWRhOnBAc3Mtd29yZA=="),
            ("ada:p%E9ss-word", "YWRhOnDpc3Mtd29yZA=="),
            ("t0ken-0f-mine", "t0ken-0f-mine"),
            ("t0ken-0f-mine", "dDBrZW4tMGYtbWluZTo="),
            ("t0ken-0f-mine:", "t0ken-0f-mine"),
            ("t0ken-0f-mine:x-oauth-basic", "t0ken-0f-mine"),
            (
                "ghp_0123456789abcdefghijklmnop:x",
                "ghp_0123456789abcdefghijklmnop",
            ),
        ] {
            let sent = Login::read(typed).unwrap().secrets();
            assert_eq!(sent.mask(&format!("no {said}")), "no ***", "{typed}");
        }
        let sent = Login::read("ada").unwrap().secrets();
        assert_eq!(sent.mask("no access for ada"), "no access for ada");
        let sent = Login::read("oauth2:s3cr3t-token").unwrap().secrets();
        assert_eq!(sent.mask("oauth2 s3cr3t-token"), "oauth2 ***");
    }
}

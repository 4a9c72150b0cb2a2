//! Answers of registries and token services, addresses of repositories: what servers and
//! people may send, read without a crash and shown without a secret.

use kubectl_gitops::git::RepositoryUrl;
use kubectl_gitops::registry::reading;

/// What was sent, in a form that no ordinary text has.
const PASSWORD: &str = "pa/ss%w\u{f6}rd+9=";

/// The first line says what the bytes below it are.
pub fn registry_answer(data: &[u8]) {
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else {
        return;
    };
    let (kind, body) = (&data[..end], &data[end + 1..]);
    match kind {
        b"tags" => drop(reading::tags(body)),
        b"manifest" => drop(reading::manifest(body)),
        b"configuration" => drop(reading::configuration(body)),
        b"token" => token(body),
        b"challenge" => drop(reading::challenge(body)),
        b"link" => link(body),
        b"refusal" => refusal(body),
        _ => {}
    }
}

/// The token that is sent is one of those that are masked.
fn token(body: &[u8]) {
    let Some(tokens) = reading::tokens(body) else {
        return;
    };
    if let Some(access) = tokens.access() {
        assert!(!access.is_empty());
        assert!(tokens.secrets().any(|secret| secret == access));
    }
}

/// A page leads to a page of the same list at the same origin, or nowhere.
fn link(header: &[u8]) {
    const LIST: &str = "https://registry.example.com:5000/v2/a/tags/list";
    if let Ok(Some(next)) = reading::next_page(&format!("{LIST}?n=1000"), header) {
        let query = next.strip_prefix(LIST);
        let query = query.unwrap_or_else(|| panic!("{next}"));
        assert!(query.is_empty() || query.starts_with('?'), "{next}");
    }
}

/// `@@` in the body is where the server repeats the password.
fn refusal(body: &[u8]) {
    let Ok(body) = std::str::from_utf8(body) else {
        return;
    };
    let body = body.replace("@@", PASSWORD);
    if let Some(shown) = reading::refusal(PASSWORD, body.as_bytes()) {
        assert!(!shown.contains(PASSWORD), "{shown}");
        assert!(shown.chars().all(|c| !c.is_control()), "{shown:?}");
        assert!(shown.chars().count() <= 200, "{shown}");
    }
}

/// How an address may begin, in spellings that are read and in some that are not.
const BEGINNINGS: [&str; 10] = [
    "https://",
    "http://",
    "https:/",
    "https:",
    "HTTPS://",
    "file://",
    "ssh://",
    "git://",
    "git+https://",
    "ext::",
];

/// What stands for a password.
const SECRET: &str = "s3cr3t-1x";

/// The first line is a number, which says how the address begins; then come what is before
/// the password, and what is behind it. Whatever becomes of the address, the password is
/// not shown, and an address that is kept is read as itself.
pub fn repository_address(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.splitn(3, '\n');
    let (Some(number), Some(user), Some(rest)) = (lines.next(), lines.next(), lines.next()) else {
        return;
    };
    let number: usize = number.parse().unwrap_or_default();
    let beginning = BEGINNINGS[number % BEGINNINGS.len()];
    // Behind a slash in front of it, it may be a folder of the path.
    if user.contains(['/', '\\']) {
        return;
    }
    let address = format!("{beginning}{user}:{SECRET}@{rest}");
    let shown = match RepositoryUrl::read(&address) {
        None => return,
        Some(Err(error)) => format!("{error} {error:?}"),
        Some(Ok(url)) => {
            let again = RepositoryUrl::read(url.shown());
            let again = again.and_then(Result::ok);
            assert_eq!(again.as_ref().map(RepositoryUrl::shown), Some(url.shown()));
            format!("{url} {url:?} {}", url.shown())
        }
    };
    assert!(!shown.contains(SECRET), "{address:?}: {shown}");
    assert!(!shown.contains('\n'), "{address:?}: {shown}");
}

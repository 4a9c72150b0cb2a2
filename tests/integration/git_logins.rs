//! The login in the address of `--repo`: it goes to the host of that address and nowhere
//! else, not into hooks, helpers or traces, and comes back in no output.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::env::Outcome;
use crate::support::githttp::GitHttp;
use crate::support::registry::basic;
use crate::support::scripted::{Say, Scripted};
use crate::support::shop::{self, edit_and_render};
use crate::support::{Env, Fixture};

const PASSWORD: &str = "pass/w0rd@home";
const TYPED: &str = "pass%2Fw0rd%40home";
const CART: &str = "shop/cart:v1.0.0";
const CART_NEW: &str = "shop/cart:v1.1.0";

fn elsewhere(fixture: &Fixture, url: &str, words: &[&str]) -> Command {
    let folder = fixture.env.join("elsewhere");
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = fixture.env.gitops_command(&folder);
    command.args(["--repo", url]).args(words);
    command
}

/// The person's own settings, as the environment hands them to Git.
fn settings(command: &mut Command, settings: &[(&str, &str)]) {
    command.env("GIT_CONFIG_COUNT", settings.len().to_string());
    for (at, (name, value)) in settings.iter().enumerate() {
        command.env(format!("GIT_CONFIG_KEY_{at}"), name);
        command.env(format!("GIT_CONFIG_VALUE_{at}"), value);
    }
}

#[cfg(unix)]
fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Every form in which the secret could be seen.
#[track_caller]
fn hides(text: &str) {
    for form in [
        PASSWORD.to_owned(),
        TYPED.to_owned(),
        TYPED.to_lowercase(),
        "w0rd".to_owned(),
        basic("ada", PASSWORD)[6..].to_owned(),
        basic(PASSWORD, "")[6..].to_owned(),
    ] {
        assert!(!text.contains(&form), "{form} is in:\n{text}");
    }
}

#[track_caller]
fn hidden(outcome: &Outcome) {
    hides(&format!("{}\n{}", outcome.stdout, outcome.stderr));
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.path() {
            path if path.is_dir() => below(&path),
            path => vec![path],
        })
        .collect()
}

/// The cache folder holds nothing of the secret, neither in names nor in files.
#[track_caller]
fn kept_nowhere(fixture: &Fixture) {
    for path in below(&fixture.env.join("home")) {
        hides(&path.to_string_lossy());
        hides(&String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
    }
}

fn challenge() -> Say {
    Say::new(401, "").header("WWW-Authenticate", "Basic realm=\"tests\"")
}

#[test]
fn a_login_does_not_follow_a_redirect_to_another_host() {
    let fixture = shop::branches();
    for status in [301, 302, 303, 307, 308] {
        let other = Scripted::start(Duration::ZERO, |_| challenge());
        let there = other.address();
        let named = Scripted::start(Duration::ZERO, move |heard| match heard.authorization {
            None if status != 302 => challenge(),
            _ => Say::new(status, "").header("Location", format!("http://{there}{}", heard.target)),
        });
        let helper = format!("!f() {{ echo username=ada; echo password={PASSWORD}; }}; f");
        for login in [&format!("ada:{TYPED}"), "ada", TYPED] {
            let url = format!("http://{login}@{}/shop.git", named.address());
            let mut command = elsewhere(&fixture, &url, &["status"]);
            settings(&mut command, &[("credential.helper", &helper)]);
            let outcome = Env::finish(&mut command).code(5);
            let place = format!("redirects to http://{there}/shop.git");
            assert!(outcome.stderr.contains(&place), "{}", outcome.stderr);
            hidden(&outcome);
        }
        let heard = other.heard();
        assert!(heard.is_empty(), "{status}: {heard:?}");
        let sent = named.heard().into_iter().filter_map(|it| it.authorization);
        assert_eq!(sent.count() == 0, status == 302, "the login was not used");
    }
    kept_nowhere(&fixture);
}

#[test]
fn a_push_that_is_sent_elsewhere_goes_nowhere() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let before = fixture.remote_tip("env/staging");
    let other = Scripted::start(Duration::ZERO, |_| challenge());
    let there = other.address();
    let server = GitHttp::start_moved(fixture.env.path(), ("ada", PASSWORD), move |target| {
        let is_push = target.contains("receive-pack");
        is_push.then(|| format!("http://{there}{target}"))
    });
    let url = format!("http://ada:{TYPED}@{}/origin.git", server.address());
    let words = ["promote", "staging", "--yes"];
    let outcome = Env::finish(&mut elsewhere(&fixture, &url, &words)).code(5);
    hidden(&outcome);
    assert!(other.heard().is_empty(), "{:?}", other.heard());
    assert_eq!(fixture.remote_tip("env/staging"), before);
}

#[test]
fn an_address_that_moved_within_its_host_is_followed() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let server = GitHttp::start_moved(fixture.env.path(), ("ada", PASSWORD), |target| {
        let rest = target.strip_prefix("/old/shop/")?;
        Some(format!("/origin.git/{rest}"))
    });
    let url = format!("http://ada:{TYPED}@{}/old/shop", server.address());
    let words = ["promote", "staging", "--yes"];
    let outcome = Env::finish(&mut elsewhere(&fixture, &url, &words)).code(0);
    hidden(&outcome);
    assert_eq!(
        fixture.file_at("env/staging", "product.yaml"),
        fixture.file_at("env/dev", "product.yaml")
    );
    kept_nowhere(&fixture);
}

#[cfg(unix)]
#[test]
fn hooks_and_other_programs_do_not_see_the_login() {
    let fixture = shop::branches();
    let hooks = fixture.env.join("hooks");
    let seen = fixture.env.join("seen");
    // Everything of everyone, as far as the hook may look.
    let look = "env; echo \"$*\"; cat; for p in /proc/[0-9]*; do \
        [ \"${p#/proc/}\" = \"$RUN\" ] || tr '\\0' '\\n' <$p/environ; \
        tr '\\0' ' ' <$p/cmdline | grep -v -e --repo; done";
    let text = format!("{{ {look}; }} >'{}' 2>/dev/null\nexit 0", seen.display());
    script(&hooks.join("pre-push"), &text);
    let hooks = hooks.display().to_string();
    let helper = format!("!f() {{ echo username=ada; echo password={PASSWORD}; }}; f");
    let server = GitHttp::start(fixture.env.path(), "ada", PASSWORD);
    let mut newest = CART.to_owned();
    for (number, login) in [&format!("ada:{TYPED}"), "ada"].into_iter().enumerate() {
        let next = format!("shop/cart:v1.{}.0", number + 1);
        edit_and_render(&fixture, "dev", "bump cart", &newest, &next);
        newest = next;
        let url = format!("http://{login}@{}/origin.git", server.address());
        let words = ["promote", "staging", "--yes"];
        let mut command = elsewhere(&fixture, &url, &words);
        let own = [("core.hooksPath", &*hooks), ("credential.helper", &helper)];
        // The helper of a person is theirs to show.
        settings(&mut command, &own[..1 + number]);
        hidden(&Env::finish(&mut command).code(0));
        let seen = std::fs::read_to_string(&seen).unwrap();
        assert!(seen.contains("refs/heads/env/staging"), "{seen}");
        if number == 0 {
            hides(&seen);
        }
    }
}

#[test]
fn the_persons_helpers_are_given_nothing_to_keep() {
    let fixture = shop::branches();
    let log = fixture.env.join("asked");
    let helper = format!("!f() {{ echo $1 >>'{0}'; cat >>'{0}'; }}; f", log.display());
    let server = GitHttp::start(fixture.env.path(), "ada", PASSWORD);
    for (login, code) in [(TYPED, 0), ("wr0ng-w0rd", 5)] {
        let url = format!("http://ada:{login}@{}/origin.git", server.address());
        let mut command = elsewhere(&fixture, &url, &["status"]);
        let origin = format!("credential.http://{}.helper", server.address());
        settings(
            &mut command,
            &[("credential.helper", &helper), (&origin, &helper)],
        );
        hidden(&Env::finish(&mut command).code(code));
    }
    assert!(!log.exists(), "{}", std::fs::read_to_string(&log).unwrap());
}

#[test]
fn without_a_password_the_persons_helpers_serve_the_user_that_is_named() {
    let fixture = shop::branches();
    let log = fixture.env.join("asked");
    let helper = format!(
        "!f() {{ echo $1 >>'{0}'; cat >>'{0}'; test $1 = get && echo password={PASSWORD}; }}; f",
        log.display()
    );
    let server = GitHttp::start(fixture.env.path(), "ada", PASSWORD);
    let url = format!("http://ada@{}/origin.git", server.address());
    let mut command = elsewhere(&fixture, &url, &["status"]);
    settings(&mut command, &[("credential.helper", &helper)]);
    hidden(&Env::finish(&mut command).code(0));
    let asked = std::fs::read_to_string(&log).unwrap();
    let host = server.address();
    let stored = format!("store\nprotocol=http\nhost={host}\nusername=ada\npassword={PASSWORD}\n");
    assert!(asked.starts_with("get\n"), "{asked}");
    assert!(asked.contains("username=ada\n"), "{asked}");
    assert!(asked.contains(&stored), "{asked}");
}

#[cfg(unix)]
#[test]
fn a_refused_login_ends_the_run_and_no_program_asks_for_another() {
    let fixture = shop::branches();
    let asked = fixture.env.join("asked");
    let askpass = fixture.env.join("askpass");
    script(&askpass, &format!("echo \"$*\" >>'{}'", asked.display()));
    let server = GitHttp::start(fixture.env.path(), "ada", "another");
    let url = format!("http://ada:{TYPED}@{}/origin.git", server.address());
    for words in [&["status"][..], &["promote", "staging", "--yes"]] {
        let mut command = elsewhere(&fixture, &url, words);
        command
            .env("GIT_ASKPASS", &askpass)
            .env("SSH_ASKPASS", &askpass);
        let outcome = Env::finish(&mut command).code(5);
        hidden(&outcome);
        let said = &outcome.stderr;
        assert!(said.contains("Authentication failed"), "{said}");
    }
    assert!(!asked.exists());
}

/// What a server can say of a login.
fn echoes(authorization: Option<&str>) -> String {
    format!(
        "no entry with {}, ada:{PASSWORD}, {TYPED}, {}, http://ada:{PASSWORD}@home/x\n",
        authorization.unwrap_or_default(),
        TYPED.to_lowercase(),
    )
}

#[test]
fn what_a_server_repeats_of_a_login_is_masked() {
    let fixture = shop::branches();
    for status in [401, 403, 500] {
        let server = Scripted::start(Duration::ZERO, move |heard| match &heard.authorization {
            None => challenge(),
            Some(sent) => Say::new(status, echoes(Some(sent))).header("Content-Type", "text/plain"),
        });
        for login in [&format!("ada:{TYPED}"), TYPED] {
            let url = format!("http://{login}@{}/origin.git", server.address());
            for words in [
                &["status"][..],
                &["status", "-v=9"],
                &["status", "-o", "json"],
                &["promote", "staging", "--yes"],
            ] {
                let mut command = elsewhere(&fixture, &url, words);
                let helper = "!f() { echo password=; }; f";
                settings(&mut command, &[("credential.helper", helper)]);
                let outcome = Env::finish(&mut command).code(5);
                hidden(&outcome);
                let said = &outcome.stderr;
                assert!(status == 401 || said.contains("no entry with"), "{said}");
            }
        }
    }
    kept_nowhere(&fixture);
}

#[test]
fn gits_own_traces_are_masked() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let server = GitHttp::start(fixture.env.path(), "ada", PASSWORD);
    // A wrong one, so that what Git says is shown.
    for (host, code) in [(server.url("origin.git"), 5), (server.url("none.git"), 5)] {
        let password = if host.contains("none") {
            TYPED
        } else {
            "wr0ng-w0rd"
        };
        let url = host.replace("://", &format!("://ada:{password}@"));
        for words in [&["status"][..], &["promote", "staging", "--yes", "-v=9"]] {
            let mut command = elsewhere(&fixture, &url, words);
            command
                .env("GIT_TRACE", "1")
                .env("GIT_TRACE_CURL", "1")
                .env("GIT_TRACE_REDACT", "0")
                .env("GIT_CURL_VERBOSE", "1");
            let outcome = Env::finish(&mut command).code(code);
            hidden(&outcome);
            assert!(
                outcome.stderr.contains("Authorization"),
                "{}",
                outcome.stderr
            );
            assert!(
                !outcome.stderr.contains("YWRhOndyMG5nLXcwcmQ="),
                "{}",
                outcome.stderr
            );
        }
    }
}

#[cfg(unix)]
#[test]
fn what_the_remotes_hooks_repeat_of_a_login_is_masked() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let text = format!("echo 'not with {}'\nexit 1", echoes(None).trim());
    script(&fixture.origin.join("hooks/pre-receive"), &text);
    let server = GitHttp::start(fixture.env.path(), "ada", PASSWORD);
    let url = format!("http://ada:{TYPED}@{}/origin.git", server.address());
    let words = ["promote", "staging", "--yes"];
    let outcome = Env::finish(&mut elsewhere(&fixture, &url, &words)).code(3);
    assert!(
        outcome.stderr.contains("not with no entry"),
        "{}",
        outcome.stderr
    );
    hidden(&outcome);
    // The same from a clone whose configuration has the login.
    for setting in ["remote.origin.url", "remote.origin.pushurl"] {
        let clone = fixture.clone_again(&setting.replace('.', "-"), &[]);
        fixture.env.git(&clone, &["config", setting, &url]);
        let outcome = fixture.env.gitops(&clone, &words).code(3);
        assert!(
            outcome.stderr.contains("not with no entry"),
            "{}",
            outcome.stderr
        );
        hidden(&outcome);
    }
}

#[test]
fn a_netrc_is_not_used_in_the_logins_place() {
    let fixture = shop::branches();
    let server = Scripted::start(Duration::ZERO, |_| challenge());
    let netrc = fixture.env.join("home/.netrc");
    std::fs::write(netrc, "machine 127.0.0.1 login eve password other\n").unwrap();
    let url = format!("http://ada:{TYPED}@{}/origin.git", server.address());
    Env::finish(&mut elsewhere(&fixture, &url, &["status"])).code(5);
    let sent: Vec<_> = server
        .heard()
        .into_iter()
        .filter_map(|it| it.authorization)
        .collect();
    assert!(sent.contains(&basic("ada", PASSWORD)), "{sent:?}");
    assert!(!sent.contains(&basic("eve", "other")), "{sent:?}");
}

#[test]
fn addresses_that_hold_a_login_but_cannot_be_read_are_refused() {
    let fixture = shop::branches();
    let words = ["status", "validate", "pins"];
    for (at, address) in [
        "https:/ada:pass-w0rd@127.0.0.1:1/shop.git",
        "http://ada:pass-/w0rd@127.0.0.1:1/shop.git",
        "http:ada:pass-w0rd@127.0.0.1",
        "HTTPS:/ada:pass-w0rd@127.0.0.1/x",
        "//ada:pass-w0rd@127.0.0.1/x",
        "file://ada:pass-w0rd@127.0.0.1",
        "ada:pass-w0rd@127.0.0.1:x",
        "ada:pass-w0rd@127.0.0.1/x",
        "git+https://ada:pass-w0rd@127.0.0.1/x",
        "ssh://ada:pass-w0rd@127.0.0.1/x",
        "https://ada:pass-w0rd@127.0.0.1/x ",
        "https://ada:pass- w0rd@127.0.0.1/x",
        "https://ada:pass-w0rd@127.0.0.1:port/x",
    ]
    .into_iter()
    .enumerate()
    {
        let verb = words[at % words.len()];
        for options in [&[verb][..], &[verb, "-v=9"], &[verb, "-o", "json"]] {
            let mut command = elsewhere(&fixture, address, options);
            command.env("GIT_SSH_COMMAND", "false");
            let outcome = Env::finish(&mut command).code(2);
            hidden(&outcome);
            let said = &outcome.stderr;
            assert!(said.contains("cannot be a repository's address"), "{said}");
            assert!(said.contains("***@"), "{said}");
        }
    }
    let cache = fixture.env.join("home/.cache");
    assert!(below(&cache).is_empty(), "{:?}", below(&cache));
    // A word in the wrong place.
    let outcome = fixture.run(&["status", "https://ada:pass-w0rd@127.0.0.1/x"]);
    hidden(&outcome.code(2));
    // What a clone's configuration holds is masked when it fails.
    for address in [
        "https:/ada:pass-w0rd@127.0.0.1:1/x",
        "http://ada:pass-/w0rd@127.0.0.1:1/x",
        "http://ada:pass-w0rd@127.0.0.1:1/x",
        "file://ada:pass-w0rd@h",
    ] {
        for setting in ["remote.origin.url", "remote.origin.pushurl", "url"] {
            let name = format!("clone-{:x}", address.len() * 100 + setting.len());
            let clone = fixture.clone_again(&name, &[]);
            let setting = match setting {
                "url" => format!("url.{address}.insteadOf"),
                setting => setting.to_owned(),
            };
            let value = if setting.starts_with("url") {
                "file:"
            } else {
                address
            };
            fixture.env.git(&clone, &["config", &setting, value]);
            for words in [&["status", "-v=9"][..], &["promote", "staging", "--yes"]] {
                let mut command = fixture.env.gitops_command(&clone);
                hidden(&Env::finish(
                    command.args(words).env("GIT_SSH_COMMAND", "false"),
                ));
            }
            std::fs::remove_dir_all(&clone).unwrap();
        }
    }
}

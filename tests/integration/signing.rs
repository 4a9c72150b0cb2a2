//! Signed commits: whatever Git is told to sign with signs ours, and `git verify-commit`
//! agrees. `gpg` and `ssh-keygen` make throw-away keys.

use std::path::Path;

use super::bump_image::shop;
use super::support::faults::dead_address;
use super::support::{Env, Fixture};

/// Runs a program that signing needs and that no build provides.
#[track_caller]
fn tool(env: &Env, program: &str, package: &str, args: &[&str]) -> String {
    let mut command = env.command(program, env.path());
    let output = command.args(args).output().unwrap_or_else(|error| {
        panic!("{program} is needed, of the package {package}: {error}");
    });
    assert!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn configure(fixture: &Fixture, settings: &[(&str, &str)]) {
    for (key, value) in settings {
        fixture.env.git(&fixture.clone, &["config", key, value]);
    }
}

/// An ssh key that signs, and that is trusted for Ada.
fn with_ssh(fixture: &Fixture) {
    let env = &fixture.env;
    let key = env.join("signing-key");
    let key = key.to_str().unwrap();
    let options = ["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key];
    tool(env, "ssh-keygen", "openssh-client", &options);
    let public = std::fs::read_to_string(format!("{key}.pub")).unwrap();
    let allowed = env.join("allowed-signers");
    std::fs::write(&allowed, format!("ada@example.com {public}")).unwrap();
    configure(
        fixture,
        &[
            ("commit.gpgsign", "true"),
            ("gpg.format", "ssh"),
            ("user.signingkey", key),
            ("gpg.ssh.allowedSignersFile", allowed.to_str().unwrap()),
        ],
    );
}

/// A key ring of its own, with one key; its agent ends with it.
struct KeyRing<'a>(&'a Env);

impl<'a> KeyRing<'a> {
    fn new(env: &'a Env) -> KeyRing<'a> {
        let home = env.join("home/.gnupg");
        std::fs::create_dir_all(&home).unwrap();
        restrict(&home);
        let who = "Ada <ada@example.com>";
        let words = ["--batch", "--passphrase", "", "--quick-generate-key", who];
        let words = [&words[..], &["ed25519", "sign", "never"]].concat();
        tool(env, "gpg", "gnupg", &words);
        KeyRing(env)
    }
}

impl Drop for KeyRing<'_> {
    fn drop(&mut self) {
        let mut command = self.0.command("gpgconf", self.0.path());
        let _ = command.args(["--kill", "all"]).output();
    }
}

fn restrict(folder: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    #[cfg(not(unix))]
    let _ = folder;
}

/// Fails the test unless the tip of the remote's branch has a good signature of this kind.
#[track_caller]
fn verified(fixture: &Fixture, branch: &str, kind: &str) {
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    git(&["fetch", "--quiet", "origin"]);
    let tip = fixture.remote_tip(branch).unwrap();
    let mut command = fixture.env.command("git", &fixture.clone);
    let said = Env::finish(command.args(["verify-commit", &tip])).code(0);
    assert!(said.stderr.contains(kind), "{}", said.stderr);
    let text = git(&["cat-file", "commit", &tip]);
    assert!(text.contains("Gitops-Action: "), "{text}");
}

const PROMOTED: &[&str] = &["promote", "prod"];

#[test]
fn every_verb_signs_with_the_ssh_key_that_git_knows() {
    // Nothing here asks a registry.
    let fixture = shop(&dead_address().to_string());
    with_ssh(&fixture);
    for (words, branch) in [
        (PROMOTED, "env/prod"),
        (&["bump-image", "vm=4.2.2", "--env", "dev"][..], "env/dev"),
        (PROMOTED, "env/prod"),
        (
            &["bump-image", "vm=4.2.3", "--env", "prod", "--hotfix", "now"],
            "env/prod",
        ),
        (&["backport", "prod"], "env/dev"),
        (
            &["rollback", "prod", "--to", "origin/env/prod~1"],
            "env/prod",
        ),
    ] {
        let before = fixture.remote_tip(branch);
        fixture.run(&[words, &["--yes"]].concat()).code(0);
        assert_ne!(fixture.remote_tip(branch), before, "{words:?}");
        verified(
            &fixture,
            branch,
            "Good \"git\" signature for ada@example.com",
        );
    }
    // One that is not pushed is signed, too.
    let words = [
        "bump-image",
        "vm=5.0.0",
        "--env",
        "dev",
        "--yes",
        "--no-push",
    ];
    fixture.run(&words).code(0);
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    git(&["verify-commit", "env/dev"]);
    fixture.fsck();
}

#[test]
fn openpgp_signs_with_the_key_of_the_committer_or_the_one_that_is_named() {
    let fixture = shop(&dead_address().to_string());
    fixture.run(&[PROMOTED, &["--yes"]].concat()).code(0);
    let ring = KeyRing::new(&fixture.env);
    configure(&fixture, &[("commit.gpgsign", "true")]);
    let words = ["bump-image", "vm=4.2.2", "--env", "dev", "--yes"];
    fixture.run(&words).code(0);
    verified(&fixture, "env/dev", "Good signature from \"Ada");
    configure(
        &fixture,
        &[
            ("gpg.format", "openpgp"),
            ("user.signingkey", "ada@example.com"),
        ],
    );
    fixture.run(&[PROMOTED, &["--yes"]].concat()).code(0);
    verified(&fixture, "env/prod", "Good signature from \"Ada");
    drop(ring);
}

#[test]
fn without_the_setting_nothing_is_signed() {
    let fixture = shop(&dead_address().to_string());
    with_ssh(&fixture);
    configure(&fixture, &[("commit.gpgsign", "false")]);
    let words = ["bump-image", "vm=4.2.2", "--env", "dev", "--yes"];
    fixture.run(&words).code(0);
    let tip = fixture.remote_tip("env/dev").unwrap();
    let text = fixture
        .env
        .git(&fixture.origin, &["cat-file", "commit", &tip]);
    assert!(!text.contains("gpgsig"), "{text}");
}

#[test]
fn a_signer_that_fails_is_quoted_and_nothing_is_written() {
    let fixture = shop(&dead_address().to_string());
    let references = || {
        let list = |dir| fixture.env.git(dir, &["for-each-ref"]);
        format!("{}\n{}", list(&fixture.origin), list(&fixture.clone))
    };
    let before = references();
    let missing = fixture.env.join("no-such-key");
    let missing = missing.to_str().unwrap();
    for (settings, said) in [
        // No key ring has a key for Ada.
        (
            &[("gpg.format", "openpgp")][..],
            "gpg failed to sign the data",
        ),
        (
            &[("gpg.format", "ssh"), ("user.signingkey", missing)],
            "no-such-key",
        ),
        (
            &[
                ("gpg.format", "x509"),
                ("gpg.x509.program", "no-such-gpgsm"),
            ],
            "no-such-gpgsm",
        ),
    ] {
        configure(&fixture, &[("commit.gpgsign", "true")]);
        configure(&fixture, settings);
        let words = ["bump-image", "vm=4.2.2", "--env", "dev", "--yes"];
        let outcome = fixture.run(&words).code(2);
        for text in [
            "error: the commit could not be signed",
            said,
            "nothing was written; commit.gpgsign asks for signatures",
            "git config user.signingkey",
        ] {
            assert!(outcome.stderr.contains(text), "{text}: {}", outcome.stderr);
        }
        assert_eq!(references(), before);
    }
    fixture.fsck();
}

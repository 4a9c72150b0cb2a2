//! This program as a credential helper: Git starts it while a run of this program waits,
//! and it hands Git the login of that run's address. It is not for people, and without a
//! run that waits it is not there.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};

use super::context::variable;
use crate::git::{LOGIN_VARIABLE, LOGIN_WORD, ask_for_login};

/// How much Git may say. In bytes; its requests have a few hundred.
const LONGEST_REQUEST: u64 = 64 * 1024;

/// Answers Git and returns the exit code, or returns `None` when this is an ordinary run.
pub(in crate::cli) fn for_git(argv: &[OsString]) -> Option<u8> {
    if argv.get(1)? != LOGIN_WORD {
        return None;
    }
    let run = variable(LOGIN_VARIABLE)?;
    let verb = argv.get(2)?.to_str()?;
    Some(match answer(run.to_str()?, verb) {
        Ok(()) => 0,
        Err(error) => {
            let said = format!("kubectl-gitops: no login for git: {error}\n");
            let _ = std::io::stderr().write_all(said.as_bytes());
            1
        }
    })
}

fn answer(run: &str, verb: &str) -> std::io::Result<()> {
    let mut request = Vec::new();
    std::io::stdin()
        .take(LONGEST_REQUEST)
        .read_to_end(&mut request)?;
    let answer = ask_for_login(run, verb, &request)?;
    let mut stream = std::io::stdout().lock();
    stream.write_all(&answer)?;
    stream.flush()
}

//! Which Git programs a run started, from Git's own trace.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::env::{Env, Outcome};

/// The Git programs that a command started itself, each with its arguments.
#[derive(Debug)]
pub struct Started(Vec<Vec<String>>);

impl Started {
    /// How many of them are this subcommand.
    pub fn count(&self, name: &str) -> usize {
        self.named(name).len()
    }

    /// The calls of this subcommand.
    pub fn named(&self, name: &str) -> Vec<&Vec<String>> {
        let of = |words: &&Vec<String>| words.iter().any(|word| word == name);
        self.0.iter().filter(of).collect()
    }

    /// All of them.
    pub fn all(&self) -> usize {
        self.0.len()
    }
}

/// Runs a command to its end and says what it started.
pub fn traced(env: &Env, command: &mut Command) -> (Outcome, Started) {
    let folder: PathBuf = env.join("trace");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).expect("a folder");
    let outcome = Env::finish(command.env("GIT_TRACE2_EVENT", &folder));
    let mut started = Vec::new();
    for file in std::fs::read_dir(&folder).expect("the trace") {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("text");
        for line in text.lines() {
            let event: Value = serde_json::from_str(line).expect("an event");
            // Programs that Git starts carry its name before their own.
            let own = event["sid"].as_str().is_some_and(|sid| !sid.contains('/'));
            if event["event"] == "start" && own {
                let words = event["argv"].as_array().expect("arguments");
                let words = words.iter().filter_map(Value::as_str).map(str::to_owned);
                started.push(words.collect());
            }
        }
    }
    (outcome, Started(started))
}

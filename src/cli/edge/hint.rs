//! What a person can do next, as data: words, and a command line that can be typed as it is.
//!
//! A command line is a list of arguments. How it is spelled and quoted is decided here and
//! nowhere else.

use std::fmt::Write as _;

/// Words, and the command that does what they say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Hint {
    words: String,
    command: Option<CommandLine>,
}

/// A command line: this program's, or another one's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct CommandLine {
    /// The other program; `None`: this one.
    program: Option<&'static str>,
    words: Vec<String>,
    flags: Vec<Flag>,
}

/// An option with its values, which are separated by commas.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Flag {
    name: String,
    values: Vec<String>,
    /// How the values are written behind the name.
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `--only a,b`
    Joined,
    /// `--override order REASON`
    Apart,
    /// `--env=a`: the value may be left out, so it has to touch the name.
    Touching,
}

impl Hint {
    /// Words alone.
    pub(in crate::cli) fn new(words: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            command: None,
        }
    }

    /// Words, and the command that does what they say.
    pub(in crate::cli) fn command(words: impl Into<String>, command: CommandLine) -> Self {
        Self {
            words: words.into(),
            command: Some(command),
        }
    }

    /// The line for people, without its label; `before` precedes this program's
    /// own words: its name and the options that say where it works.
    pub(in crate::cli) fn text(&self, before: &[String]) -> String {
        match &self.command {
            None => self.words.clone(),
            Some(command) => format!("{}: {}", self.words, command.text(before)),
        }
    }

    /// The same as data.
    pub(in crate::cli) fn data(&self, before: &[String]) -> serde_json::Value {
        let command = self.command.as_ref().map(|command| command.all(before));
        serde_json::json!({"text": self.words, "command": command})
    }
}

impl<T: Into<String>> From<T> for Hint {
    fn from(words: T) -> Self {
        Self::new(words)
    }
}

impl CommandLine {
    /// `kubectl gitops WORDS`
    pub(in crate::cli) fn gitops<T: Into<String>>(words: impl IntoIterator<Item = T>) -> Self {
        Self {
            program: None,
            words: words.into_iter().map(Into::into).collect(),
            flags: Vec::new(),
        }
    }

    /// `git WORDS`
    pub(in crate::cli) fn git<T: Into<String>>(words: impl IntoIterator<Item = T>) -> Self {
        Self {
            program: Some("git"),
            ..Self::gitops(words)
        }
    }

    /// Adds an option without a value.
    pub(in crate::cli) fn flag(self, name: &str) -> Self {
        self.option::<String>(name, [])
    }

    /// Adds values to an option; those that it has already stay.
    pub(in crate::cli) fn option<T: Into<String>>(
        self,
        name: &str,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        self.add(name, values, Form::Joined)
    }

    /// Adds an option whose values are words of their own, once more where it is there.
    pub(in crate::cli) fn words<T: Into<String>>(
        mut self,
        name: &str,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        self.flags.push(Flag {
            name: name.to_owned(),
            values: values.into_iter().map(Into::into).collect(),
            form: Form::Apart,
        });
        self
    }

    /// Adds an option whose value touches its name.
    pub(in crate::cli) fn touching(self, name: &str, value: &str) -> Self {
        self.add(name, [value], Form::Touching)
    }

    /// Names another environment behind the verb.
    pub(in crate::cli) fn target(mut self, name: &str) -> Self {
        self.words.truncate(1);
        self.words.push(name.to_owned());
        self
    }

    /// Leaves an option out.
    pub(in crate::cli) fn without(mut self, name: &str) -> Self {
        self.flags.retain(|flag| flag.name != name);
        self
    }

    fn add<T: Into<String>>(
        mut self,
        name: &str,
        values: impl IntoIterator<Item = T>,
        form: Form,
    ) -> Self {
        let values: Vec<String> = values.into_iter().map(Into::into).collect();
        match self.flags.iter_mut().find(|flag| flag.name == name) {
            Some(flag) => {
                let new = values.into_iter().filter(|it| !flag.values.contains(it));
                let new: Vec<String> = new.collect();
                flag.values.extend(new);
            }
            None => self.flags.push(Flag {
                name: name.to_owned(),
                values,
                form,
            }),
        }
        self
    }

    /// All its words, the program's among them.
    fn all(&self, before: &[String]) -> Vec<String> {
        let mut all = match self.program {
            Some(program) => vec![program.to_owned()],
            None => before.to_vec(),
        };
        all.extend(self.words.iter().cloned());
        for flag in &self.flags {
            match flag.form {
                Form::Touching => all.push(format!("{}={}", flag.name, flag.values.join(","))),
                Form::Apart => {
                    all.push(flag.name.clone());
                    all.extend(flag.values.iter().cloned());
                }
                Form::Joined => {
                    all.push(flag.name.clone());
                    let joined = flag.values.join(",");
                    all.extend(Some(joined).filter(|_| !flag.values.is_empty()));
                }
            }
        }
        all
    }

    fn text(&self, before: &[String]) -> String {
        spelled(&self.all(before))
    }
}

/// Words as a POSIX shell reads them back.
pub(in crate::cli) fn spelled(words: &[String]) -> String {
    let mut text = String::new();
    for word in words {
        if !text.is_empty() {
            text.push(' ');
        }
        push_quoted(&mut text, word);
    }
    text
}

/// Adds a word as a POSIX shell reads it back.
fn push_quoted(text: &mut String, word: &str) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        text.push_str(word);
        return;
    }
    let _ = write!(text, "'{}'", word.replace('\'', "'\\''"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(command: &CommandLine) -> String {
        command.text(&["kubectl".to_owned(), "gitops".to_owned()])
    }

    #[test]
    fn a_command_is_spelled_as_a_shell_reads_it() {
        let command = CommandLine::gitops(["promote", "prod"])
            .option("--only", ["cart", "config/my file.yaml"])
            .flag("--images-only")
            .words("--override", ["order", "it's urgent"])
            .touching("--tag", "{environment}-1");
        assert_eq!(
            text(&command),
            "kubectl gitops promote prod --only 'cart,config/my file.yaml' --images-only \
             --override order 'it'\\''s urgent' '--tag={environment}-1'"
        );
        let command = CommandLine::git(["push", "origin", ""]);
        assert_eq!(text(&command), "git push origin ''");
    }

    #[test]
    fn values_join_those_that_were_typed() {
        let typed = CommandLine::gitops(["promote", "prod"]).option("--keep", ["pay"]);
        let command = typed.option("--keep", ["cart", "pay"]);
        assert_eq!(
            text(&command),
            "kubectl gitops promote prod --keep pay,cart"
        );
        assert_eq!(
            text(&command.without("--keep")),
            "kubectl gitops promote prod"
        );
    }

    #[test]
    fn a_hint_is_words_and_a_command() {
        let hint = Hint::command("undo it", CommandLine::gitops(["rollback", "prod"]));
        let before = [
            "kubectl-gitops".to_owned(),
            "-C".to_owned(),
            "a b".to_owned(),
        ];
        assert_eq!(
            hint.text(&before),
            "undo it: kubectl-gitops -C 'a b' rollback prod"
        );
        assert_eq!(
            hint.data(&before),
            serde_json::json!({
                "text": "undo it",
                "command": ["kubectl-gitops", "-C", "a b", "rollback", "prod"],
            })
        );
        assert_eq!(Hint::new("wait").text(&before), "wait");
    }
}

//! Server-side-apply dry runs: what the cluster would say, without anything being stored.

use super::client::{Ask, Cluster, Link, Reply, segment};
use super::discovery::ApiKind;
use super::error::ClusterError;
use super::verdict::{Asked, Objection, Refusal, Verdict};
use crate::confidential::Concealed;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How an object is put to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As the apply that deploys it.
    Apply,
    /// As a creation: its name is left to the server (`generateName`), which no apply can do.
    Create,
    /// As a creation in a namespace that is not its own, because its own does not exist yet.
    Shadow,
}

/// One object to be judged.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// How its kind is addressed.
    pub kind: ApiKind,
    /// The namespace to ask in; of no matter for kinds outside namespaces.
    pub namespace: String,
    /// The object.
    pub object: Value,
    /// How to ask.
    pub mode: Mode,
}

/// How dry runs are made.
#[derive(Debug, Clone)]
pub struct DryRunOptions {
    /// Whom the fields would belong to.
    pub field_manager: String,
    /// How many requests are under way at once.
    pub parallel: usize,
}

/// What came of one dry run.
#[derive(Debug, Clone)]
pub struct DryRun {
    /// The server's word about the object; where fields are contested, as if they had been given up.
    pub verdict: Verdict,
    /// Fields that other managers own with other values.
    pub conflicts: Vec<Objection>,
    /// What the server warned of.
    pub warnings: Vec<String>,
}

impl DryRun {
    fn unknown(error: ClusterError) -> Self {
        Self {
            verdict: Verdict::Unknown(error),
            conflicts: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

impl Cluster {
    /// Asks the server about every object, many at once; answers stand in the order of the questions.
    ///
    /// Nothing is stored: every request carries `dryRun=All`. Once the server
    /// is lost, the objects that are left are not tried.
    #[must_use]
    pub fn dry_run_all(&self, proposals: Vec<Proposal>, options: &DryRunOptions) -> Vec<DryRun> {
        self.runtime.block_on(async {
            let count = proposals.len();
            let bound = Arc::new(Semaphore::new(options.parallel.max(1)));
            let lost: Arc<Mutex<Option<ClusterError>>> = Arc::default();
            let mut tasks = JoinSet::new();
            for (at, proposal) in proposals.into_iter().enumerate() {
                let (link, bound, lost) = (self.link.clone(), bound.clone(), lost.clone());
                let manager = options.field_manager.clone();
                tasks.spawn(async move {
                    let _turn = bound.acquire_owned().await;
                    (at, run(&link, &proposal, &manager, &lost).await)
                });
            }
            let mut results: Vec<Option<DryRun>> = Vec::new();
            results.resize_with(count, || None);
            while let Some(joined) = tasks.join_next().await {
                if let Ok((at, result)) = joined {
                    results[at] = Some(result);
                }
            }
            let server = &self.link.server;
            let broken = || {
                DryRun::unknown(ClusterError::Unreachable {
                    server: server.clone(),
                    problem: "the request ended without an answer".to_owned(),
                })
            };
            results
                .into_iter()
                .map(|result| result.unwrap_or_else(broken))
                .collect()
        })
    }
}

async fn run(
    link: &Link,
    proposal: &Proposal,
    manager: &str,
    lost: &Mutex<Option<ClusterError>>,
) -> DryRun {
    let known = lost.lock().map(|lost| lost.clone()).unwrap_or_default();
    if let Some(error) = known {
        return DryRun::unknown(error);
    }
    let question = Question {
        link,
        proposal,
        manager,
        concealed: Concealed::of(&proposal.object),
    };
    match question.ask().await {
        Ok(result) => result,
        Err(error) => {
            if let Ok(mut lost) = lost.lock() {
                lost.get_or_insert_with(|| error.clone());
            }
            DryRun::unknown(error)
        }
    }
}

struct Question<'a> {
    link: &'a Link,
    proposal: &'a Proposal,
    manager: &'a str,
    concealed: Concealed,
}

impl Question<'_> {
    async fn ask(&self) -> Result<DryRun, ClusterError> {
        if self.proposal.mode != Mode::Apply {
            let reply = self.create().await?;
            return Ok(self.result(self.judge(&reply, true), Vec::new(), &reply));
        }
        let reply = self.apply(false).await?;
        match self.judge(&reply, false) {
            Verdict::Refused(conflicts) if all(&conflicts, &[Refusal::Conflict]) => {
                // A conflict ends the server's work before admission; without it admission speaks too.
                let forced = self.apply(true).await?;
                Ok(self.result(self.judge(&forced, false), conflicts, &forced))
            }
            Verdict::Refused(first) if all(&first, &[Refusal::UnknownField, Refusal::Schema]) => {
                // An apply ends at the first such field, a creation names all of them.
                let created = self.create().await?;
                let verdict = match self.judge(&created, true) {
                    Verdict::Refused(more) => Verdict::Refused(united(first, more)),
                    _ => Verdict::Refused(first),
                };
                Ok(self.result(verdict, Vec::new(), &reply))
            }
            verdict => Ok(self.result(verdict, Vec::new(), &reply)),
        }
    }

    fn result(&self, verdict: Verdict, conflicts: Vec<Objection>, reply: &Reply) -> DryRun {
        let mut warnings: Vec<String> = Vec::new();
        for warning in &reply.warnings {
            let warning = self.concealed.mask(warning);
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        DryRun {
            verdict,
            conflicts,
            warnings,
        }
    }

    fn judge(&self, reply: &Reply, creation: bool) -> Verdict {
        let asked = Asked {
            link: self.link,
            object: &self.proposal.object,
            concealed: &self.concealed,
            creation,
        };
        asked.judge(reply)
    }

    async fn apply(&self, force: bool) -> Result<Reply, ClusterError> {
        let name = self.proposal.object.pointer("/metadata/name");
        let name = name.and_then(Value::as_str).unwrap_or_default();
        let path = format!(
            "{}/{}?dryRun=All&fieldValidation=Strict&fieldManager={}&force={force}",
            self.proposal.kind.collection(&self.proposal.namespace),
            segment(name),
            segment(self.manager),
        );
        let body = self.proposal.object.to_string();
        self.send("PATCH", &path, "application/apply-patch+yaml", body)
            .await
    }

    async fn create(&self) -> Result<Reply, ClusterError> {
        let path = format!(
            "{}?dryRun=All&fieldValidation=Strict&fieldManager={}",
            self.proposal.kind.collection(&self.proposal.namespace),
            segment(self.manager),
        );
        let mut object = self.proposal.object.clone();
        if self.proposal.mode == Mode::Shadow
            && let Some(namespace) = object.pointer_mut("/metadata/namespace")
        {
            *namespace = Value::from(self.proposal.namespace.as_str());
        }
        let body = object.to_string();
        self.send("POST", &path, "application/json", body).await
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: String,
    ) -> Result<Reply, ClusterError> {
        let object = &self.proposal.kind.kind;
        let ask = Ask {
            method,
            path,
            headers: &[("content-type", kind), ("accept", "application/json")],
            body: body.as_bytes(),
            what: &format!("the dry run of a {object}"),
        };
        self.link.send(&ask).await
    }
}

fn all(objections: &[Objection], kinds: &[Refusal]) -> bool {
    objections
        .iter()
        .all(|objection| kinds.contains(&objection.refusal))
}

/// Both lists, each place once; the first list has the better words.
fn united(first: Vec<Objection>, more: Vec<Objection>) -> Vec<Objection> {
    let mut all = first;
    for objection in more {
        let new = |known: &Objection| known.field != objection.field;
        // Wrong types are named without the indices of lists there.
        if objection.refusal == Refusal::UnknownField && all.iter().all(new) {
            all.push(objection);
        }
    }
    all
}

//! The blocking front of this room: batches in, batches out, in the same order.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::hash::Hash;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::credentials::Store;
use super::error::RegistryError;
use super::host::Host;
use super::http::Client;
use super::layout::Layout;
use super::manifest::{CONFIG_BYTES, Content, ImageFacts, Manifest, content, facts, pick};
use super::progress::{Asking, Tally};
use super::recording::{Recording, Replay};
use super::requests::{Wanted, ask, head, prove, wanted};
use super::settings::Settings;
use super::tags;
use super::told::Told;
use crate::image::{Digest, Platform, Reference, Repository, Tag};

/// All registries that a run talks to. What one failed to say never changes what
/// another is asked or said to have answered.
pub struct Registries {
    runtime: Runtime,
    inner: Arc<Inner>,
    recorded: Mutex<Recording>,
}

struct Inner {
    settings: Arc<Settings>,
    client: Arc<Client>,
    store: Arc<Store>,
    sources: Mutex<BTreeMap<String, Source>>,
    /// Answers for all hosts, where there is one.
    replay: Option<Replay>,
    told: Told,
}

/// Where a host's images are.
#[derive(Clone)]
enum Source {
    Layout(Result<Arc<Layout>, RegistryError>),
    Host(Arc<Host>),
}

/// A question about one manifest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ManifestQuery {
    /// The image, with tag or digest; where it has both, the digest counts.
    pub reference: Reference,
    /// Whether its platforms are wanted too: they cost reading the whole manifest.
    pub platforms: bool,
}

impl Registries {
    /// Sets the client up; nothing is asked yet.
    ///
    /// # Errors
    /// The system has no room for another event loop.
    pub fn new(settings: Settings) -> Result<Registries, RegistryError> {
        Registries::with(settings, None)
    }

    /// Everything is answered by `recording`, which was read from `file`; no network
    /// is asked.
    ///
    /// # Errors
    /// As for [`Registries::new`].
    pub fn replaying(recording: Recording, file: &Path) -> Result<Registries, RegistryError> {
        let replay = Replay::new(recording, file);
        Registries::with(Settings::default(), Some(replay))
    }

    fn with(settings: Settings, replay: Option<Replay>) -> Result<Registries, RegistryError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(|error| RegistryError::Setup(error.to_string()))?;
        let settings = Arc::new(settings);
        let client = Arc::new(Client::new(settings.clone()));
        Ok(Registries {
            runtime,
            inner: Arc::new(Inner {
                store: Arc::new(Store::new(settings.clone())),
                settings,
                client,
                sources: Mutex::default(),
                replay,
                told: Told::default(),
            }),
            recorded: Mutex::default(),
        })
    }

    /// Whether a repository is read from a file or directory, where questions cost
    /// nothing.
    pub fn is_local(&self, repository: &Repository) -> bool {
        let layouts = &self.inner.settings.layouts;
        self.inner.replay.is_some() || layouts.contains_key(repository.host())
    }

    /// What was said so far, at `as_of`, where the settings ask for it to be kept.
    pub fn recorded(&self, as_of: Timestamp) -> Recording {
        let recorded = self.recorded.lock();
        let mut recorded = recorded.unwrap_or_else(PoisonError::into_inner).clone();
        recorded.as_of = Some(as_of);
        recorded
    }

    /// Keeps the answers that were given.
    fn keep<Q, A>(
        &self,
        questions: &[Q],
        answers: &[Result<A, RegistryError>],
        note: impl Fn(&mut Recording, &Q, &A),
    ) {
        if !self.inner.settings.record {
            return;
        }
        let recorded = self.recorded.lock();
        let mut recorded = recorded.unwrap_or_else(PoisonError::into_inner);
        for (question, answer) in questions.iter().zip(answers) {
            if let Ok(answer) = answer {
                note(&mut recorded, question, answer);
            }
        }
    }

    /// All tags of each repository, sorted by name.
    pub fn tags(&self, repositories: &[Repository]) -> Vec<Result<Vec<Tag>, RegistryError>> {
        self.inner.announce(repositories.iter());
        let tally = self.tally(Asking::Tags, repositories);
        let answers = self.batch(tally, repositories, |inner, repository| async move {
            inner.tags(&repository).await
        });
        self.keep(repositories, &answers, |recording, repository, tags| {
            recording.note_tags(repository, tags);
        });
        answers
    }

    /// Digest, and platforms where wanted, of each image. Digests may be no more than what
    /// a registry says about it: see [`Registries::proven`].
    pub fn manifests(&self, queries: &[ManifestQuery]) -> Vec<Result<Manifest, RegistryError>> {
        let repositories: Vec<Repository> = queries
            .iter()
            .map(|query| query.reference.repository())
            .collect();
        self.inner.announce(repositories.iter());
        let tally = self.tally(Asking::Manifests, &repositories);
        let answers = self.batch(tally, queries, |inner, query| async move {
            inner.manifest(&query).await
        });
        self.keep(queries, &answers, |recording, query, manifest| {
            recording.note_manifest(&query.reference, manifest);
        });
        answers
    }

    /// The digest of each image, computed from its manifest as it was read: what is written
    /// down is asked for here. From a recording it is the one that was recorded.
    pub fn proven(&self, images: &[Reference]) -> Vec<Result<Digest, RegistryError>> {
        let repositories: Vec<Repository> = images.iter().map(Reference::repository).collect();
        self.inner.announce(repositories.iter());
        let tally = self.tally(Asking::Manifests, &repositories);
        let answers = self.batch(tally, images, |inner, image| async move {
            inner.proven(&image).await
        });
        self.keep(images, &answers, Recording::note_manifest);
        let digests = answers.into_iter();
        digests.map(|answer| answer.map(|it| it.digest)).collect()
    }

    /// What each image's configuration says, for the platform if one is given.
    pub fn facts(
        &self,
        images: &[(Reference, Option<Platform>)],
    ) -> Vec<Result<ImageFacts, RegistryError>> {
        self.facts_until(None, images)
    }

    /// The same of what is nice to know: what was not said after `limit`, and what
    /// cannot be said, is not known.
    pub fn facts_within(
        &self,
        limit: Duration,
        images: &[(Reference, Option<Platform>)],
    ) -> Vec<Option<ImageFacts>> {
        let answers = self.facts_until(Some(limit), images);
        answers.into_iter().map(Result::ok).collect()
    }

    fn facts_until(
        &self,
        limit: Option<Duration>,
        images: &[(Reference, Option<Platform>)],
    ) -> Vec<Result<ImageFacts, RegistryError>> {
        let repositories: Vec<Repository> = images
            .iter()
            .map(|(reference, _)| reference.repository())
            .collect();
        self.inner.announce(repositories.iter());
        let tally = self.tally(Asking::Facts, &repositories);
        let answers = self.batch(tally, images, |inner, (reference, platform)| async move {
            let facts = inner.facts(&reference, platform.as_ref());
            let Some(limit) = limit else {
                return facts.await;
            };
            let late = |_| RegistryError::Unreachable {
                registry: reference.repository().host().to_owned(),
                what: reference.to_string(),
                reason: "time is up".to_owned(),
            };
            tokio::time::timeout(limit, facts).await.map_err(late)?
        });
        self.keep(images, &answers, |recording, (reference, _), facts| {
            recording.note_facts(reference, facts);
        });
        answers
    }

    fn tally<'a>(&'a self, asking: Asking, repositories: &'a [Repository]) -> Tally<'a> {
        Tally::begin(&self.inner.settings.observer, asking, repositories)
    }

    /// Asks all questions at once, the same one once, and gives the answers in the
    /// questions' order.
    fn batch<Q, A, F>(
        &self,
        mut tally: Tally<'_>,
        questions: &[Q],
        ask: impl Fn(Arc<Inner>, Q) -> F,
    ) -> Vec<Result<A, RegistryError>>
    where
        Q: Clone + Eq + Hash,
        A: Clone + Send + 'static,
        F: Future<Output = Result<A, RegistryError>> + Send + 'static,
    {
        let mut first: HashMap<&Q, usize> = HashMap::new();
        self.runtime.block_on(async {
            let mut running = JoinSet::new();
            for (index, question) in questions.iter().enumerate() {
                if first.contains_key(question) {
                    continue;
                }
                first.insert(question, index);
                let answer = ask(self.inner.clone(), question.clone());
                running.spawn(async move { (index, answer.await) });
            }
            let lost = || Err(RegistryError::Setup("a request was lost".to_owned()));
            let mut answers: Vec<_> = questions.iter().map(|_| lost()).collect();
            while let Some(finished) = running.join_next().await {
                if let Ok((index, answer)) = finished {
                    answers[index] = answer;
                    tally.answered(index);
                }
            }
            for (index, question) in questions.iter().enumerate() {
                if let Some(&same) = first.get(question)
                    && same != index
                {
                    answers[index] = answers[same].clone();
                    tally.answered(index);
                }
            }
            answers
        })
    }
}

impl Inner {
    fn announce<'a>(&self, repositories: impl Iterator<Item = &'a Repository>) {
        if self.replay.is_some() {
            return;
        }
        for repository in repositories {
            if let Source::Host(host) = self.source(repository.host()) {
                host.announce(repository.path());
            }
        }
    }

    fn source(&self, host: &str) -> Source {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let open = || match self.settings.layouts.get(host) {
            Some(dir) => Source::Layout(Layout::open(host, dir).map(Arc::new)),
            None => {
                let (client, store) = (self.client.clone(), self.store.clone());
                Source::Host(Arc::new(Host::new(host, client, store)))
            }
        };
        sources.entry(host.to_owned()).or_insert_with(open).clone()
    }

    async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>, RegistryError> {
        if let Some(replay) = &self.replay {
            return replay.tags(repository);
        }
        match self.source(repository.host()) {
            Source::Layout(layout) => layout?.tags(repository.path()),
            Source::Host(host) => tags::list(&host, repository.path()).await,
        }
    }

    async fn manifest(&self, query: &ManifestQuery) -> Result<Manifest, RegistryError> {
        if let Some(replay) = &self.replay {
            return replay.manifest(query);
        }
        let repository = query.reference.repository();
        let wanted = wanted(&query.reference)?;
        if !query.platforms
            && let Source::Host(host) = self.source(repository.host())
            && let Some(digest) = self.digest(&host, &repository, &wanted).await?
        {
            return Ok(Manifest {
                digest,
                platforms: None,
            });
        }
        let (digest, bytes) = self.read(&repository, &wanted).await?;
        if !query.platforms {
            return Ok(Manifest {
                digest,
                platforms: None,
            });
        }
        let platforms = match self.understand(&repository, &wanted, &bytes, content)? {
            Content::Index(entries) => entries.into_iter().filter_map(|(_, p)| p).collect(),
            Content::Image { config } => {
                let bytes = self.blob(&repository, &config).await?;
                let facts = self.understand(&repository, &wanted, &bytes, facts)?;
                facts.platform.into_iter().collect()
            }
        };
        Ok(Manifest {
            digest,
            platforms: Some(platforms),
        })
    }

    /// The digest of a manifest that was read.
    async fn proven(&self, image: &Reference) -> Result<Manifest, RegistryError> {
        if let Some(replay) = &self.replay {
            return replay.manifest(&ManifestQuery {
                reference: image.clone(),
                platforms: false,
            });
        }
        let (repository, wanted) = (image.repository(), wanted(image)?);
        let digest = match self.told.proven(&repository, wanted.as_str()) {
            Some(digest) => digest,
            None => self.read(&repository, &wanted).await?.0,
        };
        Ok(Manifest {
            digest,
            platforms: None,
        })
    }

    /// The digest alone; `None` where it takes reading the manifest.
    async fn digest(
        &self,
        host: &Host,
        repository: &Repository,
        wanted: &Wanted,
    ) -> Result<Option<Digest>, RegistryError> {
        if let Some(digest) = self.told.digest(repository, wanted.as_str()) {
            return Ok(Some(digest));
        }
        let digest = head(host, repository.path(), wanted).await?;
        if let Some(digest) = &digest {
            self.told.keep_digest(repository, wanted.as_str(), digest);
        }
        Ok(digest)
    }

    async fn facts(
        &self,
        reference: &Reference,
        platform: Option<&Platform>,
    ) -> Result<ImageFacts, RegistryError> {
        if let Some(replay) = &self.replay {
            return replay.facts(reference);
        }
        let repository = reference.repository();
        let wanted = wanted(reference)?;
        let (_, bytes) = self.read(&repository, &wanted).await?;
        let config = match self.understand(&repository, &wanted, &bytes, content)? {
            Content::Image { config } => config,
            Content::Index(entries) => {
                let Some(image) = pick(&entries, platform) else {
                    return Ok(ImageFacts::default());
                };
                let image = Wanted::Digest(image.clone());
                let (_, bytes) = self.read(&repository, &image).await?;
                match self.understand(&repository, &image, &bytes, content)? {
                    Content::Image { config } => config,
                    Content::Index(_) => return Ok(ImageFacts::default()),
                }
            }
        };
        let bytes = self.blob(&repository, &config).await?;
        self.understand(&repository, &wanted, &bytes, facts)
    }

    /// The bytes of a manifest, proven by its digest.
    async fn read(
        &self,
        repository: &Repository,
        wanted: &Wanted,
    ) -> Result<(Digest, Vec<u8>), RegistryError> {
        let what = wanted.named(repository.path());
        match self.source(repository.host()) {
            Source::Layout(layout) => {
                let layout = layout?;
                let digest = match wanted {
                    Wanted::Digest(digest) => digest.clone(),
                    Wanted::Tag(tag) => layout.digest(repository.path(), tag)?,
                };
                let bytes = layout.blob(&what, &digest)?;
                Ok((digest, bytes))
            }
            Source::Host(host) => {
                if let Some(told) = self.told.get(repository, wanted.as_str()) {
                    return Ok(told);
                }
                let below = format!("manifests/{}", wanted.as_str());
                let ask = ask(Method::GET, repository.path(), below, what.clone());
                let answer = host.ask(&ask).await?.success()?;
                let asked = match wanted {
                    Wanted::Digest(digest) => Some(digest),
                    Wanted::Tag(_) => None,
                };
                let digest = prove(&host, &what, asked, &answer)?;
                let told = (digest, answer.body);
                self.told.keep(repository, wanted.as_str(), &told);
                // It may be asked for by its digest next.
                self.told.keep(repository, told.0.as_str(), &told);
                Ok(told)
            }
        }
    }

    async fn blob(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Vec<u8>, RegistryError> {
        let what = format!("{}@{}", repository.path(), digest.short());
        match self.source(repository.host()) {
            Source::Layout(layout) => layout?.blob(&what, digest),
            Source::Host(host) => {
                let name = format!("blob {digest}");
                if let Some((_, bytes)) = self.told.get(repository, &name) {
                    return Ok(bytes);
                }
                let below = format!("blobs/{digest}");
                let mut ask = ask(Method::GET, repository.path(), below, what.clone());
                ask.limit = CONFIG_BYTES;
                ask.accept = None;
                let answer = host.ask(&ask).await?.success()?;
                let digest = prove(&host, &what, Some(digest), &answer)?;
                let told = (digest, answer.body);
                self.told.keep(repository, &name, &told);
                Ok(told.1)
            }
        }
    }

    fn understand<T>(
        &self,
        repository: &Repository,
        wanted: &Wanted,
        bytes: &[u8],
        read: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<T, RegistryError> {
        read(bytes).map_err(|reason| RegistryError::Malformed {
            registry: repository.host().to_owned(),
            what: wanted.named(repository.path()),
            reason: self.client.words().shown(&reason),
        })
    }
}

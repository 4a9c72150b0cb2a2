//! A real OCI registry (CNCF distribution) per value, with images seeded over its own API.

use super::http::{self, Answer};
use super::process::{Guarded, free_port, program, server_folder};
use super::tokens;
use base64::Engine as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

/// The user that a registry with credentials knows.
pub const USER: &str = "tester";
/// That user's password.
pub const PASSWORD: &str = "only-in-tests";
/// The two as an htpasswd line; the hash protects nothing.
const HTPASSWD: &str = "tester:$2a$04$vJsKpK8wg.idp7CJP1wsU./pLvtxMm36kdvwxkbm1huGY33J2Ryt.\n";

/// Who may read and write.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Everybody.
    None,
    /// [`USER`] with [`PASSWORD`], by basic authentication.
    Basic,
    /// Everybody, over TLS with a certificate of the authority at [`authority`].
    /// Nothing can be pushed: the tests' own client speaks no TLS.
    Tls,
    /// Whoever brings a token for the repository; see [`TestRegistry::with_tokens`].
    Tokens,
}

/// What an image says about itself.
#[derive(Clone, Default)]
pub struct ImageFacts {
    /// `created` of the configuration, RFC 3339.
    pub created: Option<String>,
    /// `labels` of the configuration.
    pub labels: Vec<(String, String)>,
    /// `os/architecture` each; more than one makes an index. None: `linux/amd64`.
    pub platforms: Vec<String>,
}

/// A running registry; it ends with this value.
pub struct TestRegistry {
    _server: Guarded,
    address: SocketAddr,
    auth: Auth,
}

impl TestRegistry {
    /// Starts a registry on a free port.
    pub fn start(auth: Auth) -> Self {
        Self::start_with(auth, "")
    }

    /// Starts a registry that sends its visitors to the token service at `realm`, and
    /// knows what that has signed by its public key.
    pub fn with_tokens(realm: &str) -> Self {
        Self::start_with(Auth::Tokens, realm)
    }

    fn start_with(auth: Auth, realm: &str) -> Self {
        let mut failure = String::new();
        for _ in 0..3 {
            match Self::try_start(auth, realm) {
                Ok(registry) => return registry,
                Err(error) => failure = error,
            }
        }
        panic!("no registry: {failure}")
    }

    fn try_start(auth: Auth, realm: &str) -> Result<Self, String> {
        let dir = server_folder("registry");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut config = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: \"{}\"}}, delete: {{enabled: true}}}}\n\
             http: {{addr: \"{address}\"}}\n",
            dir.join("data").display()
        );
        if auth == Auth::Tls {
            let folder = authority().with_file_name("");
            let tls = format!(
                "tls: {{certificate: \"{0}server.crt\", key: \"{0}server.key\"}}",
                folder.display()
            );
            config = config.replace(
                &format!("addr: \"{address}\"}}"),
                &format!("addr: \"{address}\", {tls}}}"),
            );
        }
        if auth == Auth::Basic {
            let file = dir.join("htpasswd");
            std::fs::write(&file, HTPASSWD).map_err(|error| error.to_string())?;
            let _ = writeln!(
                config,
                "auth: {{htpasswd: {{realm: tests, path: \"{}\"}}}}",
                file.display()
            );
        }
        if auth == Auth::Tokens {
            let keys = dir.join("jwks.json");
            std::fs::write(&keys, tokens::jwks().to_string()).map_err(|error| error.to_string())?;
            let token = json!({
                "realm": realm, "service": tokens::SERVICE, "issuer": tokens::ISSUER,
                "jwks": keys, "signingalgorithms": ["EdDSA"],
            });
            let _ = writeln!(config, "auth: {{token: {token}}}");
        }
        let file = dir.join("config.yml");
        std::fs::write(&file, config).map_err(|error| error.to_string())?;
        let arguments = ["serve".to_owned(), file.display().to_string()];
        let mut server = Guarded::start(&dir, &program("registry"), &arguments);
        server.wait(|| TcpStream::connect(address).is_ok())?;
        Ok(Self {
            _server: server,
            address,
            auth,
        })
    }

    /// `127.0.0.1:PORT`, the registry's part of an image reference.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The socket that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Pushes an image of one small layer for `linux/amd64`; gives its digest.
    pub fn push(&self, repository: &str, tag: &str) -> String {
        self.push_with(repository, tag, &ImageFacts::default())
    }

    /// Pushes an image; gives the digest that the tag names (of the index, where there is one).
    pub fn push_with(&self, repository: &str, tag: &str, facts: &ImageFacts) -> String {
        let default = ["linux/amd64".to_owned()];
        let platforms = if facts.platforms.is_empty() {
            &default[..]
        } else {
            &facts.platforms[..]
        };
        if let [platform] = platforms {
            let manifest = self.image(repository, tag, platform, facts);
            return self.put_manifest(repository, tag, &manifest);
        }
        let members: Vec<Value> = platforms
            .iter()
            .map(|platform| {
                let manifest = self.image(repository, tag, platform, facts);
                let digest = digest_of(&manifest);
                self.put_manifest(repository, &digest, &manifest);
                let (os, architecture) = platform.split_once('/').expect("os/architecture");
                json!({
                    "mediaType": media_type(&manifest), "digest": digest, "size": manifest.len(),
                    "platform": {"os": os, "architecture": architecture},
                })
            })
            .collect();
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": members,
        });
        self.put_manifest(repository, tag, index.to_string().as_bytes())
    }

    /// Gives an image that is there another tag.
    pub fn alias(&self, repository: &str, digest: &str, tag: &str) {
        let target = format!("/v2/{repository}/manifests/{digest}");
        let accept = [("Accept", "application/vnd.oci.image.manifest.v1+json")];
        let answer = self.send("GET", &target, &accept, &[]);
        assert_eq!(answer.status, 200, "GET {target}");
        self.put_manifest(repository, tag, &answer.body);
    }

    fn image(&self, repository: &str, tag: &str, platform: &str, facts: &ImageFacts) -> Vec<u8> {
        // Not a real archive: nobody unpacks it, and the tag makes each image its own.
        let layer = format!("{repository}:{tag} {platform}").into_bytes();
        let (os, architecture) = platform.split_once('/').expect("os/architecture");
        let labels: serde_json::Map<String, Value> = facts
            .labels
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        let mut config = json!({
            "os": os, "architecture": architecture,
            "config": {"Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(&layer)]},
        });
        if let Some(created) = &facts.created {
            config["created"] = json!(created);
        }
        let config = config.to_string().into_bytes();
        self.put_blob(repository, &layer);
        self.put_blob(repository, &config);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": digest_of(&config), "size": config.len(),
            },
            "layers": [{
                "mediaType": "application/vnd.oci.image.layer.v1.tar",
                "digest": digest_of(&layer), "size": layer.len(),
            }],
        });
        manifest.to_string().into_bytes()
    }

    fn put_blob(&self, repository: &str, bytes: &[u8]) {
        let uploads = format!("/v2/{repository}/blobs/uploads/");
        let started = self.send("POST", &uploads, &[], &[]);
        assert_eq!(started.status, 202, "POST {uploads}");
        let location = started.header("location").expect("where to upload");
        let target = location
            .split_once("://")
            .map_or(location, |(_, rest)| &rest[rest.find('/').unwrap_or(0)..]);
        let joint = if target.contains('?') { '&' } else { '?' };
        let target = format!("{target}{joint}digest={}", digest_of(bytes));
        let headers = [("Content-Type", "application/octet-stream")];
        assert_eq!(self.send("PUT", &target, &headers, bytes).status, 201);
    }

    fn put_manifest(&self, repository: &str, tag: &str, manifest: &[u8]) -> String {
        let target = format!("/v2/{repository}/manifests/{tag}");
        let headers = [("Content-Type", media_type(manifest).as_str())]
            .map(|(name, value)| (name, value.to_owned()));
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let answer = self.send("PUT", &target, &headers, manifest);
        assert_eq!(answer.status, 201, "PUT {target}");
        digest_of(manifest)
    }

    fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let credentials = match self.auth {
            Auth::None | Auth::Tls => None,
            Auth::Basic => Some(basic(USER, PASSWORD)),
            Auth::Tokens => {
                let ends = ["/blobs/", "/manifests/", "/tags/"];
                let path = target.trim_start_matches("/v2/");
                let end = ends.iter().filter_map(|end| path.find(end)).min();
                let repository = path[..end.expect("a repository")].to_owned();
                let token = tokens::token(&[repository], &["pull", "push"]);
                Some(format!("Bearer {token}"))
            }
        };
        let mut headers = headers.to_vec();
        if let Some(value) = &credentials {
            headers.push(("Authorization", value));
        }
        http::send(self.address, method, target, &headers, body).expect("the registry answers")
    }
}

/// The certificate authority of registries that speak TLS.
pub fn authority() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testenv/tls/ca.crt")
}

/// The value of an `Authorization` header.
pub fn basic(user: &str, password: &str) -> String {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {pair}")
}

/// The digest of some bytes, as registries write it.
pub fn digest_of(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn media_type(manifest: &[u8]) -> String {
    let value: Value = serde_json::from_slice(manifest).expect("a manifest");
    value["mediaType"]
        .as_str()
        .expect("a media type")
        .to_owned()
}

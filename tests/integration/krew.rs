//! krew-manifest.yaml follows the rules by which krew and its index judge a
//! manifest, and agrees with Cargo.toml.

use serde_json::Value;
use std::path::Path;

/// The file name, without its extension, under which the index holds it.
const NAME: &str = "gitops";

/// Where krew itself runs.
const KREW_PLATFORMS: [(&str, &str); 9] = [
    ("windows", "386"),
    ("windows", "amd64"),
    ("windows", "arm64"),
    ("linux", "386"),
    ("linux", "amd64"),
    ("linux", "arm"),
    ("linux", "arm64"),
    ("darwin", "amd64"),
    ("darwin", "arm64"),
];

fn manifest() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("krew-manifest.yaml");
    serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("{pointer} is no string in {value}"))
}

fn fields(value: &Value) -> Vec<&str> {
    let mut fields: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    fields.sort_unstable();
    fields
}

#[test]
fn the_manifest_says_what_it_is() {
    let manifest = manifest();
    assert_eq!(
        fields(&manifest),
        ["apiVersion", "kind", "metadata", "spec"]
    );
    assert_eq!(
        text(&manifest, "/apiVersion"),
        "krew.googlecontainertools.github.com/v1alpha2"
    );
    assert_eq!(text(&manifest, "/kind"), "Plugin");
    assert_eq!(text(&manifest, "/metadata/name"), NAME);
    assert_eq!(
        fields(&manifest["spec"]),
        [
            "caveats",
            "description",
            "homepage",
            "platforms",
            "shortDescription",
            "version"
        ]
    );
}

#[test]
fn the_version_is_cargos_with_a_v() {
    let manifest = manifest();
    let version = text(&manifest, "/spec/version");
    assert_eq!(version, format!("v{}", env!("CARGO_PKG_VERSION")));
    semver::Version::parse(version.strip_prefix('v').unwrap()).unwrap();
}

#[test]
fn descriptions_fit_into_kubectl_krew_search_and_info() {
    let manifest = manifest();
    let short = text(&manifest, "/spec/shortDescription");
    assert!(!short.is_empty() && !short.contains(['\r', '\n']));
    assert!(short.len() <= 50, "{} characters", short.len());
    assert!(!short.ends_with('.'));
    for pointer in ["/spec/description", "/spec/caveats"] {
        for line in text(&manifest, pointer).lines() {
            assert!(line.len() <= 80, "{pointer}: {line}");
        }
    }
}

#[test]
fn every_platform_can_be_installed_and_none_twice() {
    let manifest = manifest();
    let version = text(&manifest, "/spec/version");
    let mut seen = Vec::new();
    for platform in manifest["spec"]["platforms"].as_array().unwrap() {
        assert_eq!(
            fields(platform),
            ["bin", "files", "selector", "sha256", "uri"]
        );
        assert_eq!(fields(&platform["selector"]), ["matchLabels"]);
        assert_eq!(fields(&platform["selector"]["matchLabels"]), ["arch", "os"]);
        let system = text(platform, "/selector/matchLabels/os");
        let processor = text(platform, "/selector/matchLabels/arch");
        assert!(
            KREW_PLATFORMS.contains(&(system, processor)),
            "{system}/{processor}"
        );
        assert!(
            !seen.contains(&(system, processor)),
            "{system}/{processor} twice"
        );
        seen.push((system, processor));

        let (suffix, archive) = match system {
            "windows" => (".exe", "zip"),
            _ => ("", "tar.gz"),
        };
        let file = format!("kubectl-gitops_{system}_{processor}.{archive}");
        let address = text(platform, "/uri");
        assert!(address.starts_with("https://"), "{address}");
        assert!(
            address.ends_with(&format!("/{version}/{file}")),
            "{address}"
        );

        let binary = text(platform, "/bin");
        assert_eq!(binary, format!("{}{suffix}", env!("CARGO_PKG_NAME")));
        let packed: Vec<&str> = platform["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| {
                assert_eq!(text(file, "/to"), ".");
                text(file, "/from")
            })
            .collect();
        assert_eq!(packed, [binary, "LICENSE"]);
    }
    assert!(seen.contains(&("linux", "amd64")));
}

#[test]
fn checksums_are_either_all_released_or_all_pending() {
    let manifest = manifest();
    let sums: Vec<&str> = manifest["spec"]["platforms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|platform| text(platform, "/sha256"))
        .collect();
    for sum in &sums {
        assert_eq!(sum.len(), 64, "{sum}");
        assert!(
            sum.bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
            "{sum}"
        );
    }
    let pending = sums
        .iter()
        .filter(|sum| sum.bytes().all(|byte| byte == b'0'))
        .count();
    assert!(
        pending == 0 || pending == sums.len(),
        "{pending} of {}",
        sums.len()
    );
    if pending == 0 {
        let mut distinct = sums.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), sums.len(), "two archives with one checksum");
    }
}

//! What the playground's registry has, and when it got it.

use crate::image::Digest;

use super::layout::Layout;

/// The registry of the playground.
pub(super) const HOST: &str = "registry.example.com";

/// Where the images of the example really are; the playground has its own.
const PUBLIC: &str = "us-central1-docker.pkg.dev/online-boutique-ci/microservices-demo";

/// The services that the example has an image of.
const SERVICES: [&str; 11] = [
    "adservice",
    "cartservice",
    "checkoutservice",
    "currencyservice",
    "emailservice",
    "frontend",
    "loadgenerator",
    "paymentservice",
    "productcatalogservice",
    "recommendationservice",
    "shippingservice",
];

/// The tag that the example pins.
const PINNED: &str = "v0.10.6";

const REDIS: &str = "7.4.2-alpine";

/// How far the story has come; each moment has the images of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Two services have a newer release than the product pins.
    Start,
    /// Two more were built since.
    Later,
    /// The service that was fixed has one more.
    Last,
}

/// Images that are newer than the product: moment, service, tag, built.
const NEWER: [(Moment, &str, &str, &str); 6] = [
    (
        Moment::Start,
        "cartservice",
        "v0.10.7",
        "2026-02-03T10:12:00Z",
    ),
    (Moment::Start, "frontend", "v0.10.7", "2026-02-04T08:30:00Z"),
    // Outside of what the product's policy allows.
    (Moment::Start, "frontend", "v0.11.0", "2026-02-05T15:45:00Z"),
    (
        Moment::Later,
        "checkoutservice",
        "v0.10.7",
        "2026-02-10T22:51:00Z",
    ),
    (
        Moment::Later,
        "adservice",
        "v0.10.7",
        "2026-02-11T09:20:00Z",
    ),
    (
        Moment::Last,
        "checkoutservice",
        "v0.10.8",
        "2026-02-12T13:05:00Z",
    ),
];

/// The registry at a moment.
pub(super) fn registry(moment: Moment) -> Layout {
    let mut layout = Layout::default();
    for service in SERVICES {
        layout.add(&repository(service), "v0.10.5", "2025-12-01T09:00:00Z");
        layout.add(&repository(service), PINNED, "2026-01-12T09:00:00Z");
    }
    layout.add(&repository("redis"), REDIS, "2026-01-07T00:00:00Z");
    for (since, service, tag, created) in NEWER {
        if since <= moment {
            layout.add(&repository(service), tag, created);
        }
    }
    layout
}

/// A promoted file of the example with the playground's images, pinned by digest.
pub(super) fn with_playground_images(text: &str) -> String {
    let mut scratch = Layout::default();
    let mut pin = |name: &str, tag: &str, created: &str| -> String {
        let digest: Digest = scratch.add(&repository(name), tag, created);
        format!("{HOST}/{}:{tag}@{digest}", repository(name))
    };
    let mut text = text.to_owned();
    for service in SERVICES {
        let pinned = pin(service, PINNED, "2026-01-12T09:00:00Z");
        text = text.replace(&format!("{PUBLIC}/{service}:{PINNED}"), &pinned);
    }
    text.replace("redis:alpine", &pin("redis", REDIS, "2026-01-07T00:00:00Z"))
}

fn repository(service: &str) -> String {
    format!("shop/{service}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn every_image_of_the_product_is_in_the_registry() {
        let product = with_playground_images(include_str!(
            "../../../examples/online-boutique/product.yaml"
        ));
        assert!(!product.contains("pkg.dev"));
        let folder = tempfile::tempdir().unwrap();
        registry(Moment::Start).write(folder.path()).unwrap();
        let index = std::fs::read_to_string(folder.path().join("index.json")).unwrap();
        let mut images = 0;
        for line in product
            .lines()
            .filter_map(|line| line.trim().strip_prefix("image: "))
        {
            let reference: crate::image::Reference = line.parse().unwrap();
            assert_eq!(reference.host(), Some(HOST));
            let name = format!("{}:{}", reference.path(), reference.tag().unwrap());
            assert!(index.contains(&format!("\"{name}\"")), "{name}");
            assert!(
                index.contains(reference.digest().unwrap().as_str()),
                "{name}"
            );
            images += 1;
        }
        assert_eq!(images, 12);
    }

    #[test]
    fn time_only_adds_images() {
        let (start, later) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        registry(Moment::Start).write(start.path()).unwrap();
        registry(Moment::Later).write(later.path()).unwrap();
        let count = |folder: &tempfile::TempDir| {
            std::fs::read_dir(folder.path().join("blobs/sha256"))
                .unwrap()
                .count()
        };
        assert_eq!(count(&start) + 4, count(&later));
    }
}

//! The files of `examples/online-boutique`, as this program carries them.

macro_rules! example {
    ($($path:literal)*) => {
        &[$(($path, include_str!(concat!("../../../examples/online-boutique/", $path)))),*]
    };
}

/// `gitops.yaml` of the example.
pub(super) const REPOSITORY: &str = include_str!("../../../examples/online-boutique/gitops.yaml");

/// The promoted files of the example: path and text.
pub(super) const PRODUCT: &[(&str, &str)] = example! {
    "product.yaml"
    "templates/base/_deployment.j2"
    "templates/base/service-account.yaml.j2"
    "templates/base/service.yaml.j2"
    "templates/base/template.yaml"
    "templates/baseline/allow.yaml.j2"
    "templates/baseline/default-deny.yaml.j2"
    "templates/baseline/template.yaml"
    "templates/grpc-service/deployment.yaml.j2"
    "templates/grpc-service/template.yaml"
    "templates/load-generator/deployment.yaml.j2"
    "templates/load-generator/template.yaml"
    "templates/redis/deployment.yaml.j2"
    "templates/redis/template.yaml"
    "templates/web-frontend/deployment.yaml.j2"
    "templates/web-frontend/service-external.yaml.j2"
    "templates/web-frontend/template.yaml"
};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    fn walk(root: &Path, folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                found.insert(
                    path.strip_prefix(root)
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned(),
                );
            }
        }
    }

    #[test]
    fn nothing_of_the_example_is_left_out() {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/online-boutique");
        let mut on_disk = BTreeSet::from(["product.yaml".to_owned()]);
        walk(&root, &root.join("templates"), &mut on_disk);
        let carried: BTreeSet<String> =
            PRODUCT.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(carried, on_disk);
    }
}

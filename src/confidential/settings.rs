//! Names of settings: what a part of a program that is called `auth` or `token` is
//! configured with beside its secrets. Their values may be shown; all other values below
//! such a name may be secrets.

use super::names::{is_about, last_word};

/// What a setting is called, without signs and in lower case.
#[rustfmt::skip]
const SETTINGS: &[&str] = &[
    "username", "usernames", "user", "userid", "email", "database", "databases", "db",
    "dbname", "schema", "host", "hosts", "hostname", "port", "ports", "url", "urls", "uri",
    "endpoint", "endpoints", "address", "domain", "domains", "realm", "name", "names",
    "fullnameoverride", "nameoverride", "namespace", "namespaces", "create", "enabled",
    "enable", "disabled", "disable", "kind", "type", "types", "version", "apiversion",
    "replicas", "replicacount", "issuer", "issuers", "audience", "audiences", "scope",
    "scopes", "ttl", "lifetime", "expiry", "expiration", "refreshinterval", "interval",
    "timeout", "leeway", "algorithm", "algorithms", "alg", "method", "methods", "mode",
    "provider", "providers", "connector", "strategy", "policy", "class", "level",
    "loglevel", "format", "path", "paths", "mountpath", "subpath", "file", "files",
    "filename", "dir", "jwksuri", "jwksurl", "clientid", "tenantid", "tenant", "projectid",
    "project", "region", "zone", "role", "roles", "group", "groups", "optional", "required",
    "readonly", "defaultmode", "description", "title", "comment", "protocol", "scheme",
    "organization", "org", "bucket", "registry", "repository", "tag", "digest", "newtag",
    "newname", "pullpolicy", "imagepullpolicy", "containerport", "targetport", "nodeport",
    "cpu", "memory", "algorithmname", "sub", "subject", "redirecturi", "redirecturl",
    "callbackurl", "store", "backend", "driver", "engine",
];

/// What has settings of its own below it, or names and numbers of other objects.
#[rustfmt::skip]
const STRUCTURE: &[&str] = &[
    "image", "images", "resources", "requests", "limits", "annotations", "labels", "metadata",
    "podannotations", "podlabels", "commonlabels", "commonannotations", "ingress", "service",
    "serviceaccount", "nodeselector", "tolerations", "affinity", "securitycontext",
    "podsecuritycontext", "containersecuritycontext", "env", "envfrom", "extraenv",
    "extraenvvars", "extraenvfrom", "args", "extraargs", "command", "volumes",
    "extravolumes", "volumemounts", "extravolumemounts", "livenessprobe", "readinessprobe",
    "startupprobe", "metrics", "persistence", "updatestrategy", "rbac", "autoscaling",
    "container", "containers", "initcontainers", "sidecars", "configmap", "config",
    "configuration", "settings", "deployment", "selector", "matchlabels",
    "matchexpressions", "valuefrom", "secretkeyref", "configmapkeyref", "fieldref",
    "remoteref", "sourceref", "template",
];

/// Whether values under this name may be shown below a name such as `auth`.
pub(super) fn is_setting(key: &str) -> bool {
    let plain = plain(key);
    SETTINGS.contains(&plain.as_str()) || is_structure(key) || is_about(key)
}

/// Whether what is below this name is judged anew.
pub(super) fn is_structure(key: &str) -> bool {
    STRUCTURE.contains(&plain(key).as_str())
}

/// Keys under which an item says what it is: `name`, `envName`, `key`.
pub(super) fn is_naming_key(key: &str) -> bool {
    const LAST: [&str; 17] = [
        "name",
        "key",
        "id",
        "field",
        "property",
        "parameter",
        "param",
        "option",
        "variable",
        "var",
        "header",
        "path",
        "env",
        "attribute",
        "setting",
        "k",
        "label",
    ];
    const OTHERS: [&str; 9] = [
        "publickey",
        "releasename",
        "appname",
        "secretname",
        "configmapname",
        "clustername",
        "chartname",
        "containername",
        "fullname",
    ];
    last_word(key).is_some_and(|last| LAST.contains(&last.as_str()))
        && !OTHERS.contains(&plain(key).as_str())
}

/// The ones of them that variables and parameters have.
pub(super) fn is_naming_variable(key: &str) -> bool {
    const LAST: &[&str] = &[
        "name",
        "key",
        "variable",
        "var",
        "env",
        "parameter",
        "param",
    ];
    is_naming_key(key) && last_word(key).is_some_and(|last| LAST.contains(&last.as_str()))
}

/// Keys under which an item that is named by another key has its value.
pub(super) fn is_value_key(key: &str) -> bool {
    const LAST: [&str; 13] = [
        "value",
        "values",
        "val",
        "vals",
        "v",
        "default",
        "string",
        "content",
        "contents",
        "text",
        "data",
        "literal",
        "plaintext",
    ];
    last_word(key).is_some_and(|last| LAST.contains(&last.as_str()))
}

/// Whether a key is meant to be that of a value, with a slip in it: `valu`, `vlaue`.
pub(super) fn is_nearly_value_key(key: &str) -> bool {
    const OTHERS: &[&str] = &["volume", "volumes", "valuefrom", "var"];
    let key = key.trim().to_ascii_lowercase();
    let is_near = |word: &&str| strsim::damerau_levenshtein(&key, word) <= 2;
    let may_be = key.starts_with(['v', 'a', 'b'])
        && key.len() < 9
        && !is_setting(&key)
        && !OTHERS.contains(&key.as_str());
    is_value_key(&key) || (may_be && ["value", "values", "val"].iter().any(is_near))
}

/// Letters and digits of a name, in lower case.
fn plain(key: &str) -> String {
    key.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_known_in_every_spelling() {
        for key in [
            "username",
            "userName",
            "user_name",
            "existing-name",
            "refreshInterval",
            "jwksUri",
            "ttl",
            "accessTokenTtl",
            "token-lifetime",
            "annotations",
            "secretName",
        ] {
            assert!(is_setting(key), "{key}");
        }
        for key in [
            "ann", "bob", "password", "basic", "hush", "users", "value", "key", "data",
        ] {
            assert!(!is_setting(key), "{key}");
        }
    }

    #[test]
    fn keys_of_names_and_values_are_known() {
        for key in ["name", "Name", "envName", "ENV_NAME", "var", "key", "env"] {
            assert!(is_naming_key(key), "{key}");
        }
        for key in [
            "value",
            "envValue",
            "val",
            "defaultValue",
            "Value",
            "env_value",
        ] {
            assert!(is_value_key(key), "{key}");
        }
        for key in ["valu", "vlaue", "vaule", "valeu", "valuee", "Valuse"] {
            assert!(is_nearly_value_key(key), "{key}");
        }
        for key in [
            "valueFrom",
            "volume",
            "image",
            "releaseName",
            "args",
            "ports",
        ] {
            assert!(!is_nearly_value_key(key) && !is_value_key(key), "{key}");
        }
    }
}

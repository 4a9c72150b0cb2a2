//! Whose login a registry gets, which way requests go to it and whose certificates are
//! believed: `bump-image` with files, helpers, a cluster's pull secrets, proxies and
//! certificate authorities.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use super::bump_image::{
    DEPLOYMENT, GITOPS, bump, log_in, nothing_written, registry, says, seed, shop,
};
use super::support::apiserver::ApiServer;
use super::support::env::Outcome;
use super::support::faults::{Fault, FaultProxy, Tunnel, dead_address};
use super::support::http;
use super::support::registry::{Auth, PASSWORD, TestRegistry, USER, authority};
use super::support::scripted::{Say, Scripted};
use super::support::{Env, Fixture};

/// The wrong password that no output may hold.
const SECRET: &str = "hunter2";

fn behind_a_password() -> TestRegistry {
    let registry = TestRegistry::start(Auth::Basic);
    seed(&registry);
    registry.push("shop/cart", "v1.1.0");
    registry
}

fn auth(password: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{password}"))
}

fn write(env: &Env, path: &str, text: &str) {
    let file = env.join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

/// `bump-image --env dev --yes` with variables.
fn run(fixture: &Fixture, variables: &[(&str, &OsStr)], words: &[&str]) -> Outcome {
    let mut command = fixture.env.gitops_command(&fixture.clone);
    command.args(["bump-image", "--env", "dev", "--yes"]);
    for (name, value) in variables {
        command.env(name, value);
    }
    Env::finish(command.args(words))
}

#[track_caller]
fn keeps_secrets(outcome: &Outcome) {
    for secret in [SECRET, PASSWORD, &auth(SECRET), &auth(PASSWORD)] {
        assert!(!format!("{outcome:?}").contains(secret), "{outcome:?}");
    }
}

/// Runs with these configuration files, beside three credential helpers.
fn with_files(host: &str, files: &[(&str, Value)], code: i32) -> Outcome {
    use std::os::unix::fs::PermissionsExt as _;
    let fixture = shop(host);
    for (path, config) in files {
        write(&fixture.env, path, &config.to_string());
    }
    let knows = format!("printf '{{\"Username\":\"{USER}\",\"Secret\":\"{PASSWORD}\"}}'");
    for (name, script) in [
        ("knows", knows.as_str()),
        ("nothing", "echo credentials not found; exit 1"),
        ("breaks", "echo hunter2; echo hunter2 >&2; exit 1"),
    ] {
        let path = format!("bin/docker-credential-{name}");
        let script = format!("#!/bin/sh\nread server\n{script}\n");
        write(&fixture.env, &path, &script);
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(fixture.env.join(&path), mode).unwrap();
    }
    let mut path = fixture.env.join("bin").into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    let before = fixture.remote_tip("env/dev");
    let outcome = run(&fixture, &[("PATH", &path)], &["-v", "10"]).code(code);
    assert_eq!(before == fixture.remote_tip("env/dev"), code != 0);
    keeps_secrets(&outcome);
    outcome
}

#[test]
fn logins_are_found_where_docker_and_podman_keep_them() {
    let registry = behind_a_password();
    let host = registry.host();
    let (path, address) = (format!("{host}/shop"), format!("https://{host}/v2/"));
    let good = json!({"auth": auth(PASSWORD)});
    let bad = json!({"auth": auth(SECRET)});
    let docker = |config: Value| ("home/.docker/config.json", config);
    let podman = |config: Value| ("home/.config/containers/auth.json", config);
    let helper = |name: &str| docker(json!({ "credsStore": name }));
    for (files, code, said) in [
        (vec![docker(json!({"auths": {&host: good}}))], 0, "v1.1.0"),
        (vec![podman(json!({"auths": {&host: good}}))], 0, "v1.1.0"),
        // A path is nearer than its host.
        (
            vec![docker(json!({"auths": {&host: bad, &path: good}}))],
            0,
            "v1.1.0",
        ),
        (
            vec![docker(json!({"auths": {&address: good}}))],
            0,
            "v1.1.0",
        ),
        (
            vec![docker(json!({"credHelpers": {&host: "knows"}}))],
            0,
            "v1.1.0",
        ),
        (vec![helper("knows")], 0, "v1.1.0"),
        // Podman's file comes first.
        (
            vec![
                podman(json!({"auths": {&host: bad}})),
                docker(json!({"auths": {&host: good}})),
            ],
            5,
            "containers/auth.json",
        ),
        // Who knows nothing is no obstacle, and no login either.
        (vec![helper("nothing")], 5, "without credentials"),
        (vec![helper("breaks")], 5, "credential-breaks: it failed"),
        (vec![helper("absent")], 5, "credential-absent: No such file"),
        (vec![docker(json!("a string"))], 5, "without credentials"),
    ] {
        says(&with_files(&host, &files, code), &[said]);
    }
}

/// A shop whose environment dev runs in the API server of the tests.
struct InCluster {
    fixture: Fixture,
    namespace: String,
}

impl InCluster {
    fn new(host: &str, uid: Option<&str>) -> Self {
        let server = ApiServer::shared();
        let namespace = server.namespace("pulls");
        let fixture = shop(host);
        let uid = uid.unwrap_or(server.uid());
        let cluster = format!("branch: env/dev, cluster: {{uid: {uid}, namespace: {namespace}}}}}");
        let gitops = GITOPS.replace("branch: env/dev}", &cluster);
        assert!(gitops.contains(uid), "{gitops}");
        fixture.commit("main", "where", &[("gitops.yaml", Some(&gitops))]);
        Self { fixture, namespace }
    }

    /// A secret as `kubectl create secret docker-registry` makes it.
    fn secret(&self, name: &str, host: &str, password: &str) {
        ApiServer::shared().ask(&[
            "create",
            "secret",
            "docker-registry",
            name,
            "-n",
            &self.namespace,
            &format!("--docker-server={host}"),
            &format!("--docker-username={USER}"),
            &format!("--docker-password={password}"),
        ]);
    }

    fn account(&self, name: &str, secrets: &str) {
        ApiServer::shared().apply(&format!(
            "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: {}}}\nimagePullSecrets: {secrets}\n",
            self.namespace
        ));
    }

    fn words<'a>(&self, more: &[&'a str]) -> Vec<&'a str> {
        let kubeconfig = ApiServer::shared().kubeconfig().to_str().unwrap();
        let words = ["--kubeconfig", kubeconfig, "--pull-secrets", "-v", "10"];
        [&words[..], more].concat()
    }

    fn run(&self, more: &[&str]) -> Outcome {
        let outcome = bump(&self.fixture, &self.words(more));
        keeps_secrets(&outcome);
        outcome
    }

    #[track_caller]
    fn fails(&self, more: &[&str], code: i32) -> Outcome {
        let words = [&["--env", "dev", "--yes"], &self.words(more)[..]].concat();
        let outcome = nothing_written(&self.fixture, &words, code);
        keeps_secrets(&outcome);
        outcome
    }
}

#[test]
fn pull_secrets_of_service_accounts_go_before_the_logins_of_this_machine() {
    let registry = behind_a_password();
    let host = registry.host();
    let dev = InCluster::new(&host, None);
    log_in(&dev.fixture.env, &host, SECRET);
    says(
        &nothing_written(&dev.fixture, &["--env", "dev", "--yes"], 5),
        &["answered 401", ".docker/config.json"],
    );
    // Nothing is named yet, so the machine's login is used, and that is said.
    let none = dev.fails(&[], 5);
    let silent = format!(
        "no service account of namespace {} and no file of dev names a pull secret",
        dev.namespace
    );
    says(&none, &[&silent, ".docker/config.json"]);

    dev.secret("wrong", &host, SECRET);
    dev.secret("right", &host, PASSWORD);
    dev.account("builder", "[{name: right}]");
    dev.account("default", "[{name: wrong}, {name: gone}]");
    let wrong = dev.fails(&[], 5);
    says(
        &wrong,
        &[
            "answered 401",
            "correct that secret, or leave --pull-secrets out",
            &format!(
                "with the credentials of secret wrong in namespace {}",
                dev.namespace
            ),
            &format!(
                "namespace {} has no pull secret gone, which is named there",
                dev.namespace
            ),
        ],
    );
    dev.account("default", "[{name: right}]");
    says(&dev.run(&[]).code(0), &["cart  v1.0.0 → v1.1.0"]);
}

#[test]
fn pull_secrets_of_the_old_kind_and_those_that_pods_name_are_read() {
    let registry = behind_a_password();
    let host = registry.host();
    let old = InCluster::new(&host, None);
    let config = json!({&host: {"auth": auth(PASSWORD)}}).to_string();
    let config = base64::engine::general_purpose::STANDARD.encode(config);
    ApiServer::shared().apply(&format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: old, namespace: {}}}\ntype: kubernetes.io/dockercfg\ndata: {{.dockercfg: {config}}}\n",
        old.namespace
    ));
    old.account("worker", "[{name: old}]");
    says(&old.run(&[]).code(0), &["cart  v1.0.0 → v1.1.0"]);

    // The rendered Deployment names it; the template alone is no object yet.
    let pods = InCluster::new(&host, None);
    pods.secret("by-pods", &host, PASSWORD);
    says(&pods.fails(&[], 5), &["without credentials"]);
    let template = DEPLOYMENT.replace(
        "      containers:\n",
        "      imagePullSecrets: [{name: by-pods}]\n      containers:\n",
    );
    let path = "templates/service/deployment.yaml.j2";
    let files = [(path, Some(template.as_str()))];
    pods.fixture.commit("env/dev", "pull secrets", &files);
    pods.fixture
        .run(&["render", "dev", "--write", "--yes"])
        .code(0);
    says(&pods.run(&[]).code(0), &["cart  v1.0.0 → v1.1.0"]);
}

#[test]
fn pull_secrets_come_from_the_right_cluster_or_from_none() {
    let registry = registry();
    let proxy = FaultProxy::start(registry.address(), |_, _| Fault::Pass);
    let host = proxy.address().to_string();
    let other = InCluster::new(&host, Some("00000000-0000-0000-0000-000000000000"));
    says(
        &other.fails(&[], 3),
        &[
            "is not the cluster of dev",
            "nothing was asked; choose the right cluster",
        ],
    );
    let dev = InCluster::new(&host, None);
    says(
        &dev.fails(&["--context", "limited"], 5),
        &["not allowed: ", "leave --pull-secrets out"],
    );
    says(
        &dev.fails(&["--context", "unreachable"], 5),
        &["cannot reach the API server", "leave --pull-secrets out"],
    );
    says(
        &dev.fails(&["--context", "absent"], 2),
        &["has no context \"absent\""],
    );
    says(
        &dev.fails(&["--tags-from", "tags.json"], 2),
        &["cannot be used with"],
    );
    assert_eq!(proxy.seen(), [""; 0], "no registry was asked");
    // Who may read the accounts and not the secrets is told what is missing.
    ApiServer::shared().apply(&format!(
        "apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: reader, namespace: {0}}}
rules: [{{apiGroups: [''], resources: [serviceaccounts], verbs: [list]}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: reader, namespace: {0}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}}
subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: limited}}]
",
        dev.namespace
    ));
    dev.account("default", "[{name: pull}]");
    dev.secret("pull", &host, PASSWORD);
    let gitops = dev.fixture.file_at("main", "gitops.yaml").unwrap();
    let gitops = gitops.replace(&format!("uid: {}, ", ApiServer::shared().uid()), "");
    dev.fixture
        .commit("main", "no uid", &[("gitops.yaml", Some(&gitops))]);
    says(
        &dev.fails(&["--context", "limited"], 5),
        &[
            "secrets \"pull\" is forbidden",
            "gets the secrets that they name",
        ],
    );
}

/// A shop on registry.example.com, which only a proxy knows the way to.
fn far_away(registries: &str) -> Fixture {
    let fixture = shop("registry.example.com");
    let gitops = format!("{GITOPS}{registries}");
    fixture.commit("main", "how", &[("gitops.yaml", Some(&gitops))]);
    fixture
}

#[test]
fn requests_go_through_the_proxies_of_the_usual_variables() {
    let registry = registry();
    registry.push("shop/cart", "v1.1.0");
    let proxy = FaultProxy::start(registry.address(), |_, _| Fault::Pass);
    let address = format!("http://{}", proxy.address());
    let plain = "  registries: {registry.example.com: {plainHTTP: true}}\n";
    let fixture = far_away(plain);
    let by_proxy = [("http_proxy", OsStr::new(&address))];
    says(
        &run(&fixture, &by_proxy, &[]).code(0),
        &["cart  v1.0.0 → v1.1.0"],
    );
    let first = "GET http://registry.example.com/v2/";
    assert_eq!(proxy.seen()[0], first, "{:?}", proxy.seen());
    let asked = proxy.seen().len();

    // Without being asked to, nothing goes out in plain text, by no way.
    let outcome = run(&far_away(""), &by_proxy, &["--request-timeout", "5"]);
    outcome.code(5);
    // Named as direct, it is not looked for behind the proxy.
    let direct = [by_proxy[0], ("no_proxy", OsStr::new("example.com"))];
    run(&far_away(plain), &direct, &["--request-timeout", "5"]).code(5);
    assert_eq!(proxy.seen().len(), asked, "{:?}", proxy.seen());

    // This machine is reached directly; a proxy's password stays where it is.
    let dead = format!("http://me:{SECRET}@{}", dead_address());
    let dead = [
        ("http_proxy", OsStr::new(&dead)),
        ("https_proxy", OsStr::new(&dead)),
    ];
    run(&shop(&registry.host()), &dead, &[]).code(0);
    let failed = run(&far_away(plain), &dead, &["-v", "10"]).code(5);
    says(&failed, &["registry.example.com could not be asked for"]);
    keeps_secrets(&failed);
}

/// A registry behind a password, reached through a proxy over plain HTTP: what the proxy
/// heard is what anybody on the way hears.
fn overheard(registry: &TestRegistry) -> Scripted {
    let address = registry.address();
    Scripted::start(Duration::ZERO, move |heard| {
        let target = heard.target.strip_prefix("http://registry.example.com");
        let headers = [("Authorization", heard.authorization.as_deref())];
        let accept = ("Accept", "application/vnd.oci.image.manifest.v1+json");
        let headers = headers
            .iter()
            .filter_map(|(name, value)| Some((*name, (*value)?)));
        let headers: Vec<(&str, &str)> = headers.chain([accept]).collect();
        let answer = http::send(address, &heard.method, target.unwrap(), &headers, &[]);
        let answer = answer.unwrap();
        let body = String::from_utf8(answer.body.clone()).unwrap();
        let passed = ["WWW-Authenticate", "Docker-Content-Digest"];
        let passed = passed
            .iter()
            .filter_map(|name| Some((*name, answer.header(name)?)));
        passed.fold(Say::new(answer.status, body), |say, (name, value)| {
            say.header(name, value)
        })
    })
}

#[test]
fn a_login_goes_over_plain_http_where_this_machine_allows_it_only() {
    let registry = behind_a_password();
    let proxy = overheard(&registry);
    let address = format!("http://{}", proxy.host());
    let by_proxy = ("http_proxy", OsStr::new(&address));
    let plain = "  registries: {registry.example.com: {plainHTTP: true}}\n";
    let logged_in = |registries: &str| {
        let fixture = far_away(registries);
        log_in(&fixture.env, "registry.example.com", PASSWORD);
        fixture
    };
    let sent = || {
        proxy
            .heard()
            .iter()
            .filter(|it| it.authorization.is_some())
            .count()
    };
    // A repository's word is not enough, nor is a word about another host.
    let other = ["--insecure-registry", "registry.example.com:5000"];
    for words in [&[][..], &other] {
        let failed = run(&logged_in(plain), &[by_proxy], words).code(5);
        says(
            &failed,
            &[
                "answered 401 for",
                "without credentials because it is asked over plain HTTP",
                "--insecure-registry registry.example.com",
            ],
        );
    }
    assert!(!proxy.heard().is_empty());
    assert_eq!(sent(), 0, "{:?}", proxy.heard());
    // No helper is asked for what is not sent.
    let fixture = logged_in(plain);
    write(
        &fixture.env,
        "home/.docker/config.json",
        r#"{"credsStore": "absent"}"#,
    );
    run(&fixture, &[by_proxy], &[]).code(5);

    let name = "KUBECTL_GITOPS_INSECURE_REGISTRIES";
    let variable = (name, OsStr::new("a.example.com, Registry.example.com:80"));
    let flag = ["--insecure-registry", "registry.example.com"];
    for (registries, variables, words) in [
        (plain, vec![by_proxy], &flag[..]),
        (plain, vec![by_proxy, variable], &[]),
        // The machine's word is enough.
        ("", vec![by_proxy], &flag),
    ] {
        let before = sent();
        let done = run(&logged_in(registries), &variables, words).code(0);
        says(&done, &["cart  v1.0.0 → v1.1.0"]);
        keeps_secrets(&done);
        assert!(sent() > before);
    }
    for (variable, words, said) in [
        ("http://registry.example.com", &[][..], name),
        ("me:hunter2@registry.example.com", &[], name),
        (
            "",
            &["--insecure-registry", "registry.example.com/shop"],
            "--insecure-registry",
        ),
        (
            "",
            &["--insecure-registry", "me:hunter2@registry.example.com"],
            "--insecure-registry has \"***\"",
        ),
    ] {
        let variables = [by_proxy, (name, OsStr::new(variable))];
        let failed = run(&logged_in(plain), &variables, words).code(2);
        says(&failed, &[said, "a host looks like registry.example.com"]);
        keeps_secrets(&failed);
    }
}

#[test]
fn a_refusal_that_repeats_the_login_is_printed_without_it() {
    let repeats = Scripted::start(Duration::ZERO, |heard| match &heard.authorization {
        None => Say::new(401, "").header("WWW-Authenticate", "Basic realm=\"x\""),
        Some(login) => {
            let said = format!("not with {login}, {PASSWORD}");
            Say::new(403, json!({"errors": [{"message": said}]}).to_string())
        }
    });
    let fixture = shop(&repeats.host());
    log_in(&fixture.env, &repeats.host(), PASSWORD);
    for words in [&["--dry-run"][..], &["--dry-run", "-o", "json"]] {
        let failed = run(&fixture, &[], words).code(5);
        let said = format!("{}{}", failed.stdout, failed.stderr);
        assert!(said.contains("not with Basic ***, ***"), "{said}");
        keeps_secrets(&failed);
    }
}

#[test]
fn who_is_redirected_to_is_named_and_gets_no_login() {
    let other = Scripted::start_on("127.0.0.2", Duration::ZERO, |_| {
        Say::new(401, "").header("WWW-Authenticate", "Basic realm=\"x\"")
    });
    let there = other.host();
    let registry = Scripted::start(Duration::ZERO, move |heard| match heard.target.as_str() {
        "/v2/" => Say::new(200, "{}"),
        target => Say::new(302, "").header("Location", format!("http://{there}{target}")),
    });
    let fixture = shop(&registry.host());
    log_in(&fixture.env, &registry.host(), PASSWORD);
    let failed = run(&fixture, &[], &[]).code(5);
    says(
        &failed,
        &[
            &format!(
                "{} redirected to http://{}, which answered 401 for shop/cart, without credentials",
                registry.host(),
                other.host()
            ),
            &format!(
                "no login of {} is sent to http://{}",
                registry.host(),
                other.host()
            ),
        ],
    );
    assert!(other.heard().iter().all(|it| it.authorization.is_none()));
}

#[test]
fn a_misspelt_proxy_is_an_error_and_not_the_direct_way() {
    let proxy = (
        "http_proxy",
        OsStr::new("htpp://me:hunter2@proxy.example.com"),
    );
    let plain = "  registries: {registry.example.com: {plainHTTP: true}}\n";
    let failed = run(&far_away(plain), &[proxy], &[]).code(5);
    says(
        &failed,
        &[
            "the proxy for http addresses: its scheme is htpp",
            "the proxy and",
        ],
    );
    keeps_secrets(&failed);
}

#[test]
fn certificates_are_believed_when_their_authority_is_named() {
    let registry = registry();
    registry.push("shop/cart", "v1.1.0");
    let front = FaultProxy::start_tls(registry.address(), |_, _| Fault::Pass);
    let tunnel = Tunnel::start(front.address());
    let address = format!("http://{}", tunnel.address());
    let proxy = ("HTTPS_PROXY", OsStr::new(&address));
    let ca = authority();
    let (file, folder) = (ca.as_os_str(), ca.parent().map(Path::as_os_str).unwrap());
    let flag = ["--registry-ca", ca.to_str().unwrap()];

    let fixture = far_away("");
    let before = fixture.remote_tip("env/dev");
    let doubted = run(&fixture, &[proxy], &[]).code(5);
    says(
        &doubted,
        &[
            "registry.example.com was not asked for its API (/v2/), it cannot be trusted: invalid peer certificate",
            "--registry-ca FILE",
            "nothing was written",
        ],
    );
    assert_eq!(
        tunnel.asked(),
        ["CONNECT registry.example.com:443 HTTP/1.1"]
    );
    assert_eq!(front.seen(), [""; 0], "nothing is said to a stranger");
    assert_eq!(before, fixture.remote_tip("env/dev"));

    let socks = format!("socks5h://{}", tunnel.address());
    let socks = ("ALL_PROXY", OsStr::new(&socks));
    for (variables, words) in [
        (vec![socks], &flag[..]),
        (vec![proxy], &flag[..]),
        (vec![proxy, ("SSL_CERT_FILE", file)], &[]),
        (vec![proxy, ("SSL_CERT_DIR", folder)], &[]),
    ] {
        let fixture = far_away("");
        let done = run(&fixture, &variables, words).code(0);
        says(&done, &["cart  v1.0.0 → v1.1.0"]);
    }
    let asked = tunnel.asked();
    let by_socks = |line: &&String| line.as_str() == "SOCKS registry.example.com";
    assert!(asked.iter().any(|line| by_socks(&line)), "{asked:?}");
    for (file, said) in [
        ("absent.pem", "absent.pem: No such file"),
        ("gitops.yaml", "gitops.yaml: it holds no certificate (PEM)"),
    ] {
        let outcome = run(&far_away(""), &[proxy], &["--registry-ca", file]);
        says(&outcome.code(2), &["--registry-ca", said]);
    }
}

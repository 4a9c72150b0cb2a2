//! IP addresses and ranges (CIDRs) in the fields that an API server checks: each kind's
//! fields in one table. What every server refuses is an error. What Kubernetes 1.36 began
//! to refuse in new objects, and leaves alone in old ones, is a warning.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use super::finding::{RuleId, Severity};
use super::walk::{Target, Violation};
use crate::yaml::{Path, Step};

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// An address.
    Address,
    /// An address, empty, or `None` for a Service without one.
    ClusterAddress,
    /// An address that others can reach: not loopback, link-local or unspecified.
    Reachable,
    /// A range, blanks around it allowed.
    Range,
    /// A range in its only spelling.
    StrictRange,
    /// A host name, which no address may be.
    HostName,
}

/// Fields by group and kind; `[]` stands for each item.
const FIELDS: [(&str, &str, &str, Form); 15] = [
    ("", "Service", "spec.clusterIP", Form::ClusterAddress),
    ("", "Service", "spec.clusterIPs[]", Form::ClusterAddress),
    ("", "Service", "spec.externalIPs[]", Form::Reachable),
    (
        "",
        "Service",
        "spec.loadBalancerSourceRanges[]",
        Form::Range,
    ),
    ("", "Node", "spec.podCIDR", Form::Range),
    ("", "Node", "spec.podCIDRs[]", Form::Range),
    ("", "Endpoints", "subsets[].addresses[].ip", Form::Reachable),
    (
        "",
        "Endpoints",
        "subsets[].notReadyAddresses[].ip",
        Form::Reachable,
    ),
    (
        "networking.k8s.io",
        "NetworkPolicy",
        "spec.ingress[].from[].ipBlock.cidr",
        Form::Range,
    ),
    (
        "networking.k8s.io",
        "NetworkPolicy",
        "spec.ingress[].from[].ipBlock.except[]",
        Form::Range,
    ),
    (
        "networking.k8s.io",
        "NetworkPolicy",
        "spec.egress[].to[].ipBlock.cidr",
        Form::Range,
    ),
    (
        "networking.k8s.io",
        "NetworkPolicy",
        "spec.egress[].to[].ipBlock.except[]",
        Form::Range,
    ),
    (
        "networking.k8s.io",
        "ServiceCIDR",
        "spec.cidrs[]",
        Form::StrictRange,
    ),
    (
        "networking.k8s.io",
        "Ingress",
        "spec.rules[].host",
        Form::HostName,
    ),
    (
        "discovery.k8s.io",
        "EndpointSlice",
        "endpoints[].addresses[]",
        Form::Reachable,
    ),
];

/// Fields below a pod's `spec`.
const POD_FIELDS: [&str; 2] = ["dnsConfig.nameservers[]", "hostAliases[].ip"];

/// The addresses and ranges of an object.
pub fn check_addresses(kind: &str, group: &str, value: &Value) -> Vec<(Severity, Violation)> {
    let mut out = Vec::new();
    for (_, _, field, form) in FIELDS
        .iter()
        .filter(|(in_group, of, ..)| *in_group == group && *of == kind)
    {
        // An EndpointSlice may be one of host names.
        if value.get("addressType").and_then(Value::as_str) == Some("FQDN") {
            continue;
        }
        each(value, field, &mut |path, value| {
            out.extend(judge(path, value, *form));
        });
    }
    if let Some(spec) = pod_spec(kind, group) {
        for field in POD_FIELDS {
            each(value, &format!("{spec}.{field}"), &mut |path, value| {
                out.extend(judge(path, value, Form::Address));
            });
        }
    }
    if (group, kind) == ("networking.k8s.io", "NetworkPolicy") {
        for blocks in [
            "spec.ingress[].from[].ipBlock",
            "spec.egress[].to[].ipBlock",
        ] {
            each(value, blocks, &mut |path, block| {
                outside(path, block, &mut out)
            });
        }
    }
    out
}

fn pod_spec(kind: &str, group: &str) -> Option<&'static str> {
    match (group, kind) {
        ("", "Pod") => Some("spec"),
        ("", "PodTemplate") => Some("template.spec"),
        ("", "ReplicationController")
        | ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet")
        | ("batch", "Job") => Some("spec.template.spec"),
        ("batch", "CronJob") => Some("spec.jobTemplate.spec.template.spec"),
        _ => None,
    }
}

/// Calls with each value at a field, and its path.
fn each(value: &Value, field: &str, then: &mut dyn FnMut(&[Step], &Value)) {
    fn down(
        (value, steps): (&Value, &mut Vec<Step>),
        words: &[&str],
        then: &mut dyn FnMut(&[Step], &Value),
    ) {
        let Some((word, rest)) = words.split_first() else {
            then(steps, value);
            return;
        };
        let (key, items) = match word.strip_suffix("[]") {
            Some(key) => (key, true),
            None => (*word, false),
        };
        let Some(value) = value.get(key) else { return };
        steps.push(Step::Key(key.to_owned()));
        if items {
            for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                steps.push(Step::Index(index));
                down((item, steps), rest, then);
                steps.pop();
            }
        } else {
            down((value, steps), rest, then);
        }
        steps.pop();
    }
    let words: Vec<&str> = field.split('.').collect();
    down((value, &mut Vec::new()), &words, then);
}

fn judge(path: &[Step], value: &Value, form: Form) -> Option<(Severity, Violation)> {
    let text = value.as_str()?;
    // What a tool fills in later is not known here.
    if text.contains("${") {
        return None;
    }
    let what = Path::new(path.to_vec());
    let refused = |reason: String| Some((Severity::Error, reason));
    let later = |reason: &str| {
        let message = format!("{reason}; Kubernetes 1.36 refuses that in new objects");
        Some((Severity::Warning, message))
    };
    let (severity, reason) = match form {
        Form::ClusterAddress if text.is_empty() || text == "None" => return None,
        Form::HostName => match address(text) {
            Some(_) => refused(format!("{text:?} is an address where a host name must be")),
            None => return None,
        },
        Form::Address | Form::ClusterAddress | Form::Reachable => match address(text) {
            None => refused(format!("{text:?} is not a valid IP address")),
            Some((ip, _)) if form == Form::Reachable && unreachable(ip).is_some() => {
                let why = unreachable(ip).unwrap_or_default();
                refused(format!("{text:?} is {why}, which is not allowed here"))
            }
            Some((_, Some(odd))) => later(&format!("{text:?} {odd}")),
            Some(_) => return None,
        },
        Form::Range | Form::StrictRange => match range(text.trim()) {
            None => refused(format!(
                "{text:?} is not a valid CIDR, as 10.0.0.0/8 or 2001:db8::/64 are"
            )),
            Some(range) if form == Form::StrictRange && range.written() != text => {
                refused(format!("{text:?} must be written {}", range.written()))
            }
            Some(range) => match (range.odd, range.has_host_bits()) {
                (Some(odd), _) => later(&format!("{text:?} {odd}")),
                (None, true) => later(&format!(
                    "{text:?} has bits beyond its prefix: the range is {}",
                    range.written()
                )),
                (None, false) => return None,
            },
        },
    }?;
    let violation = Violation {
        rule: RuleId::FORMAT,
        message: format!("{what}: {reason}"),
        path: what,
        target: Target::Value,
        label: None,
    };
    Some((severity, violation))
}

/// `except` is a part of `cidr`, and not all of it.
fn outside(path: &[Step], block: &Value, out: &mut Vec<(Severity, Violation)>) {
    let whole = block.get("cidr").and_then(Value::as_str).and_then(range);
    let Some(whole) = whole else { return };
    let excepted = block.get("except").and_then(Value::as_array);
    for (index, text) in excepted.into_iter().flatten().enumerate() {
        let Some(part) = text.as_str().and_then(range) else {
            continue;
        };
        if part.prefix > whole.prefix && whole.holds(part.ip) {
            continue;
        }
        let mut steps = path.to_vec();
        steps.extend([Step::Key("except".to_owned()), Step::Index(index)]);
        let path = Path::new(steps);
        let violation = Violation {
            rule: RuleId::FORMAT,
            message: format!(
                "{path}: {text} must be a part of cidr, {}, and smaller",
                whole.written()
            ),
            path,
            target: Target::Value,
            label: None,
        };
        out.push((Severity::Error, violation));
    }
}

fn unreachable(ip: IpAddr) -> Option<&'static str> {
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.octets()[..3] == [224, 0, 0],
        IpAddr::V6(ip) => ip.segments()[0] & 0xffc0 == 0xfe80 || ip.segments()[0] == 0xff02,
    };
    match ip {
        _ if ip.is_unspecified() => Some("the unspecified address"),
        _ if ip.is_loopback() => Some("a loopback address"),
        _ if link_local => Some("a link-local address"),
        _ => None,
    }
}

/// An address, as servers before 1.36 read it, and what is odd about its spelling.
fn address(text: &str) -> Option<(IpAddr, Option<&'static str>)> {
    if text.contains(':') {
        let ip: Ipv6Addr = text.parse().ok()?;
        let odd = ip
            .to_ipv4_mapped()
            .map(|_| "is an IPv4 address written as IPv6");
        return Some((ip.into(), odd));
    }
    let mut bytes = [0_u8; 4];
    let mut parts = text.split('.');
    let mut zeros = false;
    for byte in &mut bytes {
        let part = parts.next()?;
        if part.is_empty() || !part.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        zeros |= part.len() > 1 && part.starts_with('0');
        let digits = part.trim_start_matches('0');
        *byte = if digits.is_empty() {
            0
        } else {
            digits.parse().ok()?
        };
    }
    if parts.next().is_some() {
        return None;
    }
    let odd = zeros.then_some("has numbers with leading zeros");
    Some((Ipv4Addr::from(bytes).into(), odd))
}

#[derive(Clone, Copy, Debug)]
struct Range {
    ip: IpAddr,
    prefix: u8,
    odd: Option<&'static str>,
}

fn range(text: &str) -> Option<Range> {
    let (ip, prefix) = text.split_once('/')?;
    let (ip, odd) = address(ip)?;
    let most = if ip.is_ipv4() { 32 } else { 128 };
    if prefix.is_empty() || !prefix.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let zeros = prefix.len() > 1 && prefix.starts_with('0');
    let odd = odd.or(zeros.then_some("has a prefix with leading zeros"));
    let digits = prefix.trim_start_matches('0');
    let prefix: u8 = if digits.is_empty() {
        0
    } else {
        digits.parse().ok()?
    };
    (prefix <= most).then_some(Range { ip, prefix, odd })
}

impl Range {
    /// The address without the bits behind the prefix.
    fn first(&self, ip: IpAddr) -> IpAddr {
        let prefix = u32::from(self.prefix);
        match ip {
            IpAddr::V4(ip) => {
                let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
                Ipv4Addr::from(u32::from(ip) & mask).into()
            }
            IpAddr::V6(ip) => {
                let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
                Ipv6Addr::from(u128::from(ip) & mask).into()
            }
        }
    }

    fn has_host_bits(&self) -> bool {
        self.first(self.ip) != self.ip
    }

    fn holds(&self, ip: IpAddr) -> bool {
        ip.is_ipv4() == self.ip.is_ipv4() && self.first(ip) == self.first(self.ip)
    }

    /// The only spelling.
    fn written(&self) -> String {
        format!("{}/{}", self.first(self.ip), self.prefix)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn said(kind: &str, group: &str, value: &Value) -> Vec<String> {
        let found = check_addresses(kind, group, value);
        let line = |(severity, it): &(Severity, Violation)| {
            format!("{} {}", severity.as_str(), it.message)
        };
        found.iter().map(line).collect()
    }

    fn policy(cidr: &str, except: &[&str]) -> Vec<String> {
        let block = json!({"cidr": cidr, "except": except});
        let value = json!({"spec": {"egress": [{"to": [{"ipBlock": block}]}]}});
        said("NetworkPolicy", "networking.k8s.io", &value)
    }

    #[test]
    fn ranges_are_read_as_a_server_reads_them() {
        for fine in [
            "10.0.0.0/8",
            "0.0.0.0/0",
            "::/0",
            "2001:db8::/64",
            "10.1.2.3/32",
            "${CIDR}",
        ] {
            assert_eq!(policy(fine, &[]), Vec::<String>::new(), "{fine}");
        }
        for wrong in [
            "::/9999",
            "::/129",
            "10.0.0.0/33",
            "10.0.0/8",
            "10.0.0.0",
            "10.0.0.256/8",
            "/8",
            "",
            "a/8",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "fe80::1%eth0/64",
            "10.0.0.0/8/8",
        ] {
            let found = policy(wrong, &[]);
            assert_eq!(found.len(), 1, "{wrong}");
            let start = "error spec.egress[0].to[0].ipBlock.cidr: ";
            assert!(found[0].starts_with(start), "{found:?}");
            assert!(found[0].contains("is not a valid CIDR"), "{found:?}");
        }
        for (odd, why) in [
            ("10.0.0.5/8", "the range is 10.0.0.0/8"),
            ("010.0.0.0/8", "leading zeros"),
            ("10.0.0.0/08", "leading zeros"),
            ("::ffff:10.0.0.0/104", "IPv4 address"),
        ] {
            let found = policy(odd, &[]);
            assert!(
                found[0].starts_with("warning") && found[0].contains(why),
                "{found:?}"
            );
        }
    }

    #[test]
    fn exceptions_are_smaller_parts() {
        assert!(policy("10.0.0.0/8", &["10.1.0.0/16"]).is_empty());
        for wrong in ["10.0.0.0/8", "11.0.0.0/16", "0.0.0.0/0", "2001:db8::/64"] {
            let found = policy("10.0.0.0/8", &[wrong]);
            assert!(found[0].contains("except[0]"), "{wrong} {found:?}");
            assert!(found[0].contains("part of cidr"), "{wrong} {found:?}");
        }
    }

    #[test]
    fn addresses_are_checked_where_a_server_checks_them() {
        let service = json!({"spec": {
            "clusterIP": "None", "clusterIPs": ["10.0.0.300", "None"],
            "externalIPs": ["127.0.0.1", "203.0.113.7", "0.0.0.0", "fe80::1"],
            "loadBalancerSourceRanges": [" 10.0.0.0/8 ", "10.0.0.0/99"],
            "loadBalancerIP": "anything",
        }});
        let found = said("Service", "", &service).join("\n");
        assert_eq!(found.lines().count(), 5, "{found}");
        for place in [
            "clusterIPs[0]",
            "externalIPs[0]",
            "externalIPs[2]",
            "externalIPs[3]",
            "loadBalancerSourceRanges[1]",
        ] {
            assert!(found.contains(place), "{place} in {found}");
        }
        let pod = json!({"spec": {"template": {"spec": {
            "dnsConfig": {"nameservers": ["1.1.1.1", "dns"]}, "hostAliases": [{"ip": "::1"}, {"ip": "::g"}],
        }}}});
        let found = said("Deployment", "apps", &pod).join("\n");
        assert_eq!(found.lines().count(), 2, "{found}");
        let strict = json!({"spec": {"cidrs": ["10.0.0.0/16", "2001:DB8::/64", "10.0.0.1/16"]}});
        let found = said("ServiceCIDR", "networking.k8s.io", &strict).join("\n");
        assert_eq!(found.matches("must be written").count(), 2, "{found}");
        let ingress =
            json!({"spec": {"rules": [{"host": "10.0.0.1"}, {"host": "a.example.com"}, {}]}});
        assert_eq!(said("Ingress", "networking.k8s.io", &ingress).len(), 1);
        let node = json!({"spec": {"podCIDR": "10.0.0.0/33", "podCIDRs": ["x"]}});
        assert_eq!(said("Node", "", &node).len(), 2);
        // Other kinds have fields of these names, too.
        assert!(said("Service", "serving.knative.dev", &service).is_empty());
    }
}

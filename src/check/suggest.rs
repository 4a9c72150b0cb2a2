//! "Did you mean": the known name that is nearest to a wrong one.

/// The nearest of `known`, when one is near enough to be meant.
pub fn suggestion<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = wrong.to_lowercase();
    let near = known.filter_map(|name| {
        let candidate = name.to_lowercase();
        let distance = strsim::damerau_levenshtein(&lower, &candidate);
        let limit = (lower.chars().count().max(candidate.chars().count()) / 3).max(1);
        (distance <= limit).then_some((distance, name))
    });
    near.min().map(|(_, name)| name)
}

/// "a, b or c".
pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_others_are_not() {
        let known = ["ports", "image", "imagePullPolicy", "name"];
        assert_eq!(suggestion("portss", known.into_iter()), Some("ports"));
        assert_eq!(
            suggestion("imagepullpolicy", known.into_iter()),
            Some("imagePullPolicy")
        );
        assert_eq!(suggestion("naem", known.into_iter()), Some("name"));
        assert_eq!(suggestion("volumes", known.into_iter()), None);
    }
}

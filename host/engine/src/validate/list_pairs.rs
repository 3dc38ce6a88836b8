//! Pairs the children of the source's list with those of the destination's.

use longshore_oci::{Descriptor, Platform};

/// A pair of children, by their positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pair {
    /// At the source and at the destination.
    Both(usize, usize),
    /// At the source only.
    Missing(usize),
    /// At the destination only.
    Extra(usize),
}

/// A rule that decides whether two children form a pair.
type Rule<'a> = &'a dyn Fn(&Descriptor, &Descriptor) -> bool;

/// Pairs children: first by content and platform, then by content, then by platform.
///
/// With `lone`, the only child of each side is paired with the other in any case.
pub(super) fn pairs(source: &[Descriptor], destination: &[&Descriptor], lone: bool) -> Vec<Pair> {
    let same_content = |one: &Descriptor, other: &Descriptor| one.digest == other.digest;
    let same_platform = |one: &Descriptor, other: &Descriptor| one.platform == other.platform;
    let same_cpu = |one: &Descriptor, other: &Descriptor| {
        machine(one) == machine(other) && !is_attestation(one)
    };
    let rules: [Rule<'_>; 5] = [
        &|one, other| same_content(one, other) && same_platform(one, other),
        &same_content,
        &same_platform,
        &same_cpu,
        &|_, _| lone,
    ];
    let mut partner: Vec<Option<usize>> = vec![None; source.len()];
    let mut taken = vec![false; destination.len()];
    for rule in rules {
        for (at, child) in source.iter().enumerate() {
            if partner[at].is_some() {
                continue;
            }
            let free = (0..destination.len())
                .find(|&position| !taken[position] && rule(child, destination[position]));
            if let Some(position) = free {
                taken[position] = true;
                partner[at] = Some(position);
            }
        }
    }
    let of_source = partner.iter().enumerate().map(|(at, partner)| match partner {
        Some(position) => Pair::Both(at, *position),
        None => Pair::Missing(at),
    });
    let extra = taken.iter().enumerate().filter(|(_, taken)| !**taken);
    of_source.chain(extra.map(|(position, _)| Pair::Extra(position))).collect()
}

/// System, architecture and variant, without the system's version.
fn machine(child: &Descriptor) -> Option<(&str, &str, Option<&str>)> {
    let Platform { architecture, os, variant, .. } = child.platform.as_ref()?;
    Some((os, architecture, variant.as_deref()))
}

fn is_attestation(child: &Descriptor) -> bool {
    child.attestation_of().is_some()
}

#[cfg(test)]
mod tests {
    use super::{Pair, pairs};
    use longshore_oci::{Descriptor, Digest};

    fn child(content: &str, platform: &str) -> Descriptor {
        let digest = Digest::of(content.as_bytes());
        let (os, architecture) = platform.split_once('/').unwrap();
        let text = format!(
            r#"{{"digest":"{digest}","size":1,"platform":{{"os":"{os}","architecture":"{architecture}"}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn paired(source: &[Descriptor], destination: &[Descriptor], lone: bool) -> Vec<Pair> {
        let destination: Vec<&Descriptor> = destination.iter().collect();
        pairs(source, &destination, lone)
    }

    #[test]
    fn content_goes_before_platform() {
        let source = [child("a", "linux/amd64"), child("b", "linux/arm64")];
        let swapped = [child("b", "linux/amd64"), child("a", "linux/arm64")];
        assert_eq!(paired(&source, &swapped, false), [Pair::Both(0, 1), Pair::Both(1, 0)]);
        let newer = [child("b", "linux/arm64"), child("c", "linux/amd64")];
        assert_eq!(paired(&source, &newer, false), [Pair::Both(0, 1), Pair::Both(1, 0)]);
    }

    #[test]
    fn unpaired_children_are_missing_or_extra() {
        let source = [child("a", "linux/amd64")];
        let destination = [child("b", "linux/arm64")];
        assert_eq!(paired(&source, &destination, false), [Pair::Missing(0), Pair::Extra(0)]);
        assert_eq!(paired(&source, &destination, true), [Pair::Both(0, 0)]);
    }
}

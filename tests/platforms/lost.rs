//! A tag whose platforms become fewer, and what `mirror-validate` says of other platforms and wrappings.

use longshore_content::{Content, Image, Index};

use crate::support::Pair;

const LIST: &str = "team/app team/app 1\n";

fn image(platform: &str, seed: u64) -> Content {
    Image::new(platform).layer(seed, 10).build()
}

/// A source with an index of four platforms, one of which the default filter leaves out.
fn pair() -> Pair {
    let pair = Pair::embedded();
    let mut index = Index::docker();
    for (seed, platform) in
        (1..).zip(["linux/amd64", "linux/arm64", "windows/amd64", "linux/arm/v7"])
    {
        index = index.child(&image(platform, seed));
    }
    pair.source.push("team/app", "1", &index.build());
    pair
}

#[test]
fn a_narrower_filter_names_the_platforms_that_the_tag_loses() {
    let pair = pair();
    let mirror = |flags: &[&str]| pair.mirror(LIST).args(flags).run().exits(0);
    let first = mirror(&[]);
    assert!(!first.stderr.contains("loses"), "the tag is new\n{}", first.stderr);
    let lost = "linux/amd64, linux/arm64, windows/amd64";
    let dry = mirror(&["-a", "arm", "--dry-run"]);
    assert!(dry.stdout.contains(&format!("; the tag would lose {lost}")), "{}", dry.stdout);
    dry.complains(&format!("its tag would lose {lost}; select all with -a and --os"));
    mirror(&["-a", "arm"]).complains(&format!("and its tag loses {lost}; select all with"));
    for (flags, lost) in [
        (&["-a", "arm"][..], None),
        (&["-a", "arm,arm64"], None),
        (&["-a", "arm64"], Some("loses linux/arm/v7;")),
        (&["--os", "windows"], Some("loses linux/arm64;")),
        (&["-a", "all", "--os", "all"], None),
        (&["-a", "amd64", "--index", "oci"], Some("loses linux/arm/v7, linux/arm64;")),
    ] {
        let run = mirror(flags);
        match lost {
            Some(lost) => drop(run.complains(lost)),
            None => assert!(!run.stderr.contains("loses"), "{flags:?}\n{}", run.stderr),
        }
    }
}

#[test]
fn other_platforms_or_another_wrapping_are_told_from_foreign_content() {
    let pair = pair();
    pair.source.push("team/app", "single", &image("linux/amd64", 1));
    let list = "team/app team/app 1\nteam/app team/app single\n";
    let hint = "only the set of platforms or the wrapping differs, and all children are the source's: give the \
                -a, --os and --index of the mirror run";
    for (count, flags) in [
        (1, &["-a", "arm"][..]),
        (1, &["-a", "amd64", "--os", "windows"]),
        (1, &["--index", "docker"]),
        (2, &["--index", "oci"]),
    ] {
        pair.mirror(list).args(flags).run().exits(0);
        let run = pair.validate(list).run().exits(1);
        let found = run.stderr.matches(&format!(": {hint}")).count();
        assert!(found >= count, "{flags:?}: {found} hints\n{}", run.stderr);
        assert!(!run.stderr.contains("but the source does not have it"), "{}", run.stderr);
        pair.validate(list).args(flags).run().exits(0);
    }
    let foreign = Index::docker().child(&image("linux/amd64", 1)).child(&image("linux/arm64", 9));
    pair.destination.push("team/app", "1", &foreign.build());
    let run = pair.validate(LIST).run().exits(1);
    assert!(!run.stderr.contains(hint), "a child is not the source's\n{}", run.stderr);
    // The source's tag moves on, and the destination keeps all of it.
    pair.mirror(LIST).args(["-a", "all", "--os", "all"]).run().exits(0);
    let newer = Index::docker().child(&image("linux/amd64", 7)).child(&image("linux/arm64", 8));
    pair.source.push("team/app", "1", &newer.build());
    let run = pair.validate(LIST).run().exits(1).complains("moved-on: complete");
    assert!(!run.stderr.contains(hint), "{}", run.stderr);
}

#[test]
fn a_whole_index_is_right_unless_an_empty_selection_fails() {
    let pair = pair();
    pair.mirror(LIST).args(["-a", "all", "--os", "all"]).run().exits(0);
    let flags = ["-a", "s390x"];
    pair.validate(LIST).args(flags).run().exits(0).sums_up("1 valid, 0 skipped, 0 failed");
    let fails = |run: crate::support::Longshore| {
        run.args(flags).arg("--no-arch-os-fail").run().exits(1).complains("arch s390x")
    };
    fails(pair.validate(LIST));
    fails(pair.mirror(LIST).arg("--referrers"));
    fails(pair.mirror(LIST).arg("--force-recursive"));
    pair.mirror(LIST).args(flags).args(["--referrers"]).run().exits(0);
}

#[test]
fn a_tag_with_the_digest_of_the_source_is_right_whatever_the_filter_selects() {
    let pair = Pair::embedded();
    let two = Index::docker().child(&image("linux/amd64", 1)).child(&image("linux/s390x", 2));
    for (tag, content, flags) in [
        ("two", two.build(), &["-a", "ppc64le"][..]),
        ("part", Index::oci().child(&image("linux/amd64", 1)).build(), &["-a", "arm64"]),
        ("foreign", Index::oci().child(&image("linux/s390x", 3)).build(), &[]),
        ("single", image("linux/s390x", 4), &[]),
    ] {
        let list = format!("team/app team/app {tag}\n");
        pair.source.push("team/app", tag, &content);
        // Without the tag both skip the entry, for the filter selects nothing.
        pair.validate(&list).args(flags).run().exits(0).sums_up("0 valid, 1 skipped, 0 failed");
        pair.destination.push("team/app", tag, &content);
        pair.mirror(&list).args(flags).run().exits(0).sums_up("0 copied, 1 skipped, 0 failed");
        pair.validate(&list).args(flags).run().exits(0).sums_up("1 valid, 0 skipped, 0 failed");
    }
}

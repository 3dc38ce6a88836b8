//! The platform filter: which children of an index arrive, and what is reported about the rest.

use longshore_content::{Content, Image, Index, Platform};
use serde_json::Value;

use crate::support::{Pair, Run, Skopeo};

mod lost;
mod one_manifest;

/// The children of one index, with all kinds that a filter treats differently.
struct Children {
    amd: Content,
    arm: Content,
    arm_v7: Content,
    s390x: Content,
    windows: Content,
    proof_of_amd: Content,
    proof_of_s390x: Content,
    plain: Content,
}

impl Children {
    fn new() -> Self {
        let image =
            |platform: &str, seed| Image::new(platform).layer(0, 50).layer(seed, 10).build();
        let proof =
            |of: &str| Image::artifact("application/vnd.in-toto+json").annotation("of", of).build();
        let windows = Platform::new("windows/amd64").os_version("10.0.20348.1");
        Self {
            amd: image("linux/amd64", 1),
            arm: image("linux/arm64/v8", 2),
            arm_v7: image("linux/arm/v7", 3),
            s390x: image("linux/s390x", 4),
            windows: Image::for_platform(windows).layer(5, 10).build(),
            proof_of_amd: proof("amd64"),
            proof_of_s390x: proof("s390x"),
            plain: Image::artifact("application/vnd.example.plain").build(),
        }
    }

    fn all(&self, index: Index) -> Content {
        index
            .child(&self.s390x)
            .attestation(&self.proof_of_s390x, &self.s390x)
            .child(&self.amd)
            .attestation(&self.proof_of_amd, &self.amd)
            .child(&self.arm)
            .child(&self.arm_v7)
            .child_without_platform(&self.plain)
            .child(&self.windows)
            .annotation("org.example.kept", "yes")
            .odd_white_space()
            .build()
    }
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("a manifest is JSON")
}

/// Returns the expected index with only these children, in the order of the source.
fn reduced(index: &Content, kept: &[&Content]) -> Value {
    let mut expected = json(index.bytes());
    let children = expected["manifests"].as_array_mut().expect("an index has children");
    children.retain(|child| kept.iter().any(|content| child["digest"] == content.digest()));
    assert_eq!(children.len(), kept.len(), "the test names children that are not there");
    expected
}

#[test]
fn the_default_filter_leaves_exactly_these_children() {
    let (Some(pair), Some(skopeo)) = (Pair::docker(), Skopeo::find()) else { return };
    let children = Children::new();
    for (tag, index) in [("oci", Index::oci()), ("docker", Index::docker())] {
        let index = children.all(index);
        pair.source.push("team/app", tag, &index);
        let run = pair.mirror(&format!("team/app team/app {tag}\n")).run().exits(0);
        run.sums_up("1 copied, 0 skipped, 0 failed")
            .complains("digest changed: the platform filter keeps 5 of 8 manifests");
        let raw = skopeo.inspect_raw(&format!("{}/team/app:{tag}", pair.destination.address()));
        let kept = [
            &children.amd,
            &children.proof_of_amd,
            &children.arm,
            &children.plain,
            &children.windows,
        ];
        assert_eq!(json(&raw), reduced(&index, &kept), "{tag}");
        let found = pair.destination.manifest("team/app", tag);
        assert_eq!(found.media_type, index.media_type(), "the media type is kept");
        pair.destination.assert_complete("team/app", tag);
        for left in [&children.s390x, &children.proof_of_s390x, &children.arm_v7] {
            pair.assert_absent("team/app", left.digest());
        }
    }
}

#[test]
fn the_flags_select_what_they_name() {
    let pair = Pair::embedded();
    let children = Children::new();
    let index = children.all(Index::oci());
    pair.source.push("team/app", "1", &index);
    let Children { amd, arm, arm_v7, s390x, windows, proof_of_amd, proof_of_s390x, plain } =
        &children;
    let cases: [(&[&str], &[&Content]); 5] = [
        (&["-a", "arm"], &[arm_v7, plain]),
        (&["-a", "arm/v6"], &[plain]),
        (&["--arch", "arm64, s390x"], &[s390x, proof_of_s390x, arm, plain]),
        (&["--os=windows"], &[plain, windows]),
        (
            &["-a=all", "--os", "linux"],
            &[s390x, proof_of_s390x, amd, proof_of_amd, arm, arm_v7, plain],
        ),
    ];
    for (number, (flags, kept)) in cases.into_iter().enumerate() {
        let list = format!("team/app case{number}/app 1\n");
        pair.mirror(&list).args(flags).run().exits(0);
        let repository = format!("case{number}/app");
        let found = pair.destination.manifest(&repository, "1");
        assert_eq!(json(&found.bytes), reduced(&index, kept), "{flags:?}");
        pair.destination.assert_complete(&repository, "1");
    }
    pair.mirror("team/app all/app 1\n").args(["-a", "all", "--os", "all"]).run().exits(0);
    pair.assert_arrived("all/app", "1", &index);
}

#[test]
fn an_image_of_another_platform_is_left_out_with_a_warning() {
    let pair = Pair::embedded();
    let children = Children::new();
    pair.source.push("team/app", "1", &children.s390x);
    pair.source.push("team/app", "2", &Index::oci().child(&children.s390x).build());
    let run = pair.mirror("team/app team/app 1\nteam/app team/app 2\n").run().exits(0);
    let run = run.sums_up("0 copied, 2 skipped, 0 failed");
    let mut warnings = run.complaints();
    warnings.sort_unstable();
    let expected = ["1", "2"].map(|tag| {
        let (source, destination) = (pair.source.address(), pair.destination.address());
        format!(
            "[WARN] [M_ID:{tag}] skipped {source}/team/app:{tag} → {destination}/team/app:{tag}: \
             no platform satisfies the filter (arch amd64,arm64, os linux,windows)"
        )
    });
    assert_eq!(warnings, expected);
    pair.assert_absent("team/app", "1");
    pair.assert_absent("team/app", "2");
    assert_eq!(run.file("mirror-failed.txt"), None, "a skip is not a failure");
}

#[test]
fn with_no_arch_os_fail_it_is_a_failure() {
    let pair = Pair::embedded();
    let children = Children::new();
    pair.source.push("team/app", "1", &children.s390x);
    pair.source.push("team/app", "2", &children.all(Index::oci()));
    let list = "team/app team/app 1\nteam/app team/app 2\n";
    let run = pair.mirror(list).arg("--no-arch-os-fail").run().exits(1);
    let run = run.sums_up("1 copied, 0 skipped, 1 failed").complains(
        "[ERRO] [M_ID:1] hint: give other values with --arch and --os, or leave \
         --no-arch-os-fail out",
    );
    let failed = run.file("mirror-failed.txt").expect("it is in the failed list");
    let lines: Vec<&str> = failed.lines().skip(1).collect();
    let reason =
        "# no platform of the source satisfies the filter (arch amd64,arm64, os linux,windows)";
    assert_eq!(lines, [reason, "team/app team/app 1"]);
    pair.mirror(list).arg("--no-arch-os-fail=false").run().exits(0);
}

#[test]
fn a_comment_gives_the_next_line_platforms_of_its_own() {
    let pair = Pair::embedded();
    let children = Children::new();
    let index = children.all(Index::oci());
    for tag in ["1", "2", "3", "4"] {
        pair.source.push("team/app", tag, &index);
    }
    let list = "# longshore: platforms=linux/s390x, linux/arm/v7\nteam/app team/app 1\n\
                # longshore: platforms=all\n# a remark\nteam/app team/app 2\n\
                team/app team/app 3\n\
                # longshore: platforms=sparc\nteam/app team/app 4\n";
    let run = pair.mirror(list).run().exits(1).sums_up("3 copied, 0 skipped, 1 failed");
    let kept = [&children.s390x, &children.proof_of_s390x, &children.arm_v7, &children.plain];
    let found = pair.destination.manifest("team/app", "1");
    assert_eq!(json(&found.bytes), reduced(&index, &kept), "the default filter has no say");
    pair.assert_arrived("team/app", "2", &index);
    let found = json(&pair.destination.manifest("team/app", "3").bytes);
    assert_eq!(found["manifests"].as_array().map(Vec::len), Some(5), "the comment is for one line");
    let failed = run.file("mirror-failed.txt").expect("sparc is not a platform");
    let lines: Vec<&str> = failed.lines().skip(2).collect();
    assert_eq!(lines, ["# longshore: platforms=sparc", "team/app team/app 4"]);
}

#[test]
fn platforms_of_an_entry_and_of_the_flags_intersect() {
    let pair = Pair::embedded();
    let children = Children::new();
    let index = children.all(Index::oci());
    pair.source.push("team/app", "1", &index);
    let list = "# longshore: platforms=linux/s390x,linux/amd64\nteam/app team/app 1\n";
    pair.mirror(list).args(["-a", "s390x,arm64"]).run().exits(0);
    let found = pair.destination.manifest("team/app", "1");
    let kept = [&children.s390x, &children.proof_of_s390x, &children.plain];
    assert_eq!(json(&found.bytes), reduced(&index, &kept));
}

#[test]
fn content_without_a_platform_is_never_filtered() {
    let pair = Pair::embedded();
    let silent = Image::without_platform().layer(1, 10).build();
    let artifact = Image::artifact("application/vnd.example.thing").build();
    pair.source.push("team/app", "silent", &silent);
    pair.source.push("team/app", "artifact", &artifact);
    let list = "team/app team/app silent\nteam/app team/app artifact\n";
    pair.mirror(list).args(["-a", "s390x"]).run().exits(0).sums_up("2 copied, 0 skipped, 0 failed");
    pair.assert_arrived("team/app", "silent", &silent);
    pair.assert_arrived("team/app", "artifact", &artifact);
}

#[test]
fn a_complete_index_at_the_destination_is_skipped_with_any_filter() {
    let pair = Pair::embedded();
    let children = Children::new();
    for (mode, index) in
        [("preserve", Index::oci()), ("docker", Index::docker()), ("oci", Index::oci())]
    {
        let index = children.all(index);
        pair.source.push("team/app", mode, &index);
        pair.destination.push("team/app", mode, &index);
        let flags = ["-a", "amd64", "--index", mode];
        let list = format!("team/app team/app {mode}\n");
        let run = pair.mirror(&list).args(flags).run().exits(0);
        run.sums_up("0 copied, 1 skipped, 0 failed");
        pair.assert_arrived("team/app", mode, &index);
        pair.validate(&list).args(flags).run().exits(0);
    }
}

#[test]
fn unknown_words_need_a_flag_or_a_whole_platform() {
    let pair = Pair::embedded();
    let odd = Image::new("plan9/vax").layer(1, 10).build();
    pair.source.push("team/app", "1", &odd);
    for (number, flags) in [
        &["-a", "vax", "--os", "all", "--arch-any"][..],
        &["-a", "plan9/vax"],
        &["-a", "s390x,plan9/vax", "--os", "linux"],
    ]
    .into_iter()
    .enumerate()
    {
        let list = format!("team/app case{number}/app 1\n");
        pair.mirror(&list).args(flags).run().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
        pair.validate(&list).args(flags).run().exits(0).sums_up("1 valid, 0 skipped, 0 failed");
    }
    pair.mirror("team/app team/app 1\n").args(["-a", "vax"]).run().exits(2);
}

#[test]
fn a_run_in_which_everything_is_left_out_ends_with_a_warning() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &Image::new("linux/s390x").build());
    pair.source.push("team/app", "2", &Image::new("linux/amd64").build());
    let last = |run: &Run| run.stdout.lines().last().expect("there is output").to_owned();
    let one = "team/app team/app 1\n";
    let reason = "no platform satisfies the filter (arch amd64,arm64, os linux,windows)";
    for (verb, run) in [
        ("copied", pair.mirror(one).run()),
        ("copied", pair.mirror(one).arg("--dry-run").run()),
        ("compared", pair.validate(one).run()),
    ] {
        let expected = format!("warning: nothing was {verb}: the only entry was skipped: {reason}");
        assert_eq!(last(&run.exits(0)), expected);
    }
    let json = pair.mirror(one).args(["--output", "json"]).run().exits(0);
    json.complains("nothing was copied: the only entry was skipped").json();
    let both = pair.mirror("team/app team/app 1\nteam/app team/app 2\n");
    let both = both.args(["-a", "arm"]).run().exits(0);
    assert!(
        last(&both)
            .starts_with("warning: nothing was copied: all 2 entries were skipped; the first")
    );
    // What is there already is no reason to warn.
    let list = "team/app team/app 2\n";
    for sum in ["1 copied, 0 skipped, 0 failed", "0 copied, 1 skipped, 0 failed"] {
        let run = pair.mirror(list).run().exits(0).sums_up(sum);
        assert!(!run.stdout.contains("warning:"), "{}", run.stdout);
    }
}

#[test]
fn a_run_says_at_its_start_that_digests_will_change() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &Image::new("linux/amd64").build());
    let run = |flags: &[&str]| pair.mirror("team/app team/app 1\n").args(flags).run().exits(0);
    let said = |run: &Run| {
        let lines = run.stderr.lines().filter(|line| line.contains("igests change"));
        let lines: Vec<String> = lines.map(|line| line[9..].to_owned()).collect();
        lines.join("\n")
    };
    let cut = "the platform filter (arch amd64,arm64, os linux,windows) cuts indexes with other \
               platforms, and their digests change at the destination";
    let way_out = "; --arch all --os all copies them whole";
    assert_eq!(said(&run(&[])), format!("[INFO] {cut}{way_out}"));
    let unverified = ", and signatures of the old digest do not verify there";
    assert_eq!(said(&run(&["--referrers"])), format!("[WARN] {cut}{unverified}{way_out}"));
    for kept in [&["-a", "all", "--os", "all"][..], &["-a", "all", "--os", "all", "--referrers"]] {
        assert_eq!(said(&run(kept)), "");
    }
    assert!(said(&run(&["--index", "oci"])).starts_with("[INFO] --index oci writes indexes anew"));
    let told = |list: &str, flags: &[&str]| said(&pair.mirror(list).args(flags).run().exits(0));
    let entry = "team/app team/app 1\n";
    for platforms in ["all", "all destination-tag=2", "linux/amd64,all"] {
        let list = format!("# longshore: platforms={platforms}\n{entry}");
        assert_eq!(told(&list, &[]), "", "{platforms}");
        assert_eq!(told(&list, &["--referrers"]), "", "{platforms}");
        assert_eq!(
            told(&format!("{list}team/app team/b 1\n"), &[]),
            format!("[INFO] {cut}{way_out}")
        );
    }
    let named = format!("# longshore: platforms=linux/amd64\n{entry}");
    let own = cut.replace("arch amd64,arm64, os linux,windows", "platforms linux/amd64");
    assert_eq!(told(&named, &[]), format!("[INFO] {own}; the list names these platforms"));
    let line = run(&["-a", "arm64"]).stderr.lines().position(|line| line.contains("igests change"));
    assert!(line.is_some_and(|line| line < 3), "it is said at the start: {line:?}");
}

#[test]
fn the_summary_counts_the_indexes_that_were_cut() {
    let pair = Pair::embedded();
    let image = |platform: &str| Image::new(platform).layer(1, 10).build();
    let index = |platforms: &[&str]| {
        platforms.iter().fold(Index::oci(), |index, platform| index.child(&image(platform))).build()
    };
    pair.source.push("single", "1", &image("linux/amd64"));
    pair.source.push("whole", "1", &index(&["linux/amd64", "linux/arm64"]));
    pair.source.push("part", "1", &index(&["linux/amd64", "linux/s390x"]));
    pair.source.push("part", "2", &index(&["linux/arm64", "linux/s390x"]));
    let run = |list: &str, flags: &[&str]| pair.mirror(list).args(flags).run().exits(0).stdout;
    let uncut = "single single 1\nwhole whole 1\n# longshore: platforms=all\npart all/part 1\n";
    for flags in [&[][..], &["--referrers"], &["--dry-run", "--force-recursive"]] {
        let text = run(uncut, flags);
        assert!(!text.contains("the platform filter"), "{text}");
    }
    let cut = "single single 1\npart part 1\npart part 2\n";
    let would = run(cut, &["--dry-run"]);
    assert!(would.contains("would cut 2 indexes, and their digests would change"), "{would}");
    let sum = "\nthe platform filter cut 2 indexes, and their digests changed; --arch all --os all keeps them\n";
    let text = run(cut, &[]);
    assert!(text.contains(sum), "{text}");
    let named = run("# longshore: platforms=linux/amd64\npart own/part 1\n", &[]);
    let way_out = "cut 1 index, and its digest changed; the list names these platforms\n";
    assert!(named.contains(way_out), "{named}");
    let again = run("part part 1\n", &["--referrers"]);
    assert!(again.contains("cut 1 index, and its digest changed"), "{again}");
    assert!(!run(cut, &["-a", "all", "--os", "all"]).contains("the platform filter"));
}

#[test]
fn flags_are_no_way_out_of_the_platforms_that_a_list_names() {
    let pair = Pair::embedded();
    let image = |platform: &str| Image::new(platform).layer(1, 10).build();
    let index = Index::oci().child(&image("linux/amd64")).child(&image("linux/s390x")).build();
    for tag in ["1", "2", "3"] {
        pair.source.push("part", tag, &index);
    }
    let named = "# longshore: platforms=linux/amd64\npart named 1\n";
    let mixed = format!("{named}part part 2\npart part 3\n");
    let listed = "the list names these platforms\n";
    let some = "--arch all --os all keeps 2, the list names the platforms of the others\n";
    for (list, flags, way_out) in [
        (named, &["--dry-run"][..], listed),
        (named, &[], listed),
        // The destination has it.
        (named, &["--referrers"], listed),
        (named, &["-a", "all", "--os", "all"], listed),
        (&mixed, &["--dry-run"], some),
        (&mixed, &[], some),
        (&mixed, &["-a", "all", "--os", "all", "--force-recursive"], listed),
    ] {
        let text = pair.mirror(list).args(flags).run().exits(0).stdout;
        assert!(text.contains(way_out), "{flags:?}: {text}");
    }
    let line = format!("--platform=linux/amd64 {}/part:1\n", pair.source.address());
    let text = pair.mirror(&line).arg("--dry-run").run().exits(0).stdout;
    assert!(text.contains(listed), "{text}");
}

//! `--list-credentials`: credentials that the image list itself gives.

use base64::Engine as _;

use super::{Ends, PASSWORD, USER, assert_silent, wants_password};
use crate::support::{Answer, Longshore, Rule};

/// What the warning without the flag ends with.
const IGNORED: &str = "ignored; --list-credentials uses";

/// Two registries that want the password, with `team/app:1` at the source.
fn guarded() -> Ends {
    let ends = Ends::with(&["team/app:1"]);
    wants_password(&ends.source, PASSWORD);
    wants_password(&ends.destination, PASSWORD);
    ends
}

/// Lists of all formats with credentials, each for `team/app:1` and both registries.
fn lists(ends: &Ends) -> [(&'static str, String); 4] {
    let (source, destination) = (ends.source.address(), ends.destination.address());
    let login = format!("username: {USER}, password: {PASSWORD}");
    let json = format!(r#"{{"username": "{USER}", "password": "{PASSWORD}"}}"#);
    let auth = base64::engine::general_purpose::STANDARD.encode(json);
    let creds = format!("user: {USER}, pass: {PASSWORD}");
    [
        (
            "regsync",
            format!(
                "version: 1\ncreds:\n- {{registry: '{source}', {creds}}}\n- {{registry: \
                 '{destination}', {creds}}}\nsync:\n- source: {source}/team/app:1\n  target: \
                 {destination}/team/app:1\n  type: image\n"
            ),
        ),
        (
            "skopeo-sync",
            format!(
                "{source}:\n  images: {{team/app: ['1']}}\n  credentials: {{{login}}}\n\
                 {destination}:\n  images: {{}}\n  credentials: {{{login}}}\n"
            ),
        ),
        (
            "image-syncer",
            format!(
                "auth:\n  {source}: {{{login}}}\n  {destination}/team: {{{login}}}\n\
                 images:\n  {source}/team/app:1: {destination}/team/app\n"
            ),
        ),
        (
            "dregsy",
            format!(
                "tasks:\n- name: one\n  source: {{registry: '{source}', auth: {auth}}}\n  \
                 target: {{registry: '{destination}', auth: {auth}}}\n  mappings:\n  - {{from: \
                 team/app, to: team/app, tags: ['1']}}\n"
            ),
        ),
    ]
}

/// Prepares a run of a list in the file `list.yml`, with all logs and reports.
fn listed(ends: &Ends, text: &str) -> Longshore {
    Longshore::new()
        .mirror()
        .args(["--debug", "--output", "json", "--report", "page.html", "-f", "list.yml"])
        .destination(ends.destination.address())
        .file("list.yml", text)
}

#[test]
fn each_format_gives_credentials_with_the_flag_and_one_warning_without_it() {
    for number in 0..4 {
        let ends = guarded();
        let (format, list) = &lists(&ends)[number];
        let run = listed(&ends, list).run().exits(1).complains("unauthorized (401)");
        let warnings: Vec<_> =
            run.complaints().into_iter().filter(|line| line.contains("credential")).collect();
        assert_eq!(warnings.iter().filter(|line| line.contains(IGNORED)).count(), 1, "{format}");
        assert_silent(&run);

        let run = listed(&ends, list).arg("--list-credentials").run().exits(0);
        ends.behind_destination.assert_complete("team/app", "1");
        assert!(!run.stderr.contains(IGNORED), "{format}: {}", run.stderr);
        assert_silent(&run);
        let page = run.file("page.html").expect("the page is written");
        assert!(!page.contains(PASSWORD), "{format}");

        let validate = Longshore::new()
            .validate()
            .args(["-f", "list.yml", "--list-credentials"])
            .destination(ends.destination.address())
            .file("list.yml", list);
        assert_silent(&validate.run().exits(0));
    }
}

#[test]
fn a_credential_goes_only_to_the_registry_that_the_list_names_it_for() {
    let ends = Ends::with(&["team/app:1"]);
    wants_password(&ends.source, PASSWORD);
    let (source, destination) = (ends.source.address(), ends.destination.address());
    let list = format!(
        "creds:\n- {{registry: '{source}', user: {USER}, pass: {PASSWORD}}}\nsync:\n- source: \
         {source}/team/app:1\n  target: {destination}/team/app:1\n  type: image\n"
    );
    listed(&ends, &list).arg("--list-credentials").run().exits(0);
    ends.behind_destination.assert_complete("team/app", "1");
    let shown = |seen: &crate::support::Seen| seen.authorization().is_some();
    assert!(!ends.destination.requests().iter().any(shown), "the destination got a credential");
    assert!(ends.source.requests().iter().any(shown));
}

#[test]
fn regsync_s_variables_files_and_helpers_are_those_of_this_machine() {
    let password = format!("pass: '{PASSWORD}'");
    for (creds, works) in [
        ("user: '{{env \"SYNC_USER\"}}', pass: '{{ env \"SYNC_PASS\" }}'", true),
        ("user: '{{ env \"NO\" | default \"jo\" }}', pass: '{{file \"token\"}}'", true),
        (&*format!("user: '{{{{ env \"NO\" }}}}', {password}"), false),
        ("user: jo, pass: '{{file \"none\"}}'", false),
        ("credHelper: docker-credential-none", false),
    ] {
        let ends = Ends::with(&["team/app:1"]);
        wants_password(&ends.source, PASSWORD);
        let public = Ends::with(&["team/open:1"]);
        let (source, destination) = (ends.source.address(), ends.destination.address());
        let open = public.source.address();
        let list = format!(
            "creds: [{{registry: '{source}', {creds}}}]\nsync:\n- source: {source}/team/app:1\n  \
             target: {destination}/team/app:1\n  type: image\n- source: {open}/team/open:1\n  \
             target: {destination}/team/open:1\n  type: image\n"
        );
        let run = listed(&ends, &list)
            .arg("--list-credentials")
            .file("token", format!("{PASSWORD}\n"))
            .env("SYNC_USER", USER)
            .env("SYNC_PASS", PASSWORD)
            .run()
            .exits(i32::from(!works));
        ends.behind_destination.assert_complete("team/open", "1");
        if works {
            ends.behind_destination.assert_complete("team/app", "1");
        }
        assert_silent(&run);
        let why = match creds {
            creds if works || creds.contains("credHelper") => "",
            creds if creds.contains("NO") => "list.yml:1: the variable NO is not set",
            _ => "list.yml:1: read none: ",
        };
        assert!(run.stderr.contains(why), "{creds}: {}", run.stderr);
    }
}

#[test]
fn a_variable_of_the_registry_comes_before_the_list() {
    let ends = guarded();
    let (_, list) = &lists(&ends)[0];
    let wrong = list.replace(PASSWORD, "s0mething-else");
    let variable = |address: &str| {
        format!("LONGSHORE_AUTH_{}", address.to_uppercase().replace(['.', ':'], "_"))
    };
    let pair = format!("{USER}:{PASSWORD}");
    let run = listed(&ends, &wrong)
        .arg("--list-credentials")
        .env(&variable(ends.source.address()), &pair)
        .env(&variable(ends.destination.address()), &pair)
        .run()
        .exits(0);
    assert_silent(&run);
    let run = listed(&ends, &wrong).arg("--list-credentials").run().exits(1);
    run.complains("the credential of the image list, list.yml:3 was tried");
}

#[test]
fn the_repeated_command_has_the_credentials_of_the_original_list() {
    for number in 0..4 {
        let ends = guarded();
        let (format, list) = &lists(&ends)[number];
        ends.source.clear_rules();
        let missing = Rule::on("*", "/v2/team/app/manifests/*");
        ends.source.rule(missing.answers(Answer::error(404, "MANIFEST_UNKNOWN")));
        let run = listed(&ends, list).arg("--list-credentials").run().exits(1);
        ends.source.clear_rules();
        wants_password(&ends.source, PASSWORD);
        let failed = run.file("mirror-failed.txt").expect("the entry failed");
        let command = failed.lines().next().expect("a command");
        assert!(command.contains("--list-credentials=list.yml"), "{format}: {command}");
        run.repeated("mirror-failed.txt").exits(0);
        ends.behind_destination.assert_complete("team/app", "1");
    }
}

#[test]
fn a_list_from_standard_input_leaves_a_place_for_its_credentials() {
    let ends = guarded();
    let (_, list) = &lists(&ends)[0];
    let run = Longshore::new()
        .mirror()
        .args(["-f", "-", "--list-credentials"])
        .destination(ends.destination.address())
        .stdin(&list.replace("team/app:1", "team/none:1"))
        .run()
        .exits(1)
        .complains("give it with --list-credentials=FILE");
    let failed = run.file("mirror-failed.txt").expect("the entry failed");
    assert!(failed.contains("--list-credentials=FILE"), "{failed}");
    assert_silent(&run);
}

#[test]
fn another_file_may_give_the_credentials() {
    let ends = guarded();
    let (source, destination) = (ends.source.address(), ends.destination.address());
    let login = "{username: $SYNC_USER, password: '${SYNC_PASS}'}";
    let auth = format!("{source}: {login}\n{destination}: {login}\n");
    let mirror = |flag: &str| {
        ends.mirror()
            .arg(flag)
            .file("auth.yaml", &auth)
            .env("SYNC_USER", USER)
            .env("SYNC_PASS", PASSWORD)
    };
    assert_silent(&mirror("--list-credentials=auth.yaml").run().exits(0));
    ends.behind_destination.assert_complete("team/app", "1");
    let run = mirror("--list-credentials").run().exits(1);
    run.complains("gives no credentials: --list-credentials changes nothing");
    for (flags, why) in [
        (&["--list-credentials=images.txt"][..], "it gives no credentials"),
        (&["--list-credentials=none.yaml"], "none.yaml"),
        (
            &["--list-credentials=auth.yaml", "--fleet=nats://127.0.0.1:1"],
            "each worker has credentials of its own",
        ),
        (&["--list-credentials", "auth.yaml"], "--list-credentials=auth.yaml"),
    ] {
        ends.mirror().file("auth.yaml", &auth).args(flags).run().exits(2).complains(why);
    }
}

#[test]
fn what_cannot_be_a_login_is_told_and_the_first_of_two_counts() {
    let ends = Ends::with(&["team/app:1"]);
    wants_password(&ends.source, PASSWORD);
    let (source, destination) = (ends.source.address(), ends.destination.address());
    let right = format!("{{registry: '{source}', user: {USER}, pass: {PASSWORD}}}");
    let list = format!(
        "creds:\n- {{registry: 'a b', user: x, pass: y}}\n- {right}\n- {{registry: '{source}', \
         user: x, pass: y}}\n- {right}\nsync:\n- source: {source}/team/app:1\n  target: \
         {destination}/team/app:1\n  type: image\n"
    );
    let run = listed(&ends, &list).arg("--list-credentials").run().exits(0);
    let warnings = run.complaints().join("\n");
    assert!(warnings.contains("list.yml:2: a credential is not used: \"a b\""), "{warnings}");
    let second = format!("list.yml:4: a second credential for {source} is not used: list.yml:3");
    assert!(warnings.contains(&second), "{warnings}");
    assert_eq!(warnings.matches("is not used").count(), 2, "{warnings}");
}

#[test]
fn converted_lists_and_refusals_show_no_secret() {
    let ends = guarded();
    for (format, list) in lists(&ends) {
        for to in ["mirror", "default"] {
            let run = Longshore::new()
                .args(["convert-list", "-i", "list.yml", "-o", "-", "--to", to])
                .file("list.yml", &list)
                .run();
            let is_said =
                |line: &str| line.contains("of the list ") && line.ends_with(" not written");
            assert!(run.stderr.lines().any(is_said), "{format}: {}", run.stderr);
            assert_silent(&run);
        }
    }
    // No format knows what is left of it.
    let broken = format!("user: {USER}\npassword: {PASSWORD}\n\"pass\": \"{PASSWORD}\"\n");
    assert_silent(&Longshore::new().mirror().list(&broken).run().exits(2));
}

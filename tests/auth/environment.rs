//! `DOCKER_USERNAME` and `DOCKER_PASSWORD`, and which registry they are for.

use super::{
    Ends, PASSWORD, TOKEN, USER, assert_silent, auth_file, pair, wants_password, wants_tokens,
    with_password,
};
use crate::support::{FaultProxy, Longshore, Registry};

#[test]
fn the_environment_is_for_the_destination_only() {
    let ends = Ends::with(&["team/app:1"]);
    wants_tokens(&ends.source, false);
    wants_password(&ends.destination, PASSWORD);
    let run = ends.mirror().env("DOCKER_USERNAME", USER).env("DOCKER_PASSWORD", PASSWORD);
    let run = run.run().exits(0);
    ends.behind_destination.assert_complete("team/app", "1");
    assert!(with_password(&ends.destination) > 0);
    assert_eq!(with_password(&ends.source), 0, "the source saw the destination's password");
    let tokens = ends.source.requests();
    assert!(tokens.iter().any(|seen| seen.authorization().is_some_and(|it| it.contains(TOKEN))));
    assert_silent(&run);
}

#[test]
fn the_environment_goes_before_files() {
    let ends = Ends::with(&["team/app:1"]);
    wants_password(&ends.destination, PASSWORD);
    let wrong = auth_file(&[ends.destination.address()]).replace(&pair(), "am86d3Jvbmc=");
    let run = ends.mirror().file("../home/.docker/config.json", wrong);
    run.env("DOCKER_USERNAME", USER).env("DOCKER_PASSWORD", PASSWORD).run().exits(0);
}

#[test]
fn an_incomplete_credential_is_rejected() {
    let ends = Ends::with(&["team/app:1"]);
    let run = ends.mirror().env("DOCKER_PASSWORD", PASSWORD).run().exits(2);
    assert_silent(&run);
    run.complains("DOCKER_USERNAME");
    assert_eq!(ends.source.requests().len(), 0, "nothing was started");
}

/// Destinations that want the password, and a source of `team/app:1` and `team/web:1`.
struct Destinations {
    ends: Ends,
    all: [FaultProxy; 3],
    _behind: [Registry; 3],
}

impl Destinations {
    fn new() -> Self {
        let behind = [(); 3].map(|()| Registry::embedded());
        let all = [0, 1, 2].map(|at| FaultProxy::before(&behind[at]));
        all.iter().for_each(|proxy| wants_password(proxy, PASSWORD));
        Self { ends: Ends::with(&["team/app:1", "team/web:1"]), all, _behind: behind }
    }

    /// Mirrors to two of the destinations as the list names them, with the password.
    fn mirror(&self, app: usize, web: usize) -> Longshore {
        let (from, [app, web]) = (self.ends.source.address(), [app, web].map(|at| self.at(at)));
        let list = format!("{from}/team/app {app}/team/app 1\n{from}/team/web {web}/team/web 1\n");
        let run = Longshore::new().mirror().arg("--debug").list(&list);
        run.env("DOCKER_USERNAME", USER).env("DOCKER_PASSWORD", PASSWORD)
    }

    /// Leads the entries to another destination with a rewrite.
    fn rewritten(&self, run: Longshore, names: &[&str], to: usize) -> Longshore {
        let from = self.ends.source.address();
        let lines =
            names.iter().map(|name| format!("{from}/{name} {}/moved/{name}\n", self.at(to)));
        let run = run.file("table.txt", lines.collect::<String>());
        run.args(["--rewrite", "map", "--plugin-config", "map.table=@table.txt"])
    }

    fn at(&self, at: usize) -> &str {
        self.all[at].address()
    }

    /// Checks which of the destinations have seen the password.
    #[track_caller]
    fn assert_seen(&self, expected: [bool; 3]) {
        let seen = [0, 1, 2].map(|at| with_password(&self.all[at]) > 0);
        assert_eq!(seen, expected);
        assert_eq!(with_password(&self.ends.source), 0, "the source saw the password");
    }
}

const BOTH: [&str; 2] = ["team/app", "team/web"];

#[test]
fn the_registry_that_the_whole_list_names_gets_the_environment() {
    let destinations = Destinations::new();
    assert_silent(&destinations.mirror(0, 0).run().exits(0));
    destinations.assert_seen([true, false, false]);
}

#[test]
fn a_registry_that_only_a_rewrite_names_does_not_get_the_environment() {
    let destinations = Destinations::new();
    let run = destinations.rewritten(destinations.mirror(0, 0), &BOTH, 1).run().exits(1);
    assert_silent(&run);
    let why = format!("are ignored: they are for {}", destinations.at(0));
    run.complains(&why).complains("unauthorized (401)");
    destinations.assert_seen([false; 3]);

    let destinations = Destinations::new();
    let run = destinations.rewritten(destinations.mirror(0, 0), &BOTH[..1], 1).run().exits(1);
    run.sums_up("1 copied, 0 skipped, 1 failed");
    destinations.assert_seen([true, false, false]);
}

#[test]
fn rewrites_to_one_registry_do_not_make_it_the_one_of_the_list() {
    let destinations = Destinations::new();
    let run = destinations.rewritten(destinations.mirror(0, 1), &BOTH, 2).run().exits(1);
    run.complains("are ignored: there are several destination registries");
    destinations.assert_seen([false; 3]);
}

#[test]
fn the_registry_that_the_user_names_gets_the_environment_wherever_a_rewrite_leads() {
    for named in ["flag", "variable", "file"] {
        let destinations = Destinations::new();
        let run = destinations.rewritten(destinations.mirror(0, 0), &BOTH[..1], 2);
        let address = destinations.at(1);
        let run = match named {
            "flag" => run.destination(address),
            "variable" => run.env("DOCKER_REGISTRY", address),
            _ => {
                let settings = format!("destination = \"{address}\"\n");
                run.file("s.toml", settings).args(["--settings", "s.toml"])
            }
        };
        run.run().exits(1).sums_up("1 copied, 0 skipped, 1 failed");
        destinations.assert_seen([false, true, false]);
    }
}

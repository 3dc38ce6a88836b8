//! Runs `longshore man`.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;

use clap::Command;
use clap_mangen::roff::{Roff, bold, roman};

use crate::error::{Exit, Fatal};
use crate::flags::{self, Closing, Man};
use crate::report;
use longshore_files::replace_at;

/// Variables of commands that connect to registries, beside those of their flags.
const VARIABLES: [(&str, &str); 11] = [
    (
        "DOCKER_USERNAME, DOCKER_PASSWORD",
        "the credential of the destination registry that is named",
    ),
    (
        "LONGSHORE_AUTH_REGISTRY",
        "USER:PASSWORD or a token for one registry, such as LONGSHORE_AUTH_GHCR_IO; longshore whoami prints the name",
    ),
    ("DOCKER_AUTH_CONFIG", "the text of a credential file"),
    ("REGISTRY_AUTH_FILE", "a credential file"),
    ("DOCKER_CONFIG", "the directory of Docker's config.json"),
    ("XDG_RUNTIME_DIR, XDG_CONFIG_HOME", "where containers' tools keep auth.json and certs.d"),
    ("SSL_CERT_FILE, SSL_CERT_DIR", "roots to trust"),
    ("HTTP_PROXY, HTTPS_PROXY, ALL_PROXY", "proxies"),
    ("NO_PROXY", "hosts that are reached without a proxy"),
    ("LONGSHORE_CACHE_DIR", "the directory of longshore's caches"),
    ("LONGSHORE_DATA_DIR", "the directory of installed plugins"),
];

/// Files of every command that reads settings.
const SETTINGS: (&str, &str) = (
    "~/.config/longshore.toml",
    "the settings file, in the user's configuration directory; --settings and LONGSHORE_CONFIG name another",
);
/// Files of commands that connect to registries.
const FILES: [(&str, &str); 4] = [
    ("~/.docker/config.json", "credentials and credential helpers, as docker login writes them"),
    ("$XDG_RUNTIME_DIR/containers/auth.json", "credentials, as podman login writes them"),
    (
        "/etc/containers/certs.d, /etc/docker/certs.d, ~/.config/containers/certs.d",
        "certificates of registries",
    ),
    ("~/.cache/longshore", "compiled plugins, manifests, and where blobs are"),
];

/// Exit codes of commands that name none.
const EXIT_CODES: [(&str, &str); 2] = [("0", "all is done"), ("2", "the usage is wrong")];

/// Writes the main page to standard output, or all pages into a folder.
pub(crate) fn write(flags: Man) -> Result<Exit, Fatal> {
    let mut cli = flags::command().disable_help_subcommand(true);
    cli.build();
    let Some(folder) = flags.dir else {
        report::print(&String::from_utf8_lossy(&page(&cli)?))?;
        return Ok(Exit::Done);
    };
    std::fs::create_dir_all(&folder).map_err(Fatal::manual(&folder))?;
    let mut commands = vec![&cli];
    while let Some(command) = commands.pop() {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name());
        let path = folder.join(format!("{name}.1"));
        let page = page(command)?;
        // The user chose the folder, and not what links to elsewhere are in it.
        replace_at(&path, &page, Permissions::from_mode(0o666), None)
            .map_err(Fatal::manual(&path))?;
        commands.extend(command.get_subcommands().filter(|inner| !inner.is_hide_set()));
    }
    Ok(Exit::Done)
}

fn page(command: &Command) -> std::io::Result<Vec<u8>> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let closing = Closing::of(command);
    let page = clap_mangen::Man::new(command.clone().name(name));
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    notes(&closing).to_writer(&mut text)?;
    if command.get_arguments().any(|argument| !argument.is_hide_set()) {
        page.render_options_section(&mut text)?;
    }
    if command.get_subcommands().any(|inner| !inner.is_hide_set()) {
        page.render_subcommands_section(&mut text)?;
    }
    sections(command, &closing).to_writer(&mut text)?;
    if command.get_version().is_some() {
        page.render_version_section(&mut text)?;
    }
    text.flush()?;
    Ok(text)
}

/// The prose of a command's help. Lines that are indented there keep their breaks.
fn notes(closing: &Closing) -> Roff {
    let mut roff = Roff::new();
    for note in &closing.notes {
        if note.starts_with(' ') {
            verbatim(&mut roff, std::slice::from_ref(note));
        } else {
            roff.control("PP", []);
            roff.text([roman(note.as_str())]);
        }
    }
    roff
}

/// The sections that clap does not know.
fn sections(command: &Command, closing: &Closing) -> Roff {
    let mut roff = Roff::new();
    let connects = command
        .get_arguments()
        .any(|flag| flag.get_long() == Some(flags::OF_CONNECTIONS[0]) && !flag.is_hide_set());
    roff.control("SH", ["EXIT STATUS"]);
    if closing.exit_codes.is_empty() {
        EXIT_CODES.iter().for_each(|(code, what)| term(&mut roff, code, what));
    }
    closing.exit_codes.iter().for_each(|(code, what)| term(&mut roff, code, what));
    roff.control("SH", ["ENVIRONMENT"]);
    for flag in command.get_arguments().filter(|flag| !flag.is_hide_set()) {
        if let (Some(variable), Some(long)) = (flag.get_env(), flag.get_long()) {
            term(&mut roff, &variable.to_string_lossy(), &format!("the same as --{long}"));
        }
    }
    if connects {
        VARIABLES.iter().for_each(|(name, what)| term(&mut roff, name, what));
    }
    roff.control("SH", ["FILES"]);
    term(&mut roff, SETTINGS.0, SETTINGS.1);
    if connects {
        FILES.iter().for_each(|(path, what)| term(&mut roff, path, what));
    }
    if let Some(list) = failed_list(command) {
        term(&mut roff, &list, "the failed list, if entries fail");
    }
    roff.control("SH", ["EXAMPLES"]);
    verbatim(&mut roff, &closing.examples);
    roff
}

/// The default path of the command's failed list.
fn failed_list(command: &Command) -> Option<String> {
    let flag = command.get_arguments().find(|flag| flag.get_long() == Some("failed"))?;
    flag.get_default_values().first().map(|path| path.to_string_lossy().into_owned())
}

/// A term, and what it means.
fn term(roff: &mut Roff, name: &str, what: &str) {
    roff.control("TP", []);
    roff.text([bold(name)]);
    roff.text([roman(what)]);
}

/// Lines that are not filled.
fn verbatim(roff: &mut Roff, lines: &[String]) {
    roff.control("PP", []);
    roff.control("nf", []);
    for line in lines {
        roff.text([roman(line.as_str())]);
    }
    roff.control("fi", []);
}

#[cfg(test)]
mod tests {
    use super::page;
    use crate::flags;

    #[test]
    fn each_page_has_the_usual_sections_and_unfilled_examples() {
        let mut cli = flags::command().disable_help_subcommand(true);
        cli.build();
        let commands = std::iter::once(&cli).chain(cli.get_subcommands());
        for command in commands {
            let text =
                String::from_utf8(page(command).expect("it is written")).expect("it is text");
            for section in ["NAME", "SYNOPSIS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES"] {
                let found = text.lines().filter(|line| {
                    *line == format!(".SH {section}") || *line == format!(".SH \"{section}\"")
                });
                assert_eq!(found.count(), 1, "{section} of {}\n{text}", command.get_name());
            }
            let (_, examples) = text.rsplit_once("EXAMPLES").expect("there are examples");
            let (examples, _) = examples.split_once(".fi").expect("they end");
            let reads = command.get_arguments().any(|flag| flag.get_long() == Some("arch"));
            for variable in ["LONGSHORE_AUTH_REGISTRY", "DOCKER_AUTH_CONFIG", "LONGSHORE_DATA_DIR"]
            {
                assert!(!reads || text.contains(variable), "{variable} in {}", command.get_name());
            }
            let lines: Vec<&str> =
                examples.lines().filter(|line| line.contains("longshore")).collect();
            assert!(lines.len() >= 2 && examples.contains("\n.nf\n"), "{examples}");
        }
    }
}

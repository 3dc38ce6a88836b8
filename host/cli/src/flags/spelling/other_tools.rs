//! What longshore has for the flags and commands of other tools.

use std::ffi::OsString;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Commands, flags of other tools, and what longshore has for these flags.
type OtherFlags = (&'static [&'static str], &'static [&'static str], &'static str);

/// Commands that read a list.
const OF_LISTS: &[&str] = &["mirror", "mirror-validate"];
/// Commands that copy, or compare copies.
const OF_COPIES: &[&str] = &["copy", "mirror", "mirror-validate"];
/// Commands that connect to registries.
const OF_REGISTRIES: &[&str] =
    &["copy", "mirror", "mirror-validate", "mirror-charts", "tags", "inspect", "whoami"];

/// What longshore has for the flags of crane, skopeo, regctl, regsync, oras and image-syncer.
const OTHER_FLAGS: &[OtherFlags] = &[
    (
        OF_REGISTRIES,
        &[
            "--creds",
            "--src-creds",
            "--dest-creds",
            "--username",
            "--password",
            "--src-username",
            "--src-password",
            "--dest-username",
            "--dest-password",
        ],
        "longshore login REGISTRY stores a credential; in CI, a variable LONGSHORE_AUTH_… gives one",
    ),
    (
        OF_REGISTRIES,
        &["--authfile", "--src-authfile", "--dest-authfile"],
        "name the file in the variable REGISTRY_AUTH_FILE",
    ),
    (OF_LISTS, &["--auth"], "--list-credentials=FILE uses the credentials of a list"),
    (
        OF_REGISTRIES,
        &[
            "--insecure",
            "-k",
            "--src-tls-verify",
            "--dest-tls-verify",
            "--skip-tls-verify",
            "--plain-http",
        ],
        "--insecure-registry HOST skips certificate checks of one registry and allows plain HTTP to it; \
         --tls-verify=false does so for all",
    ),
    (
        &["copy"],
        &["-d", "--destination", "--dest"],
        "the destination comes behind the source: longshore copy SOURCE DESTINATION",
    ),
    (
        &["copy"],
        &["--all", "--all-platforms", "--multi-arch"],
        "longshore copies all platforms, unless --arch, --os or --platform selects some",
    ),
    (
        OF_LISTS,
        &["--all", "--all-platforms", "--multi-arch"],
        "--arch all --os all selects every platform",
    ),
    (
        OF_COPIES,
        &["--digest-tags", "--recursive", "-r"],
        "--referrers copies signatures, SBOMs and attestations, also those with cosign's tags",
    ),
    (
        OF_COPIES,
        &["--preserve-digests"],
        "digests stay, unless --arch, --os or --platform selects a part, or --index writes another index",
    ),
    (
        &["copy", "mirror"],
        &["--no-clobber", "-n"],
        "longshore always replaces a tag that differs; --dry-run shows which",
    ),
    (
        &["copy", "mirror"],
        &["--format"],
        "manifests keep their media types; --index oci writes OCI indexes",
    ),
    (
        &["inspect"],
        &["--raw", "--format", "-f"],
        "--output json prints a document; --config shows configurations too",
    ),
    (&["tags"], &["--full-ref", "--format", "-f"], "--output json prints a document"),
    (
        OF_LISTS,
        &["-c", "--config", "-l", "--list", "--image-list", "--images", "--src", "-i", "--input"],
        "name the list with -f: -f FILE",
    ),
    (
        &["convert-list"],
        &["-f", "--file", "-l", "--list", "--image-list", "--images"],
        "name the list with -i: -i FILE",
    ),
    (
        OF_LISTS,
        &["--platform", "--platforms"],
        "-a takes platforms too: -a linux/amd64,linux/arm64",
    ),
    (OF_REGISTRIES, &["-v", "--verbose"], "--debug logs in detail"),
    (OF_LISTS, &["--dest", "--registry"], "name the destination registry with -d: -d REGISTRY"),
    (
        OF_COPIES,
        &["--concurrency", "--workers", "--parallel", "--proc"],
        "-j N works on N images at once",
    ),
    (OF_LISTS, &["--scoped"], "longshore keeps the whole path of a source; --rewrite changes it"),
    (&["mirror-validate"], &["--dry-run"], "mirror-validate only reads, and changes nothing"),
];

/// Returns the tip for a flag that other tools have.
pub(super) fn of_other_tools(
    flag: &str,
    arguments: &[OsString],
    command: &Command,
) -> Option<String> {
    let of = arguments.iter().skip(1).find_map(|argument| command.find_subcommand(argument))?;
    match (of.get_name(), flag) {
        ("login", "-p" | "--password") => Some(
            "longshore asks for the password, or reads it from standard input with --password-stdin"
                .to_owned(),
        ),
        ("mirror-validate", "--force-recursive") => {
            Some("mirror-validate always checks each manifest and blob; --deep hashes them too".to_owned())
        }
        (_, "--project") if of.get_arguments().any(|flag| flag.get_long() == Some("destination-project")) => Some(
            "--destination-project replaces the project of every destination".to_owned(),
        ),
        ("mirror-charts", "-f" | "--file") => {
            Some("name the configuration with -c: -c mirror.yaml".to_owned())
        }
        ("mirror-charts", "-d" | "--destination" | "-s" | "--source") => Some(
            "the configuration names registries: `target` and `upstreams`".to_owned(),
        ),
        ("mirror-charts", "-j" | "--jobs") => {
            Some("--concurrency N copies N charts and images at once".to_owned())
        }
        ("serve", "-p" | "--port") => Some("give the address with --listen 127.0.0.1:PORT".to_owned()),
        (name, flag) => {
            let is_meant = |(commands, flags, _): &&OtherFlags| commands.contains(&name) && flags.contains(&flag);
            OTHER_FLAGS.iter().find(is_meant).map(|(_, _, tip)| (*tip).to_owned())
        }
    }
}

/// What longshore has for the commands of other tools.
const OTHER_COMMANDS: [(&str, &str); 31] = [
    ("save", "mirror -f LIST -d oci:DIR writes images into a folder"),
    ("load", "mirror -f LIST -s oci:DIR -d REGISTRY pushes the images of a folder"),
    (
        "sync",
        "mirror -f LIST -d REGISTRY copies the images of a list, also of regsync and skopeo sync",
    ),
    ("compress", "mirror -f LIST -d oci:DIR writes a folder, which tar makes an archive"),
    ("decompress", "mirror -f LIST -s oci:DIR -d REGISTRY reads a folder, which tar unpacks"),
    ("archive", "mirror -f LIST -d oci:DIR writes a folder, which tar makes an archive"),
    ("sign", "mirror --referrers copies signatures; cosign sign makes them"),
    ("scan", "mirror --referrers copies SBOMs; no command scans images"),
    ("version", "--version prints the version"),
    ("cp", "copy SOURCE DESTINATION copies one image"),
    ("pull", "copy SOURCE oci:DIR writes one image into a folder"),
    ("push", "copy oci:DIR:TAG DESTINATION pushes one image of a folder"),
    ("ls", "tags REPOSITORY lists tags"),
    ("list", "tags REPOSITORY lists tags"),
    ("list-tags", "tags REPOSITORY lists tags"),
    ("digest", "inspect REFERENCE shows an image and its digest"),
    ("catalog", "tags REPOSITORY lists tags; no command lists the repositories of a registry"),
    ("manifest", "inspect REFERENCE shows an image"),
    ("config", "inspect REFERENCE --config shows labels, environment and more"),
    ("validate", "mirror-validate -f LIST -d REGISTRY compares the destination with the sources"),
    ("save-validate", "mirror-validate -f LIST -d oci:DIR compares a folder with the sources"),
    (
        "load-validate",
        "mirror-validate -f LIST -s oci:DIR -d REGISTRY compares a registry with a folder",
    ),
    (
        "generate-list",
        "convert-list -i CONFIG lists the images that charts need, for a configuration of mirror-charts",
    ),
    ("convert", "convert-list -i LIST writes a list in another format"),
    ("once", "mirror -f LIST copies the images of a list once"),
    ("server", "mirror -f LIST --every 6h keeps running; serve serves a folder as a registry"),
    ("check", "mirror -f LIST --dry-run shows what would be copied"),
    ("image", "copy SOURCE DESTINATION copies one image, and inspect REFERENCE shows one"),
    ("tag", "tags REPOSITORY lists tags, and copy SOURCE DESTINATION gives an image another tag"),
    ("auth", "login REGISTRY stores a credential, and whoami REGISTRY shows which one is used"),
    ("registry", "login REGISTRY stores a credential; serve serves a folder as a registry"),
];

/// Adds what longshore has for a command of another tool.
pub(super) fn with_other_command(mut error: clap::Error) -> clap::Error {
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand)
        && let Some((_, instead)) = OTHER_COMMANDS.iter().find(|(name, _)| name == word)
    {
        let tip = vec![format!("longshore {instead}").into()];
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tip));
    }
    error
}

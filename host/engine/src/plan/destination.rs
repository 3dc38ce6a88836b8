//! Parses the stores that flags name.

use std::path::Path;

use longshore_oci::{LayoutsName, Registry, StoreName, is_named_archive};

use super::PlanError;

/// The prefix of a folder of image layouts.
const LAYOUTS: &str = "oci:";

/// Schemes with which other tools name a folder, an image layout or an archive of one.
const FOLDER_SCHEMES: [&str; 7] =
    ["oci", "ocidir", "oci-layout", "oci-archive", "docker-archive", "file", "dir"];

/// Parses the store that `flag` names: `-s`, `-d` or an environment variable.
///
/// # Errors
/// If `value` is neither `host[:port]` nor `oci:DIR`.
pub fn parse_store_flag(flag: &'static str, value: &str) -> Result<StoreName, PlanError> {
    let refused = Refused { flag, value };
    if let Some(error) = refused.account() {
        return Err(error);
    }
    if let Some(name) = LayoutsName::parse(value).filter(|_| !value.starts_with("oci://")) {
        let path = &value[LAYOUTS.len()..];
        if path.starts_with(['~', '$']) {
            return Err(refused.unexpanded(path));
        }
        return Ok(StoreName::Layouts(name));
    }
    if value == LAYOUTS {
        let hint = format!("{}oci:DIR, or a registry without a scheme", refused.write());
        return Err(refused.because("it does not name a folder", hint));
    }
    if let Some((scheme, rest)) = scheme_of(value) {
        return Err(refused.folder_scheme(scheme, rest));
    }
    if is_archive(value) {
        return parse_registry(&refused, "").map(StoreName::Registry);
    }
    if is_path(value) {
        let hint = format!("{}oci:{value}", refused.write());
        return Err(refused.because("it is the path of a folder", hint));
    }
    match value.split_once('/') {
        Some((first, _)) if !value.contains("://") && !Registry::looks_like_one(first) => {
            let write = refused.write();
            let hint = format!("{write}oci:{value} for a folder, or {write}HOST for a registry");
            Err(refused.because("it has a path", hint))
        }
        _ => parse_registry(&refused, &format!(", or {}oci:{value} for a folder", refused.write()))
            .map(StoreName::Registry),
    }
}

/// Parses the registry that `flag` names, where the lines of a list must name it too. For a scheme or a
/// path, the hint tells what to write instead.
///
/// # Errors
/// If `value` is not `host[:port]`.
pub fn parse_registry_flag(flag: &'static str, value: &str) -> Result<Registry, PlanError> {
    let refused = Refused { flag, value };
    if let Some(error) = refused.account() {
        return Err(error);
    }
    if value.starts_with(LAYOUTS) || scheme_of(value).is_some() || is_path(value) {
        let why = "the lines of a list cannot name a folder of image layouts";
        let hint = format!("leave {flag} out, and give {flag} oci:DIR to mirror with the new list");
        return Err(refused.because(why, hint));
    }
    parse_registry(&refused, "")
}

/// Parses a registry. `folder` ends the hint for a word that may be a folder.
fn parse_registry(refused: &Refused<'_>, folder: &str) -> Result<Registry, PlanError> {
    let (flag, value, write) = (refused.flag, refused.value, refused.write());
    if is_archive(value) {
        let why = "it is an archive, which longshore cannot read";
        let hint = format!(
            "extract it and {write}oci:DIR if it is an OCI image layout; longshore mirror -d oci:DIR writes a folder in \
             place of hangar save"
        );
        return Err(refused.because(why, hint));
    }
    let bare = value.split_once("://").map_or(value, |(_, rest)| rest);
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    if let Some(host) = Registry::in_brackets(host) {
        let why = "an IPv6 address needs brackets";
        return Err(refused.because(why, below(flag, &write, &host, path)));
    }
    if let Some((scheme, rest)) = value.split_once("://") {
        let host = rest.split('/').next().unwrap_or(rest);
        let insecure =
            if scheme == "http" { " (plain HTTP is allowed by --tls-verify=false)" } else { "" };
        return Err(refused.because("it has a scheme", format!("{write}{host}{insecure}")));
    }
    if let Some((host, path)) = value.split_once('/') {
        return Err(refused.because("it has a path", below(flag, &write, host, path)));
    }
    let registry = value.parse().map_err(|error: longshore_oci::ReferenceError| {
        let word = &write["write ".len()..];
        refused.because(&error.to_string(), format!("{write}host or {word}host:port"))
    })?;
    if !Registry::looks_like_one(value) {
        let why = "a word without a dot or a port is not a registry in a reference";
        let hint = format!("{write}host:port or the registry's full name{folder}");
        return Err(refused.because(why, hint));
    }
    Ok(registry)
}

/// Returns the hint for a path after a registry.
fn below(flag: &str, write: &str, host: &str, path: &str) -> String {
    match (flag, path.trim_end_matches('/')) {
        (_, "") => format!("{write}{host}"),
        ("-s", _) => format!("{write}{host}; the path belongs in the list"),
        ("-d", path) => {
            format!("{write}{host} --rewrite prefix --plugin-config prefix.prefix={path}")
        }
        (_, path) => {
            format!("{write}{host} and give --rewrite prefix --plugin-config prefix.prefix={path}")
        }
    }
}

/// Splits a value with the scheme of a folder: `oci://PATH`, `ocidir://PATH`, `dir:PATH`.
fn scheme_of(value: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = value.split_once(':')?;
    // `dir:5000` is a registry.
    let is_port = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    let is_folder = FOLDER_SCHEMES.contains(&scheme) && !is_port;
    is_folder.then(|| (scheme, rest.strip_prefix("//").unwrap_or(rest)))
}

/// Reports whether a value is an archive. Hosts may end in `.zip`, so such a name is one only with a file on this
/// machine; no host ends in `.tar`, `.gz` and the like.
fn is_archive(value: &str) -> bool {
    let path = Path::new(value);
    let may_be_host = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip"));
    is_named_archive(path) && (!may_be_host || path.is_file())
}

/// Reports whether a value can only be a path.
fn is_path(value: &str) -> bool {
    value.starts_with(['/', '~'])
        || matches!(value.split('/').next(), Some("." | ".."))
        || value.starts_with('$')
}

/// A flag with a value that is not a store.
struct Refused<'a> {
    flag: &'static str,
    value: &'a str,
}

impl Refused<'_> {
    /// Refuses a registry with a user name before it. The error does not show a password.
    fn account(&self) -> Option<PlanError> {
        let (scheme, rest) = match self.value.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, self.value),
        };
        let is_folder = is_path(rest) || (scheme.is_none() && scheme_of(rest).is_some());
        if is_folder || rest.starts_with(LAYOUTS) {
            return None;
        }
        let (_, bare) = rest.rsplit_once('@')?;
        let host = bare.split('/').next().filter(|host| Registry::looks_like_one(host))?;
        let write = self.write();
        let hint = format!(
            "{write}{host} and log in with docker login {host}, or set DOCKER_USERNAME and DOCKER_PASSWORD"
        );
        let shown = format!("***@{bare}");
        Some(Refused { flag: self.flag, value: &shown }.because("it has a user name", hint))
    }

    fn because(&self, why: &str, hint: String) -> PlanError {
        let (flag, value, why) = (self.flag, self.value.to_owned(), why.to_owned());
        PlanError::Registry { flag, value, why, hint }
    }

    /// Returns the start of a hint that says what to write: `write -d `, `write DOCKER_REGISTRY=`.
    fn write(&self) -> String {
        let flag = self.flag;
        if flag.starts_with('-') { format!("write {flag} ") } else { format!("write {flag}=") }
    }

    /// Refuses a path that starts with `~` or a variable, which the shell does not expand after `oci:`.
    fn unexpanded(&self, path: &str) -> PlanError {
        let (first, rest) = path.split_once('/').map_or((path, ""), |(first, rest)| (first, rest));
        let why = format!("{first} is not expanded behind oci:");
        let write = self.write();
        let hint = match (first, self.flag.starts_with('-')) {
            ("~", true) => {
                format!("{write}\"oci:$HOME/{rest}\"; the folder {first} itself is oci:./{first}")
            }
            _ => format!(
                "{write}oci: and the whole path; the folder {first} itself is oci:./{first}"
            ),
        };
        self.because(&why, hint)
    }

    /// Refuses a folder in the spelling of another tool, or a registry after `oci://`.
    fn folder_scheme(&self, scheme: &str, rest: &str) -> PlanError {
        let write = self.write();
        let (first, path) = rest.split_once('/').unwrap_or((rest, ""));
        let hint = if scheme.ends_with("-archive") {
            format!("unpack the archive, and {write}oci:DIR")
        } else if scheme == "oci" && !is_path(rest) && Registry::looks_like_one(first) {
            let registry = below(self.flag, &write, first, path);
            format!("{registry}, or for a folder {write}oci:{rest}")
        } else if rest.is_empty() {
            format!("{write}oci:DIR")
        } else {
            format!("{write}oci:{rest}")
        };
        self.because("it has a scheme", hint)
    }
}

#[cfg(test)]
mod tests {
    use super::{parse_registry_flag, parse_store_flag};

    #[test]
    fn a_password_is_not_shown() {
        for value in [
            "jo:pa55@a.io",
            "https://jo:pa55@a.io/x",
            "jo:pa55/x@a.io",
            "jo:pa55#@x@a.io:5000",
            "pa55@a.io",
            "oci://pa55@a.io",
        ] {
            let error = parse_registry_flag("-s", value).unwrap_err();
            let said = format!("{error} {error:?} {:?}", error.hint());
            assert!(said.contains("it has a user name") && said.contains("***@a.io"), "{said}");
            assert!(!said.contains("pa55"), "{said}");
        }
    }

    #[test]
    fn the_hint_says_what_to_write() {
        let hint = |flag, value| parse_registry_flag(flag, value).unwrap_err().hint().unwrap();
        assert_eq!(hint("-d", "https://a.io/b"), "write -d a.io");
        assert!(hint("-d", "http://a.io").contains("--tls-verify=false"));
        assert_eq!(
            hint("-d", "a.io/team/x"),
            "write -d a.io --rewrite prefix --plugin-config prefix.prefix=team/x"
        );
        assert_eq!(hint("-s", "a.io/"), "write -s a.io");
        assert_eq!(hint("-d", "a b"), "write -d host or -d host:port");
        assert_eq!(hint("DOCKER_REGISTRY", "https://a.io"), "write DOCKER_REGISTRY=a.io");
        assert!(hint("-d", "jo:pw@a.io").starts_with("write -d a.io and log in with docker login"));
        assert_eq!(parse_registry_flag("-d", "a.io:5000").unwrap().as_str(), "a.io:5000");
        for folder in ["oci:dir", "oci:", "oci://x", "./dir", "ocidir://x", "/tmp/x"] {
            let expected = "leave -d out, and give -d oci:DIR to mirror with the new list";
            assert_eq!(hint("-d", folder), expected, "{folder}");
        }
    }

    #[test]
    fn a_folder_in_another_spelling_gets_the_right_one() {
        let hint = |flag, value| parse_store_flag(flag, value).unwrap_err().hint().unwrap();
        for (value, expected) in [
            ("oci://x", "write -d oci:x"),
            ("oci://dir/sub", "write -d oci:dir/sub"),
            ("oci:///mnt/usb", "write -d oci:/mnt/usb"),
            ("oci://./dir", "write -d oci:./dir"),
            ("oci://", "write -d oci:DIR"),
            ("ocidir://mnt/usb", "write -d oci:mnt/usb"),
            ("ocidir:///a.b/c", "write -d oci:/a.b/c"),
            ("oci-layout:dir", "write -d oci:dir"),
            ("file:///tmp/x", "write -d oci:/tmp/x"),
            ("dir:/tmp/x", "write -d oci:/tmp/x"),
            ("oci-archive:x.tar", "unpack the archive, and write -d oci:DIR"),
            ("./dir", "write -d oci:./dir"),
            ("../dir/sub", "write -d oci:../dir/sub"),
            (".", "write -d oci:."),
            ("/tmp/dir", "write -d oci:/tmp/dir"),
            ("dir/sub", "write -d oci:dir/sub for a folder, or write -d HOST for a registry"),
            (
                "dir",
                "write -d host:port or the registry's full name, or write -d oci:dir for a folder",
            ),
            (
                "oci://reg.io:5000/charts",
                "write -d reg.io:5000 --rewrite prefix --plugin-config prefix.prefix=charts, or for a \
                 folder write -d oci:reg.io:5000/charts",
            ),
            ("oci://reg.io", "write -d reg.io, or for a folder write -d oci:reg.io"),
            ("docker://reg.io", "write -d reg.io"),
            ("reg.io/a", "write -d reg.io --rewrite prefix --plugin-config prefix.prefix=a"),
        ] {
            assert_eq!(hint("-d", value), expected, "{value}");
        }
        assert_eq!(hint("-s", "oci://x"), "write -s oci:x");
        assert_eq!(hint("DOCKER_REGISTRY", "./x"), "write DOCKER_REGISTRY=oci:./x");
        assert_eq!(parse_store_flag("-d", "dir:5000").unwrap().as_str(), "dir:5000");
    }

    #[test]
    fn a_path_that_no_shell_expands_is_refused() {
        for (flag, path, part) in [
            ("-d", "oci:~/x", "write -d \"oci:$HOME/x\"; the folder ~ itself is oci:./~"),
            ("-s", "oci:~", "write -s \"oci:$HOME/\""),
            ("-d", "oci:~jo/x", "write -d oci: and the whole path; the folder ~jo itself"),
            ("-d", "oci:$HOME/x", "oci:./$HOME"),
            ("destination", "oci:~/x", "write destination=oci: and the whole path"),
        ] {
            let error = parse_store_flag(flag, path).unwrap_err();
            assert!(error.to_string().contains("is not expanded behind oci:"), "{error}");
            assert!(error.hint().unwrap().contains(part), "{path}: {:?}", error.hint());
        }
        for path in
            ["oci:a@b.io", "oci:/mnt/jo:pw@b.io", "oci:./~", "oci:a~/b", "oci:/home/~jo", "oci:a$b"]
        {
            assert_eq!(parse_store_flag("-d", path).unwrap().as_str(), path);
        }
    }
}

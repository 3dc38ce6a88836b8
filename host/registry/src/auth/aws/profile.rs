//! Keys in the shared files of AWS's tools: `~/.aws/credentials` and `~/.aws/config`.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use longshore_files::{ReadError, read_regular};

use super::Surroundings;
use crate::Secret;
use crate::auth::sigv4::AwsKeys;

/// The most bytes of a file.
const LIMIT: u64 = 1024 * 1024;
/// The profile if none is named.
const DEFAULT: &str = "default";
/// Keys of profiles whose credentials other programs or requests give.
const FOREIGN: [&str; 5] =
    ["credential_process", "sso_session", "sso_start_url", "role_arn", "login_session"];

/// The lines of one profile, in both files.
type Profile = HashMap<String, String>;

/// Returns the keys of the profile `wanted`, or of that in `AWS_PROFILE`, or of `default`.
///
/// # Errors
/// Fails if a file cannot be read, if a profile that somebody named does not exist, or if longshore cannot use
/// what the profile says.
pub(super) fn find(
    surroundings: &Surroundings,
    wanted: Option<&str>,
) -> Result<Option<AwsKeys>, String> {
    let named = wanted.map(str::to_owned).or_else(|| surroundings.variable("AWS_PROFILE"));
    let name = named.as_deref().unwrap_or(DEFAULT);
    let Some(profile) = read(surroundings, name)? else {
        return match named {
            Some(name) => Err(format!("no file of AWS has the profile `{name}`")),
            None => Ok(None),
        };
    };
    let value = |key: &str| profile.get(key).filter(|value| !value.is_empty()).cloned();
    match (value("aws_access_key_id"), value("aws_secret_access_key")) {
        (Some(access_key_id), Some(key)) => Ok(Some(AwsKeys {
            access_key_id,
            secret_access_key: Secret::new(key),
            session_token: value("aws_session_token").map(Secret::new),
        })),
        (None, None) => {
            if let Some(key) = FOREIGN.iter().find(|key| value(key).is_some()) {
                return Err(format!(
                    "the profile `{name}` has {key}, which longshore does not follow; set \
                     AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN instead, such as \
                     with `aws configure export-credentials`"
                ));
            }
            match named {
                Some(name) => Err(format!("the profile `{name}` has no keys")),
                None => Ok(None),
            }
        }
        _ => Err(format!("the profile `{name}` has one of two keys only")),
    }
}

/// Returns the region of the profile `wanted`, or of that in use.
pub(super) fn region(surroundings: &Surroundings, wanted: Option<&str>) -> Option<String> {
    let named = wanted.map(str::to_owned).or_else(|| surroundings.variable("AWS_PROFILE"));
    let profile = read(surroundings, named.as_deref().unwrap_or(DEFAULT)).ok()??;
    profile.get("region").filter(|region| !region.is_empty()).cloned()
}

/// Reads a profile. What the file of credentials says counts more.
fn read(surroundings: &Surroundings, name: &str) -> Result<Option<Profile>, String> {
    let file = |variable: &str, usual: &str| {
        let path = surroundings.variable(variable).map(PathBuf::from);
        path.or_else(|| Some(surroundings.home.as_ref()?.join(".aws").join(usual)))
    };
    let in_config = match name {
        DEFAULT => DEFAULT.to_owned(),
        name => format!("profile {name}"),
    };
    let mut found = section(file("AWS_CONFIG_FILE", "config"), &in_config)?;
    let credentials = section(file("AWS_SHARED_CREDENTIALS_FILE", "credentials"), name)?;
    if let Some(credentials) = credentials {
        found.get_or_insert_default().extend(credentials);
    }
    Ok(found)
}

fn section(path: Option<PathBuf>, name: &str) -> Result<Option<Profile>, String> {
    let Some(path) = path else { return Ok(None) };
    match read_regular(&path, LIMIT) {
        Ok(bytes) => {
            let text =
                String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", path.display()))?;
            Ok(parse(&text, name))
        }
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(unreadable(&path, &error)),
    }
}

fn is_missing(error: &ReadError) -> bool {
    matches!(error, ReadError::System(error) if matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    ))
}

fn unreadable(path: &Path, error: &ReadError) -> String {
    format!("cannot read {}: {error}", path.display())
}

/// Returns the lines of a section. Indented lines belong to the value before them.
fn parse(text: &str, name: &str) -> Option<Profile> {
    let mut found: Option<Profile> = None;
    let mut is_here = false;
    for line in text.trim_start_matches('\u{feff}').lines() {
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if let Some(title) = content.strip_prefix('[') {
            let title = title.split(']').next().unwrap_or_default();
            is_here = title.split_whitespace().eq(name.split_whitespace());
            if is_here {
                found.get_or_insert_default();
            }
            continue;
        }
        if !is_here || line.starts_with([' ', '\t']) {
            continue;
        }
        if let (Some((key, value)), Some(profile)) = (content.split_once('='), found.as_mut()) {
            // A comment after a value starts with a blank.
            let value = value.split(" #").next().unwrap_or_default();
            let value = value.split(" ;").next().unwrap_or_default();
            profile.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::tests::surroundings;
    use super::{find, region};

    const CREDENTIALS: &str = "\u{feff}# keys\n[default]\naws_access_key_id = AKIADEFAULT\n\
        aws_secret_access_key=abc/d+e= # old\n\n[ team ]\nAWS_ACCESS_KEY_ID=AKIATEAM\n\
        aws_secret_access_key = s3cret\naws_session_token = tok=en\n[half]\naws_access_key_id = A\n";
    const CONFIG: &str = "[default]\nregion = eu-west-1\n[profile team]\nregion=us-east-2\ns3 =\n  \
        region = nested\n[profile sso]\nsso_session = x\n[profile chained]\nrole_arn = arn:aws:iam::1:role/r\n\
        source_profile = default\n[profile inline]\naws_access_key_id = AKIAINLINE\n\
        aws_secret_access_key = k\n[profile plain]\noutput = json\n";

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".aws")).unwrap();
        fs::write(home.path().join(".aws/credentials"), CREDENTIALS).unwrap();
        fs::write(home.path().join(".aws/config"), CONFIG).unwrap();
        home
    }

    /// Returns the name of the key, the key and the token.
    fn found(
        variables: &[(&str, &str)],
        home: Option<&Path>,
        wanted: Option<&str>,
    ) -> Result<Option<(String, String, Option<String>)>, String> {
        let keys = find(&surroundings(variables, home), wanted)?;
        Ok(keys.map(|keys| {
            let token = keys.session_token.map(|token| token.expose().to_owned());
            (keys.access_key_id, keys.secret_access_key.expose().to_owned(), token)
        }))
    }

    #[test]
    fn a_profile_is_read_from_both_files() {
        let home = home();
        let at = Some(home.path());
        let key = |id: &str, key: &str, token: Option<&str>| {
            Ok(Some((id.to_owned(), key.to_owned(), token.map(str::to_owned))))
        };
        assert_eq!(found(&[], at, None), key("AKIADEFAULT", "abc/d+e=", None));
        let team = key("AKIATEAM", "s3cret", Some("tok=en"));
        assert_eq!(found(&[("AWS_PROFILE", "team")], at, None), team);
        assert_eq!(found(&[("AWS_PROFILE", "sso")], at, Some("team")), team);
        assert_eq!(found(&[], at, Some("inline")), key("AKIAINLINE", "k", None));
        let elsewhere = home.path().join("other");
        fs::write(&elsewhere, "[default]\naws_access_key_id=B\naws_secret_access_key=c\n").unwrap();
        let file = [("AWS_SHARED_CREDENTIALS_FILE", elsewhere.to_str().unwrap())];
        assert_eq!(found(&file, at, None), key("B", "c", None));
        let config = [("AWS_CONFIG_FILE", "/nowhere/config"), ("AWS_PROFILE", "inline")];
        assert!(found(&config, at, None).is_err());
    }

    #[test]
    fn a_region_is_that_of_the_profile() {
        let home = home();
        let of = |variables: &[(&str, &str)], wanted: Option<&str>| {
            region(&surroundings(variables, Some(home.path())), wanted)
        };
        assert_eq!(of(&[], None).as_deref(), Some("eu-west-1"));
        assert_eq!(of(&[("AWS_PROFILE", "team")], None).as_deref(), Some("us-east-2"));
        assert_eq!(of(&[], Some("team")).as_deref(), Some("us-east-2"));
        assert_eq!(of(&[], Some("inline")), None);
        assert_eq!(of(&[("AWS_PROFILE", "nobody")], None), None);
    }

    #[test]
    fn what_gives_no_keys_is_named_if_somebody_wanted_it() {
        let home = home();
        let at = Some(home.path());
        assert_eq!(found(&[], None, None), Ok(None), "there is no home");
        assert_eq!(found(&[], Some(&home.path().join("empty")), None), Ok(None));
        for (name, part) in [
            ("nobody", "no file of AWS has the profile `nobody`"),
            ("half", "one of two keys"),
            ("sso", "has sso_session, which longshore does not follow"),
            ("chained", "has role_arn"),
            ("plain", "has no keys"),
        ] {
            for (variables, wanted) in [(vec![("AWS_PROFILE", name)], None), (vec![], Some(name))] {
                let error = found(&variables, at, wanted).expect_err(name);
                assert!(error.contains(part), "{name}: {error}");
            }
        }
        let folder = [("AWS_SHARED_CREDENTIALS_FILE", home.path().to_str().unwrap())];
        assert!(found(&folder, at, None).expect_err("a folder").contains("cannot read"));
    }
}

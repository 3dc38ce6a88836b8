//! The grants of installed plugins in the settings file: `[plugins.NAME] grants`.

use std::io;
use std::path::Path;

use longshore_plugin_host::{PluginHost, check_grant};
use toml::{Table, Value};

use super::file::text_of;
use super::{SettingsError, SettingsFile};
use longshore_files::{ReadError, read_any, replace_text};

/// The key.
pub(super) const GRANTS: &str = "grants";
/// The largest settings file that grants are added to, in bytes.
const LIMIT: u64 = 1024 * 1024;

/// Returns the grants in the table of a plugin.
///
/// # Errors
/// Returns an error if they are not a list of grants, or the plugin is built in.
pub(super) fn read(
    file: &SettingsFile,
    plugin: &str,
    table: &Table,
) -> Result<Vec<String>, SettingsError> {
    let Some(value) = table.get(GRANTS) else { return Ok(Vec::new()) };
    let path = || file.path().map(Path::to_owned).unwrap_or_default();
    if PluginHost::is_built_in(plugin) {
        return Err(SettingsError::BuiltInGrants { path: path(), plugin: plugin.to_owned() });
    }
    let texts = value.as_array().map(|items| {
        items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
    });
    let grants = texts.flatten().ok_or_else(|| SettingsError::Type {
        path: path(),
        key: format!("plugins.{plugin}.{GRANTS}"),
        expected: "a list of texts, such as [\"GET registry /api/**\"]",
    })?;
    match grants.iter().find_map(|grant| check_grant(grant).err()) {
        Some(error) => Err(SettingsError::PluginGrant {
            path: path(),
            key: format!("plugins.{plugin}.{GRANTS}"),
            error,
        }),
        None => Ok(grants),
    }
}

/// Returns the lines of the settings file that grant requests to a plugin.
fn grant_lines(plugin: &str, grants: &[String]) -> String {
    let grants: Vec<Value> = grants.iter().map(|grant| Value::String(grant.clone())).collect();
    format!("[plugins.{plugin}]\n{GRANTS} = {}\n", Value::Array(grants))
}

/// Adds the grants of a plugin to the settings file at `path`, and creates the file if it is missing. Grants that
/// longshore wrote before get the new ones behind them. Everything else stays as the user wrote it.
///
/// # Errors
/// Returns an error if the file cannot be read or written, or has a table of the plugin in which the user wrote the
/// grants.
pub(crate) fn add_grants(
    path: &Path,
    plugin: &str,
    grants: &[String],
) -> Result<(), SettingsError> {
    let text = match text_of(read_any(path, LIMIT)) {
        Ok(text) => text,
        Err(ReadError::System(error)) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(SettingsError::Read { path: path.to_owned(), error }),
    };
    let granted = |text: &str| {
        let file = SettingsFile::parse(path, text, vec![plugin.to_owned()])?;
        file.plugin(plugin).map(|table| read(&file, plugin, table)).transpose()
    };
    let known = granted(&text)?;
    let had = known.clone().unwrap_or_default();
    let new = grants.iter().filter(|grant| !had.contains(grant));
    let all: Vec<String> = had.iter().chain(new).cloned().collect();
    let lines = grant_lines(plugin, &all);
    let refused = || SettingsError::HasPluginTable {
        path: path.to_owned(),
        plugin: plugin.to_owned(),
        line: lines.lines().last().unwrap_or_default().to_owned(),
    };
    let text = match known {
        None => {
            let between = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            format!("{text}{between}{lines}")
        }
        Some(known) => text.replacen(&grant_lines(plugin, &known), &lines, 1),
    };
    // `plugins` may be written in a way that takes no further table, and the grants in another way than longshore's.
    if granted(&text).map_err(|_| refused())? != Some(all) {
        return Err(refused());
    }
    let permissions = path.metadata().ok().map(|found| found.permissions());
    replace_text(path, &text, permissions)
        .map_err(|error| SettingsError::WriteGrants { path: path.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::{add_grants, grant_lines, read};
    use crate::settings::SettingsFile;

    fn grants() -> Vec<String> {
        vec!["GET api /a/**".to_owned(), "POST api /\"b\"".to_owned()]
    }

    #[test]
    fn grants_are_added_behind_what_the_user_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("real.toml"), folder.path().join("s.toml"));
        for (text, kept) in [
            ("", ""),
            ("# mine\njobs = 3\n", "# mine\njobs = 3\n"),
            ("[mirror]\njobs = 3", "[mirror]\njobs = 3\n"),
        ] {
            let _none = (fs::remove_file(&path), fs::remove_file(&link));
            if !text.is_empty() {
                fs::write(&path, text).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
                symlink("real.toml", &link).unwrap();
            }
            add_grants(&link, "zarf", &grants()).unwrap();
            let written = fs::read_to_string(&link).unwrap();
            assert!(written.starts_with(kept), "{written}");
            let file = SettingsFile::parse(&link, &written, vec!["zarf".to_owned()]).unwrap();
            assert_eq!(read(&file, "zarf", file.plugin("zarf").unwrap()).unwrap(), grants());
            if !text.is_empty() {
                assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
                assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
            }
        }
    }

    #[test]
    fn grants_that_longshore_wrote_get_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.toml");
        fs::write(&path, "# mine\n").unwrap();
        add_grants(&path, "zarf", &grants()[..1]).unwrap();
        let text = fs::read_to_string(&path).unwrap() + "key = 1\n\n[mirror]\njobs = 3\n";
        fs::write(&path, &text).unwrap();
        add_grants(&path, "zarf", &grants()).unwrap();
        let more =
            text.replace(&grant_lines("zarf", &grants()[..1]), &grant_lines("zarf", &grants()));
        assert_ne!(more, text);
        assert_eq!(fs::read_to_string(&path).unwrap(), more);
    }

    #[test]
    fn a_table_of_the_user_is_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.toml");
        for text in [
            "[plugins.zarf]\nkey = 1\n",
            "[plugins]\nzarf = { key = 1 }\n",
            "plugins = { other = { key = 1 } }\n",
            "plugins.zarf.key = 1\n",
        ] {
            fs::write(&path, text).unwrap();
            let error = add_grants(&path, "zarf", &grants()).unwrap_err();
            assert!(error.to_string().contains("it has [plugins.zarf]"), "{error}");
            assert!(error.hint().unwrap().contains("grants = [\"GET api /a/**\""), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        fs::write(&path, "what = 1\n").unwrap();
        assert!(add_grants(&path, "zarf", &grants()).is_err(), "a broken file was changed");
    }

    #[test]
    fn wrong_grants_are_named_with_their_place() {
        let error = |text: &str| {
            let file = SettingsFile::parse("s.toml".as_ref(), text, vec!["x".to_owned()]).unwrap();
            let (name, table) = file.plugin_tables().next().unwrap();
            read(&file, name, table).unwrap_err().to_string()
        };
        assert!(
            error("[plugins.x]\ngrants = 'GET registry /a'")
                .contains("s.toml: plugins.x.grants must be a list")
        );
        assert!(error("[plugins.x]\ngrants = [1]").contains("plugins.x.grants must be a list"));
        assert!(
            error("[plugins.x]\ngrants = ['GET registry']").contains("plugins.x.grants: the grant")
        );
        assert!(error("[plugins.x]\ngrants = ['GET registry /v2/a']").contains("/v2/"));
        assert!(error("[plugins.harbor]\ngrants = []").contains("harbor is built in"));
    }
}

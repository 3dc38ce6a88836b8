//! A chart renderer. This example knows no templates: it returns the files of `templates/` as they are,
//! with `RELEASE` replaced by the name of the release.

use longshore_plugin_sdk::PluginError;
use longshore_plugin_sdk::chart::{ChartRender, File, Manifest, Release};
use longshore_plugin_sdk::host;

longshore_plugin_sdk::export_chart_render!(Plain);

/// The renderer. It has no configuration.
pub struct Plain;

impl ChartRender for Plain {
    fn from_config(_json: &str) -> Result<Self, String> {
        Ok(Self)
    }

    fn render(
        &self,
        files: &[File],
        _values: &[String],
        release: &Release,
    ) -> Result<Vec<Manifest>, PluginError> {
        let mut manifests = Vec::new();
        for file in files.iter().filter(|file| file.path.starts_with("templates/")) {
            host::at(&file.path);
            let text = std::str::from_utf8(&file.content).map_err(|error| {
                PluginError::other("template", format!("{}: {error}", file.path))
            })?;
            let text = text.replace("RELEASE", &release.name);
            manifests.push(Manifest { path: file.path.clone(), text });
        }
        Ok(manifests)
    }
}

#[cfg(test)]
mod tests {
    use longshore_plugin_sdk::chart::{ChartRender as _, File, Release};

    use super::Plain;

    #[test]
    fn templates_are_manifests() {
        let file = |path: &str, text: &str| File { path: path.into(), content: text.into() };
        let release = Release {
            name: "web".to_owned(),
            namespace: "default".to_owned(),
            kube_version: None,
            api_versions: Vec::new(),
            skip_tests: false,
        };
        let files = [file("Chart.yaml", "name: a"), file("templates/a.yaml", "name: RELEASE\n")];
        let manifests = Plain.render(&files, &[], &release).expect("manifests");
        assert_eq!(manifests.len(), 1);
        assert_eq!(manifests[0].text, "name: web\n");
        assert!(Plain.render(&[File { path: "templates/b".into(), content: vec![0xff] }], &[], &release).is_err());
    }
}

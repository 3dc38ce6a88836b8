//! Flags for a list that is the configuration of `mirror-charts`.

use clap::Args;

/// Flags for a list that is the configuration of `mirror-charts`; they mean what they mean there.
#[derive(Clone, Debug, Args)]
pub(crate) struct ChartListFlags {
    /// Render the charts of a mirror.yaml with RENDERER: auto, builtin, helm (the program on PATH), an
    /// installed plugin, or the path of a program or a component; auto is the built-in one, else helm
    #[arg(long, value_name = "RENDERER", default_value = "auto")]
    pub(crate) renderer: String,
    /// Also take the images of components that the values of a mirror.yaml switch off
    #[arg(long)]
    pub(crate) include_disabled: bool,
}

impl ChartListFlags {
    /// Returns a note on flags that change nothing, because the list is not a configuration of charts.
    pub(crate) fn note(&self) -> Option<&'static str> {
        let is_given = self.include_disabled || self.renderer != "auto";
        is_given.then_some(
            "--renderer and --include-disabled change nothing: the list is not a configuration of charts",
        )
    }
}

//! Connects rewrite plugins to the plan.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use longshore_engine::list::Attribute;
use longshore_engine::plan::{Rewrite, RewriteError, RewriteItem, RewriteVerdict};
use longshore_plugin_host::contract::{Artifact, Item, Verdict};
use longshore_plugin_host::{Plugin, PluginError};

use crate::list::to_attribute;

/// A plugin of the kind `rewrite`, as the plan calls it.
pub(in crate::commands) struct PluginRewrite(pub(in crate::commands) Plugin);

/// The attribute of an entry that says what kind of artifact it is.
pub(in crate::commands) const ARTIFACT: &str = "artifact";
/// The value of that attribute for a Helm chart. All other entries count as images.
pub(in crate::commands) const CHART: &str = "chart";

impl PluginRewrite {
    async fn ask(&self, items: Vec<RewriteItem>) -> Result<Vec<RewriteVerdict>, PluginError> {
        let items: Vec<Item> = items.into_iter().map(item).collect();
        Ok(self.0.rewrite(&items).await?.into_iter().map(verdict).collect())
    }
}

impl Rewrite for PluginRewrite {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn batch(&self) -> usize {
        self.0.batch()
    }

    fn only_checks(&self) -> bool {
        self.0.metadata().is_some_and(|metadata| metadata.only_checks)
    }

    fn apply(
        &self,
        items: Vec<RewriteItem>,
    ) -> BoxFuture<'_, Result<Vec<RewriteVerdict>, RewriteError>> {
        let answered = async {
            self.ask(items).await.map_err(|error| RewriteError {
                message: error.to_string(),
                hint: error.hint().map(str::to_owned),
            })
        };
        answered.boxed()
    }
}

fn item(item: RewriteItem) -> Item {
    let is_chart = |found: &&Attribute| found.key == ARTIFACT && found.value == CHART;
    let artifact = match item.attributes.iter().find(is_chart) {
        Some(_) => Artifact::Chart,
        None => Artifact::Image,
    };
    Item {
        artifact,
        source: item.source,
        destination: item.destination,
        attributes: item.attributes.into_iter().map(to_attribute).collect(),
    }
}

fn verdict(verdict: Verdict) -> RewriteVerdict {
    match verdict {
        Verdict::Destination(destination) => RewriteVerdict::Destination(destination),
        Verdict::Skip(why) => RewriteVerdict::Skip(why),
        Verdict::Refuse(why) => RewriteVerdict::Refuse(why),
    }
}

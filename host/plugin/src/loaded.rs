//! A plugin that can be called, and what it can be asked.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use longshore_plugin_pack::{Kind, ListFacts, Metadata};
use tokio::time::timeout_at;

use super::access::Access;
use super::answer;
use super::contract::{Capabilities, Confidence, Entry, Item, Parsed, Prepared, Scope, Verdict};
use super::error::{Call, Failure, PluginError};
use super::escape::shown;
use super::host::{Linked, Runtime};
use super::session::Session;
use super::setup::PluginLog;

/// A plugin, ready to be called from any task; clones share everything.
///
/// Every call gets an instance of its own: nothing reaches the next one, and calls may overlap.
#[derive(Clone)]
pub struct Plugin(Arc<Loaded>);

/// What a plugin is made of.
pub(super) struct Loaded {
    pub(super) runtime: Arc<Runtime>,
    pub(super) linked: Arc<Linked>,
    pub(super) kind: Kind,
    pub(super) name: Arc<str>,
    pub(super) given_name: Arc<str>,
    pub(super) metadata: Option<Metadata>,
    /// JSON, as the guest gets it.
    pub(super) config: Arc<str>,
    pub(super) access: Arc<Access>,
    pub(super) log: Arc<dyn PluginLog>,
    pub(super) dry_run: bool,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Plugin")
            .field("name", &self.0.name)
            .field("kind", &self.0.kind)
            .finish_non_exhaustive()
    }
}

impl Plugin {
    pub(super) fn new(loaded: Loaded) -> Self {
        Self(Arc::new(loaded))
    }

    /// Its name: the metadata's, or the file's without its ending.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What it says about itself, if it does.
    #[must_use]
    pub fn metadata(&self) -> Option<&Metadata> {
        self.0.metadata.as_ref()
    }

    /// Returns the name or the path that it was loaded by.
    #[must_use]
    pub fn given_name(&self) -> &str {
        &self.0.given_name
    }

    /// Returns key and value of the configuration that makes it send requests over plain HTTP.
    #[must_use]
    pub fn plain_http(&self) -> Option<(&str, String)> {
        self.0.access.plain_http()
    }

    /// Returns what its metadata says about the list format; texts are cut and escaped.
    #[must_use]
    pub fn list_facts(&self) -> ListFacts {
        let facts = self.metadata().and_then(|metadata| metadata.list.clone()).unwrap_or_default();
        let safe = |text: Option<Cow<'static, str>>| text.map(|text| shown(&text).into());
        ListFacts {
            default_arch: safe(facts.default_arch),
            default_os: safe(facts.default_os),
            line_hint: safe(facts.line_hint),
            ..facts
        }
    }

    /// Asks a list format whether a text is in it; `head` is the text's start, at most 64 KiB, cut
    /// after a line.
    ///
    /// # Errors
    ///
    /// If the plugin fails.
    pub async fn probe(&self, file_name: &str, head: &str) -> Result<Confidence, PluginError> {
        let mut session = Session::start(&self.0, Call::Probe, None).await?;
        let guest = session.list_format()?;
        let answer =
            timeout_at(session.deadline(), guest.call_probe(session.store(), file_name, head))
                .await;
        session.end_plainly(answer)
    }

    /// Asks a list format for the entries of a text.
    ///
    /// # Errors
    ///
    /// If the plugin fails, refuses the text as a whole, or answers something that cannot be.
    pub async fn parse(&self, file_name: &str, text: &str) -> Result<Parsed, PluginError> {
        let mut session = Session::start(&self.0, Call::Parse, None).await?;
        let guest = session.list_format()?;
        let answer =
            timeout_at(session.deadline(), guest.call_parse(session.store(), file_name, text))
                .await;
        let parsed = session.end(answer)?;
        answer::parsed(parsed, text, self.0.runtime.limits.entries)
            .map_err(|failure| self.failed(Call::Parse, failure))
    }

    /// Can it write its list format?
    #[must_use]
    pub fn can_render(&self) -> bool {
        self.0.linked.exports.list_render.is_some()
    }

    /// Asks a list format to write a list.
    ///
    /// # Errors
    ///
    /// If the plugin cannot write, fails, or cannot say one of the entries.
    pub async fn render(&self, entries: &[Entry]) -> Result<String, PluginError> {
        let mut session = Session::start(&self.0, Call::Render, None).await?;
        let guest = session.list_render()?;
        let answer =
            timeout_at(session.deadline(), guest.call_render(session.store(), entries)).await;
        session.end(answer)
    }

    /// So many items are asked of a rewrite in one call; who has more asks best for as many at a
    /// time.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.0.runtime.limits.batch
    }

    /// Asks a rewrite what becomes of the items: one verdict for each, in their order.
    ///
    /// # Errors
    ///
    /// If the plugin fails, or answers something that cannot be.
    pub async fn rewrite(&self, items: &[Item]) -> Result<Vec<Verdict>, PluginError> {
        let mut verdicts = Vec::with_capacity(items.len());
        for batch in items.chunks(self.batch()) {
            let mut session = Session::start(&self.0, Call::Rewrite, None).await?;
            let guest = session.rewrite()?;
            let answer =
                timeout_at(session.deadline(), guest.call_apply(session.store(), batch)).await;
            let answer = session.end(answer)?;
            let answer = answer::verdicts(answer, batch.len())
                .map_err(|failure| self.failed(Call::Rewrite, failure))?;
            verdicts.extend(answer);
        }
        Ok(verdicts)
    }

    /// Asks a repository hook what a registry can do.
    ///
    /// # Errors
    ///
    /// If the plugin fails.
    pub async fn describe(&self, registry: &str) -> Result<Capabilities, PluginError> {
        let mut session = Session::start(&self.0, Call::Describe, Some(registry)).await?;
        let guest = session.repo_type()?;
        let answer =
            timeout_at(session.deadline(), guest.call_describe(session.store(), registry)).await;
        let capabilities = session.end(answer)?;
        answer::capabilities(capabilities).map_err(|failure| self.failed(Call::Describe, failure))
    }

    /// Asks a repository hook what must exist before a push: for each repository, in order, its
    /// scopes, outermost first.
    ///
    /// # Errors
    ///
    /// If the plugin fails, or answers something that cannot be.
    pub async fn scopes(
        &self,
        registry: &str,
        repositories: &[String],
    ) -> Result<Vec<Vec<Scope>>, PluginError> {
        let mut scopes = Vec::with_capacity(repositories.len());
        for batch in repositories.chunks(self.0.runtime.limits.batch) {
            let mut session = Session::start(&self.0, Call::Scopes, Some(registry)).await?;
            let guest = session.repo_type()?;
            let answer =
                timeout_at(session.deadline(), guest.call_scopes(session.store(), registry, batch))
                    .await;
            let answer = session.end(answer)?;
            let answer = answer::scopes(answer, batch.len())
                .map_err(|failure| self.failed(Call::Scopes, failure))?;
            scopes.extend(answer);
        }
        Ok(scopes)
    }

    /// Asks a repository hook to make a scope ready. In a dry run, this call's or the whole run's,
    /// the host lets only requests through that change nothing.
    ///
    /// # Errors
    ///
    /// If the plugin fails; [`Failure::Transient`] is worth another call.
    pub async fn prepare(
        &self,
        registry: &str,
        scope: &Scope,
        dry_run: bool,
    ) -> Result<Prepared, PluginError> {
        let dry_run = dry_run || self.0.dry_run;
        let mut session = Session::start(&self.0, Call::Prepare, Some(registry)).await?;
        if dry_run {
            session.forbid_changes();
        }
        let guest = session.repo_type()?;
        let answer = timeout_at(
            session.deadline(),
            guest.call_prepare(session.store(), registry, scope, dry_run),
        )
        .await;
        let prepared = session.end(answer)?;
        answer::prepared(prepared).map_err(|failure| self.failed(Call::Prepare, failure))
    }

    fn failed(&self, call: Call, failure: Failure) -> PluginError {
        PluginError::Call { plugin: self.name().to_owned(), call, failure }
    }
}

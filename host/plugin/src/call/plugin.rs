//! The functions of a loaded plugin.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use longshore_plugin_pack::{Endpoint, Kind, ListFacts, Metadata};

use super::guest_call::GuestCall;
use super::loaded::Loaded;
use super::validate;
use crate::contract::{
    Capabilities, ChartFile, Confidence, Entry, Item, Manifest, Parsed, Prepared, Release, Scope,
    Verdict,
};
use crate::error::{Call, Failure, PluginError};
use crate::escape::shown;
use crate::network::exchange::{self, ExchangeError, Exchanged};
use crate::network::permissions::PlainHttp;
use crate::network::requests::exchange_request;

/// A loaded plugin. Any task may call it, and clones share everything.
///
/// Every call has its own instance: no state reaches the next call, and calls may overlap.
#[derive(Clone)]
pub struct Plugin(Arc<Loaded>);

impl fmt::Debug for Plugin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Plugin")
            .field("name", &self.0.name)
            .field("kind", &self.0.kind)
            .finish_non_exhaustive()
    }
}

impl Plugin {
    pub(crate) fn new(loaded: Loaded) -> Self {
        Self(Arc::new(loaded))
    }

    /// Returns the name in the metadata, or the file name without its extension.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the kind of the plugin.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Returns the metadata of the component, if it has any.
    #[must_use]
    pub fn metadata(&self) -> Option<&Metadata> {
        self.0.metadata.as_ref()
    }

    /// Returns the SHA-256 of the component, in lower-case hexadecimal digits.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.0.sha256
    }

    /// Returns the configuration of the plugin, as JSON.
    #[must_use]
    pub fn config(&self) -> &str {
        &self.0.config
    }

    /// Returns the name or the path that the plugin was loaded by.
    #[must_use]
    pub fn given_name(&self) -> &str {
        &self.0.given_name
    }

    /// Returns the endpoints that use plain HTTP because the user said so.
    #[must_use]
    pub fn plain_http(&self) -> Vec<PlainHttp> {
        self.0.permissions.plain_http()
    }

    /// Returns the endpoint of the plugin's exchange, if it declares one.
    #[must_use]
    pub fn exchange_endpoint(&self) -> Option<&Endpoint> {
        let exchange = self.0.permissions.exchange.as_ref()?;
        self.0.permissions.endpoint(&exchange.endpoint).map(|(endpoint, _)| endpoint)
    }

    /// Fetches the credential of a registry with the exchange that the plugin declares.
    ///
    /// # Errors
    ///
    /// Fails if the plugin declares none or lacks the grant, or if the endpoint does not answer with a
    /// credential.
    pub async fn exchange(&self, registry: &str) -> Result<Exchanged, ExchangeError> {
        let failed = |failure| ExchangeError::from(self.failed(Call::Exchange, failure));
        let coded =
            |code: &str, message: String| failed(Failure::Coded { code: code.to_owned(), message });
        let permissions = &self.0.permissions;
        let (Some(exchange), Some(transport)) = (&permissions.exchange, &permissions.transport)
        else {
            return Err(coded("no-exchange", "the plugin declares no exchange".to_owned()));
        };
        let most = self.0.runtime.limits.response_body;
        let request = exchange_request(permissions, exchange, registry, most)
            .map_err(|why| coded("denied", why))?;
        let asked = format!("{} {}{}", exchange.method, request.origin, request.escaped_path);
        let answer = transport
            .send(request)
            .await
            .map_err(|error| coded("no-answer", shown(&error.to_string())))?;
        if (200..300).contains(&answer.status) {
            return exchange::read(exchange, &answer.body)
                .map_err(|why| coded("bad-answer", format!("{}: {why}", shown(&asked))));
        }
        let said = said(&answer.body).map_or_else(String::new, |said| format!(" ({said})"));
        let message = format!("{} answered {}{said}", shown(&asked), answer.status);
        Err(match answer.status {
            401 | 403 => failed(Failure::Unauthorized { message }),
            408 | 429 | 500..=599 => ExchangeError {
                is_transient: true,
                retry_after: exchange::retry_after(&answer.headers),
                ..coded("refused", message)
            },
            _ => coded("refused", message),
        })
    }

    /// Returns the facts about the list format in the metadata. Texts are cut and escaped.
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

    /// Returns the most bytes of memory that a call of this component has used in this run.
    #[must_use]
    pub fn peak_memory(&self) -> usize {
        self.0.linked.run.peak_memory()
    }

    /// Asks a list format whether it reads a text. `head` is the start of the text: at most 64 KiB,
    /// cut after a line.
    ///
    /// # Errors
    ///
    /// Fails if the plugin fails.
    pub async fn probe(&self, file_name: &str, head: &str) -> Result<Confidence, PluginError> {
        let mut call = GuestCall::start(&self.0, Call::Probe, None).await?;
        let guest = call.list_format()?;
        let result = call.time().spend(guest.call_probe(call.store(), file_name, head)).await;
        call.end_infallible(result)
    }

    /// Parses a text with a list format.
    ///
    /// # Errors
    ///
    /// Fails if the plugin fails, rejects the whole text, or returns an invalid result.
    pub async fn parse(&self, file_name: &str, text: &str) -> Result<Parsed, PluginError> {
        let mut call = GuestCall::start(&self.0, Call::Parse, None).await?;
        let guest = call.list_format()?;
        let result = call.time().spend(guest.call_parse(call.store(), file_name, text)).await;
        let parsed = call.end(result)?;
        validate::parsed(parsed, text, self.0.runtime.limits.entries)
            .map_err(|failure| self.failed(Call::Parse, failure))
    }

    /// Returns whether the plugin writes its list format.
    #[must_use]
    pub fn can_render(&self) -> bool {
        self.0.linked.exports.list_render.is_some()
    }

    /// Writes a list with a list format.
    ///
    /// # Errors
    ///
    /// Fails if the plugin does not write lists, if it fails or returns an invalid result, or if its
    /// format cannot express an entry.
    pub async fn render(&self, entries: &[Entry]) -> Result<String, PluginError> {
        let mut call = GuestCall::start(&self.0, Call::Render, None).await?;
        let guest = call.list_render()?;
        let result = call.time().spend(guest.call_render(call.store(), entries)).await;
        validate::rendered(call.end(result)?).map_err(|failure| self.failed(Call::Render, failure))
    }

    /// Returns the number of items in one call of a rewrite. [`Plugin::rewrite`] splits larger
    /// slices.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.0.runtime.limits.batch
    }

    /// Rewrites items. Returns one verdict for each, in their order.
    ///
    /// # Errors
    ///
    /// Fails if the plugin fails or returns an invalid result.
    pub async fn rewrite(&self, items: &[Item]) -> Result<Vec<Verdict>, PluginError> {
        let mut verdicts = Vec::with_capacity(items.len());
        for batch in items.chunks(self.batch()) {
            let mut call = GuestCall::start(&self.0, Call::Rewrite, None).await?;
            let guest = call.rewrite()?;
            let result = call.time().spend(guest.call_apply(call.store(), batch)).await;
            let result = call.end(result)?;
            let result = validate::verdicts(result, batch.len())
                .map_err(|failure| self.failed(Call::Rewrite, failure))?;
            verdicts.extend(result);
        }
        Ok(verdicts)
    }

    /// Asks a repository type for the capabilities of a registry.
    ///
    /// # Errors
    ///
    /// Fails if the plugin fails or returns an invalid result.
    pub async fn describe(&self, registry: &str) -> Result<Capabilities, PluginError> {
        let mut call = GuestCall::start(&self.0, Call::Describe, Some(registry)).await?;
        let guest = call.repo_type()?;
        let result = call.time().spend(guest.call_describe(call.store(), registry)).await;
        let capabilities = call.end(result)?;
        validate::capabilities(capabilities).map_err(|failure| self.failed(Call::Describe, failure))
    }

    /// Asks a repository type what must exist before a push. Returns the scopes of each repository,
    /// in order, with the outermost scope first.
    ///
    /// # Errors
    ///
    /// Fails if the plugin fails or returns an invalid result.
    pub async fn scopes(
        &self,
        registry: &str,
        repositories: &[String],
    ) -> Result<Vec<Vec<Scope>>, PluginError> {
        let mut scopes = Vec::with_capacity(repositories.len());
        for batch in repositories.chunks(self.0.runtime.limits.batch) {
            let mut call = GuestCall::start(&self.0, Call::Scopes, Some(registry)).await?;
            let guest = call.repo_type()?;
            let result = call.time().spend(guest.call_scopes(call.store(), registry, batch)).await;
            let result = call.end(result)?;
            let limits = &self.0.runtime.limits;
            let result = validate::scopes(result, batch.len(), limits.scopes)
                .map_err(|failure| self.failed(Call::Scopes, failure))?;
            if !self.0.linked.run.take_scopes(result.iter().map(Vec::len).sum()) {
                let reason = format!("more than {} scopes in a run", limits.run_scopes);
                return Err(self.failed(Call::Scopes, Failure::ResultTooLarge { reason }));
            }
            scopes.extend(result);
        }
        Ok(scopes)
    }

    /// Prepares a scope with a repository type. In a dry run of this call or of the whole run, the
    /// host sends only requests that change nothing.
    ///
    /// # Errors
    ///
    /// Fails if the plugin fails. After [`Failure::Transient`] another call may succeed.
    pub async fn prepare(
        &self,
        registry: &str,
        scope: &Scope,
        dry_run: bool,
    ) -> Result<Prepared, PluginError> {
        let dry_run = dry_run || self.0.dry_run;
        let mut call = GuestCall::start(&self.0, Call::Prepare, Some(registry)).await?;
        if dry_run {
            call.forbid_changes();
        }
        let guest = call.repo_type()?;
        let result =
            call.time().spend(guest.call_prepare(call.store(), registry, scope, dry_run)).await;
        let prepared = call.end(result)?;
        validate::prepared(prepared).map_err(|failure| self.failed(Call::Prepare, failure))
    }

    /// Renders a chart. `files` is the unpacked chart, with paths relative to the folder with
    /// `Chart.yaml`. `values` are YAML texts over the chart's own values; a later one overrides an
    /// earlier one. Returns the documents in the order of `helm template`.
    ///
    /// # Errors
    ///
    /// Fails with [`Failure::Coded`] if the chart cannot be rendered; `wit/plugin.wit` has the codes.
    /// Fails if the plugin fails or returns an invalid result.
    pub async fn render_chart(
        &self,
        files: &[ChartFile],
        values: &[String],
        release: &Release,
    ) -> Result<Vec<Manifest>, PluginError> {
        let mut call = GuestCall::start(&self.0, Call::RenderChart, None).await?;
        let guest = call.chart_render()?;
        let result =
            call.time().spend(guest.call_render(call.store(), files, values, release)).await;
        let manifests = call.end(result)?;
        validate::manifests(manifests).map_err(|failure| self.failed(Call::RenderChart, failure))
    }

    fn failed(&self, call: Call, failure: Failure) -> PluginError {
        PluginError::Call { plugin: self.name().to_owned(), call, place: None, failure }
    }
}

/// Returns the message in the error document of an API, on one line.
fn said(body: &[u8]) -> Option<String> {
    let document: serde_json::Value = serde_json::from_slice(body).ok()?;
    let message = ["message", "Message", "error"].iter().find_map(|key| document[key].as_str())?;
    Some(shown(&message.chars().take(300).collect::<String>()))
}

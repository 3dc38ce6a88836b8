//! Finds out whether a registry takes uploads, without one.

use longshore_oci::Repository;
use longshore_store::{Intent, Operation};
use reqwest::Method;

use super::allowed_methods::without;
use super::pull_through::known::{cell, namespace};
use crate::auth::token::RepositoryScope;
use crate::error::Failed as _;
use crate::limits::window::Class;
use crate::request::Call;
use crate::{Cause, Client, RegistryError};

impl Client {
    /// Says that the registry takes no uploads into `repository`, if it says so itself. `OPTIONS` changes nothing
    /// (RFC 9110, section 9.3.7). Each namespace is asked once.
    pub(crate) async fn takes_no_push(&self, repository: &Repository) -> Option<RegistryError> {
        let allowed = match self.allowed_methods.volunteered.get() {
            Some(volunteered) => volunteered.clone()?,
            None => {
                let asked = cell(&self.allowed_methods.asked, namespace(repository));
                asked.get_or_init(|| self.allowed_without_post(repository)).await.clone()?
            }
        };
        let target = format!("{}/{repository}", self.registry);
        Some(Operation::new("push to", target).failed(Cause::ReadOnly(allowed)))
    }

    async fn allowed_without_post(&self, repository: &Repository) -> Option<String> {
        // Its own API says this, and distribution behind it does not know.
        if self.is_harbor() {
            return None;
        }
        let url = self.url(&format!("{repository}/blobs/uploads/")).await.ok()?;
        let operation = Operation::new("look up registry", &self.registry);
        // The token that the dry run has.
        let push = self.preview_intent(repository).await == Intent::Push;
        let scope = RepositoryScope { repository: repository.clone(), push, mount_from: None };
        let call = Call::new(operation, Method::OPTIONS, url, scope, Class::Lookup);
        let _permit = self.enter(call.class).await.ok()?;
        let shown = self.authorization(&call.scope, None).await.ok()?;
        let answer = self.exchange(&call, shown.header.as_ref()).await.ok()?;
        let says = answer.status().is_success() || answer.status() == 405;
        says.then(|| without(answer.headers(), "POST")).flatten()
    }
}

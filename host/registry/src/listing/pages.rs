//! Paged answers that name the next page in a `Link` header (RFC 8288).

use std::collections::HashSet;

use bytes::Bytes;
use url::Url;

use crate::error::Failed as _;
use crate::http::body::read_json;
use crate::listing::names::{LIST_LIMIT, PAGE_LIMIT, linked, next_link};
use crate::request::Call;
use crate::{Cause, Client, RegistryError};

/// The most pages of a list.
const PAGES: usize = 10_000;

impl Client {
    /// Sends `call`, passes the page to `take`, and continues with each next page.
    pub(crate) async fn each_page(
        &self,
        mut call: Call,
        mut take: impl FnMut(&Bytes) -> Result<(), Cause> + Send,
    ) -> Result<(), RegistryError> {
        let mut asked = HashSet::from([call.url.clone()]);
        let mut left = LIST_LIMIT;
        loop {
            let (page, next) = self.page(&call, PAGE_LIMIT.min(left)).await?;
            left -= page.len() as u64;
            let failed = |cause: Cause| call.operation.clone().failed(cause);
            take(&page).map_err(failed)?;
            let Some(next) = next else { return Ok(()) };
            if !asked.insert(next.clone()) {
                return Err(failed(Cause::List("its pages go round in a circle")));
            }
            if asked.len() > PAGES {
                return Err(failed(Cause::List("it has too many pages")));
            }
            call.url = next;
        }
    }

    /// Fetches one page of at most `limit` bytes, and the URL of the next one.
    async fn page(&self, call: &Call, limit: u64) -> Result<(Bytes, Option<Url>), RegistryError> {
        let mut backoff = self.backoff();
        loop {
            match self.read_page(call, limit).await {
                Ok(page) => return Ok(page),
                Err(cause) => backoff.wait_or_fail(call.operation.clone().failed(cause)).await?,
            }
        }
    }

    async fn read_page(&self, call: &Call, limit: u64) -> Result<(Bytes, Option<Url>), Cause> {
        let response = self.send_once(call).await?;
        let link = next_link(response.headers());
        let next = link.map(|link| linked(&call.url, &link)).transpose()?;
        Ok((read_json(response, limit).await?, next))
    }
}

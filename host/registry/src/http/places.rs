//! Where the names lie that a proxy connects to, as far as this machine can tell.
//!
//! The proxy resolves them itself, and this machine need not know them. Where it does, an answer must
//! not send the proxy into a network that it must not lead to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::http::zone::Zone;

/// How long to wait for a name. Behind a proxy, nobody may answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// The most names that are remembered.
const KEPT: usize = 1000;

/// The zones of names, each looked up once per run.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<HashMap<String, Arc<OnceCell<Vec<Zone>>>>>);

impl Places {
    /// The zones of the addresses of `name`. Empty if this machine cannot resolve it in time.
    pub(crate) async fn of(&self, name: &str) -> Vec<Zone> {
        let cell = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= KEPT && !known.contains_key(name) {
                known.clear();
            }
            Arc::clone(known.entry(name.to_owned()).or_default())
        };
        cell.get_or_init(|| look_up(name)).await.clone()
    }

    /// Knows the zones of these names without looking them up.
    #[cfg(test)]
    pub(crate) fn knowing(names: &[(&str, &[Zone])]) -> Self {
        let known = |(name, zones): &(&str, &[Zone])| {
            ((*name).to_owned(), Arc::new(OnceCell::from(zones.to_vec())))
        };
        Self(Mutex::new(names.iter().map(known).collect()))
    }
}

async fn look_up(name: &str) -> Vec<Zone> {
    match tokio::time::timeout(PATIENCE, tokio::net::lookup_host((name, 0))).await {
        Ok(Ok(found)) => found.map(|address| Zone::of(address.ip())).collect(),
        Ok(Err(error)) => {
            tracing::debug!("{name} is not known here, only to the proxy: {error}");
            Vec::new()
        }
        Err(_) => {
            tracing::debug!("{name} is not known here in time, only to the proxy");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Places, Zone};

    #[tokio::test]
    async fn a_name_is_looked_up_once_and_may_be_unknown() {
        let places = Places::knowing(&[("r.test", &[Zone::Public, Zone::Private])]);
        assert_eq!(places.of("r.test").await, [Zone::Public, Zone::Private]);
        assert_eq!(places.of("nobody.invalid").await, []);
        for number in 0..KEPT {
            let cell = tokio::sync::OnceCell::from(vec![Zone::Public]);
            places.0.lock().unwrap().insert(number.to_string(), std::sync::Arc::new(cell));
        }
        assert_eq!(places.of("127.0.0.1").await, [Zone::Loopback]);
        assert_eq!(places.0.lock().unwrap().len(), 1, "the others were forgotten");
    }
}

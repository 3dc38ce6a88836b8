//! The stores of a run, with the charts that come from no registry.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use longshore_chart::artifact::ChartStore;
use longshore_oci::StoreName;
use longshore_store::{Destination, Effort, Source, StoreError, Stores};

use crate::setup::OpenStores;

/// The name of the store with the charts. No registry can have it (RFC 2606).
pub(super) const STORE: &str = "charts.longshore.invalid";

/// All stores of a run.
pub(in crate::commands) struct StoresWithCharts {
    pub(super) open: OpenStores,
    charts: Arc<ChartStore>,
}

impl StoresWithCharts {
    pub(in crate::commands) const fn new(open: OpenStores, charts: Arc<ChartStore>) -> Self {
        Self { open, charts }
    }
}

impl Stores for StoresWithCharts {
    fn source(&self, name: &StoreName) -> Result<Arc<dyn Source>, StoreError> {
        if name.as_str() == STORE {
            return Ok(Arc::clone(&self.charts) as Arc<dyn Source>);
        }
        self.open.source(name)
    }

    fn destination(&self, name: &StoreName) -> Result<Arc<dyn Destination>, StoreError> {
        self.open.destination(name)
    }

    fn finish(&self) -> BoxFuture<'_, ()> {
        self.open.finish()
    }

    fn effort(&self) -> Effort {
        self.open.effort()
    }
}

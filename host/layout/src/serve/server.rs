//! What all requests share.

use std::sync::Arc;

use super::htpasswd::Htpasswd;
use super::upload::Uploads;
use crate::folder::Folder;

/// The registry. Each file of endpoints gives it the methods for them.
#[derive(Debug)]
pub(super) struct Server {
    /// `None`: everybody may do everything.
    pub(super) users: Option<Htpasswd>,
    pub(super) folder: Arc<Folder>,
    pub(super) uploads: Uploads,
}

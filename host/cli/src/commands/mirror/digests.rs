//! What a run says at its start about digests that it will change.

use longshore_engine::IndexMode;
use longshore_engine::event::Level;

use super::session::Session;

impl Session {
    /// Says once that `--index` will change digests, which the flag alone decides. The platform filter changes
    /// some digests only, so the copy says it at the first index that it cuts.
    pub(in crate::commands) fn tell_of_digests(&self) {
        let mode = self.settings.list.images.index;
        if mode == IndexMode::default() {
            return;
        }
        self.digests_told.call_once(|| {
            let (level, consequence) = match self.settings.referrers() {
                true => (Level::Warning, ", and signatures of the old digest do not verify there"),
                false => (Level::Info, ""),
            };
            let name = mode.name();
            let text = format!(
                "--index {name} writes indexes anew, so digests change at the destination{consequence}; leave \
                 --index out to keep them"
            );
            self.log.write(level, &text);
        });
    }
}

//! Flags of Hangar that change nothing here, or that other commands replace. Scripts still have them. Only
//! `--hide-log-time` has an effect.

use clap::Args;

/// Flags of Hangar's `mirror`. The help does not show them.
///
/// longshore accepts a flag if it does what the flag asks for anyway. Else an error names the replacement.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct HangarFlags {
    /// Skip the check that the destination is logged in
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    skip_login: Option<bool>,
    /// Replace indexes at the destination
    #[arg(long, alias = "overwrite-existing", hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    overwrite: Option<bool>,
    /// Copy attestations
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    provenance: Option<bool>,
    /// Copy no signatures
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    remove_signatures: Option<bool>,
    /// Check no signature policy
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    insecure_policy: Option<bool>,
    /// Leave the time out of the log
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    hide_log_time: Option<bool>,
    /// Sign images with this key
    #[arg(long, hide = true, value_name = "FILE")]
    sigstore_private_key: Option<String>,
    /// Read the passphrase of the key from this file
    #[arg(long, hide = true, value_name = "FILE")]
    sigstore_passphrase_file: Option<String>,
}

/// A flag of Hangar that longshore cannot follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Replaced {
    /// The flag, with its value if it is a switch.
    pub(crate) flag: String,
    /// Why longshore cannot follow it.
    pub(crate) why: &'static str,
    /// The replacement.
    pub(crate) instead: &'static str,
}

/// A switch of Hangar: what longshore does anyway, and what it cannot do.
struct Switch {
    flag: &'static str,
    /// The value that asks for what longshore does.
    granted: bool,
    /// What longshore does.
    does: &'static str,
    /// What to do instead if the user asks for the opposite.
    instead: &'static str,
}

const SKIP_LOGIN: Switch = Switch {
    flag: "--skip-login",
    granted: true,
    does: "longshore never asks for a login",
    instead: "log in first with docker login, or set DOCKER_USERNAME and DOCKER_PASSWORD",
};
const OVERWRITE: Switch = Switch {
    flag: "--overwrite",
    granted: true,
    does: "mirror always replaces a tag that differs, and merges no indexes",
    instead: "leave it out; select all platforms that the destination needs in one run",
};
const PROVENANCE: Switch = Switch {
    flag: "--provenance",
    granted: true,
    does: "the attestations in an index are always copied with their images",
    instead: "leave it out",
};
const INSECURE_POLICY: Switch = Switch {
    flag: "--insecure-policy",
    granted: true,
    does: "longshore reads no signature policy",
    instead: "verify signatures with cosign verify before the run",
};
/// Without `--referrers`.
const REMOVE_SIGNATURES: Switch = Switch {
    flag: "--remove-signatures",
    granted: true,
    does: "signatures are copied only with --referrers",
    instead: "give --referrers to copy signatures",
};
/// With `--referrers`.
const KEEP_SIGNATURES: Switch = Switch {
    flag: "--remove-signatures",
    granted: false,
    does: "--referrers copies signatures",
    instead: "leave --referrers out to copy no signatures",
};

impl Switch {
    /// Returns the note that `given` has no effect, or that longshore cannot follow it.
    fn answer(&self, given: bool) -> Result<String, Replaced> {
        let Self { flag, granted, does, instead } = *self;
        let written = if given { flag.to_owned() } else { format!("{flag}=false") };
        if given == granted {
            return Ok(format!("{written} changes nothing: {does}"));
        }
        Err(Replaced { flag: written, why: does, instead })
    }
}

impl HangarFlags {
    /// Says whether the lines of the log have no time.
    pub(crate) fn hides_log_time(&self) -> bool {
        self.hide_log_time == Some(true)
    }

    /// Returns a note for each flag that changes nothing. `referrers` is `--referrers`.
    ///
    /// # Errors
    /// Returns the first flag that longshore cannot follow.
    pub(crate) fn notes(&self, referrers: bool) -> Result<Vec<String>, Replaced> {
        let keys = [
            ("--sigstore-private-key", &self.sigstore_private_key),
            ("--sigstore-passphrase-file", &self.sigstore_passphrase_file),
        ];
        if let Some((flag, _)) = keys.into_iter().find(|(_, given)| given.is_some()) {
            return Err(Replaced {
                flag: flag.to_owned(),
                why: "longshore signs no images",
                instead: "sign the images after the run with cosign sign --key FILE",
            });
        }
        let signatures = if referrers { KEEP_SIGNATURES } else { REMOVE_SIGNATURES };
        let switches = [
            (SKIP_LOGIN, self.skip_login),
            (OVERWRITE, self.overwrite),
            (PROVENANCE, self.provenance),
            (signatures, self.remove_signatures),
            (INSECURE_POLICY, self.insecure_policy),
        ];
        switches
            .iter()
            .filter_map(|(switch, given)| given.map(|given| switch.answer(given)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{HangarFlags, Replaced};

    #[test]
    fn a_flag_is_followed_or_replaced() {
        let none = HangarFlags::default;
        for (flags, referrers, part) in [
            (HangarFlags { skip_login: Some(true), ..none() }, false, Ok("never asks for a login")),
            (HangarFlags { skip_login: Some(false), ..none() }, false, Err("docker login")),
            (HangarFlags { overwrite: Some(true), ..none() }, false, Ok("always replaces")),
            (HangarFlags { overwrite: Some(false), ..none() }, false, Err("in one run")),
            (HangarFlags { provenance: Some(true), ..none() }, false, Ok("attestations")),
            (HangarFlags { provenance: Some(false), ..none() }, false, Err("leave it out")),
            (HangarFlags { remove_signatures: Some(true), ..none() }, false, Ok("only with")),
            (HangarFlags { remove_signatures: Some(true), ..none() }, true, Err("--referrers out")),
            (HangarFlags { remove_signatures: Some(false), ..none() }, false, Err("--referrers")),
            (
                HangarFlags { remove_signatures: Some(false), ..none() },
                true,
                Ok("copies signatures"),
            ),
            (
                HangarFlags { sigstore_private_key: Some("k".to_owned()), ..none() },
                false,
                Err("cosign sign"),
            ),
        ] {
            match (flags.notes(referrers), part) {
                (Ok(notes), Ok(part)) => assert!(notes[0].contains(part), "{notes:?}"),
                (Err(Replaced { instead, .. }), Err(part)) => {
                    assert!(instead.contains(part), "{instead}");
                }
                (answer, _) => panic!("{flags:?}: {answer:?}"),
            }
        }
        assert_eq!(none().notes(true), Ok(Vec::new()));
    }
}

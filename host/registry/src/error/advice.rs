//! Advice for each cause of a failure.

use longshore_store::{LOST_CONTENT, MISSING_PROJECT, kept_by_distribution, out_of_files};

use super::{CATALOG, Cause, INTO_CACHE, RegistryError};
use crate::auth::challenge::BEARER_WITHOUT_REALM;
use crate::auth::tried::LoginTried;
use crate::credential::variable_of;
use crate::error_response::ErrorResponse;
use crate::http::connection::WANTS_LOGIN;
use crate::http::tls_fault::WANTS_CERTIFICATE;

/// Distribution answers 405 in its maintenance mode `readonly`, and so does `longshore serve --read-only`.
const READ_ONLY: &str = "the registry is read-only: end its maintenance, start longshore serve without --read-only, or \
                         push to another registry";

impl Cause {
    /// What stopped a connection or a credential, in the words of what it came from.
    fn why(&self) -> Option<&str> {
        match self {
            Self::Unreachable { why, .. } | Self::Broken { why, .. } => Some(why),
            Self::Credential(why) | Self::Exchange(why) => Some(why),
            _ => None,
        }
    }
}

impl RegistryError {
    /// Advice for the user.
    pub fn hint(&self) -> Option<String> {
        if let Some(advice) = &self.advice {
            return Some(advice.clone());
        }
        if let Some(hint) = self.cause.why().and_then(out_of_files) {
            return Some(hint.to_owned());
        }
        let hint = match &*self.cause {
            Cause::Certificate { fault, .. } | Cause::Handshake { fault, .. } => fault.hint(),
            Cause::Astray { .. } => {
                "ask the operator of the registry; only a registry in the same network may lead there"
            }
            Cause::Unreachable { why, .. } if why.contains("no TLS") => {
                "the registry speaks plain HTTP; allow it with --insecure-registry HOST:PORT (--tls-verify=false is for all registries)"
            }
            Cause::Unreachable { why, .. } if why == WANTS_LOGIN => {
                "put USER:PASSWORD@ before the host in the variable of the proxy, with special characters percent-encoded"
            }
            Cause::Unreachable { .. } | Cause::NoConnection { .. } => {
                "check the registry's name, the network and the proxy settings"
            }
            Cause::Answered(answer) | Cause::Renewed(answer) => return self.after_answer(answer),
            Cause::Encoded { .. } => {
                "a proxy on the way compresses answers: let it pass them unchanged, or add the registry to NO_PROXY"
            }
            Cause::WebPage { .. } => {
                "check the registry's name and port: a login page, a proxy or a web interface answers in its place"
            }
            Cause::Credential(_) => {
                "fix or remove the credential that the error names; docker login writes it again"
            }
            // The account of an exchange is in no file of Docker.
            Cause::Exchange(why) if why.contains("not authorized: ") => {
                "check the account of the plugin's endpoint and its rights"
            }
            Cause::CertificateFile(error) => {
                let why = error.to_string();
                return error.hint().or_else(|| out_of_files(&why)).map(str::to_owned);
            }
            Cause::CredentialLookUp(error) => {
                out_of_files(&error.to_string()).or_else(|| error.hint())?
            }
            Cause::Damaged { digest, .. } => {
                return Some(format!(
                    "most registries keep existing content: delete the blob from the registry's storage first ({})",
                    kept_by_distribution(digest)
                ));
            }
            Cause::PullThrough(_) => INTO_CACHE,
            Cause::ReadOnly(_) => READ_ONLY,
            Cause::NotReferrers => {
                "delete this tag or give its content another one: clients look for the list of referrers there"
            }
            Cause::NoCredential(registry) => {
                let variable = registry.parse().map_or_else(
                    |_| "DOCKER_USERNAME and DOCKER_PASSWORD".to_owned(),
                    |registry| variable_of(&registry),
                );
                return Some(format!("log in with longshore login {registry}, or set {variable}"));
            }
            Cause::NoRightToPush(_) => {
                return Some(format!(
                    "give the account the right to push there, or use another one (longshore whoami says which one \
                     is used); {MISSING_PROJECT}"
                ));
            }
            Cause::LoginLimited(_) => "repeat the run later with the failed list",
            Cause::RateLimitedUntil { .. } | Cause::RateLimitedForLong { .. } => {
                "repeat the run later with the failed list, log in for a higher limit, or wait longer with --max-wait"
            }
            Cause::CredentialRefused(owner) => {
                return Some(format!(
                    "check the credential for {owner} and correct it there; longshore login writes only to the \
                     file of REGISTRY_AUTH_FILE, or else to Docker's config.json"
                ));
            }
            Cause::Token { .. } => {
                "check the credential; longshore whoami says which one is used, and longshore login stores another"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// Returns the login of a refused request, if another credential may help.
    pub(super) fn login_at_fault<'a>(&self, answer: &'a ErrorResponse) -> Option<&'a LoginTried> {
        let login = answer.login.as_deref()?;
        let is_at_fault = match answer.status {
            401 => answer.offers_a_known_scheme(),
            403 => {
                let is_same_for_all =
                    answer.is_of_cache() || answer.is_out_of_room() || answer.is_read_only();
                login.origin.is_none() && !is_same_for_all
            }
            _ => false,
        };
        let is_at_fault = is_at_fault && !answer.wants_certificate() && !answer.is_mistimed();
        let is_other = self.operation.verb == CATALOG || answer.lacks_namespace();
        Some(login).filter(|_| is_at_fault && !is_other)
    }

    /// Advice after a refusal.
    fn after_answer(&self, answer: &ErrorResponse) -> Option<String> {
        // The credential is never sent to another host, so it cannot be at fault.
        if let Some(host) = &answer.redirected {
            return match answer.status {
                401 if !answer.offers.is_empty() => Some(format!(
                    "it redirects to another registry: log in there and name {host} in its place"
                )),
                401 | 403 | 404 if self.operation.verb == "fetch blob" => Some(
                    "try again, or ask the registry's operator: its storage refuses the URL that the registry issued"
                        .to_owned(),
                ),
                _ => None,
            };
        }
        let is_push = self.operation.verb.starts_with("push");
        let unasked = || answer.unasked_login().filter(|_| self.operation.verb != CATALOG);
        if let Some(login) = self.login_at_fault(answer).or_else(unasked) {
            let may_be_missing = is_push && (login.origin.is_some() || !login.is_asked);
            let more = if may_be_missing { format!("; {MISSING_PROJECT}") } else { String::new() };
            return Some(login.advice(answer.status) + &more);
        }
        let hint = match answer.status {
            _ if answer.wants_certificate() => WANTS_CERTIFICATE,
            _ if answer.is_mistimed() => {
                "set the clocks of the registry and of its token service; a token counts from the time of the second one"
            }
            401 if answer.offers.iter().any(|offer| offer == BEARER_WITHOUT_REALM) => {
                "ask the operator of the registry: its header WWW-Authenticate names no token service"
            }
            401 if !answer.offers_a_known_scheme() => {
                return Some(format!(
                    "no credential was shown: longshore logs in with Basic or Bearer, and the registry offers only {}",
                    answer.offers.join(", ")
                ));
            }
            401 | 403..=405 if self.operation.verb == CATALOG => {
                "name the repositories one by one; some registries list them only for logged-in users, others never"
            }
            403 | 405 if answer.is_of_cache() => INTO_CACHE,
            _ if answer.is_out_of_room() => {
                "delete what the registry no longer needs, or ask its operator for more room; then repeat the run"
            }
            _ if answer.is_read_only() => {
                "repeat the run when the registry takes changes again; its operator has made it read-only"
            }
            405 if is_push => READ_ONLY,
            403 if is_push => {
                return Some(format!(
                    "check the rights of the credential, and whether the registry is read-only or out of quota; \
                     {MISSING_PROJECT}"
                ));
            }
            403 => {
                "check the rights of the credential, and whether the registry is read-only or out of quota"
            }
            404 if is_push => {
                "create the repository or its project first, if it is missing; see --repo-type"
            }
            // Only a manifest names a blob, and it was read before.
            404 if self.operation.verb == "fetch blob" => LOST_CONTENT,
            404 => {
                "check the name and the tag; a private image answers so without a credential too"
            }
            413 => {
                "ask for a higher limit: the registry or a proxy in front of it limits the size of uploads"
            }
            500 => return self.damaged_manifest(answer),
            429 => {
                "log in for a higher limit, run fewer jobs with -j, or wait longer with --max-wait"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// Returns the advice for a manifest that distribution cannot read from its own storage.
    fn damaged_manifest(&self, answer: &ErrorResponse) -> Option<String> {
        if self.operation.verb != "fetch manifest" || !answer.has_code("UNKNOWN") {
            return None;
        }
        let (_, digest) = self.operation.target.rsplit_once('@')?;
        let kept = kept_by_distribution(&digest.parse().ok()?);
        Some(format!(
            "the log of the registry says why; if its storage has damaged the manifest, delete it there ({kept}), and \
             push it again (mirror --force-recursive)"
        ))
    }
}

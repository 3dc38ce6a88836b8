//! The mapping of transport errors to causes.

use std::error::Error;
use std::io;

use url::Url;

use crate::Cause;
use crate::http::address::host_of;
use crate::http::resolver::Forbidden;
use crate::http::tls_fault::TlsFault;
use crate::http::transport::CONNECT;

/// Converts an error of reqwest at `url`; `seconds` is the timeout that applied.
pub(crate) fn cause_of(error: &reqwest::Error, url: &Url, seconds: u64) -> Cause {
    cause(error, error.is_connect(), error.is_timeout(), url, seconds)
}

/// Converts a transport error at `url`.
pub(crate) fn cause(
    error: &(dyn Error + 'static),
    is_connect: bool,
    is_timeout: bool,
    url: &Url,
    seconds: u64,
) -> Cause {
    let host = host_of(url);
    let tls = found::<rustls::Error>(error);
    // HTTP/2 keeps only the text of an error.
    let fault = tls.and_then(TlsFault::of).or_else(|| TlsFault::of_text(&innermost(error)));
    match fault {
        Some(fault) if fault.is_of_certificate() => return Cause::Certificate { host, fault },
        Some(fault) => return Cause::Handshake { host, fault },
        None => {}
    }
    if let Some(rustls::Error::InvalidMessage(_)) = tls {
        return Cause::Unreachable { host, why: "the peer speaks no TLS".to_owned() };
    }
    if let Some(Forbidden(zone)) = found::<Forbidden>(error) {
        return Cause::Astray { host, zone: *zone };
    }
    if is_timeout && is_connect {
        Cause::NoConnection { host, seconds: CONNECT.as_secs() }
    } else if is_timeout {
        Cause::TimedOut { host, seconds }
    } else if is_connect {
        Cause::Unreachable { host, why: innermost(error) }
    } else {
        Cause::Broken { host, why: innermost(error) }
    }
}

/// Whether nobody listens where a connection was tried.
pub(crate) fn is_refused(error: &reqwest::Error) -> bool {
    error.is_connect()
        && found::<io::Error>(error)
            .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// The error of this type among the sources of another one.
fn found<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        // An I/O error does not return a wrapped error from `source`, which may be an I/O error
        // again.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

/// The innermost error: the most specific, and without a URL.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

//! Paths: what a request is about.
//!
//! Names have slashes and may hold words like `manifests`, so a path is read from its end.

use std::borrow::Cow;

use axum::http::Method;
use longshore_oci::{Digest, ManifestReference, Repository, Tag};
use percent_encoding::percent_decode_str;

use super::response::{Code, Refusal};

/// What a path stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `/`, for people.
    Web,
    /// `/v2/`.
    Root,
    /// `/v2/_catalog`.
    Catalog,
    /// `/v2/<name>/tags/list`.
    Tags(Repository),
    /// `/v2/<name>/manifests/<reference>`.
    Manifest(Repository, ManifestReference),
    /// `/v2/<name>/blobs/<digest>`.
    Blob(Repository, Digest),
    /// `/v2/<name>/blobs/uploads/`.
    Uploads(Repository),
    /// `/v2/<name>/blobs/uploads/<session>`.
    Upload(Repository, String),
    /// `/v2/<name>/referrers/<digest>`.
    Referrers(Repository, Digest),
}

impl Route {
    /// Reads a path.
    ///
    /// # Errors
    /// 404 for a path outside of the API, and for a bad tag that is looked up, which cannot exist; 400 for
    /// a bad name or digest, and for a bad tag that is to be written.
    pub(super) fn parse(path: &str, method: &Method) -> Result<Self, Refusal> {
        if path == "/" {
            return Ok(Self::Web);
        }
        let path = unescape(path)?;
        let nowhere = || Refusal::absent(Code::Unsupported, "the path is not in the registry API");
        let rest = path.strip_prefix("/v2").ok_or_else(nowhere)?;
        let rest = match rest.strip_prefix('/') {
            None if rest.is_empty() => return Ok(Self::Root),
            None => return Err(nowhere()),
            Some("") => return Ok(Self::Root),
            Some("_catalog") => return Ok(Self::Catalog),
            Some(rest) if rest.ends_with("/blobs/uploads/") => &rest[..rest.len() - 1],
            Some(rest) => rest,
        };
        let mut parts = rest.rsplitn(3, '/');
        let last = parts.next().unwrap_or_default();
        let kind = parts.next().ok_or_else(nowhere)?;
        let name = parts.next();
        match (kind, last) {
            ("blobs", "uploads") => Ok(Self::Uploads(repository(name)?)),
            ("uploads", id) => {
                let name = name.and_then(|name| name.strip_suffix("/blobs"));
                Ok(Self::Upload(repository(Some(name.ok_or_else(nowhere)?))?, id.to_owned()))
            }
            ("tags", "list") => Ok(Self::Tags(repository(name)?)),
            ("manifests", reference) => {
                Ok(Self::Manifest(repository(name)?, manifest_reference(reference, method)?))
            }
            ("blobs", reference) => Ok(Self::Blob(repository(name)?, digest(reference)?)),
            ("referrers", reference) => Ok(Self::Referrers(repository(name)?, digest(reference)?)),
            _ => Err(nowhere()),
        }
    }
}

fn repository(name: Option<&str>) -> Result<Repository, Refusal> {
    name.unwrap_or_default()
        .parse()
        .map_err(|error| Refusal::bad(Code::NameInvalid, format!("{error}")))
}

/// A tag or a digest: a digest has a colon, a tag cannot.
fn manifest_reference(reference: &str, method: &Method) -> Result<ManifestReference, Refusal> {
    if reference.contains(':') {
        return digest(reference).map(ManifestReference::Digest);
    }
    reference.parse::<Tag>().map(ManifestReference::Tag).map_err(|error| {
        let message = error.to_string();
        if *method == Method::PUT {
            Refusal::bad(Code::ManifestInvalid, message)
        } else {
            Refusal::absent(Code::ManifestUnknown, message)
        }
    })
}

/// Reads a digest of a path or a query.
pub(super) fn digest(text: &str) -> Result<Digest, Refusal> {
    text.parse().map_err(|error| Refusal::bad(Code::DigestInvalid, format!("{error}")))
}

/// Some clients write the colon of a digest as `%3A`.
fn unescape(path: &str) -> Result<String, Refusal> {
    let bad = || Refusal::bad(Code::NameInvalid, "the path has a broken percent escape");
    // The decoder passes broken escapes through.
    let is_broken = path.match_indices('%').any(|(at, _)| {
        let code = path.as_bytes().get(at + 1..at + 3);
        !code.is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit))
    });
    if is_broken {
        return Err(bad());
    }
    percent_decode_str(path).decode_utf8().map(Cow::into_owned).map_err(|_| bad())
}

/// The first value of `key` in a query. A plus stays a plus: media types have them, and nothing
/// here has blanks.
pub(super) fn parameter(query: Option<&str>, key: &str) -> Option<String> {
    let query = query?.replace('+', "%2B");
    url::form_urlencoded::parse(query.as_bytes())
        .find_map(|(found, value)| (found == key).then(|| value.into_owned()))
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::{Route, parameter};
    use longshore_oci::{Digest, ManifestReference, Repository};

    fn name(text: &str) -> Repository {
        text.parse().unwrap()
    }

    fn tagged(text: &str, tag: &str) -> Route {
        Route::Manifest(name(text), ManifestReference::Tag(tag.parse().unwrap()))
    }

    #[test]
    fn names_may_hold_the_words_of_the_api() {
        let digest = Digest::of(b"");
        let colon = digest.to_string().replace(':', "%3A");
        let cases = [
            ("/".to_owned(), Route::Web),
            ("/v2".to_owned(), Route::Root),
            ("/v2/".to_owned(), Route::Root),
            ("/v2/_catalog".to_owned(), Route::Catalog),
            ("/v2/a/b/tags/list".to_owned(), Route::Tags(name("a/b"))),
            ("/v2/a/manifests/tags/list".to_owned(), Route::Tags(name("a/manifests"))),
            ("/v2/a/tags/manifests/list".to_owned(), tagged("a/tags", "list")),
            ("/v2/manifests/manifests/manifests".to_owned(), tagged("manifests", "manifests")),
            (
                format!("/v2/a/manifests/{colon}"),
                Route::Manifest(name("a"), ManifestReference::Digest(digest.clone())),
            ),
            (format!("/v2/a/blobs/{digest}"), Route::Blob(name("a"), digest.clone())),
            ("/v2/a/blobs/uploads/".to_owned(), Route::Uploads(name("a"))),
            ("/v2/a/blobs/uploads".to_owned(), Route::Uploads(name("a"))),
            ("/v2/a/b/blobs/uploads/x".to_owned(), Route::Upload(name("a/b"), "x".to_owned())),
            (
                "/v2/blobs/uploads/blobs/uploads/x".to_owned(),
                Route::Upload(name("blobs/uploads"), "x".to_owned()),
            ),
            ("/v2/a/blobs/uploads/manifests/x".to_owned(), tagged("a/blobs/uploads", "x")),
            (format!("/v2/a/referrers/{digest}"), Route::Referrers(name("a"), digest)),
        ];
        for (path, expected) in cases {
            assert_eq!(Route::parse(&path, &Method::GET).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_of_the_api_is_refused() {
        for path in [
            "/index.html",
            "//",
            "/v1/",
            "/v2x",
            "/v2/a",
            "/v2/tags/list",
            "/v2/A/tags/list",
            "/v2/../tags/list",
            "/v2/a/blobs/latest",
            "/v2/a/manifests/-x",
            "/v2/a/manifests/sha256:12",
            "/v2/a/manifests/%zz",
            "/v2/a/manifests/%+F",
            "/v2/a/manifests/%4",
            "/v2/a/nothing/x",
        ] {
            assert!(Route::parse(path, &Method::PUT).is_err(), "{path}");
        }
    }

    #[test]
    fn a_tag_that_cannot_exist_is_not_found() {
        use axum::http::StatusCode;
        use axum::response::IntoResponse as _;

        let status = |method, tag: &str| {
            let refused = Route::parse(&format!("/v2/a/manifests/{tag}"), &method).unwrap_err();
            refused.into_response().status()
        };
        for tag in [".INVALID", "-x", "a%20b", &"x".repeat(129)] {
            for method in [Method::GET, Method::HEAD, Method::DELETE] {
                assert_eq!(status(method, tag), StatusCode::NOT_FOUND, "{tag}");
            }
            assert_eq!(status(Method::PUT, tag), StatusCode::BAD_REQUEST, "{tag}");
        }
    }

    #[test]
    fn a_plus_in_a_query_is_a_plus() {
        let query = Some("n=3&artifactType=a/b+json&from=x%2Fy");
        assert_eq!(parameter(query, "artifactType").as_deref(), Some("a/b+json"));
        assert_eq!(parameter(query, "from").as_deref(), Some("x/y"));
        assert_eq!(parameter(query, "last"), None);
    }
}

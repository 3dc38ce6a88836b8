//! The qualifier `repository_url`.

/// The registry and path of a `repository_url`, without scheme and slashes around it.
///
/// # Errors
/// Where it is no place in a registry.
pub(crate) fn repository(url: &str) -> Result<&str, String> {
    let scheme_less = url.split_once("://").map_or(url, |(_, rest)| rest);
    let repository = scheme_less.trim_matches('/');
    if repository.is_empty() || repository.contains(['@', '?', '#']) {
        return Err(format!("its repository_url `{url}` is no registry or repository"));
    }
    Ok(match repository {
        // Where Docker's type of purls has its images by definition.
        "hub.docker.com" | "registry.hub.docker.com" => "docker.io",
        other => other,
    })
}

/// Whether the text can be a registry's host.
pub(crate) fn is_registry(text: &str) -> bool {
    text.contains(['.', ':']) || text == "localhost"
}

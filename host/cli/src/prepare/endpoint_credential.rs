//! Finds the credential of an endpoint: in its settings, in variables, or with a credential helper.

use longshore_oci::Registry;
use longshore_plugin_host::Auth;
use longshore_registry::{
    AwsKeys, AwsScope, AwsSources, Credential, EndpointCredential, Registries, Secret,
};

use crate::settings::CredentialSettings;
use crate::setup::variable;

/// The usual variable for the ID of a key of AWS.
const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";

/// What a credential is wanted for.
pub(super) struct CredentialQuestion<'a> {
    pub(super) auth: &'a Auth,
    pub(super) settings: Option<&'a CredentialSettings>,
    pub(super) registries: &'a Registries,
    /// Where keys of AWS may come from, beside the settings and variables.
    pub(super) aws: &'a AwsSources,
    /// The host that the request goes to.
    pub(super) host: &'a Registry,
    /// The region in the registry's host.
    pub(super) region: Option<&'a str>,
    /// Whether the usual variables of AWS may be used without being named in the settings.
    pub(super) built_in: bool,
}

/// A credential, and where it is from, unless the table of the endpoint has it or names its source.
pub(super) type FoundCredential = (EndpointCredential, Option<&'static str>);

/// Keys of AWS, and where they are from, as for [`FoundCredential`].
type FoundKeys = (AwsKeys, Option<&'static str>);

/// Returns the credential, or `None` if there is none.
///
/// # Errors
/// Returns a fragment if the settings are incomplete, a variable is not set, or a helper fails.
pub(super) async fn credential_of(
    question: &CredentialQuestion<'_>,
) -> Result<Option<FoundCredential>, String> {
    let none = CredentialSettings::default();
    let settings = question.settings.unwrap_or(&none);
    let helped = match settings.plain("helper") {
        Some(name) => Some(helped(question, name).await?),
        None => None,
    };
    let secret = |key: &str| settings.secret(key, variable);
    let credential = match question.auth {
        Auth::None => None,
        Auth::Registry | Auth::Basic => match helped {
            Some((username, password)) => Some(basic(username, password)?),
            None => match (secret("username")?, secret("password")?) {
                (Some(username), Some(password)) => {
                    Some(basic(username.expose().to_owned(), password)?)
                }
                // Some APIs take a token where others take a password.
                (None, None) => secret("token")?.map(EndpointCredential::Bearer),
                (None, Some(_)) => return Err("password is set and username is not".to_owned()),
                (Some(_), None) => return Err("username is set and password is not".to_owned()),
            },
        },
        Auth::Bearer => match helped {
            Some((_, token)) => Some(EndpointCredential::Bearer(token)),
            None => secret("token")?.map(EndpointCredential::Bearer),
        },
        Auth::Sigv4 { service } => {
            let keys = match helped {
                Some((access_key_id, secret_access_key)) => {
                    Some((AwsKeys { access_key_id, secret_access_key, session_token: None }, None))
                }
                None => found_keys(question, settings).await?,
            };
            let Some((keys, source)) = keys else { return Ok(None) };
            let set = |name: &str| variable(name).filter(|value| !value.is_empty());
            let region = settings.plain("region").or(question.region).map(str::to_owned);
            let region = region
                .or_else(|| set("AWS_REGION"))
                .or_else(|| set("AWS_DEFAULT_REGION"))
                .or_else(|| question.aws.region(settings.plain("profile")));
            let region = region.ok_or("no region is known; set region".to_owned())?;
            let scope = AwsScope { region, service: service.clone() };
            return Ok(Some((EndpointCredential::Aws { keys, scope }, source)));
        }
    };
    Ok(credential.map(|credential| (credential, None)))
}

fn basic(username: String, password: Secret) -> Result<EndpointCredential, String> {
    if username.is_empty() || username.contains(':') {
        return Err("the user name is empty or has a colon".to_owned());
    }
    Ok(EndpointCredential::Basic { username, password })
}

/// Asks a credential helper for the host of the request. Returns user name and secret; a token has no user
/// name.
async fn helped(question: &CredentialQuestion<'_>, name: &str) -> Result<(String, Secret), String> {
    let host = question.host;
    let found = question.registries.credentials().of_helper(name, host).await;
    match found.map_err(|error| error.to_string())? {
        Some(Credential::Basic { username, password }) => Ok((username, password)),
        Some(Credential::IdentityToken(token) | Credential::RegistryToken(token)) => {
            Ok((String::new(), token))
        }
        None => Err(format!("docker-credential-{name} has no credential for {host}")),
    }
}

/// Returns the AWS keys of the settings, else those of the usual variables, else of the profile or role.
async fn found_keys(
    question: &CredentialQuestion<'_>,
    settings: &CredentialSettings,
) -> Result<Option<FoundKeys>, String> {
    let profile = settings.plain("profile");
    if let Some(found) = keys(settings, question.built_in && profile.is_none())? {
        return Ok(Some(found));
    }
    if profile.is_none() && !question.built_in {
        return Ok(None);
    }
    let source = profile.is_none().then_some("a profile or role of AWS");
    let keys = question.aws.keys(profile, question.registries).await?;
    Ok(keys.map(|keys| (keys, source)))
}

/// Returns the AWS keys of the settings, else those of the usual variables.
fn keys(settings: &CredentialSettings, built_in: bool) -> Result<Option<FoundKeys>, String> {
    let has_usual = built_in && settings.secret("access-key-id", variable) == Ok(None);
    let usual =
        |name: &str| variable(name).filter(|value| has_usual && !value.is_empty()).map(Secret::new);
    let find =
        |key: &str, name: &str| Ok::<_, String>(settings.secret(key, variable)?.or(usual(name)));
    let id = find("access-key-id", ACCESS_KEY_ID)?;
    let key = find("secret-access-key", "AWS_SECRET_ACCESS_KEY")?;
    let session_token = find("session-token", "AWS_SESSION_TOKEN")?;
    match (id, key) {
        (Some(id), Some(secret_access_key)) => {
            let access_key_id = id.expose().to_owned();
            let keys = AwsKeys { access_key_id, secret_access_key, session_token };
            Ok(Some((keys, has_usual.then_some(ACCESS_KEY_ID))))
        }
        (None, None) => Ok(None),
        (Some(_), None) => {
            Err("an access key ID is set and the secret access key is not".to_owned())
        }
        (None, Some(_)) => {
            Err("a secret access key is set and the access key ID is not".to_owned())
        }
    }
}

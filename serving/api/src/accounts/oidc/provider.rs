//! Providers as the installation names them, and what they say of themselves.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata};
use openidconnect::{
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, Scope, TokenResponse as _,
};
use records::{Span, Timestamp};
use serde::Deserialize;

use super::Claims;
use super::client::Asker;
use crate::problem::{Code, Problem};

/// How long what a provider says of itself is believed; then it is asked again, and so learns new keys.
const BELIEVED: Span = Span::from_seconds(600);

/// One provider.
pub(crate) struct Provider {
    /// What stands in addresses.
    pub(super) id: String,
    /// What people call it.
    pub(super) name: String,
    /// Whether somebody whom nobody knows becomes a user, a member of nothing.
    pub(super) register: bool,
    issuer: IssuerUrl,
    client: ClientId,
    secret: Option<ClientSecret>,
    asker: Asker,
    known: Mutex<Option<(Timestamp, Arc<CoreProviderMetadata>)>>,
}

/// The file of providers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    provider: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    name: String,
    issuer: String,
    client_id: String,
    client_secret: Option<String>,
    #[serde(default)]
    register: bool,
}

/// The providers of an installation.
#[derive(Clone, Default)]
pub struct Providers(Arc<[Provider]>);

/// Why a file names no providers.
#[derive(Debug, thiserror::Error)]
pub enum ProvidersError {
    /// Not TOML, or not the shape of such a file.
    #[error("{0}")]
    Shape(#[from] toml::de::Error),
    /// Something in it is not what it should be.
    #[error("provider `{id}`: {why}")]
    Provider {
        /// Which one.
        id: String,
        /// What is wrong.
        why: String,
    },
}

impl std::fmt::Debug for Providers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|provider| &provider.id)).finish()
    }
}

impl Providers {
    /// Reads providers from TOML: `[[provider]]` with `id`, `name`, `issuer`, `client_id`, and if wanted `client_secret` and
    /// `register = true`.
    ///
    /// # Errors
    /// When something in it is not what it should be; secrets stand in no error.
    pub fn from_toml(text: &str) -> Result<Self, ProvidersError> {
        // The parser's error shows the line: not if it may hold a secret.
        let file: File = toml::from_str(text).map_err(|mut error| {
            error.set_input(None);
            error
        })?;
        let mut ids = BTreeSet::new();
        let read = |entry: Entry| {
            let id = entry.id.clone();
            let provider = Provider::new(entry).map_err(|why| ProvidersError::Provider { id: id.clone(), why })?;
            if !ids.insert(id.clone()) {
                return Err(ProvidersError::Provider { id, why: "it is named twice".into() });
            }
            Ok(provider)
        };
        let providers: Result<Vec<Provider>, _> = file.provider.into_iter().map(read).collect();
        Ok(Self(providers?.into()))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Provider> {
        self.0.iter()
    }
}

impl Provider {
    fn new(entry: Entry) -> Result<Self, String> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if entry.id.is_empty() || entry.id.len() > 32 || !entry.id.bytes().all(plain) {
            return Err("`id` has 1 to 32 small letters, digits and `-`".into());
        }
        let issuer = IssuerUrl::new(entry.issuer).map_err(|_| "`issuer` is no URL")?;
        let local = matches!(issuer.url().host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if issuer.url().scheme() != "https" && !local {
            return Err("`issuer` is reached over https, unless it is on this machine".into());
        }
        Ok(Self {
            id: entry.id,
            name: entry.name,
            register: entry.register,
            issuer,
            client: ClientId::new(entry.client_id),
            secret: entry.client_secret.map(ClientSecret::new),
            asker: Asker::new().map_err(|error| error.to_string())?,
            known: Mutex::new(None),
        })
    }

    /// Whether this is what the provider calls itself.
    pub(super) fn is(&self, issuer: &str) -> bool {
        self.issuer.as_str() == issuer
    }

    /// What the provider says of itself (OpenID Connect Discovery 1.0 §4), with its keys.
    pub(super) async fn known(&self, now: Timestamp) -> Result<Known<'_>, Problem> {
        let before = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, metadata)) = before.filter(|(at, _)| now.since(*at) < BELIEVED) {
            return Ok(Known { provider: self, metadata });
        }
        let ask = self.asker.asks();
        let metadata = CoreProviderMetadata::discover_async(self.issuer.clone(), &ask).await;
        let metadata = Arc::new(metadata.map_err(|error| self.failed(&error))?);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Arc::clone(&metadata)));
        Ok(Known { provider: self, metadata })
    }

    fn failed(&self, error: &dyn std::error::Error) -> Problem {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        tracing::warn!(provider = self.id, %error, cause, "a provider failed");
        Problem::new(Code::ProviderFailed, "")
    }
}

/// A provider with what it says of itself.
pub(super) struct Known<'a> {
    provider: &'a Provider,
    metadata: Arc<CoreProviderMetadata>,
}

impl Known<'_> {
    /// Where the browser goes.
    pub(super) fn authorize(
        &self,
        callback: &str,
        state: &str,
        nonce: &str,
        verifier: &str,
    ) -> Result<String, Problem> {
        let Provider { client, secret, .. } = self.provider;
        let metadata = CoreProviderMetadata::clone(&self.metadata);
        let client = CoreClient::from_provider_metadata(metadata, client.clone(), secret.clone())
            .set_redirect_uri(redirect(callback)?);
        let (state, nonce) = (CsrfToken::new(state.to_owned()), Nonce::new(nonce.to_owned()));
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.to_owned()));
        let request = client.authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            move || state.clone(),
            move || nonce.clone(),
        );
        let scopes = ["email", "profile"].map(|scope| Scope::new(scope.to_owned()));
        Ok(request.add_scopes(scopes).set_pkce_challenge(challenge).url().0.to_string())
    }

    /// Exchanges the code, and believes the id token if its signature, issuer, audience, time and nonce are right.
    pub(super) async fn exchange(
        &self,
        callback: &str,
        code: String,
        verifier: PkceCodeVerifier,
        nonce: &Nonce,
        now: Timestamp,
    ) -> Result<Claims, Problem> {
        let Provider { client, secret, asker, .. } = self.provider;
        let metadata = CoreProviderMetadata::clone(&self.metadata);
        let client = CoreClient::from_provider_metadata(metadata, client.clone(), secret.clone())
            .set_redirect_uri(redirect(callback)?);
        let ask = asker.asks();
        let exchange =
            client.exchange_code(AuthorizationCode::new(code)).map_err(|error| self.provider.failed(&error))?;
        let answer = exchange.set_pkce_verifier(verifier).request_async(&ask).await;
        let answer = answer.map_err(|error| {
            tracing::info!(provider = self.provider.id, %error, "a code was not exchanged");
            Problem::new(Code::ProviderRefused, "the provider does not take the code")
        })?;
        let token = answer.id_token().ok_or_else(|| Problem::new(Code::ProviderRefused, "no id token"))?;
        let seconds = chrono::DateTime::from_timestamp(now.seconds(), 0).unwrap_or_default();
        let checks = client.id_token_verifier().set_time_fn(move || seconds);
        let claims = token.claims(&checks, nonce).map_err(|error| {
            tracing::warn!(provider = self.provider.id, %error, "an id token is not right");
            Problem::new(Code::ProviderRefused, "the id token is not right")
        })?;
        let email = claims.email().filter(|_| claims.email_verified() == Some(true)).map(|email| email.to_string());
        let name = claims.name().and_then(|names| names.get(None)).map(|name| name.to_string()).unwrap_or_default();
        Ok(Claims {
            issuer: claims.issuer().to_string(),
            subject: claims.subject().to_string(),
            email,
            name: name.chars().filter(|c| !c.is_control()).take(120).collect(),
        })
    }
}

fn redirect(callback: &str) -> Result<RedirectUrl, Problem> {
    RedirectUrl::new(callback.to_owned()).map_err(|error| {
        tracing::error!(%error, "`public_url` is no URL");
        Problem::new(Code::Internal, "")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Providers::from_toml(text).unwrap_err().to_string()
    }

    #[test]
    fn providers_are_read_and_slips_named_without_secrets() {
        let good = "[[provider]]\nid = 'work'\nname = 'Work'\nissuer = 'https://id.example.org'\nclient_id = 'c'\n\
                    client_secret = 'hidden-one'\n";
        assert_eq!(Providers::from_toml(good).unwrap().iter().count(), 1);
        assert_eq!(refused(&good.repeat(2)), "provider `work`: it is named twice");
        assert!(refused(&good.replace("https", "http")).contains("over https"));
        assert!(refused(&good.replace("'work'", "'Work 1'")).contains("`id` has"));
        for wrong in [good.replace("client_secret = ", "client_secrt = "), good.replace("hidden-one'", "hidden-one")] {
            assert!(!refused(&wrong).contains("hidden-one"), "{}", refused(&wrong));
        }
    }
}

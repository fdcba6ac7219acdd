//! The kinds of credentials that are recognised.

use std::fmt;
use std::str::FromStr;

/// What kind of credential was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// A secret API key: `sk_live_…`, `sk_test_…`.
    SecretKey,
    /// A restricted API key: `rk_live_…`, `rk_test_…`, `rk_…`.
    RestrictedKey,
    /// The secret that webhooks are signed with: `whsec_…`.
    WebhookSecret,
    /// A token after `Bearer` (RFC 6750 section 2.1).
    BearerToken,
    /// A JSON web token (RFC 7519), signed or encrypted.
    Jwt,
    /// Either half of an AWS access key: its id (IAM user guide, unique identifiers) or its secret.
    AwsAccessKey,
    /// A private key as PEM text (RFC 7468), or of PGP's or OpenSSH's armour.
    PrivateKey,
    /// The value of `client_secret` (RFC 6749 section 2.3.1).
    ClientSecret,
    /// The value of `access_token` (RFC 6749 section 5.1), such as that of a payment initiation service.
    AccessToken,
}

/// The text is no kind of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no kind of credential")]
pub struct UnknownCredentialKind;

impl CredentialKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::SecretKey,
        Self::RestrictedKey,
        Self::WebhookSecret,
        Self::BearerToken,
        Self::Jwt,
        Self::AwsAccessKey,
        Self::PrivateKey,
        Self::ClientSecret,
        Self::AccessToken,
    ];

    /// The word that stands in `[REDACTED:…]` and in the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SecretKey => "secret_key",
            Self::RestrictedKey => "restricted_key",
            Self::WebhookSecret => "webhook_secret",
            Self::BearerToken => "bearer_token",
            Self::Jwt => "jwt",
            Self::AwsAccessKey => "aws_access_key",
            Self::PrivateKey => "private_key",
            Self::ClientSecret => "client_secret",
            Self::AccessToken => "access_token",
        }
    }
}

impl FromStr for CredentialKind {
    type Err = UnknownCredentialKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownCredentialKind)
    }
}

impl fmt::Display for CredentialKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

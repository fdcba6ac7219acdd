//! The kinds of credentials that are recognised.

use strum::{Display, EnumString, IntoStaticStr, VariantNames};

/// What kind of credential was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
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

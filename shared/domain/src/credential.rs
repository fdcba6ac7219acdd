//! The kinds of credentials that we recognise.

use strum::{Display, EnumString, IntoStaticStr, VariantNames};

/// The kind of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum CredentialKind {
    /// A secret API key: `sk_live_…`, `sk_test_…`.
    SecretKey,
    /// A restricted API key: `rk_live_…`, `rk_test_…`, `rk_…`.
    RestrictedKey,
    /// A webhook signing secret: `whsec_…`.
    WebhookSecret,
    /// A token after `Bearer` (RFC 6750 section 2.1).
    BearerToken,
    /// A JSON web token (RFC 7519), signed or encrypted.
    Jwt,
    /// An AWS access key ID (IAM User Guide, unique identifiers) or secret access key.
    AwsAccessKey,
    /// A private key as PEM text (RFC 7468), or in PGP or OpenSSH armour.
    PrivateKey,
    /// The value of `client_secret` (RFC 6749 section 2.3.1).
    ClientSecret,
    /// The value of `access_token` (RFC 6749 section 5.1), such as one for a payment initiation service.
    AccessToken,
}

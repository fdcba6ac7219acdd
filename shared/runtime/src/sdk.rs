//! The AWS SDK's configuration, from Lambda's environment variables only. `aws-config` would also try files and
//! services at start-up.

use std::collections::HashMap;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::sdk_config::StalledStreamProtectionConfig;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use rustls::RootCertStore;

use crate::http_client::{pooled_client, roots_of};
use crate::variables::{VariableError, Variables};

/// The longest pause before the first retry. The SDK's default of a second would use up the whole budget.
const FIRST_RETRY_AFTER: Duration = Duration::from_millis(50);
const ATTEMPTS: u32 = 3;
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// Why the SDK cannot be configured.
#[derive(Debug, thiserror::Error)]
pub enum SdkSetupError {
    /// A variable is missing or invalid.
    #[error(transparent)]
    Variable(#[from] VariableError),
    /// TLS cannot be configured.
    #[error("TLS cannot be configured: {0}")]
    Tls(#[from] rustls::Error),
    /// The file of root certificates cannot be read, or has no certificates.
    #[error("the root certificates in {file}, which SSL_CERT_FILE names, cannot be used: {reason}")]
    RootCertificates {
        /// The file's path.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The configuration that all of a function's clients share, including their connections. Region and credentials come
/// from Lambda's own variables. `AWS_ENDPOINT_URL` replaces the region's endpoints, and a variable such as
/// `AWS_ENDPOINT_URL_DYNAMODB` replaces one service's endpoint. Our own variables set the timeouts, in milliseconds
/// (with defaults): `CONNECT_TIMEOUT_MS` for connecting (1,000), `ATTEMPT_TIMEOUT_MS` for one attempt (800), and
/// `OPERATION_TIMEOUT_MS` for a call with all its attempts (2,000).
///
/// # Errors
/// When a variable or the root certificates are missing or invalid.
pub fn sdk_config(variables: &Variables) -> Result<SdkConfig, SdkSetupError> {
    let endpoint: Option<String> = variables.optional(ENDPOINT)?;
    let credentials = Credentials::new(
        variables.required::<String>("AWS_ACCESS_KEY_ID")?,
        variables.required::<String>("AWS_SECRET_ACCESS_KEY")?,
        variables.optional("AWS_SESSION_TOKEN")?,
        None,
        "environment",
    );
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(variables.milliseconds_or("ATTEMPT_TIMEOUT_MS", Duration::from_millis(800))?)
        .operation_timeout(variables.milliseconds_or("OPERATION_TIMEOUT_MS", Duration::from_secs(2))?)
        .build();
    let is_plain_http = endpoint.as_ref().is_some_and(|url| url.starts_with("http://"));
    let roots = if is_plain_http { RootCertStore::empty() } else { roots(variables)? };
    let connect_timeout = variables.milliseconds_or("CONNECT_TIMEOUT_MS", Duration::from_secs(1))?;
    let http_client = pooled_client(roots, connect_timeout)?;
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(variables.required::<String>("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client)
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_RETRY_AFTER))
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .service_config(ServiceEndpoints(variables.beginning_with(ENDPOINT)));
    config.set_endpoint_url(endpoint);
    Ok(config.build())
}

/// Endpoints for single services (AWS SDKs and Tools Reference Guide, "Service-specific endpoints").
#[derive(Debug)]
struct ServiceEndpoints(HashMap<String, String>);

impl LoadServiceConfig for ServiceEndpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().replace(' ', "_").to_uppercase();
        self.0.get(&format!("{}_{service}", key.env())).cloned()
    }
}

/// The certificates in the file that `SSL_CERT_FILE` names.
fn roots(variables: &Variables) -> Result<RootCertStore, SdkSetupError> {
    let file: String = variables.required("SSL_CERT_FILE")?;
    let unusable = |reason: String| SdkSetupError::RootCertificates { file: file.clone(), reason };
    let pem = std::fs::read(&file).map_err(|error| unusable(error.to_string()))?;
    let roots = roots_of(&pem);
    if roots.is_empty() { Err(unusable("there are none".to_owned())) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAMBDA: [(&str, &str); 4] = [
        ("AWS_REGION", "eu-west-2"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
    ];

    #[test]
    fn each_missing_variable_is_named() {
        for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            let others = LAMBDA.map(|(other, value)| (other, if other == name { "" } else { value }));
            let error = sdk_config(&Variables::from_iter(others)).unwrap_err();
            assert_eq!(error.to_string(), format!("the environment variable {name} is missing"));
        }
    }

    #[test]
    fn https_needs_root_certificates_that_can_be_used() {
        let [region, id, secret, _] = LAMBDA;
        let with_roots_in =
            |file: &str| sdk_config(&[region, id, secret, ("SSL_CERT_FILE", file)].into_iter().collect());
        let source = |file: &str| format!("{}/src/{file}", env!("CARGO_MANIFEST_DIR"));
        assert!(with_roots_in(&source("test_root.pem")).is_ok());
        assert_eq!(with_roots_in("").unwrap_err().to_string(), "the environment variable SSL_CERT_FILE is missing");
        for file in ["/absent.pem", "/dev/null", &source("lib.rs")] {
            let error = with_roots_in(file).unwrap_err().to_string();
            let names = format!("the root certificates in {file}, which SSL_CERT_FILE names, cannot be used: ");
            assert!(error.starts_with(&names), "{error}");
        }
    }

    #[test]
    fn a_local_aws_is_an_endpoint() {
        let config = sdk_config(&Variables::from_iter(LAMBDA)).unwrap();
        assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:4566"));
    }

    #[test]
    fn a_service_may_have_an_endpoint_of_its_own() {
        let variables = LAMBDA.into_iter().chain([("AWS_ENDPOINT_URL_SESV2", "http://127.0.0.1:1")]).collect();
        let config = sdk_config(&variables).unwrap();
        let endpoint_of = |service: &str| {
            let key = ServiceConfigKey::builder().service_id(service).env(ENDPOINT).profile("endpoint_url").build();
            config.service_config().unwrap().load_config(key.unwrap())
        };
        assert_eq!(endpoint_of("SESv2").as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(endpoint_of("DynamoDB"), None);
    }
}

//! The response in the gateway's format.

use lambda_http::Body;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayV2httpResponse};
use lambda_http::http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

/// A response to either kind of gateway event.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Response {
    /// For a REST API, with its headers in `multiValueHeaders`.
    V1(ApiGatewayProxyResponse),
    /// For an HTTP API, with its headers in `headers`.
    V2(ApiGatewayV2httpResponse),
}

impl Response {
    pub(crate) fn new(is_v2: bool, status: StatusCode, headers: HeaderMap, body: String) -> Self {
        let (status_code, body) = (status.as_u16().into(), Some(Body::Text(body)));
        if is_v2 {
            let mut response = ApiGatewayV2httpResponse::default();
            (response.status_code, response.headers, response.body) = (status_code, headers, body);
            Self::V2(response)
        } else {
            let mut response = ApiGatewayProxyResponse::default();
            (response.status_code, response.multi_value_headers, response.body) = (status_code, headers, body);
            Self::V1(response)
        }
    }
}

/// A header value that we write ourselves.
#[expect(clippy::expect_used, reason = "we write visible ASCII")]
pub(crate) fn ascii_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("the value is legal")
}

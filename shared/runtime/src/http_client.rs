//! The HTTP client below the AWS SDK: HTTP/1.1, rustls with ring, and one pool of connections for all services.
//!
//! The SDK's own client reads the roots anew for each service, and brings HTTP/2 and proxies: a sixth of each binary, for what a
//! function that makes one request at a time does not need. What is tried again, and which connection is bad, stays for the SDK
//! to say.

use std::error::Error;
use std::future::Future;
use std::iter::successors;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use base64_simd::STANDARD;
use futures_util::FutureExt;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{CaptureConnection, HttpConnector as TcpConnector, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use memchr::memchr_iter;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tower_service::Service;

/// How long an unused connection is kept. Lambda freezes an idle environment, and a connection that the other side closed
/// meanwhile costs a failed attempt: SQS and DynamoDB keep theirs for about a minute.
const POOL_IDLE: Duration = Duration::from_secs(50);
/// As long as the base64 of nearly all certificates is.
const MOST_CERTIFICATES_BYTES: usize = 2_048;

/// The connections of all services.
#[derive(Clone, Debug)]
struct Pool(Client<ConnectInTime, SdkBody>);

/// A client for http and https that all services share. It trusts `roots` and gives a connection `connect_timeout` until TLS is
/// agreed on; how long an answer may take is for the SDK to watch.
pub(crate) fn pooled_client(
    roots: RootCertStore,
    connect_timeout: Duration,
) -> Result<SharedHttpClient, rustls::Error> {
    let pool = SharedHttpConnector::new(Pool::new(roots, connect_timeout)?);
    Ok(http_client_fn(move |_, _| pool.clone()))
}

impl Pool {
    fn new(roots: RootCertStore, connect_timeout: Duration) -> Result<Self, rustls::Error> {
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = TcpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .build(ConnectInTime { connector, limit: connect_timeout });
        Ok(Self(client))
    }
}

impl HttpConnector for Pool {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let connection = capture_connection(&mut request);
        if let Some(asked_for) = request.extensions().get::<CaptureSmithyConnection>() {
            asked_for.set_connection_retriever(move || Some(connection_of(&connection)));
        }
        let answer = self.0.request(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await.map_err(|error| connector_error(error.into()))?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// The connection as the SDK knows it: one that it has found bad is not used again.
fn connection_of(captured: &CaptureConnection) -> ConnectionMetadata {
    let captured = captured.clone();
    let poison = move || {
        if let Some(connection) = captured.connection_metadata().as_ref() {
            connection.poison();
        }
    };
    ConnectionMetadata::builder().proxied(false).poison_fn(poison).build()
}

/// Whatever fails without an answer may go well on another connection: the SDK tries both kinds again, if it may try again at all.
fn connector_error(error: BoxError) -> ConnectorError {
    let mut causes = successors(Some(error.as_ref() as &(dyn Error + 'static)), |&cause| cause.source());
    if causes.any(<dyn Error>::is::<Elapsed>) { ConnectorError::timeout(error) } else { ConnectorError::io(error) }
}

/// Gives TCP and TLS together a limit; the TCP connector knows one for itself alone.
#[derive(Clone, Debug)]
struct ConnectInTime {
    connector: HttpsConnector<TcpConnector>,
    limit: Duration,
}

impl Service<Uri> for ConnectInTime {
    type Response = <HttpsConnector<TcpConnector> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connected = timeout(self.limit, self.connector.call(uri));
        Box::pin(connected.map(|connected| connected.unwrap_or_else(|elapsed| Err(elapsed.into()))))
    }
}

/// The certificates of a PEM file (RFC 7468, lax: what stands around them is passed over). One that cannot be read is none:
/// the bundle is not ours, and a single odd root in its next version must not stop every function.
pub(crate) fn roots_of(pem: &[u8]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let mut base64: Option<Vec<u8>> = None;
    let mut start = 0;
    for end in memchr_iter(b'\n', pem).chain([pem.len()]) {
        let line = pem[start..end].trim_ascii_end();
        start = end + 1;
        match (line, &mut base64) {
            (b"-----BEGIN CERTIFICATE-----", _) => base64 = Some(Vec::with_capacity(MOST_CERTIFICATES_BYTES)),
            (b"-----END CERTIFICATE-----", _) => {
                let der = base64.take().and_then(|base64| STANDARD.decode_to_vec(base64).ok());
                roots.add_parsable_certificates(der.map(CertificateDer::from));
            }
            (line, Some(base64)) => base64.extend_from_slice(line),
            (_, None) => {}
        }
    }
    roots
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    const ROOT: &str = include_str!("test_root.pem");

    #[track_caller]
    fn check_roots(pem: &str, expected: usize) {
        assert_eq!(roots_of(pem.as_bytes()).len(), expected, "{pem}");
    }

    #[test]
    fn every_certificate_is_a_root_whatever_stands_around_it() {
        check_roots(ROOT, 1);
        check_roots(&format!("# one\n{ROOT}\n# -----\n{}", ROOT.trim_end()), 2);
        check_roots(&ROOT.replace('\n', "\r\n"), 1);
    }

    #[test]
    fn what_is_no_certificate_is_no_root_and_keeps_none_from_being_one() {
        for none in ["", "-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n"] {
            check_roots(none, 0);
        }
        for bad in ["-", "AAAA", "-----BEGIN CERTIFICATE-----"] {
            check_roots(&format!("-----BEGIN CERTIFICATE-----\n{bad}\n-----END CERTIFICATE-----\n{ROOT}"), 1);
        }
    }

    fn answer_all(stream: TcpStream) {
        let mut writer = stream.try_clone().unwrap();
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        for _end_of_request in lines.filter(String::is_empty) {
            writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        }
    }

    /// The URL of a server that answers everything, and how many connections it was asked for.
    fn server() -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                thread::spawn(|| answer_all(stream.unwrap()));
            }
        });
        (url, connections)
    }

    fn pool(connect_timeout: Duration) -> Pool {
        Pool::new(RootCertStore::empty(), connect_timeout).unwrap()
    }

    async fn call(pool: &Pool, url: &str) -> Result<ConnectionMetadata, ConnectorError> {
        let captured = CaptureSmithyConnection::new();
        let mut request = HttpRequest::empty();
        request.set_uri(url).unwrap();
        request.add_extension(captured.clone());
        let answer = pool.call(request).await?;
        assert_eq!(answer.status().as_u16(), 200);
        // Tasks of their own give the connection back to the pool.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        Ok(captured.get().unwrap())
    }

    #[tokio::test]
    async fn a_connection_is_used_again_unless_it_was_found_bad() {
        let ((url, connections), pool) = (server(), pool(Duration::from_secs(5)));
        call(&pool, &url).await.unwrap();
        let connection = call(&pool, &url).await.unwrap();
        assert_eq!(connections.load(Ordering::SeqCst), 1);
        connection.poison();
        call(&pool, &url).await.unwrap();
        assert_eq!(connections.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_agrees_on_nothing_in_time_is_a_timeout() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let error = call(&pool(Duration::from_secs(5)), &url).await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
    }

    #[tokio::test]
    async fn a_host_that_does_not_answer_is_an_io_error() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = call(&pool(Duration::from_secs(5)), &format!("http://{closed}/")).await.unwrap_err();
        assert!(error.is_io(), "{error:?}");
    }
}

//! The AWS SDK's HTTP client: HTTP/1.1, rustls with ring, and one connection pool for all services.
//!
//! The SDK's own client reads the root certificates again for each service. It also adds HTTP/2 and proxies, a sixth of
//! each binary, which a function that makes one request at a time does not need. The SDK still decides what to retry
//! and which connection is bad. This client decides how long to trust an idle connection, because no SDK knows that
//! Lambda freezes it.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::iter::successors;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

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
use http::uri::Authority;
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

/// How long to trust an idle connection. Lambda freezes the environment between invocations, and a connection that dies
/// meanwhile costs an attempt. The limiter has only one attempt, and after an attempt without a response SES may have
/// sent the email. A new connection costs two round trips and the rest of a TLS handshake.
const TRUSTED_IDLE: Duration = Duration::from_secs(3);
/// Enough for the base64 of nearly any certificate.
const MOST_CERTIFICATES_BYTES: usize = 2_048;

type Connections = Client<ConnectInTime, SdkBody>;

/// The connections of all services.
#[derive(Clone, Debug)]
struct Pool {
    connector: ConnectInTime,
    hosts: Arc<Mutex<HashMap<Authority, Host>>>,
    clock: fn() -> SystemTime,
}

/// The connections to one host.
#[derive(Debug)]
struct Host {
    connections: Connections,
    /// Wall-clock time. The monotonic clock may stop while the environment is frozen.
    used_at: SystemTime,
}

/// A client for HTTP and HTTPS that all services share. It trusts `roots`. Connecting, including TLS, may take
/// `connect_timeout`. The SDK enforces the timeout of the response.
pub(crate) fn pooled_client(
    roots: RootCertStore,
    connect_timeout: Duration,
) -> Result<SharedHttpClient, rustls::Error> {
    #[expect(clippy::disallowed_methods, reason = "the SDK calls this client, and passes no time")]
    let clock = SystemTime::now;
    let pool = SharedHttpConnector::new(Pool::new(roots, connect_timeout, clock)?);
    Ok(http_client_fn(move |_, _| pool.clone()))
}

impl Pool {
    fn new(roots: RootCertStore, connect_timeout: Duration, clock: fn() -> SystemTime) -> Result<Self, rustls::Error> {
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = TcpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
        Ok(Self { connector: ConnectInTime { connector, limit: connect_timeout }, hosts: Arc::default(), clock })
    }

    /// The connections to a host. Makes new ones if the old ones are no longer trusted.
    fn connections_to(&self, host: &Authority) -> Connections {
        let now = (self.clock)();
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        // If the clock was set back, the idle time is unknown.
        let is_trusted = |host: &&mut Host| now.duration_since(host.used_at).is_ok_and(|idle| idle <= TRUSTED_IDLE);
        if let Some(host) = hosts.get_mut(host).filter(is_trusted) {
            host.used_at = now;
            return host.connections.clone();
        }
        // If the environment was not frozen, hyper's own limit applies to each connection.
        let connections: Connections = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(TRUSTED_IDLE)
            .build(self.connector.clone());
        hosts.insert(host.clone(), Host { connections: connections.clone(), used_at: now });
        connections
    }

    fn distrust(&self, host: &Authority) {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).remove(host);
    }

    /// Records that a response has arrived: the connections are idle from now on.
    fn was_used(&self, host: &Authority) {
        let now = (self.clock)();
        if let Some(host) = self.hosts.lock().unwrap_or_else(PoisonError::into_inner).get_mut(host) {
            host.used_at = now;
        }
    }
}

impl HttpConnector for Pool {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let Some(host) = request.uri().authority().cloned() else {
            return HttpConnectorFuture::ready(Err(ConnectorError::user("the URL names no host".into())));
        };
        let connection = capture_connection(&mut request);
        if let Some(asked_for) = request.extensions().get::<CaptureSmithyConnection>() {
            asked_for.set_connection_retriever(move || Some(connection_of(&connection)));
        }
        let pool = self.clone();
        let response = self.connections_to(&host).request(request);
        HttpConnectorFuture::new(async move {
            let response = response.await.map_err(|error| {
                // The cause may have broken the other connections too, so a retry gets a new one.
                pool.distrust(&host);
                connector_error(error.into())
            })?;
            pool.was_used(&host);
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Lets the SDK mark a connection as bad, so that it is not used again.
fn connection_of(captured: &CaptureConnection) -> ConnectionMetadata {
    let captured = captured.clone();
    let poison = move || {
        if let Some(connection) = captured.connection_metadata().as_ref() {
            connection.poison();
        }
    };
    ConnectionMetadata::builder().proxied(false).poison_fn(poison).build()
}

/// An attempt that got no response may succeed on another connection. The SDK retries both kinds of error, if it may
/// retry at all.
fn connector_error(error: BoxError) -> ConnectorError {
    let mut causes = successors(Some(error.as_ref() as &(dyn Error + 'static)), |&cause| cause.source());
    if causes.any(<dyn Error>::is::<Elapsed>) { ConnectorError::timeout(error) } else { ConnectorError::io(error) }
}

/// Applies one time limit to TCP and TLS together. The TCP connector only limits TCP.
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

/// Reads the certificates in a PEM file (RFC 7468, lax: other text is ignored). Unreadable certificates are skipped: we
/// do not control the bundle, and one odd root in its next version must not stop every function.
///
/// `rustls-pki-types` also reads PEM, but takes 37 instructions per byte. That is 8 million for this bundle, as many as
/// the rest of a start.
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
    use std::cell::Cell;
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

    fn respond_to_all(stream: TcpStream) {
        let mut writer = stream.try_clone().unwrap();
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        for _end_of_request in lines.filter(String::is_empty) {
            writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        }
    }

    /// The URL of a server that responds to everything, and its number of connections so far.
    fn server() -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                thread::spawn(|| respond_to_all(stream.unwrap()));
            }
        });
        (url, connections)
    }

    /// This test's own wall clock. Each test has its own thread.
    fn clock() -> SystemTime {
        NOW.get()
    }

    thread_local! {
        static NOW: Cell<SystemTime> = const { Cell::new(SystemTime::UNIX_EPOCH) };
    }

    fn pool(connect_timeout: Duration) -> Pool {
        Pool::new(RootCertStore::empty(), connect_timeout, clock).unwrap()
    }

    async fn call(pool: &Pool, url: &str) -> Result<ConnectionMetadata, ConnectorError> {
        let captured = CaptureSmithyConnection::new();
        let mut request = HttpRequest::empty();
        request.set_uri(url).unwrap();
        request.add_extension(captured.clone());
        let response = pool.call(request).await?;
        assert_eq!(response.status().as_u16(), 200);
        // Other tasks return the connection to the pool.
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

    #[tokio::test]
    async fn a_connection_is_not_used_again_after_a_few_idle_seconds_of_the_wall_clock() {
        let ((url, connections), pool) = (server(), pool(Duration::from_secs(5)));
        let start = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
        // Idle for this many seconds, by the wall clock only. The monotonic clock stands still, as in a frozen
        // environment.
        for (at, opened) in [(0, 1), (1, 1), (4, 1), (7, 1), (11, 2), (12, 2), (72, 3), (20, 4), (20, 4), (7_200, 5)] {
            NOW.set(start + Duration::from_secs(at));
            call(&pool, &url).await.unwrap();
            assert_eq!(connections.load(Ordering::SeqCst), opened, "{at}");
        }
    }

    #[tokio::test]
    async fn each_host_has_an_idle_time_of_its_own() {
        let ((url, connections), (other_url, others)) = (server(), server());
        let pool = pool(Duration::from_secs(5));
        for at in [0, 2, 4] {
            NOW.set(SystemTime::UNIX_EPOCH + Duration::from_secs(at));
            call(&pool, &url).await.unwrap();
            if at != 2 {
                call(&pool, &other_url).await.unwrap();
            }
        }
        assert_eq!((connections.load(Ordering::SeqCst), others.load(Ordering::SeqCst)), (1, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_agrees_on_nothing_in_time_is_a_timeout() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let error = call(&pool(Duration::from_secs(5)), &url).await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
    }

    #[tokio::test]
    async fn a_host_that_does_not_respond_is_an_io_error() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = call(&pool(Duration::from_secs(5)), &format!("http://{closed}/")).await.unwrap_err();
        assert!(error.is_io(), "{error:?}");
    }
}

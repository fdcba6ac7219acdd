//! A small HTTP server on loopback, for use between a function and the stack.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

pub(crate) type Request = hyper::Request<Bytes>;
pub(crate) type Response = hyper::Response<Full<Bytes>>;

/// A server that runs until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    serving: JoinHandle<()>,
    connections: Arc<Connections>,
}

/// A server's connections. They can die without the client noticing, as happens while a client is frozen.
#[derive(Default)]
struct Connections {
    /// How many times all connections have died.
    deaths: AtomicUsize,
    /// How many requests came over a dead connection.
    lost: AtomicUsize,
}

impl Server {
    /// Responds to each request with `respond`. `None` closes the connection without a response.
    pub(crate) async fn start<Responding>(
        respond: impl Fn(Request) -> Responding + Clone + Send + Sync + 'static,
    ) -> Self
    where
        Responding: Future<Output = Option<Response>> + Send,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let connections = Arc::<Connections>::default();
        let shared = Arc::clone(&connections);
        let serving = tokio::spawn(async move {
            let mut tasks = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let respond = respond.clone();
                let connections = Arc::clone(&shared);
                let deaths = connections.deaths.load(Ordering::SeqCst);
                tasks.spawn(async move {
                    let service = service_fn(async |request: hyper::Request<Incoming>| {
                        if connections.deaths.load(Ordering::SeqCst) > deaths {
                            connections.lost.fetch_add(1, Ordering::SeqCst);
                            return Err(io::Error::other("the connection is dead"));
                        }
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
                        respond(Request::from_parts(head, body))
                            .await
                            .ok_or(io::Error::other("left without a response"))
                    });
                    // Either side may disconnect at any time. These tests are about that.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, serving, connections }
    }

    /// Makes all open connections die. A client notices when it next uses one.
    pub(crate) fn let_connections_die(&self) {
        self.connections.deaths.fetch_add(1, Ordering::SeqCst);
    }

    /// How many requests came over a dead connection.
    pub(crate) fn lost_requests(&self) -> usize {
        self.connections.lost.load(Ordering::SeqCst)
    }

    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub(crate) fn json(status: u16, body: impl Into<Bytes>) -> Response {
    let response = hyper::Response::builder().status(status).header("content-type", "application/json");
    response.body(Full::new(body.into())).expect("status and header are legal")
}

//! An HTTP/1.1 server on loopback, with or without TLS.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use anyhow::Result;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

pub(crate) type Request = hyper::Request<Bytes>;
pub(crate) type Response = hyper::Response<Full<Bytes>>;

/// A server that runs until it is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    serving: Vec<JoinHandle<()>>,
}

pub(crate) trait Handler: Clone + Send + Sync + 'static {
    /// Called for each new connection.
    fn connected(&self) {}

    fn handle(&self, request: Request) -> impl Future<Output = Response> + Send;
}

impl Server {
    /// Listens on a free port of `localhost`, on IPv4 and IPv6, because a client may try either first.
    pub(crate) async fn start(tls: Option<Arc<ServerConfig>>, handler: impl Handler) -> Result<Self> {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = v4.local_addr()?.port();
        let v6 = match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
            Ok(listener) => Some(listener),
            // The client would call the other server on this port.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error.into()),
            Err(_without_ipv6) => None,
        };
        let tls = tls.map(TlsAcceptor::from);
        let listeners = [Some(v4), v6].into_iter().flatten();
        let serving = listeners.map(|listener| tokio::spawn(accept(listener, tls.clone(), handler.clone())));
        Ok(Self { port, serving: serving.collect() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for listener in &self.serving {
            listener.abort();
        }
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, handler: impl Handler) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        handler.connected();
        connections.spawn(serve(stream, tls.clone(), handler.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// Serves one connection until the client disconnects. A killed client disconnects without notice.
async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, handler: impl Handler) {
    let _ = stream.set_nodelay(true);
    match tls {
        None => exchange(stream, handler).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                exchange(stream, handler).await;
            }
        }
    }
}

async fn exchange(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, handler: impl Handler) {
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let handler = handler.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            Ok::<_, io::Error>(handler.handle(Request::from_parts(head, body)).await)
        }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// A response with these headers. hyper adds the length and the date.
pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response {
    let mut builder = hyper::Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Full::new(body.into())).unwrap_or_default()
}

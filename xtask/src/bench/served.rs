//! HTTP/1.1 with hyper, shared by the bench's servers and clients.

use std::net::Ipv4Addr;

use anyhow::Result;
use http::{Request, Response};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// A running server; it stops when dropped.
pub struct Served {
    origin: String,
    runtime: Option<Runtime>,
}

impl Served {
    /// Starts the server, with as many threads as the gateway's server.
    pub fn start<F, A, B>(answer: F) -> Result<Self>
    where
        F: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
        A: Future<Output = Result<Response<B>>> + Send + 'static,
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let origin = format!("http://{}", listener.local_addr()?);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let conversation = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service_fn(answer.clone()));
                // An error on a connection, such as a disconnect, ends only that connection.
                tokio::spawn(async move { drop(conversation.await) });
            }
        });
        Ok(Self {
            origin,
            runtime: Some(runtime),
        })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The host and port of an origin.
pub fn authority(origin: &str) -> &str {
    origin.trim_start_matches("http://")
}

/// Opens a connection to an origin.
pub async fn connect<B>(origin: &str) -> Result<SendRequest<B>>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let stream = TcpStream::connect(authority(origin)).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Connection errors also fail the requests.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

//! The server: one listener, both services.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::header::DATE;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::clock;
use crate::fault::{self, FaultKind};
use crate::large::{Body, Generated};
use crate::request::Received;
use crate::response::{ResponseBody, append};
use crate::state::{State, service};

pub(crate) async fn serve(
    listener: std::net::TcpListener,
    tls: Option<TlsAcceptor>,
    state: Arc<State>,
    mut stopped: oneshot::Receiver<Infallible>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        tokio::select! {
            _ = &mut stopped => return Ok(()),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let _ = stream.set_nodelay(true);
                    let (tls, state) = (tls.clone(), state.clone());
                    tokio::spawn(async move {
                        match tls {
                            None => converse(stream, state).await,
                            Some(tls) => {
                                if let Ok(stream) = tls.accept(stream).await {
                                    converse(stream, state).await;
                                }
                            }
                        }
                    });
                }
                // Out of file handles, or the peer disconnected: the next accept may succeed.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, state: Arc<State>) {
    let service = service_fn(move |request| respond(state.clone(), request));
    // An error here is a client that disconnected, or a fault.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// An error closes the connection without an answer.
async fn respond(state: Arc<State>, request: Request<Incoming>) -> Result<Response<ResponseBody>, io::Error> {
    let (parts, body) = request.into_parts();
    let mut request = Received::new(parts);
    let mut instead = None;
    let length = match state.large.read(&request, body).await? {
        Body::Whole(body) => {
            request.body = body;
            request.body.len() as u64
        }
        Body::Swallowed(length) => {
            instead = Some(StatusCode::NO_CONTENT);
            length
        }
        Body::TooLarge(length) => {
            instead = Some(StatusCode::PAYLOAD_TOO_LARGE);
            length
        }
    };
    state.recorder.record(&request, length);

    let service = service(&request.path);
    let fault = service.and_then(|service| state.faults.take(service, &request));
    let mut cut = None;
    let mut answer = match (service, fault) {
        (Some(service), Some(FaultKind::Throttle { code, retry_after_secs })) => {
            state.throttled(service, &code, retry_after_secs)
        }
        (
            _,
            Some(FaultKind::Status {
                status,
                body,
                content_type,
                headers,
            }),
        ) => fault::status(status, body, &content_type, &headers),
        (_, Some(FaultKind::EntraError(code))) => state.entra.refuse(code, &request, &state.shared),
        (service, fault) => {
            match fault {
                Some(FaultKind::CutBody { after }) => cut = Some(after),
                Some(FaultKind::Delay(duration)) => tokio::time::sleep(duration).await,
                Some(FaultKind::Disconnect { carry_out }) => {
                    if carry_out {
                        state.normal(service, &request, instead);
                    }
                    return Err(io::Error::other("disconnected by a fault"));
                }
                _ => {}
            }
            state.normal(service, &request, instead)
        }
    };
    answer.headers_mut().remove(DATE);
    append(&mut answer, "date", &clock::http_date(state.shared.clock.unix()));
    let generated = answer.extensions_mut().remove::<Generated>();
    let answer = answer.map(|body| match generated {
        Some(Generated(length)) => ResponseBody::generated(length),
        None => ResponseBody::whole(body),
    });
    Ok(match cut {
        Some(after) => answer.map(|body| body.cut(after)),
        None => answer,
    })
}

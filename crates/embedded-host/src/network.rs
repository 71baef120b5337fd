//! The network for outgoing requests of an instance.

use std::future::pending;
use std::sync::Arc;

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// The network for outgoing requests of an instance.
#[derive(Clone)]
pub enum Network {
    /// The machine's network, as under `wasmtime run -Shttp`.
    Machine,
    /// A function that answers every request, for any host.
    Answered(Arc<dyn Fn(Request<Bytes>) -> Reply + Send + Sync>),
}

impl Network {
    /// A network in which `answer` takes the place of every server.
    pub fn answered(answer: impl Fn(Request<Bytes>) -> Reply + Send + Sync + 'static) -> Self {
        Self::Answered(Arc::new(answer))
    }
}

/// The outcome of a request.
pub enum Reply {
    /// A response.
    Answer(Response<Vec<u8>>),
    /// An error of the host.
    Fails(fn() -> Error),
    /// No response, ever.
    Never,
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Network {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send> {
        match self {
            Self::Machine => Box::new(async move {
                let (response, io) = wasmtime_wasi_http::default_send_request(request, options).await?;
                Ok((response.map(BodyExt::boxed_unsync), Box::new(io) as Io))
            }),
            Self::Answered(answer) => {
                let answer = Arc::clone(answer);
                Box::new(async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    let response = match answer(Request::from_parts(head, body)) {
                        Reply::Answer(response) => response,
                        Reply::Fails(error) => return Err(error()),
                        Reply::Never => return pending().await,
                    };
                    let body = |bytes: Vec<u8>| Full::new(Bytes::from(bytes)).map_err(Error::from).boxed_unsync();
                    Ok((response.map(body), Box::new(async { Ok(()) }) as Io))
                })
            }
        }
    }
}

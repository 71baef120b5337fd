//! WASI 0.3: an instance has all of its requests at once.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use anyhow::{Result, anyhow};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use hyper::{Request, Response, Uri, header};
use tokio::sync::{mpsc, oneshot};
use wasmtime::Store;
use wasmtime::component::{Accessor, AccessorTask, InstancePre};
use wasmtime_wasi_http::p3::Request as WasiRequest;
use wasmtime_wasi_http::p3::bindings::{Service, ServicePre};
use wasmtime_wasi_http::{Error, WasiHttpView};

use super::{Body, Place, Shared};
use crate::State;

pub struct Instances {
    pre: ServicePre<State>,
    current: Mutex<Option<Current>>,
}

/// The instance that gets the next request.
struct Current {
    jobs: mpsc::UnboundedSender<Job>,
    requests: usize,
}

/// A request, and who waits for its answer.
struct Job {
    request: Request<Incoming>,
    reply: oneshot::Sender<Result<Response<Body>>>,
    place: Place,
    service: Option<Arc<Service>>,
    alive: Option<mpsc::Sender<()>>,
}

impl Instances {
    pub fn new(pre: InstancePre<State>) -> Result<Self> {
        Ok(Self {
            pre: ServicePre::new(pre)?,
            current: Mutex::default(),
        })
    }

    pub async fn answer(
        &self,
        shared: &Arc<Shared>,
        request: Request<Incoming>,
        place: Place,
    ) -> Result<Response<Body>> {
        let (reply, answer) = oneshot::channel();
        let job = Job {
            request: absolute(request)?,
            reply,
            place,
            service: None,
            alive: None,
        };
        self.give(shared, job)?;
        answer.await.map_err(|_| anyhow!("the instance trapped"))?
    }

    /// Gives a job to the current instance, or to a new one.
    fn give(&self, shared: &Arc<Shared>, job: Job) -> Result<()> {
        let mut current = self.current.lock().map_err(|_| anyhow!("poisoned"))?;
        let job = match current.as_mut() {
            Some(instance) if instance.requests < shared.requests_per_instance => {
                instance.requests += 1;
                match instance.jobs.send(job) {
                    Ok(()) => return Ok(()),
                    // It has trapped.
                    Err(returned) => returned.0,
                }
            }
            _ => job,
        };
        let (jobs, incoming) = mpsc::unbounded_channel();
        jobs.send(job).map_err(|_| anyhow!("no instance"))?;
        *current = Some(Current { jobs, requests: 1 });
        let (pre, shared) = (self.pre.clone(), Arc::clone(shared));
        tokio::spawn(async move {
            let mut store = shared.store();
            let ended = match pre.instantiate_async(&mut store).await {
                Ok(service) => run(&mut store, Arc::new(service), incoming).await,
                Err(error) => Err(error),
            };
            if let Err(trap) = ended {
                shared.trapped(&trap);
            }
        });
        Ok(())
    }
}

/// The host tells the scheme, and the authority that HTTP/1.1 has in a header.
fn absolute(mut request: Request<Incoming>) -> Result<Request<Incoming>> {
    if let Some(host) = request.headers().get(header::HOST) {
        let mut parts = request.uri().clone().into_parts();
        parts.scheme = Some(http::uri::Scheme::HTTP);
        parts.authority = Some(host.to_str()?.parse()?);
        *request.uri_mut() = Uri::from_parts(parts)?;
    }
    Ok(request)
}

/// Works until there are no more requests, and the last answer has been sent.
async fn run(
    store: &mut Store<State>,
    service: Arc<Service>,
    mut jobs: mpsc::UnboundedReceiver<Job>,
) -> wasmtime::Result<()> {
    store
        .run_concurrent(async |accessor| {
            let (alive, mut last) = mpsc::channel(1);
            while let Some(mut job) = jobs.recv().await {
                job.service = Some(Arc::clone(&service));
                job.alive = Some(alive.clone());
                accessor.spawn(job)?;
            }
            drop(alive);
            last.recv().await;
            wasmtime::error::Ok(())
        })
        .await?
}

/// How the transmission of a request's body went.
type Io = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

impl AccessorTask<State> for Job {
    async fn run(self, accessor: &Accessor<State>) -> wasmtime::Result<()> {
        let Self {
            request,
            reply,
            place,
            service,
            alive,
        } = self;
        let Some(service) = service else {
            return Ok(());
        };
        let (request, io) = accessor.with(|mut store| {
            let (request, io) = WasiRequest::from_http(store.data_mut().http().hooks, request);
            (request, Box::pin(io) as Io)
        });
        let answer = match service.handle(accessor, request).await? {
            Ok(response) => {
                let response = accessor.with(|mut store| response.into_http(&mut store, io))?;
                Ok(response.map(|body| {
                    Kept {
                        body,
                        _kept: (place, alive),
                    }
                    .boxed_unsync()
                }))
            }
            Err(code) => Err(anyhow!("the component answered {code:?}")),
        };
        // A caller that has left does not wait for it.
        let _ = reply.send(answer);
        Ok(())
    }
}

/// The body of an answer, which keeps its place and its instance until it has been sent, or its caller has left.
struct Kept {
    body: Body,
    _kept: (Place, Option<mpsc::Sender<()>>),
}

impl HttpBody for Kept {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

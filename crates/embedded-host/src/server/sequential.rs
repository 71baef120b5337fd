//! WASI 0.2: an instance has one request at a time.

use std::sync::{Arc, Mutex};

use anyhow::{Result, anyhow};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime::component::InstancePre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use wasmtime_wasi_http::{Error, WasiHttpView};

use super::{Body, Place, Shared};
use crate::State;

pub struct Instances {
    pre: ProxyPre<State>,
    idle: Mutex<Vec<Warm>>,
}

/// An instance that can answer another request.
struct Warm {
    store: Store<State>,
    proxy: Proxy,
    requests: usize,
}

impl Instances {
    pub fn new(pre: InstancePre<State>) -> Result<Self> {
        Ok(Self {
            pre: ProxyPre::new(pre)?,
            idle: Mutex::default(),
        })
    }

    pub async fn answer(
        &self,
        shared: &Arc<Shared>,
        request: Request<Incoming>,
        place: Place,
    ) -> Result<Response<Body>> {
        let mut warm = self.instance(shared).await?;
        let (sender, receiver) = oneshot::channel();
        let request = warm.store.data_mut().http().new_incoming_request(Scheme::Http, request);
        // One without a host, say: no component can be asked about it.
        let Ok(request) = request else {
            let mut refusal = Response::new(Full::default().map_err(Error::from).boxed_unsync());
            *refusal.status_mut() = StatusCode::BAD_REQUEST;
            return Ok(refusal);
        };
        let out = warm.store.data_mut().http().new_response_outparam(sender)?;
        // It goes on after the head of its answer is there, while the body flows, and after the caller has left.
        let shared = Arc::clone(shared);
        let task = tokio::spawn(async move {
            let _place = place;
            let handler = warm.proxy.wasi_http_incoming_handler();
            if let Err(trap) = handler.call_handle(&mut warm.store, request, out).await {
                shared.trapped(&trap);
                return Err(trap.into());
            }
            warm.requests += 1;
            if let super::Face::Sequential(instances) = &shared.face
                && warm.requests < shared.requests_per_instance
                && let Ok(mut idle) = instances.idle.lock()
            {
                idle.push(warm);
            }
            anyhow::Ok(())
        });
        match receiver.await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(code)) => Err(anyhow!("the component answered {code:?}")),
            Err(_) => {
                task.await??;
                Err(anyhow!("the component gave no answer"))
            }
        }
    }

    async fn instance(&self, shared: &Shared) -> Result<Warm> {
        if let Some(warm) = self.idle.lock().ok().and_then(|mut idle| idle.pop()) {
            return Ok(warm);
        }
        let mut store = shared.store();
        let proxy = self.pre.instantiate_async(&mut store).await?;
        Ok(Warm {
            store,
            proxy,
            requests: 0,
        })
    }
}

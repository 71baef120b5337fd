//! Methods of `wasi:http`. WASI 0.3 has the same ones as another Rust type, so `crates/wasi03` compiles this file too: the module
//! around it says which.

use http::Method;

use super::types as wasi;

pub(super) fn outgoing(method: &Method) -> wasi::Method {
    match *method {
        Method::GET => wasi::Method::Get,
        Method::POST => wasi::Method::Post,
        Method::PUT => wasi::Method::Put,
        Method::DELETE => wasi::Method::Delete,
        Method::PATCH => wasi::Method::Patch,
        Method::HEAD => wasi::Method::Head,
        Method::OPTIONS => wasi::Method::Options,
        _ => wasi::Method::Other(method.to_string()),
    }
}

/// `None`: a name that is not valid.
pub(super) fn incoming(method: &wasi::Method) -> Option<Method> {
    Some(match method {
        wasi::Method::Get => Method::GET,
        wasi::Method::Head => Method::HEAD,
        wasi::Method::Post => Method::POST,
        wasi::Method::Put => Method::PUT,
        wasi::Method::Delete => Method::DELETE,
        wasi::Method::Connect => Method::CONNECT,
        wasi::Method::Options => Method::OPTIONS,
        wasi::Method::Trace => Method::TRACE,
        wasi::Method::Patch => Method::PATCH,
        wasi::Method::Other(name) => Method::from_bytes(name.as_bytes()).ok()?,
    })
}

//! Relays `GET` requests and nothing else, as simply as a component can: no identity, no look into a body.

#![cfg(target_family = "wasm")]

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{IncomingRequest, OutgoingBody, OutgoingRequest, OutgoingResponse, ResponseOutparam, Scheme};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

struct Floor;

wasip2::http::proxy::export!(Floor);

impl Guest for Floor {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let upstream = std::env::var("DATAVERSE_URL").unwrap();
        let outgoing = OutgoingRequest::new(request.headers().clone());
        outgoing.set_scheme(Some(&Scheme::Http)).unwrap();
        outgoing.set_authority(upstream.strip_prefix("http://")).unwrap();
        outgoing
            .set_path_with_query(request.path_with_query().as_deref())
            .unwrap();
        let answer = outgoing_handler::handle(outgoing, None).unwrap();
        answer.subscribe().block();
        let answer = answer.get().unwrap().unwrap().unwrap();

        let reply = OutgoingResponse::new(answer.headers().clone());
        reply.set_status_code(answer.status()).unwrap();
        let body = reply.body().unwrap();
        ResponseOutparam::set(out, Ok(reply));
        let source = answer.consume().unwrap();
        relay(&source.stream().unwrap(), &body.write().unwrap()).unwrap();
        OutgoingBody::finish(body, None).unwrap();
    }
}

fn relay(from: &InputStream, to: &OutputStream) -> Result<(), StreamError> {
    while let Ok(piece) = from.blocking_read(64 << 10) {
        let mut rest = piece.as_slice();
        while !rest.is_empty() {
            to.subscribe().block();
            let permit = usize::try_from(to.check_write()?).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at(permit.min(rest.len()));
            to.write(now)?;
            rest = later;
        }
    }
    to.blocking_flush()
}

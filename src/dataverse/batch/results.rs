//! Which response of an answer belongs to which request, and what it says. An answer that leaves that open is no answer: what
//! was done and what was not must not be guessed.

use http::{Response, StatusCode, header};

use super::boundary::boundary_of;
use super::reader::{self, Part, Unreadable};
use super::{Batch, Item, Sent};
use crate::contract::types::{self, BatchResult, DataverseError, Error, OutageCause, Service};
use crate::dataverse::answer;
use crate::error::{Asked, redact};
use crate::host::Failure;
use crate::retry::retry_after;

/// What an answer is read with.
pub struct Reading<'a> {
    /// The request that it answers.
    pub asked: &'a Asked<'a>,
    /// The token that the request carried.
    pub token: &'a str,
    /// In seconds since 1970.
    pub now: u64,
}

impl Reading<'_> {
    /// What became of each request of a batch.
    ///
    /// # Errors
    /// As `odata-batch` in `wit/dataverse.wit`.
    pub fn results(&self, batch: &Batch, answer: Response<Vec<u8>>) -> Result<Vec<BatchResult>, Error> {
        let Some(boundary) = boundary(&answer) else {
            return self.refused_whole(batch, answer);
        };
        let unusable = |detail| self.failed(&answer, OutageCause::UnusableAnswer, detail);
        let mut items = self.items(&answer, &boundary)?.into_iter();
        let mut results = Vec::new();
        let mut stopped = false;
        for item in &batch.items {
            match items.next() {
                Some(answered) => {
                    let answered = self
                        .item(item, answered)?
                        .ok_or_else(|| unusable("the answers to a change set do not match its requests"))?;
                    stopped = answered.iter().any(|result| matches!(result, BatchResult::Refused(_)));
                    results.extend(answered);
                }
                None if stopped && !batch.continue_on_error => {
                    results.extend(item.all().iter().map(|_| BatchResult::NotRun));
                }
                None => return Err(unusable("it holds fewer answers than the batch has requests")),
            }
        }
        match items.next() {
            None => Ok(results),
            Some(_) => Err(unusable("it holds more answers than the batch has requests")),
        }
    }

    /// The answer to the only request of a batch, as if it had come by itself.
    ///
    /// # Errors
    /// As `odata-request` in `wit/dataverse.wit`.
    pub fn only(&self, answer: Response<Vec<u8>>) -> Result<types::Response, Error> {
        let Some(boundary) = boundary(&answer) else {
            return Err(self.without_parts(answer));
        };
        let items = self.items(&answer, &boundary)?;
        let [Item::Request(part)] = items.as_slice() else {
            let detail = "it does not hold the one answer that was asked for";
            return Err(self.failed(&answer, OutageCause::UnusableAnswer, detail));
        };
        let mut only = part.response.clone().map(<[u8]>::to_vec);
        // What is about the request as a whole, such as what is left of the service's limits, stands outside.
        for name in answer.headers().keys() {
            if !name.as_str().starts_with("content-") && !part.response.headers().contains_key(name) {
                for value in answer.headers().get_all(name) {
                    only.headers_mut().append(name, value.clone());
                }
            }
        }
        answer::read(only, self.asked, self.token, self.now)
    }

    fn items<'t>(&self, answer: &'t Response<Vec<u8>>, boundary: &str) -> Result<Vec<Item<Part<'t>>>, Error> {
        reader::read(answer.body(), boundary).map_err(|unreadable| match unreadable {
            Unreadable::CutOff => self.failed(answer, OutageCause::CutOff, "it ends before its last delimiter"),
            Unreadable::Malformed(detail) => self.failed(answer, OutageCause::UnusableAnswer, detail),
        })
    }

    /// An answer without parts: a refusal of the batch as a whole, or an error.
    fn refused_whole(&self, batch: &Batch, answer: Response<Vec<u8>>) -> Result<Vec<BatchResult>, Error> {
        match self.without_parts(answer) {
            Error::Dataverse(error) if is_refusal(error.status) => {
                // Where a batch turns out to be wrong in its midst, what came before may have been carried out.
                let partly = error.status == StatusCode::BAD_REQUEST.as_u16() && batch.items.len() > 1;
                let refused = batch.items.iter().flat_map(Item::all);
                Ok(refused.map(|sent| refused_with(&error, sent, partly)).collect())
            }
            error => Err(error),
        }
    }

    fn without_parts(&self, answer: Response<Vec<u8>>) -> Error {
        let unusable = self.failed(&answer, OutageCause::UnusableAnswer, "it is not in parts");
        answer::read(answer, self.asked, self.token, self.now).map_or_else(|error| error, |_| unusable)
    }

    /// The results of a request or a change set; `None` where the answers do not match.
    fn item(&self, item: &Item<Sent>, answered: Item<Part<'_>>) -> Result<Option<Vec<BatchResult>>, Error> {
        match (item, answered) {
            (Item::Request(sent), Item::Request(part)) => self.result(sent, part).map(|result| Some(vec![result])),
            (Item::Request(_), Item::ChangeSet(_)) => Ok(None),
            (Item::ChangeSet(set), Item::Request(part)) => self.change_set(set, vec![part]),
            (Item::ChangeSet(set), Item::ChangeSet(parts)) => self.change_set(set, parts),
        }
    }

    /// A set that failed has been taken back, whatever is said of its other requests. It is answered with the one response of
    /// the request that failed (OData Protocol 4.0, 11.7.4).
    fn change_set(&self, set: &[Sent], parts: Vec<Part<'_>>) -> Result<Option<Vec<BatchResult>>, Error> {
        if let Some(failure) = parts.iter().find(|part| is_error(part.response.status())) {
            let error = answer::read_refusal(failure.response.clone(), self.asked, self.token, self.now);
            let refused = |sent| refused_with(&error, sent, error.may_have_taken_effect);
            return Ok(Some(set.iter().map(refused).collect()));
        }
        let Some(parts) = in_order(set, parts) else {
            return Ok(None);
        };
        let results = set.iter().zip(parts).map(|(sent, part)| self.result(sent, part));
        results.collect::<Result<_, _>>().map(Some)
    }

    fn result(&self, sent: &Sent, part: Part<'_>) -> Result<BatchResult, Error> {
        if is_error(part.response.status()) {
            let asked = self.asked_for(sent);
            let error = answer::read_refusal(part.response, &asked, self.token, self.now);
            return Ok(BatchResult::Refused(error));
        }
        let response = part.response.map(<[u8]>::to_vec);
        match answer::read(response, &self.asked_for(sent), self.token, self.now) {
            Ok(response) => Ok(BatchResult::Done(response)),
            // No error status, and yet no answer. It leaves the others in doubt too.
            Err(Error::Unavailable(outage)) => Err(Error::Unavailable(types::Outage {
                may_have_taken_effect: self.asked.writes,
                ..outage
            })),
            Err(error) => Err(error),
        }
    }

    fn asked_for<'s>(&'s self, sent: &'s Sent) -> Asked<'s> {
        Asked {
            service: Service::Dataverse,
            origin: self.asked.origin,
            writes: sent.writes,
            client_request_id: &sent.client_request_id,
        }
    }

    fn failed(&self, answer: &Response<Vec<u8>>, cause: OutageCause, detail: &str) -> Error {
        self.asked.outage(Failure {
            status: Some(answer.status().as_u16()),
            retry_after_seconds: retry_after(answer.headers(), self.now),
            request_id: answer::request_id(answer.headers()).map(|id| redact(&id, &[self.token])),
            ..Failure::new(cause, format!("the answer to the batch cannot be used: {detail}"))
        })
    }
}

/// An error that stands for several requests, as the one of this request.
fn refused_with(error: &DataverseError, sent: &Sent, may_have_taken_effect: bool) -> BatchResult {
    BatchResult::Refused(DataverseError {
        may_have_taken_effect: may_have_taken_effect && sent.writes,
        client_request_id: sent.client_request_id.clone(),
        ..error.clone()
    })
}

/// The answers in the order of the requests. Within a change set they may come in any other (OData Protocol 4.0, 11.7.4), and
/// then their Content-IDs tell.
fn in_order<'a>(set: &[Sent], mut parts: Vec<Part<'a>>) -> Option<Vec<Part<'a>>> {
    if parts.len() != set.len() {
        return None;
    }
    if parts.iter().all(|part| part.content_id.is_none()) {
        return Some(parts);
    }
    for (index, sent) in set.iter().enumerate() {
        let mut rest = parts.iter().skip(index);
        let found = rest.position(|part| part.content_id == sent.content_id)?;
        parts.swap(index, index.checked_add(found)?);
    }
    Some(parts)
}

/// A 401 is about the token, and at 408 or a 5xx Dataverse failed, rather than refused.
fn is_refusal(status: u16) -> bool {
    (400..500).contains(&status)
        && status != StatusCode::UNAUTHORIZED.as_u16()
        && status != StatusCode::REQUEST_TIMEOUT.as_u16()
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

fn boundary(answer: &Response<Vec<u8>>) -> Option<String> {
    boundary_of(answer.headers().get(header::CONTENT_TYPE)?.to_str().ok()?)
}

#[cfg(test)]
mod tests;

//! Assigns the responses in an answer to their requests and interprets them. An ambiguous answer is an
//! error: the results must not be guessed.

use http::{Response, StatusCode, header};

use super::reader::{self, Part, Unreadable};
use super::{Batch, Item, Sent};
use crate::dataverse::answer::{self, Answer};
use crate::error::{DataverseRefusal, Reason};
use crate::host::{Cause, Failure};
use crate::http::boundary::boundary_of;
use crate::http::retry_after;
use crate::redact::redact;

/// The result of one request of a batch.
#[derive(Clone, Debug)]
pub enum PartResult {
    /// The request succeeded.
    Done(Box<Answer>),
    /// The request was refused.
    Refused(Box<RefusedPart>),
    /// Dataverse did not run the request.
    NotRun,
}

/// A refusal within a batch.
#[derive(Clone, Debug)]
pub struct RefusedPart {
    /// Dataverse's error.
    pub refusal: DataverseRefusal,
    /// Whether the request may have been carried out nevertheless.
    pub may_have_taken_effect: bool,
    /// The id of this request.
    pub client_request_id: String,
}

impl Batch {
    /// The result of each request, from the answer to the batch. `token` is the token of the batch; `now`
    /// is in seconds since 1970.
    ///
    /// # Errors
    /// Why the results cannot be determined.
    pub fn results(&self, answer: Response<Vec<u8>>, token: &str, now: u64) -> Result<Vec<PartResult>, Reason> {
        let reading = Reading { token, now };
        let Some(boundary) = boundary(&answer) else {
            return reading.refused_whole(self, answer);
        };
        let unusable = |detail| reading.failed(&answer, Cause::UnusableAnswer, detail);
        let mut items = reading.items(&answer, &boundary)?.into_iter();
        let mut results = Vec::new();
        let mut stopped = false;
        for item in &self.items {
            match items.next() {
                Some(answered) => {
                    let answered = reading
                        .item(item, answered)?
                        .ok_or_else(|| unusable("the answers to a change set do not match its requests"))?;
                    stopped = answered.iter().any(|result| matches!(result, PartResult::Refused(_)));
                    results.extend(answered);
                }
                None if stopped && !self.continue_on_error => {
                    results.extend(item.all().iter().map(|_| PartResult::NotRun));
                }
                None => return Err(unusable("it contains fewer answers than the batch has requests")),
            }
        }
        match items.next() {
            None => Ok(results),
            Some(_) => Err(unusable("it contains more answers than the batch has requests")),
        }
    }

    /// The answer to the only request, as if it had been sent alone.
    ///
    /// # Errors
    /// Why there is no result.
    pub fn only(&self, answer: Response<Vec<u8>>, token: &str, now: u64) -> Result<Answer, Reason> {
        let reading = Reading { token, now };
        let Some(boundary) = boundary(&answer) else {
            return Err(reading.without_parts(answer));
        };
        let items = reading.items(&answer, &boundary)?;
        let [Item::Request(part)] = items.as_slice() else {
            let detail = "it does not contain the one answer that was requested";
            return Err(reading.failed(&answer, Cause::UnusableAnswer, detail));
        };
        let mut only = part.response.clone().map(<[u8]>::to_vec);
        // Headers about the whole request, such as the remaining service limits, are in the outer answer.
        for name in answer.headers().keys() {
            if !name.as_str().starts_with("content-") && !part.response.headers().contains_key(name) {
                for value in answer.headers().get_all(name) {
                    only.headers_mut().append(name, value.clone());
                }
            }
        }
        answer::read(only, token, now)
    }
}

/// The context for interpreting an answer.
struct Reading<'a> {
    /// The token of the request.
    token: &'a str,
    /// In seconds since 1970.
    now: u64,
}

impl Reading<'_> {
    fn items<'t>(&self, answer: &'t Response<Vec<u8>>, boundary: &str) -> Result<Vec<Item<Part<'t>>>, Reason> {
        reader::read(answer.body(), boundary).map_err(|unreadable| match unreadable {
            Unreadable::CutOff => self.failed(answer, Cause::CutOff, "it ends before its last delimiter"),
            Unreadable::Malformed(detail) => self.failed(answer, Cause::UnusableAnswer, detail),
        })
    }

    /// Interprets an answer without parts: a refusal of the whole batch, or an error.
    fn refused_whole(&self, batch: &Batch, answer: Response<Vec<u8>>) -> Result<Vec<PartResult>, Reason> {
        match self.without_parts(answer) {
            Reason::Dataverse(refusal) if is_refusal(refusal.status) => {
                // If Dataverse finds an error in the middle of a batch, it may have carried out the
                // requests before it.
                let partly = refusal.status == StatusCode::BAD_REQUEST.as_u16() && batch.items.len() > 1;
                let refused = batch.items.iter().flat_map(Item::all);
                Ok(refused.map(|sent| sent.refused(&refusal, partly)).collect())
            }
            reason => Err(reason),
        }
    }

    fn without_parts(&self, answer: Response<Vec<u8>>) -> Reason {
        let unusable = self.failed(&answer, Cause::UnusableAnswer, "it is not multipart");
        answer::read(answer, self.token, self.now).map_or_else(|reason| reason, |_| unusable)
    }

    /// The results of a request or a change set; `None` if the answers do not match.
    fn item(&self, item: &Item<Sent>, answered: Item<Part<'_>>) -> Result<Option<Vec<PartResult>>, Reason> {
        match (item, answered) {
            (Item::Request(sent), Item::Request(part)) => self.result(sent, part).map(|result| Some(vec![result])),
            (Item::Request(_), Item::ChangeSet(_)) => Ok(None),
            (Item::ChangeSet(set), Item::Request(part)) => self.change_set(set, vec![part]),
            (Item::ChangeSet(set), Item::ChangeSet(parts)) => self.change_set(set, parts),
        }
    }

    /// A failed change set was rolled back, whatever the answer says about its other requests. The answer
    /// has one response, that of the failed request (OData Protocol 4.0, 11.7.4).
    fn change_set(&self, set: &[Sent], parts: Vec<Part<'_>>) -> Result<Option<Vec<PartResult>>, Reason> {
        if let Some(failure) = parts.iter().find(|part| is_error(part.response.status())) {
            let refusal = answer::read_refusal(failure.response.clone(), self.token, self.now);
            let refused = |sent: &Sent| sent.refused(&refusal, refusal.may_have_acted());
            return Ok(Some(set.iter().map(refused).collect()));
        }
        let Some(parts) = in_order(set, parts) else {
            return Ok(None);
        };
        let results = set.iter().zip(parts).map(|(sent, part)| self.result(sent, part));
        results.collect::<Result<_, _>>().map(Some)
    }

    fn result(&self, sent: &Sent, part: Part<'_>) -> Result<PartResult, Reason> {
        if is_error(part.response.status()) {
            let refusal = answer::read_refusal(part.response, self.token, self.now);
            return Ok(sent.refused(&refusal, refusal.may_have_acted()));
        }
        // An unusable answer without an error status makes the other results uncertain too.
        let mut answer = answer::read(part.response.map(<[u8]>::to_vec), self.token, self.now)?;
        answer.resolve(&sent.uri);
        Ok(PartResult::Done(Box::new(answer)))
    }

    fn failed(&self, answer: &Response<Vec<u8>>, cause: Cause, detail: &str) -> Reason {
        Reason::NoAnswer(Failure {
            status: Some(answer.status().as_u16()),
            retry_after_seconds: retry_after::seconds(answer.headers(), self.now),
            request_id: answer::request_id(answer.headers()).map(|id| redact(&id, &[self.token])),
            ..Failure::new(cause, format!("the answer to the batch cannot be used: {detail}"))
        })
    }
}

impl Sent {
    /// A refusal, which may apply to several requests, as the result of this request.
    fn refused(&self, refusal: &DataverseRefusal, may_have_acted: bool) -> PartResult {
        PartResult::Refused(Box::new(RefusedPart {
            refusal: refusal.clone(),
            may_have_taken_effect: may_have_acted && self.writes,
            client_request_id: self.client_request_id.clone(),
        }))
    }
}

/// Sorts the answers in the order of the requests. Within a change set they may come in any order (OData
/// Protocol 4.0, 11.7.4), and are matched by Content-ID.
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

/// A 401 concerns the token. With 408 or a 5xx, Dataverse failed rather than refused.
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

//! Conversions between the contract's records and the core's types.

use http::{HeaderMap, Method, header};
use zeroize::Zeroizing;

use crate::contract::{types, validation};
use crate::credential::{AssertionAlgorithm, Kind, Used};
use crate::dataverse::answer::{Answer, RateLimit};
use crate::dataverse::batch::{DraftPart, Item, PartResult};
use crate::dataverse::fetch_xml;
use crate::dataverse::files::{download, upload};
use crate::dataverse::options::{Caller, Condition, CustomLogic, Options};
use crate::dataverse::request::Draft;
use crate::dataverse::whoami::Identity;
use crate::entra::AccessToken;
use crate::error::dataverse_error;
use crate::settings::{Given, GivenCredential, GivenText};
use crate::validation as checks;

pub(super) fn settings(record: types::Settings) -> Given {
    let credentials = record.credentials.into_iter().enumerate();
    let credentials = credentials.map(|(index, credential)| GivenCredential {
        name: format!("credentials[{index}]"),
        text: match credential {
            types::Credential::Certificate(certificate) => GivenText::Certificate {
                text: Zeroizing::new(certificate.text),
                password: certificate.password.map(Zeroizing::new),
            },
            types::Credential::Assertion(assertion) => GivenText::Assertion(Zeroizing::new(assertion)),
            types::Credential::Secret(secret) => GivenText::Secret(Zeroizing::new(secret)),
        },
    });
    let given = Given {
        environment_url: Some(record.environment_url),
        tenant_id: record.tenant_id,
        client_id: Some(record.client_id),
        credentials: credentials.collect(),
        ..Given::default()
    };
    let Some(options) = record.options else {
        return given;
    };
    Given {
        authority: options.authority,
        scope: options.scope,
        algorithm: options.assertion_algorithm.map(algorithm),
        send_chain: options.send_certificate_chain,
        connect_timeout_ms: options.connect_timeout_ms,
        first_byte_timeout_ms: options.first_byte_timeout_ms,
        between_bytes_timeout_ms: options.between_bytes_timeout_ms,
        retry_budget_ms: options.retry_budget_ms,
        call_timeout_ms: options.call_timeout_ms,
        max_request_bytes: options.max_request_bytes,
        max_answer_bytes: options.max_answer_bytes,
        organization_id: options.organization_id,
        ..given
    }
}

fn algorithm(algorithm: types::AssertionAlgorithm) -> AssertionAlgorithm {
    match algorithm {
        types::AssertionAlgorithm::Ps256 => AssertionAlgorithm::Ps256,
        types::AssertionAlgorithm::Rs256 => AssertionAlgorithm::Rs256,
    }
}

pub(super) fn access_token(token: AccessToken) -> types::AccessToken {
    types::AccessToken {
        token: token.token.as_str().to_owned(),
        expires_at: token.expires_at,
        expires_in: token.expires_in,
        audience: token.audience,
        tenant: token.tenant,
        credential: used(token.credential),
    }
}

fn used(used: Used) -> types::UsedCredential {
    types::UsedCredential {
        kind: match used.kind {
            Kind::Certificate => types::CredentialKind::Certificate,
            Kind::Assertion => types::CredentialKind::Assertion,
            Kind::Secret => types::CredentialKind::Secret,
        },
        name: used.name,
        thumbprint: used.thumbprint,
        expires_at: used.expires_at,
    }
}

pub(super) fn identity(identity: Identity) -> types::Identity {
    types::Identity {
        user_id: identity.user_id,
        business_unit_id: identity.business_unit_id,
        organization_id: identity.organization_id,
    }
}

pub(super) fn draft(request: types::Request) -> Draft {
    Draft {
        method: match request.method {
            types::Method::Get => Method::GET,
            types::Method::Post => Method::POST,
            types::Method::Patch => Method::PATCH,
            types::Method::Put => Method::PUT,
            types::Method::Delete => Method::DELETE,
        },
        path: request.path,
        headers: request.headers,
        body: request.body,
        options: request.options.map(options).unwrap_or_default(),
    }
}

fn options(options: types::RequestOptions) -> Options {
    Options {
        return_representation: options.return_representation,
        annotations: options.annotations,
        page_size: options.page_size,
        track_changes: options.track_changes,
        condition: options.condition.map(|condition| match condition {
            types::Condition::IfMatch(etag) => Condition::IfMatch(etag),
            types::Condition::MustExist => Condition::MustExist,
            types::Condition::MustNotExist => Condition::MustNotExist,
            types::Condition::IfNoneMatch(etag) => Condition::IfNoneMatch(etag),
        }),
        caller: options.caller.map(|caller| match caller {
            types::Caller::EntraObjectId(id) => Caller::EntraObjectId(id),
            types::Caller::SystemUserId(id) => Caller::SystemUserId(id),
        }),
        strong_consistency: options.strong_consistency,
        suppress_duplicate_detection: options.suppress_duplicate_detection,
        bypass_custom_logic: options.bypass_custom_logic.map(|logic| match logic {
            types::CustomLogic::Synchronous => CustomLogic::Synchronous,
            types::CustomLogic::Asynchronous => CustomLogic::Asynchronous,
            types::CustomLogic::Both => CustomLogic::Both,
        }),
        suppress_flows: options.suppress_flows,
    }
}

pub(super) fn response(answer: Answer, attempts: u32) -> types::Response {
    types::Response {
        status: answer.status.as_u16(),
        etag: answer.etag().map(str::to_owned),
        entity_url: answer.entity_url().map(str::to_owned),
        entity_id: answer.entity_id().map(str::to_owned),
        rate_limit: answer.rate_limit().map(rate_limit),
        next_link: answer.control.next_link,
        delta_link: answer.control.delta_link,
        attempts,
        headers: headers(&answer.headers),
        body: answer.body,
    }
}

/// The headers for the caller, without cookies. Cookies bind a client to one web server. This component
/// does not store them, and no other client should get them.
fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| *name != header::SET_COOKIE)
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}

fn rate_limit(limit: RateLimit) -> types::RateLimit {
    types::RateLimit {
        remaining_requests: limit.remaining_requests,
        remaining_seconds: limit.remaining_seconds,
        recommended_parallelism: limit.recommended_parallelism,
    }
}

pub(super) fn batch_item(item: types::BatchItem) -> Item<DraftPart> {
    match item {
        types::BatchItem::Request(part) => Item::Request(draft_part(part)),
        types::BatchItem::ChangeSet(set) => Item::ChangeSet(set.into_iter().map(draft_part).collect()),
    }
}

fn draft_part(part: types::BatchRequest) -> DraftPart {
    DraftPart {
        request: draft(part.request),
        content_id: part.content_id,
    }
}

pub(super) fn batch_result(result: PartResult, attempts: u32) -> types::BatchResult {
    match result {
        PartResult::Done(answer) => types::BatchResult::Done(response(*answer, attempts)),
        PartResult::Refused(refused) => types::BatchResult::Refused(dataverse_error(
            refused.refusal,
            refused.may_have_taken_effect,
            attempts,
            refused.client_request_id,
        )),
        PartResult::NotRun => types::BatchResult::NotRun,
    }
}

pub(super) fn fetch_query(query: types::FetchQuery) -> fetch_xml::Query {
    fetch_xml::Query {
        entity_set: query.entity_set,
        fetch: query.fetch,
        page_size: query.page_size,
        headers: query.headers,
    }
}

pub(super) fn download(request: types::DownloadRequest) -> download::Query {
    download::Query {
        path: request.path,
        offset: request.offset,
        headers: request.headers,
    }
}

pub(super) fn file_info(info: download::FileInfo) -> types::FileInfo {
    types::FileInfo {
        size: info.size,
        name: info.name,
        mime_type: info.mime_type,
        etag: info.etag,
    }
}

pub(super) fn upload(request: types::UploadRequest) -> upload::Plan {
    upload::Plan {
        path: request.path,
        name: request.name,
        size: request.size,
        headers: request.headers,
    }
}

pub(super) fn expectation(expectation: validation::Expectation) -> checks::Expectation {
    checks::Expectation {
        entity_set: expectation.entity_set,
        verb: match expectation.verb {
            validation::Verb::Create => checks::Verb::Create,
            validation::Verb::Read => checks::Verb::Read,
            validation::Verb::Write => checks::Verb::Write,
            validation::Verb::Delete => checks::Verb::Delete,
        },
        allowed: expectation.allowed,
    }
}

pub(super) fn report(report: checks::Report) -> validation::Report {
    validation::Report {
        verdict: match report.verdict {
            checks::Verdict::Passed => validation::Verdict::Passed,
            checks::Verdict::Failed => validation::Verdict::Failed,
            checks::Verdict::Unknown => validation::Verdict::Unknown,
        },
        lines: report.lines.into_iter().map(line).collect(),
        facts: facts(report.facts),
        observed: report.observed.into_iter().map(observed).collect(),
        gateway_allow: report.gateway_allow,
    }
}

fn line(line: checks::Line) -> validation::Line {
    validation::Line {
        check: line.check,
        expected: line.expected,
        found: line.found,
        outcome: match line.outcome {
            checks::Outcome::Passed => validation::Outcome::Passed,
            checks::Outcome::Failed => validation::Outcome::Failed,
            checks::Outcome::Unknown => validation::Outcome::Unknown,
            checks::Outcome::Note => validation::Outcome::Note,
        },
        advice: line.advice,
    }
}

fn facts(facts: checks::Facts) -> validation::Facts {
    validation::Facts {
        tenant: facts.tenant,
        client_id: facts.client_id,
        audience: facts.audience,
        token_expires_in: facts.token_expires_in,
        credential: used(facts.credential),
        credential_days_left: facts.credential_days_left,
        user_id: facts.user_id,
        user_name: facts.user_name,
        enabled: facts.enabled,
        business_unit_id: facts.business_unit_id,
        business_unit_name: facts.business_unit_name,
        roles: facts.roles,
        organization_id: facts.organization_id,
        organization_name: facts.organization_name,
        organization_kind: facts.organization_kind,
    }
}

fn observed(expectation: checks::Expectation) -> validation::Expectation {
    validation::Expectation {
        entity_set: expectation.entity_set,
        verb: match expectation.verb {
            checks::Verb::Create => validation::Verb::Create,
            checks::Verb::Read => validation::Verb::Read,
            checks::Verb::Write => validation::Verb::Write,
            checks::Verb::Delete => validation::Verb::Delete,
        },
        allowed: expectation.allowed,
    }
}

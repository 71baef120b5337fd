//! `POST /validate`: the checks before production, as JSON or, for a browser, as a page.

use std::fmt::{self, Write};

use http::header::{ACCEPT, CONTENT_SECURITY_POLICY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::Serialize;
use serde_json::Value;

use super::allow::AllowList;
use super::refusal::Refusal;
use super::reply::{self, ReplyBody};
use crate::dataverse::client::Connection;
use crate::host::{Body, Host};
use crate::validation::{Expectation, Line, Outcome, Report, Verb, Verdict, validate, validate_tables};

/// The maximum length of a body, in bytes.
const MAX_BODY: usize = 64 << 10;

/// The maximum number of expectations in a call: four verbs for each of 25 tables. Each costs a request to
/// Dataverse, which allows an application user 6,000 in five minutes
/// (<https://learn.microsoft.com/power-apps/developer/data-platform/api-limits>), so that one call uses
/// only a few of them.
const MAX_EXPECTATIONS: usize = 100;

/// Checks the caller's expectations, or those that follow from `allow`. If tables are restricted, nothing
/// else is checked.
pub(super) async fn answer<H: Host>(
    host: &H,
    connection: &Connection,
    allow: Option<&AllowList>,
    headers: &HeaderMap,
    mut body: impl Body,
) -> Result<Response<ReplyBody<H::Body>>, Refusal> {
    let mut given = Vec::new();
    while let Some(chunk) = body.chunk().await.map_err(|_| Refusal::broken_off())? {
        given.extend_from_slice(&chunk);
        if given.len() > MAX_BODY {
            return Err(Refusal::too_large("the expectations have more than 65,536 bytes"));
        }
    }
    let own = read(&given).map_err(Refusal::bad_request)?;
    let report = match allow {
        Some(allow) => {
            let expectations = of_list(own, allow).map_err(Refusal::forbidden)?;
            validate_tables(connection, host, expectations).await
        }
        None => validate(connection, host, own.unwrap_or_default()).await,
    };
    let report = report.map_err(|error| Refusal::from_error(host, error))?;
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    Ok(if accept.is_some_and(|accept| accept.contains("text/html")) {
        let mut page = reply::own(StatusCode::OK, "text/html; charset=utf-8", page(&report).into_bytes());
        let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
        page.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
        page
    } else {
        reply::json(StatusCode::OK, &Shown::of(&report))
    })
}

/// The expectations for the listed tables: the caller's, or those of the list.
///
/// # Errors
/// A readable reason for the caller if an expectation concerns another table.
fn of_list(own: Option<Vec<Expectation>>, allow: &AllowList) -> Result<Vec<Expectation>, String> {
    let Some(own) = own.filter(|own| !own.is_empty()) else {
        return Ok(allow.expectations());
    };
    match own.iter().find(|one| !allow.lists(&one.entity_set)) {
        Some(other) => Err(format!(
            "{} is not among the allowed tables, and only those can be validated here",
            other.entity_set
        )),
        None => Ok(own),
    }
}

/// Parses the expectations in a body:
/// `{"expectations":[{"entitySet":"contacts","verb":"read","allowed":true}]}`. `None` if there are no
/// expectations.
///
/// # Errors
/// A readable reason with the location, for the caller.
fn read(body: &[u8]) -> Result<Option<Vec<Expectation>>, String> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let body: Value = serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
    let members = body.as_object().ok_or("the body is not an object")?;
    if let Some(name) = members.keys().find(|name| *name != "expectations") {
        return Err(format!("{name} is unknown: expected expectations"));
    }
    let Some(listed) = members.get("expectations") else {
        return Ok(None);
    };
    let listed = listed.as_array().ok_or("expectations is not a list")?;
    if listed.len() > MAX_EXPECTATIONS {
        return Err(format!(
            "expectations has {} entries: at most {MAX_EXPECTATIONS} are checked in one call",
            listed.len()
        ));
    }
    let read = listed.iter().enumerate().map(|(index, one)| {
        expectation(one).ok_or_else(|| {
            format!(
                "expectations[{index}] is not {{\"entitySet\": a text, \"verb\": create, read, write or delete, \"allowed\": true \
                 or false}}"
            )
        })
    });
    read.collect::<Result<_, _>>().map(Some)
}

fn expectation(one: &Value) -> Option<Expectation> {
    let one = one.as_object().filter(|one| one.len() == 3)?;
    let verb = one.get("verb")?.as_str()?;
    Some(Expectation {
        entity_set: one.get("entitySet")?.as_str()?.to_owned(),
        verb: Verb::ALL.into_iter().find(|known| known.name() == verb)?,
        allowed: one.get("allowed")?.as_bool()?,
    })
}

/// The report as JSON: the names of `wit/validation.wit` in camel case.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    verdict: &'static str,
    lines: Vec<ShownLine<'a>>,
    facts: ShownFacts<'a>,
    observed: Vec<ShownExpectation<'a>>,
    gateway_allow: &'a str,
}

#[derive(Serialize)]
struct ShownLine<'a> {
    check: &'a str,
    outcome: &'static str,
    expected: Option<&'a str>,
    found: &'a str,
    advice: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownFacts<'a> {
    tenant: &'a str,
    client_id: &'a str,
    audience: &'a str,
    token_expires_in: u32,
    credential: &'static str,
    credential_name: &'a str,
    credential_days_left: Option<u64>,
    user_id: Option<&'a str>,
    user_name: Option<&'a str>,
    enabled: Option<bool>,
    business_unit_id: Option<&'a str>,
    business_unit_name: Option<&'a str>,
    roles: Option<&'a [String]>,
    organization_id: Option<&'a str>,
    organization_name: Option<&'a str>,
    organization_kind: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownExpectation<'a> {
    entity_set: &'a str,
    verb: &'static str,
    allowed: bool,
}

impl<'a> Shown<'a> {
    fn of(report: &'a Report) -> Self {
        let facts = &report.facts;
        let line = |line: &'a Line| ShownLine {
            check: &line.check,
            outcome: outcome_name(line.outcome),
            expected: line.expected.as_deref(),
            found: &line.found,
            advice: line.advice.as_deref(),
        };
        let expectation = |expectation: &'a Expectation| ShownExpectation {
            entity_set: &expectation.entity_set,
            verb: expectation.verb.name(),
            allowed: expectation.allowed,
        };
        Self {
            verdict: verdict_name(report.verdict),
            lines: report.lines.iter().map(line).collect(),
            facts: ShownFacts {
                tenant: &facts.tenant,
                client_id: &facts.client_id,
                audience: &facts.audience,
                token_expires_in: facts.token_expires_in,
                credential: facts.credential.kind.name(),
                credential_name: &facts.credential.name,
                credential_days_left: facts.credential_days_left,
                user_id: facts.user_id.as_deref(),
                user_name: facts.user_name.as_deref(),
                enabled: facts.enabled,
                business_unit_id: facts.business_unit_id.as_deref(),
                business_unit_name: facts.business_unit_name.as_deref(),
                roles: facts.roles.as_deref(),
                organization_id: facts.organization_id.as_deref(),
                organization_name: facts.organization_name.as_deref(),
                organization_kind: facts.organization_kind.as_deref(),
            },
            observed: report.observed.iter().map(expectation).collect(),
            gateway_allow: &report.gateway_allow,
        }
    }
}

fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Unknown => "unknown",
        Outcome::Note => "note",
    }
}

fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::Unknown => "unknown",
    }
}

/// The report as a self-contained page without scripts.
fn page(report: &Report) -> String {
    let verdict = verdict_name(report.verdict);
    let mut page = format!(
        "<!doctype html><meta charset=utf-8><title>{verdict}</title><style>body{{font:15px sans-serif;margin:2em}}\
         td,th{{text-align:left;vertical-align:top;padding:.3em 1em .3em 0}}.passed{{color:#060}}.failed{{color:#a00}}\
         .unknown{{color:#850}}</style><h1 class={verdict}>{verdict}</h1><table><tr><th>Check<th>Outcome<th>Expected<th>Found\
         <th>What to do"
    );
    for line in &report.lines {
        let outcome = outcome_name(line.outcome);
        // Writing to a string does not fail.
        let _ = write!(
            page,
            "<tr class={outcome}><td>{}<td>{outcome}<td>{}<td>{}<td>{}",
            Escaped(&line.check),
            Escaped(line.expected.as_deref().unwrap_or_default()),
            Escaped(&line.found),
            Escaped(line.advice.as_deref().unwrap_or_default()),
        );
    }
    let _ = write!(
        page,
        "</table><p>Allowed today:<pre>GATEWAY_ALLOW={}</pre>",
        Escaped(&report.gateway_allow)
    );
    page
}

/// A text escaped for HTML.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expectations_are_read_or_their_place_is_told() {
        let one = r#"{"entitySet":"contacts","verb":"read","allowed":false}"#;
        let read = |body: &str| read(body.as_bytes());
        for body in ["", " \r\n", "{}"] {
            assert!(read(body).unwrap().is_none(), "{body}");
        }
        assert!(read(r#"{"expectations":[]}"#).unwrap().unwrap().is_empty());
        let found = read(&format!(r#"{{"expectations":[{one}]}}"#)).unwrap().unwrap();
        assert_eq!(
            (found[0].entity_set.as_str(), found[0].verb, found[0].allowed),
            ("contacts", Verb::Read, false)
        );
        let many = |count| format!(r#"{{"expectations":[{}]}}"#, vec![one; count].join(","));
        assert_eq!(read(&many(100)).unwrap().unwrap().len(), 100);
        for (body, place) in [
            (many(101).as_str(), "at most 100"),
            ("[]", "not an object"),
            ("{\n  \"expectations\": [1,]}", "line 2 column 22"),
            (r#"{"expectation":[]}"#, "expectation is unknown"),
            (r#"{"expectations":{}}"#, "not a list"),
            (&format!(r#"{{"expectations":[{one},1]}}"#), "expectations[1]"),
            (
                r#"{"expectations":[{"entitySet":"a","verb":"Read","allowed":true}]}"#,
                "expectations[0]",
            ),
            (
                r#"{"expectations":[{"entitySet":"a","verb":"read","allowed":"true"}]}"#,
                "expectations[0]",
            ),
            (
                r#"{"expectations":[{"entitySet":"a","verb":"read","allowed":true,"x":1}]}"#,
                "expectations[0]",
            ),
        ] {
            let reason = read(body).unwrap_err();
            assert!(reason.contains(place), "{body}: {reason}");
        }
    }

    #[test]
    fn nothing_in_a_page_is_markup_of_somebody_else() {
        assert_eq!(
            Escaped("<a href='x'>\"&\"</a>").to_string(),
            "&lt;a href=&#39;x&#39;&gt;&quot;&amp;&quot;&lt;/a&gt;"
        );
    }
}

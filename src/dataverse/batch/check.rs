//! Validates a batch before it is sent and reports the location of each fault.

use http::Method;
use percent_encoding::percent_decode_str;

use super::{DraftPart, Item, MAX_REQUESTS, references};
use crate::dataverse::request::Request;
use crate::dataverse::url::LINK_ROOT;
use crate::faults::Faults;
use crate::settings::Settings;

/// A valid request of a batch, and the Content-ID by which others refer to it. In a change set, each
/// request has one.
pub struct Checked {
    pub request: Request,
    pub content_id: Option<String>,
}

/// Headers that would be mistaken for those of the enclosing part.
const PART_HEADERS: [&str; 2] = ["content-id", "content-transfer-encoding"];

/// Validates the batch.
///
/// # Errors
/// All faults together.
pub(super) fn check(
    settings: &Settings,
    items: Vec<Item<DraftPart>>,
    client_request_id: &str,
) -> Result<Vec<Item<Checked>>, Faults> {
    let count = items.iter().flat_map(Item::all).count();
    let mut check = Check {
        settings,
        client_request_id,
        faults: Faults::default(),
        given: content_ids(&items),
    };
    if count > MAX_REQUESTS {
        let reason =
            format!("contain {count} requests, more than the {MAX_REQUESTS} that Dataverse accepts in a batch");
        check.faults.add("items", reason);
        return Err(check.faults);
    }
    if items.is_empty() {
        check.faults.add("items", "are empty");
    }
    let mut checked = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let place = format!("items[{index}]");
        match item {
            Item::Request(request) => checked.extend(check.request(&place, request, None).map(Item::Request)),
            Item::ChangeSet(set) => checked.push(Item::ChangeSet(check.change_set(&place, set))),
        }
    }
    if check.faults.is_empty() {
        Ok(checked)
    } else {
        Err(check.faults)
    }
}

fn content_ids(items: &[Item<DraftPart>]) -> Vec<String> {
    let requests = items.iter().flat_map(Item::all);
    requests.filter_map(|request| request.content_id.clone()).collect()
}

struct Check<'a> {
    settings: &'a Settings,
    client_request_id: &'a str,
    faults: Faults,
    /// All Content-IDs of the batch.
    given: Vec<String>,
}

impl Check<'_> {
    fn change_set(&mut self, place: &str, set: Vec<DraftPart>) -> Vec<Checked> {
        if set.is_empty() {
            self.faults.add(&format!("{place}.change-set"), "is empty");
        }
        let mut earlier = Vec::new();
        let mut checked = Vec::new();
        let mut numbers = 1_u32..;
        for (index, mut request) in set.into_iter().enumerate() {
            let place = format!("{place}.change-set[{index}]");
            if request.request.method == Method::GET {
                // docs/facts/dataverse.md, 1.7: not allowed there.
                self.faults.add(
                    &format!("{place}.request.method"),
                    "is get, which is not allowed in a change set",
                );
            }
            let given = request.content_id.clone();
            // OData Protocol 4.0, 11.7.2: each request of a change set has one.
            request.content_id = given.clone().or_else(|| self.unused(&mut numbers));
            checked.extend(self.request(&place, request, Some(&earlier)));
            earlier.extend(given);
        }
        checked
    }

    fn unused(&self, numbers: &mut impl Iterator<Item = u32>) -> Option<String> {
        numbers
            .map(|number| number.to_string())
            .find(|id| !self.given.contains(id))
    }

    /// Validates one request. `earlier` are the Content-IDs it may refer to, if it is in a change set.
    fn request(&mut self, place: &str, part: DraftPart, earlier: Option<&[String]>) -> Option<Checked> {
        let DraftPart { request, content_id } = part;
        if let Some(id) = &content_id {
            let id_place = format!("{place}.content-id");
            self.faults.keep(&id_place, references::check_content_id(id));
            if self.given.iter().filter(|given| *given == id).count() > 1 {
                self.faults
                    .add(&id_place, "is also the content-id of another request of the batch");
            }
        }
        let place = format!("{place}.request");
        for name in PART_HEADERS {
            if request
                .headers
                .iter()
                .any(|(given, _)| given.eq_ignore_ascii_case(name))
            {
                self.faults.add(
                    &format!("{place}.headers.{name}"),
                    "belongs to the batch: for a Content-ID, set content-id",
                );
            }
        }
        let in_path = references::in_path(&request.path).map(str::to_owned);
        let in_body = references::in_body(request.body.as_deref().unwrap_or_default());
        let prepared = Request::in_batch(self.settings, request, self.client_request_id.to_owned());
        // An absolute link can end in a reference too, and so can a path that is percent-encoded.
        let in_path =
            in_path.or_else(|| reference_below_root(prepared.as_ref().ok().filter(|request| !is_batch(request))?));
        if let Some(id) = in_path {
            self.reference(&format!("{place}.path"), &id, earlier);
        }
        for id in in_body {
            self.reference(&format!("{place}.body"), &id, earlier);
        }
        match prepared {
            Ok(request) => {
                if is_batch(&request) {
                    self.faults.add(
                        &format!("{place}.path"),
                        "is $batch: a batch cannot contain another batch",
                    );
                }
                Some(Checked { request, content_id })
            }
            Err(inner) => {
                self.faults.nest(&place, inner);
                None
            }
        }
    }

    /// Dataverse answers 400 to a reference to a Content-ID "before it has been declared"
    /// (docs/facts/dataverse.md, 1.7).
    fn reference(&mut self, field: &str, id: &str, earlier: Option<&[String]>) {
        let shown: String = id.chars().take(64).flat_map(char::escape_default).collect();
        match earlier {
            Some(earlier) if earlier.iter().any(|given| given == id) => {}
            Some(_) => self.faults.add(
                field,
                format!("refers to ${shown}, which is not the content-id of an earlier request in its change set"),
            ),
            None => self.faults.add(
                field,
                format!("refers to ${shown}: only a request in a change set can refer to another request, an earlier one of the same set"),
            ),
        }
    }
}

fn reference_below_root(request: &Request) -> Option<String> {
    let (_version, path) = request.uri().path().strip_prefix(LINK_ROOT)?.split_once('/')?;
    let path = percent_decode_str(path).decode_utf8_lossy();
    references::in_path(&path).map(str::to_owned)
}

fn is_batch(request: &Request) -> bool {
    let path = percent_decode_str(request.uri().path()).decode_utf8_lossy();
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    request.method() == Method::POST && last.eq_ignore_ascii_case("$batch")
}

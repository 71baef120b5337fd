//! Answers to batches.

use std::cell::LazyCell;

use dynamics365::fuzzing::Draft;
use dynamics365::fuzzing::Reason;
use dynamics365::fuzzing::Settings;
use dynamics365::fuzzing::boundary_of;
use dynamics365::fuzzing::{Batch, DraftPart, Item, PartResult};
use http::{Method, Response};

use super::support::{Alone, NOW, TOKEN, answer, contains, first_line, settings};

thread_local! {
    static SETTINGS: LazyCell<Settings> = const { LazyCell::new(settings) };
}

/// The maximum number of places where a text is cut.
const CUTS: usize = 50;

/// The batch, and the answer to it as `support::answer` reads it. The batch is a line such as `R(WW)W+`:
/// reads, writes, change sets in parentheses, and a plus sign to continue after an error.
pub(super) fn batch_answer(input: &[u8]) {
    let (line, rest) = first_line(input);
    let Some((items, goes_on)) = batch(line) else {
        return;
    };
    let shape = shape(&items);
    let Ok(batch) = SETTINGS.with(|settings| Batch::new(&Alone, settings, items, goes_on)) else {
        return;
    };
    let answer = answer(rest);
    let read = |answer: Response<Vec<u8>>| batch.results(answer, TOKEN, NOW);
    match read(answer.clone()) {
        Ok(results) => {
            fit(&results, &shape, goes_on);
            for result in &results {
                come_from(result, answer.body());
            }
            is_not_cut(&answer, &results, read);
        }
        Err(error) => assert!(!format!("{error:?}").contains(TOKEN), "{error:?}"),
    }
    if let Err(error) = batch.only(answer, TOKEN, NOW) {
        assert!(!format!("{error:?}").contains(TOKEN), "{error:?}");
    }
}

fn batch(line: &[u8]) -> Option<(Vec<Item<DraftPart>>, bool)> {
    let mut items = Vec::new();
    let mut set: Option<Vec<DraftPart>> = None;
    let mut continue_on_error = false;
    for byte in line.iter().take(16) {
        let method = match byte {
            b'R' => Method::GET,
            b'W' => Method::POST,
            b'(' if set.is_none() => {
                set = Some(Vec::new());
                continue;
            }
            b')' => {
                items.push(Item::ChangeSet(set.take()?));
                continue;
            }
            b'+' => {
                continue_on_error = true;
                continue;
            }
            _ => return None,
        };
        let request = DraftPart {
            request: Draft::new(method, "contacts"),
            content_id: None,
        };
        match &mut set {
            Some(set) => set.push(request),
            None => items.push(Item::Request(request)),
        }
    }
    Some((items, continue_on_error))
}

/// The number of requests in each item.
fn shape(items: &[Item<DraftPart>]) -> Vec<usize> {
    let lengths = items.iter().map(|item| match item {
        Item::Request(_) => 1,
        Item::ChangeSet(set) => set.len(),
    });
    lengths.collect()
}

/// There is one result for each request, the results of a change set are equal, and a request that was not
/// run follows a refused one.
fn fit(results: &[PartResult], shape: &[usize], goes_on: bool) {
    assert_eq!(results.len(), shape.iter().sum::<usize>());
    let mut rest = results;
    for length in shape {
        let (set, later) = rest.split_at(*length);
        rest = later;
        assert!(set.windows(2).all(|pair| kind(&pair[0]) == kind(&pair[1])), "{set:?}");
    }
    let first_not_run = results.iter().position(|result| kind(result) == NOT_RUN);
    if let Some(first) = first_not_run {
        assert!(!goes_on && first > 0 && kind(&results[first - 1]) == REFUSED);
        assert!(results[first..].iter().all(|result| kind(result) == NOT_RUN));
    }
}

const REFUSED: &str = "refused";
const NOT_RUN: &str = "not run";

fn kind(result: &PartResult) -> &'static str {
    match result {
        PartResult::Done(_) => "done",
        PartResult::Refused(_) => REFUSED,
        PartResult::NotRun => NOT_RUN,
    }
}

/// A successful result must come from an answer without an error.
fn come_from(result: &PartResult, text: &[u8]) {
    match result {
        PartResult::Done(response) => {
            let status = response.status.as_u16();
            assert!((200..300).contains(&status) || status == 304);
            let is_there = response.body.is_empty() || memchr::memmem::find(text, &response.body).is_some();
            assert!(is_there && contains(text, &status.to_string()));
        }
        PartResult::Refused(error) => {
            assert!((400..600).contains(&error.refusal.status));
            assert!(!format!("{error:?}").contains(TOKEN), "{error:?}");
        }
        PartResult::NotRun => {}
    }
}

/// A truncated text has the same results or is an error: the missing text is after its last delimiter, or
/// it is not an answer.
fn is_not_cut(
    answer: &Response<Vec<u8>>,
    results: &[PartResult],
    read: impl Fn(Response<Vec<u8>>) -> Result<Vec<PartResult>, Reason>,
) {
    let content_type = answer
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok());
    let in_parts = content_type.is_some_and(|content_type| boundary_of(content_type).is_some());
    let text = answer.body();
    if !in_parts || text.len() > 8 << 10 {
        return;
    }
    let whole = format!("{results:?}");
    for end in (0..text.len()).rev().step_by(text.len() / CUTS + 1) {
        // A line that is cut off after the last delimiter, or within its padding or line end, counts as that delimiter.
        if text[..end].trim_ascii_end().ends_with(b"--") {
            continue;
        }
        if let Ok(results) = read(answer.clone().map(|text| text[..end].to_vec())) {
            assert_eq!(format!("{results:?}"), whole, "cut after {end} of {} bytes", text.len());
        }
    }
}

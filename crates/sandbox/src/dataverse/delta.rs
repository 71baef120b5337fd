//! Change tracking (docs/facts/dataverse.md, 1.6;
//! <https://learn.microsoft.com/power-apps/developer/data-platform/use-change-tracking-synchronize-data-external-systems>).

use http::StatusCode;
use serde_json::{Map, Value, json};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};
use uuid::Uuid;

use super::call::Call;
use super::expand::context;
use super::paging::{attribute, decode, encode, skip_token, with_option};
use super::query::Query;
use super::refusal::Refusal;
use super::results;
use super::shown::shown;
use super::store::{Row, Store};
use crate::response::Answer;
use crate::schema::Table;

/// docs/facts/dataverse.md, 1.6: 7 days by default.
const GOOD_FOR: i64 = 7 * 24 * 60 * 60;

const TIME: &[BorrowedFormatItem<'_>] = format_description!("[month]/[day]/[year] [hour]:[minute]:[second]");

/// The same page: these options are refused, with this text. Guess: the code.
pub(super) fn refuse_options(query: &Query) -> Result<(), Refusal> {
    let given = [
        ("filter", query.filter.is_some()),
        ("orderby", !query.order.is_empty()),
        ("expand", !query.expand.is_empty()),
        ("top", query.top.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((name, _)) => Err(Refusal::query(format!(
            "The \"${name}\" query parameter isn't supported when Change Tracking is enabled."
        ))),
    }
}

/// The link to the changes after that version.
pub(super) fn link(call: &Call<'_>, table: &Table, version: u64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(call.now).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let token = format!("{version}!{}", time.format(&TIME).unwrap_or_default());
    with_option(&call.root, table, &call.request.query, "$deltatoken", &encode(&token))
}

/// A new, changed or deleted row.
enum Change<'a> {
    Row(&'a Row),
    Deleted(Uuid, u64),
}

impl Change<'_> {
    /// Their order: "usually new or updated first, by version, then deleted".
    fn key(&self) -> (bool, u64) {
        match self {
            Change::Row(row) => (false, row.version),
            Change::Deleted(_, version) => (true, *version),
        }
    }
}

/// The answer to a delta link.
pub(super) fn changes(
    call: &Call<'_>,
    query: &Query,
    token: &str,
    table: &'static Table,
    store: &Store,
) -> Result<Answer, Refusal> {
    let since = version(token, call.now)?;
    let place = query.skip_token.as_deref().map(Place::read).transpose()?;
    // Guess: changes between two pages are returned by the next link, so that none is lost.
    let until = place.as_ref().map_or(store.version(), |place| place.until);
    let behind = place.as_ref().map(|place| place.last);
    let number = place.map_or(1, |place| place.page);

    let rows = store.rows(table).map(Change::Row);
    let deleted = store.deleted(table).map(|(id, version)| Change::Deleted(id, version));
    let mut changes: Vec<Change<'_>> = rows
        .chain(deleted)
        .filter(|change| change.key().1 > since && change.key().1 <= until)
        .filter(|change| behind.is_none_or(|behind| change.key() > behind))
        .collect();
    changes.sort_by_key(Change::key);
    let size = call.prefer.page_size.unwrap_or(call.page_size);
    let page = &changes[..size.min(changes.len())];

    let mut body = Map::new();
    let set = table.entity_set;
    let selected = context(query.select.as_deref(), &[]);
    body.insert(
        "@odata.context".into(),
        format!("{}/$metadata#{set}{selected}/$delta", call.root).into(),
    );
    let values = page.iter().map(|change| match change {
        Change::Row(row) => Value::Object(shown(row, table, query.select.as_deref())),
        Change::Deleted(id, _) => json!({
            "@odata.context": format!("{}/$metadata#{set}/$deletedEntity", call.root),
            "id": id.to_string(),
            "reason": "deleted",
        }),
    });
    body.insert("value".into(), values.collect());
    match page.last() {
        Some(last) if page.len() < changes.len() => {
            let place = Place {
                page: number.saturating_add(1),
                until,
                last: last.key(),
            };
            let link = with_option(&call.root, table, &call.request.query, "$skiptoken", &place.write());
            body.insert("@odata.nextLink".into(), link.into());
        }
        _ => {
            body.insert("@odata.deltaLink".into(), link(call, table, until).into());
        }
    }
    Ok(results::streamed(call, body))
}

/// The start of the next page of changes. Guess: all of it; the format is that of other pages.
struct Place {
    page: usize,
    until: u64,
    last: (bool, u64),
}

impl Place {
    fn write(&self) -> String {
        let inner = format!(
            "<cookie page=\"{}\" until=\"{}\"><versionnumber last=\"{}\" deleted=\"{}\" /></cookie>",
            self.page - 1,
            self.until,
            self.last.1,
            self.last.0
        );
        skip_token(self.page, &inner, true)
    }

    fn read(token: &str) -> Result<Place, Refusal> {
        let find = || {
            let inner = decode(attribute(token, "pagingcookie")?)?;
            Some(Place {
                page: attribute(token, "pagenumber")?.parse().ok().filter(|page| *page >= 2)?,
                until: attribute(&inner, "until")?.parse().ok()?,
                last: (
                    attribute(&inner, "deleted")?.parse().ok()?,
                    attribute(&inner, "last")?.parse().ok()?,
                ),
            })
        };
        find().ok_or_else(|| Refusal::query("The paging cookie in $skiptoken is not valid."))
    }
}

/// The version in a token such as `919042!08/22/2017 08:10:44`.
///
/// Codes and texts: `MalformedVersionStamp` and `ExpiredVersionStamp` of the error list. Guess: that these are the ones,
/// and 400.
fn version(token: &str, now: i64) -> Result<u64, Refusal> {
    let refused = |code: &str, message: &str| Refusal::new(StatusCode::BAD_REQUEST, code, message);
    let read = || {
        let (version, time) = token.split_once('!')?;
        let time = PrimitiveDateTime::parse(time, &TIME).ok()?;
        Some((version.parse().ok()?, time.assume_utc().unix_timestamp()))
    };
    let (version, issued) = read().ok_or_else(|| {
        refused(
            "0x80044353",
            "Version stamp associated with the client has one or more missing parts. Please perform a full sync.",
        )
    })?;
    if now.saturating_sub(issued) > GOOD_FOR {
        return Err(refused(
            "0x80044352",
            "Version stamp associated with the client has expired. Please perform a full sync.",
        ));
    }
    Ok(version)
}

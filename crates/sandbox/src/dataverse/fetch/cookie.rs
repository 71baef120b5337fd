//! The paging cookie of FetchXML
//! (<https://learn.microsoft.com/power-apps/developer/data-platform/fetchxml/page-results>).

use uuid::Uuid;

use super::xml;
use crate::dataverse::paging::encode;
use crate::dataverse::store::Row;
use crate::guid::guid;
use crate::schema::{Column, Table};
use serde_json::Value;

/// The value of `@Microsoft.Dynamics.CRM.fetchxmlpagingcookie` after that page.
///
/// Guess: `pagenumber` is the next page. The documentation also prints 2 after the second page, so clients
/// cannot rely on it.
pub(super) fn write(page: usize, order: &[&Column], first: &Row, last: &Row, table: &Table) -> String {
    let mut inner = format!("<cookie page=\"{page}\">");
    for column in order {
        let (last, first) = (shown(last.value(column.name)), shown(first.value(column.name)));
        inner += &format!("<{} last=\"{last}\" first=\"{first}\" />", column.name);
    }
    let braced = |id: Uuid| format!("{{{}}}", id.to_string().to_uppercase());
    inner += &format!(
        "<{} last=\"{}\" first=\"{}\" /></cookie>",
        table.primary_id,
        braced(last.id),
        braced(first.id)
    );
    format!(
        "<cookie pagenumber=\"{}\" pagingcookie=\"{}\" istracking=\"False\" />",
        page.saturating_add(1),
        encode(&encode(&inner))
    )
}

/// The page and the id of its last row, from a cookie that was decoded twice.
pub(super) fn read(text: &str, table: &Table) -> Option<(usize, Uuid)> {
    let cookie = xml::parse(text).ok().filter(|cookie| cookie.name == "cookie")?;
    let page = cookie.attribute("page")?.parse().ok()?;
    let last = cookie.child(table.primary_id)?.attribute("last")?;
    Some((page, guid(last.strip_prefix('{')?.strip_suffix('}')?)?))
}

/// Guess: how a column without a value is written.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    quick_xml::escape::escape(text.as_str()).into_owned()
}

//! The key of a row in its URL: `contacts(id)`, `contacts(contactid=id)`, an elastic table's `rows(rowid=id,partitionid='x')`, or an
//! alternate key (Microsoft's pages "Use elastic tables with code" and "Use an alternate key to reference a record").

use crate::guid::is_guid;

/// The row's id. An alternate key has none, even where it holds the id of another row: `accounts(_primarycontactid_value=id)`.
pub(crate) fn id_in(entity_url: &str) -> Option<&str> {
    let key = key_of(entity_url)?;
    if is_guid(key) {
        return Some(key);
    }
    let mut id = None;
    for pair in pairs(key) {
        let (name, value) = pair.split_once('=')?;
        let is_lookup = name.starts_with('_') && name.ends_with("_value");
        if name.eq_ignore_ascii_case("partitionid") {
            continue;
        }
        if !is_guid(value) || is_lookup || id.replace(value).is_some() {
            return None;
        }
    }
    id
}

/// What stands in the parentheses at the end.
fn key_of(url: &str) -> Option<&str> {
    let inside = url.strip_suffix(')')?;
    let opened = unquoted(inside).filter(|(_, c)| *c == '(').map(|(at, _)| at).last()?;
    inside.get(opened.checked_add(1)?..)
}

/// What the commas separate.
fn pairs(key: &str) -> impl Iterator<Item = &str> {
    let commas = unquoted(key).filter(|(_, c)| *c == ',').map(|(at, _)| at);
    let mut from = 0;
    commas.chain([key.len()]).filter_map(move |end| {
        let pair = key.get(from..end);
        from = end.saturating_add(1);
        pair
    })
}

/// What stands outside quotes. A quote in a value is written twice, which ends the value and begins it anew.
fn unquoted(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut is_quoted = false;
    text.char_indices().filter(move |(_, c)| {
        is_quoted ^= *c == '\'';
        !is_quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_one_of_the_row() {
        let guid = "00000000-0000-0000-0000-00000000000a";
        for url in [
            "https://x/api/data/v9.2/contacts(@)",
            "contacts(@)",
            "contacts(contactid=@)",
            "rows(rowid=@,partitionid='a')",
            "rows(partitionid='a,b)(''=',rowid=@)",
            "rows(PartitionId='',rowid=@)",
            "accounts(number='(1)')/contacts(@)",
        ] {
            assert_eq!(id_in(&url.replace('@', guid)), Some(guid), "{url}");
        }
        for url in [
            "",
            ")",
            "@)",
            "contacts",
            "contacts()",
            "contacts(1)",
            "contacts(@",
            "contacts(@,)",
            "contacts(,@)",
            "accounts(name='@')",
            "accounts(name='contacts(@)')",
            "accounts(_primarycontactid_value=@)",
            "accounts(_primarycontactid_value=@,partitionid='a')",
            "accounts(number=1,other=@)",
            "accounts(name='x)",
            "rows(partitionid='a')",
        ] {
            assert_eq!(id_in(&url.replace('@', guid)), None, "{url}");
        }
    }
}

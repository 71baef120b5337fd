//! Content-IDs and references to them: `$` and a Content-ID refer to the row that an earlier request of the
//! same change set created (OData Protocol 4.0, 11.7.3.1; docs/facts/dataverse.md, 1.7).

use serde_json::Value;

/// Names that OData defines after a `$` at the beginning of a path (OData URL Conventions 4.0, 4).
const SYSTEM: [&str; 5] = ["all", "batch", "crossjoin", "entity", "metadata"];

/// Validates a Content-ID: the characters are those of OData's ABNF (`request-id`).
///
/// # Errors
/// A readable reason why it is not valid.
pub(super) fn check_content_id(id: &str) -> Result<(), String> {
    const MAX: usize = 64;
    if id.is_empty() || id.len() > MAX || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)) {
        return Err(format!(
            "is not 1 to {MAX} letters, digits, hyphens, dots, underscores or tildes"
        ));
    }
    if SYSTEM.contains(&id) {
        return Err(format!("is reserved: ${id} has another meaning in OData"));
    }
    Ok(())
}

/// The Content-ID that a path begins with, as in `$1` or `$1/primarycontactid/$ref`.
pub(super) fn in_path(path: &str) -> Option<&str> {
    let name = path.strip_prefix('$')?.split(['/', '?', '(']).next()?;
    (!SYSTEM.contains(&name)).then_some(name)
}

/// The Content-IDs that a JSON body refers to: in the values of `@odata.id` and of any `@odata.bind`, one or a list.
pub(super) fn in_body(body: &[u8]) -> Vec<String> {
    // Most bodies have no reference and need not be parsed.
    if !body.windows(2).any(|pair| pair == b"\"$") {
        return Vec::new();
    }
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut left = vec![body];
    while let Some(value) = left.pop() {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    if name == "@odata.id" || name.ends_with("@odata.bind") {
                        found.extend(links(&value).filter_map(in_path).map(str::to_owned));
                    } else {
                        left.push(value);
                    }
                }
            }
            Value::Array(values) => left.extend(values),
            _ => {}
        }
    }
    found
}

fn links(value: &Value) -> impl Iterator<Item = &str> {
    let many = value.as_array().into_iter().flatten();
    value.as_str().into_iter().chain(many.filter_map(Value::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ids_have_few_characters_and_no_reserved_names() {
        for id in ["1", "new-contact", "a.b_c~d", &"x".repeat(64)] {
            assert_eq!(check_content_id(id), Ok(()), "{id}");
        }
        for id in ["", "a b", "1\r\nX: y", "é", "a/b", "$1", "batch", &"x".repeat(65)] {
            assert!(check_content_id(id).is_err(), "{id}");
        }
    }

    #[test]
    fn paths_refer_at_their_beginning_only() {
        for (path, id) in [
            ("$1", Some("1")),
            ("$row-1/primarycontactid/$ref", Some("row-1")),
            ("$1?$select=x", Some("1")),
            ("$/x", Some("")),
            ("$metadata", None),
            ("$crossjoin(accounts,contacts)", None),
            ("accounts($1)", None),
            ("", None),
        ] {
            assert_eq!(in_path(path), id, "{path}");
        }
    }

    #[test]
    fn bodies_refer_in_links_at_any_depth() {
        let mut found = in_body(
            br#"{"a@odata.bind":"$1","b@odata.bind":["$2","/accounts(3)"],"c":[{"d":{"@odata.id":"$4/x"}}],
                "price":"$5","e@odata.bind":{"f@odata.bind":"$6"}}"#,
        );
        found.sort();
        assert_eq!(found, ["1", "2", "4"]);
        for body in [r#"{"a@odata.bind":"$1""#, r#"["$1"]"#, "", r#"{"price":"$1"}"#] {
            assert!(in_body(body.as_bytes()).is_empty(), "{body}");
        }
    }
}

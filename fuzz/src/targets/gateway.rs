//! What the gateway lets pass.

use dynamics365::gateway::allow::AllowList;
use http::{Method, Uri};
use percent_encoding::percent_decode_str;

use super::support::first_line;

/// A line with the list, one with the method, and what stands below the Web API's root.
pub fn gateway_allow(input: &[u8]) {
    let (list, rest) = first_line(input);
    let (method, target) = first_line(rest);
    let list = String::from_utf8_lossy(list);
    let Ok(allowed) = AllowList::parse(&list) else {
        return;
    };
    let target = String::from_utf8_lossy(target);
    let (Ok(method), Ok(uri)) = (
        Method::from_bytes(method),
        format!("/api/data/v9.2/{target}").parse::<Uri>(),
    ) else {
        return;
    };
    if allowed.check(&method, &uri).is_err() {
        return;
    }
    let table = names_one_table(uri.path());
    assert!(is_listed(&list, table, &method), "{method} {table} is not in {list}");
    if let Some(query) = uri.query() {
        stays_there(query);
    }
}

/// The table, of a path that no server reads as longer than it is.
fn names_one_table(path: &str) -> &str {
    let segment = path.strip_prefix("/api/data/v9.2/").unwrap();
    let decoded = percent_decode_str(segment).decode_utf8_lossy();
    assert!(!decoded.contains(['/', '\\', '?', '#', ';']), "{path}");
    let table = segment.split('(').next().unwrap();
    assert!(decoded.matches('(').count() <= 1, "{path}");
    if table.is_empty() { "$metadata" } else { table }
}

fn is_listed(list: &str, table: &str, method: &Method) -> bool {
    list.split(';')
        .filter_map(|entry| entry.split_once(':'))
        .any(|(name, methods)| {
            let mut methods = methods.split(',').map(str::trim);
            name.trim() == table && methods.any(|listed| listed.eq_ignore_ascii_case(method.as_str()))
        })
}

/// No option that reaches other tables, and no path in an expression.
fn stays_there(query: &str) {
    const REACHING: [&str; 8] = [
        "expand",
        "fetchxml",
        "savedquery",
        "userquery",
        "apply",
        "search",
        "compute",
        "levels",
    ];
    for option in query.split('&') {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let name = percent_decode_str(name).decode_utf8_lossy().to_lowercase();
        assert!(!REACHING.contains(&name.trim_start_matches('$').trim()), "{query}");
        let value = percent_decode_str(value).decode_utf8_lossy();
        let outside: String = value.split('\'').step_by(2).collect();
        let is_opaque = name.ends_with("token");
        assert!(is_opaque || !outside.contains(['/', '$']), "{query}");
    }
}

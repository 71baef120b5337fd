//! The gateway's access rules.

use dynamics365::fuzzing::AllowList;
use http::{Method, Uri};
use percent_encoding::percent_decode_str;

use super::support::first_line;

/// A line with the list, one with the method, and the path below the Web API's root.
pub(super) fn gateway_allow(input: &[u8]) {
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

/// The table of a path that no server interprets as a longer one.
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

/// The query contains no option that reaches other tables and no path in an expression, under two very
/// different interpretations.
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
        if name.ends_with("token") || name == "tag" || name == "partitionid" {
            continue;
        }
        let once = percent_decode_str(value).decode_utf8_lossy().into_owned();
        let mut often = once.clone();
        for _ in 0..8 {
            often = percent_decode_str(&often).decode_utf8_lossy().into_owned();
        }
        for (service, navigates) in [
            ("plain", plain_service(&once)),
            ("lenient", lenient_service(&often)),
            ("lenient, decoded once", lenient_service(&once)),
            ("plain, decoded often", plain_service(&often)),
        ] {
            assert!(!navigates, "a {service} service reads a navigation: {query}");
        }
    }
    // A service that decodes before it splits the options.
    let decoded = percent_decode_str(query).decode_utf8_lossy().into_owned();
    for option in decoded.split('&') {
        let name = option.split('=').next().unwrap_or_default().trim().to_lowercase();
        assert!(!REACHING.contains(&name.trim_start_matches('$')), "{query}");
    }
}

/// OData's grammar: strings are in single quotes, doubled inside. Whether it finds a path in an expression,
/// or in the `PropertyName` of a query function.
fn plain_service(expression: &str) -> bool {
    let parts: Vec<_> = expression.split('\'').collect();
    let outside: String = parts.iter().step_by(2).copied().collect();
    let is_property = |before: &str| {
        before
            .to_lowercase()
            .trim_end_matches([' ', '='])
            .ends_with("propertyname")
    };
    let named = parts
        .windows(2)
        .step_by(2)
        .any(|pair| is_property(pair[0]) && pair[1].contains(['/', '.']));
    outside.contains(['/', '$']) || named
}

/// A service that also accepts double quotes within brackets, with backslash escapes.
fn lenient_service(expression: &str) -> bool {
    let mut brackets = 0_usize;
    let mut quote = None;
    let mut text = String::new();
    let mut before = String::new();
    let mut characters = expression.chars();
    while let Some(c) = characters.next() {
        match quote {
            Some(_) if c == '\\' => text.extend(characters.next()),
            Some(open) if c == open => {
                quote = None;
                let before = before.to_lowercase();
                let is_property = before.trim_end_matches([' ', '=']).ends_with("propertyname");
                if is_property && text.contains(['/', '.']) {
                    return true;
                }
                text.clear();
            }
            Some(_) => text.push(c),
            None => {
                match c {
                    '/' | '$' => return true,
                    '\'' => quote = Some(c),
                    '"' if brackets > 0 => quote = Some(c),
                    '[' | '(' | '{' => brackets += 1,
                    ']' | ')' | '}' => brackets = brackets.saturating_sub(1),
                    _ => {}
                }
                before.push(c);
            }
        }
    }
    false
}

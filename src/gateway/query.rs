//! Restricts queries to their table if tables are restricted, under every interpretation.
//!
//! A service may delimit strings by single quotes only, or also by double quotes within brackets. It may
//! decode a query once, or again before it searches for quotes, or even before it splits the options. So a
//! query passes only if all these interpretations agree: no slash outside quotes at any level of decoding,
//! and no slash anywhere if another character could be a quote, or if a quoted string is itself a path,
//! like the `PropertyName` of Dataverse's query functions
//! (<https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/filter-rows#dataverse-query-functions>).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;

use super::allow::is_name;

/// How many times a value may be encoded. Dataverse's own links are encoded twice.
const ROUNDS: usize = 4;

/// The kind of an option's value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The opaque part of Dataverse's own links, which contains escapes and slashes and refers to no table.
    Opaque,
    Columns,
    Number,
    Flag,
    Expression,
    /// Any text that does not contain an option itself.
    Text,
}

/// The options that stay within a table. All others are refused, also because OData 4.01 allows options
/// without the dollar sign.
fn kind_of(name: &str) -> Option<Kind> {
    Some(match name {
        "$skiptoken" | "$deltatoken" => Kind::Opaque,
        "$select" => Kind::Columns,
        "$top" | "$skip" => Kind::Number,
        "$count" => Kind::Flag,
        "$filter" | "$orderby" => Kind::Expression,
        // A variable for plug-ins, if `opened` allows it, and the partition of an elastic table.
        "tag" | "partitionid" => Kind::Text,
        _ if name.strip_prefix('@').is_some_and(is_name) => Kind::Expression,
        _ => return None,
    })
}

/// Refuses queries that reach other tables.
///
/// # Errors
/// A readable reason for the caller.
pub(super) fn check(query: &str) -> Result<(), String> {
    let mut expressions = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let name = name.to_ascii_lowercase();
        let Some(kind) = kind_of(&name) else {
            return Err(format!(
                "where tables are restricted, the query option {name} is refused"
            ));
        };
        let readings = readings(value);
        let is_read = kind == Kind::Opaque || readings.is_settled;
        if !is_read || !readings.texts.iter().all(|text| fits(kind, text)) {
            return Err(format!(
                "where tables are restricted, this value of {name} is refused: it is ambiguous"
            ));
        }
        if kind == Kind::Expression {
            expressions.push((name, readings.texts));
        }
    }
    let texts = || expressions.iter().flat_map(|(_, texts)| texts);
    let is_strict = texts().any(|text| has_paths_in_quotes(text) || text.contains(OTHER_QUOTES));
    for (name, texts) in &expressions {
        if texts.iter().any(|text| reaches_further(text, is_strict)) {
            return Err(format!(
                "where tables are restricted, {name} must not follow a navigation property, nor contain a slash together with double quotes or a query function"
            ));
        }
    }
    properties_are_columns(&expressions)
}

/// The possible interpretations of a value.
struct Readings<'a> {
    /// Decoded once, and again until decoding changes nothing.
    texts: Vec<Cow<'a, str>>,
    is_settled: bool,
}

fn readings(value: Cow<'_, str>) -> Readings<'_> {
    let mut texts = vec![value];
    for _ in 0..ROUNDS {
        let Some(last) = texts.last() else { break };
        let next = percent_decode_str(last).decode_utf8_lossy().into_owned();
        if next == **last {
            return Readings {
                texts,
                is_settled: true,
            };
        }
        texts.push(Cow::Owned(next));
    }
    Readings {
        texts,
        is_settled: false,
    }
}

/// Whether a value fits its option and contains no other option.
fn fits(kind: Kind, text: &str) -> bool {
    let is_of_kind = match kind {
        Kind::Opaque => true,
        Kind::Columns => text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_,* ".contains(&b)),
        Kind::Number => text.trim().bytes().all(|b| b.is_ascii_digit()),
        Kind::Flag => ["true", "false"].contains(&text.trim().to_ascii_lowercase().as_str()),
        Kind::Expression | Kind::Text => !text.contains(char::is_control),
    };
    is_of_kind && !holds_an_option(text)
}

/// Whether a server that decodes a query before splitting its options would find another option in a value.
fn holds_an_option(text: &str) -> bool {
    const WORDS: [&str; 20] = [
        "apply",
        "callerobjectid",
        "compute",
        "count",
        "deltatoken",
        "expand",
        "fetchxml",
        "filter",
        "format",
        "id",
        "levels",
        "mscrmcallerid",
        "orderby",
        "partitionid",
        "savedquery",
        "search",
        "select",
        "skiptoken",
        "tag",
        "userquery",
    ];
    text.split('&').skip(1).any(|option| {
        let name = option.split('=').next().unwrap_or_default().trim();
        let name = name.to_ascii_lowercase();
        name.starts_with(['$', '@', '%'])
            || WORDS.contains(&name.as_str())
            || ["bypass", "mscrm.", "suppress"]
                .iter()
                .any(|start| name.starts_with(start))
    })
}

/// Characters other than the single quote that could delimit or escape a string: double quotes,
/// backslashes, and those that best-fit mapping to a code page converts to a quote.
const OTHER_QUOTES: [char; 11] = [
    '"', '\\', '`', '\u{B4}', '\u{2BC}', '\u{2018}', '\u{2019}', '\u{201C}', '\u{201D}', '\u{FF02}', '\u{FF07}',
];

/// Characters that, outside quotes, lead to another table, to nested options, or to another interpretation.
const LEADS_FURTHER: [char; 5] = ['/', '\\', '$', '%', ';'];

/// Whether quoted strings may be paths.
fn has_paths_in_quotes(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.contains(PROPERTY) || lower.contains("microsoft.dynamics.crm")
}

/// The parameter of a query function that names the compared column.
const PROPERTY: &str = "propertyname";

/// Whether an expression contains such characters outside its quoted values, or anywhere if `strict`. An
/// expression with unpaired quotes counts as if it did.
fn reaches_further(expression: &str, strict: bool) -> bool {
    if strict {
        return expression.contains(LEADS_FURTHER);
    }
    let mut quoted = false;
    for c in expression.chars() {
        if c == '\'' {
            quoted = !quoted;
        } else if !quoted && LEADS_FURTHER.contains(&c) {
            return true;
        }
    }
    quoted
}

/// Checks that each `PropertyName` is a quoted column name, directly or through an alias.
fn properties_are_columns(expressions: &[(String, Vec<Cow<'_, str>>)]) -> Result<(), String> {
    const REFUSED: &str = "where tables are restricted, PropertyName must be the name of a column in single quotes";
    let mut aliases: BTreeMap<&str, bool> = BTreeMap::new();
    for (name, texts) in expressions {
        let are_columns = texts.iter().all(|text| is_quoted_name(text.trim()));
        aliases
            .entry(name.as_str())
            .and_modify(|so_far| *so_far &= are_columns)
            .or_insert(are_columns);
    }
    let mut named = BTreeSet::new();
    for (_, texts) in expressions {
        for text in texts {
            let lower = text.to_ascii_lowercase();
            let mut pieces = lower.split(PROPERTY);
            let mut quotes = pieces.next().unwrap_or_default().matches('\'').count();
            for after in pieces {
                let is_outside = quotes % 2 == 0;
                quotes = quotes.saturating_add(after.matches('\'').count());
                let after = after.trim_start_matches([' ', '\t']);
                let value = after.trim_start_matches([' ', '\t', '"', '\'']);
                let Some(value) = value.strip_prefix(['=', ':']) else {
                    // A service might accept a value without the equals sign.
                    if is_outside && after.starts_with(['"', '\'']) {
                        return Err(REFUSED.to_owned());
                    }
                    continue;
                };
                let value = value.trim_start();
                let end = value.find([',', ')', '}', ' ']).unwrap_or(value.len());
                let value = value.get(..end).unwrap_or_default();
                if value.starts_with('@') {
                    named.insert(value.to_owned());
                } else if !is_quoted_name(value) {
                    return Err(REFUSED.to_owned());
                }
            }
        }
    }
    let all_are_columns = named.iter().all(|alias| aliases.get(alias.as_str()) == Some(&true));
    all_are_columns.then_some(()).ok_or_else(|| REFUSED.to_owned())
}

fn is_quoted_name(text: &str) -> bool {
    let inner = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    inner.is_some_and(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_reads_the_same_passes() {
        for query in [
            "",
            "$select=fullname,_ownerid_value, createdon,*",
            "$filter=lastname eq 'O''Brien'&$top=1&$count=TRUE&$skip= 5",
            "$filter=contains(fullname,'a/b') or endswith(x,'$;%25')",
            "$filter=contains(fullname,'100%25')",
            "$filter=name eq 'A %26 B'",
            "$filter=name eq 'A%26tags=1'",
            "$filter=name eq '5\" x'",
            "$filter=name eq 'O\u{2019}Brien'",
            "$filter=createdon ge 2024-01-01T00:00:00+01:00",
            "$filter=new_propertyname eq 'x'",
            "$filter=name eq 'propertyname' or name eq 'PropertyName 1.0'",
            "$filter=Microsoft.Dynamics.CRM.Between(PropertyName='n',PropertyValues=[\"5\",\"2000\"])",
            "$filter=Microsoft.Dynamics.CRM.On(PropertyName = @p,PropertyValue=@q)&@P='n'&@q='2020-01-01'",
            "$filter=Microsoft.Dynamics.CRM.Today(PropertyName='n')",
            "@e='a@b.example'",
            "$skiptoken=%3Ccookie%20pagenumber=%222%22%20x=%22%253ccookie%252f%22/%3E",
            "tag=a text/b&partitionId=x",
        ] {
            assert_eq!(check(query), Ok(()), "{query}");
        }
    }

    #[test]
    fn what_somebody_could_read_otherwise_is_refused() {
        for query in [
            "$filter=a/b eq 'x'",
            "$filter=a%2Fb eq 'x'",
            "$filter=a%252Fb eq 'x'",
            "$filter=lastname in (\"'\") and a/b eq 'x' and lastname in (\"'\")",
            "$filter=x eq '\"' or a/b eq '\"'",
            "$filter=x eq '\\'' or a/b eq '",
            "$filter=x eq '\u{2019} or a/b eq \u{2019}'",
            "$filter=x eq '%2527 or a/b eq %2527'",
            "$filter=x eq '%2522' or y eq 'a/b'",
            "$filter=x eq 'a%252525252527'",
            "$filter=x eq '",
            "$filter=x eq 'a''",
            "$filter=x eq '%00'",
            "$filter=x eq %07",
            "$filter=@a&@a=a/b eq 1",
            "$filter=f(PropertyName='a/b')",
            "$filter=f(PropertyName 'a.b')",
            "$filter=f(PropertyName\"a.b\")",
            "@e=propertyname'a@b.example'",
            "$filter=f(PropertyName='a.b')",
            "$filter=f(PropertyName=\"a\")",
            "$filter=f(PropertyName=a)",
            "$filter=f(PropertyName=)",
            "$filter=f(PropertyName=@p)",
            "$filter=f(PropertyName=@p)&@p='a'&@p='a.b'",
            "$filter=f(PropertyName=@p)&@p=a",
            "$filter=f({\"PropertyName\":\"a.b\"})",
            "$filter=Microsoft.Dynamics.CRM.f(X='a/b')",
            "$filter=f(Property%254Eame='a%252Fb')",
            "$filter=x eq 1&$orderby=a/b",
            "$orderby=$count",
            "$select=a/b",
            "$select=a(select=b)",
            "$select=Microsoft.Dynamics.CRM.f",
            "$top=1;expand=x",
            "$top=x",
            "$count=$x",
            "$filter=x eq 'a%26$expand=b'",
            "$filter=x eq 'a%26 expand=b'",
            "$filter=x eq 'a%26fetchXml=b'",
            "$filter=x eq 'a%2526%2524expand=b'",
            "$skiptoken=x%26$expand=y",
            "$skiptoken=x%2526expand=y",
            "tag=x%26expand=y",
            "$expand=a",
            "%24expand=a",
            "%2524expand=a",
            "expand=a",
            "$EXPAND=a",
            " $filter=x",
            "$filter%00=x",
            "@a/b=1",
        ] {
            assert!(check(query).is_err(), "{query}");
        }
    }
}

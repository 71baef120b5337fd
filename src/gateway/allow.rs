//! `GATEWAY_ALLOW`: which tables may be reached, with which methods.
//!
//! Guarantee: a request that passes addresses one listed table, by its name alone or with a key in
//! parentheses, with a listed method, and its query refers to no other table's columns. Anything that could
//! reach further is refused without being interpreted: paths of more segments (navigation, functions,
//! actions, `$ref`), `$batch`, `$expand`, FetchXML and saved queries, navigation within `$filter` and
//! `$orderby`, every unusual spelling, and ambiguous queries (`query`).
//!
//! `$metadata` may be listed like a table. This includes the list of tables at the root.
//!
//! Not guaranteed: a body may bind to rows of other tables or create them (deep insert), and plug-ins and
//! flows run. These are limited by the application user's role.

use http::{Method, Uri};
use percent_encoding::percent_decode_str;

use super::query;
use crate::validation::{Expectation, Verb};

/// Tables and the methods that are allowed for each.
pub struct AllowList(Vec<(String, Vec<Method>)>);

impl AllowList {
    /// Parses the value of `GATEWAY_ALLOW`. `None`: everything is allowed.
    ///
    /// # Errors
    /// A readable reason for the operator.
    pub fn of_setting(text: &str) -> Result<Option<Self>, String> {
        match text.trim() {
            // A blank value is ambiguous: it could mean everything or nothing.
            "" => Err(
                "is blank: write * for everything that the application user may do, or table:METHOD,METHOD".to_owned(),
            ),
            "*" => Ok(None),
            list => Self::parse(list).map(Some),
        }
    }

    /// Parses `contacts:GET,POST;accounts:GET`.
    ///
    /// # Errors
    /// A readable reason for the operator.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut tables = Vec::new();
        for entry in text.split(';').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (table, methods) = entry
                .split_once(':')
                .ok_or_else(|| format!("contains \"{entry}\": expected table:METHOD,METHOD"))?;
            let table = table.trim();
            if !is_name(table) && table != METADATA {
                return Err(format!("contains \"{table}\", which is not a table name"));
            }
            let methods = methods.split(',').map(parse_method).collect::<Result<Vec<_>, _>>()?;
            tables.push((table.to_owned(), methods));
        }
        if tables.is_empty() {
            Err("lists no table".to_owned())
        } else {
            Ok(Self(tables))
        }
    }

    /// The exact permissions that the application user needs for the list: for each table, each verb.
    pub fn expectations(&self) -> Vec<Expectation> {
        let mut tables: Vec<&str> = Vec::new();
        for (table, _) in &self.0 {
            if !NO_TABLES.contains(&table.as_str()) && !tables.contains(&table.as_str()) {
                tables.push(table);
            }
        }
        let lists = |table: &str, verb| {
            let methods = self
                .0
                .iter()
                .filter(|(name, _)| name == table)
                .flat_map(|(_, methods)| methods);
            methods.into_iter().any(|method| verb_of(method) == Some(verb))
        };
        let of_table = |table: &str| {
            Verb::ALL.map(|verb| Expectation {
                entity_set: table.to_owned(),
                verb,
                allowed: lists(table, verb),
            })
        };
        tables.into_iter().flat_map(of_table).collect()
    }

    /// Whether a table is listed.
    pub fn lists(&self, table: &str) -> bool {
        self.0.iter().any(|(name, _)| name == table)
    }

    /// Checks whether a request may pass. `uri` has a path that `relay::is_web_api` accepts.
    ///
    /// # Errors
    /// A readable reason for the caller.
    pub fn check(&self, method: &Method, uri: &Uri) -> Result<(), String> {
        let table = table_of(uri.path())?;
        let mut entries = self.0.iter().filter(|(name, _)| name == table).peekable();
        if entries.peek().is_none() {
            return Err(format!("{table} is not among the allowed tables"));
        }
        if !entries.any(|(_, methods)| methods.contains(method)) {
            return Err(format!("{method} is not allowed for {table}"));
        }
        uri.query().map_or(Ok(()), query::check)
    }
}

fn parse_method(name: &str) -> Result<Method, String> {
    match name.trim().to_ascii_uppercase().as_str() {
        "GET" => Ok(Method::GET),
        "POST" => Ok(Method::POST),
        "PATCH" => Ok(Method::PATCH),
        "PUT" => Ok(Method::PUT),
        "DELETE" => Ok(Method::DELETE),
        other => Err(format!(
            "contains \"{other}\": expected GET, POST, PATCH, PUT or DELETE"
        )),
    }
}

fn verb_of(method: &Method) -> Option<Verb> {
    match *method {
        Method::GET => Some(Verb::Read),
        Method::POST => Some(Verb::Create),
        Method::PATCH | Method::PUT => Some(Verb::Write),
        Method::DELETE => Some(Verb::Delete),
        _ => None,
    }
}

/// Whether a text is the name of a table or a column.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The metadata document, which clients read first. Listing it also allows the list of tables at the root.
const METADATA: &str = "$metadata";

/// Names that may be listed although they are not tables of rows: a document, a function, the table
/// definitions.
const NO_TABLES: [&str; 3] = [METADATA, "WhoAmI", "EntityDefinitions"];

/// The table of `/api/data/v9.2/contacts` or `/api/data/v9.2/contacts(…)`.
fn table_of(path: &str) -> Result<&str, String> {
    let mut segments = path.split('/').skip(4);
    let (Some(segment), None) = (segments.next(), segments.next()) else {
        return Err(
            "where tables are restricted, a path must name one table or one of its rows, and nothing else".to_owned(),
        );
    };
    if segment.is_empty() || segment == METADATA {
        return Ok(METADATA);
    }
    if segment == "$batch" {
        return Err("where tables are restricted, $batch is refused: send its requests one by one".to_owned());
    }
    let (name, key) = match segment.split_once('(') {
        Some((name, key)) => (name, Some(key)),
        None => (segment, None),
    };
    let key_is_plain = key.is_none_or(|key| {
        let inner = key.strip_suffix(')');
        inner.is_some_and(|inner| {
            // Decoded once, a key is a GUID, or names and values. A remaining parenthesis, slash or percent
            // sign could end the key for a server that decodes differently.
            let decoded = percent_decode_str(inner).decode_utf8_lossy();
            let is_plain = |c: char| !c.is_control() && !"()/\\%?#;$\u{FFFD}".contains(c);
            !decoded.is_empty() && decoded.chars().all(is_plain)
        })
    });
    if is_name(name) && key_is_plain {
        Ok(name)
    } else {
        Err(
            "where tables are restricted, a path must name one table or one of its rows, without unusual spelling"
                .to_owned(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: Method, target: &str) -> Result<(), String> {
        let list = AllowList::parse("contacts:GET,POST; accounts:get").unwrap();
        list.check(&method, &format!("/api/data/v9.2/{target}").parse().unwrap())
    }

    #[test]
    fn what_is_listed_passes() {
        for target in [
            "contacts",
            "contacts?$select=fullname&$filter=lastname%20eq%20'O''Brien'&$top=1",
            "contacts?$filter=contains(fullname,'a/b')",
            "contacts(00000000-0000-0000-0000-000000000001)",
            "contacts(emailaddress1='a@b.example')",
            "contacts(emailaddress1=@e)?@e='a@b.example'",
            "contacts?$skiptoken=%3Ccookie%20pagenumber=%222%22%20x=%22%253ccookie%252f%22/%3E",
        ] {
            assert_eq!(check(Method::GET, target), Ok(()), "{target}");
        }
        assert_eq!(check(Method::POST, "contacts"), Ok(()));
    }

    #[test]
    fn everything_else_is_refused() {
        for target in [
            "",
            "leads",
            "Contacts",
            "contacts/",
            "contacts//",
            "/contacts",
            "contact%73",
            "%63ontacts",
            "contacts%2f",
            "contacts%00",
            "contacts;x",
            "contacts.",
            "(contacts)",
            "contacts()",
            "contacts(",
            "contacts)(",
            "contacts(1)(2)",
            "contacts(1)/parentcustomerid_account",
            "contacts(1)%2fparentcustomerid_account",
            "contacts(1%2f..%2fleads)",
            "contacts(1)/..%2fleads",
            "contacts(name='x')/leads",
            "contacts(name='%252f')",
            "contacts(name='%00')",
            "contacts(name='%c0%af')",
            "contacts(1)/$ref",
            "contacts/$count",
            "contacts/Microsoft.Dynamics.CRM.Foo()",
            "$batch",
            "%24batch",
            "$metadata",
            "WhoAmI",
            "contacts?$expand=parentcustomerid_account",
            "contacts?%24expand=parentcustomerid_account",
            "contacts?%2524expand=x",
            "contacts?expand=parentcustomerid_account",
            "contacts?$EXPAND=x",
            "contacts?%20$expand=x",
            "contacts?%20$filter=x",
            "contacts?$skiptoken+=x",
            "contacts?$filter=@@a&@@a=1",
            "contacts?$select=fullname&$expand=x",
            "contacts?$filter=parentcustomerid_account/name%20eq%20'x'",
            "contacts?$filter=parentcustomerid_account%2Fname%20eq%20'x'",
            "contacts?$filter=@a&@a=parentcustomerid_account/name%20eq%20'x'",
            "contacts?$filter=x%20eq%20'&$orderby=y/z",
            "contacts?$orderby=parentcustomerid_account/name",
            "contacts?$select=parentcustomerid_account/name",
            "contacts?$apply=groupby((statecode))",
            "contacts?fetchXml=%3Cfetch/%3E",
            "contacts?savedQuery=1",
            "contacts?userQuery=1",
            "contacts?$search=x",
            "contacts?$format=json",
        ] {
            assert!(check(Method::GET, target).is_err(), "{target}");
        }
        for (method, target) in [
            (Method::DELETE, "contacts(1)"),
            (Method::PATCH, "contacts(1)"),
            (Method::POST, "accounts"),
            (Method::OPTIONS, "accounts"),
            (Method::HEAD, "accounts"),
        ] {
            assert!(check(method.clone(), target).is_err(), "{method} {target}");
        }
    }

    #[test]
    fn what_clients_read_first_can_be_listed() {
        let check = |text: &str, path: &str| {
            let path = format!("/api/data/v9.2/{path}").parse().unwrap();
            AllowList::parse(text).unwrap().check(&Method::GET, &path)
        };
        for path in ["", "$metadata"] {
            assert_eq!(check("contacts:GET;$metadata:GET", path), Ok(()), "{path}");
            assert!(check("contacts:GET", path).is_err(), "{path}");
        }
        assert_eq!(check("WhoAmI:GET", "WhoAmI"), Ok(()));
        assert!(check("$metadata:GET", "contacts").is_err());
        assert!(check("$metadata:GET", "$batch").unwrap_err().contains("$batch"));
    }

    #[test]
    fn everything_is_written_as_a_star() {
        assert!(matches!(AllowList::of_setting(" * "), Ok(None)));
        assert!(matches!(AllowList::of_setting("contacts:GET"), Ok(Some(_))));
        for text in ["", " \n", "*;contacts:GET", "*:GET", "contacts:*"] {
            assert!(AllowList::of_setting(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lists_that_cannot_be_meant_are_refused() {
        for text in [
            "",
            ";",
            "contacts",
            "contacts:",
            "contacts:READ",
            "contacts:GET,,POST",
            "con tacts:GET",
            "$batch:POST",
            ":GET",
        ] {
            assert!(AllowList::parse(text).is_err(), "{text}");
        }
    }
}

//! `GATEWAY_ALLOW`: which tables may be reached, with which methods.
//!
//! What it promises: a request that passes addresses one listed table, by its name alone or with a key in parentheses, with
//! a listed method, and its query names no other table's columns. Whatever could reach further is refused, rather than
//! understood: paths of more segments (navigation, functions, actions, `$ref`), `$batch`, `$expand`, FetchXML and saved
//! queries, navigation within `$filter` and `$orderby`, every unusual spelling, and what can be read in two ways (`query`).
//!
//! `$metadata` may be listed as a table is; the list of tables at the root comes with it.
//!
//! What it does not promise: a body may bind to rows of other tables, or create them along with its own (deep insert);
//! plug-ins and flows do what they do. The application user's role is what holds there.

use http::{Method, Uri};
use percent_encoding::percent_decode_str;

use super::query;
use crate::validation::{Expectation, Verb};

/// Tables and the methods that each may be reached with.
pub struct AllowList(Vec<(String, Vec<Method>)>);

impl AllowList {
    /// Reads what `GATEWAY_ALLOW` is set to. `None`: everything.
    ///
    /// # Errors
    /// What is wrong, for the operator.
    pub fn of_setting(text: &str) -> Result<Option<Self>, String> {
        match text.trim() {
            // Nobody can tell whether everything is meant or nothing.
            "" => Err(
                "is blank: write * for everything that the application user may do, or table:METHOD,METHOD".to_owned(),
            ),
            "*" => Ok(None),
            list => Self::parse(list).map(Some),
        }
    }

    /// Reads `contacts:GET,POST;accounts:GET`.
    ///
    /// # Errors
    /// What is wrong, for the operator.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut tables = Vec::new();
        for entry in text.split(';').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (table, methods) = entry
                .split_once(':')
                .ok_or_else(|| format!("holds \"{entry}\": expected table:METHOD,METHOD"))?;
            let table = table.trim();
            if !is_name(table) && table != METADATA {
                return Err(format!("holds \"{table}\", which is no table's name"));
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

    /// What the application user should be allowed, and nothing more, so that it can do what is listed: for each table each
    /// verb.
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

    /// Whether it names a table.
    pub fn lists(&self, table: &str) -> bool {
        self.0.iter().any(|(name, _)| name == table)
    }

    /// Whether a request may pass. `uri` has a path that `relay::is_web_api` knows.
    ///
    /// # Errors
    /// Why not, for the caller.
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
        other => Err(format!("holds \"{other}\": expected GET, POST, PATCH, PUT or DELETE")),
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

/// What a client reads to know the tables; it stands for the list of them at the root too.
const METADATA: &str = "$metadata";

/// What may be listed without being a table of rows: a document, a function, the definitions of tables.
const NO_TABLES: [&str; 3] = [METADATA, "WhoAmI", "EntityDefinitions"];

/// The table of `/api/data/v9.2/contacts` or `/api/data/v9.2/contacts(…)`.
fn table_of(path: &str) -> Result<&str, String> {
    let mut segments = path.split('/').skip(4);
    let (Some(segment), None) = (segments.next(), segments.next()) else {
        return Err(
            "where tables are restricted, a path names one table or one row of it, and nothing further".to_owned(),
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
            // Decoded once: what a key may hold is a GUID, or names and values. A parenthesis, a slash or a percent sign
            // that is left could be read as the end of the key by somebody who decodes differently.
            let decoded = percent_decode_str(inner).decode_utf8_lossy();
            let is_plain = |c: char| !c.is_control() && !"()/\\%?#;$\u{FFFD}".contains(c);
            !decoded.is_empty() && decoded.chars().all(is_plain)
        })
    });
    if is_name(name) && key_is_plain {
        Ok(name)
    } else {
        Err("where tables are restricted, a path names one table or one row of it, spelled plainly".to_owned())
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

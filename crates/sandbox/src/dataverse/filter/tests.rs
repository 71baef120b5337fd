use serde_json::json;
use uuid::Uuid;

use super::parse;
use crate::dataverse::store::Row;
use crate::schema::Table;

fn table() -> &'static Table {
    Table::of("contacts").unwrap()
}

fn row() -> Row {
    let values = json!({
        "contactid": "00000000-0000-4000-8000-000000000001", "firstname": "Zoë", "lastname": "O'Brien",
        "numberofchildren": 2, "annualincome": 48_500.5, "donotemail": false, "jobtitle": null,
        "createdon": "2026-01-05T00:00:00Z",
    });
    Row {
        id: Uuid::nil(),
        version: 1,
        owner: None,
        values: values.as_object().unwrap().clone(),
    }
}

fn matches(filter: &str) -> bool {
    parse(filter, table())
        .unwrap_or_else(|error| panic!("{filter}: {error:?}"))
        .matches(&row())
}

fn status(filter: &str) -> u16 {
    parse(filter, table()).map_or_else(|error| error.status.as_u16(), |_| 200)
}

#[test]
fn what_matches() {
    for filter in [
        "lastname eq 'O''Brien'",
        "lastname eq 'o''brien'",
        "'O''Brien' eq lastname",
        "firstname eq 'ZOË'",
        "contains(lastname,'brie')",
        "startswith(lastname, 'O''')",
        "endswith(lastname,'EN') and not endswith(lastname,'x')",
        "numberofchildren gt 1 and numberofchildren le 2",
        "annualincome ge 48500.5",
        "annualincome gt -1",
        "numberofchildren lt 2.5",
        "donotemail eq false",
        "not donotemail",
        "jobtitle eq null",
        "lastname ne null",
        "contactid eq 00000000-0000-4000-8000-000000000001",
        "createdon lt 2026-01-06",
        "createdon ge 2026-01-05T00:00:00Z",
        "createdon eq 2026-01-05T01:00:00+01:00",
        "lastname eq 'x' or lastname eq 'O''Brien' and numberofchildren eq 2",
        "firstname ne lastname",
        "true",
    ] {
        assert!(matches(filter), "{filter}");
    }
}

#[test]
fn what_does_not_match() {
    for filter in [
        "lastname eq 'OBrien'",
        "(lastname eq 'x' or lastname eq 'O''Brien') and numberofchildren eq 3",
        "lastname eq null",
        // Neither true nor false where there is no value.
        "jobtitle eq 'x'",
        "jobtitle ne 'x'",
        "not contains(jobtitle,'x')",
        "jobtitle gt null",
        "donotemail",
    ] {
        assert!(!matches(filter), "{filter}");
    }
}

#[test]
fn what_cannot_be_read() {
    for filter in [
        "",
        "lastname",
        "lastname eq",
        "lastname eqq 'x'",
        "lastname EQ 'x'",
        "lastname eq 'x",
        "lastname eq 'x' and",
        "lastname eq 'x' lastname",
        "(lastname eq 'x'",
        "lastname eq 'x')",
        "contains(lastname)",
        "contains(numberofchildren,'x')",
        "nosuchcolumn eq 1",
        "Lastname eq 'x'",
        "lastname eq 1",
        "numberofchildren eq '1'",
        "contactid eq 'x'",
        "createdon gt '2026-01-05'",
    ] {
        assert_eq!(status(filter), 400, "{filter}");
    }
}

#[test]
fn what_is_refused() {
    for filter in [
        "contact_customer_contacts/any(c:c/lastname eq 'x')",
        "parentcustomerid_account/name eq 'x'",
        "Microsoft.Dynamics.CRM.LastXDays(PropertyName='createdon',PropertyValue=7)",
        "tolower(lastname) eq 'x'",
        "numberofchildren in (1,2)",
        "numberofchildren add 1 eq 3",
        "lastname eq @p",
    ] {
        assert_eq!(status(filter), 501, "{filter}");
    }
    assert_eq!(status(&"contains(lastname,'x') or ".repeat(100_000)), 400);
    assert!(matches(&format!("{}true", "donotemail or ".repeat(100_000))));
    assert_eq!(status(&"(".repeat(100_000)), 501);
    assert_eq!(status(&"not ".repeat(100_000)), 501);
}

//! Features of the real services that the sandbox does not support: 501 and never 404, which would mean
//! that they do not exist.
#![allow(clippy::unwrap_used)]

mod common;

use common::{all, error, exchange, start};
use sandbox::seed;

#[test]
fn operations_tables_and_metadata() {
    let local = all();
    let row = format!("contacts({})", seed::contact(1));
    for (method, path) in [
        ("GET", "$metadata"),
        ("GET", "EntityDefinitions"),
        ("GET", "EntityDefinitions?$select=LogicalName"),
        ("GET", "EntityDefinitions(LogicalName='account')/Attributes"),
        (
            "GET",
            "EntityDefinitions(LogicalName='account')/Attributes(LogicalName='x')/Microsoft.Dynamics.CRM.PicklistAttributeMetadata",
        ),
        ("GET", "GlobalOptionSetDefinitions(Name='x')"),
        ("GET", "RelationshipDefinitions"),
        // Functions, with and without parentheses.
        ("GET", "RetrieveVersion()"),
        ("GET", "RetrieveVersion"),
        ("GET", "RetrieveTotalRecordCount(EntityNames=['account'])"),
        ("GET", "RetrieveCurrentOrganization"),
        ("GET", "RetrieveAvailableLanguages"),
        (
            "GET",
            "GetTimeZoneCodeByLocalizedName(LocalizedStandardName='a/b%20(c)',LocaleId=1033)",
        ),
        // Actions.
        ("POST", "BulkDelete"),
        ("POST", "Merge"),
        ("POST", "ExportSolution"),
        ("POST", "PublishAllXml"),
        ("POST", "searchquery"),
        ("POST", "searchsuggest"),
        ("POST", "contacts/Microsoft.Dynamics.CRM.CreateMultiple"),
        ("POST", "contacts/Microsoft.Dynamics.CRM.UpdateMultiple"),
        ("POST", "contacts/Microsoft.Dynamics.CRM.UpsertMultiple"),
        ("GET", "accounts/Microsoft.Dynamics.CRM.RetrieveUnpublishedMultiple()"),
        // Tables.
        ("GET", "teams"),
        ("GET", "tasks(00000000-0000-4000-8000-000000000001)"),
        ("GET", "environmentvariabledefinitions"),
        ("GET", "activitymimeattachments/$count"),
        // Alternate keys with any content.
        ("GET", "accounts(accountnumber='R-100')"),
        ("GET", "accounts(accountnumber='R/100')"),
        ("GET", "accounts(accountnumber='R%2F100')"),
        ("GET", "accounts(accountnumber='it''s%20(/)')"),
        ("PATCH", "accounts(name='a',accountnumber='b/c')"),
    ] {
        let answer = local.call(method, path, &[], if method == "GET" { "" } else { "{}" });
        assert_eq!(error(&answer), (501, "sandbox".into()), "{method} {path}");
    }
    for below in [
        "owninguser",
        "contact_customer_contacts",
        "Contact_Tasks/$ref",
        "parentcustomerid_account/name",
        "parentcustomerid_account/primarycontactid/$ref",
        "Microsoft.Dynamics.CRM.RetrievePrincipalAccess()",
        "Microsoft.Dynamics.CRM.AddToQueue",
        "address1_line1/$value",
    ] {
        assert_eq!(error(&local.get(&format!("{row}/{below}"))).0, 501, "{below}");
    }
}

#[test]
fn what_no_environment_has_is_not_found() {
    let local = all();
    for path in [
        "Account",
        "account",
        "contact",
        "nosuchset",
        "retrieveversion",
        "$nosuch",
        "accounts(accountnumber='R-100",
    ] {
        assert_eq!(local.get(path).status, 404, "{path}");
    }
    assert_eq!(local.call("GET", "/api/data/v9.3/contacts", &[], "").status, 404);
    assert_eq!(local.call("GET", "/nosuch", &[], "").status, 404);
}

#[test]
fn other_endpoints() {
    let local = start();
    for version in ["v8.0", "v8.1", "v8.2"] {
        let answer = local.call("GET", &format!("/api/data/{version}/contacts"), &[], "");
        assert_eq!(error(&answer), (501, "sandbox".into()), "{version}");
    }
    let tenant = &local.tenant;
    for path in [
        "/api/search/v2.0/query".to_string(),
        "/api/discovery/v2.0/Instances".into(),
        "/XRMServices/2011/Organization.svc/web".into(),
        format!("/{tenant}/.well-known/openid-configuration"),
        format!("/{tenant}/discovery/keys"),
        format!("/{tenant}/oauth2/token"),
        format!("/{tenant}/oauth2/v2.0/authorize"),
        format!("/{tenant}/oauth2/v2.0/devicecode"),
    ] {
        let answer = exchange(&local.origin, "GET", &path, &[], b"").unwrap();
        assert_eq!(answer.status, 501, "{path}");
        assert!(answer.text().contains("does not support"), "{path}");
    }
}

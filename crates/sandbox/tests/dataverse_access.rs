//! The Web API over HTTP: tokens, privileges, headers, and missing resources.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Answer, all, error, exchange, start, start_with};
use sandbox::{Privileges, seed};

const MISSING: &str = "99999999-0000-4000-8000-000000000000";

fn contact(n: usize) -> String {
    format!("contacts({})", seed::contact(n))
}

#[track_caller]
fn message(answer: &Answer) -> String {
    answer.json()["error"]["message"].as_str().unwrap().to_string()
}

#[test]
fn whoami() {
    let local = start();
    for path in ["WhoAmI", "WhoAmI()", "/api/data/v9.0/WhoAmI"] {
        let answer = local.get(path);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let body = answer.json();
        let context = body["@odata.context"].as_str().unwrap();
        assert!(
            context.starts_with(&format!("{}/api/data/v9.", local.origin)),
            "{context}"
        );
        assert!(
            context.ends_with("/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse"),
            "{context}"
        );
        for id in ["BusinessUnitId", "UserId", "OrganizationId"] {
            assert!(uuid::Uuid::try_parse(body[id].as_str().unwrap()).is_ok());
        }
    }
    assert_eq!(error(&local.call("POST", "WhoAmI", &[], "{}")), (404, String::new()));
    assert_eq!(error(&local.get("/api/data/v8.9/WhoAmI")).0, 404);
}

#[test]
fn headers_are_as_recorded() {
    let local = start();
    let answer = local.get("WhoAmI");
    let ids = answer.all("x-ms-service-request-id");
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
    assert_eq!(answer.header("req_id"), Some(ids[1]));
    assert_eq!(
        answer.header("x-ms-ratelimit-time-remaining-xrm-requests"),
        Some("1,200.00")
    );
    assert_eq!(
        answer.header("x-ms-ratelimit-burst-remaining-xrm-requests"),
        Some("5999")
    );
    assert!(answer.header("x-ms-dop-hint").unwrap().parse::<u32>().is_ok());
    assert_eq!(answer.all("set-cookie").len(), 3);
    assert!(answer.header("set-cookie").unwrap().starts_with("ARRAffinity="));
    assert_eq!(answer.header("odata-version"), Some("4.0"));
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; odata.metadata=minimal")
    );
    let answer = local.get("contacts");
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; odata.metadata=minimal; odata.streaming=true")
    );
    assert_eq!(
        answer.header("x-ms-ratelimit-burst-remaining-xrm-requests"),
        Some("5998")
    );
}

#[test]
fn only_a_good_token_opens() {
    let local = start();
    let call = |authorization: &str| {
        let headers = [("Authorization", authorization)];
        exchange(&local.origin, "GET", "/api/data/v9.2/WhoAmI", &headers, b"").unwrap()
    };
    let token = format!("Bearer {}", local.token());
    let refused = |answer: Answer| {
        assert_eq!(answer.status, 401);
        assert_eq!(
            answer.header("www-authenticate").unwrap(),
            format!(
                "Bearer authorization_uri={0}/{1}/oauth2/authorize, resource_id={0}/",
                local.origin, local.tenant
            )
        );
    };
    refused(exchange(&local.origin, "GET", "/api/data/v9.2/", &[], b"").unwrap());
    refused(call("Bearer x.y.z"));
    refused(call(&token.replace("Bearer", "Basic")));
    assert_eq!(call(&token).status, 200);

    local.sandbox.shift_clock(3598);
    assert_eq!(call(&token).status, 200);
    local.sandbox.shift_clock(2);
    refused(call(&token));

    let token = format!("Bearer {}", local.token());
    assert_eq!(call(&token).status, 200);
    local.sandbox.revoke_tokens();
    refused(call(&token));

    local.sandbox.set_token_lifetime(Duration::ZERO);
    refused(call(&format!("Bearer {}", local.token())));
}

#[test]
fn privileges_are_per_table_and_verb() {
    let local = start();
    let forbidden = |answer: Answer, privilege: &str| {
        assert_eq!(error(&answer), (403, "0x80040220".into()));
        let message = message(&answer);
        assert!(
            message.contains(&format!("is missing {privilege} privilege")),
            "{message}"
        );
        assert!(message.starts_with("Principal user (Id="), "{message}");
    };
    forbidden(local.get("opportunities"), "prvReadOpportunity");
    forbidden(local.get(&format!("opportunities({MISSING})")), "prvReadOpportunity");
    forbidden(local.call("POST", "accounts", &[], "{}"), "prvCreateAccount");
    let account = format!("accounts({})", seed::account(1));
    forbidden(local.call("PATCH", &account, &[], "{}"), "prvWriteAccount");
    forbidden(
        local.call("PATCH", &format!("accounts({MISSING})"), &[], "{}"),
        "prvCreateAccount",
    );
    forbidden(local.call("DELETE", &account, &[], ""), "prvDeleteAccount");
    assert_eq!(local.get("accounts").rows().len(), seed::ACCOUNTS);
    assert_eq!(local.get("leads").rows().len(), seed::LEADS);
    assert_eq!(all().get("opportunities").rows().len(), seed::OPPORTUNITIES);

    let local = start_with(|config| {
        if let Some(user) = &mut config.applications[0].user {
            user.privileges = Privileges::none().allow("contacts", &[sandbox::Verb::Read]);
        }
    });
    forbidden(local.get("contacts?$expand=parentcustomerid_account"), "prvReadAccount");
}

#[test]
fn what_is_not_there() {
    let local = start();
    let answer = local.get("Account");
    assert_eq!(error(&answer), (404, "0x80060888".into()));
    assert_eq!(message(&answer), "Resource not found for the segment 'Account'.");
    assert_eq!(error(&local.get("contacts(not-a-guid)")), (400, "0x80060888".into()));
    assert_eq!(error(&local.call("DELETE", "contacts", &[], "")).0, 405);
    assert_eq!(local.get("").rows().len(), 8);
}

#[test]
fn a_url_has_32_kb() {
    let local = start();
    let get = |length: usize| {
        let path = "/api/data/v9.2/contacts?$select=";
        let names = "lastname,".repeat(4000);
        let room = length - local.origin.len() - path.len();
        // Full names, then spaces up to the length.
        let whole = room / 9 * 9;
        local
            .get(&format!(
                "{path}{}{}",
                &names[..whole - 1],
                "+".repeat(room - whole + 1)
            ))
            .status
    };
    assert_eq!(get(32_768), 200);
    assert_eq!(get(32_769), 414);
}

#[test]
fn what_is_not_supported() {
    let local = start();
    for (method, path) in [
        ("GET", "$metadata"),
        ("GET", "RetrieveVersion()"),
        ("GET", "teams"),
        ("GET", "EntityDefinitions(LogicalName='account')"),
        ("GET", "contacts(emailaddress1='x')"),
        ("POST", "contacts/Microsoft.Dynamics.CRM.CreateMultiple"),
    ] {
        assert_eq!(
            error(&local.call(method, path, &[], "")),
            (501, "sandbox".into()),
            "{path}"
        );
    }
    for below in ["/contact_customer_contacts", "/Contact_Tasks/$ref"] {
        assert_eq!(local.get(&format!("{}{below}", contact(1))).status, 501, "{below}");
    }
    assert_eq!(local.call("PUT", &contact(1), &[], "{}").status, 501);
    for (name, value) in [("Prefer", "respond-async"), ("MSCRM.SessionToken", MISSING)] {
        assert_eq!(
            local.call("GET", "contacts", &[(name, value)], "").status,
            501,
            "{name}"
        );
    }
}

#[test]
fn links_lead_back_whatever_the_host_header_says() {
    let local = start();
    let authorization = format!("Bearer {}", local.token());
    let send = |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        let mut request = format!(
            "{method} /api/data/v9.2/{path} HTTP/1.1\r\nHost: elsewhere.example\r\nX-Forwarded-Host: elsewhere.example\r\n\
             Connection: close\r\nAuthorization: {authorization}\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        let answer = common::raw(&local.origin, (request + "\r\n" + body).as_bytes());
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 2"), "{answer}");
        let links = answer.matches(&format!("{}/api/data/v9.2/", local.origin)).count();
        let all = answer.matches("http://").count() + answer.matches("https://").count();
        assert!(!answer.contains("elsewhere") && links == all, "{answer}");
        links
    };
    let json = ("Content-Type", "application/json");
    assert_eq!(send("GET", "", &[], ""), 1);
    assert_eq!(send("GET", "WhoAmI", &[], ""), 1);
    assert_eq!(
        send(
            "GET",
            "contacts?$select=lastname",
            &[("Prefer", "odata.maxpagesize=3")],
            ""
        ),
        2
    );
    assert_eq!(send("POST", "contacts", &[json], "{}"), 1);
    assert_eq!(
        send("POST", "contacts", &[json, ("Prefer", "return=representation")], "{}"),
        2
    );
    assert_eq!(
        send("GET", &format!("{}/parentcustomerid_account/$ref", contact(1)), &[], ""),
        2
    );
    assert_eq!(
        send(
            "GET",
            &format!("accounts({})/contact_customer_accounts/$ref", seed::account(4)),
            &[],
            ""
        ),
        4
    );
    let file = format!("{}/sample_contract?x-ms-file-name=x", contact(1));
    assert_eq!(send("PATCH", &file, &[("x-ms-transfer-mode", "chunked")], ""), 1);
    let batch = "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n\
                 POST contacts HTTP/1.1\r\nHost: elsewhere.example\r\nContent-Type: application/json\r\n\r\n{}\r\n--b--\r\n";
    let multipart = ("Content-Type", "multipart/mixed; boundary=b");
    assert_eq!(send("POST", "$batch", &[multipart], batch), 2);
}

//! The typed options of a request: each has its effect in the sandbox, and invalid ones are refused.

use embedded_host::types::{Caller, Condition, CustomLogic, Method, Request, RequestOptions};
use embedded_host::{NO_REQUEST_OPTIONS, Network};
use sandbox::{Privileges, User, Verb, seed};

use crate::support::{
    COMPONENT, Client, Tenant, contoso_settings, dataverse_error, json, request, request_faults, with_body,
    with_header, with_request_options,
};

fn get(path: &str, options: RequestOptions) -> Request {
    with_request_options(request(Method::Get, path), options)
}

fn under(condition: Condition) -> RequestOptions {
    RequestOptions {
        condition: Some(condition),
        ..NO_REQUEST_OPTIONS
    }
}

fn rename(id: &str, options: RequestOptions) -> Request {
    let request = with_body(
        request(Method::Patch, &format!("contacts({id})")),
        r#"{"lastname":"New"}"#,
    );
    with_request_options(request, options)
}

#[test]
fn a_write_is_answered_with_the_row() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let representation = RequestOptions {
        return_representation: Some(true),
        ..NO_REQUEST_OPTIONS
    };
    let create = with_body(
        request(Method::Post, "contacts?$select=lastname"),
        r#"{"lastname":"New"}"#,
    );
    let created = client
        .send(&with_request_options(create, representation.clone()))
        .unwrap();
    assert_eq!(
        (created.status, json(&created)["lastname"].as_str()),
        (201, Some("New"))
    );
    let updated = client.send(&rename(&seed::contact(1), representation)).unwrap();
    assert_eq!(
        (updated.status, json(&updated)["lastname"].as_str()),
        (200, Some("New"))
    );
}

#[test]
fn pages_annotations_and_the_callers_preferences_go_together() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let options = RequestOptions {
        page_size: Some(2),
        annotations: Some("*".to_owned()),
        ..NO_REQUEST_OPTIONS
    };
    let asked = with_header(get("contacts?$select=lastname", options), "Prefer", "respond-sync");
    let page = client.send(&asked).unwrap();
    assert_eq!(json(&page)["value"].as_array().unwrap().len(), 2);
    assert!(page.next_link.is_some());
    let requests = tenant.sandbox.requests();
    let sent = requests.last().unwrap();
    let prefers: Vec<_> = sent.headers.iter().filter(|(name, _)| name == "prefer").collect();
    assert_eq!(prefers.len(), 1);
    assert_eq!(
        prefers[0].1,
        "respond-sync,odata.include-annotations=\"*\",odata.maxpagesize=2"
    );
}

#[test]
fn changes_are_tracked() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let options = RequestOptions {
        track_changes: Some(true),
        ..NO_REQUEST_OPTIONS
    };
    let answer = client.send(&get("contacts?$select=lastname", options)).unwrap();
    let delta = answer.delta_link.unwrap();
    client.send(&rename(&seed::contact(2), NO_REQUEST_OPTIONS)).unwrap();
    let changes = client.get(&delta).unwrap();
    assert_eq!(json(&changes)["value"].as_array().unwrap().len(), 1);
}

#[test]
fn conditions_hold() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let id = seed::contact(1);
    let path = format!("contacts({id})?$select=lastname");
    let etag = client.get(&path).unwrap().etag.unwrap();

    let unchanged = client
        .send(&get(&path, under(Condition::IfNoneMatch(etag.clone()))))
        .unwrap();
    assert_eq!(unchanged.status, 304);
    let updated = rename(&id, under(Condition::IfMatch(etag)));
    assert_eq!(client.send(&updated).unwrap().status, 204);
    let stale = dataverse_error(client.send(&updated).unwrap_err());
    assert_eq!((stale.status, stale.code.as_str()), (412, "0x80060882"));
    assert!(stale.advice.unwrap().contains("read it again"));

    let fresh = "00000000-0000-0000-0000-00000000beef";
    let missing = dataverse_error(client.send(&rename(fresh, under(Condition::MustExist))).unwrap_err());
    assert_eq!(missing.status, 404);
    assert_eq!(
        client
            .send(&rename(fresh, under(Condition::MustNotExist)))
            .unwrap()
            .status,
        204
    );
    let there = dataverse_error(client.send(&rename(fresh, under(Condition::MustNotExist))).unwrap_err());
    assert_eq!((there.status, there.may_have_taken_effect), (412, false));
    assert_eq!(
        client.send(&rename(fresh, under(Condition::MustExist))).unwrap().status,
        204
    );
}

#[test]
fn a_request_is_carried_out_for_another() {
    let ada = User::person("Ada Byron", Privileges::none().allow("contacts", &[Verb::Read]));
    let person = ada.clone();
    let tenant = Tenant::with(|config| {
        config.users = vec![person];
        let user = config.applications[0].user.as_mut().unwrap();
        user.privileges = std::mem::take(&mut user.privileges).allow_named("prvActOnBehalfOfAnotherUser");
    });
    let mut client = tenant.client();
    for caller in [
        Caller::EntraObjectId(ada.entra_object_id.clone()),
        Caller::SystemUserId(ada.user_id.clone()),
    ] {
        let options = RequestOptions {
            caller: Some(caller),
            ..NO_REQUEST_OPTIONS
        };
        let who = client.send(&get("WhoAmI", options.clone())).unwrap();
        assert_eq!(json(&who)["UserId"], ada.user_id);
        let delete = request(Method::Delete, &format!("contacts({})", seed::contact(1)));
        let refused = dataverse_error(client.send(&with_request_options(delete, options)).unwrap_err());
        assert_eq!((refused.status, refused.code.as_str()), (403, "0x80040220"));
        assert!(refused.advice.unwrap().contains("prvDeleteContact"));
    }
    let plain = Tenant::with(|config| config.users = vec![ada.clone()]);
    let options = RequestOptions {
        caller: Some(Caller::EntraObjectId(ada.entra_object_id.clone())),
        ..NO_REQUEST_OPTIONS
    };
    let refused = dataverse_error(plain.client().send(&get("WhoAmI", options)).unwrap_err());
    assert!(refused.advice.unwrap().contains("lacks prvActOnBehalfOfAnotherUser"));
}

#[test]
fn duplicates_custom_logic_and_consistency_are_as_asked() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let create = |options| {
        let body = r#"{"emailaddress1":"contact3@example.com"}"#;
        with_request_options(with_body(request(Method::Post, "contacts"), body), options)
    };
    let detect = |suppress| RequestOptions {
        suppress_duplicate_detection: Some(suppress),
        ..NO_REQUEST_OPTIONS
    };
    let duplicate = dataverse_error(client.send(&create(detect(false))).unwrap_err());
    assert_eq!((duplicate.status, duplicate.code.as_str()), (412, "0x80040333"));
    assert_eq!(client.send(&create(detect(true))).unwrap().status, 204);

    for logic in [CustomLogic::Synchronous, CustomLogic::Asynchronous, CustomLogic::Both] {
        let options = RequestOptions {
            bypass_custom_logic: Some(logic),
            ..NO_REQUEST_OPTIONS
        };
        let refused = dataverse_error(client.send(&create(options)).unwrap_err());
        assert_eq!((refused.status, refused.code.as_str()), (403, "0x80040220"));
        assert!(refused.advice.unwrap().contains("prvBypassCustomBusinessLogic"));
    }
    let others = RequestOptions {
        strong_consistency: Some(true),
        suppress_flows: Some(true),
        ..NO_REQUEST_OPTIONS
    };
    client.send(&create(others)).unwrap();
    let requests = tenant.sandbox.requests();
    let sent = requests.last().unwrap();
    assert_eq!(sent.header("consistency"), Some("Strong"));
    assert_eq!(
        sent.header("mscrm.suppresscallbackregistrationexpanderjob"),
        Some("true")
    );
}

#[test]
fn what_cannot_be_meant_is_refused_at_once_and_nothing_is_sent() {
    let network = Network::answered(|request| panic!("sent {} {}", request.method(), request.uri()));
    let mut client = Client::open(&contoso_settings(), network);
    let all = RequestOptions {
        return_representation: Some(true),
        annotations: Some("a\"b".to_owned()),
        page_size: Some(0),
        condition: Some(Condition::MustNotExist),
        caller: Some(Caller::EntraObjectId("me".to_owned())),
        strong_consistency: Some(true),
        ..NO_REQUEST_OPTIONS
    };
    let asked = with_header(get("contacts", all), "Consistency", "Eventual");
    let fields: Vec<_> = request_faults(client.send(&asked).unwrap_err())
        .into_iter()
        .map(|(field, _)| field)
        .collect();
    assert_eq!(
        fields,
        [
            "options.return-representation",
            "options.annotations",
            "options.page-size",
            "options.condition.must-not-exist",
            "options.caller.entra-object-id",
            "options.strong-consistency",
        ]
    );
}

#[test]
fn a_shell_names_only_the_options_it_means() {
    let tenant = Tenant::start();
    let origin = tenant.sandbox.origin();
    let variables = [
        ("DATAVERSE_URL", origin.as_str()),
        ("AZURE_AUTHORITY_HOST", &origin),
        ("AZURE_TENANT_ID", &tenant.demo.config.tenant_id),
        ("AZURE_CLIENT_ID", &tenant.demo.client_id),
        ("AZURE_CLIENT_SECRET", &tenant.demo.client_secret),
    ];
    let mut instance = COMPONENT.instance(&variables, Network::Machine).unwrap();
    let id = seed::contact(1);
    let call = format!(
        "odata-request(none, {{method: patch, path: \"contacts({id})\", headers: [], body: [123, 125], \
         options: {{condition: must-exist, return-representation: true}}}})"
    );
    let answer = instance.invoke(&call).unwrap();
    assert!(answer.starts_with("ok({status: 200,"), "{answer}");
    for part in ["attempts: 1", "rate-limit: ", "recommended-parallelism: "] {
        assert!(answer.contains(part), "{answer}");
    }
    let sent = tenant.sandbox.requests().pop().unwrap();
    assert_eq!(sent.header("if-match"), Some("*"));
    assert_eq!(sent.header("prefer"), Some("return=representation"));
}

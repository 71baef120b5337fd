//! Settings: from a record and from variables, with all faults and their fields or variables. Nothing is
//! sent.

use embedded_host::types::{Options, Settings};
use embedded_host::{DEFAULT_OPTIONS, Network, Reply};

use crate::support::{
    CLIENT, COMPONENT, SECRET, TENANT, Tenant, answered, contoso_settings, json_answer, settings_faults, settings_for,
    token_answer,
};

const WHOAMI: &str = r#"{"UserId":"00000000-0000-0000-0000-000000000001",
    "BusinessUnitId":"00000000-0000-0000-0000-000000000002","OrganizationId":"00000000-0000-0000-0000-000000000003"}"#;

fn faults(settings: &Settings) -> Vec<(String, String)> {
    let mut instance = COMPONENT.instance(&[], no_network()).unwrap();
    match instance.open(settings).unwrap() {
        Err(error) => settings_faults(error),
        Ok(_) => Vec::new(),
    }
}

fn variable_faults(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut instance = COMPONENT.instance(variables, no_network()).unwrap();
    settings_faults(instance.whoami(None).unwrap().unwrap_err())
}

fn no_network() -> Network {
    Network::answered(|request| panic!("sent {} {}", request.method(), request.uri()))
}

/// The URL of a token request, and its scope.
fn asked(settings: &Settings) -> (String, String) {
    let (mut client, requests) = answered(settings, |_| Reply::Answer(token_answer()));
    client.token().unwrap();
    let requests = requests.lock().unwrap();
    let body = String::from_utf8(requests[0].body().clone()).unwrap();
    let scope = body.split('&').find_map(|pair| pair.strip_prefix("scope=")).unwrap();
    (
        requests[0].uri().to_string(),
        scope.replace("%3A", ":").replace("%2F", "/"),
    )
}

#[test]
fn one_wrong_field_is_named() {
    let good = contoso_settings;
    let options = |options: Options| Settings {
        options: Some(options),
        ..good()
    };
    let cases = [
        (
            Settings {
                environment_url: "contoso".into(),
                ..good()
            },
            "environment-url",
            "https://",
        ),
        (
            Settings {
                environment_url: "http://contoso.crm.dynamics.com".into(),
                ..good()
            },
            "environment-url",
            "is http",
        ),
        (
            Settings {
                environment_url: "https://contoso.crm.dynamics.com/api/data/v9.2/".into(),
                ..good()
            },
            "environment-url",
            "more than the origin: write https://contoso.crm.dynamics.com, ",
        ),
        (
            Settings {
                environment_url: "https://me:pw@contoso.crm.dynamics.com".into(),
                ..good()
            },
            "environment-url",
            "user name",
        ),
        (
            Settings {
                tenant_id: Some("common".into()),
                ..good()
            },
            "tenant-id",
            "one tenant",
        ),
        (
            Settings {
                tenant_id: Some("Organizations".into()),
                ..good()
            },
            "tenant-id",
            "one tenant",
        ),
        (
            Settings {
                tenant_id: Some("../evil".into()),
                ..good()
            },
            "tenant-id",
            "neither a GUID",
        ),
        (
            Settings {
                tenant_id: Some("contoso".into()),
                ..good()
            },
            "tenant-id",
            "neither a GUID",
        ),
        (
            Settings {
                client_id: "my app".into(),
                ..good()
            },
            "client-id",
            "not a GUID",
        ),
        (
            Settings {
                credentials: vec![embedded_host::secret("  ")],
                ..good()
            },
            "credentials[0]",
            "empty",
        ),
        (
            Settings {
                credentials: vec![embedded_host::secret("a\r\nb")],
                ..good()
            },
            "credentials[0]",
            "line break",
        ),
        (settings_for_unknown_cloud(), "options.authority", "set it"),
        (
            options(Options {
                authority: Some("http://login.example".into()),
                ..DEFAULT_OPTIONS
            }),
            "options.authority",
            "is http",
        ),
        (
            options(Options {
                scope: Some("openid".into()),
                ..DEFAULT_OPTIONS
            }),
            "options.scope",
            "/.default",
        ),
        (
            options(Options {
                connect_timeout_ms: Some(0),
                ..DEFAULT_OPTIONS
            }),
            "options.connect-timeout-ms",
            "0",
        ),
        (
            options(Options {
                max_answer_bytes: Some(0),
                ..DEFAULT_OPTIONS
            }),
            "options.max-answer-bytes",
            "0",
        ),
    ];
    for (settings, field, reason) in cases {
        let faults = faults(&settings);
        assert_eq!(faults.len(), 1, "{field}, {reason}: {faults:?}");
        assert_eq!(faults[0].0, field);
        assert!(faults[0].1.contains(reason), "{faults:?}");
    }
}

fn settings_for_unknown_cloud() -> Settings {
    Settings {
        options: None,
        ..settings_for("https://contoso.example")
    }
}

#[test]
fn all_faults_are_named_at_once() {
    let settings = Settings {
        environment_url: "ftp://x".into(),
        tenant_id: Some(String::new()),
        client_id: "x".into(),
        credentials: vec![embedded_host::certificate("no pem")],
        options: Some(Options {
            scope: Some("x".into()),
            first_byte_timeout_ms: Some(0),
            max_request_bytes: Some(0),
            ..DEFAULT_OPTIONS
        }),
    };
    let mut fields: Vec<_> = faults(&settings).into_iter().map(|(field, _)| field).collect();
    fields.sort();
    assert_eq!(
        fields,
        [
            "client-id",
            "credentials[0]",
            "environment-url",
            "options.first-byte-timeout-ms",
            "options.max-request-bytes",
            "options.scope",
            "tenant-id",
        ]
    );
}

#[test]
fn faults_of_variables_name_the_variables() {
    let faults = variable_faults(&[
        ("DATAVERSE_URL", "https://contoso.crm.dynamics.com/main.aspx"),
        ("AZURE_TENANT_ID", "common"),
        ("AZURE_CLIENT_ID", ""),
        ("AZURE_CLIENT_SECRET", SECRET),
        ("AZURE_CLIENT_CERTIFICATE", "x"),
        ("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", "maybe"),
        ("AZURE_CLIENT_ASSERTION_ALGORITHM", "HS256"),
        ("DATAVERSE_CONNECT_TIMEOUT_MS", "10s"),
    ]);
    let mut fields: Vec<_> = faults.iter().map(|(field, _)| field.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "AZURE_CLIENT_ASSERTION_ALGORITHM",
            "AZURE_CLIENT_CERTIFICATE",
            "AZURE_CLIENT_ID",
            "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
            "AZURE_TENANT_ID",
            "DATAVERSE_CONNECT_TIMEOUT_MS",
            "DATAVERSE_URL",
        ]
    );
    assert!(!format!("{faults:?}").contains(SECRET));
}

#[test]
fn variables_alone_are_enough() {
    let network = Network::answered(|request| {
        let is_token = request.uri().host() == Some("login.microsoftonline.com");
        Reply::Answer(if is_token {
            token_answer()
        } else {
            json_answer(200, WHOAMI)
        })
    });
    let variables = [
        ("DATAVERSE_URL", " https://contoso.crm4.dynamics.com/\n"),
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_CLIENT_ID", CLIENT),
        ("AZURE_CLIENT_SECRET", SECRET),
        ("AZURE_AUTHORITY_HOST", ""),
    ];
    let mut instance = COMPONENT.instance(&variables, network).unwrap();
    assert_eq!(
        instance.whoami(None).unwrap().unwrap().user_id,
        "00000000-0000-0000-0000-000000000001"
    );
}

#[test]
fn every_option_can_be_a_variable() {
    let tenant = Tenant::start();
    let origin = tenant.sandbox.origin();
    let (pem, scope) = (tenant.pem(), format!("{origin}/.default"));
    let variables = [
        ("DATAVERSE_URL", origin.as_str()),
        ("DATAVERSE_SCOPE", &scope),
        ("DATAVERSE_CONNECT_TIMEOUT_MS", "1000"),
        ("DATAVERSE_FIRST_BYTE_TIMEOUT_MS", "20000"),
        ("DATAVERSE_BETWEEN_BYTES_TIMEOUT_MS", "5000"),
        ("DATAVERSE_MAX_REQUEST_BYTES", "1000"),
        ("DATAVERSE_MAX_ANSWER_BYTES", "100000"),
        ("AZURE_AUTHORITY_HOST", &origin),
        ("AZURE_TENANT_ID", "sandbox.onmicrosoft.com"),
        ("AZURE_CLIENT_ID", &tenant.demo.client_id),
        ("AZURE_CLIENT_CERTIFICATE", &pem),
        ("AZURE_CLIENT_ASSERTION_ALGORITHM", "rs256"),
        ("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", "true"),
    ];
    let mut instance = COMPONENT.instance(&variables, Network::Machine).unwrap();
    instance.whoami(None).unwrap().unwrap();
}

#[test]
fn authority_and_scope_follow_from_the_environment() {
    for (environment, authority, scope) in [
        (
            "https://Contoso.api.crm4.dynamics.com/",
            "https://login.microsoftonline.com",
            "https://contoso.api.crm4.dynamics.com/.default",
        ),
        (
            "https://agency.crm9.dynamics.com",
            "https://login.microsoftonline.com",
            "https://agency.crm9.dynamics.com/.default",
        ),
        (
            "https://agency.crm.microsoftdynamics.us",
            "https://login.microsoftonline.us",
            "https://agency.crm.microsoftdynamics.us/.default",
        ),
        (
            "https://contoso.crm.dynamics.cn",
            "https://login.partner.microsoftonline.cn",
            "https://contoso.crm.dynamics.cn/.default",
        ),
    ] {
        let settings = Settings {
            environment_url: environment.into(),
            ..contoso_settings()
        };
        let expected = (format!("{authority}/{TENANT}/oauth2/v2.0/token"), scope.to_owned());
        assert_eq!(asked(&settings), expected);
    }
}

#[test]
fn authority_and_scope_can_be_set() {
    let options = Options {
        authority: Some("login.example:8443/".into()),
        scope: Some("https://other.example/.default".into()),
        ..DEFAULT_OPTIONS
    };
    let settings = Settings {
        tenant_id: Some("Contoso.onmicrosoft.com".into()),
        options: Some(options),
        ..contoso_settings()
    };
    let expected = "https://login.example:8443/contoso.onmicrosoft.com/oauth2/v2.0/token";
    assert_eq!(
        asked(&settings),
        (expected.to_owned(), "https://other.example/.default".to_owned())
    );
    let (mut client, _) = answered(&settings, |_| Reply::Answer(token_answer()));
    assert_eq!(client.token().unwrap().audience, "https://other.example");
}

/// The forms of browsers, command lines, portals and .NET.
#[test]
fn ids_are_read_in_every_form() {
    let plain = (
        format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"),
        "https://contoso.crm.dynamics.com/.default".to_owned(),
    );
    let without_hyphens = TENANT.replace('-', "");
    for tenant in [
        &without_hyphens,
        &without_hyphens.to_uppercase(),
        &format!("{{{TENANT}}}"),
        &format!("({TENANT})"),
        &format!("urn:uuid:{TENANT}"),
        &format!(" {{{}}}\n", TENANT.to_uppercase()),
    ] {
        let settings = Settings {
            tenant_id: Some(tenant.clone()),
            client_id: format!("{{{}}}", CLIENT.to_uppercase()),
            options: Some(Options {
                organization_id: Some(without_hyphens.clone()),
                ..DEFAULT_OPTIONS
            }),
            ..contoso_settings()
        };
        assert_eq!(asked(&settings), plain, "{tenant}");
        let (mut client, requests) = answered(&settings, |_| Reply::Answer(token_answer()));
        client.token().unwrap();
        let body = String::from_utf8(requests.lock().unwrap()[0].body().clone()).unwrap();
        assert!(body.contains(&format!("client_id={CLIENT}")), "{body}");
    }
}

/// The names of the clouds in the command line, PowerShell, the SDKs and Terraform.
#[test]
fn clouds_are_known_by_name() {
    for (name, authority) in [
        ("AzureCloud", "https://login.microsoftonline.com"),
        ("AZUREPUBLICCLOUD", "https://login.microsoftonline.com"),
        ("public", "https://login.microsoftonline.com"),
        ("AzureUSGovernment", "https://login.microsoftonline.us"),
        ("AzureGovernment", "https://login.microsoftonline.us"),
        ("AzureUSGovernmentCloud", "https://login.microsoftonline.us"),
        ("usgovernment", "https://login.microsoftonline.us"),
        ("AzureChinaCloud", "https://login.partner.microsoftonline.cn"),
        ("AzureChina", "https://login.partner.microsoftonline.cn"),
    ] {
        let settings = Settings {
            options: Some(Options {
                authority: Some(name.into()),
                ..DEFAULT_OPTIONS
            }),
            ..contoso_settings()
        };
        assert_eq!(asked(&settings).0, format!("{authority}/{TENANT}/oauth2/v2.0/token"));
    }
}

#[test]
fn what_is_pasted_wrongly_says_how_to_write_it() {
    let secret = |secret: &str| Settings {
        credentials: vec![embedded_host::secret(secret)],
        ..contoso_settings()
    };
    let tenant = |tenant: &str| Settings {
        tenant_id: Some(tenant.into()),
        ..contoso_settings()
    };
    let environment = |url: &str| Settings {
        environment_url: url.into(),
        ..contoso_settings()
    };
    let authority = |authority: &str| Settings {
        options: Some(Options {
            authority: Some(authority.into()),
            ..DEFAULT_OPTIONS
        }),
        ..contoso_settings()
    };
    let login = "https://login.microsoftonline.com";
    let alone = format!("give only {TENANT}");
    for (settings, field, parts) in [
        (
            secret("\u{feff}hunter2~hunter2"),
            "credentials[0]",
            &["U+FEFF", "byte order mark"] as &[&str],
        ),
        (
            secret("hunter2~\u{200b}hunter2"),
            "credentials[0]",
            &["U+200B", "zero width space"],
        ),
        (secret("hunter2~hunter2\u{200b}"), "credentials[0]", &["U+200B"]),
        (
            secret("hunter2\u{a0}hunter2"),
            "credentials[0]",
            &["U+00A0", "no-break space"],
        ),
        (secret("\"hunter2~hunter2\""), "credentials[0]", &["quotation marks"]),
        (secret("'hunter2~hunter2'"), "credentials[0]", &["quotation marks"]),
        (
            secret("\u{201c}hunter2~hunter2\u{201d}"),
            "credentials[0]",
            &["quotation marks"],
        ),
        (secret("hunter2~h\u{fc}nter2"), "credentials[0]", &["printable ASCII"]),
        (secret("hunter2\u{7f}"), "credentials[0]", &["control character"]),
        (secret("{{ client_secret }}"), "credentials[0]", &["placeholder"]),
        (secret("${CLIENT_SECRET}"), "credentials[0]", &["placeholder"]),
        (secret("$(ClientSecret)"), "credentials[0]", &["placeholder"]),
        (
            secret("@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s)"),
            "credentials[0]",
            &["placeholder"],
        ),
        (
            secret("-----BEGIN PRIVATE KEY----- hunter2 -----END PRIVATE KEY-----"),
            "credentials[0]",
            &["PEM", "certificate"],
        ),
        (tenant(&format!("{login}/{TENANT}")), "tenant-id", &[alone.as_str()]),
        (
            tenant(&format!("login.microsoftonline.com/{TENANT}/")),
            "tenant-id",
            &[&alone],
        ),
        (
            tenant(&format!("{login}/{TENANT}/oauth2/v2.0/token")),
            "tenant-id",
            &[&alone],
        ),
        (
            tenant(&format!("https://sts.windows.net/{TENANT}/")),
            "tenant-id",
            &[&alone],
        ),
        (
            tenant(&format!("{login}/Contoso.onmicrosoft.com")),
            "tenant-id",
            &["give only contoso.onmicrosoft.com"],
        ),
        (tenant(&format!("{login}/common")), "tenant-id", &["one tenant"]),
        (tenant(login), "tenant-id", &["host of Entra ID"]),
        (tenant("login.microsoftonline.com"), "tenant-id", &["host of Entra ID"]),
        (tenant("contoso.crm.dynamics.com"), "tenant-id", &["environment"]),
        (
            tenant("contoso"),
            "tenant-id",
            &["neither a GUID", "contoso.onmicrosoft.com"],
        ),
        (tenant(&format!("\"{TENANT}\"")), "tenant-id", &["quotation marks"]),
        (tenant(&format!("{TENANT}\u{200b}")), "tenant-id", &["U+200B"]),
        (
            environment("contoso.crm.dynamics.com"),
            "environment-url",
            &["write https://contoso.crm.dynamics.com"],
        ),
        (
            environment("contoso.crm.dynamics.com/api/data/v9.2/"),
            "environment-url",
            &["write https://contoso.crm.dynamics.com"],
        ),
        (
            environment("https://contoso.crm.dynamics.com/main.aspx?appid=1#x"),
            "environment-url",
            &["write https://contoso.crm.dynamics.com,"],
        ),
        (
            environment("'https://contoso.crm.dynamics.com'"),
            "environment-url",
            &["quotation marks"],
        ),
        (
            environment("https://contoso\u{200b}.crm.dynamics.com"),
            "environment-url",
            &["U+200B"],
        ),
        (
            environment("https://contoso.crm.dynamics.com\\"),
            "environment-url",
            &["write https://contoso.crm.dynamics.com,"],
        ),
        (
            environment("https://contoso\t.crm.dynamics.com"),
            "environment-url",
            &["control character"],
        ),
        (
            authority(&format!("{login}/{TENANT}")),
            "options.authority",
            &["write https://login.microsoftonline.com,", "tenant"],
        ),
        (authority("AzureGermanCloud"), "options.authority", &["closed"]),
        (
            authority("AzureMoon"),
            "options.authority",
            &["AzureCloud", "AzureUSGovernment", "AzureChinaCloud"],
        ),
    ] {
        let faults = faults(&settings);
        assert_eq!(faults.len(), 1, "{parts:?}: {faults:?}");
        assert_eq!(faults[0].0, field);
        for part in parts {
            assert!(faults[0].1.contains(part), "{part}: {faults:?}");
        }
        assert!(!faults[0].1.contains("hunter2"), "{faults:?}");
    }
}

#[test]
fn assertions_and_passwords_are_pasted_wrongly_too() {
    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjF9.eA";
    for (assertion, part) in [
        (format!("\"{jwt}\""), "quotation marks"),
        (format!("\u{feff}{jwt}"), "U+FEFF"),
        (format!("{{\"value\":\"{jwt}\"}}"), "JSON"),
        (format!("Bearer {jwt}"), "Bearer"),
    ] {
        let settings = Settings {
            credentials: vec![embedded_host::types::Credential::Assertion(assertion)],
            ..contoso_settings()
        };
        let faults = faults(&settings);
        assert_eq!(faults.len(), 1, "{part}: {faults:?}");
        assert!(
            faults[0].1.contains(part) && !faults[0].1.contains("eyJ"),
            "{part}: {faults:?}"
        );
    }
}

/// Variables of the Azure SDKs and other tools; a component has no files and no user.
#[test]
fn variables_of_other_tools_are_named_with_what_to_set_instead() {
    let rest = [
        ("DATAVERSE_URL", "https://contoso.crm.dynamics.com"),
        ("AZURE_CLIENT_ID", CLIENT),
    ];
    for (variable, value, instead) in [
        (
            "AZURE_CLIENT_CERTIFICATE_PATH",
            "/run/app.pem",
            "AZURE_CLIENT_CERTIFICATE",
        ),
        ("AZURE_CERTIFICATE_PATH", "/run/app.pfx", "AZURE_CLIENT_CERTIFICATE"),
        (
            "AZURE_CLIENT_CERTIFICATE_FILE",
            "/run/app.pem",
            "AZURE_CLIENT_CERTIFICATE",
        ),
        ("AZURE_FEDERATED_TOKEN_FILE", "/var/run/token", "AZURE_FEDERATED_TOKEN"),
        ("AZURE_CLIENT_SECRET_FILE", "/run/secret", "AZURE_CLIENT_SECRET"),
        ("AZURE_PASSWORD", SECRET, "AZURE_CLIENT_SECRET"),
        ("ARM_CLIENT_SECRET", SECRET, "AZURE_CLIENT_SECRET"),
        ("POWER_PLATFORM_CLIENT_SECRET", SECRET, "AZURE_CLIENT_SECRET"),
        (
            "ARM_CLIENT_CERTIFICATE_PATH",
            "/run/app.pfx",
            "AZURE_CLIENT_CERTIFICATE",
        ),
    ] {
        let variables = [&rest[..], &[(variable, value)]].concat();
        let faults = variable_faults(&variables);
        assert_eq!(faults.len(), 1, "{faults:?}");
        let (field, reason) = &faults[0];
        assert_eq!(field, "AZURE_CLIENT_CERTIFICATE");
        assert!(
            reason.contains(variable) && reason.contains(&format!("set {instead} to")),
            "{reason}"
        );
        assert!(!reason.contains(value), "{reason}");
    }
    for (variable, instead) in [
        ("ARM_CLIENT_ID", "AZURE_CLIENT_ID"),
        ("POWER_PLATFORM_CLIENT_ID", "AZURE_CLIENT_ID"),
        ("AZURE_CLIENT_ID_FILE", "AZURE_CLIENT_ID"),
        ("DATAVERSE_URL_FILE", "DATAVERSE_URL"),
    ] {
        let faults = variable_faults(&[(variable, CLIENT), ("AZURE_CLIENT_SECRET", SECRET)]);
        let (_, reason) = faults.iter().find(|(field, _)| field == instead).unwrap();
        assert!(
            reason.contains(variable) && reason.contains(&format!("set {instead} to")),
            "{reason}"
        );
    }
    // Other variables are ignored.
    let variables = [
        &rest[..],
        &[("AZURE_CLIENT_CERTIFICATE_PATH", "/x"), ("AZURE_CLIENT_SECRET", " ")],
    ]
    .concat();
    assert_eq!(variable_faults(&variables).len(), 1);
}

//! No secret appears in anything that is printed or returned.

use std::time::{Duration, SystemTime};

use embedded_host::types::{Certificate, Credential, Settings};
use embedded_host::{Connection, Instance, Network};
use embedded_host::{certificate, secret};
use sandbox::federation::{AUDIENCE, Issuer};
use sandbox::{Fault, Service};

use crate::openssl;
use crate::support::{COMPONENT, STRANGER, Tenant, request, with_header};

/// Everything that an instance outputs in a run with every kind of outcome, except the explicitly requested
/// token.
struct Run {
    instance: Instance,
    said: String,
}

impl Run {
    fn say(&mut self, what: impl std::fmt::Debug) {
        self.said.push_str(&format!("{what:?}\n"));
    }

    fn through(&mut self, tenant: &Tenant, settings: &Settings) -> Vec<String> {
        let opened = self.instance.open(settings).unwrap();
        let Ok(connection) = opened else {
            self.say(opened.map(|_| ()));
            return Vec::new();
        };
        let token = self.instance.acquire_token(Some(connection)).unwrap();
        let secrets = token
            .as_ref()
            .map(|token| vec![token.token.clone()])
            .unwrap_or_default();
        self.say(token.map(|token| (token.expires_at, token.expires_in, token.audience)));
        self.calls(tenant, connection);
        secrets
    }

    fn calls(&mut self, tenant: &Tenant, connection: Connection) {
        use embedded_host::types::Method::{Get, Post};
        let identity = self.instance.whoami(Some(connection)).unwrap();
        self.say(identity);
        for path in [
            "contacts?$top=2",
            "opportunities",
            "nowhere",
            "../climbing",
            "https://evil.example/api/data/v9.2/x",
        ] {
            let outcome = self
                .instance
                .odata_request(Some(connection), &request(Get, path))
                .unwrap();
            let body = outcome
                .as_ref()
                .map(|response| String::from_utf8_lossy(&response.body).into_owned());
            self.said.push_str(&body.unwrap_or_default());
            self.say(outcome);
        }
        let smuggled = with_header(request(Post, "contacts"), "Authorization", "Bearer of-the-caller");
        let outcome = self.instance.odata_request(Some(connection), &smuggled).unwrap();
        self.say(outcome);
        for fault in [
            Fault::throttle("0x80072322", 5),
            Fault::status(Service::Dataverse, 503, "down"),
            Fault::status(Service::Dataverse, 302, ""),
            Fault::new(Service::Dataverse, sandbox::FaultKind::CutBody { after: 3 }),
            Fault::new(Service::Dataverse, sandbox::FaultKind::Disconnect { carry_out: true }),
        ] {
            tenant.sandbox.misbehave(fault);
            let outcome = self
                .instance
                .odata_request(Some(connection), &request(Get, "contacts"))
                .unwrap();
            self.say(outcome);
        }
        tenant.sandbox.revoke_tokens();
        tenant.sandbox.misbehave(Fault::status(Service::Entra, 500, "broken"));
        let outcome = self.instance.whoami(Some(connection)).unwrap();
        self.say(outcome);
        let outcome = self.instance.whoami(Some(connection)).unwrap();
        self.say(outcome);
    }
}

#[test]
fn no_secret_is_printed_or_returned() {
    let tenant = Tenant::start();
    let key = &tenant.demo.identity.key_pkcs8_pem;
    let stranger = format!("{}{}", STRANGER.certificate_pem, STRANGER.key_pkcs8_pem);
    let mut secrets = vec![
        tenant.demo.client_secret.clone(),
        "a-wrong-secret".to_owned(),
        "of-the-caller".to_owned(),
    ];
    for pem in [key, &STRANGER.key_pkcs8_pem, &tenant.demo.identity.key_pkcs1_pem] {
        secrets.extend(
            pem.lines()
                .filter(|line| !line.starts_with('-') && line.len() > 20)
                .map(str::to_owned),
        );
    }

    let foreign = {
        let (now, hour) = (SystemTime::now(), Duration::from_secs(3600));
        let issuer = Issuer::new("https://issuer.example/").unwrap();
        issuer.issue("a subject", AUDIENCE, now - hour, now + hour).unwrap()
    };
    secrets.extend(["another-wrong-secret".to_owned(), foreign.clone()]);
    let forms = openssl::forms(&tenant.demo.identity, &STRANGER.certificate_pem);
    let encrypted = forms.into_iter().filter_map(|form| {
        let password = form.password.filter(|password| !password.is_empty())?;
        secrets.push(password.to_owned());
        secrets.push("a-wrong-password".to_owned());
        let with = |password: &str| {
            Credential::Certificate(Certificate {
                text: form.text.clone(),
                password: Some(password.to_owned()),
            })
        };
        Some([with(password), with("a-wrong-password")])
    });
    let encrypted: Vec<Credential> = encrypted.flatten().collect();

    let mut run = Run {
        instance: COMPONENT.instance(&[], Network::Machine).unwrap(),
        said: String::new(),
    };
    for credential in [
        certificate(tenant.pem()),
        secret(tenant.demo.client_secret.clone()),
        secret("a-wrong-secret".to_owned()),
        secret("a-wrong-secret\r\n-in-two-lines".to_owned()),
        certificate(stranger),
        certificate(key.clone()),
        certificate(key.replace("-----END PRIVATE KEY-----", "")),
        Credential::Assertion(foreign.clone()),
        Credential::Assertion(format!("{foreign}.x")),
    ]
    .into_iter()
    .chain(encrypted)
    {
        let settings = tenant.settings_with([credential, secret("another-wrong-secret")]);
        let tokens = run.through(&tenant, &settings);
        secrets.extend(tokens);
    }
    // Every token and every assertion on the wire.
    for request in tenant.sandbox.requests() {
        secrets.extend(
            request
                .header("authorization")
                .map(|header| header.replace("Bearer ", "")),
        );
        let form = form_urlencoded::parse(&request.body);
        secrets.extend(
            form.filter(|(name, _)| name == "client_assertion")
                .map(|(_, value)| value.into_owned()),
        );
    }

    assert!(secrets.len() > 100, "{} secrets", secrets.len());
    assert!(run.said.contains("AADSTS7000215") && run.said.contains("0x80040220") && run.said.contains("0x80072322"));
    let said = format!("{}{}", run.said, run.instance.output());
    for secret in &secrets {
        assert!(secret.len() > 8, "too short to search for");
        assert!(
            !said.contains(secret.as_str()),
            "a secret was given away: {}...",
            secret.chars().take(4).collect::<String>()
        );
    }
}

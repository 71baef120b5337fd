//! Shared by the tests: the component, compiled once, and a sandbox or hand-written server for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::{self, JoinHandle};

use embedded_host::types::{
    Credential, Error, Fault, Method, Options, Outage, Request, RequestOptions, Response, Settings, Throttling,
};
use embedded_host::{Clock, Component, Connection, DEFAULT_OPTIONS, Instance, Network, Reply, certificate, secret};
use sandbox::certificate::Identity;
use sandbox::{Config, Demo, Sandbox};
use xtask::build::{self, Output};

/// The component built from this tree.
pub static COMPONENT: LazyLock<Component> = LazyLock::new(|| {
    let path = build::component(Output::Silent).unwrap_or_else(|error| panic!("{error:#}"));
    Component::load(&path).unwrap_or_else(|error| panic!("{error:#}"))
});

/// A certificate that belongs to no application.
pub static STRANGER: LazyLock<Identity> = LazyLock::new(|| sandbox::certificate::generate("stranger").unwrap());

/// The sandbox's configuration. Generating its RSA key takes time, so the tests share it.
static DEMO: LazyLock<Demo> = LazyLock::new(|| Config::demo().unwrap());

pub const TENANT: &str = "11111111-1111-4111-8111-111111111111";
pub const CLIENT: &str = "22222222-2222-4222-8222-222222222222";
pub const SECRET: &str = "a~secret~of~this~test";
pub const TOKEN: &str = "a.token.of-this-test";

/// An instance with one connection.
pub struct Client {
    pub instance: Instance,
    pub connection: Connection,
}

impl Client {
    /// Opens a connection in its own instance.
    pub fn open(settings: &Settings, network: Network) -> Self {
        Self::open_with_clock(settings, network, Clock::default())
    }

    pub fn open_with_clock(settings: &Settings, network: Network, clock: Clock) -> Self {
        let mut instance = COMPONENT.instance_with_clock(&[], network, clock).unwrap();
        let connection = instance.open(settings).unwrap().unwrap();
        Self { instance, connection }
    }

    pub fn token(&mut self) -> Result<embedded_host::types::AccessToken, Error> {
        self.instance.acquire_token(Some(self.connection)).unwrap()
    }

    pub fn whoami(&mut self) -> Result<embedded_host::types::Identity, Error> {
        self.instance.whoami(Some(self.connection)).unwrap()
    }

    pub fn send(&mut self, request: &Request) -> Result<Response, Error> {
        self.instance.odata_request(Some(self.connection), request).unwrap()
    }

    pub fn get(&mut self, path: &str) -> Result<Response, Error> {
        self.send(&request(Method::Get, path))
    }

    pub fn post(&mut self, path: &str, body: &str) -> Result<Response, Error> {
        self.send(&with_body(request(Method::Post, path), body))
    }
}

pub fn request(method: Method, path: &str) -> Request {
    Request {
        method,
        path: path.to_owned(),
        headers: Vec::new(),
        body: None,
        options: None,
    }
}

pub fn with_body(request: Request, body: impl Into<Vec<u8>>) -> Request {
    Request {
        body: Some(body.into()),
        ..request
    }
}

pub fn with_header(mut request: Request, name: &str, value: &str) -> Request {
    request.headers.push((name.to_owned(), value.to_owned()));
    request
}

pub fn with_request_options(request: Request, options: RequestOptions) -> Request {
    Request {
        options: Some(options),
        ..request
    }
}

/// Settings with a secret, for an environment and an authority on the same origin.
pub fn settings_for(origin: &str) -> Settings {
    Settings {
        environment_url: origin.to_owned(),
        tenant_id: Some(TENANT.to_owned()),
        client_id: CLIENT.to_owned(),
        credentials: vec![secret(SECRET.to_owned())],
        options: Some(Options {
            authority: Some(origin.to_owned()),
            ..NO_RETRIES
        }),
    }
}

/// Options without retries, for tests of a single failure.
pub const NO_RETRIES: Options = Options {
    retry_budget_ms: Some(0),
    ..DEFAULT_OPTIONS
};

/// The same with other options; the authority is kept.
pub fn with_options(settings: Settings, options: Options) -> Settings {
    let authority = settings.options.and_then(|options| options.authority);
    Settings {
        options: Some(Options { authority, ..options }),
        ..settings
    }
}

/// A running sandbox, with the credentials of a client.
pub struct Tenant {
    pub sandbox: Sandbox,
    pub demo: Demo,
}

impl Tenant {
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    /// With changes to the sandbox's configuration.
    pub fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut demo = DEMO.clone();
        // The component promises a new assertion for each request.
        demo.config.refuse_replayed_assertions = true;
        change(&mut demo.config);
        let sandbox = Sandbox::start(demo.config.clone()).unwrap();
        Self { sandbox, demo }
    }

    pub fn pem(&self) -> String {
        format!(
            "{}{}",
            self.demo.identity.certificate_pem, self.demo.identity.key_pkcs8_pem
        )
    }

    /// With the registered certificate.
    pub fn settings(&self) -> Settings {
        Settings {
            credentials: vec![certificate(self.pem())],
            ..self.secret_settings()
        }
    }

    /// With the registered secret.
    pub fn secret_settings(&self) -> Settings {
        Settings {
            tenant_id: Some(self.demo.config.tenant_id.clone()),
            client_id: self.demo.client_id.clone(),
            credentials: vec![secret(self.demo.client_secret.clone())],
            ..settings_for(&self.sandbox.origin())
        }
    }

    pub fn client(&self) -> Client {
        Client::open(&self.settings(), Network::Machine)
    }

    /// With these credentials, in the order in which they are tried.
    pub fn settings_with(&self, credentials: impl IntoIterator<Item = Credential>) -> Settings {
        Settings {
            credentials: credentials.into_iter().collect(),
            ..self.secret_settings()
        }
    }

    /// The number of requests that each service received.
    pub fn counts(&self) -> (usize, usize) {
        let requests = self.sandbox.requests();
        let tokens = requests
            .iter()
            .filter(|request| request.path_and_query.contains("/oauth2/"))
            .count();
        (tokens, requests.len() - tokens)
    }
}

pub fn token_answer() -> http::Response<Vec<u8>> {
    let body = format!(r#"{{"token_type":"Bearer","expires_in":3599,"access_token":"{TOKEN}"}}"#);
    json_answer(200, &body)
}

pub fn json_answer(status: u16, body: &str) -> http::Response<Vec<u8>> {
    answer(
        status,
        &[("content-type", "application/json; odata.metadata=minimal")],
        body,
    )
}

pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> http::Response<Vec<u8>> {
    let mut answer = http::Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    answer.body(body.into()).unwrap()
}

pub type Requests = Arc<Mutex<Vec<http::Request<Vec<u8>>>>>;

/// A client of contoso.crm.dynamics.com, whose Entra ID grants a token and whose Dataverse answers with
/// this function. All requests are recorded.
pub fn contoso(dataverse: impl Fn() -> Reply + Send + Sync + 'static) -> (Client, Requests) {
    answered(&contoso_settings(), move |request| {
        if request.uri().path().ends_with("/oauth2/v2.0/token") {
            Reply::Answer(token_answer())
        } else {
            dataverse()
        }
    })
}

pub fn contoso_settings() -> Settings {
    Settings {
        options: Some(NO_RETRIES),
        ..settings_for("https://contoso.crm.dynamics.com")
    }
}

/// A client whose requests are answered by this function. All requests are recorded.
pub fn answered(
    settings: &Settings,
    answer: impl Fn(&http::Request<Vec<u8>>) -> Reply + Send + Sync + 'static,
) -> (Client, Requests) {
    let requests = Requests::default();
    let kept = Arc::clone(&requests);
    let network = Network::answered(move |request| {
        let request = request.map(Vec::from);
        let reply = answer(&request);
        kept.lock().unwrap().push(request);
        reply
    });
    (Client::open(settings, network), requests)
}

/// A server on loopback that grants tokens, and passes other connections to a function.
pub struct Server {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// `dataverse` gets the head of a request, and the connection after it.
    pub fn start(dataverse: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let converse = move |head: &str, stream: &mut TcpStream| {
            if is_token_request(head) {
                read_body(head, stream);
                grant(stream);
            } else {
                dataverse(head, stream);
            }
        };
        Self::answering(converse)
    }

    /// `answer` gets the head of any request, for a token too, and the connection after it.
    pub fn answering(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let answer = Arc::new(answer);
        let stop = Arc::clone(&stopped);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let answer = Arc::clone(&answer);
                thread::spawn(move || stream.map(|mut stream| converse(&mut stream, &*answer)));
            }
        });
        Self {
            address,
            stopped,
            thread: Some(thread),
        }
    }

    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn client(&self) -> Client {
        Client::open(&settings_for(&self.origin()), Network::Machine)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn converse(stream: &mut TcpStream, answer: &dyn Fn(&str, &mut TcpStream)) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if !matches!(stream.read(&mut byte), Ok(1)) {
            return;
        }
        head.push(byte[0]);
    }
    answer(&String::from_utf8(head).unwrap(), stream);
}

pub fn is_token_request(head: &str) -> bool {
    head.starts_with("POST ") && head.contains("/oauth2/v2.0/token")
}

fn grant(stream: &mut TcpStream) {
    let body = String::from_utf8(token_answer().into_body()).unwrap();
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
}

/// Reads the body that a head announces.
pub fn read_body(head: &str, stream: &mut TcpStream) -> Vec<u8> {
    let length = BufReader::new(head.as_bytes())
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    body
}

/// A certificate with its key, as a credential.
pub fn certificate_of(identity: &Identity) -> Credential {
    certificate(format!("{}{}", identity.certificate_pem, identity.key_pkcs8_pem))
}

pub fn settings_faults(error: Error) -> Vec<(String, String)> {
    match error {
        Error::InvalidSettings(faults) => listed(faults),
        other => panic!("{other:?}"),
    }
}

pub fn request_faults(error: Error) -> Vec<(String, String)> {
    match error {
        Error::InvalidRequest(faults) => listed(faults),
        other => panic!("{other:?}"),
    }
}

fn listed(faults: Vec<Fault>) -> Vec<(String, String)> {
    faults.into_iter().map(|fault| (fault.field, fault.reason)).collect()
}

pub fn outage(error: Error) -> Outage {
    match error {
        Error::Unavailable(outage) => outage,
        other => panic!("{other:?}"),
    }
}

pub fn throttling(error: Error) -> Throttling {
    match error {
        Error::Throttled(throttling) => throttling,
        other => panic!("{other:?}"),
    }
}

pub fn entra_error(error: Error) -> embedded_host::types::EntraError {
    match error {
        Error::EntraId(error) => error,
        other => panic!("{other:?}"),
    }
}

pub fn dataverse_error(error: Error) -> embedded_host::types::DataverseError {
    match error {
        Error::Dataverse(error) => error,
        other => panic!("{other:?}"),
    }
}

pub fn json(response: &Response) -> serde_json::Value {
    serde_json::from_slice(&response.body).unwrap()
}

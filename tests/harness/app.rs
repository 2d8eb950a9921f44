//! A running app, started as an operator would: a manifest, a runtime configuration, a command.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use tempfile::TempDir;

use super::client::{Answer, Error};
use super::database::Database;
use super::images::TestImage;
use super::key_value::KeyValue;
use super::process::signal;
use super::redis::Redis;
use super::response::{self, Body, Response};
use super::secrecy::Secrets;
use super::storage::{Credentials, Storage};
use super::tls::{AUTHORITY, Authority};
use super::{host, wait_for};

/// Where an app's records are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadataStore {
    Sqlite,
    KeyValue,
}

/// What an app is started with; everything has a value that works.
pub struct Launch {
    folder: TempDir,
    manifest: PathBuf,
    variables: BTreeMap<String, String>,
    runtime_config: String,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
    store: MetadataStore,
    redis: Option<Redis>,
    secrets: Secrets,
}

/// An app that runs; it ends with the test.
pub struct App {
    address: String,
    process: Child,
    output: Option<JoinHandle<Vec<String>>>,
    error_lines: Arc<Mutex<Vec<String>>>,
    redis: Option<Redis>,
    state: TempDir,
    store: MetadataStore,
    secrets: Secrets,
}

/// Where the app's host writes the component's lines.
const LOG: &str = "state/logs/image-proxy_stderr.txt";

/// What opens the records route, where a test lets it.
pub const TOKEN: &str = "0123456789-token-of-the-tests";
/// How it is shown.
pub const BEARER: (&str, &str) = ("authorization", "Bearer 0123456789-token-of-the-tests");

impl Launch {
    /// An app on this storage.
    pub fn on(storage: &Storage) -> Self {
        let launch = Self::new(&storage.endpoint(), &storage.bucket, &storage.credentials);
        let launch = match &*storage.region {
            "us-east-1" => launch,
            region => launch.variable("s3_region", region),
        };
        if storage.is_over_tls() {
            return launch.trusting(&AUTHORITY, "127.0.0.1");
        }
        launch
    }

    /// An app on whatever answers at `endpoint`.
    pub fn new(endpoint: &str, bucket: &str, credentials: &Credentials) -> Self {
        let variables = [
            ("s3_endpoint", endpoint),
            ("s3_bucket", bucket),
            ("s3_access_key_id", &credentials.access_key_id),
            ("s3_secret_access_key", &credentials.secret_access_key),
        ];
        let mut secrets = Secrets::default();
        secrets.add(variables.iter().map(|(_, value)| *value));
        secrets.add(authority(endpoint));
        Self {
            folder: tempfile::tempdir().unwrap(),
            manifest: super::manifest(),
            variables: variables
                .map(|(name, value)| (name.into(), value.into()))
                .into(),
            runtime_config: String::new(),
            environment: Vec::new(),
            arguments: Vec::new(),
            store: MetadataStore::Sqlite,
            redis: None,
            secrets,
        }
    }

    /// With this value of a variable.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        if matches!(name, "s3_region" | "s3_session_token" | "records_token") {
            self.secrets.add([value]);
        }
        if name == "s3_endpoint" {
            self.secrets.add(authority(value));
        }
        self.variables.insert(name.into(), value.into());
        self
    }

    /// With its records in this store.
    pub fn records_in(mut self, store: MetadataStore) -> Self {
        self.store = store;
        match store {
            MetadataStore::Sqlite => self,
            MetadataStore::KeyValue => self
                .on_redis_if_any(&[])
                .variable("metadata_store", "key-value"),
        }
    }

    /// With a Redis for its key-value store that has these arguments; `None` where there is no Redis.
    pub fn keeping_in_redis(self, arguments: &[&str]) -> Option<Self> {
        let launch = self.on_redis_if_any(arguments);
        launch.redis.is_some().then_some(launch)
    }

    fn on_redis_if_any(mut self, arguments: &[&str]) -> Self {
        self.redis = Redis::start(self.folder.path(), arguments);
        if let Some(redis) = &self.redis {
            let url = redis.url();
            let table = format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{url}\"\n");
            self.runtime_config.push_str(&table);
        }
        self
    }

    /// Without a variable that has a value by default.
    pub fn without_variable(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// With these tables in front of the runtime configuration.
    pub fn runtime_config(mut self, tables: &str) -> Self {
        self.runtime_config.push_str(tables);
        self
    }

    /// With an app that trusts this authority, and no other, at a host.
    pub fn trusting(self, authority: &Authority, host: &str) -> Self {
        let file = self.folder.path().join("authority.pem");
        authority.write_certificate(&file);
        let file = toml::Value::from(file.to_str().unwrap());
        self.runtime_config(&format!(
            "[[client_tls]]\ncomponent_ids = [\"image-proxy\"]\nhosts = [\"{host}\"]\nca_roots_file = {file}\n"
        ))
    }

    /// With these arguments, too.
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|&argument| argument.into()));
        self
    }

    /// With this variable of the process's environment.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// With the manifest's text changed.
    pub fn manifest(mut self, change: impl FnOnce(String) -> String) -> Self {
        let text = std::fs::read_to_string(super::manifest()).unwrap();
        let source = super::source();
        let absolute = super::wasm().display().to_string();
        self.manifest = self.folder.path().join("spin.toml");
        std::fs::write(&self.manifest, change(text.replace(&source, &absolute))).unwrap();
        self
    }

    /// With another component than that of the manifest.
    pub fn component(self, wasm: &[u8]) -> Self {
        let file = self.folder.path().join("component.wasm");
        std::fs::write(&file, wasm).unwrap();
        let known = super::wasm().display().to_string();
        self.manifest(|text| text.replace(&known, &file.display().to_string()))
    }

    /// With a component that has this much stack, in bytes, instead of 64 KiB. The stack is the lowest
    /// memory: what needs more of it than there is ends in a trap.
    pub fn stack(self, bytes: u32) -> Self {
        let mut component = std::fs::read(super::wasm()).unwrap();
        let built = stack_pointer(64 * 1024);
        let windows = component.windows(built.len()).enumerate();
        let places: Vec<_> = windows
            .filter_map(|(place, window)| (window == built).then_some(place))
            .collect();
        assert_eq!(places.len(), 1, "64 KiB of stack, in one place");
        component[places[0]..][..built.len()].copy_from_slice(&stack_pointer(bytes));
        self.component(&component)
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> App {
        let mut process = self.command().spawn().unwrap();
        let (address, listening) = mpsc::channel();
        let output = collect_lines(process.stdout.take().unwrap(), move |line| {
            if let Some(origin) = line.strip_prefix("Serving http://") {
                let _ = address.send(origin.to_owned());
            }
        });
        // Read all the while, so that the app never waits for its reader.
        let error_lines = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&error_lines);
        let errors = collect_lines(process.stderr.take().unwrap(), move |line| {
            keep.lock().unwrap().push(line.to_owned());
        });
        let Ok(address) = listening.recv() else {
            panic!("the app ended: {}", errors.join().unwrap().join("\n"));
        };
        App {
            address,
            process,
            output: Some(output),
            error_lines,
            redis: self.redis,
            state: self.folder,
            store: self.store,
            secrets: self.secrets,
        }
    }

    /// Starts it, expecting that it gives up, and tells what it says on stderr.
    pub fn fail(self) -> (ExitStatus, String) {
        let output = self.command().output().unwrap();
        (output.status, String::from_utf8(output.stderr).unwrap())
    }

    /// With another listening address than a free one.
    pub fn command_listening(&self, listen: &str) -> Command {
        let runtime_config = self.folder.path().join("runtime-config.toml");
        std::fs::write(&runtime_config, self.whole_runtime_config()).unwrap();
        self.prepare_store();
        let mut command = Command::new(host::program());
        command
            .arg("up")
            .arg("--from")
            .arg(&self.manifest)
            .arg("--runtime-config-file")
            .arg(runtime_config)
            .arg("--state-dir")
            .arg(self.folder.path().join("state"))
            .args(["--listen", listen])
            .args(&self.arguments)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn command(&self) -> Command {
        self.command_listening("127.0.0.1:0")
    }

    fn prepare_store(&self) {
        let folder = self.folder.path();
        std::fs::create_dir_all(folder.join("state")).unwrap();
        match self.store {
            MetadataStore::Sqlite => drop(Database::create(folder)),
            MetadataStore::KeyValue => drop(KeyValue::open(folder, self.redis.as_ref())),
        }
    }

    fn whole_runtime_config(&self) -> String {
        let mut text = format!(
            "{}\n[[variables_provider]]\ntype = \"static\"\n[variables_provider.values]\n",
            self.runtime_config
        );
        for (name, value) in &self.variables {
            writeln!(text, "{name} = {}", toml::Value::from(value.as_str())).unwrap();
        }
        text
    }
}

/// `__stack_pointer` in the words of a module's global section: a mutable 32-bit global that begins at the
/// end of a stack of so many bytes, below 1 MiB.
fn stack_pointer(bytes: u32) -> [u8; 7] {
    let digit = |place: u32| u8::try_from((bytes >> (7 * place)) & 0x7f).unwrap();
    [
        0x7f,
        0x01,
        0x41,
        digit(0) | 0x80,
        digit(1) | 0x80,
        digit(2),
        0x0b,
    ]
}

impl App {
    /// An app on this storage, with the settings' defaults.
    pub fn start(storage: &Storage) -> Self {
        Launch::on(storage).start()
    }

    /// `host:port`
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `http://host:port`
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The operating system's number of the process.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// The metadata database, where records are in SQLite.
    pub fn database(&self) -> Database {
        Database::open(self.state.path())
    }

    /// The key-value store, where records are in there.
    pub fn key_value(&self) -> KeyValue<'_> {
        KeyValue::open(self.state.path(), self.redis.as_ref())
    }

    /// The Redis server of its records, where they are in one.
    pub fn redis(&mut self) -> Option<&mut Redis> {
        self.redis.as_mut()
    }

    /// All records, by the ids of their images.
    pub fn records(&self) -> BTreeMap<String, serde_json::Value> {
        match self.store {
            MetadataStore::Sqlite => self.database().records(),
            MetadataStore::KeyValue => self.key_value().records(),
        }
    }

    /// Writes an image's record.
    pub fn record(&self, image: &TestImage) {
        match self.store {
            MetadataStore::Sqlite => self.database().insert(image),
            MetadataStore::KeyValue => self.key_value().insert(image),
        }
    }

    /// Uploads an image and writes its record.
    pub fn import(&self, storage: &Storage, image: &TestImage) {
        storage.put(&image.key, &image.bytes);
        self.record(image);
    }

    /// `GET` of a path, not followed anywhere.
    pub fn get(&self, path: &str) -> Response {
        self.request("GET", path)
    }

    /// One request.
    pub fn request(&self, method: &str, path: &str) -> Response {
        self.request_with(method, path, &[])
    }

    /// One request with these header fields. No answer may show a secret.
    pub fn request_with(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Response {
        let response = self.try_request(method, path, fields, b"").unwrap();
        self.secrets.assert_absent_from(&response);
        response
    }

    /// One request with these header fields and this content. No answer may show a secret.
    #[track_caller]
    pub fn send(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        content: &[u8],
    ) -> Response {
        let response = self.try_request(method, path, fields, content).unwrap();
        self.secrets.assert_absent_from(&response);
        response
    }

    /// `GET` of a path whose transfer fails, and what came of its body: where it fails early, the
    /// connection ends before the head has left the host.
    #[track_caller]
    pub fn get_broken(&self, path: &str) -> Vec<u8> {
        let Ok(response) = self.try_request("GET", path, &[], b"") else {
            return Vec::new();
        };
        self.secrets.assert_absent_from(&response);
        match response.body {
            Body::Broken(bytes) => bytes,
            Body::Whole(bytes) => panic!("the transfer of {} bytes looks whole", bytes.len()),
        }
    }

    fn try_request(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        content: &[u8],
    ) -> Result<Response, Error> {
        response::request(method, &self.url(path), fields, content)
    }

    /// `GET` of a path whose body is read bit by bit.
    pub fn open(&self, path: &str) -> Answer {
        response::open(http::Request::get(self.url(path)).body("").unwrap()).unwrap()
    }

    /// Where a path is, for another client.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The log's entries, once there are this many.
    pub fn log(&self, entries: usize) -> Vec<serde_json::Value> {
        let path = self.state.path().join(LOG);
        wait_for("the log", || {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            let parse = |line| {
                serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON in the log: {line}"))
            };
            let lines: Vec<_> = whole.lines().map(parse).collect();
            (lines.len() >= entries).then_some(lines)
        })
    }

    /// The log as it is written, once there are this many entries.
    pub fn log_text(&self, entries: usize) -> String {
        self.log(entries);
        std::fs::read_to_string(self.state.path().join(LOG)).unwrap()
    }

    /// The private cause of an error answer, by the request's id that both carry: earlier requests may
    /// have entries of their own, and the answer may be here before its entry is.
    pub fn cause_of(&self, answer: &Response) -> String {
        let request_id = answer.headers["x-request-id"].to_str().unwrap();
        wait_for("the log entry of an error answer", || {
            let log = self.log(1);
            let entry = log.iter().find(|entry| entry["request_id"] == request_id)?;
            Some(entry["cause"].as_str().unwrap_or_default().to_owned())
        })
    }

    /// The private cause of the only request that was made.
    pub fn cause(&self) -> String {
        let log = self.log(1);
        log[0]["cause"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits for a line with these words on its standard error.
    #[track_caller]
    pub fn wait_for_error_line(&self, words: &str) -> String {
        wait_for(&format!("a line with {words:?} on standard error"), || {
            let lines = self.error_lines.lock().unwrap();
            lines.iter().find(|line| line.contains(words)).cloned()
        })
    }

    /// Asks it to end as Ctrl-C does, and tells how it ended and what it said on stdout.
    pub fn interrupt(mut self) -> (ExitStatus, Vec<String>) {
        signal(self.process.id(), "INT");
        let status = wait_for("the app's end", || self.process.try_wait().unwrap());
        let output = self.output.take().unwrap();
        (status, output.join().unwrap())
    }
}

impl Drop for App {
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            signal(self.process.id(), "TERM");
            wait_for("the app's end", || self.process.try_wait().unwrap());
        }
    }
}

fn authority(origin: &str) -> Option<&str> {
    origin.split_once("://").map(|(_, authority)| authority)
}

/// Reads to the end; `each` sees every line as it comes.
fn collect_lines(
    source: impl Read + Send + 'static,
    each: impl Fn(&str) + Send + 'static,
) -> JoinHandle<Vec<String>> {
    std::thread::spawn(move || {
        let lines = BufReader::new(source).lines().map_while(Result::ok);
        lines.inspect(|line| each(line)).collect()
    })
}

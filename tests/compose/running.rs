//! The services without containers: the same commands in the same order, each awaited as its
//! dependents await it. Replaced are hosts, ports, folders and where programs are, nothing else.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use tempfile::TempDir;

use super::dockerfile::{Dockerfile, Stage};
use super::file::{Compose, Service, Tools};
use crate::harness::{host, importer, root, wait_for, xtask};

/// The published ports, by the variables that choose them: the gallery's and the application's.
pub struct Published {
    pub gallery: u16,
    pub api: u16,
}

/// The services of a file; they end with the test.
pub struct Running {
    folder: TempDir,
    dockerfile: Dockerfile,
    /// By service and by the port within its container.
    ports: BTreeMap<(&'static str, u16), u16>,
    processes: BTreeMap<String, Child>,
}

/// SeaweedFS's servers besides S3, each of which a container has to itself.
const SERVERS_OF_STORAGE: [&str; 9] = [
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port.grpc",
    "admin.port",
    "admin.port.grpc",
    "metricsPort",
];

impl Published {
    /// Two that are free.
    pub fn free() -> Self {
        let [gallery, api] = free_ports();
        Self { gallery, api }
    }
}

impl Running {
    /// Nothing yet. What is in the returned folder of a volume is in it before.
    pub fn prepare(tools: &Tools, dockerfile: Dockerfile, published: &Published) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join("programs");
        fs::create_dir(&programs).unwrap();
        for (name, program) in [
            ("spin", host::program()),
            ("image-proxy-import", importer()),
            (
                "image-proxy-gallery",
                xtask().with_file_name("image-proxy-gallery"),
            ),
            ("weed", tools.program("weed")),
        ] {
            let program = program.canonicalize().unwrap();
            symlink(program, programs.join(name)).unwrap();
        }
        let [s3, filer] = free_ports();
        let ports = [
            (("storage", 8333), s3),
            (("storage", 8888), filer),
            (("app", 3000), published.api),
            (("gallery", 8080), published.gallery),
        ];
        Self {
            folder,
            dockerfile,
            ports: ports.into(),
            processes: BTreeMap::new(),
        }
    }

    /// Where a volume is.
    pub fn volume(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join("volumes").join(name);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// Starts all services, each once those that it depends on are as it needs them.
    pub fn start(&mut self, compose: &Compose) {
        for (name, service) in compose.in_order() {
            for (other, dependency) in service.dependencies() {
                let awaited = compose.service(other).unwrap();
                match dependency["condition"].as_str().unwrap() {
                    "service_healthy" => self.wait_until_healthy(other, awaited),
                    "service_completed_successfully" => self.wait_until_completed(other),
                    condition => panic!("{condition} is not known here"),
                }
            }
            let process = self.command(name, service).spawn().unwrap();
            self.processes.insert(name.to_owned(), process);
        }
        for (name, service) in compose
            .services()
            .filter(|(_, service)| !service.is_one_shot())
        {
            self.wait_until_healthy(name, service);
        }
    }

    fn command(&self, name: &str, service: &Service) -> Command {
        let stage = service
            .target()
            .and_then(|target| self.dockerfile.stage(target));
        let mut words = match stage {
            Some(stage) => stage.command(),
            // As the image's own entry point begins.
            None => ["weed", "-logtostderr=true"].map(str::to_owned).into(),
        };
        let given = service.list("command");
        if !given.is_empty() && stage.is_some() {
            words = given;
        } else {
            words.extend(given);
        }
        if name == "storage" {
            words.extend(self.ports_of_storage());
        }
        let places = self.places(name, service);
        let words = words.iter().map(|word| replaced(word, &places));
        let environment = stage.into_iter().flat_map(|stage| {
            let variables = stage.environment();
            variables.map(|(name, value)| (name.to_owned(), value.to_owned()))
        });
        let environment = environment.chain(service.environment());
        let log = File::create(self.log(name)).unwrap();
        let mut command = self.local(words);
        command
            .envs(environment.map(|(name, value)| (name, replaced(&value, &places))))
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        command
    }

    /// A command that sees nothing of the test's own environment.
    fn local(&self, mut words: impl Iterator<Item = String>) -> Command {
        let programs = self.folder.path().join("programs").display().to_string();
        let path = format!("{programs}:{}", std::env::var("PATH").unwrap());
        let program = words.next().unwrap();
        let own = Path::new(&programs).join(&program);
        let mut command = Command::new(if own.exists() { own } else { program.into() });
        command
            .args(words)
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder.path())
            // The application's files are at the same places in its image.
            .current_dir(root())
            .stdin(Stdio::null());
        command
    }

    fn ports_of_storage(&self) -> Vec<String> {
        let ports: [u16; SERVERS_OF_STORAGE.len()] = free_ports();
        let servers = SERVERS_OF_STORAGE.into_iter().zip(ports);
        servers
            .chain([("filer.port", self.ports[&("storage", 8888)])])
            .map(|(server, port)| format!("-{server}={port}"))
            .collect()
    }

    /// What stands in a container for what is here.
    fn places(&self, name: &str, service: &Service) -> Vec<(String, String)> {
        let mut places = vec![("0.0.0.0".to_owned(), "127.0.0.1".to_owned())];
        for ((owner, port), local) in &self.ports {
            let here = format!("127.0.0.1:{local}");
            places.push((format!("{owner}:{port}"), here.clone()));
            if *owner == name {
                places.push((format!("0.0.0.0:{port}"), here.clone()));
                places.push((format!("127.0.0.1:{port}"), here));
                places.push((format!("127.0.0.1/{port}"), format!("127.0.0.1/{local}")));
                places.push((format!("port={port}"), format!("port={local}")));
            }
        }
        let mut folders: Vec<_> = service
            .mounts()
            .into_iter()
            .map(|(volume, place, _)| (place, self.volume(&volume)))
            .collect();
        let temporary = self.volume(&format!("tmp-of-{name}"));
        folders.push(("/tmp".to_owned(), temporary));
        let stage = service
            .target()
            .and_then(|target| self.dockerfile.stage(target));
        let copies = stage.into_iter().flat_map(Stage::copies);
        folders.extend(copies.map(|(source, place)| (place.to_owned(), root().join(source))));
        let folders = folders
            .into_iter()
            .filter(|(place, _)| place.starts_with('/'));
        places.extend(folders.map(|(place, here)| (place, here.display().to_string())));
        places.sort_by_key(|(place, _)| std::cmp::Reverse(place.len()));
        places
    }

    fn wait_until_healthy(&mut self, name: &str, service: &Service) {
        let places = self.places(name, service);
        let test = service.healthcheck().unwrap();
        let words: Vec<_> = test.iter().map(|word| replaced(word, &places)).collect();
        wait_for(&format!("the health of {name}"), || {
            if let Some(status) = self.ended(name) {
                panic!("{name} ended, {status}: {}", self.said(name));
            }
            let mut ask = self.local(words.iter().cloned());
            let output = ask.output().unwrap();
            output.status.success().then_some(())
        });
    }

    fn wait_until_completed(&mut self, name: &str) {
        let status = wait_for(&format!("the end of {name}"), || self.ended(name));
        assert!(status.success(), "{name}, {status}: {}", self.said(name));
    }

    fn ended(&mut self, name: &str) -> Option<ExitStatus> {
        self.processes.get_mut(name).unwrap().try_wait().unwrap()
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join(name).with_extension("log")
    }

    fn said(&self, name: &str) -> String {
        fs::read_to_string(self.log(name)).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for process in self.processes.values_mut() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The text with each of these replaced, once, by the first that fits.
fn replaced(text: &str, places: &[(String, String)]) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let fits = places.iter().find(|(place, _)| {
            let after = rest.strip_prefix(place.as_str());
            let is_folder = place.starts_with('/');
            let before = result.chars().next_back();
            let ends = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric());
            after.is_some_and(|after| {
                ends(after.chars().next()) && (!is_folder || (ends(before) && before != Some('/')))
            })
        });
        if let Some((place, here)) = fits {
            result.push_str(here);
            rest = &rest[place.len()..];
        } else {
            result.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    result
}

fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    // All at the same time, so that no two are one.
    let listeners = [(); COUNT].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

//! What the schema of Compose does not know: what would not work, and what would work and be unsafe.

use std::path::Path;
use std::process::Command;

use super::dockerfile::{Dockerfile, Ignored, Stage};
use super::file::{Compose, Service};
use crate::harness::{importer, root};

/// The files of `deploy/` that tell of containers.
pub struct Deployment {
    pub compose: Compose,
    pub dockerfile: Dockerfile,
    pub ignored: Ignored,
}

impl Deployment {
    /// Everything that is wrong with it.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (name, service) in self.compose.services() {
            let of_service = [
                self.confinement(service),
                self.image(service),
                self.waiting(name, service),
                self.reach(service),
                self.mounts(service),
                variables(service),
            ];
            let of_service = of_service.concat().into_iter();
            faults.extend(of_service.map(|fault| format!("{name}: {fault}")));
        }
        faults.extend(self.files());
        faults
    }

    fn confinement(&self, service: &Service) -> Vec<String> {
        let stage = service
            .target()
            .and_then(|name| self.dockerfile.stage(name));
        let user = service.text("user").or_else(|| stage?.user());
        let id = user.and_then(|user| user.split(':').next()?.parse::<u32>().ok());
        let options = service.list("security_opt");
        let ports = service.list("ports");
        let given = ["privileged", "cap_add", "pid", "ipc", "devices"];
        [
            (
                id.is_none_or(|id| id == 0),
                "runs as root, or as a user without a number".to_owned(),
            ),
            (
                service.get("read_only") != true,
                "can write to its root".into(),
            ),
            (
                service.list("cap_drop") != ["ALL"],
                "keeps capabilities".into(),
            ),
            (
                !options
                    .iter()
                    .any(|option| option == "no-new-privileges:true"),
                "can gain privileges".into(),
            ),
            (
                service.get("init") != true,
                "does not end when it is told to".into(),
            ),
            (
                given.iter().any(|key| !service.get(key).is_null()),
                "is given more than it needs".into(),
            ),
            (
                ports.iter().any(|port| !port.starts_with("127.0.0.1:")),
                "is reached from other machines".into(),
            ),
        ]
        .into_iter()
        .filter_map(|(is_wrong, fault)| is_wrong.then_some(fault))
        .collect()
    }

    fn image(&self, service: &Service) -> Vec<String> {
        let Some(target) = service.target() else {
            let image = service.text("image").unwrap_or_default();
            return pinned(image).err().into_iter().collect();
        };
        let build = service.get("build");
        let context = root()
            .join("deploy")
            .join(build["context"].as_str().unwrap());
        let file = context.join(build["dockerfile"].as_str().unwrap());
        let mut faults = Vec::new();
        if !file.is_file() {
            faults.push(format!("{} does not exist", build["dockerfile"]));
        }
        if self.dockerfile.stage(target).is_none() {
            faults.push(format!("the Dockerfile has no stage {target}"));
        }
        faults
    }

    fn waiting(&self, name: &str, service: &Service) -> Vec<String> {
        let mut faults = Vec::new();
        if !service.is_one_shot() && service.healthcheck().is_none() {
            faults.push("nobody can tell whether it is healthy".into());
        }
        for (other, dependency) in service.dependencies() {
            let is_one_shot = self
                .compose
                .service(other)
                .is_some_and(Service::is_one_shot);
            let condition = if is_one_shot {
                "service_completed_successfully"
            } else {
                "service_healthy"
            };
            if dependency["condition"] != condition {
                faults.push(format!("waits for {other} without {condition}"));
            }
        }
        let waits_for = |other: &str| service.dependencies().any(|(known, _)| known == other);
        for (other, filler) in self.compose.services() {
            for (volume, _, is_written) in filler.mounts() {
                let is_read = service.mounts().iter().any(|(known, ..)| *known == volume);
                if other != name
                    && filler.is_one_shot()
                    && is_written
                    && is_read
                    && !waits_for(other)
                {
                    faults.push(format!("does not wait for {other}, which fills {volume}"));
                }
            }
        }
        faults.extend(gallery_of_an_import_that_refused(service));
        faults
    }

    /// Whether each service that it names is in a network with it.
    fn reach(&self, service: &Service) -> Vec<String> {
        let environment = service.environment();
        let urls = environment
            .values()
            .filter_map(|value| value.strip_prefix("http://"));
        let hosts = urls.filter_map(|url| url.split(':').next());
        let unreachable = hosts.filter(|host| {
            let other = self.compose.service(host);
            let shared = other.is_some_and(|other| {
                let networks = other.list("networks");
                service
                    .list("networks")
                    .iter()
                    .any(|network| networks.contains(network))
            });
            !shared && !["localhost", "127.0.0.1"].contains(host)
        });
        unreachable
            .map(|host| format!("cannot reach {host}"))
            .collect()
    }

    fn mounts(&self, service: &Service) -> Vec<String> {
        let declared = |kind: &str, name: &str| self.compose.whole[kind].get(name).is_some();
        let volumes = service.mounts().into_iter().map(|(source, ..)| source);
        let mut faults: Vec<_> = volumes
            .filter(|source| !declared("volumes", source))
            .map(|source| format!("mounts {source}, which is not a volume"))
            .collect();
        let networks = service.list("networks").into_iter();
        let unknown = networks.filter(|network| !declared("networks", network));
        faults.extend(unknown.map(|network| format!("is in {network}, which is not a network")));
        if service.list("tmpfs") != ["/tmp"] {
            faults.push("has no /tmp to write to".into());
        }
        faults
    }

    fn files(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for stage in self.dockerfile.stages() {
            if self.dockerfile.stage(&stage.base).is_none() {
                faults.extend(pinned(&stage.base).err());
            }
            for (source, _) in stage.copies().filter(|(source, _)| *source != ".") {
                if !root().join(source).exists() {
                    faults.push(format!("{source} does not exist"));
                } else if !self.ignored.sends(source) {
                    faults.push(format!("{source} is not sent to Docker"));
                }
            }
        }
        // `spin.toml` names its files by their place in the checkout.
        let app = self.dockerfile.stage("app");
        for (source, folder) in app.into_iter().flat_map(Stage::copies) {
            let in_image = Path::new(folder).join(Path::new(source).file_name().unwrap());
            if Path::new(".").join(in_image) != Path::new(".").join(source) {
                faults.push(format!("{source} is at another place in the image"));
            }
        }
        let unknown = self
            .ignored
            .sent()
            .iter()
            .filter(|path| !root().join(path).exists());
        faults.extend(unknown.map(|path| format!(".dockerignore: {path} does not exist")));
        faults
    }
}

/// Whether it is given what it needs, and nothing that nobody reads.
fn variables(service: &Service) -> Vec<String> {
    let given = service.environment();
    let runs_importer = service
        .list("command")
        .first()
        .is_some_and(|word| word == "image-proxy-import");
    if runs_importer {
        let help = Command::new(importer()).arg("--help").output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        let unread = given
            .keys()
            .filter(|name| !help.contains(&format!("[env: {name}")));
        return unread.map(|name| format!("nothing reads {name}")).collect();
    }
    if service.target() != Some("app") {
        return Vec::new();
    }
    let manifest = std::fs::read_to_string(root().join("spin.toml")).unwrap();
    let manifest: toml::Table = toml::from_str(&manifest).unwrap();
    let variables = manifest["variables"].as_table().unwrap();
    let in_environment = |name: &str| format!("SPIN_VARIABLE_{}", name.to_uppercase());
    let missing = variables.iter().filter(|(name, variable)| {
        variable.get("required").is_some() && !given.contains_key(&in_environment(name))
    });
    let missing = missing.map(|(name, _)| format!("{name} is required and not supplied"));
    let unknown = given.keys().filter(|name| {
        !variables
            .keys()
            .any(|known| in_environment(known) == **name)
    });
    let unknown = unknown.map(|name| format!("{name} is not a variable of spin.toml"));
    missing.chain(unknown).collect()
}

/// A picture of thousands may be of a type that nobody shows.
fn gallery_of_an_import_that_refused(service: &Service) -> Option<String> {
    let import = service.dependencies().find(|(name, _)| *name == "import");
    let is_optional = import.is_none_or(|(_, dependency)| dependency["required"] == false);
    (!is_optional).then(|| "one refused picture would keep it from starting".into())
}

/// Whether an image is named by a version of all its digits, or its digest.
fn pinned(image: &str) -> Result<(), String> {
    let (_, tag) = image.rsplit_once(':').unwrap_or_default();
    let version = tag
        .trim_start_matches('v')
        .split('-')
        .next()
        .unwrap_or_default();
    let is_version = version.split('.').count() >= 2
        && version
            .chars()
            .all(|letter| letter.is_ascii_digit() || letter == '.');
    if is_version || image.contains("@sha256:") {
        Ok(())
    } else {
        Err(format!("{image} is not pinned to a version"))
    }
}

#!/usr/bin/env python3
"""Renders overlays with kubectl's own kustomize and says of every document whether it is right.

Three questions, in this order:
  1. Does it fit its schema? Kubernetes' own for the built-in kinds, strictly; for SpinKube's kinds
     the CRDs. A field that does not exist is an error in both.
  2. Do the documents fit each other? Names, keys, selectors, and what SpinKube's operator refuses.
  3. Do they fit spin.toml? Every variable can be set, every required one is, every secret one by a
     Secret, and none that does not exist.
"""

import argparse
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
INSTALL = f"install what it runs on: python3 -m venv VENV && VENV/bin/pip install -r {HERE}/requirements.txt"

try:
    import jsonschema
    import kubernetes_validate
    import yaml
except ImportError as error:
    sys.exit(f"{sys.executable} has no {error.name}; {INSTALL}")

# Answered by the component.
READINESS = "/readyz"
# Answered by Spin.
HEALTH = "/.well-known/spin/health"
# As long as SQLite waits for a lock, in Spin.
LOCK_SECONDS = 5
# Beside the folder of the overlays.
DEPLOYMENT_PATCH = "deployment.yaml"

# The CRDs are long: read by libyaml where there is one.
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def main() -> int:
    options = arguments()
    application = Application.read(options.manifest)
    schemas = custom_schemas(options.crds)
    faults = 0
    for overlay in options.overlays or sorted((HERE / "overlays").iterdir()):
        documents = render(overlay)
        for document in documents:
            found = schema_faults(document, schemas)
            say(overlay.name, name_of(document), found)
            faults += len(found)
        stack = Stack(documents)
        for subject, found in {
            "references": stack.reference_faults(),
            "operator's rules": stack.operator_faults(),
            "probes": stack.probe_faults(),
            "selectors and targets": stack.target_faults(),
            "credentials": stack.credential_faults(),
            "variables of spin.toml": stack.variable_faults(application),
            "stores of spin.toml": stack.store_faults(application),
            DEPLOYMENT_PATCH: stack.patch_faults(overlay.parent.parent / DEPLOYMENT_PATCH),
        }.items():
            say(overlay.name, subject, found)
            faults += len(found)
        for secret, keys in sorted(stack.secrets_to_make().items()):
            print(f"{overlay.name}: needs Secret {secret} with {', '.join(sorted(keys))}")
        for secret, keys in sorted(stack.secrets_to_choose().items()):
            print(f"{overlay.name}: may have Secret {secret} with {', '.join(sorted(keys))}")
    return 1 if faults else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: VENV/bin/python3 deploy/spinkube/validate.py deploy/spinkube/overlays/aws",
    )
    parser.add_argument("overlays", nargs="*", type=Path, metavar="OVERLAY", help="folders to render; all by default")
    parser.add_argument(
        "--crds",
        type=Path,
        default=os.environ.get("SPINKUBE_CRDS", REPOSITORY / "target/spinkube-crds"),
        help="folder of SpinKube's CRDs, spin-operator.crds.yaml of a release or its parts; by default $SPINKUBE_CRDS, else target/spinkube-crds",
    )
    parser.add_argument("--manifest", type=Path, default=REPOSITORY / "spin.toml", help="the application's manifest")
    return parser.parse_args()


def say(overlay: str, subject: str, faults: list[str]) -> None:
    print(f"{overlay}: {subject}: {'ok' if not faults else '; '.join(faults)}")


def name_of(document: dict) -> str:
    return f"{document['kind']} {document['metadata']['name']}"


def render(overlay: Path) -> list[dict]:
    """The documents that `kubectl apply -k` would send."""
    # The kubectl of this Python's environment: never another that happens to be on the PATH.
    kubectl = Path(sys.executable).parent / "kubectl"
    if not kubectl.exists():
        sys.exit(f"no {kubectl}; {INSTALL}")
    rendered = subprocess.run([kubectl, "kustomize", overlay], capture_output=True, text=True)
    if rendered.returncode:
        sys.exit(f"kubectl kustomize {overlay}: {rendered.stderr.strip()}")
    return list(yaml.load_all(rendered.stdout, Loader))


def custom_schemas(folder: Path) -> dict[tuple[str, str], dict]:
    """The schema of each (apiVersion, kind) that the CRDs define."""
    files = sorted(Path(folder).glob("*.yaml"))
    if not files:
        sys.exit(f"no CRDs in {folder}: name their folder with --crds or SPINKUBE_CRDS")
    schemas = {}
    for definition in (document for file in files for document in yaml.load_all(file.read_text(), Loader) if document):
        spec = definition["spec"]
        for version in spec["versions"]:
            key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
            schemas[key] = closed(version["schema"]["openAPIV3Schema"], root=True)
    return schemas


def closed(schema, root=False):
    """The same schema, refusing fields that it does not name, as `kubectl --validate=strict` does."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: closed(part) for key, part in schema.items()}
    is_object = schema.get("type") == "object" and isinstance(schema.get("properties"), dict)
    if is_object and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    if root:
        schema["required"] = ["apiVersion", "kind", "metadata", "spec"]
    return schema


def schema_faults(document: dict, custom: dict) -> list[str]:
    schema = custom.get((document["apiVersion"], document["kind"]))
    try:
        if schema:
            jsonschema.Draft202012Validator(schema).validate(document)
        else:
            kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
    except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
        return [f"{'.'.join(map(str, error.path)) or 'document'}: {error.message}"]
    except kubernetes_validate.SchemaNotFoundError:
        return [f"neither Kubernetes nor a CRD knows {document['apiVersion']} {document['kind']}"]
    return []


class Application:
    """What spin.toml says that a deployment has to fit."""

    def __init__(self, manifest: dict):
        variables = manifest["variables"]
        components = manifest["component"].values()
        self.variables = set(variables)
        self.required = {name for name, variable in variables.items() if variable.get("required")}
        self.secret = {name for name, variable in variables.items() if variable.get("secret")}
        self.stores = {
            "sqliteDatabases": {label for component in components for label in component.get("sqlite_databases", [])},
            "keyValueStores": {label for component in components for label in component.get("key_value_stores", [])},
        }

    @classmethod
    def read(cls, manifest: Path) -> "Application":
        try:
            return cls(tomllib.loads(manifest.read_text()))
        except (OSError, tomllib.TOMLDecodeError) as error:
            sys.exit(f"{manifest}: {error}; name the application's manifest with --manifest")


class Stack:
    """The documents of one overlay, and how they fit each other."""

    def __init__(self, documents: list[dict]):
        self.documents = documents
        apps = self.of_kind("SpinApp")
        if len(apps) != 1:
            sys.exit(f"an overlay renders one SpinApp, and this one {len(apps)}")
        [self.app] = apps
        self.name = self.app["metadata"]["name"]
        self.spec = self.app["spec"]

    def of_kind(self, kind: str) -> list[dict]:
        return [document for document in self.documents if document["kind"] == kind]

    def keys(self, kind: str) -> dict[str, set[str]]:
        """The keys of each rendered ConfigMap or Secret."""
        return {
            document["metadata"]["name"]: set(document.get("data", {})) | set(document.get("stringData", {}))
            for document in self.of_kind(kind)
        }

    def references(self):
        """Every (document, ConfigMap or Secret, its name, key, optional) that is referred to."""
        kinds = {"configMapKeyRef": "ConfigMap", "secretKeyRef": "Secret"}
        for document in self.documents:
            for field, reference in fields(document):
                if field in kinds:
                    optional = reference.get("optional", False)
                    yield document, kinds[field], reference["name"], reference["key"], optional
                elif field == "loadFromSecret":
                    yield document, "Secret", reference, "runtime-config.toml", False

    def reference_faults(self) -> list[str]:
        faults, used = [], set()
        rendered = {kind: self.keys(kind) for kind in ("ConfigMap", "Secret")}
        for document, kind, name, key, optional in self.references():
            used.add((kind, name, key))
            if name not in rendered[kind]:
                if kind == "ConfigMap":
                    faults.append(f"{name_of(document)}: there is no ConfigMap {name}")
            elif key not in rendered[kind][name] and not optional:
                faults.append(f"{name_of(document)}: {kind} {name} has no key {key}")
        for kind, objects in rendered.items():
            for name, keys in objects.items():
                faults += [f"{kind} {name}: nothing reads {key}" for key in sorted(keys) if (kind, name, key) not in used]
        return faults

    def secrets_to_make(self) -> dict[str, set[str]]:
        """The Secrets that are in no file, with the keys that they must have."""
        return self.missing_secrets(optional=False)

    def secrets_to_choose(self) -> dict[str, set[str]]:
        """The Secrets that are in no file and may be left out whole, with the keys that are read of them."""
        needed = self.secrets_to_make()
        return {name: keys for name, keys in self.missing_secrets(optional=True).items() if name not in needed}

    def missing_secrets(self, optional: bool) -> dict[str, set[str]]:
        rendered = self.keys("Secret")
        missing: dict[str, set[str]] = {}
        for _, kind, name, key, is_optional in self.references():
            if kind == "Secret" and name not in rendered and is_optional == optional:
                missing.setdefault(name, set()).add(key)
        return missing

    def operator_faults(self) -> list[str]:
        """What the schema lets pass, and the operator or the registry would not."""
        faults = []
        if not re.fullmatch(r"[^@\s]+@sha256:[0-9a-f]{64}", self.spec.get("image", "")):
            faults.append(f"image {self.spec.get('image')} is not named by its digest")
        if self.spec.get("enableAutoscaling"):
            if self.spec.get("replicas"):
                faults.append("replicas cannot be set when autoscaling is enabled")
        elif self.spec.get("replicas", 0) < 1:
            faults.append("replicas must be at least 1")
        if bool(self.spec.get("enableAutoscaling")) != bool(self.of_kind("HorizontalPodAutoscaler")):
            faults.append("enableAutoscaling and a HorizontalPodAutoscaler need each other")
        executors = [(e["metadata"]["name"], e["metadata"].get("namespace")) for e in self.of_kind("SpinAppExecutor")]
        if (self.spec["executor"], self.app["metadata"].get("namespace")) not in executors:
            faults.append(f"there is no executor {self.spec['executor']} in the application's namespace")
        return faults

    def probe_faults(self) -> list[str]:
        """Each probe asks whom it is about: readiness the component, liveness Spin."""
        faults = []
        checks = self.spec.get("checks", {})
        asked = {name: checks.get(name, {}).get("httpGet", {}).get("path") for name in ("readiness", "liveness")}
        if asked["readiness"] != READINESS:
            faults.append(
                f"readiness asks {asked['readiness']}, not {READINESS}: pods with a broken setting would replace good ones"
            )
        if asked["liveness"] != HEALTH:
            faults.append(f"liveness asks {asked['liveness']}, not {HEALTH}: pods would be restarted for a store that is gone")
        if checks.get("readiness", {}).get("timeoutSeconds", 1) <= LOCK_SECONDS:
            faults.append(f"readiness ends within {LOCK_SECONDS} s, for which a locked database is waited for")
        return faults

    def target_faults(self) -> list[str]:
        """Names and labels that the operator gives to what it makes of the SpinApp."""
        faults = []
        label = {"core.spinkube.dev/app-name": self.name}
        for document in self.of_kind("NetworkPolicy"):
            own = document["metadata"]["name"].startswith(self.name)
            if own and document["spec"]["podSelector"].get("matchLabels") != label:
                faults.append(f"{name_of(document)} selects other pods than the application's")
        for document in self.of_kind("PodDisruptionBudget"):
            if document["spec"]["selector"].get("matchLabels") != label:
                faults.append(f"{name_of(document)} selects other pods than the application's")
        for document in self.of_kind("HorizontalPodAutoscaler"):
            target = document["spec"]["scaleTargetRef"]
            if (target["kind"], target["name"]) != ("Deployment", self.name):
                faults.append(f"{name_of(document)} scales something else than Deployment {self.name}")
        for document in self.of_kind("Ingress"):
            services = [value for field, value in fields(document) if field == "service"]
            if any(service != {"name": self.name, "port": {"number": 80}} for service in services):
                faults.append(f"{name_of(document)} leads elsewhere than to Service {self.name}, port 80")
        return faults

    def patch_faults(self, file: Path) -> list[str]:
        """Of the patch, if there is one, for the Deployment that the operator makes."""
        if not file.exists():
            return []
        spec = yaml.load(file.read_text(), Loader)["spec"]
        deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"selector": {}, **spec}}
        faults = schema_faults(deployment, {})
        if faults:
            return faults
        pod = spec["template"]["spec"]
        [container] = pod["containers"]
        if container["name"] != self.name:
            faults.append(f"there is no container {container['name']}: the operator calls it {self.name}")
        if container["lifecycle"]["preStop"]["sleep"]["seconds"] >= pod["terminationGracePeriodSeconds"]:
            faults.append("preStop takes all of terminationGracePeriodSeconds")
        return faults

    def credential_faults(self) -> list[str]:
        return [
            f"{name_of(secret)} has its values in a file"
            for secret in self.of_kind("Secret")
            if secret["metadata"].get("labels", {}).get("image-proxy/credentials") != "demo"
        ]

    def variable_faults(self, application: Application) -> list[str]:
        sources = {variable["name"]: variable.get("valueFrom", {}) for variable in self.spec.get("variables", [])}
        supplied = set(sources)
        from_secrets = {name for name, source in sources.items() if "secretKeyRef" in source}
        faults = [f"{name} is required and not supplied" for name in sorted(application.required - supplied)]
        faults += [f"{name} does not exist" for name in sorted(supplied - application.variables)]
        optional = application.variables - application.required
        faults += [f"{name} cannot be set: the SpinApp does not read it" for name in sorted(optional - supplied)]
        faults += [f"{name} is secret and comes from no Secret" for name in sorted(application.secret - from_secrets)]
        return faults

    def store_faults(self, application: Application) -> list[str]:
        faults = []
        runtime = self.spec.get("runtimeConfig", {})
        if "loadFromSecret" in runtime:
            return [f"{field} is ignored beside loadFromSecret" for field in application.stores if field in runtime]
        configured = {field: {store["name"] for store in runtime.get(field, [])} for field in application.stores}
        for field, labels in configured.items():
            faults += [f"{field}: {label} is not granted" for label in sorted(labels - application.stores[field])]
        settings = [document.get("data", {}) for document in self.of_kind("ConfigMap")]
        choice = next((data["metadata_store"] for data in settings if "metadata_store" in data), "sqlite")
        field = {"sqlite": "sqliteDatabases", "key-value": "keyValueStores"}.get(choice)
        if field is None:
            faults.append(f"metadata_store is {choice}: neither sqlite nor key-value")
        elif "default" not in configured[field]:
            faults.append(f"metadata_store is {choice}, and {field} configures no store `default`: every pod would have its own")
        return faults


def fields(node):
    """Every field of a document with its value, at any depth."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield key, value
            yield from fields(value)
    elif isinstance(node, list):
        for item in node:
            yield from fields(item)


if __name__ == "__main__":
    sys.exit(main())

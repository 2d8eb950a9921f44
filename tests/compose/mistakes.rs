//! What somebody could change in the files, and what is then said.

use super::{COMPOSE, DOCKERFILE, IGNORED};

/// A file, what in it, by what it is replaced, and what is then said.
pub const MISTAKES: [(&str, &str, &str, &str); 29] = [
    (
        COMPOSE,
        "  read_only: true\n",
        "",
        "app: can write to its root",
    ),
    (
        COMPOSE,
        "cap_drop: [ALL]",
        "cap_drop: [NET_RAW]",
        "storage: keeps capabilities",
    ),
    (
        COMPOSE,
        "no-new-privileges:true",
        "seccomp:unconfined",
        "import: can gain privileges",
    ),
    (
        COMPOSE,
        "  init: true\n",
        "",
        "gallery: does not end when it is told to",
    ),
    (
        COMPOSE,
        "user: \"1000:1000\"",
        "user: \"0:0\"",
        "storage: runs as root",
    ),
    (
        DOCKERFILE,
        "USER 10001:10001\nEXPOSE",
        "EXPOSE",
        "app: runs as root",
    ),
    (
        DOCKERFILE,
        "USER 10001:10001\n",
        "USER root\n",
        "gallery: runs as root",
    ),
    (
        COMPOSE,
        "    network_mode: none\n",
        "    privileged: true\n",
        "samples: is given more than it needs",
    ),
    (
        COMPOSE,
        "\"127.0.0.1:${GALLERY_PORT",
        "\"${GALLERY_PORT",
        "gallery: is reached from other machines",
    ),
    (
        COMPOSE,
        "seaweedfs:4.47",
        "seaweedfs:latest",
        "storage: docker.io/chrislusf/seaweedfs:latest is not pinned to a version",
    ),
    (
        COMPOSE,
        "seaweedfs:4.47",
        "seaweedfs",
        "seaweedfs is not pinned to a version",
    ),
    (
        DOCKERFILE,
        "debian:12.15-slim",
        "debian:bookworm-slim",
        "debian:bookworm-slim is not pinned to a version",
    ),
    (
        DOCKERFILE,
        "spin:v4.0.2",
        "spin:canary",
        "spin:canary is not pinned to a version",
    ),
    (
        COMPOSE,
        "dockerfile: deploy/Dockerfile",
        "dockerfile: Dockerfile",
        "app: \"Dockerfile\" does not exist",
    ),
    (
        COMPOSE,
        "target: app",
        "target: application",
        "app: the Dockerfile has no stage application",
    ),
    (
        DOCKERFILE,
        "COPY spin.toml ./",
        "COPY spin.tml ./",
        "spin.tml does not exist",
    ),
    (
        DOCKERFILE,
        "COPY deploy/container.toml deploy/",
        "COPY deploy/container.toml ./",
        "deploy/container.toml is at another place in the image",
    ),
    (
        IGNORED,
        "!examples/gallery\n",
        "",
        "examples/gallery is not sent to Docker",
    ),
    (
        IGNORED,
        "!wit\n",
        "!wits\n",
        ".dockerignore: wits does not exist",
    ),
    (
        COMPOSE,
        "{condition: service_healthy}",
        "{condition: service_started}",
        "app: waits for storage without service_healthy",
    ),
    (
        COMPOSE,
        "samples: {condition: service_completed_successfully}",
        "samples: {condition: service_started}",
        "import: waits for samples without service_completed_successfully",
    ),
    (
        COMPOSE,
        "      samples: {condition: service_completed_successfully}\n",
        "",
        "import: does not wait for samples, which fills samples",
    ),
    (
        COMPOSE,
        ", required: false}",
        "}",
        "gallery: one refused picture would keep it from starting",
    ),
    (
        COMPOSE,
        "    healthcheck:\n",
        "    x-healthcheck:\n",
        "storage: nobody can tell whether it is healthy",
    ),
    (
        COMPOSE,
        "networks: [behind, front]",
        "networks: [front]",
        "import: cannot reach app",
    ),
    (
        COMPOSE,
        "http://storage:8333",
        "http://minio:8333",
        "app: cannot reach minio",
    ),
    (
        COMPOSE,
        "  SPIN_VARIABLE_S3_BUCKET:",
        "  SPIN_VARIABLE_S3_BUKET:",
        "app: s3_bucket is required and not supplied; app: SPIN_VARIABLE_S3_BUKET is not a variable of spin.toml; import: nothing reads SPIN_VARIABLE_S3_BUKET",
    ),
    (
        COMPOSE,
        "IMAGE_PROXY_RECORDS_TOKEN",
        "RECORDS_TOKEN",
        "import: nothing reads RECORDS_TOKEN",
    ),
    (
        COMPOSE,
        "\"records:/data\"",
        "\"record:/data\"",
        "app: mounts record, which is not a volume",
    ),
];

#!/usr/bin/env python3
"""Makes botocore.json: 500 requests as AWS's SDK for Python signs and addresses them.

    python3 -m venv VENV
    VENV/bin/pip install botocore==1.44.5
    VENV/bin/python src/storage/sign/botocore.py

The file comes out the same each time. Nothing is sent: each request is taken where botocore would
hand it to its HTTP client, and its signed fields are those of botocore's own canonical request, so
that a field which botocore signs and the component does not would be there too.

Of botocore's ways, two are chosen so as to be those of the component: the payload hash is that of
the empty body, and a checksum of the answer is asked for (`x-amz-checksum-mode`) by some requests, as
by the component where a record has one to compare it with.
The component asks for no range with `HEAD`, and refuses keys with control characters or with a `.`
or `..` segment; no request has any of these.
"""

import io
import itertools
import json
import os
import random
import string
import sys
import unicodedata
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit

BOTOCORE = "1.44.5"
INSTALL = f"install what it runs on: python3 -m venv VENV && VENV/bin/pip install botocore=={BOTOCORE}"

# This folder, where `botocore` would be this file.
del sys.path[0]

try:
    import botocore
    import botocore.auth
    import botocore.handlers
    import botocore.session
    from botocore.awsrequest import AWSResponse
    from botocore.config import Config
    from urllib3 import HTTPResponse
except ImportError as error:
    sys.exit(f"{sys.executable} has no {error.name}; {INSTALL}")

SEED = 20130524
REQUESTS = 500
LONGEST_KEY = 1024
EPOCH = datetime(1970, 1, 1)

# What encoders, URL parsers and path normalisation take for something else.
HARD = [" ", "  ", "+", "%", "%2F", "%2f", "%20", "%25", "%zz", "#", "?", "&", "=", "@", ":", ";", ","]
HARD += ["(", ")", "'", '"', "\\", "~", "!", "*", "$", "|", "^", "`", "<", ">", "[", "]", "{", "}"]
HARD += ["/", "//", "///", ".", "..", "...", ".hidden", "..@", "-", "_", "?versionId=null", "http://a:80/"]
HARD += ["\u00a0", "\u00ad", "\u200f", "\u2028", "\u3000", "\ufeff", "\ufffd"]
# The first and last characters of each length in UTF-8.
HARD += ["\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff"]
HARD += ["\u00e9", "e\u0301", "n\u0303\u0330", "\u05e9\u05c1", "\u304b\u3099", "\uff21\uff0f\uff0e"]
HARD += ["\U0001f5bc\ufe0f", "\U0001f469\u200d\U0001f4bb", "\U0001f1ef\U0001f1f5", "\U0001f44d\U0001f3fd"]
LETTERS = [
    string.ascii_letters + string.digits,
    string.punctuation,
    "".join(map(chr, range(0x0430, 0x0450))),  # Cyrillic
    "".join(map(chr, range(0x05D0, 0x05EB))),  # Hebrew
    "".join(map(chr, range(0x3042, 0x3094))),  # Hiragana
    "日本語写真画像漢字",
]
TIMES = [
    datetime(2000, 1, 1),
    datetime(2024, 2, 29, 23, 59, 59, 999_000),
    datetime(2038, 1, 19, 3, 14, 8),
    datetime(2100, 3, 1, 0, 0, 0, 1_000),
]
ADDRESSES = ["127.0.0.1", "[::1]", "localhost", "storage"]
NAMES = ["storage.example", "minio.storage.svc.cluster.local", "s3.eu-central-1.amazonaws.com"]
REGIONS = ["us-east-1", "eu-central-1", "ap-northeast-3", "us-gov-west-1", "garage", "auto"]


class Signer(botocore.auth.S3SigV4Auth):
    """botocore's signer for S3, which also remembers what it signed last."""

    signed = ""

    def canonical_request(self, request):
        Signer.signed = super().canonical_request(request)
        return Signer.signed


def main() -> None:
    if botocore.__version__ != BOTOCORE:
        sys.exit(f"botocore is {botocore.__version__}; {INSTALL}")
    # Settings of the user who runs this must not reach botocore.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    botocore.auth.AUTH_TYPE_MAPS["s3v4"] = Signer

    choice = random.Random(SEED)
    deployments = [
        deployment(choice, *way)
        for way in itertools.product(
            ["http", "https"], ["", ":80", ":443", "other"], ["path", "virtual"], [False, True]
        )
    ]
    session = botocore.session.Session()
    clients = [client(session, settings) for settings in deployments]
    requests = [
        signed(clients, deployments, request(choice, number, len(deployments)))
        for number in range(REQUESTS)
    ]
    for settings in deployments:
        settings["s3_endpoint"] = endpoint_with_bucket(settings)
    check_breadth(requests)
    write(deployments, requests)


def deployment(choice, scheme: str, port: str, style: str, temporary: bool) -> dict[str, str]:
    """The component's settings, but with an endpoint that does not name the bucket."""
    hosts = NAMES if style == "virtual" else ADDRESSES + NAMES
    port = f":{choice.choice([8080, 9000, 8443, 1, 65535])}" if port == "other" else port
    # The last as Ceph names the bucket of another tenant.
    of_paths = ["my.images", "My_Images", "tenant:images"]
    buckets = ["images", "my-images-2"] + (of_paths if style == "path" else [])
    visible = string.ascii_letters + string.digits + string.punctuation
    return {
        "s3_endpoint": f"{scheme}://{choice.choice(hosts)}{port}",
        "s3_region": choice.choice(REGIONS),
        "s3_bucket": choice.choice(buckets),
        "s3_addressing_style": style,
        "s3_access_key_id": choice.choice(["AKIAIOSFODNN7EXAMPLE", "minioadmin", "user.name_1-2"]),
        # Beyond 64 bytes HMAC hashes its key first.
        "s3_secret_access_key": text(choice, visible, choice.choice([8, 40, 60, 61, 100])),
        "s3_session_token": text(choice, string.ascii_letters + "0123456789+/=", 60) if temporary else "",
    }


def endpoint_with_bucket(settings: dict[str, str]) -> str:
    """The component wants the bucket in the endpoint's host, where botocore puts it there itself."""
    scheme, authority = settings["s3_endpoint"].split("://")
    if settings["s3_addressing_style"] == "virtual":
        authority = f"{settings['s3_bucket']}.{authority}"
    return f"{scheme}://{authority}"


def request(choice, number: int, deployments: int) -> dict:
    method = choice.choice(["GET", "GET", "GET", "HEAD"])
    ranged = method == "GET" and choice.random() < 0.5
    first = choice.choice([0, choice.randrange(1 << choice.randrange(1, 48))])
    last = first + choice.choice([0, choice.randrange(1 << choice.randrange(1, 48))])
    moment = TIMES[0] + timedelta(milliseconds=choice.randrange(100 * 365 * 86_400_000))
    moment = TIMES[number] if number < len(TIMES) else moment
    return {
        "deployment": number % deployments,
        "method": method,
        "key": key(choice, is_long=number % 100 == 99),
        "range": [first, last] if ranged else None,
        "checksum": number % 3 != 0,
        "milliseconds": (moment - EPOCH) // timedelta(milliseconds=1),
    }


def key(choice, is_long: bool) -> str:
    """A key that the component takes."""
    while True:
        made = ""
        pieces = LONGEST_KEY if is_long else choice.randrange(1, 9)
        for _ in range(pieces):
            hard = choice.random() < 0.6
            piece = choice.choice(HARD) if hard else text(choice, choice.choice(LETTERS), choice.randrange(1, 6))
            if len((made + piece).encode()) > LONGEST_KEY:
                break
            made += piece
        if is_long:
            made += "k" * (LONGEST_KEY - len(made.encode()))
        if not {".", ".."} & set(made.split("/")):
            return made


def text(choice, alphabet: str, length: int) -> str:
    return "".join(choice.choice(alphabet) for _ in range(length))


def client(session, settings: dict[str, str]):
    made = session.create_client(
        "s3",
        endpoint_url=settings["s3_endpoint"],
        region_name=settings["s3_region"],
        aws_access_key_id=settings["s3_access_key_id"],
        aws_secret_access_key=settings["s3_secret_access_key"],
        aws_session_token=settings["s3_session_token"] or None,
        config=Config(
            s3={
                "addressing_style": settings["s3_addressing_style"],
                "payload_signing_enabled": True,
            },
            response_checksum_validation="when_required",
        ),
    )
    # It refuses Ceph's names.
    made.meta.events.unregister("before-parameter-build.s3", botocore.handlers.validate_bucket_name)
    made.sent = []

    def answer(request, **_):
        made.sent.append(request)
        return AWSResponse(request.url, 200, {}, HTTPResponse(io.BytesIO(), preload_content=False))

    made.meta.events.register("before-send.s3", answer)
    return made


def signed(clients: list, deployments: list[dict[str, str]], request: dict) -> dict:
    """The request, with the path and the fields that botocore gives it."""
    client, settings = clients[request["deployment"]], deployments[request["deployment"]]
    parameters = {"Bucket": settings["s3_bucket"], "Key": request["key"]}
    if request["range"]:
        parameters["Range"] = "bytes={}-{}".format(*request["range"])
    if request["checksum"]:
        parameters["ChecksumMode"] = "ENABLED"
    operation = client.get_object if request["method"] == "GET" else client.head_object
    now = EPOCH + timedelta(milliseconds=request["milliseconds"])
    with patch("botocore.auth.get_current_datetime", lambda: now):
        operation(**parameters)
    (sent,) = client.sent
    client.sent.clear()

    method, path, query, *fields, _, _, _ = Signer.signed.split("\n")
    url = urlsplit(sent.url)
    assert (method, path, query) == (sent.method, url.path, url.query) == (request["method"], url.path, "")
    headers = dict(field.split(":", 1) for field in fields)
    sent_headers = {name.lower(): as_text(value) for name, value in sent.headers.items()}
    assert headers == {"host": headers["host"]} | {name: sent_headers[name] for name in headers if name != "host"}
    headers["authorization"] = sent_headers["authorization"]
    return request | {"path": path, "headers": dict(sorted(headers.items()))}


def as_text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def check_breadth(requests: list[dict]) -> None:
    keys = "".join(request["key"] for request in requests)
    missing = [c for c in map(chr, range(0x20, 0x7F)) if c not in keys]
    missing += [piece for piece in HARD if piece not in keys]
    assert not missing, f"no key has {missing}"
    assert not [c for c in keys if unicodedata.category(c) == "Cc"], "a key has a control character"
    for edge in (str.startswith, str.endswith):
        assert any(edge(request["key"], "/") for request in requests)
    assert any(request["path"].startswith("/tenant%3Aimages/") for request in requests)
    assert any(len(request["key"].encode()) == LONGEST_KEY for request in requests)


def write(deployments: list[dict[str, str]], requests: list[dict]) -> None:
    def lines(rows: list[dict]) -> str:
        return ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)

    Path(__file__).with_suffix(".json").write_text(
        f'{{"botocore":"{BOTOCORE}","deployments":[\n{lines(deployments)}\n],"requests":[\n{lines(requests)}\n]}}\n'
    )


if __name__ == "__main__":
    main()

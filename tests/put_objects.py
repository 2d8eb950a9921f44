"""Uploads objects by boto3, a client that shares no code with this repository.

Reads a JSON object from standard input: endpoint, region, access_key_id, secret_access_key, bucket,
and objects, a list of [key, body in hex, checksum]: none, a SHA-256 in base64, or "parts" for an
upload in two parts with a SHA-256 each. Prints a JSON list with one entry an object: null where it
was taken, else the server's own words.
"""

import base64
import hashlib
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# The least that any part but the last may have.
FIRST_PART_BYTES = 5 << 20


def main() -> None:
    order = json.load(sys.stdin)
    client = boto3.client(
        "s3",
        endpoint_url=order["endpoint"],
        region_name=order["region"],
        aws_access_key_id=order["access_key_id"],
        aws_secret_access_key=order["secret_access_key"],
        config=Config(
            s3={"addressing_style": "path"},
            # A server that refuses a body unread may close the connection, and the next request find out.
            retries={"total_max_attempts": 3},
            # Newer checksums are not what is tested, and not every server knows them.
            request_checksum_calculation="when_required",
        ),
    )

    def put(key: str, body: str, checksum: str | None) -> str | None:
        there, content = {"Bucket": order["bucket"], "Key": key}, bytes.fromhex(body)
        try:
            if checksum == "parts":
                put_parts(client, there, content)
            else:
                fields = {"ChecksumSHA256": checksum} if checksum else {}
                client.put_object(**there, Body=content, **fields)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return f"{status} {error.response['Error']['Code']}"
        return None

    json.dump([put(*upload) for upload in order["objects"]], sys.stdout)


def put_parts(client, there: dict[str, str], content: bytes) -> None:
    upload = client.create_multipart_upload(**there, ChecksumAlgorithm="SHA256")
    there = there | {"UploadId": upload["UploadId"]}
    parts = []
    for number, part in enumerate([content[:FIRST_PART_BYTES], content[FIRST_PART_BYTES:]], start=1):
        sha256 = base64.b64encode(hashlib.sha256(part).digest()).decode()
        sent = client.upload_part(**there, PartNumber=number, Body=part, ChecksumSHA256=sha256)
        parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": sha256})
    client.complete_multipart_upload(**there, MultipartUpload={"Parts": parts})


main()

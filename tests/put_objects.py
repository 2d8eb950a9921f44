"""Uploads objects by boto3, a client that shares no code with this repository.

Reads a JSON object from standard input: endpoint, region, access_key_id, secret_access_key, bucket,
and objects, a list of [key, body in hex]. Prints a JSON list with one entry an object: null where it
was taken, else the server's own words.
"""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


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

    def put(key: str, body: str) -> str | None:
        try:
            client.put_object(Bucket=order["bucket"], Key=key, Body=bytes.fromhex(body))
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return f"{status} {error.response['Error']['Code']}"
        return None

    json.dump([put(key, body) for key, body in order["objects"]], sys.stdout)


main()

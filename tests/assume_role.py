"""Asks storage's STS for temporary credentials, by boto3.

Reads a JSON object from standard input: endpoint, region, access_key_id, secret_access_key. Prints
one: access_key_id, secret_access_key, session_token.
"""

import json
import sys

import boto3

order = json.load(sys.stdin)
client = boto3.client(
    "sts",
    endpoint_url=order["endpoint"],
    region_name=order["region"],
    aws_access_key_id=order["access_key_id"],
    aws_secret_access_key=order["secret_access_key"],
)
answer = client.assume_role(
    # MinIO looks at neither; boto3 wants them well-formed.
    RoleArn="arn:aws:iam::123456789012:role/images",
    RoleSessionName="images",
    DurationSeconds=900,
)
credentials = answer["Credentials"]
json.dump(
    {
        "access_key_id": credentials["AccessKeyId"],
        "secret_access_key": credentials["SecretAccessKey"],
        "session_token": credentials["SessionToken"],
    },
    sys.stdout,
)

"""An image service on FastAPI and aiobotocore: the record from SQLite, the whole object from S3."""

import os
import sqlite3
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError
from fastapi import FastAPI, HTTPException, Request, Response

BUCKET = os.environ["S3_BUCKET"]
SHARED_CLIENT = os.environ["SHARED_CLIENT"] == "true"

session = get_session()
database = sqlite3.connect(os.environ["DATABASE"], check_same_thread=False)


def new_client():
    # Credentials are in the environment, under the names that botocore looks for.
    return session.create_client(
        "s3",
        endpoint_url=os.environ["S3_ENDPOINT"],
        config=AioConfig(
            s3={"addressing_style": "path"},
            # The default, 10, would keep requests waiting when storage is far.
            max_pool_connections=256,
        ),
    )


@asynccontextmanager
async def lifespan(app):
    async with AsyncExitStack() as stack:
        if SHARED_CLIENT:
            app.state.client = await stack.enter_async_context(new_client())
        yield


app = FastAPI(lifespan=lifespan)


async def get_object(**arguments):
    if SHARED_CLIENT:
        return await read(app.state.client, arguments)
    async with new_client() as client:
        return await read(client, arguments)


async def read(client, arguments):
    answer = await client.get_object(Bucket=BUCKET, **arguments)
    async with answer["Body"] as body:
        return answer, await body.read()


@app.get("/api/v1/images/{image_id}/file")
async def image_file(image_id: UUID, request: Request) -> Response:
    record = database.execute(
        "SELECT storage_key, mime_type, hash FROM images WHERE id = ?", (str(image_id),)
    ).fetchone()
    if record is None:
        raise HTTPException(404, "Image not found")
    storage_key, mime_type, digest = record
    headers = {
        "ETag": f'"{digest}"',
        "Cache-Control": "public, max-age=31536000, immutable",
        "Accept-Ranges": "bytes",
    }
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)

    byte_range = request.headers.get("Range")
    try:
        answer, content = await get_object(
            Key=storage_key, **({"Range": byte_range} if byte_range else {})
        )
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        raise HTTPException(status if status == 416 else 500, "No image content") from error
    if "ContentRange" in answer:
        headers["Content-Range"] = answer["ContentRange"]
    return Response(
        content,
        status_code=answer["ResponseMetadata"]["HTTPStatusCode"],
        media_type=mime_type,
        headers=headers,
    )

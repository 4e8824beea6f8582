"""An S3 server of this process (moto's), and an environment that knows it and nobody else's."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

BUCKET = "studies"
KNOWN = {
    "AWS_ACCESS_KEY_ID": "somebody",
    "AWS_SECRET_ACCESS_KEY": "once-upon-a-secret",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def serving() -> Iterator[str]:
    """A server with an empty bucket; its address, and credentials in this process's environment.

    Who is to find it by the environment alone sets AWS_ENDPOINT_URL to that address.
    """
    boto3 = pytest.importorskip("boto3")
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                patch.delenv(name)
            for name, value in KNOWN.items():
                patch.setenv(name, value)
            boto3.client("s3", endpoint_url=f"http://{host}:{port}").create_bucket(Bucket=BUCKET)
            yield f"http://{host}:{port}"
    finally:
        server.stop()

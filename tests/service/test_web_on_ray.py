"""The web service as a Ray Serve deployment, where Ray Serve is installed."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from web_studies import Driver

pytestmark = pytest.mark.ray
pytest.importorskip("grpc_reflection", reason="needs ray[serve]")


def status_of(url, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=20
        ) as got:
            return got.status, got.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_serve_answers_with_the_token_and_leaves_when_told(cluster, tmp_path) -> None:
    Driver(tmp_path / "studies" / "digits").end()
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    place = os.path.join(cluster.environment["HOME"], ".config", "caviar", "token")
    environment = cluster.environment | {"RAY_ADDRESS": cluster.address}
    server = subprocess.Popen(
        [sys.executable, "-m", "caviar", "serve", str(tmp_path / "studies"), "--on-ray",
         "--port", str(port)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        line = server.stdout.readline()
        assert line == f"serving at http://127.0.0.1:{port} through Ray Serve\n", (
            server.stderr.read()
        )
        with open(place) as file:
            token = file.read().strip()
        url = f"http://127.0.0.1:{port}"
        assert status_of(f"{url}/healthz")[0] == 200
        assert status_of(f"{url}/api/v1/studies")[0] == 401
        assert status_of(f"{url}/api/v1/studies", token)[1].count(b'"name":"digits"') == 1
        events = status_of(f"{url}/api/v1/studies/digits/events", token)[1]
        assert b"event: status" in events
        assert b"event: end" in events
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
    finally:
        server.kill()
        server.wait()

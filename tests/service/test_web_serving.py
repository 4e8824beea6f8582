"""`caviar serve` as a person starts it: its port, its mistakes, its end."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from web_client import TOKEN
from web_studies import Driver

from caviar import cli_serve


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setenv("CAVIAR_TOKEN", TOKEN.value)
    driver = Driver(tmp_path / "studies" / "digits")
    yield tmp_path / "studies"
    driver.journal.close()


@pytest.fixture
def served(monkeypatch):
    """What would be served, and where: the server itself is left out."""
    found = []
    monkeypatch.setattr("caviar.service.web.serving.serve", lambda app, at: found.append(at))
    monkeypatch.setattr(cli_serve, "leave", lambda: None)
    yield found
    for one in found:
        one.close()


def test_it_listens_on_loopback_and_says_where_and_how_to_get_in(study, caviar, served) -> None:
    status, out, _ = caviar("serve", study, "--port", "0")
    assert status == 0
    first, second = out.splitlines()
    host, port = served[0].getsockname()
    assert host == "127.0.0.1"
    assert first == f"serving 1 study at http://127.0.0.1:{port}"
    assert second == "the token to log in with is in CAVIAR_TOKEN; Ctrl-C ends this"
    assert TOKEN.value not in out


def test_mistakes_are_one_line(study, refused, tmp_path, monkeypatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = refused("serve", study, "--port", port)
    assert line == f"--port {port}: 127.0.0.1: Address already in use"
    assert refused("serve", tmp_path / "no") == f"{tmp_path / 'no'}: No such file or directory"
    assert "not both" in refused("serve", study, "--dashboard", "http://127.0.0.1:1")
    told = refused("serve", "--dashboard", "http://127.0.0.1:1")
    assert "no Ray dashboard answers there" in told
    monkeypatch.chdir(tmp_path / "studies" / "digits")
    assert refused("serve").startswith("serve: give study directories")
    monkeypatch.delenv("CAVIAR_TOKEN")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "CAVIAR_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    line = refused("serve", study, "--host", "0.0.0.0", "--port", "0")
    assert line.startswith("--host: another address than loopback needs a token: give one in")
    assert not (tmp_path / ".config").exists()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_also_while_somebody_listens(study, ending) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "caviar", "serve", str(study), "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ),
    )  # fmt: skip
    try:
        url = server.stdout.readline().split()[-1]
        asked = urllib.request.Request(
            f"{url}/api/v1/studies/digits/events",
            headers={"Authorization": f"Bearer {TOKEN.value}"},
        )
        with urllib.request.urlopen(asked, timeout=20) as stream:
            lines = [stream.readline() for _ in range(4)]
            assert b"event: status\n" in lines
            began = time.monotonic()
            server.send_signal(ending)
            out, complaint = server.communicate(timeout=20)
        assert time.monotonic() - began < 10
        assert server.returncode in {0, -signal.SIGTERM}
        assert complaint == ""
        assert TOKEN.value not in out
    finally:
        server.kill()
        server.wait()

"""The dashboard's client against a small web server that answers as Ray's does."""

import json
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from caviar.errors import StudyError
from caviar.service import dashboard
from caviar.service.dashboard import DEFAULT_URL, Dashboard, NotThereError, default_url, find_token

TOKEN = "a" * 64


class Answers(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.say(401, b"Unauthorized: Missing authentication token")
        known = {
            "/api/version": (200, b'{"ray_version": "2.60.0"}'),
            "/log?cut=1": (200, b"one two three"),
            "/log?lines=2": (200, "one\r\nzwei \xff\n".encode("latin-1")),
            "/html": (200, b"<html>hello</html>"),
            "/broken": (500, b"Traceback\nKeyError: 'x'\n"),
            "/empty": (200, b""),
            "/deep": (200, b"[" * 100_000),
            "/long": (200, b"a" * 30 + b"\nb\n"),
            "/gone": (500, b"Traceback\nException: A file is not found at: /x/y.json"),
            "/page": (404, b"<!DOCTYPE HTML>\n<html>Error response</html>"),
        }
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:9/login")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        return self.say(*known.get(self.path, (404, b"Job with ID x does not exist")))

    def do_POST(self):
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        self.say(200, json.dumps({"sent": json.loads(sent), "path": self.path}).encode())

    def say(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:5] if self.path == "/log?cut=1" else body)


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # of no use on loopback
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}"
        serving.shutdown()


@pytest.fixture
def asked(server, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    return Dashboard(f"{server}/")


def test_answers_are_json_or_lines(asked):
    assert asked.get("/api/version") == {"ray_version": "2.60.0"}
    assert asked.get("/empty") is None
    assert list(asked.lines("/log", lines=2)) == ["one", "zwei \ufffd"]
    assert asked.post("/api/jobs/x/stop", {"a": 1}) == {
        "sent": {"a": 1},
        "path": "/api/jobs/x/stop",
    }


def test_what_is_wrong_is_one_line_with_the_address_and_without_the_token(asked, server):
    place = f"--dashboard {server}"
    with pytest.raises(NotThereError) as missing:
        asked.get("/api/jobs/x")
    assert str(missing.value) == f"{place}: Job with ID x does not exist"
    for path, rule in (
        ("/html", "what answers there is no Ray dashboard"),
        ("/page", "what answers there is no Ray dashboard"),
        ("/broken", "it failed (500): KeyError: 'x'"),
    ):
        with pytest.raises(StudyError) as wrong:
            asked.get(path)
        assert str(wrong.value) == f"{place}: {rule}"
    assert TOKEN not in repr(asked)


def test_without_a_token_or_with_a_wrong_one(server, monkeypatch):
    with pytest.raises(StudyError, match="it wants a token: give it in RAY_AUTH_TOKEN"):
        Dashboard(server).get("/api/version")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "wrong")
    with pytest.raises(StudyError, match="it does not take this token") as error:
        Dashboard(server).get("/api/version")
    assert "wrong" not in str(error.value)


def test_a_failure_that_breaks_off_is_one_line(monkeypatch):
    def fail():
        with listening.accept()[0] as peer:
            peer.recv(4096)
            peer.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\n")
            time.sleep(0.05)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=fail, daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(StudyError, match=r"it failed \(500\): No$"):
            Dashboard(url).get("/api/version")


def test_nobody_there():
    with pytest.raises(StudyError, match=r"there \(Connection refused\)$"):
        Dashboard("http://127.0.0.1:9").get("/api/version")


def test_nobody_where_none_was_named(server, monkeypatch):
    monkeypatch.setattr("caviar.service.dashboard.DEFAULT_URL", "http://127.0.0.1:9")
    with pytest.raises(StudyError, match=r"refused\); another address: --dashboard, RAY"):
        Dashboard().get("/api/version")


def test_a_server_that_speaks_something_else():
    def answer():
        with listening.accept()[0] as peer:
            peer.recv(1000)
            peer.sendall(b"\x00\x00\x18\x04\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=answer, daemon=True).start()
        port = listening.getsockname()[1]
        with pytest.raises(StudyError, match=r"what answers there is no Ray dashboard$"):
            Dashboard(f"http://127.0.0.1:{port}").get("/api/version")


def test_a_password_in_the_address_is_not_told_again():
    with pytest.raises(StudyError) as error:
        Dashboard("http://user:secret@127.0.0.1:9")
    assert "secret" not in str(error.value)


def test_a_token_that_is_none_is_never_sent(server, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "two\nlines")
    with pytest.raises(StudyError, match="RAY_AUTH_TOKEN: must be one line") as error:
        Dashboard(server)
    assert "two" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        *("127.0.0.1:8265", "ray://h:10001", "http://", "http://h:x", "http://u:p@h", "http://h?x"),
        *("http://:p@h", "http://a..b", "http://h/\u00e9", "http://[::1"),
    ],
)
def test_no_address_of_a_dashboard(url):
    with pytest.raises(StudyError, match="must be the address of a dashboard"):
        Dashboard(url)


def test_the_token_is_found_where_ray_looks(server, monkeypatch, tmp_path):
    assert find_token() == ""
    usual = tmp_path / ".ray" / "auth_token"
    usual.parent.mkdir()
    usual.write_text("usual\n")
    assert find_token() == "usual"
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(StudyError, match=r"RAY_AUTH_TOKEN_PATH: .*none: No such file"):
        find_token()
    monkeypatch.setenv("RAY_AUTH_TOKEN", " given ")
    assert find_token() == "given"


def test_the_address_is_found_where_ray_looks(server, monkeypatch):
    assert default_url() == DEFAULT_URL
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")  # of the cluster inside, not the dashboard
    assert default_url() == DEFAULT_URL
    monkeypatch.setenv("RAY_ADDRESS", "http://head:8265")
    assert default_url() == "http://head:8265"
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "https://other")
    assert default_url() == "https://other"


@pytest.mark.parametrize(
    ("url", "on_loopback"),
    [
        ("http://127.0.0.1:8265", True),
        ("http://localhost:8265", True),
        ("http://[::1]:8265", True),
        ("http://10.0.0.1:8265", False),
        ("https://ray.example.org", False),
    ],
)
def test_loopback_is_told_from_the_rest(url, on_loopback):
    assert Dashboard(url).on_loopback is on_loopback


def test_a_token_is_carried_nowhere_else(asked, server):
    """A proxy in front of a dashboard may send whoever has no session to another machine."""
    with pytest.raises(StudyError) as error:
        asked.get("/moved")
    rule = "it sends on to http://127.0.0.1:9/login, and the token is for it alone"
    assert str(error.value) == f"--dashboard {server}: {rule}"


def test_a_text_is_read_up_to_its_bound_and_a_line_in_pieces(asked, monkeypatch):
    assert asked.text("/long", 33) == b"a" * 30 + b"\nb\n"
    with pytest.raises(StudyError, match=r"more than 3.05176e-05 MiB came from /long"):
        asked.text("/long", 32)
    monkeypatch.setattr(dashboard, "LONGEST", 20)
    assert list(asked.lines("/long")) == ["a" * 20, "a" * 10, "b"]
    monkeypatch.setattr(dashboard, "MOST", 10)
    with pytest.raises(StudyError, match="MiB came from /api/version"):
        asked.get("/api/version")


def test_an_answer_that_breaks_off_is_no_answer(asked):
    with pytest.raises(StudyError, match="no Ray dashboard answers there"):
        asked.text("/log", 100, cut=1)


def test_a_file_that_is_not_there_is_told_from_a_failure(asked):
    with pytest.raises(NotThereError, match="A file is not found at"):
        asked.text("/gone", 100)
    with pytest.raises(StudyError, match=r"it failed \(500\): KeyError") as failed:
        asked.text("/broken", 100)
    assert not isinstance(failed.value, NotThereError)


def test_json_too_deep_to_be_read_is_one_line(asked):
    with pytest.raises(StudyError, match="what answers there is no Ray dashboard"):
        asked.get("/deep")

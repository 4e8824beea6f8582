"""A web server that answers as Ray's dashboard does to what caviar asks of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

TOKEN = "fedcba9876543210" * 4
NODE = "a1" * 28


class FakeDashboard:
    """A cluster: its jobs by submission id, their logs, and what was asked of it."""

    def __init__(self) -> None:
        self.url = ""
        self.ray, self.python, self.mode = "2.60.0", "3.11.7", "token"
        self.jobs: dict[str, dict] = {}
        self.logs: dict[str, str] = {}
        self.files: dict[str, str | bytes] = {}
        """Of the logs folder, beside the logs."""
        self.nodes = [NODE]
        self.resources: dict[str, float] = {"CPU": 4.0}
        self.grows: bool | None = False
        """Whether an autoscaler is at work; None: it does not say."""
        self.asked: list[str] = []
        self.answers: Callable[[dict], tuple[int, str]] | None = None
        """What a job that is submitted leaves with and prints, by what was submitted."""
        self.submitted: list[dict] = []
        self.on_ask = lambda path: None
        """Called with each path before it is answered: time goes on."""

    def add(self, name: str, study: str | None, status: str = "RUNNING", **more) -> dict:
        began = 1_700_000_000_000 + 1000 * len(self.jobs)
        about = {"caviar.study": study, "caviar.dir": f"studies/{study}", "caviar.version": "0.1.0"}
        job = {
            "type": "SUBMISSION",
            "submission_id": name,
            "status": status,
            "entrypoint": "python -m caviar run study.toml",
            "metadata": about if study else {},
            "driver_node_id": None if status == "PENDING" else NODE,
            "start_time": began,
            "end_time": None if status in {"PENDING", "RUNNING"} else began + 60_000,
            "message": None,
        }
        self.jobs[name] = job | more
        return self.jobs[name]

    def get(self, path: str, query: dict) -> tuple[int, bytes]:
        about = {"state": "ALIVE", "resources_total": self.resources, "labels": {}}
        nodes = [{"node_id": node} | about for node in self.nodes]
        types = {node: "worker" if self.grows else f"node_{node}" for node in self.nodes}
        report = {"autoscalerReport": {"nodeTypeMapping": types}}
        told = {
            "/api/v0/cluster_metadata": {
                "data": {"rayVersion": self.ray, "pythonVersion": self.python}
            },
            "/api/authentication_mode": {"authentication_mode": self.mode},
            "/api/jobs/": list(self.jobs.values()),
            "/api/cluster_status": {
                "data": {"clusterStatus": None if self.grows is None else report}
            },
            "/api/v0/nodes": {"data": {"result": {"result": nodes}}},
        }
        if path.startswith("/api/v0/logs/"):
            return self.log(query)
        name = path.removeprefix("/api/jobs/")
        if path in told:
            return 200, json.dumps(told[path]).encode()
        if name in self.jobs:
            return 200, json.dumps(self.jobs[name]).encode()
        return 404, f"Job with ID {name} does not exist".encode()

    def log(self, query: dict) -> tuple[int, bytes]:
        file = query["filename"][0]
        if query["node_id"][0] in self.nodes and not file.startswith("job-driver-"):
            found = self.files.get(file)
            raw = found.encode() if isinstance(found, str) else found
            return (500, f"A file is not found at: {file}".encode()) if raw is None else (200, raw)
        name = query["filename"][0].removeprefix("job-driver-").removesuffix(".log")
        if query["node_id"][0] not in self.nodes or name not in self.logs:
            return 500, b"Traceback\nNode is dead"
        lines = self.logs[name].splitlines(keepends=True)
        most = int(query["lines"][0])
        return 200, "".join(lines if most < 0 else lines[-most:]).encode()

    def submit(self, job: dict) -> tuple[int, bytes]:
        if self.answers is None:
            return 500, b"Traceback\nRuntimeError: no jobs today"
        self.submitted.append(job)
        name = job["submission_id"]
        status, printed = self.answers(job)
        state = "SUCCEEDED" if status == 0 else "FAILED"
        self.add(name, None, state, driver_exit_code=status, metadata=job["metadata"])
        self.logs[name] = printed
        return 200, json.dumps({"submission_id": name}).encode()

    def stop(self, name: str) -> tuple[int, bytes]:
        self.jobs[name] |= {"status": "STOPPED", "end_time": 1_700_000_100_000}
        return 200, b'{"stopped": true}'


@contextmanager
def serving(fake: FakeDashboard) -> Iterator[FakeDashboard]:
    class Answers(BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def answer(self):
            asked = urlsplit(self.path)
            fake.asked.append(f"{self.command} {asked.path}")
            fake.on_ask(asked.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, body = 401, b"Unauthorized"
            elif self.command == "POST" and asked.path == "/api/jobs/":
                status, body = fake.submit(json.loads(body))
            elif self.command == "POST":
                status, body = fake.stop(asked.path.split("/")[3])
            elif self.command == "DELETE":
                found = fake.jobs.pop(asked.path.split("/")[3], None)
                status, body = (200, b"{}") if found else (404, b"no such job")
            else:
                status, body = fake.get(asked.path, parse_qs(asked.query))
            with suppress(ConnectionError):  # who asked may have had enough of waiting
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        do_GET = do_POST = do_DELETE = answer

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        fake.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield fake
        server.shutdown()

"""Scrapes a cluster where a study runs with a Prometheus of its own; asks all that Grafana asks.

    python benchmarks/prometheus.py [--dashboard URL] [--seconds N]

It starts `prometheus` (Debian: apt-get install prometheus) with cluster/prometheus.yml in a folder
of its own, on loopback and a free port, runs every query of cluster/grafana/caviar.json through its
HTTP API, prints what came and stops it. The cluster's token is taken from where Ray's commands
look. Status 1: a query came back empty; 2: it could not be tried.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from caviar.errors import StudyError
from caviar.service.dashboard import Dashboard, default_url, find_token

CLUSTER = Path(__file__).resolve().parents[1] / "cluster"
SCRAPED = "ray_caviar_trials"


def configuration(url: str, folder: Path) -> Path:
    """cluster/prometheus.yml for the dashboard at `url`, with its token beside it."""
    text = (CLUSTER / "prometheus.yml").read_text("utf-8")
    found = folder / "prometheus.yml"
    found.write_text(text.replace("http://127.0.0.1:8265", url), "utf-8")
    token = folder / "ray-token"
    token.touch(mode=0o600)
    token.write_text(find_token(), "utf-8")
    return found


def start(program: str, config: Path) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={config.parent / 'data'}",
        f"--web.listen-address={address}",
    ]
    with (config.parent / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    return process, f"http://{address}"


def ask(base: str, path: str, **query: str) -> Any:
    with urllib.request.urlopen(
        f"{base}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=10
    ) as answer:
        return json.load(answer)["data"]


def wait_for_scrapes(base: str, process: subprocess.Popen[bytes], seconds: float) -> list[str]:
    """The studies that were scraped at least twice, once there are any."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StudyError("prometheus: prometheus ended at once")
        try:
            found = ask(base, "query", query=f"count_over_time({SCRAPED}[5m]) > 1")["result"]
        except (urllib.error.URLError, OSError):
            found = []
        if found:
            return sorted({each["metric"]["study"] for each in found})
        time.sleep(1.0)
    raise StudyError(f"prometheus: no {SCRAPED} within {seconds:.0f} s: does a study run there?")


def queries() -> Iterator[tuple[str, str]]:
    """Each query of the dashboard with its panel's title."""
    board = json.loads((CLUSTER / "grafana" / "caviar.json").read_text("utf-8"))
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def tell(base: str, title: str, expression: str) -> bool:
    """Prints what a query returned; whether it was anything."""
    print(f"\n{title}\n  {expression}")
    found = ask(base, "query", query=expression)["result"]
    for each in found:
        labels = " ".join(f"{name}={text}" for name, text in sorted(each["metric"].items()))
        print(f"    {labels}: {float(each['value'][1]):.6g}")
    if not found:
        print("    nothing")
    return bool(found)


def try_it(dashboard: Dashboard, seconds: float) -> int:
    program = shutil.which("prometheus")
    if program is None:
        raise StudyError("prometheus: prometheus not found; Debian: apt-get install prometheus")
    targets = dashboard.get("/api/prometheus/sd")
    print(f"targets told by {dashboard.url}: {json.dumps(targets)}")
    with tempfile.TemporaryDirectory(prefix="caviar-prometheus-") as folder:
        process, base = start(program, configuration(dashboard.url, Path(folder)))
        try:
            studies = wait_for_scrapes(base, process, seconds)
            print(f"studies: {', '.join(studies)}")
            for each in ask(base, "targets")["activeTargets"]:
                took = f"{1e3 * each['lastScrapeDuration']:.0f} ms"
                print(f"scraped {each['scrapeUrl']}: {each['health']}, {took}")
            series = ask(base, "query", query='count by (study) ({__name__=~"ray_caviar_.*"})')
            for each in series["result"]:
                print(f"series of {each['metric']['study']}: {each['value'][1]}")
            told = [
                tell(base, title, expression.replace("$study", ".+"))
                for title, expression in queries()
            ]
        finally:
            process.terminate()
            process.wait(timeout=30)
    print(f"\n{sum(told)} of {len(told)} queries returned data")
    return 0 if all(told) else 1


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dashboard", default=default_url(), metavar="URL")
    parser.add_argument("--seconds", type=float, default=90.0, help="to wait for a study")
    options = parser.parse_args()
    try:
        return try_it(Dashboard(options.dashboard), options.seconds)
    except StudyError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

"""docker/Dockerfile: linted, pinned, hashed, without root; its context small and complete."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "docker" / "Dockerfile"
TEXT = DOCKERFILE.read_text()
CAVIAR = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def try_build() -> ModuleType:
    """The script docker/try-build, which reads the file's instructions."""
    loader = importlib.machinery.SourceFileLoader("try_build", str(ROOT / "docker/try-build"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def stages() -> dict[str, list[tuple[str, str]]]:
    return try_build().stages(TEXT)


def hadolint(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("hadolint"), "--no-color", "-"],
        input=text, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_hadolint_finds_nothing() -> None:
    found = hadolint(TEXT)
    assert (found.returncode, found.stdout) == (0, "")


def test_hadolint_finds_a_planted_fault() -> None:
    assert (
        "DL3006" in hadolint(TEXT.replace("FROM ${BASE} AS build", "FROM python AS build")).stdout
    )


def test_bases_are_pinned_to_a_release() -> None:
    (base,) = re.findall(r"^ARG BASE=(\S+)$", TEXT, re.M)
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", base)
    named = re.findall(r"^FROM (\S+) AS (\S+)$", TEXT, re.M)
    assert {name for _, name in named} == {"build", "build-gpu", "cpu", "gpu"}
    earlier = {"${BASE}"}
    for origin, name in named:
        assert origin in earlier
        earlier.add(name)


def test_all_that_is_installed_has_a_hash(stages: dict[str, list[tuple[str, str]]]) -> None:
    installs = [words for keyword, words in stages["build-gpu"] if "pip install" in words]
    assert len(installs) == 3
    for words in installs:
        assert "--require-hashes" in words or "--no-deps --no-build-isolation" in words


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_images_run_without_root(target: str, stages: dict[str, list[tuple[str, str]]]) -> None:
    users = [words for keyword, words in stages[target] if keyword == "USER"]
    assert users == ["10001:10001"]  # a number: Kubernetes' runAsNonRoot reads no names
    keywords = [keyword for keyword, _ in stages[target]]
    assert "RUN" not in keywords[keywords.index("USER") :]
    assert {"HEALTHCHECK", "LABEL", "CMD"} <= set(keywords)
    environment = " ".join(words for keyword, words in stages[target] if keyword == "ENV")
    assert "RAY_AUTH_MODE=token" in environment
    assert "TOKEN=" not in environment


def test_label_has_the_version() -> None:
    assert re.findall(r'image\.version="([^"]+)"', TEXT) == [CAVIAR]
    assert set(re.findall(r"-t caviar:([\w.]+)-[cg]pu", TEXT)) == {CAVIAR}


def test_context_is_small_and_holds_what_is_copied(
    stages: dict[str, list[tuple[str, str]]],
) -> None:
    module = try_build()
    copied = [
        source
        for keyword, words in stages["build-gpu"]
        if keyword == "COPY"
        for source in words.split()[:-1]
    ]
    assert [source for source in copied if module.ignored(source)] == []
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    assert sorted(line[1:] for line in lines if line.startswith("!")) == sorted(copied)
    files = [path for source in copied for path in [ROOT / source, *(ROOT / source).rglob("*")]]
    size = sum(path.stat().st_size for path in files if path.suffix != ".pyc" and path.is_file())
    assert size < 4 * 2**20


def test_what_is_ignored_cannot_be_copied(tmp_path: Path) -> None:
    module = try_build()
    with pytest.raises(SystemExit, match="tests: not in the build context"):
        module.copy("tests /src/tests", tmp_path)


def test_a_failing_line_ends_the_try(tmp_path: Path) -> None:
    module = try_build()
    with pytest.raises(SystemExit, match="RUN exit 3: failed"):
        module.carry_out([("RUN", "exit 3")], tmp_path)


def test_lines_are_carried_out_in_the_folder(tmp_path: Path) -> None:
    module = try_build()
    text = "FROM x AS build\nENV A=1 PATH=/opt/caviar/bin:$PATH\nCOPY LICENSE /src/\n"
    text += "RUN mkdir -p /opt/caviar \\\n    # why\n    && cp /src/LICENSE /opt/caviar/$A\n"
    environment = module.carry_out(module.stages(text)["build"], tmp_path)
    assert (tmp_path / "opt/caviar/1").read_text() == (ROOT / "LICENSE").read_text()
    assert environment["PATH"].startswith(f"{tmp_path}/opt/caviar/bin:")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_build_stage_runs(tmp_path: Path) -> None:
    tried = subprocess.run(
        [sys.executable, ROOT / "docker/try-build", "--keep", tmp_path / "root"],
        capture_output=True, text=True, timeout=1700, check=False,
    )  # fmt: skip
    assert tried.returncode == 0, tried.stdout[-2000:] + tried.stderr[-2000:]
    assert tried.stdout.endswith("all lines ran\n")

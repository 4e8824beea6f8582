"""The project keeps its word: documents, package data, lock files and version agree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

import caviar

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "cluster/README.md",
    "docs/cluster.md",
    "docs/design.md",
    "docs/search.md",
    "docs/security.md",
    "docs/training.md",
    "docs/winner.md",
]
LOCKS = ["requirements.lock", "requirements-test.lock", "requirements-gpu.lock"]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def tracked() -> list[str]:
    """Files under version control."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git work tree")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    return [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files(document: str) -> None:
    path = ROOT / document
    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_named_in_commands_exist(document: str) -> None:
    named = re.findall(
        r"(?<![\w/.])((?:\./test|\.ci|cluster|docker|docs|tests|benchmarks)(?:/[\w.-]+)*)\b",
        (ROOT / document).read_text(),
    )
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_folder_the_design_draws_exists_or_is_planned() -> None:
    house = (ROOT / "docs/design.md").read_text().split("## The house")[1].split("```")[1]
    lines = re.findall(r"^  (\w+)/ +(.*)$", house, re.M)
    assert len(lines) >= 10
    for folder, text in lines:
        exists = (ROOT / "caviar" / folder / "__init__.py").exists()
        assert exists != text.startswith("planned"), folder


def test_readme_speaks_only_of_commands_the_command_line_knows() -> None:
    if find_spec("caviar.cli") is None:
        pytest.skip("the command line is not built yet")
    helped = subprocess.run(
        [sys.executable, "-c", "from caviar.cli import main; main()", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    texts = "".join((ROOT / document).read_text() for document in DOCUMENTS)
    fenced = re.findall(r"^```\w*\n(.*?)^```$", texts, re.M | re.S)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", texts, flags=re.M | re.S))
    used = set(re.findall(r"(?:^|/|(?<!-n)[ ])caviar ([a-z]+)\b", "\n".join(fenced + inline), re.M))
    assert {"run", "check", "show", "gradcheck", "init"} <= used
    assert [name for name in used if not re.search(rf"^\W*{name}\b", helped.stdout, re.M)] == []


def test_readme_study_file_is_the_default_one() -> None:
    from caviar.study.spec import StudySpec

    (block,) = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert StudySpec.parse(block).fingerprint == StudySpec.default().fingerprint


def test_two_commands_on_a_fresh_machine() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "\npython3 -m venv .venv && .venv/bin/pip install . && .venv/bin/caviar run\n" in readme
    assert "\n./test\n" in readme
    assert re.search(r"^\./test\b", (ROOT / ".ci/run").read_text(), re.M)


@pytest.mark.parametrize("script", ["test", ".ci/run", "cluster/local.sh"])
def test_scripts_are_strict_and_executable(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    assert "\nset -euo pipefail\n" in path.read_text()
    subprocess.run(["bash", "-n", path], check=True)


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_are_hashed_and_name_no_index(lock: str) -> None:
    text = (ROOT / lock).read_text()
    requirements = re.split(r"\n(?=\S)", text.strip())
    assert len(requirements) > 60
    for requirement in requirements:
        assert re.match(r"[a-z0-9-]+==\S+", requirement), requirement
        assert "--hash=sha256:" in requirement, requirement
    assert not re.search(r"https?://|file:|-index|find-links", text)


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        (LOCKS[0], []),
        (LOCKS[2], ["gpu"]),
        (LOCKS[1], ["test", "optuna", "tensorboard", "mlflow", "onnx", "png", "serve"]),
    ],
)
def test_locks_hold_what_the_project_declares(lock: str, extras: list[str]) -> None:
    project = PYPROJECT["project"]
    declared = list(project["dependencies"])
    for extra in extras:
        declared += project["optional-dependencies"][extra]
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / lock).read_text(), re.M))
    names = {re.split(r"[\[<>=;~! ]", line)[0].lower().replace("_", "-") for line in declared}
    assert sorted(names - locked - {"caviar"}) == []  # "caviar[optuna]" is an extra of its own


def test_version_is_one() -> None:
    assert PYPROJECT["project"]["version"] == caviar.__version__
    assert f"## {caviar.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_package_data_are_declared() -> None:
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]["caviar"]
    package = ROOT / "caviar"
    declared = {path for pattern in patterns for path in package.glob(pattern)}
    others = {
        path
        for path in package.rglob("*")
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    }
    assert {path.name for path in others} >= {"py.typed", "README.md", "TAGS.txt", "CITATIONS.bib"}
    assert sorted(others - declared) == []


def test_nothing_names_a_place_of_one_machine() -> None:
    # This machine's own: where the project lies, the user's home, the interpreter's environment.
    places = {str(place) for place in (ROOT, Path.home(), sys.prefix) if len(Path(place).parts) > 1}
    pattern = re.compile("|".join(rf"(?<![\w.]){re.escape(place)}(?![\w-])" for place in places))
    found = []
    for name in tracked():
        text = (ROOT / name).read_text(errors="replace")
        found += [
            f"{name}: {line.strip()[:80]}" for line in text.splitlines() if pattern.search(line)
        ]
    assert found == []

"""The pages about clusters type commands that exist, and quote what caviar says."""

from __future__ import annotations

import ast
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
from typer.main import get_command

from caviar.cli import app
from caviar.study.spec import StudySpec

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "cluster/README.md", "docs/cluster.md", "docs/security.md"]
CLUSTER = (ROOT / "docs/cluster.md").read_text()
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]
FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.M | re.S)


def typed(text: str) -> list[str]:
    """What a page types after `caviar`: a command and its words, to the end of line or code."""
    code = "\n".join(FENCED.findall(text))
    prose = FENCED.sub("", text)
    code += "\n" + "\n".join(
        inline.replace("\n", " ") for inline in re.findall(r"`([^`]+)`", prose)
    )
    found = re.findall(r"(?:^|(?<!-n)[\s;]|bin/)caviar ([a-z]\w*(?:[ ][^\n;&|#`]*)?)", code, re.M)
    return sorted({" ".join(one.split()) for one in found})


def unknown(command: str) -> list[str]:
    """The command, or those of its options, that the command line does not know."""
    name, *words = shlex.split(re.sub(r"[\[\]()]", " ", command))
    if name not in COMMANDS:
        return [name]
    known = {option for one in COMMANDS[name].params for option in (*one.opts, *one.secondary_opts)}
    return [word for word in words if re.match(r"--?[a-z]", word) and word not in known]


@cache
def strings() -> list[str]:
    """Every text that caviar's code holds, and the scripts of cluster/."""
    found = [path.read_text() for path in (ROOT / "cluster").glob("*.sh")]
    for path in (ROOT / "caviar").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def symptoms() -> list[str]:
    """What the troubleshooting table quotes, in pieces between the dots that stand for values."""
    table = CLUSTER.split("\n## When it does not go\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| ")][1:]
    quoted = [one for cell in cells for one in re.findall(r"`([^`]+ [^`]+)`", cell)]
    pieces = [piece.strip(" .") for one in quoted for piece in one.split("...")]
    return [piece for piece in pieces if piece and not piece.startswith("ray ")]


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_their_options_exist(page: str) -> None:
    commands = typed((ROOT / page).read_text())
    assert {command: unknown(command) for command in commands if unknown(command)} == {}


def test_there_is_something_to_type() -> None:
    assert len(typed(CLUSTER)) > 12
    assert unknown("submit x.toml [--dashbord URL]") == ["--dashbord"]
    assert unknown("sumbit x.toml") == ["sumbit"]


@pytest.mark.parametrize("symptom", symptoms())
def test_what_is_quoted_is_said(symptom: str) -> None:
    assert any(symptom in text for text in strings())


def test_symptoms_are_found() -> None:
    assert len(symptoms()) >= 10
    assert not any("whoever reaches it may sing" in text for text in strings())


@pytest.mark.parametrize("snippet", re.findall(r"```toml\n(.*?)```", CLUSTER, re.S))
def test_snippets_are_studies(snippet: str) -> None:
    with pytest.raises(Exception, match="slices_per_gpu"):  # breaks when it is left unread
        StudySpec.parse(snippet.replace("slices_per_gpu = 4", "slices_per_gpu = -4"), "snippet")
    StudySpec.parse(snippet, "snippet")


def test_the_contents_lead_to_every_section() -> None:
    linked = re.findall(r"\[[^]]+\]\(#([^)]+)\)", CLUSTER.split("\n## ")[0])
    sections = [
        re.sub(r"[^a-z -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^## (.*)$", CLUSTER, re.M)
    ]
    assert linked == sections


def test_every_file_of_the_clusters_is_told_of() -> None:
    text = (ROOT / "cluster/README.md").read_text()
    files = [path for path in (ROOT / "cluster").rglob("*") if path.is_file()]
    names = [str(path.relative_to(ROOT / "cluster")) for path in files if path.name != "README.md"]
    assert [name for name in names if f"]({name})" not in text] == []

"""docs/training.md names nothing that does not exist, and its snippets are studies."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from caviar.data.arrays import ARRAYS
from caviar.study.spec import StudySpec

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/training.md").read_text()
SNIPPETS = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
PROSE = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
NAMED = sorted(set(re.findall(r"`([^`\n]+)`", PROSE)))
FILES = [name for name in NAMED if re.fullmatch(r"[\w./-]+/[\w.-]+\.\w+", name)]
DEFINED = [
    (path, name)
    for path, names in re.findall(r"`([\w./]+\.py)`\s+\((`[^)]*`)\)", PROSE)
    for name in re.findall(r"`(\w+)`", names)
]
TABLES = [
    name
    for name, field in StudySpec.model_fields.items()
    if hasattr(field.annotation, "model_fields")
]
KEYS = sorted(set(re.findall(rf"`((?:{'|'.join(TABLES)})\.\w+)", PROSE)))
SYMBOLS = {*"nmawgyCeptzsv", "alpha", "lambda", "mu", "y_hat"}


@pytest.mark.parametrize("name", FILES)
def test_files_exist(name: str) -> None:
    assert (ROOT / name).is_file()


@pytest.mark.parametrize(("path", "name"), DEFINED)
def test_what_a_file_is_said_to_hold_it_holds(path: str, name: str) -> None:
    names = set()
    for node in ast.parse((ROOT / path).read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    assert name in names


@pytest.mark.parametrize("key", KEYS)
def test_keys_exist(key: str) -> None:
    table, name = key.split(".")
    assert name in StudySpec.model_fields[table].annotation.model_fields


def test_bare_names_are_keys_or_code() -> None:
    """`keep_prob`, `sgd` or `normalise_batch` standing alone; also as `layers = 0`."""
    keys = {
        key for table in TABLES for key in StudySpec.model_fields[table].annotation.model_fields
    }
    words = {
        match[1] for name in NAMED if (match := re.fullmatch(r"([a-z]\w*)( = .*)?", name, re.I))
    }
    known = (
        keys
        | SYMBOLS
        | {*ARRAYS}
        | {name for _, name in DEFINED}
        | {"adamw", "low", "high", "when", "other"}
    )
    assert sorted(words - known - {"units_1", "units_2", "one_minus", "log"}) == []


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda text: " ".join(text.split())[:40])
def test_snippets_are_studies(snippet: str) -> None:
    space = StudySpec.parse(snippet, "snippet").space
    for corner in (0.0, 0.5, 1.0):
        assert space.decode((corner,) * len(space.names))


def test_commands_exist() -> None:
    from caviar.cli import app

    known = {
        command.name or command.callback.__name__  # type: ignore[union-attr]
        for command in app.registered_commands
    }
    named = {match[1] for name in NAMED if (match := re.match(r"caviar (\w+)\b", name))}
    assert named
    assert named <= known


def test_python_names_exist() -> None:
    import caviar

    names = [name for name in NAMED if re.fullmatch(r"caviar\.\w+", name)]
    assert names
    assert [name for name in names if not hasattr(caviar, name.split(".")[1])] == []


def test_the_tables_of_names_are_complete() -> None:
    """Every optimiser, schedule, activation and initialiser has its row."""
    from caviar.nn.activations import ACTIVATIONS
    from caviar.nn.initialisers import VARIANCES
    from caviar.train.optimizers import OPTIMIZERS
    from caviar.train.schedules import SCHEDULES

    for key, known in {
        "network.activation": ACTIVATIONS,
        "network.initializer": VARIANCES,
        "training.optimizer": OPTIMIZERS,
        "training.schedule": SCHEDULES,
    }.items():
        table = PROSE.split(f"| `{key}` |")[1].split("\n\n")[0]
        assert set(re.findall(r"^\| (\w+) \|", table, re.M)) == set(known)


def test_there_is_something_to_follow() -> None:
    assert len(FILES) > 20
    assert len(DEFINED) > 35
    assert len(KEYS) > 8
    assert len(SNIPPETS) > 15

"""docs/search.md names nothing that does not exist, leaves nothing out, and leads to all of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from caviar.space.arithmetic import FUNCTIONS
from caviar.study.run_tables import SEARCHERS, Budget, Panda, Search
from caviar.study.spec import StudySpec

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/search.md").read_text()
SNIPPETS = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
PROSE = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
TABLES = {"search": Search, "budget": Budget, "panda": Panda}


def rows(heading: str) -> list[str]:
    """What stands in code in the first column of a section's table."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    first = re.findall(r"^\| (`.*?) \|", section, re.M)
    return [name for cell in first for name in re.findall(r"`(\w+)(?: = [^`]*)?`", cell)]


def test_files_exist() -> None:
    named = set(re.findall(r"`(?:caviar run |python )?((?:caviar|examples)/[\w./]+\.\w+)`", PROSE))
    assert len(named) >= 10
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_keys_exist() -> None:
    named = set(re.findall(rf"`({'|'.join(TABLES)})\.(\w+)", PROSE))
    assert len(named) >= 5
    assert [one for one in named if one[1] not in TABLES[one[0]].model_fields] == []


@pytest.mark.parametrize("key", [*Search.model_fields, *Budget.model_fields, *Panda.model_fields])
def test_every_key_is_told_of(key: str) -> None:
    assert re.search(rf"\b{key}\b", TEXT)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda text: " ".join(text.split())[:40])
def test_snippets_are_studies(snippet: str) -> None:
    StudySpec.parse(snippet, "snippet")


def test_tables_are_complete() -> None:
    assert sorted(rows("Searchers")) == sorted(SEARCHERS)
    assert sorted(rows("Budgets")) == sorted(Budget.model_fields)


def test_every_strategy_and_function_is_told_of() -> None:
    strategies = get_args(Search.model_fields["strategy"].annotation)
    assert [name for name in strategies if not re.search(rf"^## {name}$", TEXT, re.M | re.I)] == [
        "caviar"
    ]
    assert [name for name in FUNCTIONS if f"`{name}`" not in TEXT] == []


def test_the_contents_lead_to_every_section() -> None:
    contents = TEXT.split("\n## ")[0]
    linked = re.findall(r"\[[^]]+\]\(#([^)]+)\)", contents)
    sections = [re.sub(r"[^a-z -]", "", h.lower()).replace(" ", "-")
                for h in re.findall(r"^## (.*)$", TEXT, re.M)]  # fmt: skip
    assert [name for name in linked if name != "points-of-your-own"] == sections
    assert "### Points of your own\n" in TEXT

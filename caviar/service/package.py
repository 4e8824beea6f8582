"""What travels with a job: the study file, a data file of the person's own, caviar itself.

Nothing else does: no environment, no token, nothing that happens to lie beside the study file.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from caviar.errors import StudyError
from caviar.study.readiness import check_ready
from caviar.study.reading import read_text
from caviar.study.spec import StudySpec, init_text
from caviar.study.wording import one_line, show

MOST_BYTES: Final = 200 * 2**20
"""Of data that travel with a job: Ray keeps them in the memory of the head."""
STUDY_FILE: Final = "study.toml"


@dataclass(frozen=True)
class Package:
    """A job's files, staged in a folder that is soon gone.

    Attributes:
        spec: the study.
        folder: the job's working directory: the study file and the data, no more.
        modules: folders for Python's path on the cluster; () where its own caviar is used.
        notes: what the person should know, a line each.
    """

    spec: StudySpec
    folder: Path
    modules: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def study(self) -> str:
        """The study's name."""
        return self.spec.name


@contextmanager
def packed(
    study: Path | None,
    name: str | None = None,
    *,
    with_caviar: bool = True,
    instead: Mapping[str, int | None] | None = None,
) -> Iterator[Package]:
    """Stages what a job needs.

    Args:
        study: the study file; None for the study that is shipped.
        name: what to call the study instead.
        with_caviar: whether caviar travels along.
        instead: what `StudySpec.override` takes. The study file does not have it: the job's
            command is to say it.

    Raises:
        StudyError: a mistake in the study file or in `instead`, or its data cannot travel.
    """
    text = init_text() if study is None else read_text(study)
    place = STUDY_FILE if study is None else one_line(str(study))
    spec = StudySpec.parse(text, place).override(**instead or {})
    try:
        check_ready(spec)
    except StudyError as error:
        raise StudyError(f"{place}: {error}") from None
    with TemporaryDirectory(prefix="caviar-submit-") as staged:
        folder = Path(staged) / "job"
        folder.mkdir()
        table = tomllib.loads(text)
        changed, notes = _take_data(table, study, folder)
        if name is not None and name != spec.name:
            table["name"], changed = name, True
        if changed:
            text = _written(table)
            spec = StudySpec.parse(text, "--name" if name is not None else STUDY_FILE)
            spec = spec.override(**instead or {})
        (folder / STUDY_FILE).write_text(text, encoding="utf-8")
        modules = _caviar(Path(staged)) if with_caviar else ()
        yield Package(spec, folder, modules, tuple(notes))


def _written(table: dict[str, Any]) -> str:
    import tomli_w

    return tomli_w.dumps(table)


def _take_data(table: dict[str, Any], study: Path | None, folder: Path) -> tuple[bool, list[str]]:
    """Copies the person's own data beside the study file, which then names them there.

    Returns:
        Whether the study file is another now, and what to tell.

    Raises:
        StudyError: they are not there, or too large to travel.
    """
    data = table.get("data")
    named = data.get("path") if isinstance(data, dict) else None
    if not named or not isinstance(data, dict):
        return False, []
    asked = Path(named).expanduser()
    found = Path(os.path.abspath((study or Path()).parent / asked))
    size = _size(found)
    place = f"data.path: {show(str(named))}"
    if asked.is_absolute() and (size is None or size > MOST_BYTES):
        why = "is not on this machine" if size is None else f"is too large to travel ({_mb(size)})"
        return False, [f"note: {place} {why}: it must be there on the cluster's head"]
    if size is None:
        raise StudyError(f"{place}: there is no such file or folder beside {study}")
    if size > MOST_BYTES:
        rule = f"at most {_mb(MOST_BYTES)} travel with a job, this is {_mb(size)}"
        raise StudyError(f"{place}: {rule}; copy it to the cluster's head, and give its path there")
    there = folder / found.name
    if found.is_dir():
        # Ray would leave out of a job's files what these name.
        shutil.copytree(found, there, ignore=shutil.ignore_patterns(".gitignore", ".rayignore"))
    else:
        shutil.copyfile(found, there)
    changed = bool(named != found.name)
    data["path"] = found.name
    return changed, []


def _size(path: Path) -> int | None:
    """Bytes of a file, or of the files in a folder; None if there is neither."""
    if path.is_file():
        return path.stat().st_size
    if not path.is_dir():
        return None
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file())


def _mb(size: int) -> str:
    return f"{size / 2**20:.0f} MB"


def _caviar(staged: Path) -> tuple[Path, ...]:
    """A copy of this very caviar for the cluster, whether it has one of its own or not.

    The driver there, which writes the journal and the log, and the commands here, which read
    them, are then of one version; a cluster's image need not be built anew for each of ours.
    What asks for the installed version finds it beside the package.
    """
    package = staged / "caviar"
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(Path(__file__).parents[1], package, ignore=ignored)
    number = version("caviar")
    about = staged / f"caviar-{number}.dist-info"
    about.mkdir()
    described = f"Metadata-Version: 2.1\nName: caviar\nVersion: {number}\n"
    (about / "METADATA").write_text(described, encoding="utf-8")
    return package, about

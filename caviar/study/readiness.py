"""What a study needs before it can run, and a person would rather be told at once.

Reading a study that ran elsewhere must not need it, so the study file's own rules say none of it.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from caviar.errors import StudyError
from caviar.study.spec import StudySpec

_NEEDS: Final = {
    "tpe": {"optuna": "caviar[optuna]"},
    "gp": {"optuna": "caviar[optuna]", "torch": "torch"},
    "cmaes": {"cmaes": "caviar[optuna]"},
}
"""Packages a searcher needs, and what to install to have them."""


def check_ready(spec: StudySpec) -> None:
    """Checks what `caviar run` cannot do without.

    Raises:
        StudyError: if nothing is searched by many trials, a grid has no size, or a package is
            missing.
    """
    check_installed(spec)
    search = spec.search
    if search.strategy == "caviar" and search.searcher == "grid" and search.unbounded:
        rule = "a grid is laid out for a number of trials: give it"
        raise StudyError(f"search.trials: {rule}, also beside a budget")
    if search.strategy == "caviar" and search.trials > 1 and not spec.space.domains:
        rule = "nothing is searched, so all trials would be the same: it must be 1"
        raise StudyError(f"search.trials: {rule}, got {search.trials}")


def check_installed(spec: StudySpec) -> None:
    """Checks that the searcher's packages are there, without importing them.

    Raises:
        StudyError: with the command that installs what is missing.
    """
    searcher = spec.search.searcher
    for package, wanted in _NEEDS.get(searcher, {}).items():
        if find_spec(package) is None:
            install = f"pip install '{wanted}'"
            raise StudyError(f"search.searcher: {searcher} needs {package}: {install}")

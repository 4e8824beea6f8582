"""Tables of real learning curves: configurations in the unit cube, and their losses by epoch.

A table is an .npz file as `tabulate.py` writes it. TaskSet's files lack scales and bounds: there
learning rates, epsilon, penalties and decays are on a log scale, betas on one_minus, and the bounds
are the least and the largest values seen. Imports in no time: NumPy and `caviar.space` only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from caviar.space.domain import Float
from caviar.space.scale import SCALES
from caviar.space.search_space import SearchSpace

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (ROOT / "../shared/data/taskset", ROOT / "benchmarks/tables")
"""Where tables are looked for unless told; the first that holds any."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """Learning curves of many configurations.

    Attributes:
        name: the file's, without its ending.
        hyperparameters: `[n, d]` in a person's units.
        losses: `[n, epochs]`, dev losses; inf where a run had diverged.
        names: `[d]`.
        scales: `[d]`, "linear", "log" or "one_minus".
        low: `[d]` in a person's units.
        high: `[d]`.
    """

    name: str
    hyperparameters: Floats
    losses: Floats
    names: tuple[str, ...]
    scales: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @cached_property
    def space(self) -> SearchSpace:
        """The columns as domains; whole numbers and choices are real numbers here."""
        columns = zip(self.names, self.low, self.high, self.scales, strict=True)
        return SearchSpace({n: Float(low, high, SCALES[s]) for n, low, high, s in columns})

    @cached_property
    def points(self) -> Floats:
        """The configurations in the unit cube of the scales, `[n, d]`."""
        domains = self.space.domains.values()
        columns = zip(domains, self.hyperparameters.T, strict=True)
        return np.array([[d.encode(float(v)) for v in values] for d, values in columns]).T

    @property
    def epochs(self) -> int:
        """The most epochs of a trial."""
        return self.losses.shape[1]

    @property
    def dimensions(self) -> int:
        """Searched hyperparameters, d."""
        return len(self.names)

    @cached_property
    def best(self) -> float:
        """The lowest loss of any epoch."""
        return float(self.losses.min())

    @cached_property
    def reference(self) -> float:
        """The median loss after the first epoch: what no search at all gives."""
        return float(np.median(self.losses[:, 0]))

    def regret(self, loss: float) -> float:
        """How far a loss is from the best, of the reference's distance; in [0, 1]."""
        share = (loss - self.best) / (self.reference - self.best)
        return float(np.clip(share, 0.0, 1.0))


def read_table(path: Path) -> Table:
    """A table from its file."""
    with np.load(path) as held:
        names = tuple(map(str, held["names"]))
        values = np.asarray(held["hyperparameters"], np.float64)
        losses = np.asarray(held["valid"], np.float64)
        scales = tuple(map(str, held["scales"])) if "scales" in held else tuple(map(_scale, names))
        low = held["low"] if "low" in held else values.min(axis=0)
        high = held["high"] if "high" in held else values.max(axis=0)
    over = np.logical_or.accumulate(~np.isfinite(losses), axis=1)
    losses = np.where(over, np.inf, losses)
    bounds = tuple(map(float, low)), tuple(map(float, high))
    return Table(path.stem, values, losses, names, scales, *bounds)


def read_tables(folder: Path | None = None) -> list[Table]:
    """All tables of a folder, by name; of the first of `FOLDERS` that holds any by default.

    Raises:
        FileNotFoundError: there are none.
    """
    folders: Sequence[Path] = FOLDERS if folder is None else (folder,)
    for place in folders:
        found = sorted(place.glob("*.npz"))
        if found:
            return [read_table(path) for path in found]
    raise FileNotFoundError(f"no .npz tables in {', '.join(map(str, folders))}")


def _scale(name: str) -> str:
    """TaskSet's scales, by name."""
    return "one_minus" if name.startswith("beta") else "log"

"""Writes measurements.csv: an invented table of numbers and words, with gaps, for csv.toml.

Nothing in it was measured. Three varieties of an invented seed differ in length, width and mass,
two of them only together with the station; dampness and the plot's number tell nothing. Some
cells are empty, as they are in life.

    python examples/make_measurements.py
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

ROWS, SEED = 400, 20
MISSING = 0.02
"""Share of the empty cells among the numbers that may be missing."""
COLUMNS = ("sample", "station", "tray", "length_mm", "width_mm", "mass_mg", "dampness", "variety")

# Of each variety: its share, mean length and width in mm.
VARIETIES = {"amber": (0.45, 6.1, 3.0), "birch": (0.35, 7.0, 3.2), "cedar": (0.20, 6.6, 3.9)}
# At each station everything grows a little longer or shorter, in mm.
STATIONS = {"coast": 0.0, "hill": 0.9, "valley": -0.7}
TRAYS = ("round", "square")


def rows(count: int = ROWS, seed: int = SEED) -> list[tuple[str, ...]]:
    """The table's lines, in the order of `COLUMNS`; an empty text is a missing value."""
    rng = np.random.default_rng(seed)
    return [(f"S{index:03}", *_row(rng)) for index in range(1, count + 1)]


def _row(rng: np.random.Generator) -> tuple[str, ...]:
    variety = str(rng.choice(list(VARIETIES), p=[share for share, _, _ in VARIETIES.values()]))
    station = str(rng.choice(list(STATIONS)))
    _, mean_length, mean_width = VARIETIES[variety]
    length = rng.normal(mean_length + STATIONS[station], 0.25)
    width = rng.normal(mean_width, 0.15)
    mass = 0.55 * length * width**2 * rng.normal(1.0, 0.05)
    numbers = (f"{length:.2f}", f"{width:.2f}", f"{mass:.1f}", f"{rng.uniform(4, 14):.1f}")
    cells = ("" if rng.random() < MISSING else number for number in numbers)
    return (station, str(rng.choice(TRAYS)), *cells, variety)


def write(path: Path) -> None:
    """Writes the table as CSV, the same bytes every time."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows())


if __name__ == "__main__":
    write(Path(__file__).with_name("measurements.csv"))

"""The winner on dev: which classes it takes for which, and the examples it is most wrong about."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from caviar.report.evidence import Evidence
from caviar.report.page.images import image_of
from caviar.report.page.markup import Html, clipped, join, tag
from caviar.report.page.tables import framed, table

MOST_CLASSES: Final = 30
"""Classes whose confusion is a table; of more only the commonest confusions are told."""
PAIRS: Final = 8
VALUES: Final = 6
"""Values of an example without a picture that are shown."""
_SHADES: Final = 8


@dataclass(frozen=True)
class Dev:
    """What `winner/dev.npz` holds.

    Attributes:
        probabilities: `[n, classes]`.
        labels: `[n]`.
        worst: `[k]` rows with the highest loss.
        worst_x: `[k, *feature_shape]` as on disk.
    """

    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64]
    worst: NDArray[np.int64]
    worst_x: NDArray[Any]


def read_dev(directory: Path) -> Dev | None:
    """The winner on dev; None if there is no such file, or none that makes sense."""
    try:
        path = directory / "winner" / "dev.npz"
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            dev = Dev(*(file[name] for name in ("probabilities", "labels", "worst", "worst_x")))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    count = len(dev.labels)
    fits = dev.probabilities.ndim == 2 and len(dev.probabilities) == count
    fits = fits and len(dev.worst) == len(dev.worst_x) and bool(np.all(dev.worst < count))
    return dev if fits else None


def class_names(evidence: Evidence, classes: int) -> list[str]:
    """Of each class; its number where the data set has no names."""
    names = evidence.data.get("class_names") or []
    return [clipped(names[k], 40) if k < len(names) else str(k) for k in range(classes)]


def confusion_part(evidence: Evidence) -> Html | None:
    """The confusion matrix and what stands out of it; None before there is a winner."""
    matrix = _matrix(evidence)
    if matrix is None:
        return None
    names = class_names(evidence, len(matrix))
    shown = _table(matrix, names) if len(matrix) <= MOST_CLASSES else ""
    right = int(np.trace(matrix))
    told = f"{right:,} of {int(matrix.sum()):,} dev examples are classified rightly."
    return join([tag("p", told), shown, _pairs(matrix, names)])


def worst_part(evidence: Evidence) -> Html | None:
    """The examples with the highest loss, with what they are and what they were taken for."""
    dev = read_dev(evidence.directory)
    if dev is None or not len(dev.worst):
        return None
    names = class_names(evidence, dev.probabilities.shape[1])
    cards = [_example(dev, k, names) for k in range(len(dev.worst))]
    return tag("ul", *cards, class_="examples")


def _matrix(evidence: Evidence) -> NDArray[np.int64] | None:
    card = evidence.card or {}
    found = (card.get("dev") or {}).get("confusion")
    if found is None:
        dev = read_dev(evidence.directory) if evidence.card else None
        if dev is None:
            return None
        classes = dev.probabilities.shape[1]
        matrix = np.zeros((classes, classes), np.int64)
        np.add.at(matrix, (dev.labels, dev.probabilities.argmax(1)), 1)
        return matrix
    matrix = np.array(found)
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1]
    return matrix.astype(np.int64) if square else None


def _table(matrix: NDArray[np.int64], names: list[str]) -> Html:
    """Rows are what an example is, columns what it was taken for."""
    rows = []
    for k, row in enumerate(matrix):
        total = max(1, int(row.sum()))
        cells = [
            tag("td", n or "·", class_=f"{'hit' if j == k else 'miss'} q{_shade(int(n), total)}")
            for j, n in enumerate(row)
        ]
        share = f"{100 * int(row[k]) / total:.0f} %"
        rows.append(tag("tr", tag("th", names[k], scope="row"), *cells, tag("td", share)))
    heads = [tag("th", name, scope="col") for name in ("is \\ taken for", *names, "right")]
    caption = tag("caption", "Confusion of the winner on dev: rows are true, columns predicted")
    whole = tag(
        "table", caption, tag("thead", tag("tr", *heads)), tag("tbody", *rows), class_="confusion"
    )
    return framed(whole, "Confusion")


def _shade(count: int, total: int) -> int:
    """0 for none, then by the root of the share, so that few still show."""
    return 0 if not count else max(1, round(_SHADES * (count / total) ** 0.5))


def _pairs(matrix: NDArray[np.int64], names: list[str]) -> Html:
    off = matrix.copy()
    np.fill_diagonal(off, 0)
    order = np.argsort(off, axis=None, kind="stable")[::-1][:PAIRS]
    rows = []
    for flat in order:
        true, taken = divmod(int(flat), len(matrix))
        if off[true, taken]:
            rows.append((f"{names[true]} → {names[taken]}", int(off[true, taken])))
    if not rows:
        return tag("p", "It confuses nothing on dev.")
    return table(("true → taken for", "how often"), rows, "Commonest confusions")


def _example(dev: Dev, k: int, names: list[str]) -> Html:
    row = int(dev.worst[k])
    true, taken = int(dev.labels[row]), int(dev.probabilities[row].argmax())
    sure, had = float(dev.probabilities[row, taken]), float(dev.probabilities[row, true])
    name, other = names[true], names[taken]
    picture = image_of(dev.worst_x[k])
    if picture is not None:
        about = f"dev example {row}: {name}, taken for {other}"
        shown = tag("img", src=picture, alt=about)
    else:
        flat = np.asarray(dev.worst_x[k]).ravel()
        values = ", ".join(f"{float(v):.3g}" for v in flat[:VALUES])
        shown = tag("code", values + (" …" if len(flat) > VALUES else ""))
    wrong = taken != true
    verdict = f"taken for {other} ({100 * sure:.0f} %)" if wrong else "right, but not sure"
    told = (tag("b", name), tag("span", verdict), tag("small", f"true class {100 * had:.1f} %"))
    return tag("li", shown, *told)

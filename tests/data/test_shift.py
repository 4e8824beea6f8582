"""Dev and test against train: silent about chance, loud about a shift that matters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from caviar.data.dataset import Examples, Part, Source
from caviar.data.load import cut_source
from caviar.data.normalise import moments
from caviar.data.request import Request
from caviar.data.shift import shift_warnings
from caviar.data.split import generator

ROWS = 3000


def part(
    seed: int, rows: int = ROWS, move: float = 0.0, spread: float = 1.0, classes: int = 4
) -> Part:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 6)).astype(np.float32)
    x[:, 2] = x[:, 2] * spread + move
    x[:, 4] = rng.pareto(1.1, rows)  # a heavy tail, the same in every part
    return Part(x, (np.arange(rows) % classes).astype(np.int32))


def warned(parts: Mapping[str, Part]) -> tuple[str, ...]:
    names = ("a", "b", "c", "d", "e")
    splits = {name: Examples(one.x, one.y) for name, one in parts.items()}
    source = Source("made", "1", names, (6,), splits)
    return shift_warnings(source, parts, *moments(parts["train"].x))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("rows", [30, 3000])
def test_chance_is_no_shift(seed: int, rows: int) -> None:
    parts = {"train": part(100 + seed), "dev": part(seed, rows), "test": part(50 + seed, rows)}
    assert warned(parts) == ()


@pytest.mark.parametrize("seed", range(5))
def test_a_stratified_cut_is_no_shift(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.choice(3, 500, p=[0.9, 0.05, 0.05]).astype(np.int32)
    x = (rng.normal(size=(500, 20)) + y[:, None]).astype(np.float32)
    source = Source("made", "1", ("a", "b", "c"), (20,), {"train": Examples(x, y)})
    assert cut_source(source, generator(seed), Request()).warnings == ()


@pytest.mark.parametrize(
    ("move", "spread", "words"),
    [
        (0.5, 1.0, "the mean of feature 2 is +0.5 standard deviations of train away"),
        (-3.0, 1.0, "the mean of feature 2 is -"),
        (0.0, 2.0, "the spread of feature 2 is "),
        (0.0, 0.3, "the spread of feature 2 is 0.3 times that in train"),
    ],
)
def test_a_moved_feature_is_named(move: float, spread: float, words: str) -> None:
    lines = warned({"train": part(0), "dev": part(1, 1000, move, spread)})
    assert len(lines) == 1
    assert lines[0].startswith("the dev part does not look like the training part: ")
    assert words in lines[0]


def test_a_class_of_another_share_is_named() -> None:
    dev = part(1, 1000)
    dev.y[:300] = 1
    (line,) = warned({"train": part(0), "dev": part(2), "test": dev})
    assert line.startswith("the test part ")
    assert "class 'b' is 47.5% of it and 25.0% of train" in line


def test_a_class_that_train_lacks_is_named() -> None:
    (line,) = warned({"train": part(0), "dev": part(1, classes=5)})
    assert "train has no example of its class 'e'" in line


def test_a_pixel_that_never_varied_in_train_may_vary_once() -> None:
    train, dev = part(0), part(1)
    train.x[:, 5] = 0
    dev.x[:, 5] = 0
    dev.x[7, 5] = 255
    assert warned({"train": train, "dev": dev}) == ()
    dev.x[:, 5] = 255
    assert "the mean of feature 5" in warned({"train": train, "dev": dev})[0]

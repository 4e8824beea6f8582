"""CSV and Parquet: what becomes a feature, what is filled in, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from caviar.data.dataset import Source
from caviar.data.load import load_dataset
from caviar.data.request import Request
from caviar.data.table import read_table
from caviar.errors import StudyError

ROWS = """age,color,wild,kind
1,red,true,cat
2,blue,false,dog
3,red,true,dog
4,,false,cat
"""


def write(folder: Path, text: str = ROWS) -> Path:
    path = folder / "pets.csv"
    path.write_text(text)
    return path


def read(path: Path, **asked: object) -> Source:
    return read_table(path, Request(path=path, label="kind", **asked))  # type: ignore[arg-type]


def refused(folder: Path, text: str, **asked: object) -> str:
    with pytest.raises(StudyError) as caught:
        load_dataset(Request(path=write(folder, text), **({"label": "kind"} | asked)), 0)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def many(rows: int = 60, **columns: object) -> str:
    frame = pd.DataFrame({"age": np.arange(rows) / 2, "kind": ["cat", "dog", "fox"] * (rows // 3)})
    return frame.assign(**columns).to_csv(index=False)


def test_numbers_truths_and_texts_become_features(tmp_path: Path) -> None:
    source = read(write(tmp_path))
    train = source.splits["train"]
    nan = np.nan
    expected = [[1, 0, 1, 1], [2, 1, 0, 0], [3, 0, 1, 1], [4, nan, nan, 0]]
    np.testing.assert_array_equal(train.x, np.array(expected, np.float32))
    assert train.x.dtype == np.float32
    assert source.feature_names == ("age", "color", "color", "wild")
    assert source.one_hot == (slice(1, 3),)
    assert source.class_names == ("cat", "dog")
    np.testing.assert_array_equal(train.y, [0, 1, 1, 0])
    assert (source.version, source.name) == ("file", "pets.csv")


def test_parquet_gives_what_csv_gives(tmp_path: Path) -> None:
    path = write(tmp_path)
    pd.read_csv(path).to_parquet(tmp_path / "pets.parquet")
    one, other = read(path), read(tmp_path / "pets.parquet")
    np.testing.assert_array_equal(one.splits["train"].x, other.splits["train"].x)
    np.testing.assert_array_equal(one.splits["train"].y, other.splits["train"].y)
    assert one.feature_names == other.feature_names


def test_columns_are_dropped_and_numbers_taken_for_names(tmp_path: Path) -> None:
    source = read(write(tmp_path), drop=["color", "wild"], categorical=["age"])
    np.testing.assert_array_equal(source.splits["train"].x, np.eye(4))
    assert source.feature_names == ("age",) * 4


def test_truths_with_gaps_are_still_truths(tmp_path: Path) -> None:
    source = read(write(tmp_path, "wild,kind\nTrue,cat\n,dog\nFalse,dog\n"))
    np.testing.assert_array_equal(source.splits["train"].x[:, 0], [1, np.nan, 0])


@pytest.mark.parametrize("how", ["mean", "median", "most_frequent"])
def test_gaps_are_filled_on_request(tmp_path: Path, how: str) -> None:
    ages = np.where(np.arange(90) % 7 == 3, np.nan, np.arange(90) % 5)
    colors = ["red" if row % 3 else None if row == 0 else "blue" for row in range(90)]
    path = write(tmp_path, many(90, age=ages, color=colors))
    data = load_dataset(Request(path=path, label="kind", missing=how), 0)
    assert data.test is not None
    x = np.concatenate([data.train.x, data.dev.x, data.test.x])
    assert np.isfinite(x).all()
    # Blue, red: a missing text is the most frequent one, whatever is done with numbers.
    assert x[:, 1:].sum(axis=0).tolist() == [29, 61]


@pytest.mark.parametrize(
    ("text", "asked", "message"),
    [
        (ROWS, {}, "data.path: 'pets.csv': column 'color': must have a value, got none in row 3 "),
        (
            many(),
            {"label": None},
            "data.label: is missing: it names the column that holds the class",
        ),
        (many(), {"label": "knid"}, "data.label: 'pets.csv' has no column 'knid'; nearest: 'kind'"),
        (many(), {"drop": ["agee"]}, "data.drop: 'pets.csv' has no column 'agee'; nearest: 'age'"),
        (many(), {"drop": ["kind"]}, "data.drop: must not name the label, got 'kind'"),
        (many(), {"drop": ["age"]}, "must have a column besides the label 'kind', got none"),
        (many(), {"label": "age"}, "column 'age': must be classes, got 60 different numbers in 60"),
        (many(kind="cat"), {}, "data.path: 'pets.csv': must have examples of at least two classes"),
        (
            many(kind=["cat"] * 59 + [None]),
            {},
            "column 'kind': must have a class in every row, got ",
        ),
        (
            many(age=["1"] * 59 + ["abc"]),
            {},
            "must be numbers as most of it are, got 'abc' in row 59",
        ),
        (many(age=["inf"] * 60), {}, "features must be finite, got inf in row 0, column 'age'"),
        (many(age=["1e300"] * 60), {}, "features must be finite, got inf in row 0, column 'age'"),
        (many(extra=None), {}, "column 'extra'"),
        (
            many(3000, name=[f"n{row}" for row in range(3000)]),
            {},
            "at most 1000 different texts, got",
        ),
        ("", {}, "data.path: 'pets.csv': could not be read as a table"),
        ("age,kind\n", {}, "data.path: 'pets.csv': must have rows and columns, got [0, 2]"),
        ('age,kind\n1,"a\n', {}, "data.path: 'pets.csv': could not be read as a table"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    tmp_path: Path, text: str, asked: dict[str, object], message: str
) -> None:
    assert message in refused(tmp_path, text, **asked)


def test_a_column_empty_in_the_training_part_cannot_be_filled(tmp_path: Path) -> None:
    said = refused(tmp_path, many(extra=None), missing="mean")
    assert said == (
        "data.path: 'pets.csv': column 'extra': must have a value in the training part to fill in "
        "where it is missing, got none"
    )


def test_regression_says_so(tmp_path: Path) -> None:
    said = refused(tmp_path, many(price=np.linspace(1, 2, 60)), label="price")
    assert said.endswith("caviar classifies only, it does no regression")


def test_dates_and_lists_are_refused(tmp_path: Path) -> None:
    base = pd.DataFrame({"kind": ["cat", "dog"] * 10})
    for column, word in (
        (pd.date_range("2020", periods=20), "got dates"),
        ([[1, 2]] * 20, "got a ndarray in row 0"),
    ):
        path = tmp_path / "odd.parquet"
        base.assign(odd=column).to_parquet(path)
        with pytest.raises(StudyError, match=f"column 'odd'.*{word}"):
            load_dataset(Request(path=path, label="kind"), 0)

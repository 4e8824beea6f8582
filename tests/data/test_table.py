"""CSV and Parquet: what becomes a feature, what is filled in, and what is refused."""

from __future__ import annotations

from decimal import Decimal
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


def outcome(folder: Path, text: str) -> str:
    """What is said of a file whose gaps are filled in; nothing if all is well."""
    try:
        load_dataset(Request(path=write(folder, text), label="kind", missing="mean"), 0)
    except StudyError as error:
        return str(error)
    return ""


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
            many(3000, name=[f"n{row // 2}" for row in range(3000)]),
            {},
            "at most 1000 different texts, got",
        ),
        (
            many(name=[f"n{row}" for row in range(60)]),
            {},
            "column 'name': must be numbers, or texts that come again, got 60 different texts in "
            "60 rows, such as 'n0'; data.drop leaves it out",
        ),
        (
            many(day=[f"2020-01-{row % 9 + 1:02}" for row in range(60)]),
            {},
            "got dates such as '2020-01-01'; data.drop leaves it out",
        ),
        (many(day="3.11.2020 14:05"), {}, "got dates such as '3.11.2020 14:05'"),
        (ROWS.replace(",", ";"), {}, "columns must be separated by commas, got semicolons"),
        (ROWS.replace(",", "\t"), {}, "columns must be separated by commas, got tabs"),
        (
            ROWS.replace("wild", "color"),
            {},
            "column names must differ, got 'color' twice; data.drop = [\"color.1\"] leaves it out",
        ),
        (
            ROWS.replace("age", ""),
            {},
            'got none for column 0 (from 0); data.drop = ["Unnamed: 0"] leaves it out',
        ),
        (
            many(kind=["cat"] * 58 + ["dog"] * 2),
            {},
            "data.path: 'pets.csv': class 'dog' must have at least one example for each of 3 parts",
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
        "data.path: 'pets.csv': column 'extra': must have a value somewhere, got none; data.drop "
        "leaves it out"
    )
    # Whichever the only row with a value is: it lies in the training part or it does not.
    rows = [[None] * row + [1.0] + [None] * (59 - row) for row in range(0, 60, 6)]
    said = {outcome(tmp_path, many(extra=row)) for row in rows}
    assert said == {
        "",
        "data.path: 'pets.csv': column 'extra': must have a value in the training part to fill in "
        "where it is missing, got none",
    }


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


def test_nameless_and_second_columns_can_be_dropped(tmp_path: Path) -> None:
    path = write(tmp_path, ",age,age,kind\n0,5,6,cat\n1,7,8,dog\n")
    source = read(path, drop=["Unnamed: 0", "age.1"])
    assert source.feature_names == ("age",)
    np.testing.assert_array_equal(source.splits["train"].x[:, 0], [5, 7])


def test_other_encodings_are_told(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeff" + ROWS)
    assert read(path, drop=["color"]).feature_names == ("age", "wild")
    path.write_bytes("größe,kind\n1,cat\n".encode("latin-1"))
    with pytest.raises(StudyError, match=r"must be text in UTF-8, got the byte 0xf6$"):
        read(path)


def test_decimals_are_numbers_and_a_named_index_is_a_column(tmp_path: Path) -> None:
    path = tmp_path / "pets.parquet"
    prices = [Decimal("1.5"), None, Decimal("2.5"), Decimal("1.5")]
    frame = pd.DataFrame({"price": prices, "kind": ["cat", "dog"] * 2})
    frame.set_index("kind").to_parquet(path)
    source = read(path)
    np.testing.assert_array_equal(source.splits["train"].x[:, 0], [1.5, np.nan, 2.5, 1.5])


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (np.arange(60) + 7, ["column 'n' counts the rows"]),
        (1.6e9 + np.arange(60) % 7, ["column 'n' differs by too little"]),
        (1e-300 * (np.arange(60) % 7), ["column 'n' differs by too little, or is too small"]),
        (1e9 * (np.arange(60) % 7), []),
        (np.full(60, 1e9), []),
        (np.arange(60) % 7, []),
    ],
)
def test_suspicious_numbers_are_warned_of(
    tmp_path: Path, numbers: object, words: list[str]
) -> None:
    data = load_dataset(Request(path=write(tmp_path, many(n=numbers)), label="kind"), 0)
    told = [line for line in data.warnings if "pets.csv" in line]
    assert len(told) == len(words)
    for line, word in zip(told, words, strict=True):
        assert line.startswith(f"data.path: 'pets.csv': {word}")

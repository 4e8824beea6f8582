"""A study as tables: every trial and measurement read back by csv, pandas and Parquet's reader."""

import csv
import math

import pandas as pd
import pytest
from exported_studies import REASON, make_study, states_of
from hypothesis import given
from hypothesis import strategies as st

from caviar.report.exports import table
from caviar.report.exports.material import METRICS, material
from caviar.study.wording import one_line


def silent(done, of):
    assert 0 < done <= of


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    directory = tmp_path_factory.mktemp("made") / "tried"
    make_study(directory)
    return material(directory)


def test_csv_has_every_trial_and_measurement(found, tmp_path):
    table.write_csv(found, tmp_path / "csv", silent)
    with (tmp_path / "csv" / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == states_of(found)
    for row, life in zip(rows, found.lives, strict=True):
        for name in found.varied:
            value = life.trial.hyperparameters.get(name)
            assert row[name] == ("" if value is None else str(value))
    read = pd.read_csv(tmp_path / "csv" / "measurements.csv")
    every = [measurement for life in found.lives for measurement in life.curve]
    for name in ("trial", "epoch", *METRICS, "elapsed_s", "diverged", "stopped"):
        expected = [getattr(measurement, name) for measurement in every]
        assert read[name].tolist() == pytest.approx(expected, nan_ok=True, abs=0, rel=1e-15)


def test_parquet_keeps_kinds_and_tells_empty_from_not_a_number(found, tmp_path):
    table.write_parquet(found, tmp_path / "parquet", silent)
    import pyarrow.parquet as pq

    trials = pq.read_table(tmp_path / "parquet" / "trials.parquet").to_pydict()
    for name, cells in table.trials_table(found).items():
        assert [*map(repr, trials[name])] == [*map(repr, cells)], name
    kinds = {name: type(next(c for c in cells if c is not None)) for name, cells in trials.items()
             if any(c is not None for c in cells)}  # fmt: skip
    assert (kinds["layers"], kinds["batch_norm"], kinds["learning_rate"]) == (int, bool, float)
    assert None in trials["beta_1"]
    assert trials["reason"][2] == one_line(REASON)
    measurements = pq.read_table(tmp_path / "parquet" / "measurements.parquet").to_pydict()
    place = measurements["trial"].index(2)
    assert math.isnan(measurements["dev_loss"][place])
    assert math.inf in measurements["dev_loss"]


def test_best_and_last_of_a_trial(found, tmp_path):
    rows = table.trials_table(found)
    curve = [m.dev_accuracy for m in found.lives[0].curve]
    # Of the ends of its rungs, 1, 3 and 9; no epoch between them counts.
    best = max((curve[epoch - 1], epoch) for epoch in (1, 3, 9))
    assert (rows["best_dev_accuracy"][0], rows["best_epoch"][0]) == best
    assert max(curve) > best[0] > curve[-1] == rows["last_dev_accuracy"][0]
    assert (rows["best_epoch"][2], rows["best_epoch"][4], rows["epochs"][4]) == (None, None, 0)
    assert rows["trained_s"][0] == 9 * 0.25


def test_no_spreadsheet_runs_what_a_study_says(found, tmp_path):
    table.write_csv(found, tmp_path / "csv", silent)
    text = (tmp_path / "csv" / "trials.csv").read_text("utf-8")
    assert len(text.splitlines()) == 1 + len(found.lives)  # a line a trial
    assert "'=loss <b>inf</b>" in text
    assert ",=" not in text


@given(st.text() | st.integers() | st.floats() | st.booleans() | st.none())
def test_a_cell_is_one_line_and_no_formula(value):
    cell = table._cell(value)
    if isinstance(value, str):
        assert not cell.startswith(("=", "+", "-", "@", "\t"))
        assert "\n" not in cell
        assert "\r" not in cell
        assert cell.removeprefix("'") == value.replace("\r", " ").replace("\n", " ").replace(
            "\0", " "
        ).removeprefix("'")
    else:
        assert cell is value


@given(st.lists(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)))
def test_any_column_has_one_kind(cells):
    import pyarrow as pa

    values, kind = table._typed(cells)
    read = pa.array(values, kind).to_pylist()
    assert [cell is None for cell in read] == [cell is None for cell in cells]
    assert len({type(cell) for cell in read if cell is not None}) <= 1

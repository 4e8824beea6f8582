"""Whatever a journal holds, also one that was edited: exports write it, and it is read back."""

import csv
import json
import sqlite3
import sys
import tempfile
import types
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from exported_studies import make_study, spec_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caviar.errors import StudyError
from caviar.report.exports import optuna_storage, table, tensorboard
from caviar.report.exports.material import material, name_of
from caviar.study.wording import one_line

sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("tensorboard.compat.notf"))

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=12)  # lone surrogates, too
VALUES = st.one_of(ANY_TEXT, st.booleans(), st.integers(-(2**40), 2**40), st.floats(-1e300, 1e300))

SEARCHED = spec_of().space.domains


def silent(done, of):
    assert 0 < done <= of


def edited(directory, hyperparameters, text):
    """A study of two trials, the first of which has these hyperparameters beside its own."""
    make_study(directory, trials=2)
    with closing(sqlite3.connect(directory / "journal.sqlite3")) as journal, journal:
        held = journal.execute("SELECT hyperparameters FROM trials WHERE trial = 0").fetchone()[0]
        odd = json.dumps(hyperparameters | json.loads(held))
        journal.execute("UPDATE trials SET hyperparameters = ? WHERE trial = 0", (odd,))
        plain = text.encode("utf-8", "ignore").decode().replace("\0", "")
        journal.execute("UPDATE trials SET origin = ?, why = ?", (plain, plain))
        journal.execute("UPDATE measurements SET reason = ? WHERE epoch = 9", (plain,))
    return material(directory)


@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(ANY_TEXT.filter(lambda name: name not in SEARCHED), VALUES, max_size=3),
    ANY_TEXT,
)
def test_odd_names_and_values_are_written_and_read_back(hyperparameters, text):
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        found = edited(place / "tried", hyperparameters, text)
        first = dict(found.lives[0].trial.hyperparameters)
        assert first.keys() >= {one_line(name) for name in hyperparameters}
        table.write_csv(found, place / "csv", silent)
        table.write_parquet(found, place / "parquet", silent)
        with (place / "csv" / "trials.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        assert len({len(row) for row in rows}) == 1
        assert len(rows) == 3
        optuna_storage.write(found, place / "o.log", silent)
        read = read_optuna(place / "o.log")
        assert read.user_attrs["shared"] == found.shared
        assert set(found.shared) >= {one_line(name) for name in hyperparameters} - set(found.varied)
        assert read.trials[0].user_attrs.get("origin", "") == found.lives[0].trial.origin
        if tensorboard_is_there():
            tensorboard.write(found, place / "tb", silent)
            assert read_tensorboard(place / "tb") == pytest.approx(first)


def tensorboard_is_there():
    from importlib.util import find_spec

    return find_spec("tensorboard") is not None


def read_optuna(file):
    backend = optuna.storages.journal.JournalFileBackend(str(file))
    storage = optuna.storages.JournalStorage(backend)
    return optuna.load_study(study_name="tried", storage=storage)


def read_tensorboard(place):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata

    events = EventAccumulator(str(place / name_of(0))).Reload()
    content = events.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    info = metadata.parse_session_start_info_plugin_data(content)
    return {name: getattr(v, v.WhichOneof("kind")) for name, v in info.hparams.items()}


@pytest.mark.parametrize("value", [None, [1], {"a": 1}])
def test_a_value_that_is_none_is_told_in_one_line(tmp_path, value):
    with pytest.raises(StudyError, match="trial 0: odd must be a number, got") as error:
        edited(tmp_path / "tried", {"odd": value}, "")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", ["", True, 1.5])
def test_a_value_that_no_axis_holds_is_told_in_one_line(tmp_path, value):
    found = edited(tmp_path / "tried", {"momentum": value, "beta_1": value}, "")
    with pytest.raises(StudyError, match=r"^trial 0: (momentum|beta_1): must be in \["):
        optuna_storage.write(found, tmp_path / "o.log", silent)
    assert not (tmp_path / "o.log").exists()

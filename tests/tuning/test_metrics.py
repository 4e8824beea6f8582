"""The gauges of a study, with stand-ins for Ray's."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from caviar.study.records import TrialState
from caviar.tuning.metrics import (
    AGAIN_S,
    EVERY_S,
    GAUGES,
    MOST_SERIES,
    PACE_S,
    Figures,
    StudyMetrics,
    journal_bytes,
)


class Shelf:
    """Gauges that remember what they were set to, by name and tags."""

    def __init__(self):
        self.series = {}

    def make(self, gauge):
        self.gauge = gauge
        return _Gauge(self.series, gauge)


class _Gauge:
    def __init__(self, series, gauge):
        self.series, self.gauge = series, gauge

    def set(self, value, tags):
        assert set(tags) == {"study", self.gauge.label} - {""}
        labels = frozenset(tags.items())
        self.series[self.gauge.name, labels] = value


@pytest.fixture
def figures(tmp_path):
    (tmp_path / "journal.sqlite3").write_bytes(bytes(100))
    (tmp_path / "journal.sqlite3-wal").write_bytes(bytes(11))
    states = {str(state): 2 for state in TrialState}
    rungs = ((1, 9, 3), (3, 3, 1), (3, 2, 0))
    return Figures(states, rungs, 40, 40, 0.9, 1, 2, tmp_path)


def value(shelf, name, **tags):
    return shelf.series[name, frozenset(({"study": "s"} | tags).items())]


def told(shelf, now, metrics, figures, lag_s=0.0):
    now[0] += EVERY_S
    metrics.update(lambda: figures, lag_s)


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def now():
    return [100.0]


@pytest.fixture
def metrics(shelf, now):
    return StudyMetrics("s", shelf.make, lambda: now[0])


def test_every_gauge_is_set(shelf, now, metrics, figures):
    told(shelf, now, metrics, figures, lag_s=0.25)
    assert {name for name, _ in shelf.series} == {gauge.name for gauge in GAUGES}
    assert value(shelf, "caviar_trials", state="paused") == 2
    assert value(shelf, "caviar_rung_trials", rung="1") == 6
    assert value(shelf, "caviar_rung_trials", rung="3") == 4  # of two brackets
    assert value(shelf, "caviar_best_metric") == 0.9
    assert value(shelf, "caviar_journal_bytes") == 111
    assert value(shelf, "caviar_driver_lag_seconds") == 0.25
    assert (value(shelf, "caviar_slices_busy"), value(shelf, "caviar_slices_planned")) == (1, 2)


def test_a_study_has_few_series_whatever_its_rungs(shelf, now, metrics, figures):
    rungs = tuple((epoch, 10, 3) for epoch in range(1, 300))
    told(shelf, now, metrics, replace(figures, rungs=rungs))
    told(shelf, now, metrics, replace(figures, rungs=rungs[::-1]))
    assert len(shelf.series) < MOST_SERIES
    assert value(shelf, "caviar_rung_trials", rung="299") == 7


def test_gauges_are_set_now_and_then(shelf, now, metrics, figures):
    told(shelf, now, metrics, figures)
    asked = []
    now[0] += EVERY_S / 2
    metrics.update(lambda: asked.append(1))
    assert not asked
    now[0] += EVERY_S / 2
    metrics.update(lambda: asked.append(1) or figures)
    assert asked


def test_the_longest_wait_is_told_once(shelf, now, metrics, figures):
    told(shelf, now, metrics, figures)
    metrics.update(lambda: figures, 3.0)  # between two settings
    told(shelf, now, metrics, figures, lag_s=0.5)
    assert value(shelf, "caviar_driver_lag_seconds") == 3.0
    told(shelf, now, metrics, figures, lag_s=0.5)
    assert value(shelf, "caviar_driver_lag_seconds") == 0.5


def test_the_pace_is_that_of_late(shelf, now, metrics, figures):
    trained = 1000
    for rate in (10, 2):
        for _ in range(int(2 * PACE_S / EVERY_S)):
            trained += int(rate * EVERY_S)
            told(shelf, now, metrics, replace(figures, trained=trained))
        assert value(shelf, "caviar_trial_epochs_per_second") == pytest.approx(rate)


def test_what_is_gone_is_zero_and_no_best_is_no_number(shelf, now, metrics, figures):
    told(shelf, now, metrics, replace(figures, best=None))
    assert not [name for name, _ in shelf.series if name == "caviar_best_metric"]
    told(shelf, now, metrics, figures)
    told(shelf, now, metrics, replace(figures, best=None, rungs=figures.rungs[:1]))
    assert value(shelf, "caviar_rung_trials", rung="3") == 0
    assert math.isnan(value(shelf, "caviar_best_metric"))


def test_metrics_that_are_off_are_no_trouble_and_tried_again_seldom(shelf, now, figures):
    calls = []

    def broken(gauge):
        calls.append(now[0])
        if len(calls) < 3:
            raise RuntimeError("Ray's metrics are off")
        return shelf.make(gauge)

    metrics = StudyMetrics("s", broken, lambda: now[0])
    while len(calls) < 3 and now[0] < 1000.0:
        now[0] += EVERY_S
        metrics.update(lambda: figures)
    assert [after - before for before, after in pairwise(calls[:3])] == [AGAIN_S, AGAIN_S]
    assert value(shelf, "caviar_trials", state="paused") == 2


def test_a_journal_that_is_not_there_has_no_bytes(tmp_path):
    assert journal_bytes(tmp_path) == 0

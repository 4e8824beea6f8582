"""The best of a trial, and the best trials."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.search.bests import USELESS, leaders, usable
from caviar.search.listed import Listed
from caviar.search.successive_halving import merit_of
from caviar.study.records import Measurement, Signature, Trial, TrialState


def measured(trial, epoch, accuracy, loss=1.0):
    return Measurement(trial, epoch, 1.0, 0.5, loss, accuracy, 0.1)


def test_who_diverged_or_failed_or_is_no_number_has_no_best():
    bests = [measured(0, 3, 0.9), measured(1, 3, 0.8), measured(2, 3, 0.95), None]
    bests.append(measured(4, 3, math.nan))
    states = [TrialState.DIVERGED, TrialState.STOPPED, TrialState.FAILED, TrialState.WAITING]
    states.append(TrialState.PAUSED)
    expected = (None, bests[1], None, None, None)
    assert usable(bests, states, "dev_accuracy") == expected
    assert leaders(bests, states.__getitem__, "dev_accuracy", 9) == [bests[1]]


@pytest.mark.parametrize("metric", ["dev_accuracy", "dev_loss", "train_loss"])
@given(
    st.lists(
        st.tuples(
            st.none() | st.sampled_from([0.5, 0.7, 0.9, math.nan, math.inf]),
            st.sampled_from([0.2, 1.0, math.nan]),
            st.integers(1, 3),
            st.sampled_from(list(TrialState)),
        )
    ),
    st.integers(1, 5),
)
def test_leaders_are_the_first_of_the_usable(metric, rows, count):
    bests = [
        None if accuracy is None else measured(trial, epoch, accuracy, loss)
        for trial, (accuracy, loss, epoch, _) in enumerate(rows)
    ]
    states = [row[3] for row in rows]
    able = [best for best in usable(bests, states, metric) if best is not None]
    able.sort(key=lambda best: merit_of(best, metric))
    asked = []
    found = leaders(bests, lambda trial: asked.append(trial) or states[trial], metric, count)
    assert found == able[:count]
    assert len(asked) <= count + sum(state in USELESS for state in states)


def test_a_fixed_list_has_bests_at_the_end_alone():
    trials = [Trial(0, (), {}), Trial(1, (), {})]
    listed = Listed(trials, lambda _: Signature((), 1, "any"), 2)
    listed.next_assignment()
    listed.observe([measured(0, 1, 0.9), measured(0, 2, 0.8), measured(1, 1, 0.7)])
    assert listed.bests == [measured(0, 2, 0.8), None]
    assert listed.best == listed.bests[0]

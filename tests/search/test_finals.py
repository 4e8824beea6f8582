"""Who is retrained, and the list that trains them: to the end, once, replicate by replicate."""

import math
from collections.abc import Mapping
from pathlib import Path

import pytest
from simulated import measured

from caviar.search.factory import caviar_strategy
from caviar.search.finalists import baseline, finals_for, sizes_for, trials_of
from caviar.search.listed import Listed
from caviar.search.simulate import Conditions, Simulation
from caviar.study.finals import Candidate, Finals, replicate_seed
from caviar.study.records import Assignment, Measurement, Purpose, Terms, Trial, TrialState, Value
from caviar.study.signature import signatures
from caviar.study.spec import StudySpec

SPEC = StudySpec.parse("[search]\ntrials = 30\nmax_epochs = 9\n[winner]\nseeds = 4\n")


def by_rate(hyperparameters: Mapping[str, Value], epoch: int) -> float:
    """Best near 0.01; the largest rates diverge; epochs add a little."""
    rate = float(hyperparameters["learning_rate"])
    if rate > 0.5:
        return math.nan
    return 0.9 - 0.1 * abs(math.log10(rate) + 2) + 0.001 * epoch


def searched(spec=SPEC, curve=by_rate):
    return Simulation(lambda: caviar_strategy(spec), curve).run().entries


def listed(finals, spec=SPEC, **options):
    return Listed(
        trials_of(finals),
        signatures(spec),
        finals.epochs,
        terms_of=lambda trial: Terms(trial.draw, finals.candidate(trial.index).share),
        **options,
    )


def trained(entries):
    return {(e.trial, e.epoch) for e in entries if isinstance(e, Measurement)}


# Who


def test_the_best_configurations_and_the_middle_of_the_space():
    entries = searched()
    finals = finals_for(SPEC, entries)
    assert (finals.number, finals.epochs, finals.seeds) == (1, 9, 4)
    *best, base = finals.candidates
    trials = [entry for entry in entries if isinstance(entry, Trial)]
    last = {e.trial: e.dev_accuracy for e in entries if isinstance(e, Measurement)}
    order = sorted(last, key=lambda t: -last[t] if math.isfinite(last[t]) else math.inf)
    assert [one.trial for one in best] == order[:3]
    assert [one.score for one in best] == [last[t] for t in order[:3]]
    assert all(one.hyperparameters == trials[one.trial].hyperparameters for one in best)
    assert (base.name, base.trial) == ("baseline", None)
    assert base.hyperparameters["learning_rate"] == pytest.approx(0.01)
    assert base.hyperparameters.keys() == best[0].hyperparameters.keys()


def test_a_configuration_tried_twice_is_retrained_once():
    spec = SPEC.model_copy(update={"search": SPEC.search.model_copy(update={"replicates": 3})})
    finals = finals_for(spec, searched(spec))
    seen = [tuple(sorted(one.hyperparameters.items())) for one in finals.candidates[:-1]]
    assert len(set(seen)) == len(seen) == 3


def test_nobody_where_nothing_was_trained_diverged_or_is_wanted():
    assert finals_for(SPEC, []) is None
    assert finals_for(SPEC, searched(curve=lambda h, epoch: math.nan)) is None
    none = SPEC.model_copy(update={"winner": SPEC.winner.model_copy(update={"top": 0})})
    assert finals_for(none, searched()) is None


def test_a_panda_s_way_cannot_be_repeated():
    days = [Trial(0, (), {}), Trial(1, (), {}, parent=(0, 3))]
    ran = Assignment((0,), 0, 3, signatures(SPEC)(baseline(SPEC)))
    assert finals_for(SPEC, [days[0], ran, measured(0, 3), days[1]]) is None


def test_the_same_finals_again_keep_their_number():
    entries = searched()
    first = finals_for(SPEC, entries)
    assert finals_for(SPEC, entries, first) is first
    again = Finals.from_json(first.to_json())
    assert again == first
    longer = SPEC.model_copy(update={"search": SPEC.search.model_copy(update={"max_epochs": 27})})
    assert finals_for(longer, entries, first).number == 2


def test_a_person_s_baseline():
    spec = StudySpec.parse("[baseline]\nunits = 64\nlearning_rate = 0.001")
    found = baseline(spec)
    assert (found["units"], found["learning_rate"]) == (64, 0.001)
    assert found["beta_1"] == baseline(StudySpec())["beta_1"]


def test_a_baseline_fulfils_the_constraints():
    spec = StudySpec.parse('[search]\nwhere = ["units <= 55"]')
    assert baseline(StudySpec())["units"] > 55 >= baseline(spec)["units"]


# The list

FINALS = Finals(
    1,
    9,
    4,
    tuple(
        Candidate(f"trial {t}", dict(baseline(SPEC)) | {"batch_size": batch}, t)
        for t, batch in enumerate((32, 64, 64))
    ),
)


@pytest.mark.parametrize("mishaps", [0.0, 0.2])
@pytest.mark.parametrize("slices", [1, 3])
def test_every_trial_is_trained_to_the_end_once(slices, mishaps):
    conditions = Conditions(slices=slices, failure_rate=0.0, kill_rate=mishaps)
    simulation = Simulation(lambda: listed(FINALS, slices=slices), by_rate, conditions)
    outcome = simulation.run()
    assert trained(outcome.entries) == {(t, e) for t in range(12) for e in range(1, 10)}
    assert len([e for e in outcome.entries if isinstance(e, Trial)]) == 12
    assert simulation.strategy.finished
    for entry in outcome.entries:
        if isinstance(entry, Assignment):
            replicates = {simulation.strategy.trials[t].draw for t in entry.trials}
            assert len(replicates) == 1
            assert entry.purpose is Purpose.RETRAINING


def test_trials_count_candidates_then_replicates():
    trials = trials_of(FINALS)
    assert [trial.index for trial in trials] == list(range(12))
    assert [(t.origin, t.draw) for t in trials[3:6]] == [
        ("trial 0", 4),
        ("trial 1", 1),
        ("trial 1", 2),
    ]
    assert trials[5].hyperparameters["batch_size"] == 64


def test_what_ends_early_is_over():
    strategy = listed(FINALS)
    given = [strategy.next_assignment() for _ in range(3)]
    first = given[0].trials[0]
    strategy.observe([measured(first, 1, diverged=True)])
    assert strategy.state(first) is TrialState.DIVERGED
    other = given[1].trials[0]
    strategy.observe([measured(other, 2, 0.9, stopped=True)])
    assert strategy.state(other) is TrialState.STOPPED
    assert (strategy.best.trial, strategy.best.epoch) == (other, 2)
    strategy.fail(given[2].trials[0])
    assert strategy.most_lane_epochs == 9 * 9
    assert not strategy.finished


def test_parts_of_the_data_are_trained_apart():
    found = sizes_for(SPEC, FINALS.candidates[0], 9)
    assert [one.share for one in found.candidates] == [0.125, 0.25, 0.5, 1.0]
    assert sizes_for(SPEC, FINALS.candidates[0], 9, found) is found
    assert found.folder(Path("s")) == Path("s/sizes-1")
    assert Finals.from_json(found.to_json()) == found
    simulation = Simulation(lambda: listed(found), by_rate)
    entries = simulation.run().entries
    assert trained(entries) == {(t, e) for t in range(16) for e in range(1, 10)}
    assert all(len(e.trials) == 1 for e in entries if isinstance(e, Assignment))


def test_seeds_of_replicates_differ():
    seeds = {replicate_seed(study, replicate) for study in range(50) for replicate in range(1, 50)}
    assert len(seeds) == 50 * 49
    assert max(seeds) < 2**32

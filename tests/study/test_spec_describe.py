"""What `caviar check` prints about a study, worked out by hand."""

import pytest

from caviar.study.cost import cost_of, trial_epochs, trials_at_rung
from caviar.study.describe import (
    HyperparameterRow,
    count_weights,
    describe,
    most_compiled_steps,
)
from caviar.study.run_tables import Search
from caviar.study.spec import StudySpec


def test_the_default_study_in_figures() -> None:
    figures = describe(StudySpec(), features=64, classes=10)
    cost = figures.cost
    assert cost.rungs == (1, 3, 9, 27)
    assert cost.trials_at_rung == (64, 21, 7, 2)
    assert cost.trial_epochs == 64 * 1 + 21 * 2 + 7 * 6 + 2 * 18
    assert cost.most_trial_epochs == cost.trial_epochs + 26 + 24 + 18
    assert figures.most_compiled_steps == 4
    smallest = 64 * 50 + 50 * 50 + 2 * 2 * 50 + 50 * 10 + 10
    largest = 64 * 100 + 3 * 100 * 100 + 4 * 2 * 100 + 100 * 10 + 10
    assert figures.weights == (smallest, largest)


def test_a_bottleneck_is_smaller_than_no_hidden_layer() -> None:
    spec = StudySpec.parse("[network]\nlayers = { low = 0, high = 1 }\nunits = 1")
    assert describe(spec, features=64, classes=10).weights == (64 + 2 + 10 + 10, 650)


def test_without_the_data_the_networks_size_is_unknown() -> None:
    assert describe(StudySpec()).weights is None
    assert describe(StudySpec(), features=64).weights is None


def test_one_row_for_every_hyperparameter_in_use() -> None:
    rows = {row.name: row for row in describe(StudySpec()).rows}
    assert list(rows) == [
        "layers",
        "units",
        "activation",
        "batch_norm",
        "batch_norm_momentum",
        "batch_norm_epsilon",
        "initializer",
        "initializer_scale",
        "optimizer",
        "learning_rate",
        "beta_1",
        "beta_2",
        "epsilon",
        "batch_size",
        "schedule",
        "learning_rate_decay",
    ]
    assert rows["layers"] == HyperparameterRow("layers", "linear", 2, 4, (2, 2, 3, 4, 4))
    assert rows["epsilon"] == HyperparameterRow("epsilon", "fixed", 1e-8, 1e-8, ())
    assert rows["batch_size"].samples == (32, 64, 128, 128, 256)
    assert rows["beta_1"].scale == "one_minus"
    assert rows["beta_1"].samples[2] == pytest.approx(0.99)


def test_a_single_layer_by_hand() -> None:
    assert count_weights([3], features=2, classes=2) == 6 + 6 + 6 + 2
    assert count_weights([3], features=2, classes=2, batch_norm=False) == 6 + 3 + 6 + 2


def test_softmax_regression_and_layers_of_their_own_by_hand() -> None:
    assert count_weights([], features=4, classes=3) == 4 * 3 + 3
    assert count_weights([5, 2], features=4, classes=3) == 20 + 10 + 10 + 4 + 6 + 3


@pytest.mark.parametrize(
    ("search", "at_rung", "epochs"),
    [
        # Nobody is promoted: one trial goes on to the end.
        (Search(trials=1), (1, 0, 0, 1), 27),
        (Search(trials=2), (2, 0, 0, 1), 2 + 26),
        # Completion begins at the rung that the last promotion reached.
        (Search(trials=5), (5, 1, 0, 1), 5 + 2 + 24),
        (Search(trials=20), (20, 6, 2, 1), 20 + 6 * 2 + 2 * 6 + 18),
        (Search(trials=81), (81, 27, 9, 3), 81 + 27 * 2 + 9 * 6 + 3 * 18),
        (Search(trials=7, max_epochs=5, grace_epochs=5), (7,), 35),
        (Search(trials=9, max_epochs=5, grace_epochs=2), (9, 3), 18 + 9),
    ],
)
def test_the_cost(search: Search, at_rung: tuple[int, ...], epochs: int) -> None:
    assert trials_at_rung(search, search.trials) == at_rung
    assert trial_epochs(search, search.trials) == epochs


def test_the_cost_of_brackets_is_their_sum() -> None:
    search = Search(trials=20, max_epochs=9, brackets=2)
    # Of two brackets with eta 3 the parts are 1/2 and 1/3: 12 and 8 of 20 trials.
    assert trials_at_rung(search, 20) == (12, 4, 1, 8, 2)
    assert trial_epochs(search, 20) == 12 + 4 * 2 + 6 + 8 * 3 + 2 * 6


def test_replicates_cost_their_first_rung_at_least() -> None:
    plain, more = Search(), Search(replicates=4)
    assert trial_epochs(more, 64) == trial_epochs(plain, 64) + 4


@pytest.mark.parametrize(
    ("text", "trials", "least", "most"),
    [
        ("[budget]\ntrial_epochs = 1000", 338, 1000, 1000),
        ("[budget]\ntrial_epochs = 1000\n[search]\ntrials = 64", 64, 184, 252),
        ("[budget]\ntrial_epochs = 200\n[search]\ntrials = 64", 64, 184, 200),
        ("[budget]\ntrial_epochs = 100\n[search]\ntrials = 64", 64, 100, 100),
        ("[budget]\nhours = 2.0", None, None, None),
    ],
)
def test_the_cost_under_a_budget(
    text: str, trials: int | None, least: int | None, most: int | None
) -> None:
    cost = cost_of(StudySpec.parse(text))
    assert (cost.trials, cost.trial_epochs, cost.most_trial_epochs) == (trials, least, most)
    assert cost.budget


FOUR = """
[network]
layers = 2
units = { choices = [16, 32] }
[training]
optimizer = "sgd"
learning_rate = 0.1
batch_size = { choices = [32, 64] }
"""


@pytest.mark.parametrize(
    ("text", "trials", "least", "most"),
    [
        (f"{FOUR}[search]\ntrials = 64\nmax_epochs = 3", 4, 6, 8),
        (f"{FOUR}[search]\nmax_epochs = 3\n[budget]\ntrial_epochs = 100", 4, 6, 8),
        (f"{FOUR}[search]\nmax_epochs = 3\n[budget]\nhours = 2.0", 4, 6, 8),
        (f"{FOUR}[search]\nmax_epochs = 3\ntrials = 2", 2, 4, 6),
        # 2 x 2 x 2 values of the rates and the 4 batch sizes; a point of one's own is no grid's.
        (
            "[network]\nlayers = 2\nunits = 64\n[search]\nsearcher = 'grid'\ntrials = 35",
            32,
            88,
            156,
        ),
    ],
)
def test_a_space_that_is_tried_whole_costs_no_more(
    text: str, trials: int, least: int, most: int
) -> None:
    cost = cost_of(StudySpec.parse(text))
    assert (cost.trials, cost.trial_epochs, cost.most_trial_epochs) == (trials, least, most)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 4),
        ("[training]\nbatch_size = 64", 1),
        ("[training]\nbatch_size = { low = 16, high = 64, step = 16 }", 4),
        ('[training]\noptimizer = { choices = ["sgd", "adam"] }', 8),
        ("[training]\nbatch_size = { low = 16, high = 512 }", 64),
        (
            "[training]\nbatch_size = 64\n"
            "[network]\nlayers = { low = 1, high = 3 }\nunits = { low = 200, high = 500 }",
            3 * 3,
        ),
        # No hidden layer is a shape of its own; activations multiply the others only.
        ("[training]\nbatch_size = 64\n[network]\nlayers = { low = 0, high = 3 }", 2),
        (
            "[training]\nbatch_size = 64\n[network]\nlayers = { choices = [0, 3] }\n"
            "batch_norm = { choices = [true, false] }\n"
            "activation = { choices = ['tanh', 'gelu'], when = { batch_norm = true } }",
            2 * 3 + 1,
        ),
        # Layers of their own: 600 fixed, and 200 to 500 in the buckets 256, 384 and 512.
        (
            "[training]\nbatch_size = 64\n"
            "[network]\nunits = [600, { low = 200, high = 500 }, { low = 200, high = 500 }]",
            3 * 3,
        ),
        ("[training]\nbatch_size = 64\n[network]\nlayers = 0", 1),
    ],
)
def test_compiled_steps_are_bounded(text: str, count: int) -> None:
    assert most_compiled_steps(StudySpec.parse(text)) == count

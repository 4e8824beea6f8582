"""What is said without effect is remarked on, and nothing else."""

from pathlib import Path

import pytest

from caviar.study.remarks import remarks
from caviar.study.spec import StudySpec, init_text

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.toml"))


def remarked(text: str) -> list[str]:
    return remarks(StudySpec.parse(text))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "[network]\nlayers = 0\n[regularization]\nkeep_prob = 0.5",
            "regularization.keep_prob: no trial uses it, since there are no hidden layers",
        ),
        (
            "[training]\noptimizer = 'adam'\nmomentum = 0.8",
            'training.momentum: no trial uses it, since "adam" does not use it',
        ),
        (
            "[training]\noptimizer = 'sgd'\nbeta_1 = 0.5",
            'training.beta_1: no trial uses it, since "sgd" does not use it',
        ),
        (
            "[training]\nschedule = 'none'\ndecay_epochs = 3",
            'training.decay_epochs: no trial uses it, since the schedule "none" does not use it',
        ),
        (
            "[network]\nbatch_norm = false\nbatch_norm_momentum = 0.9",
            "network.batch_norm_momentum: no trial uses it, since batch_norm is false",
        ),
        (
            "[training]\npatience = 2\n[search]\nmax_epochs = 3",
            "training.patience: 2 epochs without a better metric are not over before "
            "max_epochs = 3: no trial stops early",
        ),
        (
            "[training]\npatience = 4\n[search]\nstrategy = 'panda'\n[panda]\nday_epochs = 5",
            "training.patience: 4 epochs without a better metric are not over before "
            "day_epochs = 5: no trial stops early",
        ),
        (
            "[training]\nwarmup_epochs = { low = 3.0, high = 9.0 }\n[search]\nmax_epochs = 3",
            "training.warmup_epochs: 3 epochs are not over before max_epochs = 3: no trial "
            "reaches its learning rate",
        ),
        (
            "[budget]\ntrial_epochs = 20",
            "budget.trial_epochs: 20 bring no trial to search.max_epochs = 27",
        ),
        (
            "[budget]\nplateau = 64",
            "budget.plateau: 64 trials in a row are not over before search.trials = 64: "
            "it ends nothing",
        ),
        (
            "[search]\ntrials = 8\nreplicates = 4",
            "search.replicates: nothing is repeated before reduction_factor squared = 9 trials "
            "were compared, and search.trials = 8",
        ),
    ],
)
def test_what_has_no_effect_is_remarked_on(text: str, line: str) -> None:
    assert remarked(text) == [line]
    assert remarks(StudySpec.from_json(StudySpec.parse(text).to_json())) == [line]


@pytest.mark.parametrize(
    "text",
    [
        "",
        init_text(),
        "[network]\nlayers = 0",
        "[training]\noptimizer = 'sgd'",
        "[training]\noptimizer = { choices = ['sgd', 'momentum'] }\nmomentum = 0.8",
        "[training]\npatience = 1\n[search]\nmax_epochs = 3",
        "[network]\nlayers = 0\n[regularization]\nkeep_prob = 1.0",
        "[budget]\ntrial_epochs = 27\nplateau = 63",
        "[search]\ntrials = 9\nreplicates = 4",
        *(path.read_text() for path in EXAMPLES),
    ],
)
def test_what_has_an_effect_is_not(text: str) -> None:
    assert remarked(text) == []

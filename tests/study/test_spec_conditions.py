"""Who plays beside whom in a study: by nature, and because the file says so."""

import pytest

from caviar.errors import StudyError
from caviar.space.condition import Condition
from caviar.space.domain import Choice, Float, Integer
from caviar.space.scale import LOG, ONE_MINUS
from caviar.study.describe import describe
from caviar.study.spec import StudySpec

OPTIMIZERS = """
[training]
optimizer = { choices = ["sgd", "momentum", "adam", "adamw"] }
momentum = { low = 0.5, high = 0.99, scale = "one_minus" }
batch_size = 64
[regularization]
l2 = { low = 1e-5, high = 1e-2, scale = "log", when = { optimizer = ["sgd", "momentum"] } }
keep_prob = { value = 0.8, when = { optimizer = "sgd" } }
"""


def trial_of(spec: StudySpec, **wanted: object) -> dict[str, object]:
    """The trial at the middle of everything but what is wanted."""
    place = {name: spec.space.domains[name].encode(value) for name, value in wanted.items()}
    return spec.space.decode([place.get(name, 0.5) for name in spec.space.names])


def test_an_optimizer_has_its_own_hyperparameters() -> None:
    spec = StudySpec.parse(OPTIMIZERS)
    own = {"momentum", "beta_1", "beta_2", "epsilon", "l2", "keep_prob", "weight_decay"}
    for optimizer, expected in (
        ("sgd", {"l2", "keep_prob"}),
        ("momentum", {"momentum", "l2"}),
        ("adam", {"beta_1", "beta_2", "epsilon"}),
        ("adamw", {"beta_1", "beta_2", "epsilon", "weight_decay"}),
    ):
        assert own & trial_of(spec, optimizer=optimizer).keys() == expected
    assert trial_of(spec, optimizer="adamw")["weight_decay"] == 0.01
    assert spec.techniques == ("keep_prob", "l2", "weight_decay")


def test_conditions_survive_json_and_are_written_as_they_stood() -> None:
    spec = StudySpec.parse(OPTIMIZERS)
    assert StudySpec.from_json(spec.to_json()) == spec
    regularization = spec.model_dump(mode="json")["regularization"]
    assert regularization["keep_prob"] == {"value": 0.8, "when": {"optimizer": "sgd"}}
    assert regularization["l2"]["when"] == {"optimizer": ["sgd", "momentum"]}
    other = StudySpec.parse(OPTIMIZERS.replace('optimizer = "sgd"', 'optimizer = "adam"'))
    assert spec.difference(other) == [
        "regularization.keep_prob: { value = 0.8, when = { optimizer = 'sgd' } } -> "
        "{ value = 0.8, when = { optimizer = 'adam' } }"
    ]


def test_a_condition_that_always_holds_is_none() -> None:
    spec = StudySpec.parse(
        "[network]\nlayers = 2\n"
        "[augmentation]\nnoise = { low = 0.1, high = 0.2, when = { optimizer = 'adam' } }\n"
        "flip = { value = 0.5, when = { layers = [2, 3] } }"
    )
    assert spec.space.conditions == {}
    assert spec.space.domains["noise"] == Float(0.1, 0.2)
    assert spec.space.fixed["flip"] == 0.5


def test_a_condition_on_another_that_has_one() -> None:
    spec = StudySpec.parse(
        """
        [network]
        batch_norm = { choices = [true, false] }
        activation = { choices = ["relu", "tanh"], when = { batch_norm = false } }
        initializer_scale = { low = 0.5, high = 2.0, when = { activation = "tanh" } }
        """
    )
    assert "activation" not in trial_of(spec, batch_norm=True)
    assert "initializer_scale" not in trial_of(spec, batch_norm=True, activation="tanh")
    assert "initializer_scale" in trial_of(spec, batch_norm=False, activation="tanh")
    assert "initializer_scale" not in trial_of(spec, batch_norm=False, activation="relu")
    assert "batch_norm_momentum" not in trial_of(spec, batch_norm=False)


def test_a_condition_on_one_that_is_inactive_does_not_hold() -> None:
    spec = StudySpec.parse(
        """
        [training]
        optimizer = { choices = ["sgd", "adam"] }
        [regularization]
        l2 = { value = 0.0, when = { optimizer = "adam" } }
        l1 = { value = 0.1, when = { l2 = 0.0 } }
        """
    )
    assert trial_of(spec, optimizer="adam")["l1"] == 0.1
    assert "l1" not in trial_of(spec, optimizer="sgd")
    assert spec.techniques == ("l1",)


def test_layers_of_their_own_play_where_there_are_so_many() -> None:
    spec = StudySpec.parse(
        """
        [network]
        layers = { low = 0, high = 2 }
        units = [{ low = 20, high = 60 }, 30]
        [regularization]
        keep_prob = [0.8, { low = 0.5, high = 1.0 }]
        max_norm = 2.0
        """
    )
    own = {"units_1", "units_2", "keep_prob_1", "keep_prob_2", "max_norm", "activation"}
    for layers, expected in (
        (0, set()),
        (1, {"units_1", "keep_prob_1", "max_norm", "activation"}),
        (2, own),
    ):
        assert own & trial_of(spec, layers=layers).keys() == expected
    assert spec.hyperparameter("units_1") == Integer(20, 60)
    assert spec.hyperparameters[:3] == ("layers", "units_1", "units_2")
    assert spec.space.conditions["units_2"] == Condition((("layers", (2,)),))
    assert describe(spec, 4, 3).weights == (4 * 3 + 3, 4 * 60 + 60 * 30 + 30 * 3 + 2 * 90 + 3)


def test_units_in_a_list_say_how_many_layers_there_are() -> None:
    spec = StudySpec.parse("[network]\nunits = [256, { low = 64, high = 128 }]")
    assert spec.network.layers == 2
    assert spec.space.names[0] == "units_2"
    assert spec.space.fixed["units_1"] == 256
    assert StudySpec.from_json(spec.to_json()) == spec


def test_softmax_regression_searches_no_units() -> None:
    spec = StudySpec.parse("[network]\nlayers = 0")
    assert not {"units", "activation", "batch_norm"} & {*spec.space.names, *spec.space.fixed}
    assert describe(spec, 64, 10).weights == (650, 650)


def test_adamw_decays_weights_unless_told_otherwise() -> None:
    def decay(text: str) -> object:
        return StudySpec.parse(f"[training]\noptimizer = {text}").hyperparameter("weight_decay")

    assert decay('"adam"') == 0.0
    assert decay('"adamw"') == 0.01
    assert decay('"adamw"\n[regularization]\nweight_decay = 0.0') == 0.0
    assert decay('{ choices = ["adamw", "adam"] }') == 0.01
    searched = 'weight_decay = { low = 1e-4, high = 0.1, scale = "log" }'
    assert decay(f'"adamw"\n[regularization]\n{searched}') == Float(1e-4, 0.1, LOG)


@pytest.mark.parametrize(
    ("schedule", "epochs"),
    [
        ('"cosine"', {"cosine": 9.0}),
        ('"staircase"', {"staircase": 1.0}),
        (
            '{ choices = ["cosine", "exponential", "none"] }',
            {"cosine": 9.0, "exponential": 1.0, "none": None},
        ),
        ('{ choices = ["none", "cosine"] }', {"cosine": 9.0, "none": None}),
        (
            '{ choices = ["staircase", "cosine"] }\ndecay_epochs = 4',
            {"staircase": 4.0, "cosine": 4.0},
        ),
        ('"inverse_sqrt"', {"inverse_sqrt": None}),
    ],
)
def test_decay_epochs_are_those_of_the_schedule(schedule: str, epochs: dict) -> None:
    spec = StudySpec.parse(f"[training]\nschedule = {schedule}\n[search]\nmax_epochs = 9")
    for name, expected in epochs.items():
        wanted = {"schedule": name} if "schedule" in spec.space.names else {}
        assert trial_of(spec, **wanted).get("decay_epochs") == expected
    assert StudySpec.from_json(spec.to_json()) == spec


def test_a_cosine_grows_with_the_study() -> None:
    spec = StudySpec.parse('[training]\nschedule = "cosine"').override(max_epochs=81)
    assert spec.space.fixed["decay_epochs"] == 81.0


def test_the_table_says_where_a_hyperparameter_plays() -> None:
    spec = StudySpec.parse(OPTIMIZERS.replace("[training]", "[training]\nschedule = 'none'"))
    when = {row.name: row.when for row in describe(spec).rows}
    assert when["beta_1"] == "optimizer = adam, adamw"
    assert when["l2"] == "optimizer = sgd, momentum"
    assert when["batch_norm"] == ""
    assert "learning_rate_decay" not in when


def test_the_table_shows_every_value_of_one_that_follows_another() -> None:
    spec = StudySpec.parse('[training]\nschedule = { choices = ["cosine", "staircase"] }')
    rows = [row for row in describe(spec).rows if row.name == "decay_epochs"]
    assert [(row.scale, row.low, row.when) for row in rows] == [
        ("fixed", 27.0, "schedule = cosine"),
        ("fixed", 1.0, "schedule = staircase"),
    ]


def test_a_choice_of_flags_and_names_is_not_ordered() -> None:
    spec = StudySpec.parse("[network]\nbatch_norm = { choices = [false, true] }")
    assert spec.network.batch_norm == Choice((False, True))
    low = StudySpec.parse(
        '[network]\nbatch_norm_momentum = { low = 0.9, high = 0.999, scale = "one_minus" }'
    )
    assert low.network.batch_norm_momentum == Float(0.9, 0.999, ONE_MINUS)


MISTAKES = [
    (
        "[regularization]\nl2 = { value = 0.1, when = { optimiser = 'adam' } }",
        "regularization.l2: when: unknown hyperparameter 'optimiser', did you mean \"optimizer\"?",
    ),
    (
        "[regularization]\nl2 = { value = 0.1, when = { xyz = 'adam' } }",
        "regularization.l2: when: unknown hyperparameter 'xyz', it must be a key such as optimizer",
    ),
    (
        "[regularization]\nl2 = { value = 0.1, when = { learning_rate = 0.1 } }",
        "regularization.l2: when: learning_rate must have choices or steps, "
        "since no draw meets a number exactly",
    ),
    (
        "[training]\nschedule = { choices = ['cosine', 'staircase'] }\n"
        "clip_norm = { value = 1, when = { decay_epochs = 1 } }",
        "training.clip_norm: when: decay_epochs must not be asked for, since it follows schedule",
    ),
    (
        "[network]\nunits = [9, 8]\n[regularization]\nl2 = { value = 0.1, when = { units = 9 } }",
        "regularization.l2: when: unknown hyperparameter 'units', did you mean \"units_2\"?",
    ),
    (
        "[regularization]\nl2 = { value = 0.1, when = { optimizer = 'adm' } }",
        "regularization.l2: when: optimizer is always 'adam', got ['adm']",
    ),
    (
        "[training]\noptimizer = { choices = ['sgd', 'adam'] }\n"
        "[regularization]\nl2 = { value = 0.1, when = { optimizer = ['sgd', 'adm'] } }",
        "regularization.l2: when: optimizer must be one of ['sgd', 'adam'], got 'adm'",
    ),
    (
        "[training]\noptimizer = { choices = ['sgd', 'adam'] }\n"
        "beta_1 = { low = 0.5, high = 0.9, when = { optimizer = 'sgd' } }",
        "training.beta_1: when: must hold for some trial, but it never does",
    ),
    (
        "[regularization]\nl2 = { value = 0.1, when = { noise = 0.5 } }\n"
        "[augmentation]\nnoise = { choices = [0.0, 0.5], when = { l2 = 0.1 } }",
        "regularization.l2: conditions must not lead back to where they began, "
        "got l2 -> noise -> l2",
    ),
    (
        "[regularization]\nl2 = { value = 0.1, when = { l2 = 0.1 } }",
        "regularization.l2: conditions must not lead back to where they began, got l2 -> l2",
    ),
    (
        "[regularization]\nl2 = { value = 0.1, when = 'adam' }",
        "regularization.l2: when must be a table like { optimizer = 'adam' }, got 'adam'",
    ),
    (
        "[regularization]\nl2 = { value = 0.1, when = {} }",
        "regularization.l2: when must be a table like { optimizer = 'adam' }, got {}",
    ),
    (
        "[regularization]\nl2 = { value = 0.1, when = { optimizer = [] } }",
        "regularization.l2: when: 'optimizer' must be a value or values, got []",
    ),
    (
        "[regularization]\nl2 = { value = 0.1, low = 0.2 }",
        "regularization.l2: unknown key 'low', known are value, when",
    ),
    (
        "[training]\nlearning_rate = { value = 0.1, when = { optimizer = 'adam' } }",
        "training.learning_rate: must have no `when`: every trial needs it",
    ),
    (
        "[network]\nbatch_norm_momentum = { low = 0.5, high = 0.9 }\nbatch_norm = false",
        "network.batch_norm_momentum: must not be searched, since batch_norm is false",
    ),
    (
        "[network]\nlayers = 0\nunits = { low = 5, high = 9 }",
        "network.units: must not be searched, since there are no hidden layers",
    ),
    (
        "[network]\nlayers = 0\nbatch_norm_epsilon = { low = 0.5, high = 0.9 }",
        "network.batch_norm_epsilon: must not be searched, since there are no hidden layers",
    ),
    (
        "[training]\nschedule = 'none'\nlearning_rate_decay = { low = 0.0, high = 0.9 }",
        'training.learning_rate_decay: must not be searched, since the schedule "none" '
        "does not use it",
    ),
    (
        "[training]\nschedule = { choices = ['none', 'cosine'] }\n"
        "decay_factor = { low = 0.5, high = 0.9 }",
        'training.decay_factor: must not be searched, since none of the schedules "none", '
        '"cosine" uses it',
    ),
    (
        "[network]\nlayers = { low = 1, high = 3 }\nunits = [8, 8]",
        "network.units: must list one a layer, and network.layers is up to 3, got 2",
    ),
    (
        "[regularization]\nkeep_prob = [0.8, 0.9]",
        "regularization.keep_prob: must list one a layer, and network.layers is up to 4, got 2",
    ),
    (
        "[regularization]\nkeep_prob = [0.8, 0.0, 1.0, 1.0]",
        "regularization.keep_prob: layer 2: must be > 0, got 0.0",
    ),
    (
        "[network]\nunits = [8, { low = 4, high = 'a' }]",
        "network.units: layer 2: high must be a whole number, got 'a'",
    ),
    ("[network]\nunits = []", "network.units: must list one to 64 hidden layers, got 0"),
    (
        "[network]\nbatch_norm = { low = 0, high = 1 }",
        "network.batch_norm: must be true, false or { choices = [...] }, "
        "got { low = 0, high = 1 }",
    ),
    ("[network]\nbatch_norm = 1", "network.batch_norm: must be true or false, got 1"),
    (
        "[network]\nactivation = 'swish'",
        'network.activation: must be one of "relu", "leaky_relu", "tanh", "sigmoid", "gelu", '
        "got 'swish'",
    ),
    ("[training]\ndecay_epochs = 0", "training.decay_epochs: must be > 0, got 0.0"),
    ("[training]\ndecay_factor = 1.5", "training.decay_factor: must be <= 1, got 1.5"),
    ("[augmentation]\nshift = 1", "augmentation.shift: must be < 1, got 1.0"),
    ("[augmentation]\nrotation = 181", "augmentation.rotation: must be <= 180, got 181.0"),
    ("[training]\npatience = -1", "training.patience: must be >= 0, got -1"),
    (
        "[training]\nprecision = 'half'",
        "training.precision: must be 'float32', 'bfloat16' or 'auto', got 'half'",
    ),
    (
        "[training]\nloss = 'mse'",
        "training.loss: unknown key, caviar classifies only: it has no task or loss to choose, "
        "and no regression",
    ),
    ("[training]\nl2 = 0.1", "training.l2: unknown key, it belongs in [regularization]"),
    (
        "[network]\ndropout = 0.1",
        "network.dropout: unknown key, dropout is said as keep_prob in [regularization]: "
        "1 - the share dropped",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), MISTAKES, ids=[text[:40] for text, _ in MISTAKES])
def test_a_mistake_is_told_in_one_line(text: str, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        StudySpec.parse(text)
    assert str(caught.value) == f"study.toml: {message}"

"""The study file as an object: defaults, round trips, what makes two studies one."""

import hashlib
import json
import pickle
import subprocess
import sys
import tomllib
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.errors import StudyError
from caviar.space.domain import Choice, Float, Integer
from caviar.space.scale import LOG, ONE_MINUS
from caviar.study.data_table import Fractions
from caviar.study.flat import HYPERPARAMETERS
from caviar.study.hyperparameter import to_plain
from caviar.study.run_tables import Search
from caviar.study.spec import StudySpec, init_text
from caviar.study.tables import OPTIMIZERS, Training

ISSUE = """
name = "digits"
seed = 0
[data]
name = "digits"
[network]
layers = { low = 2, high = 4 }
units = { low = 50, high = 100 }
[training]
optimizer = "adam"
learning_rate = { low = 1e-4, high = 1.0, scale = "log" }
beta_1 = { low = 0.9, high = 0.999, scale = "one_minus" }
beta_2 = { low = 0.9, high = 0.9999, scale = "one_minus" }
epsilon = 1e-8
batch_size = { choices = [32, 64, 128, 256] }
learning_rate_decay = 0.0
[search]
strategy = "caviar"
trials = 64
max_epochs = 27
grace_epochs = 1
reduction_factor = 3
metric = "dev_accuracy"
[resources]
cpus_per_slice = 1
gpus_per_slice = 0.0
max_slices = "auto"
stack = "auto"
"""
"""The study of the contract."""

WIDE = """
name = "my-study_1"
seed = 4294967295
[data]
name = "mnist/Config-1.0:3.0.1"
data_dir = "/data"
fractions = { train = 0.8, dev = 0.2 }
[network]
layers = 3
units = { low = 16, high = 128, step = 16, scale = "log" }
[training]
optimizer = { choices = ["momentum", "adam"] }
learning_rate = { choices = [0.1, 1] }
beta_1 = 0.9
momentum = { low = 0.5, high = 0.9, step = 0.1 }
batch_size = 64
[search]
metric = "dev_loss"
[resources]
gpus_per_slice = 0.25
max_slices = 4
stack = 16
"""
"""A study that differs from the default wherever it can."""


def test_the_defaults_are_the_contracts_study() -> None:
    assert StudySpec.parse(ISSUE) == StudySpec() == StudySpec.default() == StudySpec.parse("")


def test_the_shipped_file_is_the_default_study() -> None:
    text = resources.files("caviar.study").joinpath("default.toml").read_text("utf-8")
    assert init_text() == text
    assert StudySpec.parse(text) == StudySpec()


def test_the_shipped_file_names_every_key() -> None:
    given = tomllib.loads(init_text())
    commented = [line[2:].split(" ")[0] for line in init_text().splitlines() if line[:2] == "# "]
    for name, field in StudySpec.model_fields.items():
        assert name in given
        for key in getattr(field.annotation, "model_fields", {}):
            assert key in given[name] or key in commented, key


def test_the_shipped_files_comments_can_be_uncommented() -> None:
    lines = [
        line.removeprefix("# ") if line.startswith(("# data_dir", "# fractions")) else line
        for line in init_text().splitlines()
    ]
    spec = StudySpec.parse("\n".join(lines))
    assert spec.data.data_dir == "/data/tfds"
    assert spec.data.fractions == Fractions(0.6, 0.2, 0.2)


def test_the_default_space() -> None:
    assert StudySpec().space.domains == {
        "layers": Integer(2, 4),
        "units": Integer(50, 100),
        "learning_rate": Float(1e-4, 1.0, LOG),
        "beta_1": Float(0.9, 0.999, ONE_MINUS),
        "beta_2": Float(0.9, 0.9999, ONE_MINUS),
        "batch_size": Choice((32, 64, 128, 256), ordered=True),
    }
    assert StudySpec().space.fixed == {
        "activation": "relu",
        "batch_norm": True,
        "batch_norm_momentum": 0.99,
        "batch_norm_epsilon": 1e-3,
        "initializer": "he",
        "initializer_scale": 1.0,
        "optimizer": "adam",
        "epsilon": 1e-8,
        "schedule": "inverse_time",
        "learning_rate_decay": 0.0,
    }
    assert StudySpec().space.conditions == {}
    assert StudySpec().space is not StudySpec().space


def test_the_default_spaces_points_mean_what_they_always_meant() -> None:
    point = (0.1, 0.9, 0.25, 0.5, 0.75, 0.6)
    found = StudySpec().space.decode(point)
    assert {name: found[name] for name in StudySpec().space.names} == {
        "layers": 2,
        "units": 95,
        "learning_rate": pytest.approx(1e-3),
        "beta_1": pytest.approx(0.99),
        "beta_2": pytest.approx(1 - 10**-3.25),
        "batch_size": 128,
    }


def test_every_hyperparameter_can_be_asked_for() -> None:
    for text in (ISSUE, WIDE):
        spec = StudySpec.parse(text)
        assert spec.hyperparameters == tuple(HYPERPARAMETERS)
        assert [spec.hyperparameter(name) for name in ("l2", "keep_prob")] == [0.0, 1.0]
    assert spec.hyperparameter("momentum") == Float(0.5, 0.9, step=0.1)
    with pytest.raises(KeyError):
        spec.hyperparameter("units_1")


def test_a_wide_file_is_read_as_written() -> None:
    spec = StudySpec.parse(WIDE)
    assert spec.network.units == Integer(16, 128, 16, LOG)
    assert spec.training.optimizer == Choice(("momentum", "adam"))
    assert spec.training.learning_rate == Choice((0.1, 1.0), ordered=True)
    assert spec.training.momentum == Float(0.5, 0.9, step=0.1)
    assert spec.data.fractions == (0.8, 0.2, 0.0)
    assert (spec.metric, spec.lower_is_better) == ("dev_loss", True)
    assert (StudySpec().metric, StudySpec().lower_is_better) == ("dev_accuracy", False)


@pytest.mark.parametrize("text", [ISSUE, WIDE])
def test_json_and_pickle_bring_the_study_back(text: str) -> None:
    spec = StudySpec.parse(text)
    assert StudySpec.from_json(spec.to_json()) == spec
    assert StudySpec.from_json(spec.to_json()).to_json() == spec.to_json()
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert pickle.loads(pickle.dumps(spec)).space == spec.space


def test_json_is_canonical() -> None:
    text = StudySpec().to_json()
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    reordered = "\n".join(["[search]", "trials = 64", "[data]", 'name = "digits"'])
    assert StudySpec.parse(reordered).to_json() == text


@settings(deadline=None)
@given(
    st.one_of(
        st.builds(lambda low, n: Float(low, low * n, LOG), st.floats(1e-9, 1.0), st.floats(2, 99)),
        st.builds(
            lambda step, n: Float(1.0, 1.0 + step * n, step=step), st.floats(1, 9), st.just(5)
        ),
        st.lists(st.floats(1e-9, 1e9), min_size=2, max_size=6, unique=True).map(
            lambda rates: Choice(tuple(rates), ordered=rates == sorted(rates))
        ),
        st.floats(1e-9, 1e9),
    )
)
def test_any_learning_rate_survives_json(learning_rate: float | Float | Choice) -> None:
    spec = StudySpec(training=Training(learning_rate=learning_rate))
    assert StudySpec.from_json(spec.to_json()).training.learning_rate == learning_rate


def test_an_integers_step_of_one_is_not_written_but_a_floats_is() -> None:
    assert to_plain(Integer(1, 4)) == {"low": 1, "high": 4, "scale": "linear"}
    assert to_plain(Float(1.0, 4.0, step=1.0)) == {
        "low": 1.0,
        "high": 4.0,
        "scale": "linear",
        "step": 1.0,
    }


def test_the_fingerprint_leaves_out_where_the_study_runs() -> None:
    spec = StudySpec()
    moved = StudySpec.parse(
        '[data]\ndata_dir = "/x"\n[resources]\nstack = 3\ncpus_per_slice = 2\n[winner]\nseeds = 3\n'
        "[baseline]\nunits = 64\n[goal]\ntarget_error = 0.01"
    )
    assert moved != spec
    assert moved.fingerprint == spec.fingerprint
    assert moved.difference(spec) == []
    plain = json.loads(spec.to_json())
    for key in ("resources", "winner", "baseline", "goal"):
        del plain[key]
    del plain["data"]["data_dir"], plain["data"]["feed"]
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    assert spec.fingerprint == hashlib.sha256(text.encode()).hexdigest()


def test_the_difference_names_keys_and_values() -> None:
    other = StudySpec.parse(
        "seed = 1\n[network]\nlayers = 3\n[search]\ntrials = 128\n[resources]\nstack = 2"
    )
    assert StudySpec().difference(other) == [
        "seed: 0 -> 1",
        "network.layers: { low = 2, high = 4, scale = 'linear' } -> 3",
        "search.trials: 64 -> 128",
    ]
    assert StudySpec().fingerprint != other.fingerprint


def test_override_changes_what_it_is_given() -> None:
    spec = StudySpec.parse(WIDE)
    changed = spec.override(trials=3, max_epochs=9, seed=7)
    assert (changed.search.trials, changed.search.max_epochs, changed.seed) == (3, 9, 7)
    assert spec.override() == spec
    assert changed.override(trials=64, max_epochs=27, seed=spec.seed) == spec


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trials": 0}, "--trials: must be >= 1, got 0"),
        ({"max_epochs": 0}, "--max-epochs: must be >= 1, got 0"),
        ({"seed": -1}, "--seed: must be >= 0, got -1"),
        ({"max_epochs": 2}, "--max-epochs: must be >= grace_epochs 3, got 2"),
    ],
)
def test_override_names_the_option(changes: dict[str, int], message: str) -> None:
    spec = StudySpec(search=Search(grace_epochs=3))
    with pytest.raises(StudyError) as caught:
        spec.override(**changes)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("grace", "most", "factor", "rungs"),
    [
        (1, 27, 3, (1, 3, 9, 27)),
        (1, 30, 3, (1, 3, 9, 27, 30)),
        (1, 26, 3, (1, 3, 9, 26)),
        (2, 5, 4, (2, 5)),
        (5, 5, 2, (5,)),
        (1, 1, 2, (1,)),
        (3, 8, 2, (3, 6, 8)),
    ],
)
def test_rungs(grace: int, most: int, factor: int, rungs: tuple[int, ...]) -> None:
    search = Search(grace_epochs=grace, max_epochs=most, reduction_factor=factor)
    assert StudySpec(search=search).rungs() == rungs


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_ranges_that_are_only_defaults_give_way_to_the_optimizer(optimizer: str) -> None:
    spec = StudySpec.parse(f'[training]\noptimizer = "{optimizer}"')
    searched = {"beta_1", "beta_2"} & set(spec.space.names)
    assert searched == {"beta_1", "beta_2"} & set(OPTIMIZERS[optimizer])
    assert spec.space.fixed.get("beta_1", 0.9) == 0.9
    assert spec.space.fixed.get("beta_2", 0.999) == 0.999
    assert StudySpec.from_json(spec.to_json()) == spec


def test_optimizers_to_choose_from_search_what_any_of_them_uses() -> None:
    both = Choice(("sgd", "rmsprop"))
    spec = StudySpec(training=Training(optimizer=both))
    assert spec == StudySpec.parse('[training]\noptimizer = { choices = ["sgd", "rmsprop"] }')
    assert {"optimizer", "beta_2"} <= set(spec.space.names)
    assert not {"momentum", "beta_1"} & {*spec.space.names, *spec.space.fixed}


def test_a_fixed_value_that_the_optimizer_ignores_is_allowed() -> None:
    spec = StudySpec.parse("[training]\nmomentum = 0.5")
    assert "momentum" not in spec.space.fixed
    assert spec.hyperparameter("momentum") == 0.5


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("wine", "wine"),
        ("fashion_mnist", "fashion_mnist"),
        ("mnist:3.0.1", "mnist"),
        ("a/b:1.*.*", "a"),
        ("x" * 100, "x" * 64),
    ],
)
def test_a_nameless_study_is_called_after_its_data(data: str, name: str) -> None:
    assert StudySpec.parse(f'[data]\nname = "{data}"').name == name
    assert StudySpec.parse(f'name = "mine"\n[data]\nname = "{data}"').name == "mine"


def test_importing_the_spec_loads_no_heavy_library() -> None:
    code = (
        "import sys, caviar.study.spec, caviar.study.signature, caviar.study.describe;"
        "print(sorted({'numpy', 'scipy', 'pandas', 'ray', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "gpus"),
    [
        ("", 0.0),
        ("slices_per_gpu = 1", 1.0),
        ("slices_per_gpu = 4", 0.25),
        ("slices_per_gpu = 3", 0.3333),  # in ten-thousandths, as Ray counts
        ("slices_per_gpu = 7", 0.1428),  # 0.1429 would leave no room for the seventh
        ("gpus_per_slice = 0.142857", 0.1428),
        ("gpus_per_slice = 0.29", 0.29),
        ("gpus_per_slice = 2", 2.0),
    ],
)
def test_gpus_of_a_slice(text: str, gpus: float) -> None:
    assert StudySpec.parse(f"[resources]\n{text}").resources.gpus == gpus

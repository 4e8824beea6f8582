"""Signatures: few for small networks, little padding for large ones."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.study.records import Signature
from caviar.study.signature import BUCKETS, padded_widths, signature_of, units_of
from caviar.study.spec import StudySpec

SMALL = StudySpec()
LARGE = StudySpec.parse(
    '[network]\nlayers = { low = 1, high = 3 }\nunits = { low = 32, high = 1000, scale = "log" }'
)


def shape(network: str, layers: int, units: int) -> tuple[int, ...]:
    return padded_widths(StudySpec.parse(f"[network]\n{network}"), (units,) * layers)


def test_small_networks_of_one_batch_size_share_one_signature() -> None:
    signatures = {
        signature_of(SMALL, {**SMALL.space.decode([i / 10, i / 10, *[0.5] * 4])}) for i in range(11)
    }
    assert signatures == {Signature((112,) * 4, 128, "adam")}


def test_the_batch_size_and_the_optimizer_are_the_trials_own() -> None:
    trial = {"layers": 2, "units": 60, "batch_size": 32, "optimizer": "momentum"}
    assert signature_of(SMALL, trial) == Signature((112,) * 4, 32, "momentum")
    assert str(signature_of(SMALL, trial)) == "112x112x112x112-b32-momentum-float32"


@pytest.mark.parametrize(
    ("network", "layers", "units", "widths"),
    [
        # Fixed units are not padded, searched ones to a multiple of 16.
        ("layers = 3\nunits = 50", 3, 50, (50,) * 3),
        ("layers = { low = 1, high = 3 }\nunits = 50", 2, 50, (50,) * 3),
        ("layers = 2\nunits = { low = 50, high = 64 }", 2, 51, (64,) * 2),
        ("layers = 2\nunits = { choices = [100, 20] }", 2, 20, (112,) * 2),
        # Large networks keep their depth.
        ("layers = { low = 1, high = 3 }\nunits = 1000", 2, 1000, (1000,) * 2),
        ("layers = { low = 1, high = 3 }\nunits = { low = 32, high = 1000 }", 2, 33, (48,) * 2),
        ("layers = { low = 1, high = 3 }\nunits = { low = 32, high = 1000 }", 1, 64, (64,)),
        ("layers = { low = 1, high = 3 }\nunits = { low = 32, high = 1000 }", 3, 600, (768,) * 3),
        # The last bucket is no wider than the widest network.
        ("layers = { low = 1, high = 3 }\nunits = { low = 32, high = 1000 }", 3, 800, (1008,) * 3),
        ("layers = 2\nunits = { low = 32, high = 5000 }", 2, 4000, (4096,) * 2),
        ("layers = 2\nunits = { low = 32, high = 65536 }", 2, 50000, (65536,) * 2),
        # One wide layer counts too: padding 16 units to 4,096 would cost 256 times.
        ("layers = 1\nunits = { low = 16, high = 4096 }", 1, 16, (16,)),
        # Without hidden layers there is nothing to pad; with some, as before.
        ("layers = 0", 0, 0, ()),
        ("layers = { low = 0, high = 3 }\nunits = 50", 0, 50, ()),
        ("layers = { low = 0, high = 3 }\nunits = 50", 1, 50, (50,) * 3),
    ],
)
def test_padding(network: str, layers: int, units: int, widths: tuple[int, ...]) -> None:
    assert shape(network, layers, units) == widths


@pytest.mark.parametrize(
    ("network", "units", "widths"),
    [
        # Small: every layer as wide as its own range asks for.
        ("units = [60, 30]", (60, 30), (60, 30)),
        (
            "units = [{ low = 33, high = 60 }, 30, { low = 8, high = 20 }]",
            (40, 30, 9),
            (64, 30, 32),
        ),
        # A layer that may be lacking is as wide as the one before it.
        ("layers = { low = 2, high = 3 }\nunits = [64, 20, 30]", (64, 20), (64, 30, 30)),
        ("layers = { low = 1, high = 3 }\nunits = [10, 20, 30]", (10,), (30, 30, 30)),
        ("layers = { low = 0, high = 2 }\nunits = [{ low = 8, high = 20 }, 50]", (8,), (50, 50)),
        ("layers = { low = 0, high = 2 }\nunits = [20, 50]", (), ()),
        # Large: each in its own bucket, no deeper than it is.
        ("units = [1000, { low = 64, high = 512 }]", (1000, 65), (1000, 96)),
        (
            "layers = { low = 1, high = 2 }\nunits = [1000, { low = 64, high = 512 }]",
            (1000,),
            (1000,),
        ),
    ],
)
def test_layers_of_their_own(network: str, units: tuple[int, ...], widths: tuple[int, ...]) -> None:
    assert padded_widths(StudySpec.parse(f"[network]\n{network}"), units) == widths


def test_units_are_found_layer_by_layer() -> None:
    assert units_of({"layers": 2, "units": 7}) == (7, 7)
    assert units_of({"layers": 2, "units_1": 7, "units_2": 9, "units_3": 8}) == (7, 9)
    assert units_of({"layers": 0}) == ()


def test_what_is_compiled_in_is_what_any_trial_may_use() -> None:
    spec = StudySpec.parse(
        """
        [network]
        units = [32, 16]
        activation = { choices = ["relu", "tanh"] }
        batch_norm = { choices = [true, false] }
        [regularization]
        l2 = { low = 1e-5, high = 1e-2, scale = "log", when = { optimizer = "sgd" } }
        l1 = 0.0
        keep_prob = [1.0, { low = 0.5, high = 1.0 }]
        [augmentation]
        noise = { value = 0.1, when = { activation = "tanh" } }
        [training]
        optimizer = { choices = ["sgd", "adamw"] }
        batch_size = 64
        precision = "auto"
        """
    )
    assert spec.techniques == ("keep_prob", "l2", "noise", "weight_decay")
    trial = spec.space.decode([0.0] * spec.space.dimensions)
    assert "weight_decay" not in trial
    signature = signature_of(spec, trial)
    assert str(signature) == "32x16-b64-sgd-auto+keep_prob+l2+noise+weight_decay"
    trial |= {"activation": "tanh", "batch_norm": False}
    assert str(signature_of(spec, trial)).startswith("32x16-b64-sgd-auto-tanh-plain+keep_prob+")


def test_techniques_that_change_nothing_cost_nothing() -> None:
    spec = StudySpec.parse("[regularization]\nl2 = 0\nkeep_prob = [1, 1, 1, 1]\n")
    assert spec.techniques == ()
    assert not {"l2", "keep_prob_1"} & {*spec.space.names, *spec.space.fixed}


def test_softmax_regression_has_a_signature_of_its_own() -> None:
    spec = StudySpec.parse(
        "[network]\nlayers = { low = 0, high = 2 }\nunits = 8\n"
        "activation = { choices = ['tanh', 'gelu'] }\n[training]\nbatch_size = 64"
    )
    found = {
        signature_of(spec, spec.space.decode([depth, act, 0.5, 0.5, 0.5]))
        for depth in (0.1, 0.5, 0.9)
        for act in (0.1, 0.9)
    }
    assert {str(one) for one in found} == {
        "0-b64-adam-float32",
        "8x8-b64-adam-float32-tanh",
        "8x8-b64-adam-float32-gelu",
    }


@settings(deadline=None)
@given(st.integers(1, 3), st.integers(32, 1000))
def test_large_networks_fit_and_waste_little(layers: int, units: int) -> None:
    widths = padded_widths(LARGE, (units,) * layers)
    assert len(widths) == layers
    assert widths[0] >= units
    assert (widths[0] / units) ** 2 <= 2.25


def test_large_networks_have_few_widths() -> None:
    widths = {padded_widths(LARGE, (units,) * 2)[1] for units in range(32, 1001)}
    assert widths == {width for width in BUCKETS if width >= 32} | {1008}


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=6, max_size=6))
def test_a_trial_fits_its_signature(point: list[float]) -> None:
    for spec in (SMALL, LARGE):
        trial = spec.space.decode(point)
        signature = signature_of(spec, trial)
        assert len(signature.widths) >= int(trial["layers"])
        assert min(signature.widths) >= int(trial["units"])
        assert len(set(signature.widths)) == 1
        assert Signature.parse(str(signature)) == signature

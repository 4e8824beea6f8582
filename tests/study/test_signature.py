"""Signatures: few for small networks, little padding for large ones."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.study.records import Signature
from caviar.study.signature import BUCKETS, padded_shape, signature_of
from caviar.study.spec import StudySpec

SMALL = StudySpec()
LARGE = StudySpec.parse(
    '[network]\nlayers = { low = 1, high = 3 }\nunits = { low = 32, high = 1000, scale = "log" }'
)


def shape(network: str, layers: int, units: int) -> tuple[int, ...]:
    depth, width = padded_shape(StudySpec.parse(f"[network]\n{network}"), layers, units)
    return (width,) * depth


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
    ],
)
def test_padding(network: str, layers: int, units: int, widths: tuple[int, ...]) -> None:
    assert shape(network, layers, units) == widths


@settings(deadline=None)
@given(st.integers(1, 3), st.integers(32, 1000))
def test_large_networks_fit_and_waste_little(layers: int, units: int) -> None:
    depth, width = padded_shape(LARGE, layers, units)
    assert depth == layers
    assert width >= units
    assert (width / units) ** 2 <= 2.25


def test_large_networks_have_few_widths() -> None:
    widths = {padded_shape(LARGE, 2, units)[1] for units in range(32, 1001)}
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

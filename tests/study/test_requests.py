import pytest

from caviar.errors import StudyError
from caviar.study.records import ChangeKind
from caviar.study.requests import read_narrow, read_point
from caviar.study.spec import StudySpec

SPEC = StudySpec.parse("""
[network]
layers = { low = 1, high = 4 }
units = { low = 16, high = 128, step = 16 }
batch_norm = { choices = [true, false] }
[training]
optimizer = { choices = ["adam", "momentum"] }
batch_size = { choices = [32, 64, 128] }
learning_rate = { low = 1e-4, high = 1.0, scale = "log" }
""")
LISTED = StudySpec.parse("[network]\nlayers = { low = 1, high = 2 }\nunits = [{low=8,high=16}, 4]")


def refusal(read, text, spec=SPEC):
    with pytest.raises(StudyError) as caught:
        read(text, spec)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("learning_rate=0.01,units=64", {"learning_rate": 0.01, "units": 64}),
        (" learning_rate = 1 , layers=1", {"learning_rate": 1.0, "layers": 1}),
        ("batch_size=64,batch_norm=false", {"batch_size": 64, "batch_norm": False}),
        ("optimizer=adam,beta_1=0.95", {"optimizer": "adam", "beta_1": 0.95}),
    ],
)
def test_points(text, values):
    found = read_point(text, SPEC)
    assert found == values
    assert [type(value) for value in found.values()] == [type(v) for v in values.values()]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("unitz=64", '--point: unknown hyperparameter "unitz", did you mean "units"?'),
        ("learning_rate=2", "--point: learning_rate: must be in [0.0001, 1.0], got 2.0"),
        ("learning_rate=fast", "--point: learning_rate: must be in [0.0001, 1.0], got 'fast'"),
        ("learning_rate=nan", "--point: learning_rate: must be a finite number, got 'nan'"),
        ("learning_rate=1e999", "--point: learning_rate: must be a finite number, got '1e999'"),
        ("units=20", "--point: units: must be 16 plus whole steps of 16, got 20"),
        ("layers=1.5", "--point: layers: must be a whole number in [1, 4], got 1.5"),
        ("batch_size=48", "--point: batch_size: must be one of [32, 64, 128], got '48'"),
        ("batch_norm=1", "--point: batch_norm: must be one of [True, False], got '1'"),
        ("units=16,units=32", "--point: units: must be given once"),
        ("units", "--point: must be as learning_rate=0.01,units=64, got 'units'"),
        ("units=16,", "--point: must be as learning_rate=0.01,units=64, got ''"),
        ("schedule=cosine", "--point: schedule: is not searched, it is fixed at 'inverse_time'"),
        ("decay_factor=0.5", "--point: decay_factor: no trial of this study has it"),
        (
            "beta_1=0.95",
            "--point: beta_1: plays only beside optimizer = adam, so give optimizer too",
        ),
        (
            "beta_1=0.95,optimizer=momentum",
            "--point: beta_1: plays only beside optimizer = adam, got momentum",
        ),
    ],
)
def test_mistakes_in_a_point(text, line):
    assert refusal(read_point, text) == line


def test_a_layers_own_hyperparameter_needs_the_layer():
    assert read_point("units_1=9", LISTED) == {"units_1": 9}
    assert "is fixed at 4" in refusal(read_point, "units_2=4", LISTED)


def test_control_characters_are_not_printed():
    line = refusal(read_point, "\x1b[2Junits=3")
    assert line.isprintable()


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("learning_rate=1e-3..1e-2", {"low": 1e-3, "high": 1e-2}),
        ("layers=2..2", {"low": 2, "high": 2}),
        ("units=32..64", {"low": 32, "high": 64}),
        ("batch_size=32|64", {"choices": [32, 64]}),
        ("batch_size=64..128", {"choices": [64, 128]}),
        ("optimizer=adam", {"choices": ["adam"]}),
        ("batch_norm=true|true", {"choices": [True]}),
    ],
)
def test_narrowings(text, detail):
    change = read_narrow(text, SPEC)
    assert change.kind == ChangeKind.NARROW
    assert change.detail == {"name": text.partition("=")[0], **detail}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("learning_rate=1e-9..0.1", "narrow: learning_rate: must be in [0.0001, 1.0], got 1e-09"),
        ("learning_rate=0.1..0.1", "must be low..high with low < high, got '0.1..0.1'"),
        ("layers=3..2", "must be low..high with low < high, got '3..2'"),
        ("learning_rate=0.1", "must be a range low..high within [0.0001, 1], got '0.1'"),
        ("batch_size=64..32", "must be first..last, got '64..32'"),
        ("batch_size=32|33", "must be one of [32, 64, 128], got '33'"),
        ("lr=1..2", 'narrow: unknown hyperparameter "lr", '),
    ],
)
def test_mistakes_in_a_narrowing(text, line):
    assert line in refusal(read_narrow, text)

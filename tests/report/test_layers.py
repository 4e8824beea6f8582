import io

import pytest
from rich.console import Console

from caviar.report.layers import _norm, print_layers


def curve(layers, epochs=2):
    def watch(epoch):
        return {
            "gradient_norm": [epoch + place / 100 for place in range(layers)],
            "weight_norm": [1000.0 * epoch + place for place in range(layers)],
            "idle": [place / 100 for place in range(layers - 1)],
        }

    return [{"epoch": epoch, "watch": watch(epoch)} for epoch in range(1, epochs + 1)]


def printed(rows):
    file = io.StringIO()
    print_layers(Console(file=file, width=80, highlight=False), rows)
    return file.getvalue().splitlines()


@pytest.mark.parametrize("layers", [1, 2, 3, 4, 8, 9, 65])
def test_it_fits_80_columns(layers):
    rows = curve(layers)
    rows[-1]["watch"]["gradient_norm"] = [None] * layers  # the widest word
    rows[0]["watch"]["gradient_norm"] = [1.234e-11] * layers
    lines = printed(rows)
    assert max(len(line.rstrip()) for line in lines) <= 80
    assert "…" not in "".join(lines)


def test_small_networks_take_one_table():
    assert [line.split() for line in printed(curve(3))[1:]] == [
        [*["grad"] * 3, *["weights"] * 3, *["idle"] * 2],
        ["epoch", "1", "2", "out", "1", "2", "out", "1", "2"],
        ["1", "1", "1.01", "1.02", "1.0e+03", "1.0e+03", "1.0e+03", "0", "%", "1", "%"],
        ["2", "2", "2.01", "2.02", "2.0e+03", "2.0e+03", "2.0e+03", "0", "%", "1", "%"],
    ]


def test_deep_networks_show_the_first_the_last_and_some_between():
    lines = printed(curve(65, epochs=1))
    assert lines[0].endswith("; 8 of 65 (--json: all)")
    heads = [line.split()[1:] for line in lines if line.startswith("epoch")]
    assert heads[0] == heads[1] == ["1", "10", "19", "28", "38", "47", "56", "out"]
    assert heads[2] == ["1", "10", "19", "28", "37", "46", "55", "64"]
    assert lines[3].split() == ["1", "1", "1.09", "1.18", "1.27", "1.37", "1.46", "1.55", "1.64"]


def test_softmax_regression_has_no_hidden_layer():
    lines = printed(curve(1, epochs=1))
    assert [line.split() for line in lines[1:]] == [
        ["grad", "weights"],
        ["epoch", "out", "out"],
        ["1", "1", "1.0e+03"],
    ]


def test_what_was_not_watched_is_not_shown():
    assert printed([{"epoch": 1, "watch": None}]) == []
    mixed = [{"epoch": 1, "watch": None}, *curve(2)[1:]]
    assert [line.split()[0] for line in printed(mixed)[2:]] == ["epoch", "2"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.001, "0.001"),
        (0.0009994, "1.0e-03"),
        (0.12345, "0.123"),
        (999.4, "999"),
        (999.6, "1.0e+03"),
        (1.5e38, "1.5e+38"),
        (1e-300, "1.0e-300"),
        (None, "inf/nan"),
    ],
)
def test_norms(value, text):
    assert _norm(value) == text

"""What a person sees of a coarse-to-fine search: rounds, boxes, and the best against a bound."""

import io
import json
import math

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from caviar.cli import app
from caviar.report.account import account
from caviar.report.edges import elites, outer_cells
from caviar.report.round_tables import print_rounds
from caviar.report.tables import print_account
from caviar.search.growing import against
from caviar.space.domain import Choice, Float, Integer
from caviar.space.scale import LOG
from caviar.study.journal import Journal
from caviar.study.records import (
    Assignment,
    Change,
    ChangeKind,
    Failure,
    Measurement,
    Round,
    Signature,
    Trial,
)
from caviar.study.spec import StudySpec

ANY = Signature((8,), 32, "adam")
STUDY = """
[network]
layers = 1
units = { low = 10, high = 19 }
activation = { choices = ["relu", "tanh", "gelu"] }
[training]
learning_rate = { low = 1e-4, high = 1e-2, scale = "log" }
beta_1 = 0.9
beta_2 = 0.999
batch_size = { choices = [32, 64, 128, 256] }
[search]
trials = 40
max_epochs = 3
"""
"""Searched, in the order of the coordinates: units, activation, learning_rate, batch_size."""


def measured(trial, accuracy, epoch=1, **more):
    return Measurement(trial, epoch, 0.5, 0.5, 1 - accuracy, accuracy, 0.1, **more)


def trial_of(spec, index, point, origin="", why=""):
    return Trial(index, tuple(point), spec.space.decode(point), origin, why, index)


def journal_of(directory, spec, decisions, measurements):
    """A journal with these decisions, and one assignment that measured trials."""
    journal = Journal.create(directory, spec.to_json(), spec.fingerprint)
    journal.acquire_lease()
    journal.decide(decisions)
    if measurements:
        lanes = tuple(dict.fromkeys(one.trial for one in measurements))
        number = journal.issue(Assignment(lanes, 0, 1, ANY))
        attempt = journal.start_attempt(number, "s")
        journal.report(number, attempt, measurements, {}, complete=True)
    return journal


def told_of(directory, spec, decisions, measurements=()):
    with journal_of(directory, spec, decisions, measurements) as journal:
        return account(journal)


WHOLE = ((0.0, 1.0),) * 4


def two_rounds(spec):
    """Four trials of the cover, then two rounds."""
    first = Round(1, WHOLE, WHOLE, ((),) * 4, 2, why="the cover")
    box = ((0.2, 0.5), (0.0, 1.0), (0.25, 0.75), (0.5, 1.0))
    whys = ("the best agree", "tanh came last", "the best agree", "stayed")
    second = Round(2, WHOLE, box, ((), (0, 2), (), ()), 4, (3, 1), whys, "narrower: 2 better")
    points = np.linspace(0.1, 0.9, 7)
    trials = [trial_of(spec, i, [points[i]] * 4, "cover", "round 1") for i in range(4)]
    trials += [trial_of(spec, i, [points[i]] * 4, "zoom", "round 2") for i in (4, 5)]
    trials += [trial_of(spec, 6, [points[6]] * 4, "control", "round 2")]
    return [first, *trials[:4], second, *trials[4:]]


@pytest.fixture
def told(tmp_path):
    spec = StudySpec.parse(STUDY)
    measurements = [
        *(measured(i, 0.5 + i / 100) for i in range(5)),
        measured(5, 0.99, diverged=True),  # it was good until it was not
        measured(6, 0.9),
    ]
    return told_of(tmp_path, spec, two_rounds(spec), measurements)


def printed(show, told, width=100):
    file = io.StringIO()
    show(Console(file=file, width=width, highlight=False), told)
    return file.getvalue()


def test_a_round_tells_what_was_drawn_in_it_and_the_best_of_that(told) -> None:
    first, second = told["rounds"]
    assert (first["number"], first["why"], first["stands_on"]) == (1, "the cover", 2)
    assert first["drawn"]["box"] == {
        "trials": 4,
        "best": {"trial": 3, "epoch": 1, "dev_accuracy": 0.53},
    }
    assert first["drawn"]["control"] == {"trials": 0, "best": None}
    assert second["elites"] == [3, 1]
    assert second["drawn"]["box"]["trials"] == 2  # a diverged one is among them
    assert second["drawn"]["box"]["best"]["trial"] == 4
    assert second["drawn"]["control"]["best"] == {"trial": 6, "epoch": 1, "dev_accuracy": 0.9}


def test_a_box_is_in_the_persons_units(told) -> None:
    units, activation, rate, batch = told["rounds"][1]["axes"]
    # Ten values in ten cells: from 0.2 to 0.5 are the third to the fifth.
    assert (units["low"], units["high"], units["share"]) == (12, 14, pytest.approx(0.3))
    assert activation["values"] == ["relu", "gelu"]
    assert activation["share"] == pytest.approx(2 / 3)
    assert (rate["low"], rate["high"]) == pytest.approx((10**-3.5, 10**-2.5))
    assert (rate["share"], rate["bounds"]) == (0.5, [1e-4, 1e-2])
    assert (batch["values"], batch["share"]) == ([128, 256], 0.5)
    assert [a["why"] for a in (units, activation)] == ["the best agree", "tanh came last"]
    assert told["rounds"][0]["axes"][1]["values"] == ["relu", "tanh", "gelu"]
    json.dumps(told, allow_nan=False)


def test_a_value_that_a_box_touches_counts_whole(tmp_path) -> None:
    spec = StudySpec.parse("[network]\nlayers = { low = 1, high = 4 }")
    d = spec.space.dimensions
    box = ((0.48, 0.52), *((0.48, 0.52),) * (d - 1))
    found = Round(1, ((0.0, 1.0),) * d, box, ((),) * d, 9)
    axes = told_of(tmp_path, spec, [found])["rounds"][0]["axes"]
    layers = next(axis for axis in axes if axis["name"] == "layers")
    assert (layers["low"], layers["high"], layers["share"]) == (2, 3, pytest.approx(0.5))
    rate = next(axis for axis in axes if axis["name"] == "learning_rate")
    assert rate["share"] == pytest.approx(0.04)


def test_bounds_that_have_grown_are_marked(tmp_path) -> None:
    rate = '{ low = 1e-4, high = 1e-2, scale = "log", expand = true }'
    spec = StudySpec.parse(f"[training]\nlearning_rate = {rate}")
    axis, d = spec.space.names.index("learning_rate"), spec.space.dimensions
    found = []
    for number, high in ((1, spec.home[axis][1]), (2, 0.7)):
        bounds = [(0.0, 1.0)] * d
        bounds[axis] = (spec.home[axis][0], high)
        found.append(Round(number, tuple(bounds), tuple(bounds), ((),) * d, 9))
    told = told_of(tmp_path, spec, found)
    first, second = (row["axes"][axis] for row in told["rounds"])
    assert (first["grown"], second["grown"]) == (False, True)
    assert (first["share"], second["share"]) == (1.0, 1.0)
    assert second["bounds"] == pytest.approx([1e-4, 0.1])
    assert "0.0001 to 0.1 (grown)" in printed(print_rounds, told)


def test_trials_tell_where_they_came_from(told) -> None:
    assert [row["origin"] for row in told["trials"]] == ["cover"] * 4 + ["zoom"] * 2 + ["control"]
    assert {name: tally["trials"] for name, tally in told["origins"].items()} == {
        "cover": 4, "zoom": 2, "control": 1,
    }  # fmt: skip
    assert told["origins"]["zoom"]["best"]["trial"] == 4
    out = printed(lambda console, told: print_account(console, told, None), told)
    table = out[out.index("trial  state") :].splitlines()
    assert table[1].split()[:4] == ["6", "paused", "1", "control"]


def test_one_origin_needs_no_column(tmp_path) -> None:
    spec = StudySpec.parse(STUDY)
    trials = [trial_of(spec, i, [0.1 + i / 10] * 4, "cover") for i in range(2)]
    told = told_of(tmp_path, spec, trials, [measured(0, 0.5), measured(1, 0.6)])
    out = printed(lambda console, told: print_account(console, told, None), told)
    assert "origin" not in out


def test_rounds_are_printed_in_a_line_each_and_the_last_in_full(told) -> None:
    out = printed(print_rounds, told)
    lines = [line.split() for line in out.splitlines()]
    assert lines[1][:9] == ["1", "2", "4", "53.00", "%", "0", "-", "100", "%"]
    assert lines[2][:10] == ["2", "4", "2", "54.00", "%", "1", "90.00", "%", "49", "%"]
    assert out.splitlines()[3:5] == [
        "trials by origin: 4 cover (best 53.00 %), 2 zoom (best 54.00 %), 1 control (best 90.00 %)",
        "round 2 stands on 4 trials: narrower: 2 better",
    ]
    del lines[3]
    assert lines[5] == [
        "units",
        "12",
        "to",
        "14",
        "10",
        "to",
        "19",
        "30",
        "%",
        "the",
        "best",
        "agree",
    ]
    assert lines[6] == [
        "activation",
        "relu",
        "gelu",
        "3",
        "choices",
        "67",
        "%",
        "tanh",
        "came",
        "last",
    ]
    assert lines[7] == [
        "learning_rate",
        "0.0003162",
        "to",
        "0.003162",
        "0.0001",
        "to",
        "0.01",
        "50",
        "%",
        "the",
        "best",
        "agree",
    ]
    assert lines[8] == ["batch_size", "128", "256", "4", "choices", "50", "%", "stayed"]


def test_many_rounds_of_many_hyperparameters_fit_a_terminal(tmp_path) -> None:
    spec = StudySpec.parse(f"""
        [network]
        layers = {{ low = 1, high = 4 }}
        units = {{ low = 10, high = 900, scale = "log" }}
        activation = {{ choices = ["relu", "leaky_relu", "tanh", "sigmoid", "gelu"] }}
        batch_norm_momentum = {{ low = 0.9, high = 0.999, scale = "one_minus" }}
        batch_norm_epsilon = {{ low = 1e-5, high = 1e-2, scale = "log" }}
        [regularization]
        l2 = {{ low = 1e-7, high = 1e-2, scale = "log" }}
        keep_prob = {{ low = 0.5, high = 1.0 }}
        [training]
        learning_rate = {{ low = 1e-4, high = 1e-2, scale = "log" }}
        beta_1 = {{ low = 0.9, high = 0.999, scale = "one_minus" }}
        beta_2 = {{ low = 0.9, high = 0.9999, scale = "one_minus" }}
        epsilon = {{ low = 1e-9, high = 1e-3, scale = "log" }}
        batch_size = {{ choices = {[2**k for k in range(3, 13)]} }}
        """)
    d = spec.space.dimensions
    assert d == 12
    whys = ("the best agree, and only 3 controls of 17 came near to the median of the box",) * d
    decisions = []
    for n in range(1, 31):
        box = ((0.5 - 0.5 / n, 0.5 + 0.5 / n),) * d
        why = f"narrower: {n} of the best tenth are new, and controls lost to the box"
        decisions.append(Round(n, ((0.0, 1.0),) * d, box, ((),) * d, 10 * n, (), whys, why))
    out = printed(print_rounds, told_of(tmp_path, spec, decisions))
    lines = out.splitlines()
    assert max(map(len, lines)) <= 100
    names = [line.split()[0] for line in lines if line.strip()]
    assert set(map(str, range(1, 31))) <= set(names)
    assert set(spec.space.names) <= set(names)
    assert "64 128 256" not in " ".join(lines[:31])
    assert (
        len(lines) == 1 + 30 + 1 + 1 + 1 + 12 * 3
    )  # a line a round; reasons take three lines each


def test_choices_beyond_a_few_are_counted(tmp_path) -> None:
    spec = StudySpec.parse("[training]\nbatch_size = { choices = [1, 2, 3, 4, 5, 6] }")
    d = spec.space.dimensions
    whole = Round(1, ((0.0, 1.0),) * d, ((0.0, 1.0),) * d, ((),) * d, 3)
    out = printed(print_rounds, told_of(tmp_path, spec, [whole]))
    assert "1 2 3 4 and 2 more" in out


def test_a_study_without_rounds(tmp_path) -> None:
    told = told_of(tmp_path, StudySpec.parse(STUDY), [])
    assert told["rounds"] == told["edges"] == []
    assert printed(print_rounds, told) == "no rounds: the search has not begun to narrow\n"


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ('searcher = "halton"', 'only searcher = "zoom" narrows, and this one is "halton"'),
        ('strategy = "panda"', "pandas do not search"),
    ],
)
def test_who_never_has_rounds_says_so(tmp_path, key, why) -> None:
    told = told_of(tmp_path, StudySpec.parse(f"[search]\n{key}"), [])
    assert printed(print_rounds, told) == f"no rounds: {why}\n"


def test_the_command_line(tmp_path) -> None:
    spec = StudySpec.parse(STUDY)
    told_of(tmp_path / "s", spec, two_rounds(spec), [measured(0, 0.5)])
    runner = CliRunner()
    plain = runner.invoke(app, ["show", str(tmp_path / "s")], catch_exceptions=False)
    assert "stands on" not in plain.stdout
    shown = runner.invoke(app, ["show", str(tmp_path / "s"), "--rounds"], catch_exceptions=False)
    assert shown.stdout.startswith(plain.stdout)
    assert "round 2 stands on 4 trials: narrower: 2 better" in shown.stdout
    raw = runner.invoke(app, ["show", str(tmp_path / "s"), "--rounds", "--json"])
    assert [row["number"] for row in json.loads(raw.stdout)["rounds"]] == [1, 2]


# The best against a bound


def leaning(directory, text, place, name, count=6):
    """A study whose best trials lie at `place` of one axis, elsewhere anywhere."""
    spec = StudySpec.parse(text)
    axis = spec.space.names.index(name)
    points = np.random.default_rng(1).uniform(0.2, 0.8, (60, spec.space.dimensions))
    points[:, axis] = np.linspace(0.1, 0.9, 60)
    points[:count, axis] = place
    trials = [trial_of(spec, i, point) for i, point in enumerate(points)]
    found = [measured(i, 0.9 - i / 100) for i in range(60)]
    return spec, trials, told_of(directory, spec, trials, found)["edges"]


def test_the_best_against_a_bound_are_told_with_what_to_do(tmp_path) -> None:
    _, _, edges = leaning(tmp_path, STUDY, 0.99, "learning_rate")
    assert [edge["line"] for edge in edges] == [
        "learning_rate: the best trials lie at its upper bound 0.01; "
        "give it more room (expand = true, or a larger high)"
    ]
    assert (edges[0]["name"], edges[0]["side"], edges[0]["bound"]) == (
        "learning_rate", "upper", 0.01,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "place", "name", "line"),
    [
        (STUDY, 0.01, "learning_rate", "its lower bound 0.0001; give it more room "
         "(expand = true, or a smaller low)"),
        (STUDY, 0.05, "units", "its lower bound 10; give it more room "
         "(expand = true, or a smaller low)"),
        (STUDY, 0.9, "batch_size", "its upper bound 256; give it more room (more choices)"),
        ("[regularization]\nkeep_prob = { low = 0.5, high = 1.0 }", 0.99, "keep_prob",
         "its upper bound 1, the most it can be"),
        ("[network]\nlayers = { low = 1, high = 8 }", 0.99, "layers",
         "its upper bound 8; give it more room (a larger high)"),
        ('[training]\nlearning_rate = { low = 1e-4, high = 1e-2, scale = "log", expand = true }',
         0.598, "learning_rate", "its upper bound 0.01; with more trials it grows"),
        ('[search]\nsearcher = "sobol"\n[training]\nlearning_rate = { low = 1e-4, high = 1e-2, '
         'scale = "log", expand = true }',
         0.598, "learning_rate", 'its upper bound 0.01; it grows with searcher = "zoom"'),
    ],
)  # fmt: skip
def test_advice_is_what_the_study_file_allows(tmp_path, text, place, name, line) -> None:
    _, _, edges = leaning(tmp_path, text, place, name)
    assert [e["line"] for e in edges if e["name"] == name] == [
        f"{name}: the best trials lie at {line}"
    ]


def test_the_bounds_are_those_of_the_last_round_or_what_a_person_narrowed_to(tmp_path) -> None:
    text = ('[training]\nlearning_rate = '
            '{ low = 1e-4, high = 1e-2, scale = "log", expand = true }')  # fmt: skip
    spec, trials, edges = leaning(tmp_path / "home", text, 0.795, "learning_rate")
    # A person's own points may lie beyond what is searched.
    assert edges[0]["line"] == (
        "learning_rate: the best trials lie beyond its upper bound 0.01; with more trials it grows"
    )
    axis = spec.space.names.index("learning_rate")
    for name, high, line in (("grown", 0.8, "; with more trials it grows"),
                             ("all", 1.0, ", the most that it may grow to")):  # fmt: skip
        bounds = [(0.0, 1.0)] * spec.space.dimensions
        bounds[axis] = (0.4, high)
        place = 0.4 + 0.99 * (high - 0.4)
        moved = [
            trial_of(spec, t.index, [*t.point[:axis], place, *t.point[axis + 1 :]])
            if t.index < 6 else t for t in trials
        ]  # fmt: skip
        decided = [*moved, Round(1, tuple(bounds), tuple(bounds), ((),) * len(bounds), 60)]
        found = [measured(i, 0.9 - i / 100) for i in range(60)]
        (edge,) = told_of(tmp_path / name, spec, decided, found)["edges"]
        assert edge["line"].endswith(line)
        assert edge["bound"] == pytest.approx(1.0 if high == 0.8 else 100.0)


def test_what_a_person_narrowed_is_told_as_such(tmp_path) -> None:
    spec, trials, _ = leaning(tmp_path / "s", STUDY, 0.745, "learning_rate")
    detail = {"name": "learning_rate", "low": 1e-4, "high": 10**-2.5}
    found = [measured(i, 0.9 - i / 100) for i in range(60)]
    told = told_of(tmp_path / "t", spec, [*trials, Change(ChangeKind.NARROW, detail)], found)
    (edge,) = told["edges"]
    assert edge["line"].endswith("upper bound 0.003162, to which it was narrowed")


def test_inactive_and_unordered_hyperparameters_have_no_edge(tmp_path) -> None:
    _, _, edges = leaning(tmp_path / "a", STUDY, 0.99, "activation")
    assert edges == []
    text = (
        '[training]\noptimizer = { choices = ["sgd", "adam"] }\nbeta_1 = '
        '{ low = 0.8, high = 0.99, scale = "one_minus" }'
    )
    spec = StudySpec.parse(text)
    names = spec.space.names
    for optimizer, wanted in ((0.25, []), (0.75, ["beta_1"])):
        points = np.random.default_rng(1).uniform(0.2, 0.8, (40, spec.space.dimensions))
        points[:, names.index("optimizer")] = optimizer
        points[:6, names.index("beta_1")] = 0.99
        trials = [trial_of(spec, i, point) for i, point in enumerate(points)]
        found = [measured(i, 0.9 - i / 100) for i in range(40)]
        told = told_of(tmp_path / str(optimizer), spec, trials, found)
        assert [edge["name"] for edge in told["edges"]] == wanted


def test_edges_are_printed_and_few_trials_say_nothing(tmp_path) -> None:
    spec, trials, edges = leaning(tmp_path / "s", STUDY, 0.99, "learning_rate")
    with Journal.open(tmp_path / "s") as journal:
        out = printed(
            lambda console, told: print_account(console, told, None), account(journal), 80
        )
    assert edges[0]["line"] in " ".join(out.split())
    two = told_of(tmp_path / "t", spec, trials[:2], [measured(0, 0.5), measured(1, 0.5)])
    assert two["edges"] == []


@pytest.mark.parametrize("cells", [None, 2, 3, 4, 10, 30, 100])
@pytest.mark.parametrize("count", [3, 4, 5, 8, 20])
def test_scattered_elites_raise_an_alarm_in_less_than_one_of_a_hundred(cells, count) -> None:
    domain = Float(0, 1) if cells is None else Integer(1, cells)
    cells_wide = outer_cells(domain, 0.0, 1.0)
    draws = np.random.default_rng(count).random((4000, count))
    places = [[domain.encode(domain.decode(u)) for u in row] for row in draws]
    alarms = sum(against(row, 0.0, 1.0, cells_wide) is not None for row in places)
    # Of 4,000 with a true rate of 1 in 100, 59 is three standard deviations above.
    assert alarms <= 59


@pytest.mark.parametrize("place", [0.3, 0.5, 0.65])
def test_a_peak_inside_is_no_edge(place) -> None:
    rng = np.random.default_rng(1)
    draws = rng.normal(place, 0.08, (500, 8))
    assert sum(against(row.tolist(), 0.0, 1.0) is not None for row in draws) <= 5


@pytest.mark.parametrize("width", [0.02, 0.1])
def test_what_piles_up_against_a_bound_is_noticed(width) -> None:
    rng = np.random.default_rng(1)
    draws = 1 - np.abs(rng.normal(0, width, (500, 8)))
    assert sum(against(row.tolist(), 0.0, 1.0) == 1 for row in draws) >= 490


@pytest.mark.parametrize(
    ("places", "low", "high", "cell", "found"),
    [
        ([0.97, 0.99, 0.98], 0.0, 1.0, 0.0, 1),
        ([0.03, 0.01, 0.04], 0.0, 1.0, 0.0, -1),
        ([0.03, 0.01, 0.5], 0.0, 1.0, 0.0, None),  # two of three: chance
        ([0.5, 0.99, 0.99, 0.99], 0.0, 1.0, 0.0, None),  # not the best
        ([0.99, 0.99, 0.5, 0.5], 0.0, 1.0, 0.0, None),  # not most of them
        ([0.592, 0.595, 0.599], 0.4, 0.6, 0.0, 1),
        ([0.99] * 3, 0.0, 1.0, 0.25, None),  # three times the same of four values: chance
        ([0.99] * 5, 0.0, 1.0, 0.25, 1),
        ([0.99], 0.0, 1.0, 0.0, None),
        ([], 0.0, 1.0, 0.0, None),
        # A search that has not narrowed much: wider, but many.
        ([0.94, 0.76, 0.8, 0.72, 0.87, 0.9, 0.84], 0.0, 1.0, 0.0, 1),
        ([0.94, 0.76, 0.8, 0.72, 0.87, 0.6, 0.5], 0.0, 1.0, 0.0, None),  # not enough of them
        ([0.88, 0.82, 0.83, 0.85, 0.87, 0.9, 0.84], 0.0, 1.0, 0.0, None),  # none is close
    ],
)
def test_what_lies_against_a_bound(places, low, high, cell, found) -> None:
    assert against(places, low, high, (cell, cell)) == found


def test_the_widths_of_the_outermost_values() -> None:
    assert outer_cells(Float(0, 1), 0.0, 1.0) == (0.0, 0.0)
    assert outer_cells(Integer(1, 4), 0.0, 1.0) == pytest.approx((0.25, 0.25))
    assert outer_cells(Choice((1, 2), ordered=True), 0.0, 1.0) == pytest.approx((0.5, 0.5))
    assert outer_cells(Integer(1, 4), 0.0, 0.5) == pytest.approx((0.5, 0.5))
    assert outer_cells(Integer(1, 8, scale=LOG), 0.0, 1.0)[0] > 0.25


def test_elites_are_ranked_by_the_highest_rung_then_by_the_metric() -> None:
    entries = [
        measured(0, 0.99), measured(1, 0.5), measured(1, 0.4, 3), measured(2, 0.9),
        measured(2, math.nan, 3, diverged=True), measured(3, 0.8), measured(4, 0.7),
        measured(4, 0.98, 2), Failure(3, "gave up"),
    ]  # fmt: skip
    assert elites(entries, (1, 3), "dev_accuracy") == (1, 0, 4)  # epoch 2 is no rung
    again = [Trial(0, (), {}, "replicate"), *entries]
    assert elites(again, (1, 3), "dev_accuracy") == (1, 4)
    many = [measured(i, i / 100) for i in range(50)]
    assert elites(many, (1,), "dev_accuracy") == (49, 48, 47, 46, 45)
    assert elites(many, (1,), "dev_loss") == (49, 48, 47, 46, 45)


def test_why_a_study_ended_is_told(tmp_path) -> None:
    spec = StudySpec.parse(STUDY + "noise = 0.01")
    with journal_of(tmp_path, spec, [], []) as journal:
        journal.record("driver_started")
        journal.record("driver_stopped", {"finished": True, "ending": "the target was reached"})
        journal.release_lease()
        told = account(journal)
    assert told["ending"] == "the target was reached"
    out = printed(lambda console, told: print_account(console, told, None), told)
    assert out.startswith("study digits: finished, the target was reached; ")
    assert "differences of dev accuracy up to 1.00 points are noise" in out


def test_a_study_that_is_paused_says_so(tmp_path) -> None:
    spec = StudySpec.parse(STUDY)
    with journal_of(tmp_path, spec, [Change(ChangeKind.PAUSE)], []) as journal:
        assert account(journal)["ending"] == "paused"
        journal.decide([Change(ChangeKind.CONTINUE)])
        assert account(journal)["ending"] == ""


def test_rungs_of_several_brackets_are_told_apart(tmp_path) -> None:
    spec = StudySpec.parse("[search]\nbrackets = 2\nmax_epochs = 9\ntrials = 30")
    told = told_of(tmp_path, spec, [])
    assert [(rung["bracket"], rung["epoch"]) for rung in told["rungs"]] == [
        (1, 1), (1, 3), (1, 9), (2, 3), (2, 9),
    ]  # fmt: skip
    lines = printed(lambda console, told: print_account(console, told, None), told).splitlines()
    assert lines[2].split() == ["bracket", "rung", "(epochs)", "reached", "promoted"]
    assert lines[6].split() == ["2", "3", "0", "0"]
    one = told_of(tmp_path / "one", StudySpec(), [])
    assert "bracket" not in printed(lambda console, told: print_account(console, told, None), one)

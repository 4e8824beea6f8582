"""The replay bench counts rightly: rows, epochs, regrets, and what each method is told."""

import itertools
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

import curves
import replay as bench
import replay_caviar
import replay_plain
import replaying
import tabulate
from replaying import Job, Replay

from caviar.study.spec import StudySpec

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def table_of(losses, points=None, names=("x",)):
    """A table on the unit cube; rows are spread evenly over the first coordinate by default."""
    losses = np.asarray(losses, dtype=float)
    if points is None:
        points = np.linspace(0, 1, len(losses))[:, None]
    d = len(names)
    bounds = (0.0,) * d, (1.0,) * d
    return curves.Table("made", np.asarray(points), losses, names, ("linear",) * d, *bounds)


def three_rows():
    """Rows at 0, 0.5 and 1; the middle one diverges in its second epoch."""
    return table_of([[1.0, 0.8, 0.6], [2.0, np.inf, np.inf], [3.0, 1.0, 0.5]])


def smooth(rows=300, epochs=27, diverging=0.1, seed=0):
    """Rows in the square, better near (0.7, 0.3) and with every epoch; some diverge."""
    rng = np.random.default_rng(seed)
    points = rng.random((rows, 2))
    final = np.hypot(*(points - (0.7, 0.3)).T)
    losses = final[:, None] + 1 / np.arange(1, epochs + 1)
    losses[rng.random(rows) < diverging, epochs // 3 :] = np.inf
    return table_of(losses, points, ("x", "y"))


class Scripted:
    """Asks for given (trial, point, last epoch) in turn; notes what it is told."""

    def __init__(self, jobs, stop_at=()):
        self.jobs, self.stop_at, self.told = list(jobs), set(stop_at), []

    def ask(self):
        if not self.jobs:
            return None
        trial, point, last_epoch = self.jobs.pop(0)
        return Job(trial, np.array([point]), last_epoch)

    def tell(self, trial, epoch, loss):
        self.told.append((trial, epoch, loss))
        return (trial, epoch) not in self.stop_at


def test_regrets_by_hand() -> None:
    table = three_rows()
    assert (table.best, table.reference) == (0.5, 2.0)
    method = Scripted([(0, 0.6, 3), (1, 0.45, 3), (2, 0.2, 3)])
    replay = Replay(method, table, budget=7)
    regrets = replay.run()
    # 0.6 is answered by 0.5, which diverges; 0.45 by 0; 0.2 by what is left, whatever its distance.
    assert replay.rows == {0: 1, 1: 0, 2: 2}
    assert replay.epochs == {0: 2, 1: 3, 2: 2}
    np.testing.assert_allclose(regrets, [1, 1, 0.5 / 1.5, 0.3 / 1.5, *[0.1 / 1.5] * 3])
    losses = [(0, 1, 2.0), (0, 2, math.inf), (1, 1, 1.0), (1, 2, 0.8), (1, 3, 0.6)]
    assert method.told == [*losses, (2, 1, 3.0), (2, 2, 1.0)]


def test_a_paused_trial_goes_on_from_where_it_was() -> None:
    method = Scripted([(0, 0.0, 1), (1, 1.0, 3), (0, 0.0, 3), (2, 0.5, 3)], stop_at=[(1, 2)])
    replay = Replay(method, three_rows(), budget=6)
    replay.run()
    assert [told[:2] for told in method.told] == [(0, 1), (1, 1), (1, 2), (0, 2), (0, 3), (2, 1)]


def test_workers_train_side_by_side() -> None:
    method = Scripted([(0, 0.0, 3), (1, 1.0, 1), (2, 0.5, 1)])
    replay = Replay(method, three_rows(), workers=2, budget=5)
    replay.run()
    assert [told[:2] for told in method.told] == [(0, 1), (1, 1), (0, 2), (2, 1), (0, 3)]


def test_an_idle_worker_is_asked_again_when_another_reports() -> None:
    method = Scripted([])
    answers = [Job(0, np.zeros(1), 3), None, None, Job(1, np.ones(1), 1)]
    method.ask = itertools.chain(answers, itertools.repeat(None)).__next__
    replay = Replay(method, three_rows(), workers=2, budget=4)
    replay.run()
    assert [told[:2] for told in method.told] == [(0, 1), (0, 2), (0, 3), (1, 1)]


def test_a_method_that_starts_nothing_is_no_endless_loop() -> None:
    with pytest.raises(RuntimeError, match="starts nothing, 3 of 4 epochs left"):
        Replay(Scripted([(0, 0.0, 1)]), three_rows(), budget=4).run()


def test_a_method_may_leave_less_than_a_training() -> None:
    regrets = Replay(Scripted([(0, 0.0, 2)]), three_rows(), budget=4).run()
    np.testing.assert_allclose(regrets, [0.5 / 1.5, 0.2, 0.2, 0.2])


def test_when_all_rows_are_used_all_are_free() -> None:
    rows = replaying.Rows(three_rows())
    assert [rows.nearest(np.array([0.9])) for _ in range(4)] == [2, 1, 0, 2]


def test_regret_is_clipped() -> None:
    table = three_rows()
    assert [table.regret(loss) for loss in (math.inf, 5.0, 2.0, 0.5)] == [1, 1, 1, 0]
    assert table.regret(1.25) == pytest.approx(0.5)


def test_a_table_without_scales_is_read_as_taskset(tmp_path: Path) -> None:
    valid = np.array([[2.0, np.nan, 1.0], [3.0, 2.0, np.inf], [1.0, 1.0, 1.0]], np.float32)
    values = np.array([[1e-4, 0.9], [1e-2, 0.99], [1.0, 0.999]])
    names = np.array(["learning_rate", "beta1"])
    np.savez(tmp_path / "one.npz", hyperparameters=values, names=names, train=valid, valid=valid)
    (table,) = curves.read_tables(tmp_path)
    assert (table.name, table.scales) == ("one", ("log", "one_minus"))
    np.testing.assert_allclose(table.points, [[0, 0], [0.5, 0.5], [1, 1]], atol=1e-12)
    # What diverged once is over, whatever stands behind it.
    np.testing.assert_array_equal(np.isinf(table.losses), [[0, 1, 1], [0, 0, 1], [0, 0, 0]])


def test_a_folder_without_tables_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no \.npz tables"):
        curves.read_tables(tmp_path)


def test_the_expected_regret_of_rows_by_lot() -> None:
    # One trial of three epochs: a row each time, 0.1 / 1.5, 1 (diverged, then a second row) or 0.
    table, ends = three_rows(), []
    for first, second in itertools.permutations(range(3), 2):
        losses = table.losses[first] if first != 1 else [2.0, table.losses[second, 0]]
        ends.append(table.regret(min(losses)))
    assert replaying.expected_random(table, budget=3, draws=20_000) == pytest.approx(
        np.mean(ends), abs=0.01
    )


def test_random_search_leaves_what_rows_by_lot_leave() -> None:
    table = smooth(epochs=10)
    seeds = range(150)
    ends = [replaying.replay(replay_plain.Random, table, s, budget=60)[-1] for s in seeds]
    error = np.std(ends) / math.sqrt(len(ends))
    assert abs(np.mean(ends) - replaying.expected_random(table, 60)) < 4 * error
    assert error < 0.01


@pytest.mark.parametrize("workers", [1, 8])
@pytest.mark.parametrize("name", bench.METHODS)
def test_a_method_spends_the_budget(name: str, workers: int) -> None:
    lack = bench.lacking(name)
    if lack:
        pytest.skip(f"{lack} is not installed")
    table, budget, make = smooth(epochs=9), 200, bench.maker(name)
    replay = Replay(make(table, 3, workers, budget), table, workers, budget)
    regrets = replay.run()
    spent = sum(replay.epochs.values())
    assert len(regrets) == budget
    assert spent == len(replay.regrets) <= budget
    assert spent == budget or name in {"caviar", "caviar-sobol"}
    assert (np.diff(regrets) <= 0).all()
    assert len(set(replay.rows.values())) == len(replay.rows)
    # What no method may do: train past the end, or past a divergence.
    lengths = np.minimum(np.isfinite(table.losses).sum(axis=1) + 1, table.epochs)
    assert all(epochs <= lengths[replay.rows[t]] for t, epochs in replay.epochs.items())
    trained_out = sum(epochs == table.epochs for epochs in replay.epochs.values())
    assert trained_out >= 1
    if name != "random":
        assert len(replay.epochs) > 1.5 * budget / table.epochs
    again = Replay(make(table, 3, workers, budget), table, workers, budget).run()
    np.testing.assert_array_equal(again, regrets)


def test_the_plain_zoom_comes_nearer_than_the_same_without_zooming() -> None:
    class Whole(replay_plain.SimpleZoom):
        WHOLE = 1.0

    table, methods = smooth(rows=1000), (replay_plain.SimpleZoom, Whole, replay_plain.Random)
    ends = [
        np.mean([replaying.replay(make, table, seed, budget=300)[-1] for seed in range(20)])
        for make in methods
    ]
    assert ends[0] < 0.6 * ends[1] < 0.6 * ends[2]


def test_the_plain_zoom_promotes_who_is_among_the_best_third() -> None:
    table = smooth(diverging=0)
    method = replay_plain.SimpleZoom(table, 0, 1, 400)
    replay = Replay(method, table, budget=400)
    replay.run()
    ends = np.array(list(replay.epochs.values()))
    reached = [int((ends >= rung).sum()) for rung in (1, 3, 9, 27)]
    for below, above in itertools.pairwise(reached):
        # Some were of the best third once and are no more; the last may be under way.
        assert below // 3 - 1 <= above <= 0.6 * below


def test_foresight_tells_how_a_trial_ends_from_its_epoch_on(monkeypatch) -> None:
    table, told = smooth(epochs=9), []
    method = replay_caviar.CAVIAR["foresight-3"](table, 3, 8, 200)
    observe = method.strategy.observe
    monkeypatch.setattr(
        method.strategy, "observe", lambda all_told: [told.extend(all_told), observe(all_told)]
    )
    replay = Replay(method, table, workers=8, budget=200)
    replay.run()
    ends = {trial: table.losses[row].min() for trial, row in replay.rows.items()}
    assert len(told) == len(replay.regrets)
    assert {one.epoch for one in told} >= {1, 2, 3, 9}
    for one in told:
        seen = table.losses[replay.rows[one.trial], one.epoch - 1]
        assert one.diverged == math.isinf(seen)
        expected = ends[one.trial] if one.epoch >= 3 else seen
        assert one.diverged or one.dev_loss == expected


def test_foresight_of_what_nobody_reaches_is_none() -> None:
    table, blind = smooth(epochs=9), replay_caviar.clairvoyant(10)
    expected = replaying.replay(replay_caviar.CAVIAR["caviar"], table, 3, 8, 200)
    np.testing.assert_array_equal(replaying.replay(blind, table, 3, 8, 200), expected)


def test_rungs() -> None:
    assert [replay_plain.rungs_of(e) for e in (51, 27, 28, 2, 1)] == [
        (1, 3, 9, 27, 51),
        (1, 3, 9, 27),
        (1, 3, 9, 27, 28),
        (1, 2),
        (1,),
    ]


def test_shares_of_the_budget() -> None:
    regrets = np.arange(1020)[None] / 1020
    assert (bench.at_shares(regrets) * 1020).round().tolist() == [[101, 254, 509, 1019]]


def found(name: str, curve, seed: int = 0) -> bench.Found:
    return bench.Found(bench.Run(name, 1, 0, seed), np.asarray(curve), 0.1)


def test_the_verdict_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    mine = np.linspace(1, 0.1, 1000)
    other = np.linspace(1, 0.4, 1000)
    worse = np.linspace(1, 0.7, 1000)
    methods = ["random", "ray-asha", "simple-zoom", "caviar"]
    runs = zip(methods, (worse, other, mine / 2, mine), strict=True)
    bench.judge([found(name, curve) for name, curve in runs], methods, 1)
    out = capsys.readouterr().out
    assert "final mean regret 0.100, ray-asha 0.400: 0.25 of it" in out
    assert "reaches ray-asha's final regret with: 67% of the epochs" in out
    assert "+0.075, +0.150, +0.225, +0.300" in out


def test_a_table_of_figures(capsys: pytest.CaptureFixture[str]) -> None:
    halves = [found("random", np.full(1020, share), seed) for seed, share in enumerate((0, 0, 0.6))]
    bench.show(halves, ["random"], [three_rows()], 1)
    row = capsys.readouterr().out.splitlines()[-1].split()
    assert row == ["random", *["0.200"] * 4, *["0.000"] * 4, "0.200", "0.1"]


def command(*options: str) -> subprocess.CompletedProcess[str]:
    script = [sys.executable, str(BENCHMARKS / "replay.py")]
    return subprocess.run(
        [*script, *options], capture_output=True, text=True, check=False, timeout=100
    )


def test_the_command_prints_what_it_writes(tmp_path: Path) -> None:
    table = smooth()
    columns = {"scales": np.array(table.scales), "low": table.low, "high": table.high}
    np.savez(
        tmp_path / "made.npz",
        hyperparameters=table.hyperparameters,
        names=np.array(table.names),
        valid=table.losses,
        **columns,
    )
    file = tmp_path / "all.json"
    options = ("--tables", str(tmp_path), "--seeds", "3", "--workers", "1", "--json", str(file))
    done = command(*options, "--only", "simple-zoom,random")
    assert done.returncode == 0, done.stderr
    told = json.loads(file.read_text())
    assert len(told["replays"]) == 6
    ends = [one["regrets"][-1] for one in told["replays"] if one["method"] == "random"]
    row = next(line for line in done.stdout.splitlines() if line.startswith("random"))
    assert float(row.split()[4]) == pytest.approx(np.mean(ends), abs=6e-4)
    assert told["mean_curves"]["random, 1"][-1] == pytest.approx(np.mean(ends), abs=1e-4)
    assert "rows drawn by lot" in done.stdout


def test_an_unknown_method_is_one_line() -> None:
    done = command("--only", "rando")
    assert done.returncode == 1
    assert done.stderr.strip().endswith("got 'rando'")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("study", sorted((BENCHMARKS / "tables").glob("*.toml")))
def test_kept_tables_are_of_their_studies(study: Path) -> None:
    spec, table = StudySpec.load(study), curves.read_table(study.with_suffix(".npz"))
    assert table.names == spec.space.names
    assert table.losses.shape == (spec.search.trials, spec.search.max_epochs)
    trials = tabulate.trials_of(spec)
    np.testing.assert_array_equal(table.hyperparameters, tabulate.hyperparameters_of(spec, trials))
    assert ((table.points >= 0) & (table.points <= 1)).all()
    assert np.isfinite(table.losses[:, -1]).mean() > 0.5
    assert study.with_suffix(".npz").stat().st_size < 300_000


WORDS = """
[network]
layers = 1
units = { choices = [16, 24, 32] }
activation = { choices = ["relu", "tanh"] }
[training]
learning_rate = { low = 1e-3, high = 1e3, scale = "log" }
beta_1 = 0.9
beta_2 = { low = 0.9, high = 0.999, scale = "one_minus" }
batch_size = { choices = [128, 256] }
"""


def test_columns_of_a_table() -> None:
    domains = StudySpec.parse(WORDS).space.domains
    assert {name: tabulate.column(domain) for name, domain in domains.items()} == {
        "units": ("linear", 16, 32),
        "activation": ("linear", 0, 1),
        "learning_rate": ("log", 1e-3, 1e3),
        "beta_2": ("one_minus", 0.9, 0.999),
        "batch_size": ("log", 128, 256),
    }
    assert tabulate.number(domains["activation"], "tanh") == 1


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_study_is_tabulated(tmp_path: Path) -> None:
    study = tmp_path / "words.toml"
    study.write_text(WORDS)
    options = ("--trials", "6", "--epochs", "3", "--shown", "2")
    script = [sys.executable, str(BENCHMARKS / "tabulate.py"), str(study), *options]
    done = subprocess.run(script, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    table = curves.read_table(tmp_path / "words.npz")
    assert table.losses.shape == (6, 3)
    finite = np.isfinite(table.losses)
    assert finite[:, 0].any()
    # A learning rate of a thousand comes to nothing, one below 0.1 to much.
    rates = table.hyperparameters[:, table.names.index("learning_rate")]
    assert table.losses[rates < 0.1].min() < 1.0 < table.losses[rates > 30].min()

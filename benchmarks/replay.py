"""Searches replayed on tables of real learning curves: regret by the share of the budget spent.

    python benchmarks/replay.py [--tables DIR] [--seeds 5] [--workers 1 8] [--only NAME,...]
                                [--json FILE]

Every method spends 1,020 trial-epochs on every table with every seed. What it suggests is answered
by the nearest row not yet used, in the unit cube of the table's scales; with several workers time
is simulated, an epoch taking one unit of it. Regret is (incumbent - best) / (median loss after the
first epoch - best), clipped to [0, 1]; the incumbent is the lowest dev loss of any epoch trained
so far, the best the table's lowest. Mean and median are over tables and seeds.

- random: uniform points, each trained to the end; the expected regret of as many rows drawn by
  lot is computed beside it, and if the two differ the bench is wrong
- ray-asha: Ray Tune's ASHAScheduler, on uniform points
- optuna-tpe-sh, optuna-tpe-hb: Optuna's TPE with SuccessiveHalvingPruner, with HyperbandPruner
- syne-asha, syne-bohb: Syne Tune's ASHA and BOHB
- simple-zoom: a Gaussian around the best tenth and promotion by thirds, a yardstick
- caviar-sobol: caviar's strategy on Sobol points
- caviar: caviar's default
- only if asked for: caviar-sobol-2 and caviar-sobol-4, Sobol points in two and in four brackets;
  foresight-1, foresight-3, foresight-9: caviar's default, told from that epoch of a trial on the
  lowest loss that the trial will ever see. No tuner knows that: they bound what judging better from
  there on could gain

Rungs are 1, 3, 9, ... epochs with a reduction factor of 3. What diverges is over, for everyone. By
default the tables are ../shared/data/taskset beside the repository, or benchmarks/tables.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

# A process a core: threads would only be in the way.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from curves import Floats, Table, read_tables
from replay_plain import Random, SimpleZoom
from replaying import BUDGET, SHARES, Make, expected_random, replay

METHODS = (
    "random",
    "ray-asha",
    "optuna-tpe-sh",
    "optuna-tpe-hb",
    "syne-asha",
    "syne-bohb",
    "simple-zoom",
    "caviar-sobol",
    "caviar",
)
IF_ASKED = ("caviar-sobol-2", "caviar-sobol-4", "foresight-1", "foresight-3", "foresight-9")
OURS = ("simple-zoom", "caviar-sobol", "caviar", *IF_ASKED)


class Run(NamedTuple):
    """One replay asked for."""

    method: str
    workers: int
    table: int
    seed: int


class Found(NamedTuple):
    """One replay done: its regrets `[BUDGET]` and the seconds it took."""

    run: Run
    regrets: Floats
    seconds: float


Keep = Callable[[list[Found]], None]
"""Puts away what was found so far."""


def maker(name: str) -> Make:
    """A method's factory by name; imports what it needs.

    Raises:
        ModuleNotFoundError: the tool is not installed.
    """
    plain: dict[str, Make] = {"random": Random, "simple-zoom": SimpleZoom}
    if name in plain:
        return plain[name]
    if name in OURS:
        from replay_caviar import CAVIAR

        return CAVIAR[name]
    from replay_others import OTHERS

    return OTHERS[name]


def lacking(name: str) -> str:
    """The package a method lacks here, or nothing."""
    from replay_others import lacking

    return lacking(name)


_tables: list[Table] = []
"""In a worker process: what it replays on."""


def _enter(tables: list[Table]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    warnings.simplefilter("ignore")  # what other tools deprecate in one another
    _tables[:] = tables


def _replay(run: Run) -> Found:
    start, make = time.perf_counter(), maker(run.method)
    regrets = replay(make, _tables[run.table], run.seed, run.workers)
    return Found(run, regrets, time.perf_counter() - start)


def all_runs(methods: Iterable[str], workers: Iterable[int], tables: int, seeds: int) -> list[Run]:
    """Every replay, seed after seed, so that whoever interrupts has something of each method."""
    order = itertools.product(range(seeds), methods, workers, range(tables))
    return [Run(name, count, table, seed) for seed, name, count, table in order]


def replay_all(runs: Sequence[Run], tables: list[Table], keep: Keep) -> list[Found]:
    """All replays on all cores this process may use; those done, where Ctrl-C ends it.

    Args:
        runs: which.
        tables: what they are replayed on.
        keep: called now and then with what there is, and at the end.
    """
    for name in {run.method for run in runs}:
        maker(name)  # imported here, all processes run the same code, whoever edits it meanwhile
    found: list[Found] = []
    cores = len(os.sched_getaffinity(0))
    with get_context("fork").Pool(cores, _enter, (tables,)) as pool:
        try:
            _collect(pool.imap_unordered(_replay, runs), len(runs), found, keep)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # impatience would cost the figures
            print(f"interrupted: {len(found)} of {len(runs)} replays count", file=sys.stderr)
    return sorted(found, key=lambda one: one.run)


def _collect(done: Iterable[Found], wanted: int, found: list[Found], keep: Keep) -> None:
    """Takes what is done into `found`; tells on stderr how it goes."""
    start, told = time.perf_counter(), 0.0
    for one in done:
        found.append(one)
        seconds = time.perf_counter() - start
        if seconds - told >= 10 or len(found) == wanted:
            told = seconds
            print(f"{len(found):5} of {wanted} replays, {seconds:5.0f} s", file=sys.stderr)
            keep(found)


def regrets_of(found: Iterable[Found], method: str, workers: int) -> Floats:
    """`[replays, BUDGET]` of a method."""
    wanted = (method, workers)
    return np.array([one.regrets for one in found if one.run[:2] == wanted])


def at_shares(regrets: Floats) -> Floats:
    """The columns at `SHARES` of the budget."""
    places = [round(share * regrets.shape[-1]) - 1 for share in SHARES]
    return regrets[..., places]


def show(found: list[Found], methods: Sequence[str], tables: Sequence[Table], workers: int) -> None:
    """The figures of all methods with so many workers."""
    shares = "".join(f"{share:>8.0%}" for share in SHARES)
    names = "  ".join(f"{chr(ord('A') + place)}={table.name}" for place, table in enumerate(tables))
    letters = "".join(f"{chr(ord('A') + place):>7}" for place in range(len(tables)))
    print(f"\nworkers {workers}: normalised regret; at the end by table: {names}")
    print(f"{'':14}{'mean':>8}{'':24}{'median':>8}{'':24}  mean at 100%{'':>{7 * len(tables)}}")
    print(f"{'':14}{shares}{shares}  {letters}   s a replay")
    for name in methods:
        print(f"{name:14}{_figures(found, name, workers, len(tables))}")


def _figures(found: list[Found], name: str, workers: int, tables: int) -> str:
    mine = [one for one in found if one.run[:2] == (name, workers)]
    at = at_shares(np.array([one.regrets for one in mine]))
    cells = [f"{value:8.3f}" for value in (*at.mean(axis=0), *np.median(at, axis=0))]
    ends = [[one.regrets[-1] for one in mine if one.run.table == t] for t in range(tables)]
    by_table = "".join(f"{np.mean(end or math.nan):7.3f}" for end in ends)
    seconds = np.mean([one.seconds for one in mine])
    return f"{''.join(cells)}  {by_table}{seconds:10.1f}"


def judge(found: list[Found], methods: Sequence[str], workers: int) -> None:
    """The default of caviar against the best of the others, by the three targets."""
    others = [name for name in methods if name not in OURS]
    if "caviar" not in methods or not others:
        return
    curves = {name: regrets_of(found, name, workers).mean(axis=0) for name in methods}
    best, mine = min(others, key=lambda name: curves[name][-1]), curves["caviar"]
    end = float(curves[best][-1])
    print(f"  final mean regret {mine[-1]:.3f}, {best} {end:.3f}: {_ratio(mine[-1], end)} of it")
    there = np.flatnonzero(mine <= end)
    share = f"{(there[0] + 1) / len(mine):.0%} of the epochs" if len(there) else "never"
    print(f"  reaches {best}'s final regret with: {share}")
    quarters = [round(len(mine) * quarter / 4) - 1 for quarter in (1, 2, 3, 4)]
    lead = [min(curves[name][q] for name in others) - mine[q] for q in quarters]
    print("  ahead of the best at the quarters by: " + ", ".join(f"{one:+.3f}" for one in lead))


def _ratio(one: float, other: float) -> str:
    return f"{one / other:.2f}" if other else "-"


def check_random(found: list[Found], tables: Sequence[Table]) -> None:
    """Random search of one worker against what rows drawn by lot are expected to give."""
    expected = float(np.mean([expected_random(table) for table in tables]))
    ends = [regrets_of(found, "random", 1)[:, -1]]
    error = np.std(ends) / np.sqrt(np.size(ends))
    print(
        f"  random {np.mean(ends):.3f} +- {error:.3f}; rows drawn by lot: {expected:.3f} expected"
    )


def as_json(found: list[Found], tables: Sequence[Table]) -> dict[str, Any]:
    """All figures: of each replay at `SHARES`, and each method's mean curve."""
    sides = sorted({one.run[:2] for one in found})
    return {
        "budget": BUDGET,
        "shares": SHARES,
        "tables": [table.name for table in tables],
        "replays": [
            one.run._asdict()
            | {
                "table": tables[one.run.table].name,
                "regrets": at_shares(one.regrets).round(5).tolist(),
                "seconds": round(one.seconds, 2),
            }
            for one in found
        ],
        "mean_curves": {
            f"{name}, {count}": regrets_of(found, name, count).mean(axis=0).round(5).tolist()
            for name, count in sides
        },
    }


def chosen(only: str | None) -> list[str]:
    """The methods that can run here, of those asked for; a line for each that cannot.

    Raises:
        SystemExit: an unknown name, or nothing left.
    """
    asked = only.split(",") if only else list(METHODS)
    for name in asked:
        if name not in METHODS + IF_ASKED:
            known = ", ".join(METHODS + IF_ASKED)
            raise SystemExit(f"--only: must be of {known}, got {name!r}")
    lacks = {name: lacking(name) for name in asked}
    for name, package in lacks.items():
        if package:
            print(f"{name} is left out: {package} is not installed")
    left = [name for name in METHODS + IF_ASKED if name in asked and not lacks[name]]
    if not left:
        raise SystemExit("--only: nothing of it can run here")
    return left


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", type=Path, help="a folder of .npz tables")
    parser.add_argument("--seeds", type=int, default=5, help="replays of a method on a table")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--only", help="methods, with commas between")
    parser.add_argument("--json", type=Path, help="where all figures go")
    options = parser.parse_args()
    methods, tables = chosen(options.only), read_tables(options.tables)
    runs = all_runs(methods, options.workers, len(tables), options.seeds)

    def keep(found: list[Found]) -> None:
        if options.json:
            options.json.write_text(json.dumps(as_json(found, tables)))

    found = replay_all(runs, tables, keep)
    print(f"{len(tables)} tables, {options.seeds} seeds, {BUDGET:,} trial-epochs")
    for workers in options.workers:
        done = {one.run.method for one in found if one.run.workers == workers}
        shown = [name for name in methods if name in done]
        show(found, shown, tables, workers)
        judge(found, shown, workers)
        if "random" in shown and workers == 1:
            check_random(found, tables)


if __name__ == "__main__":
    main()

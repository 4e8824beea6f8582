"""What caviar itself costs: a study whose trials train nothing, through driver, broker and Tune.

    python benchmarks/no_op.py [--trials 10000] [--stack 1 auto] [--max-epochs 1 27] [--dir DIR]
    python benchmarks/no_op.py --stack 1 --max-epochs 27 --storage URI [--pairs 3]

Everything but training is the real thing: a local Ray, the driver, the broker with its journal on
the disk that holds DIR (synchronous, as always), a Tune trial a slice, a checkpoint file a trial
and rung. Each combination of --stack and --max-epochs is a run in a process of its own: with stack
1 and one epoch, 10,000 trials are 10,000 assignments; with 27 epochs they come to the rungs 1, 3, 9
and 27. Time is taken from the journal, from the first claim to the last report; the start of Ray
and the reading of the data set are left out. Memory is the resident set, in MiB.

With --storage each run is made in pairs, without and with a storage of its own below that address.

Targets: an assignment costs at most 10 ms, 10,000 trials pass in 60 s, memory is flat.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from no_op_worker import BYTES_VARIABLE

from caviar.study.facts import Attempt
from caviar.study.journal import Journal
from caviar.study.spec import StudySpec
from caviar.tuning.status import Status

WORKER = "no_op_worker:make"
STORAGE_VARIABLE = "CAVIAR_NO_OP_STORAGE"
"""Where the runs of a pair that have a storage find its address."""
SLICE_TITLES = ("ray::SliceTrainable", "ray::digits:slice")
PROCESSES = ("driver", "broker", "slices", "ray")
"""The slices are taken together, and so are Ray's own processes."""


@dataclass(frozen=True)
class Sample:
    """A moment of the run.

    Attributes:
        trials: which have at least one epoch behind them.
        rss: resident bytes, in the order of `PROCESSES`.
        cpu_s: seconds of processor time so far, in the same order.
    """

    trials: int
    rss: tuple[float, ...]
    cpu_s: tuple[float, ...]


class Watch:
    """A view that shows nothing, and samples memory whenever another `every` trials are done."""

    def __init__(self, every: int) -> None:
        """Takes how many trials lie between two samples."""
        self.samples: list[Sample] = []
        self._every = every
        self._driver = psutil.Process()

    def say(self, line: str) -> None:
        """Shows nothing."""

    def update(self, status: Status) -> None:
        """Samples, if it is time."""
        reached = status.rungs[0][1] if status.rungs else 0
        due = (len(self.samples) + (not self.samples)) * self._every
        if reached and (not self.samples or reached >= due or status.finished):
            sample = self._sample(reached)
            if sample.rss[PROCESSES.index("slices")] or not self.samples:  # else they are gone
                self.samples.append(sample)

    def _sample(self, trials: int) -> Sample:
        rss, cpu_s = [0.0] * len(PROCESSES), [0.0] * len(PROCESSES)
        for process in [self._driver, *self._driver.children(recursive=True)]:
            try:
                kind, times = kind_of(process), process.cpu_times()
                rss[kind] += process.memory_info().rss
                cpu_s[kind] += times.user + times.system
            except psutil.Error:  # it ended meanwhile
                continue
        return Sample(trials, tuple(rss), tuple(cpu_s))


def kind_of(process: psutil.Process) -> int:
    """Which of `PROCESSES` the driver or one below it is."""
    title = (process.cmdline() or [""])[0]
    if process.pid == os.getpid():
        return 0
    if title.startswith("ray::BrokerActor"):
        return 1
    return 2 if title.startswith(SLICE_TITLES) else 3


def study(trials: int, stack: str, max_epochs: int) -> StudySpec:
    """The default study with other sizes."""
    spec = StudySpec.default().override(trials=trials, max_epochs=max_epochs)
    wish = stack if stack == "auto" else int(stack)
    resources = spec.resources.model_copy(update={"stack": wish})
    return spec.model_copy(update={"resources": resources})


def measure(spec: StudySpec, folder: Path, storage: str | None = None) -> None:
    """Runs one study, perhaps with a storage, and prints its figures."""
    from caviar.tuning.driver import run_study

    directory = folder / "study"
    watch = Watch(max(1, spec.search.trials // 10))
    loads = [os.getloadavg()[0]]
    began = time.perf_counter()
    run_study(spec, directory, watch, worker=WORKER, storage=storage)
    whole_s = time.perf_counter() - began
    loads.append(os.getloadavg()[0])
    with Journal.open(directory) as journal:
        attempts, epochs, trials = (
            journal.attempts(),
            journal.measured_epochs,
            len(journal.trials()),
        )
    print(
        f"{trials:,} trials, stack {spec.resources.stack}, rungs {spec.rungs()}, "
        f"load {loads[0]:.1f} before and {loads[1]:.1f} after"
    )
    print_costs(attempts, trials, epochs, whole_s)
    print_journal(directory, trials)
    print_memory(watch.samples)
    print_processor(watch.samples, len(attempts))


def print_costs(attempts: tuple[Attempt, ...], trials: int, epochs: int, whole_s: float) -> None:
    """Seconds of the run, milliseconds of a trial and an assignment, early and late."""
    first = min(a.claimed_at for a in attempts)
    last = max(a.ended_at or a.claimed_at for a in attempts)
    took_s, done = last - first, len(attempts)
    slices = len({a.slice_name for a in attempts})
    turns = sorted(turn_times_s(attempts))
    tenth = max(1, done // 10)
    by_claim = sorted(a.claimed_at for a in attempts)
    line("first claim to last report", f"{took_s:.1f} s (whole run {whole_s:.1f} s)")
    line("a trial", f"{1e3 * took_s / trials:.2f} ms")
    line("an assignment", f"{1e3 * took_s / done:.2f} ms ({done:,} on {slices} slices)")
    line("  of the first tenth", f"{1e3 * (by_claim[tenth] - first) / tenth:.2f} ms")
    line("  of the last tenth", f"{1e3 * (last - by_claim[-tenth]) / tenth:.2f} ms")
    if turns:
        middle, late = statistics.median(turns), turns[int(0.99 * (len(turns) - 1))]
        line("a slice's turn", f"median {1e3 * middle:.2f} ms, 99 % {1e3 * late:.2f} ms")
    line("trial-epochs", f"{epochs:,}, {epochs / took_s:.0f} /s")


def turn_times_s(attempts: tuple[Attempt, ...]) -> list[float]:
    """Seconds from a slice's claim to its next one: what an assignment costs the slice."""
    claims: dict[str, list[float]] = {}
    for attempt in attempts:
        claims.setdefault(attempt.slice_name, []).append(attempt.claimed_at)
    return [b - a for times in claims.values() for a, b in itertools.pairwise(sorted(times))]


def print_journal(directory: Path, trials: int) -> None:
    """Bytes on the disk."""
    size = (directory / "journal.sqlite3").stat().st_size
    files = [file.stat().st_size for file in (directory / "checkpoints").iterdir()]
    line("journal", f"{size / trials:.0f} bytes a trial, {size / 1e6:.1f} MB")
    line("checkpoints", f"{len(files):,} files, {sum(files) / 1e6:.1f} MB")


def print_memory(samples: list[Sample]) -> None:
    """The resident sets, and what each grew by a trial."""
    print(f"  {'MiB after trials':<28}" + "".join(f"{name:>10}" for name in PROCESSES))
    for sample in samples:
        print(f"  {sample.trials:<28,}" + "".join(f"{rss / 2**20:10.1f}" for rss in sample.rss))
    if len(samples) > 2:
        # The first sample is of processes that are still loading what they need.
        early, late = samples[1], samples[-1]
        grown = [b - a for a, b in zip(early.rss, late.rss, strict=True)]
        between = max(1, late.trials - early.trials)
        print(f"  {'bytes a trial':<28}" + "".join(f"{rss / between:10.0f}" for rss in grown))


def print_processor(samples: list[Sample], assignments: int) -> None:
    """Processor time an assignment; other load on the machine hardly changes it."""
    early, late = samples[0], samples[-1]
    if early.trials == late.trials:
        return
    share = assignments * (late.trials - early.trials) / late.trials
    spent = [1e3 * (b - a) / share for a, b in zip(early.cpu_s, late.cpu_s, strict=True)]
    print(f"  {'CPU ms an assignment':<28}" + "".join(f"{ms:10.2f}" for ms in spent))


def line(name: str, text: str) -> None:
    print(f"  {name:<28}{text}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--stack", nargs="+", default=["1", "auto"], metavar="N|auto")
    parser.add_argument("--max-epochs", nargs="+", type=int, default=[1, 27], metavar="N")
    parser.add_argument("--checkpoint", type=int, default=64, help="bytes of each checkpoint")
    parser.add_argument("--dir", type=Path, default=None, help="on which disk; default: /tmp's")
    parser.add_argument(
        "--storage", metavar="URI", help="what a storage costs: in pairs, off and on"
    )
    parser.add_argument("--pairs", type=int, default=3, help="of runs, with --storage")
    options = parser.parse_args()
    os.environ[BYTES_VARIABLE] = str(options.checkpoint)
    runs = list(itertools.product(options.stack, options.max_epochs))
    if len(runs) == 1 and not options.storage:
        with tempfile.TemporaryDirectory(dir=options.dir) as folder:
            measure(study(options.trials, *runs[0]), Path(folder), os.environ.get(STORAGE_VARIABLE))
        return
    for stack, max_epochs in runs:
        own = ["--trials", options.trials, "--checkpoint", options.checkpoint]
        own += ["--stack", stack, "--max-epochs", max_epochs]
        own += ["--dir", options.dir] if options.dir else []
        command = [sys.executable, __file__, *map(str, own)]
        if options.storage:
            compare(command, options.storage, options.pairs)
        else:
            subprocess.run(command, check=True)


def compare(command: list[str], storage: str, pairs: int) -> None:
    """Runs a study without and with a storage by turns, and prints what that costs."""
    rates: dict[bool, list[float]] = {False: [], True: []}
    for number in range(2 * pairs):
        is_stored = number % 2 == 1
        own = {STORAGE_VARIABLE: below(storage, f"{os.getpid()}-{number}")} if is_stored else {}
        print("with a storage" if is_stored else "without", flush=True)
        environment = os.environ | own
        done = subprocess.run(
            command, check=True, env=environment, stdout=subprocess.PIPE, text=True
        )
        print(done.stdout, flush=True)
        told = re.search(r"an assignment +([\d.]+) ms", done.stdout)
        assert told is not None
        rates[is_stored].append(1e3 / float(told[1]))
    shares = [b / a for a, b in zip(rates[False], rates[True], strict=True)]
    told_shares = ", ".join(f"{share:.3f}" for share in shares)
    off, on = (statistics.median(rates[key]) for key in (False, True))
    print(f"assignments/s: {off:.0f} without, {on:.0f} with a storage (medians of {pairs} pairs)")
    print(f"with / without: median {statistics.median(shares):.3f} of {told_shares}")


def below(uri: str, name: str) -> str:
    """A storage of its own below another."""
    base, mark, query = uri.partition("?")
    return f"{base.rstrip('/')}/{name}{mark}{query}"


if __name__ == "__main__":
    main()

"""The command line. Everything heavy is imported inside the command that needs it."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from caviar import (
    __version__,
    cli_diagnose,
    cli_export,
    cli_jobs,
    cli_live,
    cli_panda,
    cli_predict,
    cli_report,
    cli_serve,
    cli_usage,
    cli_winner,
)
from caviar.cli_live import Address, Directory
from caviar.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from caviar.report.after_rounds import AfterRounds
    from caviar.study.spec import StudySpec
    from caviar.tuning.job_view import JobView
    from caviar.tuning.progress import View
    from caviar.tuning.status import Status

app = typer.Typer(
    name="caviar",
    help="Distributed hyperparameter tuning of TensorFlow networks on Ray Tune.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

StudyFile = Annotated[
    Path | None, typer.Argument(metavar="[STUDY.toml]", help="The study file; without one, digits.")
]


def main() -> None:
    """The console script: a person's mistake is one line and status 2."""
    try:
        status = app(standalone_mode=False)
    except StudyError as error:
        _fail(str(error))
    except typer.TyperException as error:
        line = cli_usage.line_of(error)
        if line is None:
            sys.stderr.write(f"{error.format_message()}\n")
            raise SystemExit(2) from None
        _fail(line)
    raise SystemExit(status)  # what a command left off with, or None: all is well


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"caviar {__version__}")
        raise typer.Exit


@app.command()
def run(
    study: StudyFile = None,
    dir: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="The study directory; default: studies/NAME."),
    ] = None,
    address: Address = None,
    trials: Annotated[int | None, typer.Option("--trials", help="How many trials.")] = None,
    max_epochs: Annotated[
        int | None, typer.Option("--max-epochs", help="Epochs of the trials that get furthest.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="The study's seed.")] = None,
    no_winner: Annotated[
        bool, typer.Option("--no-winner", help="Search only; `caviar winner DIR` makes up for it.")
    ] = False,
    tensorboard: Annotated[
        bool,
        typer.Option(
            "--tensorboard", help="Write DIR/exports/tensorboard as it goes: curves and HParams."
        ),
    ] = False,
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage",
            metavar="URI",
            help="Back the study up there and go on from there: a directory, s3://..., gs://...",
        ),
    ] = None,
) -> None:
    """Run a study, or go on with it where its directory stands.

    Without a study file that is the one that DIR holds, or digits.
    When the search is over the best are retrained over several seeds, and the winner is told.
    Ctrl-C stops it in order: what was reported is kept, and the same command goes on.
    """
    from caviar.api import default_directory, when_retrained
    from caviar.report.after_rounds import AfterRounds
    from caviar.report.exports.live import beside
    from caviar.study.journal import Journal
    from caviar.study.remarks import remarks
    from caviar.tuning.driver import run_study
    from caviar.tuning.keeper_use import keeping
    from caviar.tuning.progress import LiveView, PlainView

    spec = _read(study, dir, storage).override(trials=trials, max_epochs=max_epochs, seed=seed)
    directory = dir if dir is not None else default_directory(spec)
    if not Journal.exists(directory):  # a finished study needs nothing
        _check_ready(spec, study)
    for remark in remarks(spec):
        _write(f"note: {remark}")
    again = _again(study, directory, address, trials, max_epochs, seed)
    again += " --no-winner" * no_winner + " --tensorboard" * tensorboard
    again += f" --storage {shlex.quote(storage)}" if storage else ""
    console = _console()
    with (
        _job(spec, directory) as job,
        keeping(storage, spec, directory, _write) as keeper,
        contextlib.ExitStack() as stack,
    ):
        finals = when_retrained(directory, never=no_winner)  # the study may just have come here
        if tensorboard:
            stack.enter_context(beside(directory, _write))
        live = console.is_terminal and job is None
        plain = stack.enter_context(LiveView(console)) if live else job or PlainView(_write)
        view = _Checked(plain, AfterRounds(directory, plain.say))
        if job is not None:  # the cluster around it, which is as good as told
            address = address or os.environ.get("RAY_ADDRESS")
        outcome = run_study(spec, directory, view, address=address, finals=finals, storage=keeper)
        stack.close()
        _show(console, directory, job)
        if outcome.signal:
            _write("stopped; to go on: " + (again if job is None else "submit it again"))
            raise typer.Exit(128 + outcome.signal)
        if outcome.ending:
            _write(f"ended: {outcome.ending}")
        trouble = ""
        if not no_winner:
            try:
                cli_winner.conclude(spec, directory, outcome.data, again)
            except StudyError as error:
                trouble = str(error)
        _report(console, directory)
        _write(f"journal and checkpoints: {directory}" + f" and {storage}" * bool(storage))
        if keeper is not None:
            keeper.deliver()
        if trouble:  # the search went well, and was told
            raise StudyError(f"no winner: {trouble}")


@app.command()
def check(study: StudyFile = None) -> None:
    """Check a study file and print what it amounts to: space, sizes, rungs, cost."""
    from caviar.report.tables import print_description

    spec = _read(study)
    _check_ready(spec, study)
    print_description(_console(), spec)


@app.command()
def show(
    directory: Directory,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    trial: Annotated[
        int | None, typer.Option("--trial", help="Print this trial's curve and layers as well.")
    ] = None,
    rounds: Annotated[
        bool, typer.Option("--rounds", help="Print where the search looked, round by round.")
    ] = False,
) -> None:
    """Show how a study stands, from its journal alone, also while it runs."""
    from caviar.report.account import account, course
    from caviar.report.winning import winning
    from caviar.study.journal import Journal

    with Journal.open(directory) as journal:
        told: dict[str, Any] = account(journal) | winning(journal)
        if trial is not None:
            told |= course(journal, trial)
    if json:
        import json as codec

        typer.echo(codec.dumps(told, indent=2, allow_nan=False))
    else:
        from caviar.report.round_tables import print_rounds
        from caviar.report.tables import print_account
        from caviar.report.winning import print_winning

        console = _console()
        print_account(console, told, trial)
        print_winning(console, told)
        if rounds:
            print_rounds(console, told)


@app.command()
def gradcheck(
    study: StudyFile = None,
    plant: Annotated[
        bool,
        typer.Option("--break", help="Plant a wrong gradient; the check must catch it."),
    ] = False,
) -> None:
    """Check the gradients that a study's trials train with against two-sided differences.

    In float64, on a small batch, for a trial of every kind of network in the study. A relative
    difference below 1e-7 is right, 1e-5 deserves a look, 1e-3 is wrong; status 1 if one is not
    right.
    """
    from caviar.api import check_gradients
    from caviar.report.gradients import print_checked

    spec, console = _read(study), _console()
    _wake_tensorflow()
    results = []
    for checked in check_gradients(spec, plant=plant):
        print_checked(console, checked, spec.space.names)
        results.append(checked.check)
    right = all(check.passed for check in results)
    worst = max(check.relative for check in results)
    kinds = f"{len(results)} kind{'s' if len(results) > 1 else ''} of network"
    verdict = "right" if right else "NOT right"
    _write(f"gradients of {spec.name}: {verdict}; {kinds}, worst relative difference {worst:.1e}")
    if not right:
        raise typer.Exit(1)


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="Where to write it.")] = Path(
        "study.toml"
    ),
) -> None:
    """Write a commented study file to start from."""
    from caviar.study.spec import init_text

    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(init_text())
    except FileExistsError:
        raise StudyError(f"{file}: is there already; it was left alone") from None
    except OSError as error:
        raise StudyError(f"{file}: cannot be written: {error.strerror}") from None
    _write(f"wrote {file}; check it with: caviar check {file}; run it with: caviar run {file}")


def _wake_tensorflow() -> None:
    """Imports TensorFlow without its messages, some of which no setting of its own turns off.

    No GPU is needed for a small batch.
    """
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), 2)
            import tensorflow  # noqa: F401 - for its side effects
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _read(
    study: Path | None, directory: Path | None = None, storage: str | None = None
) -> StudySpec:
    """The study file; without one what a directory or a storage holds, else the default."""
    from caviar.api import load
    from caviar.study.journal import Journal
    from caviar.study.spec import StudySpec

    if study is not None:
        return StudySpec.load(study)
    if directory is not None and Journal.exists(directory):
        return load(directory).spec
    if storage is not None:
        from caviar.tuning.keeper_restoring import study_in

        return study_in(storage) or StudySpec.default()
    return StudySpec.default()


def _check_ready(spec: StudySpec, study: Path | None) -> None:
    """Refuses what cannot run, naming the file as other mistakes do."""
    from caviar.study.readiness import check_ready

    try:
        check_ready(spec)
    except StudyError as error:
        raise StudyError(f"{study}: {error}" if study else str(error)) from None


@contextlib.contextmanager
def _job(spec: StudySpec, directory: Path) -> Iterator[JobView | None]:
    """What a job of `caviar submit` prints, also when it fails; None where it is none."""
    from caviar.tuning.job_view import JobView, is_job

    if not is_job():
        yield None
        return
    from caviar.service.board import Board, folder_of_this_job

    folder = folder_of_this_job()
    with Board(directory, folder) if folder else contextlib.nullcontext() as board:
        tell = board.tell if board else lambda _: None
        with JobView(
            spec.name, directory, _write, tell=tell, searched=tuple(spec.space.domains)
        ) as view:
            yield view


def _show(console: Console, directory: Path, job: JobView | None) -> None:
    """The leaderboard at the end of a run, if it came to have a journal."""
    from caviar.report.account import account
    from caviar.report.tables import print_account
    from caviar.study.journal import Journal

    if Journal.exists(directory):
        with Journal.open(directory) as journal:
            told = account(journal)
        print_account(console, told, None)
        if job is not None:
            job.conclude(told)


class _Checked:
    """A view that looks at the playbook's checks after each round of the search."""

    def __init__(self, view: View, after: AfterRounds) -> None:
        self._view, self._after = view, after

    def say(self, line: str) -> None:
        """One plain line."""
        self._view.say(line)

    def update(self, status: Status) -> None:
        """How the study stands now."""
        self._view.update(status)
        self._after.look()


def _report(console: Console, directory: Path) -> None:
    """What to look at, and the report, at the end of a run; trouble with it is no failed run."""
    from caviar.report.checks import checks, print_checks
    from caviar.report.evidence import evidence
    from caviar.report.page.writing import write_report
    from caviar.study.journal import Journal

    if Journal.exists(directory):
        try:
            found = checks(evidence(directory))
            print_checks(console, [one for one in found if one.verdict in {"look", "act"}])
            _write(f"report: {write_report(directory)}")
        except StudyError as error:
            _write(f"no report: {error}")


def _again(study: Path | None, directory: Path, address: str | None, *options: int | None) -> str:
    """The command that goes on with the study."""
    words = ["caviar", "run", *([str(study)] if study else []), "--dir", str(directory)]
    words += ["--address", address] if address else []
    for name, value in zip(("--trials", "--max-epochs", "--seed"), options, strict=True):
        words += [name, str(value)] if value is not None else []
    return shlex.join(words)


def _console() -> Console:
    from rich.console import Console

    # A log or a file has no width to fit into.
    width = None if sys.stdout.isatty() else 200
    return Console(highlight=False, width=width)


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _fail(line: str) -> NoReturn:
    sys.stderr.write(f"caviar: {line}\n")
    raise SystemExit(2)


for commands in (
    cli_live,
    cli_jobs,
    cli_panda,
    cli_winner,
    cli_report,
    cli_serve,
    cli_diagnose,
    cli_predict,
    cli_export,
):
    commands.register(app)

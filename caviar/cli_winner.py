"""The command that tells the winner, and what `caviar run` ends with."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caviar.cli_live import Address, Directory

if TYPE_CHECKING:
    from caviar.data.dataset import Dataset
    from caviar.study.spec import StudySpec
    from caviar.tuning.keeper import Keeper


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("winner")(winner)


def winner(
    directory: Directory,
    address: Address = None,
    reopen: Annotated[
        bool,
        typer.Option("--reopen", help="Read the test set once more; the report shows it for ever."),
    ] = False,
    onnx: Annotated[bool, typer.Option("--onnx", help="Export the model to ONNX as well.")] = False,
) -> None:
    """Retrain the best of a study over several seeds, and tell the honest winner.

    At once, wherever the search stands. What was retrained already is not trained again. The test
    set is read at the end, once; the model and its card are in DIR/winner.
    """
    from caviar.api import load
    from caviar.tuning.keeper_use import keeping_on
    from caviar.winner.finish import refuse_hopeless, refuse_second_reading
    from caviar.winner.onnx import check_installed

    def refuse() -> None:
        refuse_second_reading(directory, reopen=reopen)
        refuse_hopeless(directory)

    spec = load(directory).spec
    refuse()
    if onnx:
        check_installed()
    with keeping_on(spec, directory, _write) as keeper:
        if keeper is not None:
            spec = load(directory).spec  # the storage may have been ahead
            refuse()
        data = None if spec.is_raised else _retrain(spec, directory, address, keeper)
        with _stoppable(f"caviar winner {directory}{' --reopen' * reopen}{' --onnx' * onnx}"):
            _tell(directory, data, keeper, reopen=reopen, onnx=onnx)


def _retrain(
    spec: StudySpec, directory: Path, address: str | None, keeper: Keeper | None
) -> Dataset | None:
    """Retrains the best; their data set."""
    from caviar.tuning.driver import run_study
    from caviar.tuning.messages import Extra
    from caviar.tuning.progress import PlainView

    given = spec, directory, PlainView(_write)
    outcome = run_study(*given, address=address, finals=Extra.NOW, storage=keeper)
    if outcome.signal:
        _write(f"stopped; to go on: caviar winner {directory}")
        raise typer.Exit(128 + outcome.signal)
    return outcome.data


def _tell(
    directory: Path, data: Dataset | None, keeper: Keeper | None, *, reopen: bool, onnx: bool
) -> None:
    """Tells the winner, here and in the study's storage."""
    from caviar.api import crown

    crown(directory, data, say=_write, reopen=reopen, onnx=onnx)
    if keeper is not None:
        keeper.deliver()


def conclude(spec: StudySpec, directory: Path, data: Dataset | None, again: str) -> None:
    """Tells the winner where a run came to its end and it is not told yet."""
    from caviar.api import crown, is_winner_due, when_retrained
    from caviar.report.account import account
    from caviar.study.journal import Journal

    if not spec.winner.top or not Journal.exists(directory):
        return
    if not is_winner_due(directory):
        with Journal.open(directory) as journal:
            told = account(journal)
        if told["status"] == "finished" and told["best"] is None:
            _write("no winner: no trial came to a good end")
        return
    if when_retrained(directory) is not None:
        _write(
            "the test set was read for the winner of before; to retrain the best of now and read "
            f"it once more: caviar winner {directory} --reopen"
        )
        return
    with _stoppable(again):
        crown(directory, data, say=_write)


@contextmanager
def _stoppable(again: str) -> Iterator[None]:
    """Ctrl-C and SIGTERM end what is inside in order, and are told.

    Raises:
        typer.Exit: one of them came.
    """
    came = [int(signal.SIGINT)]

    def stop(number: int, _frame: object) -> None:
        came[0] = number
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        _write(f"stopped; to go on: {again}")
        raise typer.Exit(128 + came[0]) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()

"""What a study prints as a Ray job: its log is all that the dashboard shows of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from caviar.errors import StudyError
from caviar.study import card_file
from caviar.study.metric_words import metric_name, metric_value
from caviar.study.records import Value
from caviar.study.wording import configuration, one_line
from caviar.tuning.forecast import left_words
from caviar.tuning.job_words import standing_lines, status_line, table
from caviar.tuning.status import Status

JOB: Final = "CAVIAR_JOB"
"""The environment variable that `caviar submit` puts the submission id into."""
FIRST_S: Final = 5.0
"""Seconds before the first table."""
EVERY_S: Final = 30.0
"""Seconds between two tables at first."""
MOST_S: Final = 300.0
"""And at most: days of a study are some megabytes of log."""
SHARE: Final = 0.02
"""How long to wait for the next table, as a share of the time that has passed."""
COST: Final = 100
"""How many times as long as a table took to wait for the next: of ten thousand trials a second."""
LEADERS: Final = 5


def is_job() -> bool:
    """Whether this process is a job that `caviar submit` submitted."""
    return bool(os.environ.get(JOB))


class JobView(AbstractContextManager["JobView"]):
    """Plain lines, now and then a table and the line for programs; a last one when it is left."""

    def __init__(
        self,
        study: str,
        directory: Path,
        write: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[Mapping[str, Any]], object] = lambda _: None,
        searched: Collection[str] = (),
    ) -> None:
        """Tells of the study in `directory`.

        Args:
            study: its name.
            directory: its directory.
            write: one or more lines into the log.
            clock: in seconds.
            tell: how it stands, as plain data, with every look: a log would grow too long.
            searched: the hyperparameters to name of the best trial; () all.
        """
        self._directory = directory.resolve()
        self._write = write
        self._clock = clock
        self._tell = tell
        self._searched = searched
        self._began = clock()
        self._next = self._began + FIRST_S
        self._told: dict[str, Any] = {"study": study, "finished": False, "trouble": ""}
        self._over = False
        self._status: Status | None = None
        self._concluded: dict[str, Any] = {}
        self._table_from = 0.0
        self._shown: tuple[object, ...] = ()
        self.leaderboard: Callable[[], Sequence[Mapping[str, Any]]] = tuple
        """Asks for rows as `caviar.tuning.answers.leaderboard` gives them; the driver's to set."""

    def __enter__(self) -> Self:
        """Says where the study is, for those who ask before it has begun."""
        self._write(f"study {self._told['study']} in {self._directory}")
        self._write_line()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Says how it ended."""
        if self._status is not None:  # there may be later news than what was printed
            self._told = self._status.to_json()
        self._told |= self._concluded | self._winner()
        if isinstance(error, StudyError):
            self._told["trouble"] = self._told["trouble"] or str(error)
        self._write_line()

    def say(self, line: str) -> None:
        """One plain line."""
        self._write(line)

    def update(self, status: Status) -> None:
        """A table now and then, and a last one when there is nothing left to train."""
        left = left_words(status.eta_s)
        over = status.finished or bool(status.trouble)
        turned = status.paused != bool(self._told.get("paused"))  # a person waits to see it
        self._status = status
        if self._clock() < self._next and (not over or self._over) and not turned:
            self._tell(status.to_json() | self._about())
            return
        self._told = status.to_json()
        self._over = over
        passed = self._clock() - self._began
        self._next = self._clock() + min(MOST_S, max(EVERY_S, SHARE * passed))
        now = status.trial_epochs, status.arrived, over, status.paused, status.room
        due = over or self._clock() >= self._table_from
        if due and now != self._shown:  # a study that waits for its slices fills no log
            self._shown, before = now, self._clock()
            lines = [*standing_lines(self._told, left, self._searched), *self._leaders(status)]
            self._write("\n".join(["", *lines]))
            self._table_from = self._clock() + COST * (self._clock() - before)
        self._write_line()

    def conclude(self, account: Mapping[str, Any]) -> None:
        """Takes what the journal says of the search at the end: `caviar.report.account`."""
        kept = {key: account[key] for key in ("counts", "trial_epochs", "best", "metric", "ending")}
        rungs = [
            [rung[key] for key in ("epoch", "reached", "promoted")] for rung in account["rungs"]
        ]
        finished = account["status"] == "finished"
        ended = {"stage": "", "slices": {}, "planned": 0, "arrived": 0, "finished": finished}
        ended |= {"best_name": "", "paused": False, "room": ""}  # no more those of the finals
        # Of all its drivers, and of the search alone.
        elapsed = kept["elapsed_s"] = account["elapsed_s"]
        kept["trial_epochs_per_s"] = round(account["trial_epochs"] / elapsed, 3) if elapsed else 0.0
        self._concluded = kept | ended | {"rungs": rungs}

    def _winner(self) -> dict[str, str]:
        """Who won and what may be quoted of it, once the card is written."""
        with suppress(StudyError):
            card = card_file.read(self._directory)
            if card is not None and self._concluded.get("finished"):
                quoted = (card.get("sentences") or [""])[0]
                return {"winner": f"{card['winner']['name']}. {quoted}"}
        return {}

    def _write_line(self) -> None:
        told = self._told | self._about()
        self._write(status_line(told))
        self._tell(told)

    def _about(self) -> dict[str, Any]:
        # The newest time: what is old about it is told by a reader's clock.
        return {
            "dir": str(self._directory),
            "version": version("caviar"),
            "at": round(time.time(), 1),
        }

    def _leaders(self, status: Status) -> list[str]:
        """The head of the leaderboard, from the broker; of the finals there is none."""
        if status.stage:
            return []
        with suppress(Exception):  # the broker is gone, or busy: the next table has it
            return leaders(self.leaderboard(), status.metric)
        return []


def leaders(found: Sequence[Mapping[str, Any]], metric: str) -> list[str]:
    """The best trials, a line each below their headings; [] of none.

    Args:
        found: the best first, each by its best, as `caviar.search.bests` defines it; more of them
            tell better which hyperparameters are worth a word.
        metric: by which trials are compared.
    """
    metrics = list(dict.fromkeys(["dev_accuracy", "dev_loss", metric]))
    names = _varied([row["hyperparameters"] for row in found])
    rows = [["trial", "at epoch", *map(metric_name, metrics)]]
    words = ["hyperparameters"]
    for row in found[:LEADERS]:
        values = row["hyperparameters"]
        rows.append([row["trial"], row["epoch"], *(metric_value(k, row[k]) for k in metrics)])
        words.append(one_line(configuration({n: values[n] for n in names if n in values})))
    lines = [f"{row}  {text}" for row, text in zip(table(rows), words, strict=True)]
    return lines if found else []


def _varied(configurations: Sequence[Mapping[str, Value]]) -> list[str]:
    """Hyperparameters that are not the same in all of them."""
    names = dict.fromkeys(name for values in configurations for name in values)
    return [n for n in names if len({values.get(n) for values in configurations}) > 1]

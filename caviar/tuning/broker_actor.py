"""The broker as a named Ray actor: it opens the study, welcomes slices and tells how things stand.

It needs no CPUs and lives on the driver's node, where the journal's disk is. Ray ends it with the
driver; the lease tells a later driver that it is gone.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, TypeVar

from caviar.errors import LeaseError, StudyError
from caviar.search.choosing import strategy_of
from caviar.study import lease
from caviar.study.facts import Outcome
from caviar.study.growth import in_force, to_replay
from caviar.study.journal import Journal
from caviar.study.lease import LeaseHolder
from caviar.study.records import Claim, Measurement, Settled, Signature
from caviar.study.spec import StudySpec
from caviar.tuning import answers, retraining
from caviar.tuning.backing import Backing, use_storage
from caviar.tuning.broker import PAUSED_S, Broker
from caviar.tuning.crew import Crew
from caviar.tuning.forecast import Forecast
from caviar.tuning.messages import AT_ONCE, Answer, Extra, Finished, Wait, Welcome
from caviar.tuning.metrics import Figures, StudyMetrics
from caviar.tuning.retraining import Stage
from caviar.tuning.status import Status
from caviar.tuning.taking_up import check_data, extend

IN_FINALS: Final = 2**40
"""Added to the numbers that slices know the finals' assignments by: no report of the search that
comes late is ever taken for one of theirs."""
STARTS: Final = 5
"""Starts a slice gets in a row without ever arriving, before the study is given up."""

_TAKEOVER_S: Final = 15.0
"""How long to wait for a driver that is just going."""

_T = TypeVar("_T")


class BrokerActor:
    """One study, opened for writing, and its `Broker`.

    What goes wrong in here, with the disk, the lease or caviar itself, is trouble for the whole
    study: it is kept for the driver to find in `status`, and the slices are sent home.
    """

    def __init__(self, title: str = "") -> None:
        """Nothing yet: `open` may fail, and its error shall reach the driver as it is.

        Args:
            title: what the dashboard calls it.
        """
        self._title = title
        self._told: dict[str, tuple[float, Any]] = {}
        self._trouble = ""
        self._starts: Counter[str] = Counter()
        self._deaths: Counter[str] = Counter()
        self._actors: dict[str, Any] = {}
        self._sharing = 0
        self._closed = False
        self._trained = 0
        self._claimed = 0.0
        self._renewed = time.monotonic()
        self._said: list[str] = []

    def open(
        self,
        directory: str,
        spec_json: str,
        slices: int,
        driver: int,
        data: list[Any],
        facts: Mapping[str, Any],
        finals: Extra = Extra.NEVER,
        placed: int | None = None,
        backing: Backing | None = None,
    ) -> None:
        """Takes the study up, making it if it is new.

        Args:
            directory: the study's.
            spec_json: the study, canonical.
            slices: how many are to come.
            driver: the driver's process number, for the lease.
            data: a list of one reference to the `Dataset` without its test part (in a list, so
                that Ray passes the reference and not the data).
            facts: what the journal keeps of the data, its `fingerprint` above all.
            finals: when the best are retrained.
            placed: how many slices have a place from the start; None: all.
            backing: the storage that checkpoints are carried to, if there is one.

        Raises:
            StudyError: another driver holds it, its data set changed, or the disk refuses.
        """
        self._spec = asked = StudySpec.from_json(spec_json)
        self._data = data[0]
        self._crew = Crew(slices, slices if placed is None else placed)
        folder = Path(directory)
        resumed = Journal.exists(folder)
        if resumed:
            self._journal = Journal.open(folder, write=True)
        else:
            self._journal = Journal.create(folder, spec_json, self._spec.fingerprint)
        holder = LeaseHolder.here(driver)
        take = partial(_take_lease, holder=holder, least=backing.token if backing else 1)
        take(self._journal)
        check_data(self._journal, facts)
        if not self._journal.events("data_set_read"):
            self._journal.record("data_set_read", facts)
        about = {"pid": driver, "slices": slices, "versions": _versions()}
        self._metrics, self._forecast = StudyMetrics(self._spec.name), Forecast()
        self._journal.record("driver_resumed" if resumed else "driver_started", about)
        if backing is not None:
            self._said += use_storage(self._journal, backing)
        self._spec = extend(self._journal, self._spec)
        changes = self._journal.changes()
        strategy = strategy_of(to_replay(self._spec, changes), slices=slices)
        best_by = self._spec.metric if self._spec.training.patience else None
        budget = in_force(self._spec, changes).budget
        broker = Broker(self._journal, strategy, best_by=best_by, budget=budget)
        self._search = self._stage = Stage(self._journal, strategy, broker, "")
        self._finals, self._alone = finals, finals in AT_ONCE

        def begin() -> Stage | None:
            due = retraining.due(self._journal, asked, finals)
            if due is None:
                return None
            journal = self._journal
            sharing = self._crew.sharing
            stage = retraining.begin(journal, asked, due, take, slices=sharing, facts=about)
            if backing is not None:
                self._said += use_storage(stage.journal, backing, stage.journal.directory.name)
            return stage

        self._begin_finals = begin
        self._share()
        self._move_on()

    def _move_on(self) -> bool:
        """Goes on to the finals if it is time; whether it did."""
        search = self._search.broker
        if self._finals is Extra.NEVER or not (search.is_over or self._alone):
            return False
        self._finals = Extra.NEVER
        stage = self._begin_finals()
        if stage is not None:
            self._stage = stage
            self._stops = search.stops
            search.stay()
        return stage is not None

    def _share(self) -> None:
        """Work is shared by those slices that are there, however many are to come."""
        sharing = self._crew.sharing
        if sharing != self._sharing:
            self._sharing = sharing
            for stage in (self._search, self._stage):
                stage.broker.shared_by(sharing)

    def welcome(self, slice_name: str) -> Welcome:
        """What a slice needs to know once."""
        self._starts[slice_name] += 1
        self._crew.start(slice_name)
        spec = self._spec
        return Welcome(
            self._data,
            spec.seed,
            spec.training.diverged_above,
            spec.resources.checkpoint_s,
            metric=spec.metric,
            lower_is_better=spec.lower_is_better,
            patience=spec.training.patience,
            schedule_per=spec.training.schedule_per,
            feed=spec.data.feed,
        )

    def arrived(self, slice_name: str, facts: Mapping[str, Any], actor: list[Any]) -> None:
        """A slice is ready to claim; `actor` is its handle, in a list."""
        self._actors[slice_name] = actor[0]
        self._starts[slice_name] = self._deaths[slice_name] = 0
        self._crew.arrive(slice_name, str(facts.get("node_id", "")))
        detail = {"slice": slice_name, **facts}
        self._guarded(None, lambda: self._journal.record("slice_arrived", detail))

    def start_failed(self, slice_name: str, error: str) -> None:
        """A slice could not even start; Tune tries again, up to `STARTS` times if it is alone."""
        self._crew.leave(slice_name)
        detail = {"slice": slice_name, "error": error}
        self._guarded(None, lambda: self._journal.record("slice_failed", detail))
        # As in `set_aside`: one bad node ends no study that others work for.
        if self._starts[slice_name] >= STARTS and not self._crew.ready:
            self._give_up(f"{slice_name} failed to start {STARTS} times: {error}")

    def claim(self, slice_name: str, warm: Collection[Signature]) -> Claim | Wait | Finished:
        """See `Broker.claim`."""
        if not self._claimed:
            self._claimed = time.monotonic()
        self._share()
        home: Claim | Wait | Finished = Finished("the study cannot go on")
        return self._guarded(home, lambda: self._claim(slice_name, warm))

    def _claim(self, slice_name: str, warm: Collection[Signature]) -> Claim | Wait | Finished:
        if self._stage is self._search and self._search.broker.finished:
            self._move_on()
        self._look_at_search()
        if self._stage is self._search:
            if self._alone:
                return Finished("there is nothing to train beside the search")
            return self._broker.claim(slice_name, warm)
        if self._search.broker.paused:
            return Wait(PAUSED_S)
        order = self._broker.claim(slice_name, warm)
        if not isinstance(order, Claim):
            return order
        return replace(order, assignment=order.assignment + IN_FINALS)

    def _look_at_search(self) -> None:
        """During the finals somebody may still stop or pause the study."""
        if self._stage is not self._search:
            search = self._search.broker
            search.look()
            if search.stops > self._stops:
                self._broker.stop(search.halted)

    def report(
        self,
        slice_name: str,
        assignment: int,
        attempt: int,
        measurements: Sequence[Measurement],
        checkpoints: Mapping[int, tuple[int, bytes]],
        complete: bool,
        warm: Collection[Signature] | None = None,
    ) -> Answer:
        """See `Broker.report`."""
        self._trained += len(measurements)
        return self._guarded(
            Answer(go_on=False),
            lambda: self._report(
                slice_name, assignment, attempt, measurements, checkpoints, complete, warm
            ),
        )

    def _report(
        self,
        slice_name: str,
        assignment: int,
        attempt: int,
        measurements: Sequence[Measurement],
        checkpoints: Mapping[int, tuple[int, bytes]],
        complete: bool,
        warm: Collection[Signature] | None,
    ) -> Answer:
        """As the broker; but whether the study is complete is told by a claim alone."""
        given = attempt, measurements, checkpoints, complete
        if assignment < IN_FINALS:
            # A late report of the search finds there that it is late.
            chained = warm if self._stage is self._search else None
            answer = self._search.broker.report(slice_name, assignment, *given, chained)
            is_last = self._finals is not Extra.NEVER and isinstance(answer.order, Finished)
            return replace(answer, order=None) if is_last else answer
        self._look_at_search()
        answer = self._broker.report(slice_name, assignment - IN_FINALS, *given, None)
        if not (complete and answer.go_on) or warm is None:
            return answer
        return replace(answer, order=self._claim(slice_name, warm))

    def abandon(self, slice_name: str, assignment: int, attempt: int, error: str) -> None:
        """See `Broker.abandon`."""
        broker = self._search.broker if assignment < IN_FINALS else self._broker
        number = assignment % IN_FINALS
        self._guarded(None, lambda: broker.abandon(slice_name, number, attempt, error))

    def settle(self, signature: Signature, width: int, evidence: Mapping[str, Any]) -> Settled:
        """See `Broker.settle`."""
        home = Settled(width)
        return self._guarded(home, lambda: self._broker.settle(signature, width, evidence))

    def set_aside(self, slice_name: str) -> tuple[str, str | None]:
        """Tune found a slice dead, and why is to be told by `lose`.

        Returns:
            The node it was ready on, or "", and the name to tell `lose`; None: it held nothing.
        """
        node = self._crew.leave(slice_name)
        self._deaths[slice_name] += 1
        # Others may do the work; but where nobody is ready, nobody ever will be.
        if self._deaths[slice_name] >= STARTS and not self._crew.ready:
            self._give_up(
                f"{slice_name} died {STARTS} times before it was ready; its log is on the "
                "dashboard's page of actors"
            )
        return node, self._guarded(None, lambda: self._broker.set_aside(slice_name))

    def lose(self, name: str, error: str, outcome: Outcome = Outcome.LOST) -> None:
        """What was set aside under a name is to be tried again; whose fault it was."""
        self._guarded(None, lambda: self._broker.lose(name, error, outcome))

    def __repr__(self) -> str:
        """How the dashboard names it: as it was named when it was made."""
        return self._title or type(self).__name__

    def status(self) -> dict[str, Any]:
        """How the study stands, for any job of the cluster: plain data (`Status.to_json`).

        Raises:
            ValueError: the study is not open yet.
        """
        self._check_open()
        return self._fresh("status", lambda: self._standing().to_json())

    def leaderboard(self, n: int = 10) -> list[dict[str, Any]]:
        """The search's best trials, best first: see `caviar.tuning.answers.leaderboard`."""
        self._check_open()
        rows = answers.checked(n)
        search, metric = self._search, self._spec.metric
        told: list[dict[str, Any]] = self._fresh(
            "leaderboard", lambda: answers.leaderboard(search.journal, search.strategy, metric)
        )
        return told[:rows]

    def curve(self, trial: int) -> list[dict[str, Any]]:
        """A trial of the search, a row an epoch: see `caviar.tuning.answers.curve`."""
        self._check_open()
        return answers.curve(self._search.journal, self._search.strategy, trial)

    def _fresh(self, question: str, answer: Callable[[], Any]) -> Any:
        """An answer that is at most `answers.FRESH_S` old: many may ask, it is worked out once."""
        asked_at, told = self._told.get(question, (-math.inf, None))
        if time.monotonic() - asked_at > answers.FRESH_S:
            told = answer()
            self._told[question] = (time.monotonic(), told)
        return told

    def _check_open(self) -> None:
        """Raises ValueError, which whoever asks can unpickle without caviar."""
        if self._closed or not hasattr(self, "_stage"):
            raise ValueError("the study is over" if self._closed else "the study is not open yet")

    def standing(self, asked_at: float | None = None) -> Status:
        """How the study stands, for its driver; sets the metrics every few seconds.

        Args:
            asked_at: when the driver asked, by `time.monotonic` of this machine.
        """
        lag_s = 0.0 if asked_at is None else time.monotonic() - asked_at
        found = self._standing()
        if not self._closed:
            self._metrics.update(lambda: self._figures(found), lag_s)
        return found

    def _figures(self, now: Status) -> Figures:
        """Of the search, also while the finals are trained; but slices and pace of both."""
        search = self._search
        best = search.strategy.best
        return Figures(
            states=now.counts if search is self._stage else search.broker.counts(),
            rungs=search.strategy.rung_table(),
            trial_epochs=search.broker.trial_epochs,
            trained=self._trained,
            best=getattr(best, self._spec.metric) if best else None,
            busy=len(now.slices),
            planned=now.planned,
            journal=search.journal.directory,
        )

    def _standing(self) -> Status:
        self._guarded(None, self._broker.look)
        self._guarded(None, self._look_at_search)
        broker, strategy = self._broker, self._stage.strategy
        best = strategy.best
        configuration = strategy.trials[best.trial].hyperparameters if best else {}
        found = Status(
            study=self._spec.name,
            stage=self._stage.title,
            finished=broker.finished and not self._finals_may_come,
            trouble=self._trouble,
            counts=broker.counts(),
            rungs=tuple(strategy.rung_table()),
            trial_epochs=broker.trial_epochs,
            trained_here=self._trained,
            elapsed_s=time.monotonic() - self._claimed if self._claimed else 0.0,
            most_remaining=strategy.most_lane_epochs,
            best=best,
            best_hyperparameters=configuration,
            slices={name: _told(work) for name, work in broker.held.items()},
            planned=self._crew.planned,
            arrived=self._crew.ready,
            starting=self._crew.starting,
            metric=self._spec.metric,
            likely_remaining=strategy.likely_lane_epochs,
            clock_left_s=broker.clock_left_s(self._crew.sharing),
            best_name=self._stage.name_of(best.trial) if best else "",
            paused=self._search.broker.paused,
        )
        return replace(found, eta_s=self._forecast.left_s(found))

    @property
    def _broker(self) -> Broker:
        return self._stage.broker

    @property
    def _finals_may_come(self) -> bool:
        search = self._search.broker
        return self._finals is not Extra.NEVER and (not search.halted or search.is_over)

    def words(self) -> list[str]:
        """See `Broker.words`."""
        said, self._said = self._said, []
        return said + self._search.broker.words()

    def ending(self) -> str:
        """See `Broker.ending`."""
        return self._search.broker.ending

    def retrained(self) -> bool:
        """Whether there were finals, and all of them came to their end."""
        return self._stage is not self._search and self._broker.finished

    def give_up(self, why: str) -> None:
        """The study cannot go on: the driver found out why."""
        self._give_up(why)

    def trouble(self) -> str:
        """Why the study cannot go on, or ""."""
        return self._trouble

    def close(self) -> None:
        """Writes down that the driver stops, lets the study go and ends the slices; once."""
        if self._closed:
            return
        self._closed = True
        for stage in {id(each): each for each in (self._stage, self._search)}.values():
            self._close(stage)
        self._trouble = self._trouble or "the driver stops"
        _end(self._actors.values())

    def _close(self, stage: Stage) -> None:
        broker, journal = stage.broker, stage.journal
        broker.stop("the driver stops")
        with contextlib.suppress(StudyError):
            journal.end_running_attempts()
            finished = broker.finished and not broker.halted
            detail = {"finished": finished, "trouble": self._trouble, "ending": broker.ending}
            journal.record("driver_stopped", detail)
            journal.release_lease()
        journal.close()

    def _renew(self) -> None:
        for journal in {self._search.journal, self._stage.journal}:
            journal.renew_lease()
        self._renewed = time.monotonic()

    def _guarded(self, otherwise: _T, action: Callable[[], _T]) -> _T:
        if self._trouble:
            return otherwise
        try:
            if time.monotonic() - self._renewed > lease.RENEW_EVERY_S:
                self._renew()
            return action()
        except StudyError as error:
            self._give_up(str(error))
        except Exception as error:  # noqa: BLE001 a defect of ours must reach the driver, not a slice
            self._give_up(f"a defect of caviar's: {type(error).__name__}: {error}")
        return otherwise

    def _give_up(self, why: str) -> None:
        self._trouble = self._trouble or why
        self._broker.stop(why)


def _take_lease(journal: Journal, holder: LeaseHolder, least: int = 1) -> None:
    """Takes the lease, waiting a little for a driver that was told to go."""
    deadline = time.monotonic() + _TAKEOVER_S
    while True:
        try:
            journal.acquire_lease(holder, least)
        except LeaseError:
            current = journal.lease()
            going = current is not None and current.holder.alive() is None
            if not going or time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return


def _end(actors: Iterable[Any]) -> None:
    """Kills slices: they have nothing that is worth a farewell."""
    import ray

    for actor in actors:
        with contextlib.suppress(Exception):
            ray.kill(actor)


def _told(work: Any) -> str:
    """An assignment in a few words, as `5 lanes 3-9`."""
    lanes = len(work.trials)
    return f"{lanes} lane{'s' * (lanes != 1)}, epochs {work.first_epoch}-{work.last_epoch}"


def _versions() -> dict[str, str]:
    names = ("caviar", "ray", "tensorflow", "numpy")
    return {name: version(name) for name in names}

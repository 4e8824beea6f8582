"""The driver: one Ray Tune run whose trials are the slices, with the broker beside it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caviar.errors import StudyError
from caviar.search.choosing import useful_slices
from caviar.study.readiness import check_ready
from caviar.study.spec import StudySpec
from caviar.tuning.answers import MOST
from caviar.tuning.broker_actor import BrokerActor
from caviar.tuning.cluster import (
    check_address,
    connect,
    growth,
    here,
    is_joined,
    joining,
    nodes,
)
from caviar.tuning.job_view import JobView
from caviar.tuning.keeper import Keeper
from caviar.tuning.messages import NAMESPACE, Extra, broker_name
from caviar.tuning.placement import Need, Plan, plan_slices
from caviar.tuning.preparation import Prepared, prepare
from caviar.tuning.progress import View
from caviar.tuning.room import Room
from caviar.tuning.signals import Signals
from caviar.tuning.taking_up import check_directory, keep_settings, refuse_other_data
from caviar.tuning.worker import TENSORFLOW_WORKER

if TYPE_CHECKING:
    from caviar.data.dataset import Dataset
    from caviar.tuning.switch import StopSwitch

_POLL_S = 1.0
_NAME_S = 20.0
"""Seconds: how long to wait for a dead driver's broker to leave its name on a shared cluster."""


class BrokerLostError(StudyError):
    """The broker's process is gone, and the study's driver has to go, too."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        signal: the signal that interrupted it, or 0.
        ending: why it ended before its work was done (a budget, a person), or "".
        data: with the test part, where all is trained and the winner may be told; else None.
    """

    signal: int = 0
    ending: str = ""
    data: Dataset | None = None


def run_study(
    spec: StudySpec,
    directory: Path,
    view: View,
    *,
    address: str | None = None,
    worker: str = TENSORFLOW_WORKER,
    finals: Extra | None = None,
    storage: str | Keeper | None = None,
) -> Outcome:
    """Runs the study in `directory` to its end, or on from where it stood.

    Args:
        spec: the study.
        directory: the study directory; made if it is not there.
        view: shows what goes on.
        address: of a cluster to attach to; None starts Ray on this machine.
        worker: `module:name` of what trains on a slice; tests and benchmarks pass their own.
        finals: when the best are retrained; by default once the search is over, but only networks.
        storage: where the study is backed up and gone on with from, elsewhere too; or who keeps it.

    Raises:
        StudyError: the directory holds another study or another driver runs it, nothing is
            searched, a searcher's package is missing, the cluster does not answer or is too small,
            the data set is unknown.
    """
    if isinstance(storage, str):
        with Keeper(storage, directory, view.say) as keeper:
            given = spec, directory, view
            return run_study(*given, address=address, worker=worker, finals=finals, storage=keeper)
    if storage is not None:
        storage.begin(spec)
    if finals is None:
        finals = Extra.AFTER if worker == TENSORFLOW_WORKER else Extra.NEVER
    nothing, more = check_directory(spec, directory, finals)
    if nothing:
        changed = keep_settings(directory, spec)
        view.say(f"{directory}: {nothing}" + (f"; changed: {changed}" if changed else ""))
        return Outcome()
    check_ready(spec)
    if more:
        view.say(f"changing the study: {more}")
    check_address(address)
    view.say(f"reading data set {spec.data.title}")
    # Before Ray, not beside it: TFDS patches `import` for the whole process while it is imported.
    prepared = prepare(spec)
    view.say(prepared.line)
    for warning in prepared.warnings:
        view.say(f"warning: {warning}")
    refuse_other_data(directory, prepared.facts)
    view.say(joining(address))
    url = connect(address)
    signals = Signals(view.say)
    with signals:
        try:
            if url:
                view.say(f"dashboard {url}")
            plan = _plan(spec, joined=is_joined(address))
            run = _Run(spec, directory, view, worker, prepared, signals, finals, storage)
            run.go(plan)
        except BaseException:
            # Ray may have turned what the signal raised into an error of its own.
            if not signals.came:
                raise
        finally:
            _shut_down()
    if signals.came:
        return Outcome(signals.came)
    over = finals is not Extra.NEVER and run.finished
    return Outcome(ending=run.ending, data=prepared.whole if over else None)


class _Run:
    """One run: data, broker, slices, in this order."""

    def __init__(
        self,
        spec: StudySpec,
        directory: Path,
        view: View,
        worker: str,
        prepared: Prepared,
        signals: Signals,
        finals: Extra,
        keeper: Keeper | None,
    ) -> None:
        self._spec = spec
        self._directory = directory.resolve()
        self._view = view
        self._worker = worker
        self._prepared = prepared
        self._signals = signals
        self._broker: Any = None
        self._finals = finals
        self._keeper = keeper
        self.ending = ""
        self.finished = False
        self._room: Room | None = None
        if isinstance(view, JobView):
            view.leaderboard = lambda: self._call("leaderboard", MOST, timeout_s=10.0)

    def go(self, plan: Plan) -> None:
        """Runs until the study is done, somebody stops it, or it cannot go on."""
        self._view.say(plan.told(self._spec.resources.accelerator))
        self._room = Room(self._spec.name, plan.cpus, plan.gpus)
        with self._brokered(plan):
            self._tell()
            if self._call("ending") == "paused":
                self._view.say(f"the study is paused; to go on: caviar continue {self._directory}")
            if not self._call("standing").finished:
                self._tune(plan)
            self.ending = self._call("ending")
            self.finished = self._call("standing").finished
            trouble = self._call("trouble")
        if trouble:
            raise StudyError(trouble)

    def _tell(self) -> None:
        """Says what was changed about the study meanwhile."""
        for line in self._call("words", timeout_s=10.0):
            self._view.say(line)

    @contextlib.contextmanager
    def _brokered(self, plan: Plan) -> Iterator[None]:
        """The broker as a named actor, with the study open; closed and gone afterwards."""
        import ray

        # Ray would keep a record of each of its calls, some kilobytes a trial.
        actor = ray.remote(num_cpus=0, max_restarts=0, enable_task_events=False)(BrokerActor)
        self._broker = _create(actor, broker_name(self._spec.name))
        try:
            # In a list, so that Ray passes the reference and not the data.
            data = [ray.put(self._prepared.training)]
            folder, spec = str(self._directory), self._spec.to_json()
            facts = self._prepared.facts
            opened = self._broker.open.remote(
                folder,
                spec,
                plan.count,
                os.getpid(),
                data,
                facts,
                self._finals,
                plan.now,
                self._keeper.back() if self._keeper else None,
            )
            # It takes seconds to import, and the broker's process takes as long to start.
            import ray.tune

            _get(opened)
            yield
        finally:
            with contextlib.suppress(Exception):
                self._call("close", timeout_s=2.0)
            ray.kill(self._broker)

    @contextlib.contextmanager
    def _watched(self, switch: StopSwitch) -> Iterator[None]:
        """Beside Tune's loop: shows how the study stands, and stops it when it must stop."""
        done = threading.Event()

        def watch() -> None:
            while not done.is_set():
                if self._signals.stopping.wait(_POLL_S):
                    switch.pulled = True
                    # It ends the slices, or Tune would wait for those in the middle of something.
                    with contextlib.suppress(Exception):
                        self._call("close", timeout_s=2.0)
                    return
                with contextlib.suppress(Exception):
                    switch.pulled |= self._look()
                    if switch.pulled:
                        return  # Tune takes some seconds to leave; nothing changes any more

        thread = threading.Thread(target=watch, name="watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(timeout=2 * _POLL_S)

    def _look(self) -> bool:
        """Shows how the study stands; whether Tune must leave, for its slices will not.

        Slices that have no place would never end, nor those whose node is lost; without a broker
        they would be started again for ever.
        """
        try:
            if self._keeper is not None and self._keeper.trouble:
                self._call("give_up", self._keeper.trouble, timeout_s=10.0)
            status = self._call("standing", time.monotonic(), timeout_s=10.0)
        except BrokerLostError:
            return True
        self._tell()
        waits = status.arrived + status.starting < status.planned and not status.finished
        if waits and self._room is not None:
            status = replace(status, room=self._room.told())
        self._view.update(status)
        alone = status.finished and status.arrived < status.planned
        return bool(status.trouble) or alone

    def _tune(self, plan: Plan) -> None:
        """One Tune trial a slice, restarted for ever; Tune's own state is thrown away."""
        from ray import tune

        from caviar.tuning.losses import LostSlices
        from caviar.tuning.switch import StopSwitch
        from caviar.tuning.trainable import SliceTrainable

        storage = tempfile.mkdtemp(prefix="caviar-tune-")
        config = {
            "study": self._spec.name,
            "broker": broker_name(self._spec.name),
            "slice": tune.grid_search(list(range(plan.count))),
            "cpus": plan.cpus,
            "gpus": plan.gpus,
            "extra": dict(plan.extra),
            "labels": dict(plan.labels),
            "worker": self._worker,
        }
        switch = StopSwitch()
        run = tune.RunConfig(
            name=self._spec.name,
            storage_path=storage,
            stop=switch,
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=-1),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            callbacks=[LostSlices(self._broker)],
        )
        try:
            with self._watched(switch):
                self._signals.in_tune = True
                tune.Tuner(SliceTrainable, param_space=config, run_config=run).fit()
        finally:
            self._signals.in_tune = False
            shutil.rmtree(storage, ignore_errors=True)
        if not self._signals.came:
            self._view.update(self._call("standing"))

    def _call(self, method: str, *args: Any, timeout_s: float | None = None) -> Any:
        return _get(getattr(self._broker, method).remote(*args), timeout_s)


def _plan(spec: StudySpec, *, joined: bool) -> Plan:
    resources = spec.resources
    key = "slices_per_gpu" if resources.slices_per_gpu else "gpus_per_slice"
    need = Need(resources.cpus_per_slice, resources.gpus, resources.accelerator, key)
    return plan_slices(
        nodes(), need, resources.max_slices, useful_slices(spec), growth(joined=joined)
    )


def _create(actor: Any, name: str) -> Any:
    """Creates the named actor, waiting for a dead driver's broker to leave the name.

    Raises:
        StudyError: the name stays taken: a study of this name runs on the cluster.
    """
    deadline = time.monotonic() + _NAME_S
    options = actor.options(name=name, namespace=NAMESPACE, scheduling_strategy=here())
    while True:
        try:
            return options.remote(name)
        except ValueError as error:
            if time.monotonic() > deadline:
                raise StudyError(
                    f"name: a study named {name.partition(':')[2]} runs on this cluster"
                ) from error
            time.sleep(_POLL_S)


def _get(reference: Any, timeout_s: float | None = None) -> Any:
    """`ray.get`, with a person's mistake raised in the other process raised here as it was.

    Raises:
        BrokerLostError: the other process is no more.
    """
    import ray

    try:
        return ray.get(reference, timeout=timeout_s)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, StudyError):
            raise error.cause from None
        raise
    except ray.exceptions.ActorDiedError:
        raise BrokerLostError(
            "the study's broker was lost, its process was killed (was there memory enough?); what "
            "was reported is in the journal, the same command goes on"
        ) from None


def _shut_down() -> None:
    import ray

    ray.shutdown()

"""One run of a study on a joined cluster: the broker, and Tune's loop with the slices."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from caviar.errors import StudyError
from caviar.study.spec import StudySpec
from caviar.tuning.answers import MOST
from caviar.tuning.broker_handle import BrokerHandle, brokered
from caviar.tuning.cluster import head_address
from caviar.tuning.head import Head
from caviar.tuning.job_view import JobView
from caviar.tuning.keeper import Keeper
from caviar.tuning.messages import Extra, broker_name
from caviar.tuning.placement import Plan
from caviar.tuning.preparation import Prepared
from caviar.tuning.progress import View
from caviar.tuning.room import Room
from caviar.tuning.signals import LEAVE_S, Signals
from caviar.tuning.watch import Watch


class Run:
    """Data, broker, slices, in this order.

    Attributes:
        ending: why the study ended before its work was done, or "".
        finished: whether nothing is left to train.
    """

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
        """See `caviar.tuning.driver.run_study`; the cluster is joined, the data are read."""
        self.ending = ""
        self.finished = False
        self._spec = spec
        self._directory = directory.resolve()
        self._view = view
        self._worker = worker
        self._prepared = prepared
        self._signals = signals
        self._finals = finals
        self._keeper = keeper

    def go(self, plan: Plan) -> None:
        """Runs until the study is done, somebody stops it, or it cannot go on.

        Raises:
            StudyError: it cannot be opened, or cannot go on.
        """
        self._view.say(plan.told(self._spec.resources.accelerator))
        given = self._spec, self._directory, plan, self._prepared, self._finals
        with brokered(*given, lambda: self._keeper.back() if self._keeper else None) as broker:
            if isinstance(self._view, JobView):
                self._view.leaderboard = lambda: broker.call("leaderboard", MOST, timeout_s=10.0)
            room = Room(self._spec.name, plan.cpus, plan.gpus)
            head = Head(head_address(), lambda: self._leave(broker))
            watch = Watch(broker, self._view, self._signals, self._keeper, room, head)
            watch.say_words()
            if broker.call("ending") == "paused":
                self._view.say(f"the study is paused; to go on: caviar continue {self._directory}")
            if not broker.call("standing").finished:
                self._tune(plan, broker, watch)
            self.ending = broker.call("ending")
            self.finished = broker.call("standing").finished
            trouble = broker.call("trouble")
        if trouble:
            raise StudyError(trouble)

    def _tune(self, plan: Plan, broker: BrokerHandle, watch: Watch) -> None:
        """One Tune trial a slice, restarted for ever; Tune's own state is thrown away."""
        from ray import tune

        from caviar.tuning.losses import LostSlices
        from caviar.tuning.switch import StopSwitch
        from caviar.tuning.trainable import SliceTrainable

        storage = tempfile.mkdtemp(prefix="caviar-tune-")
        switch = StopSwitch()
        run = tune.RunConfig(
            name=self._spec.name,
            storage_path=storage,
            stop=switch,
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=-1),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            callbacks=[LostSlices(broker.actor)],
        )
        slices = {"slice": tune.grid_search(list(range(plan.count)))}
        try:
            with watch.beside(switch):
                self._signals.in_tune = True
                config = self._config(plan) | slices
                tune.Tuner(SliceTrainable, param_space=config, run_config=run).fit()
        finally:
            self._signals.in_tune = False
            shutil.rmtree(storage, ignore_errors=True)
        if not self._signals.came:
            self._view.update(broker.call("standing"))

    def _config(self, plan: Plan) -> dict[str, Any]:
        """What every slice is told by Tune; see `SliceTrainable`."""
        return {
            "study": self._spec.name,
            "broker": broker_name(self._spec.name),
            "cpus": plan.cpus,
            "gpus": plan.gpus,
            "extra": dict(plan.extra),
            "labels": dict(plan.labels),
            "worker": self._worker,
        }

    def _leave(self, broker: BrokerHandle) -> None:
        """The head is lost: without it every word to Ray would hang, so the process ends here."""
        came = self._signals.came
        try:
            if not came:
                self._view.say(
                    f"the cluster's head is gone, nobody answers at {head_address()}; what was "
                    "reported is in the journal, the same command goes on"
                )
            broker.close()  # on this node, and perhaps still there
            if self._keeper is not None:
                self._keeper.close(LEAVE_S)
        finally:
            os._exit(128 + came if came else 2)

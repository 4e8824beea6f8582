"""The driver: one Ray Tune run whose trials are the slices, with the broker beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from caviar.search.choosing import useful_slices
from caviar.study.readiness import check_ready
from caviar.study.spec import StudySpec
from caviar.tuning.cluster import check_address, connect, growth, is_joined, joining, nodes
from caviar.tuning.keeper import Keeper
from caviar.tuning.messages import Extra
from caviar.tuning.placement import Need, Plan, plan_slices
from caviar.tuning.preparation import prepare
from caviar.tuning.progress import View
from caviar.tuning.signals import Signals
from caviar.tuning.taking_up import check_directory, keep_settings, refuse_other_data
from caviar.tuning.tuner import Run
from caviar.tuning.worker import TENSORFLOW_WORKER

if TYPE_CHECKING:
    from caviar.data.dataset import Dataset


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
            try:
                if url:
                    view.say(f"dashboard {url}")
                plan = _plan(spec, joined=is_joined(address))
                run = Run(spec, directory, view, worker, prepared, signals, finals, storage)
                run.go(plan)
            finally:
                _shut_down()
        except BaseException:
            # A signal may come while Ray is left, too; and Ray may have turned what it raised into
            # an error of its own.
            if not signals.came:
                raise
    if signals.came:
        return Outcome(signals.came)
    over = finals is not Extra.NEVER and run.finished
    return Outcome(ending=run.ending, data=prepared.whole if over else None)


def _plan(spec: StudySpec, *, joined: bool) -> Plan:
    resources = spec.resources
    key = "slices_per_gpu" if resources.slices_per_gpu else "gpus_per_slice"
    need = Need(resources.cpus_per_slice, resources.gpus, resources.accelerator, key)
    return plan_slices(
        nodes(), need, resources.max_slices, useful_slices(spec), growth(joined=joined)
    )


def _shut_down() -> None:
    import ray

    ray.shutdown()

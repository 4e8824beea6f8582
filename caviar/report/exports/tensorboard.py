"""A study as TensorBoard reads it: a folder of event files, a run a trial, with HParams.

TensorFlow is not needed: the records are TensorBoard's own protocol buffers. `Follower` writes the
same files while the study runs: TensorBoard looks again at files that grow.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from caviar.report.exports.material import METRICS, Life, Material, Tick
from caviar.report.exports.missing import needs
from caviar.report.exports.placing import placed_folder
from caviar.space.domain import Choice
from caviar.study.records import TrialState, Value

if TYPE_CHECKING:
    from caviar.study.records import Measurement
    from caviar.study.spec import StudySpec

FOLDER: Final = "tensorboard"
"""What the folder is called by default."""
TAGS: Final = {name: name.replace("_", "/") for name in METRICS}
"""What the metrics are called there: `dev/loss`, so that those of a part stand together."""


def write(material: Material, place: Path, tick: Tick, *, force: bool = False) -> str:
    """Writes the folder; returns how to open it.

    Raises:
        StudyError: TensorBoard is not installed, something stands in the way, or the disk said no.
    """
    with needs("tensorboard"):
        import tensorboard.plugins.hparams.metadata  # noqa: F401 - says whether it is there
    lives = material.lives
    with placed_folder(place, force=force) as draft:
        write_experiment(draft, material.evidence.spec, lives[0].times[0])
        for count, life in enumerate(lives, 1):
            with Run(draft, life) as run:
                run.add(zip(life.curve, life.times[1:], strict=True))
                run.end(life)
            tick(count, len(lives))
    return command(place)


def command(place: Path) -> str:
    """What opens the folder."""
    return shlex.join(["tensorboard", "--logdir", str(place)])


class Run:
    """The event file of one trial, to which is added as long as it goes on."""

    def __init__(self, folder: Path, life: Life) -> None:
        """Makes it, with the trial's hyperparameters in it; a trial with a file goes on in it."""
        place = folder / life.name
        place.mkdir(exist_ok=True)
        began = life.times[0]
        file = place / f"events.out.tfevents.{int(began):010}.caviar"
        self._is_new = not file.exists()
        self._file = file.open("ab")
        if self._is_new:
            _head(self._file, began)
            _put(self._file, began, *_session_start(life))

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, measured: Iterable[tuple[Measurement, float]]) -> None:
        """Adds measurements, each with when it was committed."""
        for found, when in measured:
            _put_scalars(self._file, when, found)

    def end(self, life: Life) -> None:
        """Says how the trial stands, if it is over."""
        if life.is_over:
            _put(self._file, life.times[-1], *_session_end(life))


def write_experiment(folder: Path, spec: StudySpec, began: float) -> None:
    """Writes what HParams knows of the study: its axes and its metrics.

    Args:
        folder: the root of the event files.
        spec: of the study.
        began: seconds since 1970.
    """
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    experiment = api_pb2.Experiment(
        description=f"caviar study {spec.name}",
        time_created_secs=began,
        hparam_infos=[_axis(spec, name) for name in _names(spec)],
        metric_infos=[_metric(TAGS[name]) for name in _metrics_first(spec.metric)],
    )
    data = plugin_data_pb2.HParamsPluginData(experiment=experiment)
    with (folder / f"events.out.tfevents.{int(began):010}.caviar").open("xb") as file:
        _head(file, began)
        _put(file, began, metadata.EXPERIMENT_TAG, data)


def _names(spec: StudySpec) -> tuple[str, ...]:
    """What is searched; of pandas, which may change anything, all hyperparameters."""
    return spec.space.names or tuple(spec.space.fixed)


def _metrics_first(metric: str) -> list[str]:
    return [metric, *(name for name in METRICS if name != metric)]


def _axis(spec: StudySpec, name: str) -> Any:
    """A hyperparameter as HParams knows it."""
    from tensorboard.plugins.hparams import api_pb2

    info = api_pb2.HParamInfo(name=name, display_name=name, differs=True)
    domain = spec.space.domains.get(name)
    if domain is None:
        return info
    low, high = domain.bounds
    if isinstance(domain, Choice):
        info.type = _type(domain.choices)
        info.domain_discrete.extend(domain.choices)
    else:
        info.type = api_pb2.DATA_TYPE_FLOAT64
        info.domain_interval.min_value, info.domain_interval.max_value = float(low), float(high)
    return info


def _type(values: Iterable[Value]) -> Any:
    from tensorboard.plugins.hparams import api_pb2

    known = list(values)
    if all(isinstance(value, bool) for value in known):
        return api_pb2.DATA_TYPE_BOOL
    if any(isinstance(value, str | bool) for value in known):
        return api_pb2.DATA_TYPE_STRING
    return api_pb2.DATA_TYPE_FLOAT64


def _metric(tag: str) -> Any:
    from tensorboard.plugins.hparams import api_pb2

    return api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), display_name=tag)


def _session_start(life: Life) -> tuple[str, Any]:
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    data = plugin_data_pb2.HParamsPluginData()
    info = data.session_start_info
    info.group_name, info.start_time_secs = life.name, life.times[0]
    _fill(info.hparams, life.trial.hyperparameters)
    return metadata.SESSION_START_INFO_TAG, data


def _fill(theirs: Any, ours: Mapping[str, Value]) -> None:
    """Writes values into a map of `google.protobuf.Value`."""
    for name, value in ours.items():
        if isinstance(value, bool):
            theirs[name].bool_value = value
        elif isinstance(value, str):
            theirs[name].string_value = value
        else:
            theirs[name].number_value = value


def _session_end(life: Life) -> tuple[str, Any]:
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    bad = life.state in (TrialState.DIVERGED, TrialState.FAILED)
    data = plugin_data_pb2.HParamsPluginData()
    data.session_end_info.status = api_pb2.STATUS_FAILURE if bad else api_pb2.STATUS_SUCCESS
    data.session_end_info.end_time_secs = life.times[-1]
    return metadata.SESSION_END_INFO_TAG, data


def _head(file: BinaryIO, when: float) -> None:
    from tensorboard.compat.proto.event_pb2 import Event

    _record(file, Event(wall_time=when, file_version="brain.Event:2"))


def _put(file: BinaryIO, when: float, tag: str, data: Any) -> None:
    """Appends what HParams alone reads."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.hparams import metadata

    event = Event(wall_time=when)
    told = metadata.create_summary_metadata(data)
    event.summary.value.add(tag=tag, metadata=told, tensor=metadata.NULL_TENSOR)
    _record(file, event)


def _put_scalars(file: BinaryIO, when: float, found: Measurement) -> None:
    """Appends the metrics of an epoch, at the step of its number."""
    from tensorboard.compat.proto.event_pb2 import Event

    event = Event(wall_time=when, step=found.epoch)
    for name, tag in TAGS.items():
        event.summary.value.add(tag=tag, simple_value=getattr(found, name))
    _record(file, event)


def _record(file: BinaryIO, event: Any) -> None:
    """Appends a record in one write: a reader sees all of it or waits for the rest."""
    from tensorboard.summary.writer.record_writer import RecordWriter

    RecordWriter(file).write(event.SerializeToString())

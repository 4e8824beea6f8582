"""A study as event files: read back by TensorBoard's own readers, also while it runs."""

import math
import sys
import types
from importlib.util import find_spec

import pytest
from exported_studies import make_study, measured, spec_of

from caviar.errors import StudyError
from caviar.report.exports import tensorboard
from caviar.report.exports.following import Follower, follow
from caviar.report.exports.material import METRICS, material
from caviar.study.journal import Journal

pytestmark = pytest.mark.skipif(
    find_spec("tensorboard") is None, reason="the extra tensorboard is not installed"
)
# TensorBoard then reads with what it brings along, and not with TensorFlow, which takes seconds.
sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("tensorboard.compat.notf"))

# Of HParams' protocol buffers (tensorboard/plugins/hparams/api.proto).
UNKNOWN, SUCCESS, FAILURE = 0, 1, 2
BOOL = 2


def silent(done, of):
    assert 0 < done <= of


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    directory = tmp_path_factory.mktemp("made") / "tried"
    make_study(directory, driven=True)
    return material(directory)


def accumulated(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder)).Reload()


def scalars(folder, tag="dev/accuracy"):
    """Steps and values of a run."""
    events = accumulated(folder)
    if tag not in events.Tags()["scalars"]:
        return [], []
    read = events.Scalars(tag)
    return [event.step for event in read], [event.value for event in read]


def sessions(place):
    """The experiment and every session, as the HParams plugin's own backend reads them."""
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins.hparams import (
        api_pb2,
        backend_context,
        get_experiment,
        list_session_groups,
    )

    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(place))
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(place))
    context = backend_context.Context(types.SimpleNamespace(data_provider=provider))
    asked = RequestContext()
    experiment = get_experiment.Handler(asked, context, "", api_pb2.GetExperimentRequest()).run()
    request = api_pb2.ListSessionGroupsRequest(slice_size=10_000, start_index=0)
    request.allowed_statuses.extend([UNKNOWN, SUCCESS, FAILURE])
    for metric in experiment.metric_infos:
        request.col_params.add(metric=metric.name)
    handler = list_session_groups.Handler(asked, context, "", request)
    return experiment, {group.name: group for group in handler.run().session_groups}


def test_every_measurement_is_a_scalar(found, tmp_path):
    tensorboard.write(found, tmp_path / "tb", silent)
    for life in found.lives:
        events = accumulated(tmp_path / "tb" / life.name)
        for name in METRICS if life.curve else ():
            read = events.Scalars(name.replace("_", "/"))
            assert [event.step for event in read] == [m.epoch for m in life.curve]
            ours = [getattr(m, name) for m in life.curve]
            assert [e.value for e in read] == pytest.approx(ours, rel=1e-6, nan_ok=True)
            assert [e.wall_time for e in read] == list(life.times[1:])
        assert bool(events.Tags()["scalars"]) == bool(life.curve)


def test_hparams_knows_every_trial(found, tmp_path):
    tensorboard.write(found, tmp_path / "tb", silent)
    experiment, groups = sessions(tmp_path / "tb")
    axes = {info.name: info for info in experiment.hparam_infos}
    assert set(axes) == set(found.evidence.spec.space.names)
    assert axes["learning_rate"].domain_interval.max_value == 1.0
    assert [v.string_value for v in axes["optimizer"].domain_discrete.values] == [
        "adam", "momentum",
    ]  # fmt: skip
    assert axes["batch_norm"].type == BOOL
    assert experiment.metric_infos[0].name.tag == "dev/accuracy"
    assert sorted(groups) == [life.name for life in found.lives]
    for life in found.lives:
        group = groups[life.name]
        read = {name: _plain(value) for name, value in group.hparams.items()}
        assert {name: value for name, value in read.items() if value is not None} == dict(
            life.trial.hyperparameters
        )
        assert group.sessions[0].status == _status(str(life.state))
        if life.curve and math.isfinite(life.curve[-1].dev_accuracy):
            last = {v.name.tag: v.value for v in group.metric_values}["dev/accuracy"]
            assert last == pytest.approx(life.curve[-1].dev_accuracy, rel=1e-6)


def _plain(value):
    kind = value.WhichOneof("kind")
    return getattr(value, kind) if kind else None


def _status(state):
    if state in ("running", "waiting"):
        return UNKNOWN
    failed = state in ("diverged", "failed")
    return FAILURE if failed else SUCCESS


def test_a_follower_writes_what_comes_and_nothing_twice(tmp_path):
    make_study(tmp_path / "tried", driven=True)
    place = tmp_path / "tb"
    place.mkdir()
    follower = Follower(tmp_path / "tried", place)
    assert follower.look() == 9 + 2 + 1 + 2 + 4 * 1
    assert (follower.trials, follower.is_over) == (10, False)
    before = {file: file.read_bytes() for file in place.rglob("*tfevents*")}
    assert follower.look() == 0
    assert before == {file: file.read_bytes() for file in place.rglob("*tfevents*")}
    with Journal.open(tmp_path / "tried", write=True) as journal:
        journal.acquire_lease()
        journal.report(*_attempt(journal), [measured(5, 2), measured(5, 3)], {}, complete=True)
    assert follower.look() == 2
    assert scalars(place / "trial-00005")[0] == [1, 2, 3]
    with Journal.open(tmp_path / "tried", write=True) as journal:
        journal.acquire_lease()
        journal.fail_trial(9, "no memory")
        journal.record("driver_stopped", {"finished": True, "trouble": "", "ending": ""})
        journal.release_lease()
    assert (follower.look(), follower.is_over) == (0, True)
    whole = tmp_path / "whole"
    tensorboard.write(material(tmp_path / "tried"), whole, silent)
    assert repr(_read(place)) == repr(_read(whole))  # nan is nan


def _attempt(journal):
    found = next(a for a in journal.open_assignments() if a.assignment.trials == (5,))
    return found.id, found.attempts[-1].attempt


def _read(place):
    _, groups = sessions(place)
    return {
        name: (scalars(place / name), sorted(group.hparams), group.sessions[0].status)
        for name, group in groups.items()
    }


def test_following_begins_before_there_are_trials_and_ends_with_the_study(tmp_path):
    directory, rest = tmp_path / "tried", []
    spec = spec_of()
    Journal.create(directory, spec.to_json(), spec.fingerprint).close()

    def sleep(_):
        """What happens meanwhile."""
        rest.append(1)
        if len(rest) == 2:
            (directory / "journal.sqlite3").unlink()
            for left in directory.glob("journal.sqlite3-*"):
                left.unlink()
            make_study(directory)

    assert follow(directory, tmp_path / "tb", sleep=sleep) == 9
    assert len(rest) == 2
    assert scalars(tmp_path / "tb" / "trial-00000")[0] == list(range(1, 10))
    with pytest.raises(StudyError, match="is there already; --force replaces it"):
        follow(directory, tmp_path / "tb", sleep=sleep)
    assert follow(directory, tmp_path / "tb", force=True, sleep=sleep) == 9


def test_following_what_is_no_study_clears_nothing(tmp_path):
    make_study(tmp_path / "tried")
    tensorboard.write(material(tmp_path / "tried"), tmp_path / "tb", silent)
    with pytest.raises(StudyError):
        follow(tmp_path / "nothing", tmp_path / "tb", force=True)
    assert scalars(tmp_path / "tb" / "trial-00000")[0] == list(range(1, 10))


def test_writing_needs_no_tensorflow(tmp_path):
    import subprocess

    make_study(tmp_path / "tried")
    code = (
        "import sys; from pathlib import Path;"
        "from caviar.report.exports import material, tensorboard;"
        f"tensorboard.write(material.material(Path({str(tmp_path / 'tried')!r})),"
        f" Path({str(tmp_path / 'tb')!r}), lambda a, b: None);"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'tensorflow', 'ray'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_axis_of_mixed_choices_is_text():
    from tensorboard.plugins.hparams import api_pb2

    assert (api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE) == (SUCCESS, FAILURE)
    assert api_pb2.DATA_TYPE_BOOL == BOOL
    assert tensorboard._type([True, "auto"]) == api_pb2.DATA_TYPE_STRING
    assert tensorboard._type([1, 0.5]) == api_pb2.DATA_TYPE_FLOAT64


def test_a_run_appends_only_whole_records(found, tmp_path):
    """A reader that comes in between finds a whole number of them."""
    life = found.lives[0]
    with tensorboard.Run(tmp_path, life) as run:
        run.add(zip(life.curve[:4], life.times[1:5], strict=True))
    with tensorboard.Run(tmp_path, life) as run:
        assert scalars(tmp_path / life.name)[0] == [1, 2, 3, 4]
        run.add(zip(life.curve[4:], life.times[5:], strict=True))
    assert scalars(tmp_path / life.name)[0] == list(range(1, 10))

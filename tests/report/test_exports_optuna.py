"""A study as Optuna's storage: every trial read back by Optuna, and by its dashboard's reader."""

import json
import math

import optuna
import pytest
from exported_studies import make_study
from hypothesis import given
from hypothesis import strategies as st

from caviar.errors import StudyError
from caviar.report.exports import optuna_axes, optuna_storage
from caviar.report.exports.material import material
from caviar.space.domain import Float
from caviar.space.scale import ONE_MINUS
from caviar.study.journal import Journal
from caviar.study.records import Assignment, Trial

STATES = {
    "completed": "COMPLETE",
    "stopped": "PRUNED",
    "paused": "PRUNED",
    "diverged": "FAIL",
    "failed": "FAIL",
    "running": "RUNNING",
    "waiting": "WAITING",
}
MIRRORED = ("beta_1", "beta_2", "momentum")


def silent(done, of):
    assert 0 < done <= of


def read(file):
    backend = optuna.storages.journal.JournalFileBackend(str(file))
    storage = (
        f"sqlite:///{file}" if file.suffix == ".db" else optuna.storages.JournalStorage(backend)
    )
    return optuna.load_study(study_name="tried", storage=storage)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    directory = tmp_path_factory.mktemp("made") / "tried"
    make_study(directory, driven=True)
    return material(directory)


@pytest.mark.parametrize("name", ["optuna.log", "optuna.db", "odd ?#%20 name.db"])
def test_every_trial_is_read_back(found, tmp_path, name):
    optuna_storage.write(found, tmp_path / name, silent)
    if "?" in name:
        (tmp_path / name).rename(tmp_path / "plain.db")
        name = "plain.db"
    study = read(tmp_path / name)
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE
    assert study.metric_names == ["dev_accuracy"]
    assert study.user_attrs["shared"] == found.shared
    assert study.user_attrs["best_trial"] == found.evidence.best.trial
    assert len(study.trials) == len(found.lives) == 10
    for theirs, life in zip(study.trials, found.lives, strict=True):
        check(theirs, life, found)


def check(theirs, life, found):
    assert theirs.state.name == STATES[str(life.state)]
    assert theirs.user_attrs["state"] == str(life.state)
    assert theirs.user_attrs["trial"] == theirs.number == life.trial.index
    assert theirs.user_attrs.get("reason", "") == life.reason
    curve = {m.epoch: m.dev_accuracy for m in life.curve}
    assert theirs.intermediate_values == pytest.approx(curve, nan_ok=True, abs=0)
    if theirs.state.name == "COMPLETE":
        assert theirs.value == life.curve[-1].dev_accuracy
    for name, value in life.trial.hyperparameters.items():
        if name in MIRRORED:
            assert theirs.user_attrs[name] == value
            assert theirs.params[f"one_minus_{name}"] == pytest.approx(1 - value, rel=1e-11)
        elif name in found.varied:
            assert theirs.params[name] == value
        else:
            assert name not in theirs.params
    others = set(found.varied) - life.trial.hyperparameters.keys()
    assert others
    assert not others & theirs.params.keys()


def test_each_axis_has_its_distribution(found, tmp_path):
    optuna_storage.write(found, tmp_path / "optuna.log", silent)
    kinds = {}
    for trial in read(tmp_path / "optuna.log").trials:
        kinds |= trial.distributions
    of = optuna.distributions
    assert kinds["learning_rate"] == of.FloatDistribution(1e-4, 1.0, log=True)
    assert kinds["layers"] == of.IntDistribution(1, 3)
    assert kinds["units"] == of.IntDistribution(8, 64, log=True)
    assert kinds["keep_prob"] == of.FloatDistribution(0.5, 1.0, step=0.1)
    assert kinds["optimizer"] == of.CategoricalDistribution(("adam", "momentum"))
    assert kinds["batch_norm"] == of.CategoricalDistribution((True, False))
    assert kinds["batch_size"] == of.CategoricalDistribution((32, 64, 128))
    assert kinds["one_minus_beta_1"] == of.FloatDistribution(0.001, 0.1, log=True)
    assert kinds["one_minus_momentum"] == of.FloatDistribution(0.01, 1.0, log=True)


def test_the_dashboard_finds_every_trial(found, tmp_path):
    dashboard = pytest.importorskip("optuna_dashboard", reason="optuna-dashboard is not installed")
    optuna_storage.write(found, tmp_path / "optuna.log", silent)
    application = dashboard.wsgi(_dashboard_storage(tmp_path / "optuna.log"))
    assert len(asked(application, "/api/studies")["study_summaries"]) == 1
    told = asked(application, "/api/studies/0")
    assert [trial["number"] for trial in told["trials"]] == list(range(10))
    assert [trial["state"] for trial in told["trials"]] == [
        optuna_state(life).capitalize() for life in found.lives
    ]
    assert len(told["trials"][0]["intermediate_values"]) == 9
    names = {axis["name"] for axis in told["union_search_space"]}
    assert {"learning_rate", "one_minus_beta_1", "one_minus_momentum", "units"} <= names


def optuna_state(life):
    return STATES[str(life.state)]


def _dashboard_storage(file):
    from optuna_dashboard._storage_url import get_storage

    return get_storage(str(file))


def asked(application, path):
    """The answer of a WSGI application, as JSON."""
    status = []
    environment = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "SERVER_NAME": "here"}
    environment |= {"SERVER_PORT": "80", "wsgi.url_scheme": "http", "QUERY_STRING": ""}
    body = b"".join(application(environment, lambda code, _, *__: status.append(code)))
    assert status[0].startswith("200"), body
    return json.loads(body)


@given(st.data())
def test_one_minus_stays_within_its_bounds(data):
    low = data.draw(st.floats(0.0, 0.9999))
    high = data.draw(st.floats(low, 0.999999).filter(lambda h: h - low > 1e-6))
    domain = Float(low, high, ONE_MINUS)
    value = domain.decode(data.draw(st.floats(0.0, 1.0)))
    kind = optuna_axes.distribution(domain)
    assert kind.low <= optuna_axes.mirrored(value) <= kind.high
    assert kind._contains(kind.to_internal_repr(optuna_axes.mirrored(value)))


def test_a_value_outside_the_space_is_told_in_one_line(tmp_path):
    make_study(tmp_path / "tried")
    with Journal.open(tmp_path / "tried", write=True) as journal:
        journal.acquire_lease()
        first = journal.trials()[0]
        values = {**first.hyperparameters, "learning_rate": 99.0}
        number = len(journal.trials())
        from exported_studies import ANY

        added = Trial(number, first.point, values)
        journal.issue(Assignment((number,), 0, 1, ANY), decisions=[added])
    with pytest.raises(StudyError, match=r"^trial 9: .*99") as error:
        optuna_storage.write(material(tmp_path / "tried"), tmp_path / "o.log", silent)
    assert "\n" not in str(error.value)
    assert [file.name for file in tmp_path.iterdir()] == ["tried"]


def test_a_study_whose_completed_trial_has_no_number(found):
    from dataclasses import replace

    life = found.lives[0]
    curve = [replace(m, dev_accuracy=math.nan) for m in life.curve]
    parameters = optuna_axes.Parameters(found)
    trial = optuna_storage._trial(found, replace(life, curve=curve), parameters)
    assert trial.state.name == "FAIL"
    assert set(trial.intermediate_values) == set(range(1, 10))

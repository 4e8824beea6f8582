"""`caviar export` and `caviar compare` as a person types them."""

import json

import pytest
import typer
from exported_studies import make_study
from typer.testing import CliRunner

from caviar import cli_export
from caviar.errors import StudyError

app = typer.Typer()
cli_export.register(app)


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    directory = tmp_path_factory.mktemp("made") / "tried"
    make_study(directory)
    return directory


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("csv", "csv/trials.csv"),
        ("parquet", "parquet/measurements.parquet"),
        ("optuna", "optuna.log"),
        ("tensorboard", "tensorboard/trial-00000"),
        pytest.param("mlflow", "mlflow.sqlite3", marks=pytest.mark.slow),
    ],
)
def test_each_kind_goes_into_the_study_by_default(tmp_path, kind, made):
    if kind not in ("csv", "parquet"):
        pytest.importorskip(kind, reason=f"the extra {kind} is not installed")
    make_study(tmp_path / "tried", trials=3)
    done = run("export", tmp_path / "tried", kind)
    assert (done.exit_code, done.exception) == (0, None)
    place = tmp_path / "tried" / "exports" / made
    assert place.exists()
    assert done.stdout.splitlines()[0].startswith("wrote 3 trials to ")
    assert done.stdout.splitlines()[1].startswith("see: ")
    again = run("export", tmp_path / "tried", kind)
    assert isinstance(again.exception, StudyError)
    assert str(again.exception).endswith("is there already; --force replaces it")
    assert run("export", tmp_path / "tried", kind, "--force").exit_code == 0


def test_following_is_for_tensorboard(study, tmp_path):
    done = run("export", study, "csv", "--follow")
    assert str(done.exception) == "--follow: is for tensorboard, got csv"
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    done = run("export", study, "tensorboard", "--follow", "--output", tmp_path / "tb")
    assert done.output.splitlines()[-1] == "the study is over: 9 trials written"
    assert (tmp_path / "tb" / "trial-00008").is_dir()


@pytest.mark.parametrize("words", [("csv",), ("tensorboard", "--follow")])
def test_what_is_no_study_is_told_in_one_line(tmp_path, words):
    done = run("export", tmp_path / "nothing", *words)
    assert isinstance(done.exception, StudyError)
    assert "\n" not in str(done.exception)
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("tool", ["optuna", "tensorboard", "mlflow"])
def test_a_tool_that_is_missing_is_told_in_one_line(study, tmp_path, monkeypatch, tool):
    import sys

    for name in [name for name in sys.modules if name.partition(".")[0] == tool]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, tool, None)
    done = run("export", study, tool, "--output", tmp_path / "out")
    assert isinstance(done.exception, StudyError), done.exception
    assert f"pip install 'caviar[{tool}]'" in str(done.exception)
    assert not list(tmp_path.iterdir())


def test_progress_comes_after_two_seconds(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr(cli_export.time, "monotonic", lambda: now[0])
    tick = cli_export._ticker(cli_export.Kind.OPTUNA)
    for done, at in ((1, 101.0), (2, 102.5), (3, 103.0), (4, 104.6)):
        now[0] = at
        tick(done, 9)
    assert capsys.readouterr().err == "optuna: 2 of 9 trials\noptuna: 4 of 9 trials\n"


def test_comparing_prints_tables_or_json(study, tmp_path):
    make_study(tmp_path / "other", trials=4, name="other", seed=1)
    done = run("compare", study, tmp_path / "other")
    assert done.exit_code == 0
    assert "note: " in done.output
    told = json.loads(run("compare", study, tmp_path / "other", "--json").output)
    assert [one["study"] for one in told["studies"]] == ["tried", "other"]
    assert str(run("compare", study).exception).startswith("compare: give two study directories")

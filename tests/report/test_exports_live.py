"""TensorBoard beside a run: a child that follows a study while it is driven, and always ends."""

import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from exported_studies import make_study
from test_exports_tensorboard import FAILURE, SUCCESS, UNKNOWN, scalars, sessions
from typer.testing import CliRunner
from waiting import wait_for

from caviar import cli
from caviar.errors import StudyError
from caviar.report.exports import live
from caviar.report.exports.following import Follower
from caviar.study.journal import Journal
from caviar.study.spec import StudySpec

pytestmark = pytest.mark.skipif(
    find_spec("tensorboard") is None, reason="the extra tensorboard is not installed"
)


def followers() -> list[psutil.Process]:
    """The children of this process that follow a study."""
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if "caviar.report.exports.live" in child.cmdline()
    ]


def test_files_grow_while_a_study_is_driven_and_are_whole_at_its_end(tmp_path):
    directory, said = tmp_path / "tried", []
    place = directory / "exports" / "tensorboard"
    with live.beside(directory, said.append):
        assert not directory.exists()  # the study makes it, and nobody else
        make_study(directory, driven=True)
        wait_for((place / "trial-00009").exists, 30)
        _, groups = sessions(place)
        assert groups["trial-00005"].sessions[0].status == UNKNOWN
        with Journal.open(directory, write=True) as journal:
            journal.acquire_lease()
            journal.fail_trial(9, "no memory")
            journal.record("driver_stopped", {"finished": True, "trouble": "", "ending": ""})
            journal.release_lease()
    assert said == [f"see: tensorboard --logdir {place}"]
    assert followers() == []
    _, groups = sessions(place)
    assert len(groups) == 10
    assert groups["trial-00009"].sessions[0].status == FAILURE
    assert groups["trial-00000"].sessions[0].status == SUCCESS
    assert scalars(place / "trial-00000")[0] == list(range(1, 10))


def test_a_finished_study_that_goes_on_is_followed_until_it_is_left(tmp_path):
    make_study(tmp_path / "tried")
    place = tmp_path / "tb"
    place.mkdir()
    follower = Follower(tmp_path / "tried", place, driven=True)
    follower.look()
    assert not follower.is_over
    _, groups = sessions(place)
    assert groups["trial-00006"].sessions[0].status == UNKNOWN  # paused: it may be promoted yet
    follower.look(last=True)
    assert follower.is_over
    _, groups = sessions(place)
    assert groups["trial-00006"].sessions[0].status == SUCCESS


def test_looks_that_take_long_are_followed_by_a_longer_rest(tmp_path, monkeypatch):
    make_study(tmp_path / "tried")
    now, rests = [0.0], []

    def look(self, *, last=False):
        now[0] += 3.0
        self.is_over = last

    monkeypatch.setattr(Follower, "look", look)
    monkeypatch.setattr("caviar.report.exports.following.time.monotonic", lambda: now[0])

    def sleep(seconds):
        rests.append(seconds)
        return len(rests) == 2

    from caviar.report.exports.following import follow

    follow(tmp_path / "tried", tmp_path / "tb", driven=True, sleep=sleep)
    assert rests == [27.0, 27.0]


def test_a_driver_that_breaks_or_is_interrupted_leaves_no_follower(tmp_path):
    make_study(tmp_path / "tried")
    for error in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(error):
            _broken_off(tmp_path / "tried", error)
        assert followers() == []
    assert (tmp_path / "tried" / "exports" / "tensorboard" / "trial-00000").is_dir()


def _broken_off(directory, error):
    with live.beside(directory, lambda _: None):
        wait_for(followers, 10)
        raise error


def test_a_driver_that_is_killed_leaves_no_follower(tmp_path):
    program = (
        "import time; from pathlib import Path; from caviar.report.exports.live import beside\n"
        f"with beside(Path({str(tmp_path / 'none')!r}), print): time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL) as driver:
        (found,) = wait_for(followers, 30)
        driver.send_signal(signal.SIGKILL)
    assert psutil.wait_procs([found], timeout=30)[1] == []
    assert not (tmp_path / "none").exists()


def test_trouble_on_the_way_is_told_and_hurts_nobody(tmp_path):
    (tmp_path / "tried").mkdir()
    (tmp_path / "tried" / "journal.sqlite3").write_text("no journal")
    said = []
    with live.beside(tmp_path / "tried", said.append):
        pass
    assert len(said) == 2
    assert said[1].startswith("--tensorboard: left off: ")
    assert "\n" not in said[1]


def test_what_is_no_export_is_never_replaced(tmp_path):
    place = tmp_path / "tried" / "exports" / "tensorboard"
    place.mkdir(parents=True)
    (place / "mine.txt").touch()
    with (
        pytest.raises(StudyError, match="was not made by caviar export"),
        live.beside(tmp_path / "tried", print),
    ):
        raise AssertionError
    assert followers() == []


def test_a_missing_extra_is_told_before_the_study_starts(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setattr("caviar.tuning.driver.run_study", _never)
    words = ["run", "--tensorboard", "--dir", str(tmp_path / "s")]
    done = CliRunner().invoke(cli.app, words)
    assert isinstance(done.exception, StudyError), done.exception
    assert str(done.exception).startswith("--tensorboard: needs tensorboard, ")
    assert str(done.exception).endswith("; to install it: pip install 'caviar[tensorboard]'")
    assert not (tmp_path / "s").exists()


def _never(*_, **__):
    raise AssertionError


def test_asking_for_it_loads_neither_tensorflow_nor_ray(tmp_path):
    program = (
        "import sys; from pathlib import Path; from caviar.report.exports.live import beside\n"
        f"with beside(Path({str(tmp_path / 'none')!r}), lambda _: None): pass\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'tensorflow', 'ray'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.ray
@pytest.mark.timeout(600)
def test_a_run_on_ray_is_read_back_by_tensorboard(cluster, tmp_path):
    (tmp_path / "s.toml").write_text("[search]\ntrials = 4\nmax_epochs = 3\n")
    script = str(Path(sys.executable).with_name("caviar"))
    words = ["run", "s.toml", "--dir", "s", "--address", cluster.address]
    done = subprocess.run(
        [script, *words, "--tensorboard", "--no-winner"],
        capture_output=True, text=True, cwd=tmp_path, env=cluster.environment, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "see: tensorboard --logdir s/exports/tensorboard" in done.stdout.splitlines()
    assert "left off" not in done.stdout
    place = tmp_path / "s" / "exports" / "tensorboard"
    experiment, groups = sessions(place)
    assert sorted(groups) == [f"trial-{k:05}" for k in range(4)]
    assert {info.name for info in experiment.hparam_infos} >= set(StudySpec.default().space.names)
    with Journal.open(tmp_path / "s") as journal:
        found = [measured for measured in journal.measurements() if measured.trial == 0]
    steps, values = scalars(place / "trial-00000")
    assert steps == [measured.epoch for measured in found]
    assert values == pytest.approx([measured.dev_accuracy for measured in found])

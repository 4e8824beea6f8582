import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from caviar.search.factory import caviar_strategy
from caviar.study.journal import Journal
from caviar.study.records import Measurement
from caviar.study.spec import StudySpec

CAVIAR = [sys.executable, "-c", "from caviar.cli import main; main()"]


def caviar(*arguments, cwd=None):
    return subprocess.run(
        [*CAVIAR, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=60,
        check=False,
    )


def refused(*arguments, cwd=None):
    """The one line that a mistake is told in."""
    done = caviar(*arguments, cwd=cwd)
    assert done.returncode == 2, done
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.fixture
def refused_here(caviar, monkeypatch):
    """The same without a process of its own, for there are many mistakes."""

    def call(*arguments, cwd=None):
        if cwd is not None:
            monkeypatch.chdir(cwd)
        status, out, err = caviar(*arguments)
        assert (status, out) == (2, "")
        assert err.endswith("\n")
        assert err.count("\n") == 1, err
        return err.rstrip("\n")

    return call


def train(journal, strategy, assignment, *, diverged=()):
    number = journal.issue(assignment, decisions=strategy.news())
    attempt = journal.start_attempt(number, "slice")
    measured = [
        Measurement(
            trial,
            epoch,
            0.5,
            0.9,
            math.nan if trial in diverged else 1.0 / (trial + epoch),
            1.0 - 1.0 / (trial + 2 * epoch),
            0.1,
            trial in diverged,
        )
        for trial in assignment.trials
        for epoch in range(assignment.first_epoch + 1, assignment.last_epoch + 1)
    ]
    files = {t: (assignment.last_epoch, b"x") for t in assignment.trials if t not in diverged}
    journal.report(number, attempt, measured, files, True)
    strategy.observe(measured)


@pytest.fixture
def study(tmp_path):
    """A study of nine trials, interrupted after six assignments; trial 0 diverged."""
    spec = StudySpec.default().override(trials=9, max_epochs=9)
    directory = tmp_path / "study"
    with Journal.create(directory, spec.to_json(), spec.fingerprint) as journal:
        journal.acquire_lease()
        journal.record("driver_started", {})
        strategy = caviar_strategy(spec)
        for _ in range(6):
            train(journal, strategy, strategy.next_assignment(), diverged=(0,))
        journal.record("driver_stopped", {"finished": False})
        journal.release_lease()
    return directory


def test_help_is_quick_and_loads_nothing_heavy():
    program = (
        "import sys; sys.argv = ['caviar', '--help']\n"
        "from caviar.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'tensorflow', 'ray', 'pydantic', 'scipy', 'numpy', 'pandas', 'keras'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "HEAVY []" in done.stdout
    for command in ("run", "check", "show", "init"):
        assert command in done.stdout


@pytest.mark.parametrize(
    "arguments", [("check",), ("show", "{study}"), ("show", "{study}", "--json")]
)
def test_looking_loads_neither_tensorflow_nor_ray(study, arguments):
    words = [word.format(study=study) for word in arguments]
    program = (
        f"import sys; sys.argv = ['caviar', *{words!r}]\n"
        "from caviar.cli import main\n"
        "try: main()\n"
        "except SystemExit as done: assert not done.code, done.code\n"
        "assert not {'tensorflow', 'ray', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)


def test_init_writes_what_check_accepts(tmp_path):
    done = caviar("init", cwd=tmp_path)
    assert done.returncode == 0
    assert StudySpec.load(tmp_path / "study.toml") == StudySpec.default()
    assert "caviar run study.toml" in done.stdout
    assert caviar("check", "study.toml", cwd=tmp_path).returncode == 0
    assert (
        refused("init", cwd=tmp_path) == "caviar: study.toml: is there already; it was left alone"
    )


def test_check_shows_the_space_the_rungs_and_the_cost():
    out = caviar("check").stdout
    line = next(line for line in out.splitlines() if line.startswith("beta_1"))
    assert line.split() == [
        *("beta_1", "one_minus", "0.9", "0.999"),
        *("0.9369,", "0.9749,", "0.99,", "0.996,", "0.9984"),
    ]
    assert out.startswith("study digits: 64 trials on digits, suggested by zoom\n")
    assert "184 trial-epochs" in out
    for epochs, trials in ((1, 64), (3, 21), (9, 7), (27, 2)):
        assert any(row.split() == [str(epochs), str(trials)] for row in out.splitlines())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("nme = 'x'", 'bad.toml: nme: unknown key, did you mean "name"?'),
        (
            "[training]\nlearning_rate = { low = 0.0, high = 1.0, scale = 'log' }",
            "bad.toml: training.learning_rate: low must be > 0 on a log scale, got 0.0",
        ),
        (
            "[network]\nlayers = 2\nunits = 64\n[training]\noptimizer = 'sgd'\n"
            "learning_rate = 0.1\nbatch_size = 32",
            "bad.toml: search.trials: nothing is searched, so all trials would be the same: "
            "it must be 1, got 64",
        ),
    ],
)
@pytest.mark.parametrize("command", ["check", "run"])
def test_a_mistake_in_the_study_file_is_one_line(tmp_path, command, text, line, refused_here):
    (tmp_path / "bad.toml").write_text(text)
    assert refused_here(command, "bad.toml", cwd=tmp_path) == f"caviar: {line}"
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]


def test_mistakes_of_place(tmp_path, study, refused_here):
    assert "nowhere.toml: cannot be read" in refused_here("run", "nowhere.toml", cwd=tmp_path)
    assert "not a study directory" in refused_here("show", tmp_path / "nowhere")
    assert refused_here("show", study, "--trial", 99) == (
        "caviar: --trial 99: the study has trials 0 to 8"
    )
    (tmp_path / "afile").touch()
    for place in (tmp_path / "afile", tmp_path / "afile" / "study"):
        line = refused_here("run", "--dir", place, cwd=tmp_path)
        assert line == f"caviar: --dir {place}: {tmp_path / 'afile'} is a file, not a directory"
    other = refused_here("run", "--dir", study, "--seed", 5)
    assert "holds another study (seed: 0 -> 5)" in other
    assert (
        refused_here("run", "--trials", 0, cwd=tmp_path) == "caviar: --trials: must be >= 1, got 0"
    )


def test_without_a_study_file_a_directory_tells_which_study(tmp_path, refused_here):
    spec = StudySpec.parse('name = "mine"\n[search]\ntrials = 4\nmax_epochs = 9\n')
    Journal.create(tmp_path, spec.to_json(), spec.fingerprint).close()
    line = refused_here("run", "--dir", tmp_path, "--max-epochs", 3)
    assert line.endswith("a study that was begun only grows: must be >= 9, got 3")


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("127.0.0.1:1", "no Ray cluster answers there"),
        ("ray://127.0.0.1:10001", "attaches to host:port"),
        ("somewhere", "must be host:port or auto"),
    ],
)
def test_a_cluster_that_does_not_answer_leaves_nothing_behind(tmp_path, address, rule):
    line = refused_loudly("run", "--address", address, "--dir", tmp_path / "s")
    assert line.startswith(f"caviar: --address {address}: ")
    assert rule in line
    assert not (tmp_path / "s").exists()


def refused_loudly(*arguments):
    """As `refused`, for what is found out after a first word of progress."""
    done = caviar(*arguments)
    assert done.returncode == 2, done
    (line,) = done.stderr.splitlines()
    return line


def test_show_json_has_its_keys(study):
    told = json.loads(caviar("show", study, "--json", "--trial", 1).stdout)
    assert list(told) == [
        *("study", "metric", "searcher", "status", "ending", "counts", "trial_epochs"),
        *("elapsed_s", "cost"),
        *("noise", "best", "rungs", "origins", "rounds", "edges", "asked", "choice", "diary"),
        *("trials", "retraining", "winner", "curve", "findings"),
    ]
    assert told["study"] == "digits"
    assert told["status"] == "interrupted"
    assert sum(told["counts"].values()) == 9
    assert told["counts"]["diverged"] == 1
    assert list(told["best"]) == [
        *("trial", "epoch", "dev_accuracy", "dev_loss", "train_loss", "hyperparameters")
    ]
    assert list(told["rungs"][0]) == ["bracket", "epoch", "reached", "promoted"]
    assert list(told["trials"][1]) == [
        *("trial", "origin", "state", "epochs", "best_epoch"),
        *("dev_accuracy", "dev_loss", "train_loss", "reason", "hyperparameters"),
    ]
    assert told["trials"][0]["state"] == "diverged"
    assert told["trials"][0]["dev_loss"] is None  # NaN is no JSON
    assert list(told["curve"][0]) == [
        *("epoch", "train_loss", "train_accuracy", "dev_loss", "dev_accuracy", "watch")
    ]
    assert told["trial_epochs"] == sum(row["epochs"] for row in told["trials"])


def test_show_for_a_person(study):
    out = caviar("show", study, "--trial", 1).stdout
    assert "study digits: interrupted" in out
    assert "1 diverged" in out
    assert "best: trial" in out
    assert "learning_rate=" in out


def test_python_reads_a_study(study):
    import caviar as package

    opened = package.load(study)
    frame = opened.trials
    assert list(frame.columns[:4]) == ["state", "epochs", "dev_accuracy", "dev_loss"]
    assert list(frame.columns[4:6]) == ["train_loss", "reason"]
    assert frame.loc[0, "state"] == "diverged"
    assert frame["learning_rate"].between(1e-4, 1.0).all()
    curves = opened.curves
    assert len(curves) == opened.account["trial_epochs"]
    assert curves.loc[(1, 1), "train_loss"] == 0.5
    assert opened.best["trial"] in frame.index
    assert repr(opened) == f"Study('digits', {str(study)!r})"


def test_the_console_script_is_installed():
    script = Path(sys.executable).with_name("caviar")
    assert os.access(script, os.X_OK)
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == "caviar 0.1.0\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("compare", "compare: DIR DIR ... is missing; see: caviar compare --help"),
        ("show s t", "show: got unexpected extra argument(s) (t); see: caviar show --help"),
        ("run --trials x", "run: --trials: must be an integer, got x; see: caviar run --help"),
        ("export s nonsense", "export: kind: 'nonsense' is not one of 'optuna', 'tensorboard',"),
        ("run --trails 3", 'run: no such option: --trails, did you mean "--trials"?; see: caviar'),
        ("winer s", "no such command 'winer', did you mean 'winner'?; see: caviar --help"),
        ("report s --png", "option '--png' requires an argument; see: caviar --help"),
    ],
)
def test_words_that_make_no_command_are_one_line(tmp_path, words, line, refused_here):
    assert refused_here(*words.split(), cwd=tmp_path).startswith(f"caviar: {line}")


def test_what_is_typed_wrong_writes_over_no_terminal(tmp_path):
    assert "\\x1b[2J" in refused("show", "s", "t\x1b[2J", cwd=tmp_path)


def test_without_words_the_help_is_shown():
    done = caviar()
    assert done.returncode == 2
    assert "Usage: " in done.stdout + done.stderr
    assert "compare" in done.stdout + done.stderr

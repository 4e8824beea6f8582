"""caviar from Python: run a study, open one, and look at it with pandas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caviar.errors import StudyError
from caviar.report.account import account
from caviar.study.growth import in_force
from caviar.study.journal import Journal
from caviar.study.spec import StudySpec

if TYPE_CHECKING:
    import pandas as pd

    from caviar.data.dataset import Dataset
    from caviar.train.gradcheck import Checked
    from caviar.tuning.messages import Extra


class Study:
    """A study directory, read anew at every question; a driver may be at work on it meanwhile."""

    def __init__(self, directory: Path | str) -> None:
        """Opens a study directory.

        Raises:
            StudyError: it holds no study.
        """
        self.directory = Path(directory)
        with Journal.open(self.directory) as journal:
            self.spec = in_force(StudySpec.from_json(journal.spec_json), journal.changes())

    def __repr__(self) -> str:
        return f"Study({self.spec.name!r}, {str(self.directory)!r})"

    @property
    def account(self) -> dict[str, Any]:
        """How it stands: what `caviar show --json` prints."""
        with Journal.open(self.directory) as journal:
            return account(journal)

    @property
    def best(self) -> dict[str, Any] | None:
        """The best trial so far, or None: `trial`, `epoch`, its metrics, `hyperparameters`."""
        found: dict[str, Any] | None = self.account["best"]
        return found

    @property
    def trials(self) -> pd.DataFrame:
        """A row a trial, indexed by it: state, metrics, why it ended, its hyperparameters."""
        import pandas as pd

        rows = [row | row["hyperparameters"] for row in self.account["trials"]]
        metrics = ["dev_accuracy", "dev_loss", "train_loss"]
        columns = ["trial", "state", "epochs", *metrics, "reason", *self._names()]
        return pd.DataFrame(rows, columns=columns).set_index("trial")

    @property
    def curves(self) -> pd.DataFrame:
        """A row a trial and epoch: losses, accuracies, seconds, and how it ended if it did."""
        import pandas as pd

        columns = [
            "trial",
            "epoch",
            "train_loss",
            "train_accuracy",
            "dev_loss",
            "dev_accuracy",
            "elapsed_s",
            "diverged",
            "stopped",
            "reason",
        ]
        with Journal.open(self.directory) as journal:
            found = journal.measurements()
        rows = [[getattr(measurement, name) for name in columns] for measurement in found]
        return pd.DataFrame(rows, columns=columns).set_index(["trial", "epoch"])

    def _names(self) -> list[str]:
        space = self.spec.space
        return [*space.names, *space.fixed]


def load(directory: Path | str) -> Study:
    """Opens a study directory.

    Raises:
        StudyError: it holds no study.
    """
    return Study(directory)


def run(
    study: StudySpec | Path | str | None = None,
    *,
    dir: Path | str | None = None,
    address: str | None = None,
    storage: str | None = None,
) -> Study:
    """Runs a study, or goes on with it; prints a line now and then.

    Args:
        study: a spec, a study file's path, or None for the study shipped with caviar.
        dir: the study directory; by default `studies/NAME`.
        address: of a Ray cluster to attach to; None starts Ray on this machine.
        storage: a directory, s3://... or gs://... that the study is backed up to as it goes, and
            brought from if it is ahead there.

    Returns:
        The study, finished or interrupted.

    Raises:
        StudyError: a mistake in the study file, the directory, the data set or the cluster.
    """
    from caviar.tuning.driver import run_study
    from caviar.tuning.keeper_use import keeping
    from caviar.tuning.progress import PlainView

    spec = _spec(study)
    directory = Path(dir) if dir is not None else default_directory(spec)
    with keeping(storage, spec, directory, print) as keeper:
        finals, view = when_retrained(directory), PlainView(print)
        outcome = run_study(spec, directory, view, address=address, finals=finals, storage=keeper)
        wanted = spec.winner.top and finals is None and outcome.data is not None
        if wanted and is_winner_due(directory):
            crown(directory, outcome.data)
        if keeper is not None:
            keeper.deliver()
    return Study(directory)


def is_winner_due(directory: Path | str) -> bool:
    """Whether a study's search is over and what it came to has no card yet.

    Args:
        directory: the study's.

    Raises:
        StudyError: it holds no study.
    """
    from caviar.report.evidence import read_card
    from caviar.study.finals import finals_of
    from caviar.study.growth import halt
    from caviar.tuning.retraining import due

    with Journal.open(Path(directory)) as journal:
        told, changes = account(journal), journal.changes()
        finals = finals_of(journal)
        spec = in_force(StudySpec.from_json(journal.spec_json), changes)
        lacking = due(journal, spec) is not None
    stop = halt(changes)
    over = told["status"] == "finished" or (
        told["status"] == "stopped" and stop is not None and "budget" in stop.detail
    )
    if not over or told["best"] is None:
        return False
    card = read_card(Path(directory))
    if card is None or lacking:
        return True
    if finals is None:
        return bool(card["winner"]["trial"] != told["best"]["trial"])
    return bool(card.get("source", {}).get("retraining") != finals.number)


def when_retrained(directory: Path | str, *, never: bool = False) -> Extra | None:
    """When a run retrains the best of a study: not where its test set was read already.

    Args:
        directory: the study's; it need not be there yet.
        never: not at all.

    Returns:
        None: once the search is over, as ever.
    """
    from caviar.tuning.messages import Extra
    from caviar.winner.finish import refuse_second_reading

    if never or not Journal.exists(Path(directory)):
        return Extra.NEVER if never else None
    try:
        refuse_second_reading(Path(directory))
    except StudyError:
        return Extra.NEVER
    return None


def crown(
    directory: Path | str,
    data: Dataset | None = None,
    *,
    say: Callable[[str], None] = print,
    reopen: bool = False,
    onnx: bool = False,
) -> dict[str, Any]:
    """Tells the winner of a study whose best were retrained, and writes `DIR/winner/`.

    Args:
        directory: the study's; nobody else may drive it.
        data: its data set with the test part; by default it is read.
        say: is told what goes on, a line at a time.
        reopen: read the test set although it was read before.
        onnx: export to ONNX as well.

    Returns:
        The card: `DIR/winner/card.json`.

    Raises:
        StudyError: there is no winner, the data set changed, the test set was read before.
    """
    from caviar.tuning.preparation import prepare
    from caviar.winner.finish import finish, refuse_hopeless

    if data is None:
        refuse_hopeless(Path(directory), trained=True)
        say("reading the data set")
        data = prepare(Study(directory).spec).whole
    return finish(Path(directory), data, say, reopen=reopen, onnx=onnx)


def check_gradients(
    study: StudySpec | Path | str | None = None, *, plant: bool = False
) -> Iterator[Checked]:
    """Checks the gradients of a few trials of every kind of network in a study.

    Args:
        study: as for `run`.
        plant: spoil a gradient, which the check must catch.

    Yields:
        What was found of one trial.

    Raises:
        StudyError: a mistake in the study file or the data set.
    """
    from caviar.search.factory import some_trials
    from caviar.train.gradcheck import check_study
    from caviar.tuning.preparation import prepare

    spec = _spec(study)
    data = prepare(spec).training
    yield from check_study(spec, data, some_trials(spec), plant=plant)


def _spec(study: StudySpec | Path | str | None) -> StudySpec:
    if study is None:
        return StudySpec.default()
    return study if isinstance(study, StudySpec) else StudySpec.load(study)


def default_directory(spec: StudySpec) -> Path:
    """Where a study lives if nobody says otherwise: `studies/NAME`."""
    return Path("studies") / spec.name

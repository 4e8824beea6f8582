"""From finished runs to `DIR/winner/`: choose, evaluate, open the test set once, export, tell.

Every step before the last one can be repeated: a process that dies anywhere in between is followed
by one that comes to the same winner, finds the test set's verdict in the journal if it was read,
and puts the folder there whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from caviar.data.dataset import Dataset, Part
from caviar.errors import StudyError
from caviar.search.intervals import CONFIDENCE
from caviar.study.card_file import check_readings
from caviar.study.expenses import expenses
from caviar.study.finals import finals_of, replicate_seed
from caviar.study.growth import in_force
from caviar.study.journal import Journal
from caviar.study.spec import StudySpec
from caviar.study.wording import one_line
from caviar.winner import card as cards
from caviar.winner import sealed, surroundings, words
from caviar.winner.choice import Choice, choose
from caviar.winner.columns import Column, columns_of
from caviar.winner.export import export
from caviar.winner.readable import card_md
from caviar.winner.runs import RETRAINED, Field, best_of_search, field_of
from caviar.winner.trained import Trained

Say = Callable[[str], None]

DEV_FILE: Final = "dev.npz"


def finish(
    directory: Path, data: Dataset, say: Say, *, reopen: bool = False, onnx: bool = False
) -> dict[str, Any]:
    """Chooses the winner of a study and writes `DIR/winner/`.

    Args:
        directory: the study's; nobody else may drive it.
        data: the study's data set, with its test part if it has one.
        say: is told what goes on, a line at a time.
        reopen: read the test set although it was read before.
        onnx: export to ONNX as well.

    Returns:
        The card.

    Raises:
        StudyError: nothing was trained to an end, all retrainings diverged, the data set changed,
            a journal or checkpoint is damaged, the test set was read before, another driver is at
            work, or the disk refuses.
    """
    with Journal.open(directory, write=True) as journal:
        journal.acquire_lease()
        try:
            sealed.check_data(journal, data)
            spec = in_force(StudySpec.from_json(journal.spec_json), journal.changes())
            field = field_of(directory, journal, spec)
            choice = _choose(field)
            opened = _Opened(cards.reading_shown(directory), reopen)
            trained = Trained(field, choice, data.without_test())
            way = _Finish(directory, journal, spec, data.test, field, choice, trained, say, opened)
            return way.go(onnx)
        finally:
            journal.release_lease()


def refuse_second_reading(directory: Path, *, reopen: bool = False) -> None:
    """Does nothing if `finish` may come to a card; for asking before anything is trained for it.

    Raises:
        StudyError: the test set was read, and the card of that is there; or the card tells of a
            reading that the journal does not.
    """
    shown = cards.reading_shown(directory)
    with Journal.open(directory) as journal:
        check_readings(shown, journal, directory)
        readings = journal.events(sealed.READ)
        if readings and not reopen and shown >= len(readings):
            raise StudyError(sealed.refusal(journal, readings[-1]))


def refuse_hopeless(directory: Path, *, trained: bool = False) -> None:
    """Does nothing if there may be a winner; for asking before anything is read or trained for it.

    Args:
        directory: the study's.
        trained: whether all is trained that there is to train.

    Raises:
        StudyError: no trial came to a good end, or no retraining did.
    """
    with Journal.open(directory) as journal:
        spec = in_force(StudySpec.from_json(journal.spec_json), journal.changes())
        if finals_of(journal) is None:
            best_of_search(directory, journal, spec)
        elif trained:
            _choose(field_of(directory, journal, spec))


def _choose(field: Field) -> Choice:
    choice = choose(field.contenders)
    if choice is None:
        count = sum(len(contender.runs) for contender in field.contenders)
        raise StudyError(
            f"{field.folder}: all {count} retrainings diverged or failed: there is no winner"
        )
    return choice


@dataclass(frozen=True)
class _Opened:
    """What decides whether the test set may be read.

    Attributes:
        delivered: which reading the card that is there shows; 0: none.
        reopen: whether a person wants it read again.
    """

    delivered: int
    reopen: bool


@dataclass(frozen=True)
class _Finish:
    """One way from a choice to a card."""

    directory: Path
    journal: Journal
    spec: StudySpec
    sealed_part: Part | None
    field: Field
    choice: Choice
    trained: Trained
    say: Say
    opened: _Opened

    def go(self, onnx: bool) -> dict[str, Any]:
        """Writes the folder and returns the card."""
        if self.sealed_part is not None:
            self._earlier()  # refuses before any work
        self._tell_choice()
        dev = self.trained.on_dev()
        sealed.choose(self.journal, self._chosen)
        with cards.staged(self.directory) as stage:
            self._export(stage, onnx)
            self.trained.save_dev(stage / DEV_FILE)
            card = self._card(dev, self._test(), cards.files_in(stage))
            card["sentences"] = words.sentences(card)
            cards.write(stage, card, card_md(card))
        for line in card["sentences"]:
            self.say(line)
        self.say(f"the winner is in {self.directory / cards.FOLDER}")
        return card

    @cached_property
    def _chosen(self) -> dict[str, Any]:
        """Who won, for the journal; checkpoints make another training another winner."""
        candidate = self.choice.winner.candidate
        return {
            "name": candidate.name,
            "trial": candidate.trial,
            "retraining": self.field.number,
            "exported": self.choice.exported.replicate,
            "checkpoints": self.trained.checkpoints,
        }

    def _tell_choice(self) -> None:
        metric = self.spec.metric
        several = len(self.choice.contenders)
        name = words.metric_name(metric)
        self.say(f"choosing among {several} candidate{'s' * (several != 1)} by their mean {name}")
        for one in cards.candidates_json(self.choice):
            ends = words.span(metric, one)
            mean = words.metric_value(metric, one["mean"])
            lost = sum(run["value"] is None for run in one["runs"])
            told = (f" ({ends})" if ends else "") + (f", {lost} of its runs lost" if lost else "")
            self.say(f"  {one_line(one['name'])}: {mean}{told}")

    def _earlier(self) -> sealed.Reading | None:
        return sealed.earlier(
            self.journal,
            self._chosen,
            delivered=self.opened.delivered,
            reopen=self.opened.reopen,
        )

    def _test(self) -> dict[str, Any] | None:
        """The card's `test`: read now, once, or as a reading before found it."""
        part = self.sealed_part
        if part is None:
            return None
        found = self._earlier()
        if found is None:
            self.say(f"opening the sealed test set: {len(part):,} examples")
            fingerprint = self.trained.data.fingerprint
            given = self.journal, self._chosen, part, fingerprint
            found = sealed.read(*given, self.trained.on_test)
        else:
            self.say(f"the test set was read at {one_line(found.at)}: that reading stands")
        told = {"read_at": found.at, "by": found.by, "readings": found.readings}
        return {"examples": len(part), **told, **found.results}

    def _export(self, stage: Path, onnx: bool) -> None:
        self.say("exporting the model: Keras, SavedModel" + (", ONNX" if onnx else ""))
        data = self.trained.data
        export(
            stage,
            self.trained.exported,
            data.class_names,
            sample=data.dev.x,
            columns=self._columns(),
            onnx=onnx,
        )

    def _columns(self) -> tuple[Column, ...]:
        """A table's columns; its file may be gone, and a model is a model without them."""
        try:
            return columns_of(list(self.spec.data), self.trained.data.fills)
        except StudyError as error:
            self.say(f"the model will not know the table's columns: {error}")
            return ()

    def _card(
        self, dev: Mapping[str, Any], test: Mapping[str, Any] | None, files: Sequence[str]
    ) -> dict[str, Any]:
        difference = self.choice.difference
        return {
            "format": cards.FORMAT,
            "study": self.spec.name,
            "metric": self.spec.metric,
            "winner": cards.winner_json(self.choice),
            "source": {"kind": self.field.kind, "retraining": self.field.number},
            "candidates": cards.candidates_json(self.choice),
            "confidence": CONFIDENCE,
            "beats_baseline": self.choice.beats_baseline,
            "difference": difference.to_json() if difference is not None else None,
            "test": test,
            "dev": dev,
            "exported": self._exported(test, files),
            "data": dict(self.journal.events("data_set_read")[0].detail),
            "space": cards.space_json(self.spec),
            "seeds": {"study": self.spec.seed, "replicates": self._seeds()},
            "packages": surroundings.packages(),
            "git": surroundings.git_commit(),
            "hardware": surroundings.hardware(self.journal),
            "cost": expenses(self.journal),
            "sentences": [],
            "intended_use": "",
        }

    def _exported(self, test: Mapping[str, Any] | None, files: Sequence[str]) -> dict[str, Any]:
        run = self.choice.exported
        runs = test["runs"] if test is not None else []
        alone = next((r["accuracy"] for r in runs if r["replicate"] == run.replicate), None)
        return {
            "replicate": run.replicate,
            "trial": run.trial,
            "dev_accuracy": run.value("dev_accuracy"),
            "test_accuracy": alone,
            "files": sorted({*files, cards.FILE, cards.READABLE}),
        }

    def _seeds(self) -> list[int]:
        if self.field.kind != RETRAINED:
            return [self.spec.seed]
        return [replicate_seed(self.spec.seed, run.replicate) for run in self.choice.winner.runs]

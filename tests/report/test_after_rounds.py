"""After each round of a search what is newly to be done is told, once."""

import pytest

from caviar.report import after_rounds
from caviar.report.after_rounds import EVERY_S, AfterRounds
from caviar.report.verdicts import Check
from caviar.study.journal import Journal
from caviar.study.records import Round
from caviar.study.spec import StudySpec

ACT = Check("edges", "act", "the best lie\nagainst high", "caviar check")
LOOK = Check("points", "look", "more would buy little", "caviar add")
LATER = Check("divergence", "act", "half of them diverged", "caviar narrow")


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A directory, what is told, a clock, and a way to begin rounds and set the checks."""

    class Study:
        directory, now, found, told, journal = tmp_path / "s", 0.0, [ACT, LOOK], [], None

        def begin(self):
            spec = StudySpec()
            Journal.create(self.directory, spec.to_json(), spec.fingerprint).close()
            self.journal = Journal.open(self.directory, write=True)
            self.journal.acquire_lease()

        def round(self, number):
            d = StudySpec().space.dimensions
            whole = ((0.0, 1.0),) * d
            self.journal.decide([Round(number, whole, whole, ((),) * d, 24, (), ("",) * d)])

    made = Study()
    monkeypatch.setattr(after_rounds, "checks", lambda known: made.found)
    yield made
    if made.journal is not None:
        made.journal.close()


def test_each_thing_to_do_is_told_once_and_only_after_a_round(study):
    after = AfterRounds(study.directory, study.told.append, lambda: study.now)
    after.look()  # there is no study yet
    study.begin()
    study.now += EVERY_S
    after.look()
    assert study.told == []
    study.round(1)
    after.look()  # too soon to ask again
    assert study.told == []
    study.now += EVERY_S
    after.look()
    assert study.told == [
        "round 1: edges: the best lie\\nagainst high",
        "  caviar check",
    ]
    study.now += EVERY_S
    study.found = [ACT, LATER]
    after.look()  # no new round
    assert len(study.told) == 2
    study.round(2)
    study.now += EVERY_S
    after.look()
    assert study.told[2:] == ["round 2: divergence: half of them diverged", "  caviar narrow"]


def test_a_damaged_study_is_not_its_affair(study):
    study.directory.mkdir()
    (study.directory / "journal.sqlite3").write_bytes(b"no journal")
    AfterRounds(study.directory, study.told.append, lambda: study.now).look()
    assert study.told == []

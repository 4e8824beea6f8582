"""Study directories for the web service's tests, written as a driver writes them."""

from __future__ import annotations

import numpy as np

from caviar.study.journal import Journal
from caviar.study.records import Assignment, Measurement, Round, Signature, Trial
from caviar.study.spec import StudySpec

ANY = Signature((8,), 32, "adam")


class Driver:
    """Trains nothing: reports what it is told to."""

    def __init__(self, directory, trials=6, name="digits"):
        spec = StudySpec.parse(f'name = "{name}"\n[search]\nmax_epochs = 9\ntrials = {trials}')
        self.directory, self.spec = directory, spec
        d = spec.space.dimensions
        draws = np.random.default_rng(3).random((trials, d))
        self.trials = [
            Trial(k, tuple(u), spec.space.decode(u), "cover", "round 1", k)
            for k, u in enumerate(draws)
        ]
        self.journal = Journal.create(directory, spec.to_json(), spec.fingerprint)
        self.journal.acquire_lease()
        self.journal.record("driver_started", {"versions": {"caviar": "0"}})
        self.journal.decide(self.trials)

    def round(self, number, low=0.2, high=0.8):
        d = self.spec.space.dimensions
        box = ((low, high),) * d
        whys = (f"why {number}",) * d
        self.journal.decide(
            [Round(number, ((0.0, 1.0),) * d, box, ((),) * d, number, (), whys, "because")]
        )

    def begin(self, trials, first=0, last=1):
        work = self.journal.issue(Assignment(tuple(trials), first, last, ANY))
        return work, self.journal.start_attempt(work, "study:slice-0")

    def train(self, trials, first=0, last=1, best=None):
        """Trains these; trial k is at 0.5 + k / 100 after the first epoch, `best` at 0.999."""
        work, attempt = self.begin(trials, first, last)
        found = []
        for trial in trials:
            for epoch in range(first + 1, last + 1):
                value = 0.999 if trial == best else 0.5 + trial % 40 / 100 + epoch / 1000
                found.append(Measurement(trial, epoch, 1 - value, value, 1 - value, value, 0.1))
        self.journal.report(work, attempt, found, {}, complete=True)

    def end(self, *, finished=True):
        self.journal.record("driver_stopped", {"finished": finished, "ending": ""})
        self.journal.release_lease()
        self.journal.close()

"""Whatever happens to a study, its promotions keep the rules; watched by a naive second account."""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import maker, rough, rungs_of

from caviar.search.simulate import Conditions, Simulation
from caviar.search.successive_halving import rank_of
from caviar.study.records import Assignment, Failure, Measurement, Purpose, Trial, TrialState

INF = float("inf")


@dataclass
class Account:
    """A study told again from its entries, in quadratic time and plain words."""

    rungs: tuple[int, ...]
    eta: int
    ranks: dict[int, dict[int, tuple]] = field(default_factory=dict)
    promoted: dict[int, set[int]] = field(default_factory=dict)
    running: dict[int, int] = field(default_factory=dict)
    epochs: Counter = field(default_factory=Counter)
    stopped: set[int] = field(default_factory=set)
    finishers: int = 0
    waiting: set[int] = field(default_factory=set)
    drawn: int = 0

    def __post_init__(self):
        self.ranks = {epoch: {} for epoch in self.rungs}
        self.promoted = {epoch: set() for epoch in self.rungs}

    def take(self, entry):
        match entry:
            case Trial():
                self.waiting.add(entry.index)
                self.drawn += 1
            case Assignment():
                self.check(entry)
                for trial in entry.trials:
                    self.running[trial] = entry.last_epoch
                    self.waiting.discard(trial)
                    if entry.first_epoch:
                        self.promoted[entry.first_epoch].add(trial)
            case Measurement() if entry.diverged:
                self.drop(entry.trial, entry.epoch)
            case Measurement():
                self.measure(entry)
            case Failure():
                self.drop(entry.trial, self.epochs[entry.trial] + 1)

    def measure(self, entry):
        trial, epoch = entry.trial, entry.epoch
        assert epoch == self.epochs[trial] + 1, "an epoch was trained twice, or left out"
        self.epochs[trial] = epoch
        if entry.stopped:
            self.stop(entry)
            return
        if epoch in self.ranks:
            self.ranks[epoch][trial] = rank_of(entry, "dev_accuracy")
            if epoch < self.running[trial]:
                self.promoted[epoch].add(trial)
        if epoch == self.running[trial]:
            del self.running[trial]

    def stop(self, entry):
        rung = min(rung for rung in self.rungs if rung >= entry.epoch)
        self.ranks[rung][entry.trial] = rank_of(entry, "dev_accuracy")
        self.stopped.add(entry.trial)
        self.finishers += self.running.pop(entry.trial) == self.rungs[-1]

    def drop(self, trial, epoch):
        rung = min(rung for rung in self.rungs if rung >= epoch)
        self.ranks[rung][trial] = (INF, INF, trial)
        del self.running[trial]

    def share(self, epoch):
        return len(self.ranks[epoch]) // self.eta

    def paused(self, epoch):
        """Who waits at a rung, best first."""
        ranks = self.ranks[epoch].items()
        out = self.promoted[epoch]
        return [
            trial
            for trial, rank in sorted(ranks, key=lambda item: item[1])
            if trial not in out | self.stopped and rank[0] < INF
        ]

    def promotable(self):
        """Who paused among the best that did not go on: the stopped keep their places."""
        found = []
        for epoch in self.rungs[:-1]:
            out = self.promoted[epoch]
            others = [rank for trial, rank in self.ranks[epoch].items() if trial not in out]
            places = sorted(others)[: max(0, self.share(epoch) - len(out))]
            paused = set(self.paused(epoch))
            found += [(epoch, rank[2]) for rank in places if rank[2] in paused]
        return found

    def check(self, assignment):
        """An assignment is within the rules."""
        first, trials = assignment.first_epoch, assignment.trials
        assert len(set(trials)) == len(trials)
        assert not set(trials) & self.running.keys()
        assert all(self.epochs[trial] == first for trial in trials)
        if first == 0:
            assert set(trials) <= self.waiting
            assert assignment.last_epoch == self.rungs[0]
        elif assignment.purpose is Purpose.RUNG:
            self.check_promotion(first, assignment.last_epoch, trials)
        else:
            assert not self.promotable()
            assert not self.waiting
            assert not self.running
            assert len(trials) == 1
            assert trials[0] == self.paused(first)[0]

    def check_promotion(self, first, last, trials):
        best = sorted(self.ranks[first].values())[: self.share(first)]
        assert {self.ranks[first][trial] for trial in trials} <= set(best)
        assert len(self.promoted[first] | set(trials)) <= self.share(first)
        assert not set(trials) & self.stopped
        assert last == min(rung for rung in self.rungs if rung > first)


class Watched:
    """A strategy whose every decision is checked against the account."""

    def __init__(self, strategy, account, wanted):
        self.strategy, self.account, self.wanted = strategy, account, wanted

    def __getattr__(self, name):
        return getattr(self.strategy, name)

    def next_assignment(self, warm=()):
        before = len(self.strategy.trials)
        assignment = self.strategy.next_assignment(warm)
        for trial in self.strategy.trials[before:]:
            self.account.take(trial)
        if assignment is not None:
            self.account.take(assignment)
        else:  # a slice stands idle only when nothing could start
            assert self.account.drawn == self.wanted
            assert not self.account.waiting
            assert not self.account.promotable()
            assert self.account.running or self.strategy.finished
        return assignment

    def observe(self, measurements):
        for measurement in measurements:
            self.account.take(measurement)
        self.strategy.observe(measurements)

    def fail(self, trial):
        self.account.take(Failure(trial, ""))
        self.strategy.fail(trial)


studies = st.fixed_dictionaries(
    {
        "trials": st.integers(1, 60),
        "slices": st.integers(1, 4),
        "eta": st.integers(2, 4),
        "grace": st.integers(1, 3),
        "top": st.integers(1, 40),
        "stack": st.one_of(st.just("auto"), st.integers(1, 8)),
        "seed": st.integers(0, 1000),
        "levels": st.sampled_from([1, 3, 1000]),
        "diverging": st.sampled_from([0.0, 0.05, 0.5, 1.0]),
        "patience": st.sampled_from([0, 0, 1, 3]),
        "failure_rate": st.sampled_from([0.0, 0.05, 0.5]),
        "kill_rate": st.sampled_from([0.0, 0.1]),
        "lane_epoch_s": st.sampled_from([0.0, 0.01, 1.0, 30.0]),
    }
)


@settings(max_examples=60, deadline=None)
@given(studies)
def test_every_study_keeps_the_rules_and_finishes(study):
    rungs = rungs_of(min(study["grace"], study["top"]), study["eta"], study["top"])
    account = Account(rungs, study["eta"])
    make = maker(
        trials=study["trials"],
        rungs=rungs,
        reduction_factor=study["eta"],
        slices=study["slices"],
        stack=study["stack"],
    )
    conditions = Conditions(
        slices=study["slices"],
        lane_epoch_s=study["lane_epoch_s"],
        patience=study["patience"],
        failure_rate=study["failure_rate"],
        kill_rate=study["kill_rate"],
        seed=study["seed"],
    )
    simulation = Simulation(
        lambda: Watched(make(), account, study["trials"]),
        rough(study["seed"], study["levels"], study["diverging"]),
        conditions,
    )
    entries = simulation.run().entries
    check_the_end(simulation.strategy, account, entries, study["trials"])


def check_the_end(strategy, account, entries, trials):
    rungs = account.rungs
    assert strategy.rung_table() == [
        (epoch, len(account.ranks[epoch]), len(account.promoted[epoch])) for epoch in rungs
    ]
    states = Counter(strategy.state(trial) for trial in range(trials))
    assert states.keys() <= {
        TrialState.PAUSED, TrialState.COMPLETED, TrialState.STOPPED, TrialState.DIVERGED,
        TrialState.FAILED,
    }  # fmt: skip
    assert states[TrialState.STOPPED] == len(account.stopped)
    # Somebody came to the top, or was stopped on the way, or nobody is left who could.
    finishers = states[TrialState.COMPLETED] + account.finishers
    assert finishers or not states[TrialState.PAUSED]
    by_completion = Counter(
        entry.first_epoch
        for entry in entries
        if isinstance(entry, Assignment) and entry.purpose is Purpose.COMPLETION
    )
    for epoch in rungs[:-1]:
        out = account.promoted[epoch]
        completions = sum(by_completion[lower] for lower in by_completion if lower <= epoch)
        assert len(out) <= account.share(epoch) + completions
        # The best of a rung is not left behind where others went on.
        paused = account.paused(epoch)
        best_out = min((account.ranks[epoch][trial] for trial in out), default=None)
        assert not paused or best_out is None or best_out < account.ranks[epoch][paused[0]]

"""Whatever happens to a study, its promotions keep the rules; watched by a naive second account."""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import maker, rough, rungs_of

from caviar.search.simulate import Conditions, Simulation
from caviar.search.successive_halving import rank_of
from caviar.study import ladders
from caviar.study.records import (
    Assignment,
    Change,
    ChangeKind,
    Failure,
    Measurement,
    Purpose,
    Trial,
    TrialState,
)
from caviar.study.run_tables import Budget

INF = float("inf")


@dataclass
class Account:
    """A study told again from its entries, in quadratic time and plain words.

    A place is a rung of a bracket: (bracket, epoch).
    """

    rungs: tuple[int, ...]
    eta: int
    brackets: int = 1
    noise: float = 0.0
    budget: float = INF
    ranks: dict[tuple[int, int], dict[int, tuple]] = field(default_factory=dict)
    promoted: dict[tuple[int, int], set[int]] = field(default_factory=dict)
    running: dict[int, int] = field(default_factory=dict)
    epochs: Counter = field(default_factory=Counter)
    scores: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    stopped: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)
    cut_short: set[int] = field(default_factory=set)
    finishers: int = 0
    waiting: set[int] = field(default_factory=set)
    drawn: int = 0

    def __post_init__(self):
        self.ends = ladders.ends_of(self.brackets, self.eta)
        places = [(b, epoch) for b in range(self.brackets) for epoch in self.rungs[b:]]
        self.ranks = {place: {} for place in places}
        self.promoted = {place: set() for place in places}

    def bracket(self, trial):
        return ladders.bracket_of(trial, self.ends)

    def next_place(self, trial, epoch):
        """The first rung of the trial's ladder from `epoch` on."""
        bracket = self.bracket(trial)
        return bracket, min(rung for rung in self.rungs[bracket:] if rung >= epoch)

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
                    place = (self.bracket(trial), entry.first_epoch)
                    if place in self.promoted:
                        self.promoted[place].add(trial)
            case Measurement() if entry.diverged:
                self.drop(entry.trial, entry.epoch)
            case Measurement():
                self.measure(entry)
            case Failure() if entry.stopped:
                self.stop_by_person(entry.trial)
            case Failure():
                self.drop(entry.trial, self.epochs[entry.trial] + 1)

    def rank(self, entry):
        score, *others = rank_of(entry, "dev_accuracy")
        self.scores[entry.trial].append(score)
        return (self.worth(self.scores[entry.trial]), *others)

    def worth(self, scores):
        """The last score, moved towards the mean of the last 1/eta by the noise at most."""
        last, tail = scores[-1], scores[-max(1, len(scores) // self.eta) :]
        mean = math.fsum(tail) / len(tail)
        return last + math.copysign(min(abs(mean - last), self.noise), mean - last)

    def measure(self, entry):
        trial, epoch = entry.trial, entry.epoch
        assert epoch == self.epochs[trial] + 1, "an epoch was trained twice, or left out"
        self.epochs[trial] = epoch
        rank = self.rank(entry)
        if entry.stopped:
            self.ranks[self.next_place(trial, epoch)][trial] = rank
            self.stopped.add(trial)
            self.finishers += self.running.pop(trial) == self.rungs[-1]
            return
        place = (self.bracket(trial), epoch)
        if place in self.ranks:
            self.ranks[place][trial] = rank
            if epoch < self.running[trial]:
                self.promoted[place].add(trial)
        if epoch == self.running[trial]:
            del self.running[trial]

    def stop_by_person(self, trial):
        """It keeps its place where it is paused; a person stops no running trial here."""
        assert trial not in self.running
        self.waiting.discard(trial)
        self.stopped.add(trial)

    def drop(self, trial, epoch):
        self.ranks[self.next_place(trial, epoch)][trial] = (INF, INF, trial)
        self.ended.add(trial)
        del self.running[trial]

    def share(self, place):
        return len(self.ranks[place]) // self.eta

    def paused(self, place):
        """Who waits at a rung, best first."""
        ranks = self.ranks[place].items()
        out = self.promoted[place]
        return [
            trial
            for trial, rank in sorted(ranks, key=lambda item: item[1])
            if trial not in out | self.stopped and rank[0] < INF
        ]

    def promotable(self):
        """Who paused among the best that did not go on: the stopped keep their places."""
        found = []
        for place in self.ranks:
            if place[1] == self.rungs[-1]:
                continue
            out = self.promoted[place]
            others = [rank for trial, rank in self.ranks[place].items() if trial not in out]
            places = sorted(others)[: max(0, self.share(place) - len(out))]
            paused = set(self.paused(place))
            found += [(place, rank[2]) for rank in places if rank[2] in paused]
        return found

    def check(self, assignment):
        """An assignment is within the rules."""
        first, trials = assignment.first_epoch, assignment.trials
        assert len(set(trials)) == len(trials)
        assert not set(trials) & (self.running.keys() | self.stopped | self.ended)
        assert all(self.epochs[trial] == first for trial in trials)
        promised = sum(last - self.epochs[trial] for trial, last in self.running.items())
        asked = len(trials) * (assignment.last_epoch - first)
        assert sum(self.epochs.values()) + promised + asked <= self.budget
        if first == 0:
            assert set(trials) <= self.waiting
            assert {self.next_place(trial, 1)[1] for trial in trials} == {assignment.last_epoch}
        elif assignment.purpose is Purpose.RUNG and first in self.rungs:
            self.check_promotion(first, assignment.last_epoch, trials)
        elif assignment.purpose is Purpose.RUNG:  # a budget's last steps, when more came free
            assert set(trials) <= self.cut_short
        else:
            self.check_completion(first, trials)

    def check_completion(self, first, trials):
        (trial,) = trials
        self.cut_short.add(trial)
        place = (self.bracket(trial), first)
        assert place not in self.ranks or trial == self.paused(place)[0]
        if self.budget == INF:
            assert not self.promotable()
            assert not self.waiting
            assert not self.running

    def check_promotion(self, first, last, trials):
        for place in {(self.bracket(trial), first) for trial in trials}:
            mine = {trial for trial in trials if self.bracket(trial) == place[0]}
            best = sorted(self.ranks[place].values())[: self.share(place)]
            assert {self.ranks[place][trial] for trial in mine} <= set(best)
            assert len(self.promoted[place] | mine) <= self.share(place)
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
        elif not self.strategy.ending and self.account.budget == INF:
            # A slice stands idle only when nothing could start.
            assert self.account.drawn == self.wanted
            assert not self.account.waiting
            assert not self.account.promotable()
            assert self.account.running or self.strategy.finished
        return assignment

    def observe(self, measurements):
        for measurement in measurements:
            self.account.take(measurement)
        self.strategy.observe(measurements)

    def fail(self, trial, *, stopped=False):
        self.account.take(Failure(trial, "", stopped))
        self.strategy.fail(trial, stopped=stopped)


class Meddled(Simulation):
    """A study in which somebody stops trials, and pauses and continues the whole."""

    def __init__(self, *given, meddling, seed):
        super().__init__(*given)
        self.meddling, self.random = meddling, np.random.default_rng(seed)

    def _hand_out(self, now):
        if self.random.random() < self.meddling:
            self.meddle()
        super()._hand_out(now)
        if not self._events and self.strategy.ending == "paused":
            self.enter(Change(ChangeKind.CONTINUE))
            super()._hand_out(now)

    def meddle(self):
        kind = self.random.integers(3)
        if kind:
            paused = self.strategy.ending == "paused"
            self.enter(Change(ChangeKind.CONTINUE if paused else ChangeKind.PAUSE))
            return
        states = [(t.index, self.strategy.state(t.index)) for t in self.strategy.trials]
        idle = [t for t, state in states if state in (TrialState.WAITING, TrialState.PAUSED)]
        if idle:
            trial = int(self.random.choice(idle))
            self.outcome.entries.append(Failure(trial, "stopped by a person", stopped=True))
            self.strategy.fail(trial, stopped=True)

    def enter(self, change):
        self.outcome.entries.append(change)
        self.strategy.change(change)


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
        "brackets": st.sampled_from([1, 1, 2, 3]),
        "noise": st.sampled_from([0.0, 0.0, 0.1]),
        "budget": st.sampled_from([None, None, 30, 200]),
        "meddling": st.sampled_from([0.0, 0.0, 0.2]),
    }
)


@settings(max_examples=60, deadline=None)
@given(studies)
def test_every_study_keeps_the_rules_and_finishes(study):
    rungs = rungs_of(min(study["grace"], study["top"]), study["eta"], study["top"])
    brackets = min(study["brackets"], len(rungs))
    account = Account(rungs, study["eta"], brackets, study["noise"], study["budget"] or INF)
    make = maker(
        trials=study["trials"],
        rungs=rungs,
        reduction_factor=study["eta"],
        slices=study["slices"],
        stack=study["stack"],
        brackets=brackets,
        noise=study["noise"],
        budget=Budget(trial_epochs=study["budget"]),
    )
    conditions = Conditions(
        slices=study["slices"],
        lane_epoch_s=study["lane_epoch_s"],
        patience=study["patience"],
        failure_rate=study["failure_rate"],
        kill_rate=study["kill_rate"],
        seed=study["seed"],
    )
    simulation = Meddled(
        lambda: Watched(make(), account, study["trials"]),
        rough(study["seed"], study["levels"], study["diverging"]),
        conditions,
        meddling=study["meddling"],
        seed=study["seed"],
    )
    entries = simulation.run().entries
    check_the_end(simulation.strategy, account, entries, study["trials"])


def check_the_end(strategy, account, entries, trials):
    assert strategy.finished
    assert strategy.rung_table() == [
        (epoch, len(account.ranks[bracket, epoch]), len(account.promoted[bracket, epoch]))
        for bracket, epoch in account.ranks
    ]
    states = Counter(strategy.state(trial.index) for trial in strategy.trials)
    waiting = {TrialState.WAITING} if strategy.ending else set()
    assert states.keys() <= waiting | {
        TrialState.PAUSED, TrialState.COMPLETED, TrialState.STOPPED, TrialState.DIVERGED,
        TrialState.FAILED,
    }  # fmt: skip
    assert states[TrialState.STOPPED] == len(account.stopped)
    if strategy.ending:
        assert account.budget < INF
        return
    # Somebody came to the top, or was stopped on the way, or nobody is left who could.
    finishers = states[TrialState.COMPLETED] + account.finishers
    assert finishers or not states[TrialState.PAUSED]
    by_completion = Counter(
        (account.bracket(entry.trials[0]), entry.first_epoch)
        for entry in entries
        if isinstance(entry, Assignment) and entry.purpose is Purpose.COMPLETION
    )
    for bracket, epoch in account.ranks:
        if epoch == account.rungs[-1]:
            continue
        out = account.promoted[bracket, epoch]
        completions = sum(
            count for (of, at), count in by_completion.items() if of == bracket and at <= epoch
        )
        assert len(out) <= account.share((bracket, epoch)) + completions
        # The best of a rung is not left behind where others went on.
        ranks, paused = account.ranks[bracket, epoch], account.paused((bracket, epoch))
        best_out = min((ranks[trial] for trial in out), default=None)
        assert not paused or best_out is None or best_out < ranks[paused[0]]

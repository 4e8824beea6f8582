"""Live changes, extensions and budgets by the clock, with a broker and stand-in workers."""

from collections import Counter

import pytest
from stand_ins import StandIn, checkpoint

from caviar.errors import StudyError
from caviar.report.account import account
from caviar.search.factory import caviar_strategy
from caviar.study import growth
from caviar.study.journal import Journal
from caviar.study.records import Change, ChangeKind, Claim, TrialState
from caviar.study.spec import StudySpec
from caviar.tuning.asking import ask
from caviar.tuning.broker import LOOK_EVERY_S, Broker
from caviar.tuning.messages import Finished, Wait
from caviar.tuning.taking_up import check_directory, extend

TEXT = """
[network]
units = 64
[training]
batch_size = { choices = [32, 64, 128] }
schedule = "cosine"
[search]
searcher = "sobol"
trials = 20
max_epochs = 9
[resources]
stack = 4
"""
SPEC = StudySpec.parse(TEXT)
ADD = Change(ChangeKind.ADD_TRIALS, {"trials": 10})
STOP, PAUSE, CONTINUE = (
    Change(kind) for kind in (ChangeKind.STOP, ChangeKind.PAUSE, ChangeKind.CONTINUE)
)
NARROW = Change(ChangeKind.NARROW, {"name": "learning_rate", "low": 1e-3, "high": 1e-2})


def stop_trial(trial):
    return Change(ChangeKind.STOP_TRIAL, {"trial": trial})


class Driver:
    """A study taken up as the actor does it, with a clock of its own."""

    def __init__(self, directory, spec=SPEC, now=0.0):
        self.now = now
        began = Journal.exists(directory)
        if began:
            self.journal = Journal.open(directory, write=True, clock=self.clock)
        else:
            self.journal = Journal.create(
                directory, spec.to_json(), spec.fingerprint, clock=self.clock
            )
        self.journal.acquire_lease()
        self.journal.record("driver_resumed" if began else "driver_started")
        begun = extend(self.journal, spec)
        changes = self.journal.changes()
        self.strategy = caviar_strategy(growth.to_replay(begun, changes), slices=2)
        budget = growth.in_force(begun, changes).budget
        self.broker = Broker(self.journal, self.strategy, self.clock, budget=budget)
        self.worker = StandIn()

    def clock(self):
        return self.now

    def asked(self, *changes):
        """Has the broker take requests, as somebody else's process writes them."""
        numbers = [self.journal.request(change) for change in changes]
        self.now += LOOK_EVERY_S
        self.broker.look()
        found = {request.number: request for request in self.journal.requests()}
        assert all(found[number].answered_at is not None for number in numbers)
        return [found[number].refusal for number in numbers]

    def claim(self, name="a"):
        return self.broker.claim(name, self.worker.warm)

    def report(self, claim, name="a", most=None, took_s=0.0):
        """Trains a claim, all of it or `most` epochs of each lane, and reports them one by one."""
        reports = [p for p in self.worker.train(claim, 1) if most is None or self._in(p, most)]
        for place, progress in enumerate(reports):
            self.now += took_s
            complete = most is None and place == len(reports) - 1
            head = (name, claim.assignment, claim.attempt, progress.measurements)
            answer = self.broker.report(*head, progress.checkpoints(), complete)
            if not answer.go_on:
                return answer
        return answer

    @staticmethod
    def _in(progress, most):
        return all(found.epoch <= most for found in progress.measurements)

    def work(self, took_s=0.0, most=10_000):
        """Two slices take turns until there is nothing to do."""
        for turn in range(most):
            name = "ab"[turn % 2]
            claim = self.claim(name)
            if isinstance(claim, Finished):
                return claim.why
            if isinstance(claim, Claim):
                self.report(claim, name, took_s=took_s)
        raise AssertionError("the study does not end")

    def leave(self):
        finished = self.broker.finished and not self.broker.halted
        detail = {"finished": finished, "ending": self.broker.ending}
        self.journal.end_running_attempts()
        self.journal.record("driver_stopped", detail)
        self.journal.release_lease()
        self.journal.close()


@pytest.fixture
def driver(tmp_path):
    found = Driver(tmp_path / "s")
    yield found
    found.journal.close()


def epochs_once(journal):
    assert journal.trained_epochs == journal.measured_epochs
    seen = Counter((m.trial, m.epoch) for m in journal.measurements())
    assert max(seen.values()) == 1


def again(driver, spec=SPEC):
    """The next driver of the same study; it has replayed what the first did."""
    directory = driver.journal.directory
    driver.leave()
    heir = Driver(directory, spec, driver.now + 1000)
    assert list(heir.strategy.trials) == list(driver.strategy.trials)
    return heir


def test_added_trials_are_drawn_and_run(driver):
    driver.report(driver.claim())
    assert driver.asked(ADD) == [None]
    assert driver.broker.words() == ["10 more trials, 30 in all"]
    driver.work()
    assert len(driver.strategy.trials) == 30
    heir = again(driver)
    assert heir.broker.finished
    assert heir.broker.counts() == driver.broker.counts()
    assert heir.strategy.wanted == 30
    epochs_once(heir.journal)


def test_a_persons_point_comes_next_and_once(driver):
    point = {"learning_rate": 0.005, "batch_size": 64}
    claim = driver.claim()
    assert driver.asked(Change(ChangeKind.ADD_POINT, {"hyperparameters": point})) == [None]
    driver.report(claim)
    driver.work()
    given = [t for t in driver.strategy.trials if t.origin == "given"]
    found = [{name: trial.hyperparameters[name] for name in point} for trial in given]
    assert found == [point]
    assert len(driver.strategy.trials) == 21


def test_a_point_that_was_tried_is_refused(driver):
    driver.report(driver.claim())
    tried = driver.strategy.trials[7].hyperparameters
    point = {name: tried[name] for name in SPEC.space.names if name in tried}
    (refusal,) = driver.asked(Change(ChangeKind.ADD_POINT, {"hyperparameters": point}))
    assert refusal.endswith("it is trial 7 already")
    assert driver.journal.changes() == ()
    (told,) = driver.journal.events("request_refused")
    assert told.detail == {"kind": "add_point", "why": refusal}


def test_requests_are_taken_in_order_when_a_driver_comes(tmp_path):
    first = Driver(tmp_path / "s")
    first.report(first.claim())
    first.leave()
    with Journal.open(tmp_path / "s", write=True) as journal:
        for change in (ADD, stop_trial(0), PAUSE, PAUSE):
            journal.request(change)
    heir = Driver(tmp_path / "s", now=1000.0)
    refusals = [request.refusal for request in heir.journal.requests()]
    assert refusals == [None, None, None, "the study is paused already"]
    assert heir.strategy.wanted == 30
    assert heir.strategy.state(0) == TrialState.STOPPED
    assert isinstance(heir.claim(), Wait)
    heir.journal.close()


def test_requests_are_looked_for_now_and_then_only(driver):
    driver.journal.request(ADD)
    driver.now += LOOK_EVERY_S / 2
    driver.claim()
    assert driver.strategy.wanted == 20
    driver.now += LOOK_EVERY_S / 2
    driver.claim("b")
    assert driver.strategy.wanted == 30


def test_what_is_asked_when_slices_go_home_waits_for_the_next_run(driver):
    driver.work()
    number = driver.journal.request(ADD)
    driver.now += LOOK_EVERY_S
    driver.broker.look()
    (request,) = driver.journal.requests(unanswered=True)
    assert request.number == number
    directory = driver.journal.directory
    driver.leave()
    assert check_directory(SPEC, directory) == ("", "")
    heir = Driver(directory, now=1000.0)
    heir.work()
    assert len(heir.strategy.trials) == 30
    heir.journal.close()


def test_a_stop_ends_assignments_at_their_next_report(driver):
    claims = {name: driver.claim(name) for name in "ab"}
    driver.asked(STOP)
    for name, claim in claims.items():
        assert not driver.report(claim, name).go_on
        assert driver.claim(name) == Finished("stopped by a person")
    assert driver.broker.finished
    assert driver.broker.ending == "stopped by a person"
    assert not [a for a in driver.journal.attempts() if a.outcome in ("lost", "failed")]
    directory = driver.journal.directory
    driver.leave()
    nothing, more = check_directory(SPEC, directory)
    assert (nothing, more) == (
        f"the study was stopped; to go on: caviar continue {directory}",
        "",
    )
    with Journal.open(directory) as journal:
        told = account(journal)
    assert (told["status"], told["ending"]) == ("stopped", "stopped by a person")


def test_a_stopped_study_goes_on_where_it_was_when_continued(driver):
    claim = driver.claim()
    assert len(claim.lanes) == 4
    driver.asked(STOP)
    driver.report(claim)
    driver.claim()
    directory = driver.journal.directory
    driver.leave()
    assert ask(directory, CONTINUE).line.startswith("asked: the study goes on; ")
    assert check_directory(SPEC, directory) == ("", "")
    heir = Driver(directory, now=1000.0)
    assert heir.broker.ending == ""
    rest = heir.claim()  # the same assignment, not split, less the lane that was reported
    assert [lane.trial for lane in rest.lanes] == [lane.trial for lane in claim.lanes[1:]]
    heir.report(rest)
    assert heir.work() == "the study is complete"
    epochs_once(heir.journal)
    heir.journal.close()


def test_of_a_stack_only_the_trial_that_was_stopped_ends(driver):
    claim = driver.claim()
    trials = [lane.trial.index for lane in claim.lanes]
    assert driver.asked(stop_trial(trials[2])) == [None]
    assert not driver.report(claim).go_on  # at its first report, to go on without that lane
    rest = driver.claim()
    assert [lane.trial.index for lane in rest.lanes] == [trials[1], trials[3]]
    assert rest.assignment == claim.assignment
    driver.report(rest)
    assert driver.asked(stop_trial(trials[2]), stop_trial(99)) == [
        f"trial {trials[2]}: it is stopped already",
        "trial 99: the study has trials 0 to 19",
    ]
    driver.work()
    assert driver.strategy.state(trials[2]) == TrialState.STOPPED
    assert driver.journal.measurements(trials[2]) == ()
    (told,) = [found for found in driver.journal.summary() if found.error]
    assert (told.trial, told.error) == (trials[2], "stopped by a person")
    epochs_once(driver.journal)


def test_a_trial_that_waits_or_is_paused_is_stopped_at_once(driver):
    driver.report(driver.claim())
    paused = 0
    waiting = next(
        t.index for t in driver.strategy.trials if driver.strategy.state(t.index) == "waiting"
    )
    assert driver.strategy.state(paused) == TrialState.PAUSED
    assert driver.asked(stop_trial(paused), stop_trial(waiting)) == [None, None]
    driver.work()
    assert [len(driver.journal.measurements(trial)) for trial in (paused, waiting)] == [1, 0]
    assert again(driver).broker.counts() == driver.broker.counts()


def test_what_runs_is_finished_while_a_study_is_paused(driver):
    claim = driver.claim()
    driver.asked(PAUSE)
    assert driver.broker.ending == "paused"
    assert isinstance(driver.claim("b"), Wait)
    assert driver.claim("b").seconds >= 0.1
    driver.report(claim)
    assert isinstance(driver.claim(), Wait)
    assert not driver.broker.finished
    heir = again(driver)
    assert isinstance(heir.claim(), Wait)
    assert heir.asked(PAUSE, CONTINUE, CONTINUE) == [
        "the study is paused already",
        None,
        "the study is neither paused nor stopped",
    ]
    heir.work()
    assert heir.broker.finished
    epochs_once(heir.journal)


def test_what_was_lost_waits_too_while_a_study_is_paused(driver):
    driver.claim()
    driver.asked(PAUSE)
    driver.broker.lose("a", "gone")
    assert isinstance(driver.claim(), Wait)


def test_new_trials_lie_in_the_narrowed_box(driver):
    claim = driver.claim()
    running = {lane.trial.index for lane in claim.lanes}
    assert driver.asked(NARROW) == [None]
    driver.report(claim)
    driver.work()
    begun = {m.trial for m in driver.journal.measurements()} - running
    rates = [driver.strategy.trials[trial].hyperparameters["learning_rate"] for trial in begun]
    assert len(begun) == 20 - len(running)
    assert all(1e-3 <= rate <= 1e-2 for rate in rates)
    # Those that were drawn before and lie outside gave way, and are told so.
    stopped = [found for found in driver.journal.summary() if found.error]
    assert stopped
    assert {found.error for found in stopped} == {"outside learning_rate 0.001 to 0.01"}
    assert again(driver).broker.counts() == driver.broker.counts()


def test_a_narrowing_that_is_taken_back(driver):
    driver.asked(NARROW)
    wide = Change(ChangeKind.NARROW, {"name": "learning_rate", "low": 1e-4, "high": 1.0})
    assert driver.asked(wide, ADD) == [None, None]
    driver.work()
    rates = [t.hyperparameters["learning_rate"] for t in driver.strategy.trials[-10:]]
    assert not all(1e-3 <= rate <= 1e-2 for rate in rates)


def test_a_panda_s_changes_are_refused(driver):
    nudge = Change(ChangeKind.NUDGE, {"hyperparameters": {"learning_rate": 0.1}})
    assert driver.asked(nudge) == ["a nudge is for a panda, and this study's strategy is caviar"]


def test_longer_training_goes_on_from_checkpoints(tmp_path):
    first = Driver(tmp_path / "s", StudySpec.parse(TEXT.replace("max_epochs = 9", "max_epochs=27")))
    first.work()
    assert first.broker.finished
    before = first.journal.measured_epochs
    completed = [t for t in range(20) if first.strategy.state(t) == TrialState.COMPLETED]
    longer = StudySpec.parse(TEXT.replace("max_epochs = 9", "max_epochs = 81"))
    first.leave()
    assert check_directory(longer, tmp_path / "s") == ("", "search.max_epochs: 27 -> 81")
    heir = Driver(tmp_path / "s", longer, 1000.0)
    assert not heir.broker.finished
    claim = heir.claim()
    assert (claim.lanes[0].epoch, claim.last_epoch) == (27, 81)
    assert claim.lanes[0].trial.index in completed
    assert claim.lanes[0].checkpoint == checkpoint(claim.lanes[0].trial.index, 27)
    heir.report(claim)
    heir.work()
    epochs_once(heir.journal)  # none was trained twice
    assert heir.journal.measured_epochs >= before + 54
    # A cosine falls over as many epochs as when the study was begun.
    assert {t.hyperparameters["decay_epochs"] for t in heir.strategy.trials} == {27.0}
    assert account(heir.journal)["rungs"][-1]["epoch"] == 81
    heir.leave()
    # Whoever still says 27 goes on with 81.
    begun = StudySpec.parse(TEXT.replace("max_epochs = 9", "max_epochs = 27"))
    assert check_directory(begun, tmp_path / "s") == ("the study is complete", "")


def test_more_trials_by_a_run_count_those_that_were_added(driver):
    driver.asked(ADD)
    driver.work()
    larger = SPEC.override(trials=40)
    heir = again(driver, larger)
    assert heir.strategy.wanted == 40
    heir.asked(ADD)
    assert heir.strategy.wanted == 50
    heir.work()
    assert len(heir.strategy.trials) == 50
    assert account(heir.journal)["counts"]["waiting"] == 0
    last = again(heir, larger)
    assert last.strategy.wanted == 50


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        (SPEC.override(trials=25), "search.trials: .* must be >= 30, got 25"),
        (SPEC.override(max_epochs=3), "search.max_epochs: .* must be >= 9, got 3"),
        (SPEC.override(seed=5), "holds another study .seed: 0 -> 5.; give another --dir"),
    ],
)
def test_a_study_does_not_shrink_nor_become_another(driver, spec, line):
    driver.asked(ADD)
    directory = driver.journal.directory
    driver.leave()
    with pytest.raises(StudyError, match=line):
        check_directory(spec, directory)


def test_a_study_that_is_driven_is_not_extended(driver, monkeypatch):
    monkeypatch.setattr("caviar.study.lease.LeaseHolder.same_driver", lambda *_: False)
    with pytest.raises(StudyError, match="another driver holds this study"):
        check_directory(SPEC.override(max_epochs=27), driver.journal.directory)


@pytest.mark.parametrize(
    ("key", "unit", "most"),
    [("hours", "hour", 3600.0), ("slice_hours", "slice-hour", 1800.0)],
)
def test_hours_end_a_study_that_a_larger_budget_takes_on(tmp_path, key, unit, most):
    spec = StudySpec.parse(f"{TEXT}\n[budget]\n{key} = 1")
    first = Driver(tmp_path / "s", spec)
    claims = {name: first.claim(name) for name in "ab"}
    first.now = most / 2
    first.broker.look()
    first.leave()  # the time between two drivers does not count
    heir = Driver(tmp_path / "s", spec, 10 * most)
    claims = {name: heir.claim(name) for name in "ab"}
    assert all(isinstance(claim, Claim) for claim in claims.values())
    heir.now += most / 2 - 10
    heir.broker.look()
    assert heir.broker.ending == ""
    heir.now += 20
    assert not heir.report(claims["a"]).go_on
    why = f"the budget of 1 {unit} is spent"
    assert heir.claim() == Finished(why)
    assert not heir.report(claims["b"], "b").go_on
    assert heir.claim("b") == Finished(why)
    assert heir.broker.finished
    heir.leave()
    assert check_directory(spec, tmp_path / "s")[0] == f"{why}; to go on: a larger budget.{key}"
    with pytest.raises(StudyError, match="to go on: caviar run with a larger one"):
        ask(tmp_path / "s", CONTINUE)
    larger = StudySpec.parse(f"{TEXT}\n[budget]\n{key} = 100")
    assert check_directory(larger, tmp_path / "s") == ("", f"budget.{key}: 1 -> 100")
    last = Driver(tmp_path / "s", larger, 20 * most)
    assert last.work() == "the study is complete"
    epochs_once(last.journal)
    last.journal.close()


def test_a_request_without_a_driver_is_judged_by_replay(driver):
    driver.work()
    directory = driver.journal.directory
    driver.leave()
    assert ask(directory, ADD).line == (
        "asked: 10 more trials; nobody drives the study now, its next caviar run will take it"
    )
    assert check_directory(SPEC, directory) == ("", "")
    with pytest.raises(StudyError, match="trial 20: the study has trials 0 to 19"):
        ask(directory, stop_trial(20))
    assert ask(directory, PAUSE).taken is False
    with pytest.raises(StudyError, match="the study is paused already"):
        ask(directory, PAUSE)


def test_a_driver_s_answer_is_waited_for(driver):
    def look(seconds):
        driver.now += LOOK_EVERY_S
        driver.broker.look()

    directory = driver.journal.directory
    asked = ask(directory, ADD, sleep=look)
    assert (asked.taken, asked.line) == (True, "taken: 10 more trials, 30 in all")
    driver.asked(PAUSE)
    with pytest.raises(StudyError, match="the study is paused already"):
        ask(directory, PAUSE, sleep=look)
    assert "has not answered yet" in ask(directory, CONTINUE, 0.3, lambda _: None).line

"""A slice whose connection to the broker breaks for a moment."""

import pytest
import ray

from caviar.tuning import trainable
from caviar.tuning.cluster import check_address
from caviar.tuning.trainable import answered


class Method:
    """A broker's, out of reach the first times."""

    def __init__(self, failures):
        self.failures = failures
        self.calls = []

    def remote(self, *args):
        self.calls.append(args)
        return self

    def get(self):
        if len(self.calls) <= self.failures:
            raise ray.exceptions.ActorUnavailableError("the connection broke", b"a" * 16)
        return "here"


@pytest.fixture
def slept(monkeypatch):
    found = []
    monkeypatch.setattr(trainable.ray, "get", lambda method: method.get())
    monkeypatch.setattr(trainable.time, "sleep", found.append)
    return found


def test_a_broker_out_of_reach_for_a_moment_is_asked_again_and_no_trial_is_to_blame(slept):
    broker = Method(3)
    assert answered(broker, 1, 2) == "here"
    assert broker.calls == [(1, 2)] * 4
    assert slept == list(trainable.ANEW_S[:3])


def test_one_that_stays_away_is_not_asked_for_ever(slept):
    with pytest.raises(ray.exceptions.ActorUnavailableError):
        answered(Method(99), 1)
    assert slept == list(trainable.ANEW_S)


def test_an_address_of_the_new_internet_is_looked_for_without_its_brackets(monkeypatch):
    asked = []

    class Connection:
        def close(self):
            pass

    def connect(where, timeout):
        asked.append(where)
        return Connection()

    monkeypatch.setattr("caviar.tuning.cluster.socket.create_connection", connect)
    check_address("[fd00::1]:6379")
    check_address("head:6379")
    assert asked == [("fd00::1", 6379), ("head", 6379)]

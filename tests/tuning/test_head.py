"""When a driver takes the cluster's head for gone."""

import pytest

from caviar.tuning.head import GONE_S, LASTING, SILENT_S, Head, patience


class Network:
    def __init__(self):
        self.now, self.error, self.asked = 100.0, None, []

    def connect(self, host, port):
        self.asked.append((host, port))
        if self.error is not None:
            raise self.error


@pytest.fixture
def network():
    return Network()


def head(network, address="10.0.0.1:6379", patience_s=0.0):
    return Head(address, lambda: None, network.connect, lambda: network.now, patience_s)


@pytest.mark.parametrize(
    ("error", "patience_s", "after_s"),
    [
        (ConnectionRefusedError(), 0.0, GONE_S),
        (TimeoutError(), 0.0, SILENT_S),
        (OSError("no route to host"), 0.0, SILENT_S),
        (ConnectionRefusedError(), 60.0, 60.0),
        (TimeoutError(), 60.0, 60.0),
    ],
)
def test_a_head_that_stays_away_is_lost(network, error, patience_s, after_s):
    found = head(network, patience_s=patience_s)
    network.now += 1000.0
    assert not found.is_lost()
    network.error = error
    network.now += after_s - 0.1
    assert not found.is_lost()
    network.now += 0.1
    assert found.is_lost()


def test_one_that_answers_between_is_not(network):
    found = head(network)
    for _ in range(5):
        network.error = ConnectionRefusedError()
        network.now += GONE_S - 1
        assert not found.is_lost()
        network.error = None
        assert not found.is_lost()


def test_the_address_may_be_of_the_new_internet(network):
    head(network, "[fd00::1]:6379").is_lost()
    assert network.asked == [("fd00::1", 6379)]


def test_a_cluster_that_survives_its_head_is_waited_for(monkeypatch):
    monkeypatch.delenv(LASTING, raising=False)
    assert patience() == 0.0
    monkeypatch.setenv(LASTING, "600")
    assert patience() == 600.0
    monkeypatch.setenv(LASTING, "long")
    assert patience() == 0.0

"""Nodes that are lost and nodes that come: several raylets on one machine."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from drivers import arrived, drivers, finish, look, until_measured
from waiting import wait_for

from caviar.report.account import account
from caviar.study.facts import Outcome
from caviar.study.journal import Journal

pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]
PATIENCE_S = 240.0
HERE = Path(__file__).parent


@dataclass
class Raylets:
    process: subprocess.Popen
    address: str
    nodes: list[str]
    environment: dict[str, str]
    gate: Path

    def ask(self, line):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@pytest.fixture(scope="module")
def raylets(ray_environment, tmp_path_factory):
    gate = tmp_path_factory.mktemp("gate") / "open"
    environment = ray_environment | {"STAND_IN_GATE": str(gate)}
    process = subprocess.Popen(
        [sys.executable, str(HERE / "raylets.py"), "1", "1", "1"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    folder = ""
    try:
        address, *nodes, folder = process.stdout.readline().split()
        yield Raylets(process, address, nodes, environment, gate)
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def start_there(raylets):
    with drivers(raylets) as begin:
        yield begin
    raylets.gate.unlink(missing_ok=True)


def nodes(directory):
    """Of every slice that became ready."""
    return arrived(directory, "node_id")


def attempts(directory):
    return look(directory, lambda journal: journal.attempts())


def at_work(directory):
    return {found.slice_name for found in attempts(directory) if found.outcome is None}


def test_a_node_is_lost_another_goes_by_notice_and_others_come(raylets, start_there, tmp_path):
    directory = tmp_path / "s"
    options = ("--trials", "600", "--resources", "max_slices = 4", "--name", "moved")
    process = start_there(directory, "gated", *options)
    wait_for(lambda: set(nodes(directory)) == set(raylets.nodes), PATIENCE_S)
    wait_for(lambda: len(at_work(directory)) == 3, PATIENCE_S)
    lost = raylets.nodes[1]
    assert raylets.ask(f"kill {lost}") == "killed"
    gone = wait_for(lambda: [a for a in attempts(directory) if a.error], PATIENCE_S)
    assert [(a.outcome, a.error) for a in gone] == [(Outcome.INTERRUPTED, "its node was lost")]
    new = raylets.ask("add 2")
    # The slice of the lost node, and the one that had no place before.
    wait_for(lambda: nodes(directory).count(new) == 2, PATIENCE_S)
    wait_for(lambda: len(at_work(directory)) == 4, PATIENCE_S)
    assert raylets.ask(f"drain {raylets.nodes[2]}") == "draining"
    newer = raylets.ask("add 1")
    wait_for(lambda: newer in nodes(directory), PATIENCE_S)
    raylets.gate.touch()
    code, out = finish(process, PATIENCE_S)
    assert code == 0, out
    assert "4 slices of 1 CPU (as many as max_slices says); 1 of them wait for a node" in out
    with Journal.open(directory) as journal:
        told = account(journal)
        rows = journal._db.rows("SELECT trial, epoch FROM measurements")
        assert journal.trained_epochs == journal.measured_epochs == len(rows) == len(set(rows))
        ended = [a for a in journal.attempts() if a.outcome != Outcome.COMPLETE]
        # It left with what it held, or just after it; long before its node was gone.
        assert {a.outcome for a in ended} == {Outcome.INTERRUPTED}
        assert [a.error for a in ended if a.error] == ["its node was lost"]
        assert len(ended) <= 2
    assert f"node {raylets.nodes[2][:8]} is to go in " in out
    assert " s: 1 slice reports and leaves it" in out
    assert told["status"] == "finished"
    assert sum(told["counts"].values()) == 600
    assert told["counts"]["failed"] == 0


def test_a_study_does_not_wait_for_slices_without_a_place(raylets, start_there, tmp_path):
    directory = tmp_path / "s"
    raylets.gate.touch()
    options = ("--trials", "24", "--resources", "max_slices = 9", "--name", "waited")
    code, out = finish(start_there(directory, "gated", *options), PATIENCE_S)
    assert code == 0, out
    assert look(directory, account)["status"] == "finished"
    assert " waiting for a place" in out
    assert len(nodes(directory)) < 9


def test_a_driver_whose_head_is_killed_leaves_with_one_line(raylets, start_there, tmp_path):
    """The last test of these nodes: there is no cluster any more."""
    directory = tmp_path / "s"
    process = start_there(directory, "gated", "--resources", "max_slices = 1", "--name", "beheaded")
    until_measured(process, directory, 1)
    assert raylets.ask("kill head") == "killed"
    code, out = finish(process, 45)  # Ray itself would hang for a minute
    assert code == 2, out
    assert out.splitlines()[-1].startswith("the cluster's head is gone, nobody answers at ")
    assert "Traceback" not in out
    with Journal.open(directory) as journal:
        assert account(journal)["status"] == "interrupted"
        assert not journal.lease().held(time.time())

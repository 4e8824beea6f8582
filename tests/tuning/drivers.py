"""Drivers of stand-in studies in processes of their own, on one of the tests' clusters."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from waiting import wait_for

from caviar.study.journal import Journal

PROGRAM = Path(__file__).with_name("programs.py")
PATIENCE_S = 240.0
"""For a busy machine: a driver, a broker and slices are processes that take long to start."""


def start(cluster, directory, worker, *options, **environment):
    """Begins a study in `directory` with a worker of `stand_ins`; options as of `programs.py`."""
    command = [sys.executable, str(PROGRAM), str(directory), worker, "--address", cluster.address]
    return subprocess.Popen(
        [*command, *options],
        env=cluster.environment | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=directory.parent,
    )


@contextmanager
def drivers(cluster):
    """`start` on that cluster; whoever still runs in the end is killed."""
    started = []

    def begin(*given, **environment):
        started.append(start(cluster, *given, **environment))
        return started[-1]

    try:
        yield begin
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
            process.communicate()


def finish(process, timeout=PATIENCE_S):
    """How a driver ended: its status, and all it said."""
    out, _ = process.communicate(timeout=timeout)
    return process.returncode, out


def look(directory, what):
    """What a function finds in a study's journal; None before there is one."""
    if not Journal.exists(directory):
        return None
    with Journal.open(directory) as journal:
        return what(journal)


def measured(directory):
    """Trial-epochs that stand."""
    return look(directory, lambda journal: journal.measured_epochs) or 0


def arrived(directory, key=None):
    """What the journal keeps of every slice that became ready, or one thing of it."""
    events = look(directory, lambda journal: journal.events("slice_arrived")) or ()
    return [event.detail if key is None else event.detail[key] for event in events]


def until_measured(process, directory, epochs, timeout=PATIENCE_S):
    """Waits for so many trial-epochs; an assertion if the driver ends before."""

    def there():
        assert process.poll() is None, process.stdout.read()
        return measured(directory) >= epochs

    wait_for(there, timeout)

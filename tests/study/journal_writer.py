"""A driver to be killed: trains trials that are never done, and says aloud what is committed.

Usage: journal_writer.py DIRECTORY
"""

import sys
from pathlib import Path

from journal_samples import bytes_of, curve, rung, saved, trials

from caviar.study.facts import OpenAssignment
from caviar.study.journal import Journal

LAST = 8


def say(*words: object) -> None:
    print(*words, flush=True)


def train(journal: Journal, found: OpenAssignment) -> None:
    lanes = found.unfinished
    attempt = journal.start_attempt(found.id, "slice-0")
    start = {}
    for lane in lanes:
        record = journal.latest_checkpoint(lane)
        start[lane] = record.epoch if record else 0
        if record and journal.read_checkpoint(record) != bytes_of(lane, record.epoch):
            raise SystemExit(f"trial {lane} has another's weights")
    for epoch in range(min(start.values()) + 1, LAST + 1):
        behind = [lane for lane in lanes if start[lane] < epoch]
        done = epoch == LAST
        receipt = journal.report(
            found.id, attempt, curve(behind, [epoch]), saved(behind, epoch), complete=done
        )
        say("done", *((m.trial, m.epoch) for m in receipt.accepted))


def main() -> None:
    with Journal.open(Path(sys.argv[1]), write=True) as journal:
        say("token", journal.acquire_lease())
        journal.end_running_attempts()
        while True:
            if not journal.open_assignments():
                first = len(journal.trials())
                pair = (first, first + 1)
                journal.issue(rung(*pair, last=LAST), decisions=trials(*pair))
            for found in journal.open_assignments():
                train(journal, found)


if __name__ == "__main__":
    main()

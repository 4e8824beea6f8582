"""TensorBoard beside a run: a process of its own follows the journal while the study is driven.

The driver waits for nothing and reads nothing: the follower shares only the journal with it, gives
way to whatever else wants the processor, and leaves off when the pipe to it is closed, so also
when the driver was killed.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from caviar.errors import StudyError
from caviar.report.exports.following import EVERY_S, follow
from caviar.report.exports.missing import needs
from caviar.report.exports.placing import check_folder
from caviar.report.exports.tensorboard import FOLDER, command
from caviar.study.journal import Journal
from caviar.study.wording import one_line

Say = Callable[[str], None]

OPTION: Final = "--tensorboard"
FAREWELL_S: Final = 30.0
"""Seconds that the follower has for what came last."""
NICENESS: Final = 10


@contextmanager
def beside(directory: Path, say: Say) -> Iterator[None]:
    """Writes TensorBoard's files into `DIR/exports/tensorboard` as long as the block lasts.

    An earlier export there is begun anew. Trouble on the way ends the files and not the study; it
    is said at the end.

    Args:
        directory: the study's; it need not be there yet.
        say: is told a line.

    Raises:
        StudyError: TensorBoard is not installed, or something that is no export is in the way.
    """
    place = directory / "exports" / FOLDER
    with needs("tensorboard", OPTION):
        import tensorboard.plugins.hparams.metadata  # noqa: F401 - says whether it is there
    check_folder(place, force=True)
    say(f"see: {command(place)}")
    child = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
        [sys.executable, "-m", "caviar.report.exports.live", str(directory), str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is the driver's, which has more to write down
    )
    try:
        yield
    finally:
        trouble = _ended(child)
        if trouble:
            say(f"{OPTION}: left off: {trouble}")


def _ended(child: subprocess.Popen[str]) -> str:
    """Lets the follower write what came last; returns why it left off before, or ""."""
    try:
        _, complained = child.communicate(timeout=FAREWELL_S)
    except subprocess.TimeoutExpired:
        complained = f"it took more than {FAREWELL_S:.0f} s for what came last"
    finally:
        child.kill()
        child.wait()
    lines = complained.strip().splitlines()
    return one_line(lines[-1]) if lines else ""


def main(directory: Path, place: Path) -> int:
    """The follower: waits for the study to begin, and follows it until it ends or is left."""
    os.nice(NICENESS)
    try:
        while not Journal.exists(directory):
            if _is_left(EVERY_S):
                return 0
        follow(directory, place, force=True, driven=True, sleep=_is_left)
    except StudyError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _is_left(seconds: float) -> bool:
    """Waits so long, or until nobody holds the other end of the pipe; says whether that is so."""
    found, _, _ = select.select([sys.stdin], [], [], seconds)
    return bool(found)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main(*map(Path, sys.argv[1:])))

"""`python programs.py DIR WORKER [--address A] [--trials N] [--epochs N] [--set KEY=VALUE]`: runs a
study with a worker that only pretends to train."""

import argparse
import sys
from pathlib import Path

from caviar.errors import StudyError
from caviar.study.spec import StudySpec
from caviar.tuning.driver import run_study
from caviar.tuning.progress import PlainView


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("worker")
    parser.add_argument("--address")
    parser.add_argument("--name", default="stand-in")
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--strategy", default="caviar")
    parser.add_argument("--resources", default="")
    parser.add_argument("--storage")
    options = parser.parse_args()
    text = f"""
    name = "{options.name}"
    [data]
    name = "digits"
    [search]
    trials = {options.trials}
    max_epochs = {options.epochs}
    strategy = "{options.strategy}"
    [resources]
    {options.resources}
    """
    spec = StudySpec.parse(text.replace(";", "\n"))
    view = PlainView(lambda line: print(line, flush=True))
    try:
        outcome = run_study(
            spec,
            options.directory,
            view,
            address=options.address,
            worker=f"stand_ins:{options.worker}",
            storage=options.storage,
        )
    except StudyError as error:
        print(f"StudyError: {error}", flush=True)
        return 2
    return 128 + outcome.signal if outcome.signal else 0


if __name__ == "__main__":
    sys.exit(main())

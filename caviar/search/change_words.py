"""What was, or is to be, changed about a study, in words for a person."""

from __future__ import annotations

from caviar.search import narrowing
from caviar.study.growth import why_halted
from caviar.study.records import Change, ChangeKind
from caviar.study.run_tables import UNBOUNDED
from caviar.study.wording import configuration, number


def told(change: Change, trials: int | None = None) -> str:
    """A change in a few words, as `50 more trials, 114 in all`.

    Args:
        change: what was made of the study.
        trials: how many there are to be with it.
    """
    detail = change.detail
    in_all = f", {trials} in all" if trials is not None and trials < UNBOUNDED else ""
    match change.kind:
        case ChangeKind.ADD_TRIALS:
            return f"{detail['trials']} more trial{'s' * (detail['trials'] != 1)}{in_all}"
        case ChangeKind.ADD_POINT:
            return f"one more trial, {configuration(detail['hyperparameters'])}{in_all}"
        case ChangeKind.NARROW:
            return f"from now on {narrowing.told(change)}"
        case ChangeKind.NUDGE:
            return f"the next day begins with {configuration(detail['hyperparameters'])}"
        case ChangeKind.ROLLBACK:
            if not detail["day"]:
                return "the next day begins anew"
            return f"the next day begins at the end of day {number(detail['day'])}"
        case ChangeKind.CHOOSE:
            return str(detail["why"])
        case ChangeKind.STOP_TRIAL:
            return f"trial {detail['trial']} ends where it stands"
        case ChangeKind.STOP:
            return f"the study stops: {why_halted(change)}"
        case ChangeKind.PAUSE:
            return "nothing new starts until caviar continue"
        case ChangeKind.CONTINUE:
            return "the study goes on"
    return str(change.kind)

"""Taking over: a person says how the next day of a panda begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from caviar.search.days import DAY, ROLLBACK, Days, Panda
from caviar.search.keeping import Plan
from caviar.search.knobs import Knobs
from caviar.study.records import Change, ChangeKind, TrialState, Value
from caviar.study.wording import number


def why_not(
    change: Change, days: Days, knobs: Knobs, most_days: int, plan: Callable[[Panda], Plan]
) -> str | None:
    """Why a person cannot have pandas go on as they want, in one line, or None.

    Args:
        change: a nudge or a rollback.
        days: so far.
        knobs: what can be moved.
        most_days: of each panda.
        plan: how the next day of a panda would begin.
    """
    pandas = days.meant(change)
    if not pandas:
        return f"--panda: there are pandas 0 to {len(days.pandas) - 1}"
    left = [panda for panda in pandas if not panda.is_stopped]
    if not left:
        return "no day is to come: it was stopped for good"
    if all(len(panda.days) >= most_days for panda in left):
        return f"no day is to come: all {most_days} are over; to go on: caviar run with more days"
    if change.kind is ChangeKind.NUDGE:
        wanted: Mapping[str, Value] = change.detail["hyperparameters"]
        models = [panda.last.trial if panda.last else plan(panda) for panda in pandas]
        told = [knobs.refusal(wanted, model.hyperparameters) for model in models]
    else:
        told = [_no_way_back(panda, int(change.detail["day"])) for panda in pandas]
    return next(filter(None, told), None)


def nudged(panda: Panda, plan: Plan) -> Plan:
    """The plan of a panda's next day with what a person wants it to have."""
    if not panda.nudged:
        return plan
    told = ", ".join(f"{name} = {number(value)}" for name, value in panda.nudged.items())
    if panda.sent_back is None and plan.origin == DAY and panda.last is not None:
        # What the keeper would have moved stays: a person's day is all theirs.
        plan = replace(plan, hyperparameters=panda.last.trial.hyperparameters, why="")
    why = "; ".join(filter(None, (plan.why, f"a person: {told}")))
    return replace(plan, hyperparameters={**plan.hyperparameters, **panda.nudged}, why=why)


def sent_back(panda: Panda, number: int) -> Plan:
    """A person wants a panda to go on from an earlier day; 0: to begin anew."""
    why = f"a person: back to the end of day {number}" if number else "a person: begun anew"
    first = panda.days[0]
    if not number:
        return Plan(first.trial.hyperparameters, first.before, ROLLBACK, why)
    day = panda.days[number - 1]
    return Plan(day.trial.hyperparameters, day, ROLLBACK, why)


def _no_way_back(panda: Panda, number: int) -> str | None:
    """Why a panda cannot go on from the end of a day, or None."""
    days = panda.days
    if not days:
        return "there is no day yet"
    if not 0 <= number <= len(days):
        return f"--day {number}: there are days 1 to {len(days)}, and 0 to begin anew"
    if number and (days[number - 1].ended is not TrialState.COMPLETED):
        ended = days[number - 1].ended
        return f"--day {number}: " + (
            f"it came to no good end: {ended}" if ended else "it still runs"
        )
    return None

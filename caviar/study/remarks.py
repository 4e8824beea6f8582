"""What a study file says without effect: allowed, but probably not what the person meant."""

from __future__ import annotations

import math

from caviar.space.levels import configurations, sizes
from caviar.study.flat import HYPERPARAMETERS, key_of
from caviar.study.hyperparameter import extremes
from caviar.study.points import infeasible_points
from caviar.study.spec import StudySpec
from caviar.study.tables import STAND_INS, neutral
from caviar.study.wording import number


def remarks(spec: StudySpec) -> list[str]:
    """A line for each thing that is said in vain; [] if there is none."""
    lines = [f"{place}: no trial uses it, since {reason}" for place, reason in _unused(spec)]
    most = spec.longest if spec.is_raised else spec.search.max_epochs
    name = "the epochs of all days" if spec.is_raised else "max_epochs"
    # A panda's day is a trial of its own: it begins with all of its patience.
    whole = (spec.panda.day_epochs, "day_epochs") if spec.is_raised else (most, name)
    patience = spec.training.patience
    if patience and patience >= whole[0] - 1:
        lines.append(
            f"training.patience: {patience} epochs without a better metric are not over before "
            f"{whole[1]} = {whole[0]}: no trial stops early"
        )
    least_warmup = extremes(spec.training.warmup_epochs)[0]
    if least_warmup >= most:
        lines.append(
            f"training.warmup_epochs: {number(least_warmup)} epochs are not over before "
            f"{name} = {most}: no trial reaches its learning rate"
        )
    if spec.search.strategy == "caviar":
        lines += [*_about_size(spec), *_about_replicates(spec), *_about_budget(spec)]
    return [*lines, *_about_points(spec)]


def _about_points(spec: StudySpec) -> list[str]:
    points, trials = spec.search.points, spec.search.trials
    lines = [
        f'search.points: row {row} does not fulfil "{text}": it is tried all the same'
        for row, text in infeasible_points(points, spec.space)
    ]
    if len(points) > trials and spec.search.strategy == "caviar":
        lines.append(f"search.points: of {len(points)} only the first trials = {trials} are tried")
    return lines


def _about_budget(spec: StudySpec) -> list[str]:
    """Whether a budget is less than one whole training, or a plateau longer than the study."""
    most, whole = spec.budget.trial_epochs, spec.search.max_epochs
    plateau, trials = spec.budget.plateau, spec.search.trials
    lines = []
    if most is not None and most < whole:
        lines.append(f"budget.trial_epochs: {most} bring no trial to search.max_epochs = {whole}")
    if plateau is not None and plateau >= trials:
        lines.append(
            f"budget.plateau: {plateau} trials in a row are not over before search.trials = "
            f"{trials}: it ends nothing"
        )
    return lines


def _about_replicates(spec: StudySpec) -> list[str]:
    """Whether there are too few trials for one of them to be repeated."""
    wanted = spec.search.reduction_factor**2
    if not spec.search.replicates or spec.search.trials >= wanted:
        return []
    return [
        f"search.replicates: nothing is repeated before reduction_factor squared = {wanted} trials "
        f"were compared, and search.trials = {spec.search.trials}"
    ]


def _about_size(spec: StudySpec) -> list[str]:
    """Whether the space, or the grid, is exhausted before all trials are drawn."""
    search = spec.search
    held = configurations(spec.space)
    if held is not None and held < search.trials:
        only = "one configuration" if held == 1 else f"{held} configurations"
        return [f"search.trials: the space holds only {only}: the study ends after them"]
    grid = math.prod(sizes(spec.space.axes, search.trials))
    if search.searcher == "grid" and grid < search.trials:
        return [f"search.trials: the grid has only {grid} points: the study ends after them"]
    return []


def _unused(spec: StudySpec) -> list[tuple[str, str]]:
    """Place and reason of hyperparameters that were given, are not the default, and do nothing."""
    found: dict[str, str] = {}
    for name, reason in spec.unused.items():
        key = key_of(name)
        table = getattr(spec, HYPERPARAMETERS[key])
        held = getattr(table, key)
        usual = (type(table).model_fields[key].default, STAND_INS.get(key))
        if key in table.model_fields_set and held not in usual and not neutral(key, held):
            found[f"{HYPERPARAMETERS[key]}.{key}"] = reason
    return list(found.items())

"""Flat names: the hyperparameters of a study, and which of them belong to which others.

A trial's hyperparameters have flat names, the keys of their tables; a list with an entry a layer
becomes `units_1`, `units_2`, ... Some play only beside others without anybody saying so: beta_1
belongs to Adam, a layer's units to networks of that many layers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel

from caviar.space.condition import Clause, Following
from caviar.study.hyperparameter import Conditional, Held
from caviar.study.rule import MOST_LAYERS, Rule
from caviar.study.tables import (
    OPTIMIZERS,
    SCHEDULES,
    Augmentation,
    Network,
    Regularization,
    Training,
)

HYPERPARAMETERS: Final = {
    "layers": "network",
    "units": "network",
    "activation": "network",
    "batch_norm": "network",
    "batch_norm_momentum": "network",
    "batch_norm_epsilon": "network",
    "initializer": "network",
    "initializer_scale": "network",
    "l2": "regularization",
    "l1": "regularization",
    "weight_decay": "regularization",
    "keep_prob": "regularization",
    "label_smoothing": "regularization",
    "max_norm": "regularization",
    "shift": "augmentation",
    "flip": "augmentation",
    "rotation": "augmentation",
    "zoom": "augmentation",
    "noise": "augmentation",
    "optimizer": "training",
    "learning_rate": "training",
    "beta_1": "training",
    "beta_2": "training",
    "momentum": "training",
    "epsilon": "training",
    "batch_size": "training",
    "schedule": "training",
    "learning_rate_decay": "training",
    "decay_factor": "training",
    "decay_epochs": "training",
    "warmup_epochs": "training",
    "clip_norm": "training",
}
"""Every hyperparameter's key and the table it stands in; the order of the coordinates."""

_TABLES: Final[dict[str, type[BaseModel]]] = {
    "network": Network,
    "regularization": Regularization,
    "augmentation": Augmentation,
    "training": Training,
}
_LAYERED: Final = re.compile(r"(units|keep_prob)_([1-9]\d*)")
_OF_HIDDEN_LAYERS: Final = ("units", "activation", "batch_norm", "keep_prob", "max_norm")
_OF_BATCH_NORM: Final = ("batch_norm_momentum", "batch_norm_epsilon")


def flatten(tables: Mapping[str, BaseModel], max_epochs: int) -> dict[str, Held | Following]:
    """What each flat name holds, in the order of the coordinates.

    Args:
        tables: of the study, by name.
        max_epochs: of the study, over which a cosine falls unless `decay_epochs` says otherwise.
    """
    flat: dict[str, Held | Following] = {}
    for key, table in HYPERPARAMETERS.items():
        held = getattr(tables[table], key)
        if isinstance(held, tuple):
            flat |= {f"{key}_{place}": one for place, one in enumerate(held, 1)}
        else:
            flat[key] = held
    training = tables["training"]
    if flat["decay_epochs"] is None and isinstance(training, Training):
        flat["decay_epochs"] = _decay_epochs(training.schedules, float(max_epochs))
    return flat


def _decay_epochs(schedules: tuple[str, ...], most: float) -> Held | Following:
    """The default: a cosine falls over the whole study, the others lose their factor an epoch."""
    users = [name for name in schedules if "decay_epochs" in SCHEDULES[name]]
    pairs = {name: most if name == "cosine" else 1.0 for name in users}
    if len(set(pairs.values())) > 1:
        return Following("schedule", tuple(pairs.items()))
    return next(iter(pairs.values()), 1.0)


def key_of(name: str) -> str:
    """The key in its table: `units` for `units_2`."""
    found = _LAYERED.fullmatch(name)
    return found[1] if found else name


def rule_of(name: str) -> Rule:
    """What the study file may give a hyperparameter."""
    key = key_of(name)
    found = _TABLES[HYPERPARAMETERS[key]].model_fields[key].metadata
    return next(one for one in found if isinstance(one, Rule))


def owner(name: str) -> Clause | None:
    """What a hyperparameter belongs to: another's name and the values beside which it plays."""
    found = _LAYERED.fullmatch(name)
    if found or name in _OF_HIDDEN_LAYERS:
        return "layers", tuple(range(int(found[2]) if found else 1, MOST_LAYERS + 1))
    if name in _OF_BATCH_NORM:
        return "batch_norm", (True,)
    for other, kinds in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
        users = tuple(kind for kind, names in kinds.items() if name in names)
        if users:
            return other, users
    return None


def clauses_of(name: str, held: Held | Following) -> tuple[Clause, ...]:
    """All clauses under which a hyperparameter plays: its owner's, then the person's."""
    own = owner(name)
    persons = held.when if isinstance(held, Conditional) else ()
    return (own, *persons) if own else persons

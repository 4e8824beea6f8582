"""Random valid study files: whatever a person may write, as tables and as TOML."""

from __future__ import annotations

from typing import Any

import tomli_w
from hypothesis import strategies as st

from caviar.study.tables import ACTIVATIONS, INITIALIZERS, OPTIMIZERS, SCHEDULES

Tables = dict[str, Any]

_REGULAR = {
    "l2": (1e-6, 1e-1, "log"),
    "l1": (1e-6, 1e-2, "log"),
    "weight_decay": (1e-5, 1e-1, "log"),
    "label_smoothing": (0.0, 0.3, "linear"),
    "max_norm": (0.5, 4.0, "linear"),
}
_AUGMENTED = {
    "shift": (0.0, 0.3, "linear"),
    "flip": (0.0, 1.0, "linear"),
    "rotation": (0.0, 30.0, "linear"),
    "zoom": (0.0, 0.2, "linear"),
    "noise": (0.01, 0.5, "log"),
}
_OWNED = {
    "beta_1": (0.5, 0.99, "one_minus"),
    "beta_2": (0.9, 0.9999, "one_minus"),
    "momentum": (0.0, 0.99, "one_minus"),
    "epsilon": (1e-10, 1e-3, "log"),
    "learning_rate_decay": (0.0, 1.0, "linear"),
    "decay_factor": (0.1, 1.0, "linear"),
    "decay_epochs": (0.5, 4.0, "linear"),
}


@st.composite
def study_tables(draw: st.DrawFn, max_units: int = 64, max_layers: int = 3) -> Tables:
    """The tables of a valid study of digits; with small networks unless more is asked for.

    Learning rates are up to 0.1 and batches up to 128, so that any of them trains.
    """
    training = draw(_training())
    owners = _owners(training)
    network, deepest = draw(_network(max_units, max_layers, owners))
    regularization = {
        name: draw(_real(*bounds, owners))
        for name, bounds in _REGULAR.items()
        if draw(st.booleans()) and (deepest or name != "max_norm")
    }
    if deepest and draw(st.booleans()):
        regularization["keep_prob"] = draw(
            st.one_of(
                _real(0.5, 1.0, "linear", owners),
                st.lists(_real(0.5, 1.0, "linear", owners), min_size=deepest, max_size=deepest),
            )
        )
    augmentation = {
        name: draw(_real(*bounds, owners))
        for name, bounds in _AUGMENTED.items()
        if draw(st.booleans())
    }
    tables: Tables = {
        "seed": draw(st.integers(0, 2**32 - 1)),
        "network": network,
        "regularization": regularization,
        "augmentation": augmentation,
        "training": training,
        "search": draw(_search()),
    }
    return {name: table for name, table in tables.items() if table != {} or draw(st.booleans())}


def study_texts(max_units: int = 64, max_layers: int = 3) -> st.SearchStrategy[str]:
    """The same as TOML."""
    return study_tables(max_units, max_layers).map(tomli_w.dumps)


def _owners(training: Tables) -> dict[str, list[str]]:
    """What conditions may be about, with the values that each may have."""
    given = {"optimizer": "adam", "schedule": "inverse_time"} | training
    return {
        name: found["choices"] if isinstance(found := given[name], dict) else [found]
        for name in ("optimizer", "schedule")
    }


@st.composite
def _training(draw: st.DrawFn) -> Tables:
    training: Tables = {
        "learning_rate": draw(_real(1e-4, 1e-1, "log")),
        "batch_size": draw(_whole(8, 128)),
    }
    for name, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
        if draw(st.booleans()):
            training[name] = draw(_names(tuple(known)))
    owners = _owners(training)
    used = {own for one in owners["optimizer"] for own in OPTIMIZERS[one]}
    used |= {own for one in owners["schedule"] for own in SCHEDULES[one]}
    for name, bounds in _OWNED.items():
        if name in used and draw(st.booleans()):
            training[name] = draw(_real(*bounds))
    settings = {
        "warmup_epochs": _real(0.0, 2.0, "linear", owners),
        "clip_norm": _real(0.1, 5.0, "log", owners),
        "schedule_per": st.sampled_from(["epoch", "step"]),
        "patience": st.integers(0, 3),
        "precision": st.sampled_from(["float32", "bfloat16", "auto"]),
    }
    return training | {k: draw(one) for k, one in settings.items() if draw(st.booleans())}


@st.composite
def _network(
    draw: st.DrawFn, max_units: int, max_layers: int, owners: dict[str, list[str]]
) -> tuple[Tables, int]:
    """The table, and the deepest network's hidden layers."""
    deepest = draw(st.integers(0, max_layers))
    network: Tables = {"layers": deepest}
    if deepest and draw(st.booleans()):
        network["layers"] = {"low": draw(st.integers(0, deepest - 1)), "high": deepest}
    elif deepest and draw(st.booleans()):
        network["layers"] = {"choices": [deepest, draw(st.integers(0, deepest - 1))]}
    if deepest:
        one = _whole(1, max_units)
        every = st.lists(one, min_size=deepest, max_size=deepest)
        network["units"] = draw(st.one_of(one, every))
        if isinstance(network["units"], list) and draw(st.booleans()):
            del network["layers"]
        network |= draw(_hidden(owners))
    network["initializer"] = draw(_names(INITIALIZERS))
    network["initializer_scale"] = draw(_real(0.5, 2.0, "log", owners))
    return network, deepest


@st.composite
def _hidden(draw: st.DrawFn, owners: dict[str, list[str]]) -> Tables:
    batch_norm = draw(st.sampled_from([True, False, {"choices": [True, False]}]))
    network = {"activation": draw(_names(ACTIVATIONS, owners)), "batch_norm": batch_norm}
    if batch_norm is not False:
        network["batch_norm_momentum"] = draw(_real(0.5, 0.999, "one_minus"))
        network["batch_norm_epsilon"] = draw(_real(1e-5, 1e-1, "log"))
    return network


@st.composite
def _search(draw: st.DrawFn) -> Tables:
    return {
        "trials": draw(st.integers(1, 100)),
        "max_epochs": draw(st.integers(1, 30)),
        "metric": draw(st.sampled_from(["dev_accuracy", "dev_loss", "train_loss"])),
    }


@st.composite
def _with_condition(draw: st.DrawFn, found: Any, owners: dict[str, list[str]] | None) -> Any:
    """Now and then with a condition about the optimiser or the schedule."""
    if owners is None or draw(st.integers(0, 3)):
        return found
    name = draw(st.sampled_from(sorted(owners)))
    wanted = draw(st.sampled_from([owners[name][0], owners[name][-1:], owners[name]]))
    table = found if isinstance(found, dict) else {"value": found}
    return table | {"when": {name: wanted}}


def _real(
    low: float, high: float, scale: str, owners: dict[str, list[str]] | None = None
) -> st.SearchStrategy[Any]:
    middle = low + (high - low) / 3
    found = st.sampled_from(
        [low, high, {"low": low, "high": high, "scale": scale}, {"choices": [low, middle]}]
    )
    return found.flatmap(lambda one: _with_condition(one, owners))


def _whole(low: int, high: int) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.integers(low, high),
        st.integers(low, high - 1).map(lambda least: {"low": least, "high": high}),
        st.lists(st.integers(low, high), min_size=2, max_size=3, unique=True).map(
            lambda values: {"choices": values}
        ),
    )


def _names(
    known: tuple[str, ...], owners: dict[str, list[str]] | None = None
) -> st.SearchStrategy[Any]:
    several = st.lists(st.sampled_from(known), min_size=2, max_size=3, unique=True)
    found = st.one_of(st.sampled_from(known), several.map(lambda names: {"choices": names}))
    return found.flatmap(lambda one: _with_condition(one, owners))

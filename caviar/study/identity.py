"""What makes two specifications one study, on their plain form (as of JSON)."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import Any, Final

from caviar.study.wording import show

_BESIDE: Final = ("resources", "winner", "baseline", "goal")
"""Tables that change no trial of the search."""


def canonical(plain: dict[str, Any]) -> str:
    """JSON with sorted keys and without spaces."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)


def identity(plain: dict[str, Any]) -> dict[str, Any]:
    """What a study is, whatever it runs with and wherever its data lie.

    Left out are `[resources]`, `[winner]`, `[baseline]` and `[goal]`, `data.data_dir`, `data.feed`
    and the folder of `data.path`.
    """
    data = {key: value for key, value in plain["data"].items() if key not in {"data_dir", "feed"}}
    data["path"] = data["path"] and PurePath(data["path"]).name
    return {key: value for key, value in plain.items() if key not in _BESIDE} | {"data": data}


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The keys that differ, as `search.trials: 64 -> 128`."""
    one, other = _flat(before), _flat(after)
    changed = [key for key in one | other if one.get(key) != other.get(key)]
    return [f"{key}: {show(one.get(key))} -> {show(other.get(key))}" for key in changed]


def _flat(plain: dict[str, Any]) -> dict[str, Any]:
    """Keys with their table, as `search.trials`; a hyperparameter's own table stays whole."""
    flat: dict[str, Any] = {}
    for key, value in plain.items():
        inner = (
            {f"{key}.{name}": part for name, part in value.items()} if type(value) is dict else {}
        )
        flat |= inner or {key: value}
    return flat

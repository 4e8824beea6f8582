"""What plain data out of a journal or a card must look like, and the first place where they do not.

A shape is a type (`float` takes whole numbers too), a tuple of shapes of which one must fit, a list
of the shape of each entry, or a dictionary of the keys that there must be; `{str: shape}` has any
keys. A key that ends in `?` may be missing. More keys than named do no harm: a newer caviar may
have written them.
"""

from __future__ import annotations

from typing import Any, Final

from caviar.study.wording import one_line, show

Shape = Any
"""As the module says; `object` fits everything."""


class MisfitError(ValueError):
    """Data are not what they must be; the message says where and how."""


_NAMES: Final[dict[Any, str]] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    None: "nothing",
}


def misfit(value: object, shape: Shape, place: str = "") -> str:
    """Where data are not of a shape, as `box[0] must be a list, got 3`; "" if they are.

    Args:
        value: plain data.
        shape: what they should be.
        place: where they are, for the message.
    """
    if isinstance(shape, dict):
        return _of_mapping(value, shape, place)
    if isinstance(shape, list):
        return _of_list(value, shape[0], place)
    if isinstance(shape, tuple):
        found = [misfit(value, one, place) for one in shape]
        return "" if "" in found else found[0]
    return "" if _is(value, shape) else _must(place, _NAMES[shape], value)


def _is(value: object, kind: Any) -> bool:
    if kind is None or value is None:
        return value is kind or kind is object
    if isinstance(value, bool):
        return kind in {bool, object}
    return isinstance(value, (int, float) if kind is float else kind)


def _of_mapping(value: object, shape: dict[Any, Shape], place: str) -> str:
    if not isinstance(value, dict):
        return _must(place, "a table", value)
    for key, one in shape.items():
        if key is str:
            keys = list(value)
        else:
            keys = [key.removesuffix("?")]
            if keys[0] not in value:
                if key.endswith("?"):
                    continue
                return f"{_at(place, keys[0])} is missing"
        for name in keys:
            wrong = misfit(value[name], one, _at(place, name))
            if wrong:
                return wrong
    return ""


def _of_list(value: object, shape: Shape, place: str) -> str:
    if not isinstance(value, list | tuple):
        return _must(place, "a list", value)
    found = (misfit(one, shape, f"{place}[{at}]") for at, one in enumerate(value))
    return next(filter(None, found), "")


def _at(place: str, name: str) -> str:
    return one_line(f"{place}.{name}" if place else name)


def _must(place: str, what: str, got: object) -> str:
    return f"{place or 'it'} must be {what}, got {show(got)}"

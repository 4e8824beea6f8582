"""What a person asks of a study on the command line, read and checked against its space.

`learning_rate=0.01,units=64` is a point, `learning_rate=1e-4..1e-2` or `batch_size=32|64` what a
hyperparameter is narrowed to. Whatever is wrong is one line that begins with the option's name.
"""

from __future__ import annotations

import math

from caviar.errors import StudyError
from caviar.space.condition import Following
from caviar.space.domain import Choice, Domain, Float, Value
from caviar.study.points import check_active
from caviar.study.records import Change, ChangeKind
from caviar.study.spec import StudySpec
from caviar.study.wording import nearest, number, one_line, show


def read_point(text: str, spec: StudySpec, place: str = "--point") -> dict[str, Value]:
    """Hyperparameters as `learning_rate=0.01,units=64`, each searched, possible and active.

    Args:
        text: as typed.
        spec: the study.
        place: what errors begin with.

    Raises:
        StudyError: naming place, rule and value.
    """
    given: dict[str, Value] = {}
    for part in text.split(","):
        name, value = _pair(part, place, "learning_rate=0.01,units=64")
        if name in given:
            raise StudyError(f"{place}: {name}: must be given once")
        domain = _domain(name, spec, place)
        given[name] = _value(value, domain, f"{place}: {name}")
    check_active(given, spec.space, place)
    return given


def read_narrow(text: str, spec: StudySpec, place: str = "narrow") -> Change:
    """What one hyperparameter is narrowed to, as `learning_rate=1e-4..1e-2`, `batch_size=32|64`.

    Raises:
        StudyError: naming place, rule and value.
    """
    name, wish = _pair(text, place, "learning_rate=1e-4..1e-2 or batch_size=32|64")
    domain = _domain(name, spec, place)
    where = f"{place}: {name}"
    if ".." not in wish:
        return Change(ChangeKind.NARROW, {"name": name, "choices": _choices(wish, domain, where)})
    low, high = (_value(end, domain, where) for end in wish.split("..", 1))
    if isinstance(domain, Choice):
        places = [domain.encode(low), domain.encode(high)]
        if places[0] > places[1]:
            raise StudyError(f"{where}: must be first..last, got {show(wish)}")
        kept = [c for c in domain.choices if places[0] <= domain.encode(c) <= places[1]]
        return Change(ChangeKind.NARROW, {"name": name, "choices": kept})
    if not _below(low, high, strictly=isinstance(domain, Float)):
        raise StudyError(f"{where}: must be low..high with low < high, got {show(wish)}")
    return Change(ChangeKind.NARROW, {"name": name, "low": low, "high": high})


def _pair(text: str, place: str, example: str) -> tuple[str, str]:
    name, sign, value = (part.strip() for part in text.partition("="))
    if not (name and sign and value):
        raise StudyError(f"{place}: must be as {example}, got {show(text)}")
    return name, value


def _domain(name: str, spec: StudySpec, place: str) -> Domain:
    space = spec.space
    if name in space.domains:
        return space.domains[name]
    if name in space.fixed:
        held = space.fixed[name]
        at = f"follows {held.other}" if isinstance(held, Following) else f"is fixed at {show(held)}"
        raise StudyError(f"{place}: {name}: is not searched, it {at}")
    if name in spec.hyperparameters:
        raise StudyError(f"{place}: {name}: no trial of this study has it")
    known = f"{place}: unknown hyperparameter {show(name).replace(chr(39), chr(34))}"
    raise StudyError(f"{known}, {nearest(name, space.names)}")


def _value(text: str, domain: Domain, where: str) -> Value:
    value = _parsed(text.strip(), domain)
    if isinstance(value, float) and not math.isfinite(value):
        raise StudyError(f"{where}: must be a finite number, got {show(text)}")
    try:
        domain.encode(value)
    except StudyError as error:
        raise StudyError(one_line(f"{where}: {error}")) from None
    return value


def _parsed(text: str, domain: Domain) -> Value:
    """The value that a text stands for in a domain; the text itself where it stands for none."""
    if isinstance(domain, Choice):
        return next((c for c in domain.choices if _is_written(text, c)), text)
    for kind in (float,) if isinstance(domain, Float) else (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _is_written(text: str, choice: Value) -> bool:
    if isinstance(choice, bool | str):
        return text == (str(choice).lower() if isinstance(choice, bool) else choice)
    try:
        return float(text) == choice
    except ValueError:
        return False


def _choices(wish: str, domain: Domain, where: str) -> list[Value]:
    if not isinstance(domain, Choice):
        low, high = domain.bounds
        rule = f"must be a range low..high within [{number(low)}, {number(high)}]"
        raise StudyError(f"{where}: {rule}, got {show(wish)}")
    found = [_value(one, domain, where) for one in wish.split("|")]
    return list(dict.fromkeys(found))


def _below(low: Value, high: Value, *, strictly: bool) -> bool:
    assert not isinstance(low, str)
    assert not isinstance(high, str)
    return low < high if strictly else low <= high

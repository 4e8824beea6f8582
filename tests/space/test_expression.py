"""Constraints: equal to Python's own arithmetic, deaf to everything else, and never slow."""

import math
import pickle
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from caviar.errors import StudyError
from caviar.space.expression import Expression
from caviar.space.grammar import MOST_CHARACTERS, MOST_DEPTH

FUNCTIONS = {
    "min": min,
    "max": max,
    "abs": abs,
    "log": math.log,
    "log10": math.log10,
    "sqrt": math.sqrt,
    "exp": math.exp,
}
NUMBERS = ("units", "layers", "rate")
VALUES = st.fixed_dictionaries(
    {
        "units": st.integers(-3, 200),
        "layers": st.integers(0, 4),
        "rate": st.sampled_from([0.0, 1e-4, 0.1, -0.5, 1.0, 3.0]),
        "optimizer": st.sampled_from(["sgd", "adam"]),
        "norm": st.booleans(),
    }
)


def number(depth: int = 3, *, total: bool = False) -> st.SearchStrategy[str]:
    """An expression that is a number; `total` ones have a value wherever they are calculated."""
    atoms = st.sampled_from([*NUMBERS, "0", "1", "2", "7.5", "1e-2", "-3"])
    if depth == 0:
        return atoms
    inner = number(depth - 1, total=total)
    operators = ["+", "-", "*"] if total else ["+", "-", "*", "/", "//", "%"]
    functions = ["abs"] if total else ["abs", "log", "log10", "sqrt"]
    pairs = st.tuples(inner, st.sampled_from(operators), inner)
    powers = st.tuples(inner, st.sampled_from([0, 1, 2, 3] if total else [-1, 0, 2, 3]))
    several = st.lists(inner, min_size=2, max_size=3).map(", ".join)
    return st.one_of(
        atoms,
        pairs.map(" ".join),
        pairs.map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda one: f"-({one})"),
        inner.map(lambda one: f"exp(min(max({one}, -5), 5))"),
        powers.map(lambda parts: f"({parts[0]}) ** {parts[1]}"),
        st.tuples(st.sampled_from(functions), inner).map(lambda parts: f"{parts[0]}({parts[1]})"),
        st.tuples(st.sampled_from(["min", "max"]), several).map(lambda p: f"{p[0]}({p[1]})"),
    )


def condition(depth: int = 2, *, total: bool = False) -> st.SearchStrategy[str]:
    """An expression that is true or false."""
    numbers = number(total=total)
    compare = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    alike = st.sampled_from(["==", "!="])
    atoms = st.one_of(
        st.tuples(numbers, compare, numbers).map(" ".join),
        st.tuples(numbers, compare, numbers, compare, numbers).map(" ".join),
        st.tuples(st.just("optimizer"), alike, st.sampled_from(["'sgd'", '"adam"'])).map(" ".join),
        st.sampled_from(
            [
                "norm",
                "True",
                "false",
                "norm == true",
                "optimizer in ['sgd', 'lamb']",
                "layers not in (2, -1)",
                "1 < layers in [1, 3]",
            ]
        ),
    )
    if depth == 0:
        return atoms
    inner = condition(depth - 1, total=total)
    joined = st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join)
    return st.one_of(
        atoms,
        joined,
        joined.map(lambda one: f"({one})"),
        inner.map(lambda one: f"not {one}"),
        st.tuples(inner, alike, inner).map(lambda p: f"({p[0]}) {p[1]} ({p[2]})"),
    )


def read(text: str) -> Expression:
    """The expression, unless a part of constants alone has no value, which is refused."""
    try:
        return Expression.parse(text)
    except StudyError as error:
        assert "has no value" in str(error) or "at most" in str(error), text  # noqa: PT017
        assume(False)
        raise


def python(text: str, values: dict) -> bool:
    """What Python says; what it cannot calculate does not hold."""
    names = {"true": True, "false": False, "__builtins__": {}, **FUNCTIONS}
    try:
        return bool(eval(text, names, values))
    except (ArithmeticError, ValueError):
        return False


@settings(deadline=None, max_examples=300)
@given(condition(), VALUES)
def test_it_is_what_python_would_say(text: str, values: dict) -> None:
    assert read(text).holds(values) is python(text, values)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("units * layers <= 400", True),
        ("units * layers < 400", False),
        ("2 + 3 * layers ** 2 == 50", True),
        ("-layers ** 2 == -16", True),
        ("not units == 100 or layers == 4", True),
        ("1 < layers <= 4 < units", True),
        ("units // 30 == 3 and units % 30 == 10", True),
        ("log10(units) == 2 and sqrt(layers) == 2", True),
        ("max(units, layers, 7) - min(1, layers) == 99", True),
        ("optimizer in ['adam', 'adamw'] and optimizer != 'sgd'", True),
        ("norm", False),
        ("norm == False", True),
        ("rate in [0.1, -0.1]", True),
    ],
)
def test_worked_out_by_hand(text: str, holds: bool) -> None:
    values = {"units": 100, "layers": 4, "rate": 0.1, "optimizer": "adam", "norm": False}
    assert Expression.parse(text).holds(values) is holds


@pytest.mark.parametrize(
    "text",
    [
        "1 / zero < 5 or not 1 / zero < 5",
        "units % zero == 0",
        "log(zero) < 5",
        "sqrt(-units) < 5",
        "(-units) ** 0.5 != 5",
        "exp(units) > 5",
        "units ** units ** units > 5",
        "-(units ** units ** units) < 5",
        "1e200 * units ** 100 > 5",
        "units ** 100 * units ** 100 > 5",
        "zero ** -1 > 5",
        "2 ** -(units ** 150) < 5",
    ],
)
def test_what_has_no_value_does_not_hold(text: str) -> None:
    started = time.thread_time()
    assert not Expression.parse(text).holds({"zero": 0, "units": 1000})
    assert time.thread_time() - started < 0.5


def test_powers_up_to_the_range_of_floats() -> None:
    assert Expression.parse("2 ** x > 5").holds({"x": 1023})
    assert not Expression.parse("2 ** x > 5").holds({"x": 1024})
    assert not Expression.parse("3 ** x > 5").holds({"x": 1023})
    assert Expression.parse("1 ** x == 1 and (-1) ** x == 1 and 0 ** x == 0").holds({"x": 10**300})


def test_a_part_that_does_not_decide_needs_no_value() -> None:
    expression = Expression.parse("layers == 0 or 400 / layers > 100")
    assert [expression.holds({"layers": n}) for n in (0, 3, 4)] == [True, True, False]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("momentum < 0.9", True),
        ("not momentum < 0.9", True),
        ("0.1 < momentum * 2 < 0.9", True),
        ("layers < momentum < 1", True),
        ("7 < layers < momentum", False),
        ("momentum in [0.5, 0.9]", True),
        ("layers > 7 and momentum < 0.9", False),
        ("layers < 7 and momentum < 0.9", True),
        ("layers > 7 or momentum < 0.9", True),
        ("not (layers < 7 or momentum < 0.9)", False),
        ("max(momentum, layers) > 7", True),
        ("(momentum < 0.9) == true", True),
    ],
)
def test_what_is_inactive_refuses_nothing(text: str, holds: bool) -> None:
    assert Expression.parse(text).holds({"layers": 4}) is holds


@settings(deadline=None, max_examples=200)
@given(condition(total=True), VALUES, VALUES, st.sampled_from([*NUMBERS, "optimizer", "norm"]))
def test_only_what_is_false_for_every_value_is_refused(
    text: str, values: dict, others: dict, name: str
) -> None:
    expression = read(text)
    without = {key: value for key, value in values.items() if key != name}
    if not expression.holds(without):
        assert not expression.holds(values)
        assert not expression.holds(without | {name: others[name]})


@settings(deadline=None, max_examples=100)
@given(condition(), condition(), VALUES, st.sets(st.sampled_from([*NUMBERS, "norm"])))
def test_and_says_what_a_list_says(one: str, other: str, values: dict, inactive: set) -> None:
    known = {key: value for key, value in values.items() if key not in inactive}
    both = read(f"({one}) and ({other})")
    assert both.holds(known) is (read(one).holds(known) and read(other).holds(known))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("units.real < 3", 'must not hold an attribute, got "units.real"'),
        ("__import__('os')", 'unknown function "__import__", known are min, max, abs, log'),
        ("eval('1')", 'unknown function "eval"'),
        ("(lambda: 1)() < 3", "must not hold a call of what is no function's name"),
        ("units.__class__() < 3", "must not hold a call of what is no function's name"),
        ("(lambda: 1) == 3", 'must not hold a lambda, got "lambda: 1"'),
        ("[u for u in units] == 3", "must not hold a loop"),
        ("max(u for u in units) < 3", "max must be of two numbers or more"),
        ("max(*units, 3) < 3", "must not hold a star"),
        ("units[0] < 3", "must not hold a subscript"),
        ("{1: 2} == units", "must not hold a table"),
        ("{1} == units", "must not hold a set"),
        ("f'{units}' == 'a'", "must not hold a formatted text"),
        ("(units := 3) < 4", "must not hold an assignment"),
        ("(yield units) < 4", "must not hold what Python calls Yield"),
        ("1 if units else 2", "must not hold an if"),
        ("units & 3 == 2", "must not hold an operator that is none of + - * / // % **"),
        ("~units < 3", "must not hold a sign that is not a minus"),
        ("[units] == 3", 'must not hold a list that is not behind "in"'),
        ("units < 3, layers < 4", 'must not hold a list that is not behind "in"'),
        ("units is 3", 'must compare by == or !=, not by "is"'),
        ("units in layers", 'must have a list behind "in", as [32, 64], got "layers"'),
        ("units in []", 'must have a list behind "in"'),
        ("units in [1, 'a']", "must list things of one kind, got \"[1, 'a']\""),
        ("units in [-True]", "must calculate with numbers, got true or false"),
        ("units in [-'a']", "must calculate with numbers, got text"),
        ("units in [layers]", "must list numbers, texts or true and false"),
        ("units in [1] == [1]", 'must end with the list behind "in"'),
        ("3j < units", "must hold numbers, texts, true and false only"),
        ("b'a' == units", "must hold numbers, texts, true and false only"),
        ("None == units", "must hold numbers, texts, true and false only"),
        ("units < 1e999", 'must hold finite numbers, got "1e999"'),
        (f"units < {'9' * 400}", "must hold finite numbers"),
        ("9 ** 9 ** 9 < units", '"9 ** 9 ** 9" has no value, or one too large'),
        ("units < 1 / (2 - 2)", '"1 / (2 - 2)" has no value'),
        ("min(units) < 3", "min must be of two numbers or more"),
        ("log(units, 2) < 3", "log must be of one number"),
        ("log(x=units) < 3", "log must be of one number"),
        ("min < 3", "min is a function and must be called, as min(a, b)"),
        ("units = 3", 'is no expression: invalid syntax, got "units = 3" at character 7'),
        ("units <", 'is no expression: invalid syntax, got "units <"'),
        ("", "is no expression"),
        ("import os", "is no expression"),
        ("units < 3; layers < 4", "is no expression"),
        ("1and units", "is no expression"),
        ("\x00units < 3", r"must not hold the character '\x00'"),
        ("ünits < 3", r"must not hold the character '\xfc'"),
        ("\uff55nits < 3", r"must not hold the character '\uff55'"),
        ("units < 3 # or so", "must not hold the character '#'"),
        ("units == '\\x41'", r"must not hold the character '\\'"),
        ("units + 1", "must be true or false of a trial"),
        ("'adam' * 9 < units", "must calculate with numbers, got text"),
        ("true + 1 < units", "must calculate with numbers, got true or false"),
        ("units < 'adam'", "must put only numbers in order, got text in \"units < 'adam'\""),
        ("3 < 'adam'", "must compare like with like, got a number and text"),
        ("units and 3", "must join conditions, got a number"),
        ("not 3", "must negate a condition, got a number"),
        ("a" * 100_000, f"must have at most {MOST_CHARACTERS} characters, got 100000"),
        ("(" * 400 + "units" + ")" * 400, "is no expression: too many nested parentheses"),
        ("-" * 900 + "units < 3", f"must not be nested more than {MOST_DEPTH} deep"),
        ("not " * 240 + "units", f"must not be nested more than {MOST_DEPTH} deep"),
        ("+".join(["units"] * 160) + " < 3", f"must not be nested more than {MOST_DEPTH} deep"),
        ("[" * 150 + "]" * 150 + " == units", "must not hold a list"),
    ],
)
def test_whatever_else_is_refused_in_one_line(text: str, message: str) -> None:
    started = time.thread_time()
    with pytest.raises(StudyError) as caught:
        Expression.parse(text)
    assert time.thread_time() - started < 0.5
    assert (str(caught.value) + " ").startswith(message)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.text(), st.text("units <=>!()[]{}+-*/%.,:'\"@0123456789e_notandrilambda\\\n#")))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        Expression.parse(text).holds({})
    except StudyError as error:
        assert str(error).isprintable()  # noqa: PT017


def test_nesting_up_to_its_bound() -> None:
    assert Expression.parse("not " * MOST_DEPTH + "norm").holds({"norm": True})
    with pytest.raises(StudyError, match="must not be nested more than"):
        Expression.parse("not " * (MOST_DEPTH + 1) + "norm")


def test_kinds_are_checked_where_they_are_known() -> None:
    expression = Expression.parse("units < size")
    expression.check({"units": "a number"})
    with pytest.raises(StudyError) as caught:
        expression.check({"units": "a number", "size": "text"})
    assert str(caught.value) == (
        'must compare like with like, got a number and text in "units < size"'
    )
    with pytest.raises(StudyError, match="true or false of a trial"):
        Expression.parse("size").check({"size": "text"})
    with pytest.raises(StudyError, match="got a number and text"):
        Expression.parse("size in ['a']").check({"size": "a number"})


def test_texts_are_never_multiplied() -> None:
    with pytest.raises(TypeError):
        Expression.parse("size * 10 ** 12 != 3").holds({"size": "a"})


def test_names_stand_once_and_in_their_order() -> None:
    text = "b * 2 < max(a, b) and true or c in [1]"
    assert Expression.parse(text).names == ("b", "a", "c")


def test_it_is_its_text() -> None:
    expression = Expression.parse(" units\n  < 3 ")
    assert str(expression) == expression.text == "units < 3"
    assert expression == Expression.parse("units < 3") != Expression.parse("units < 4")
    again = pickle.loads(pickle.dumps(expression))
    assert again == expression
    assert hash(again) == hash(expression)
    assert (again.holds({"units": 2}), again.holds({"units": 3})) == (True, False)

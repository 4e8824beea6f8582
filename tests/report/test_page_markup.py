"""Text made safe for HTML, for JSON in HTML and for Plotly."""

import html
import json
import math
from html.parser import HTMLParser

import pytest
from hostile import hostile

from caviar.report.page.markup import (
    Html,
    clipped,
    figures,
    finite,
    json_block,
    plotly,
    safe,
    tag,
    value_text,
)
from caviar.study.wording import one_line

NAMES = hostile()


class Texts(HTMLParser):
    """What a parser makes of it: tags and the text between them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def read(markup: str) -> Texts:
    found = Texts()
    found.feed(markup)
    found.close()
    return found


def test_there_are_three_hundred_of_them() -> None:
    assert len(NAMES) == len(set(NAMES)) == 300


def test_a_name_stays_text() -> None:
    for name in NAMES:
        found = read(tag("p", name, title=name))
        assert found.tags == ["p"]
        assert found.text == one_line(name)
        assert found.attributes == [("title", one_line(name))]


def test_a_name_in_a_data_block_neither_ends_it_nor_changes() -> None:
    for name in NAMES:
        block = json_block("data-x", {"name": [name]})
        start, end = block.index(">") + 1, block.index("</script>")
        assert end == len(block) - len("</script>")
        inside = block[start:end]
        assert json.loads(inside) == {"name": [name]}
        assert inside.isascii()
        assert not set("<>&") & set(inside)


def test_plotly_sees_no_markup_of_a_name() -> None:
    for name in NAMES:
        shown = plotly(name)
        assert "<" not in shown
        assert ">" not in shown
        assert html.unescape(shown) == clipped(name)
        assert len(clipped(name)) <= 200


def test_markup_of_our_own_is_not_escaped_twice() -> None:
    assert tag("p", tag("b", "a & b")) == "<p><b>a &amp; b</b></p>"
    assert tag("p", Html("<i>x</i>"), "<") == "<p><i>x</i>&lt;</p>"
    assert safe(safe("<")) == "&lt;"


def test_attributes_may_stand_alone_or_be_left_out() -> None:
    assert (
        tag("input", checked=True, disabled=False, value=0, id=None) == '<input checked value="0">'
    )
    assert tag("p", class_="a", aria_label="b") == '<p class="a" aria-label="b"></p>'


def test_what_is_not_finite_becomes_nothing() -> None:
    told = {"a": [1.0, math.nan, (math.inf,)], "b": "nan"}
    assert finite(told) == {"a": [1.0, None, [None]], "b": "nan"}
    assert figures(math.nan) is None
    assert figures(0.123456789) == 0.1235


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "\u2013"), (True, "true"), (0.0001, "0.0001"), (0.9, "0.9"), (0.99427, "0.99427"),
        (0.999, "0.999"), (32, "32"), ("adam", "adam"), (0.999999, "0.999999"),
    ],
)  # fmt: skip
def test_values_keep_what_tells_them_apart(value, shown) -> None:
    assert value_text(value) == shown

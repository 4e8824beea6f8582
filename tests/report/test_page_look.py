"""What a designer and a screen reader ask of the page: contrast, headings, tables that tell."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from page_studies import card_of, journalled, planted, write_winner
from test_page_document import Page

from caviar.report.evidence import evidence
from caviar.report.page.confusion import worst_part
from caviar.report.page.document import document, style_sheet
from caviar.report.page.palette import CATEGORIES, DARK, LIGHT, SEQUENCE
from caviar.report.page.scores import Scores
from caviar.report.page.sections import sections
from caviar.report.page.tables import MOST_SEEN, diary_table, table

GROUNDS = ("paper", "card")
TEXTS = ("ink", "soft", "accent", "cool", "good", "bad", "warn")
MARKS = ("faint", *(name[1:] for name in (*SEQUENCE, *CATEGORIES)))


def luminance(colour: str) -> float:
    """Relative, by WCAG 2.2."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_contrast_is_that_of_wcag_aa(theme) -> None:
    for text in TEXTS:
        assert min(contrast(theme[text], theme[g]) for g in (*GROUNDS, "wash")) >= 4.5, text
    assert contrast(theme["tip"], theme["tipink"]) >= 4.5
    for mark in MARKS:
        assert contrast(theme[mark], theme["card"]) >= 3, mark
    steps = [luminance(theme[name[1:]]) for name in SEQUENCE]
    assert steps == sorted(steps, reverse=theme is LIGHT)
    assert contrast(theme["cool"], theme["band"]) >= 3  # a round's trials on its box


def test_every_colour_of_the_style_is_in_both_palettes() -> None:
    used = set(re.findall(r"var\(--([a-z0-9]+)\)", style_sheet())) - {"tone"}
    assert used <= set(LIGHT)
    assert set(LIGHT) == set(DARK)


def test_headings_step_down_one_at_a_time() -> None:
    page = Page(document(planted(30, card=card_of(["a", "b"], {"learning_rate": 0.1}))))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_head_of_a_table_says_what_it_heads_and_every_picture_what_it_shows() -> None:
    page = Page(document(planted(30, card=card_of(["a", "b"], {"learning_rate": 0.1}))))
    assert all("scope" in a for tag, a in page.tags if tag == "th")
    pictures = [a for _, a in page.tags if a.get("role") == "img" or "src" in a]
    assert len(pictures) > 5
    assert all(a.get("aria-label") or a.get("alt") for a in pictures)


def test_a_row_that_becomes_a_card_keeps_its_heads_and_stays_a_table() -> None:
    day = {
        "panda": 1, "day": 1, "from": 0, "copied_from": None, "first_epoch": 1, "last_epoch": 3,
        "train_loss": 0.5, "dev_accuracy": 0.9, "verdict": "better", "why": 'a "<b>" why',
        "changed": {"learning_rate": (0.1, 0.2)},
    }  # fmt: skip
    page = Page(str(diary_table([day])))
    cells = [a for tag, a in page.tags if tag in ("td", "th") and "data-head" in a]
    assert [a["data-head"] for a in cells] == [
        *("day", "from day", "epochs", "train loss", "dev accuracy", "verdict", "changed", "why")
    ]
    assert [a["role"] for a in cells] == ["rowheader", *["cell"] * 7]
    roles = [a["role"] for tag, a in page.tags if tag in ("table", "tbody", "tr") and "role" in a]
    assert roles == ["table", "rowgroup", "row"]


def test_only_long_tables_scroll_in_their_frame() -> None:
    rows = [(k, k) for k in range(MOST_SEEN + 1)]
    assert 'class="scroll tall"' in table(("a", "b"), rows)
    assert 'class="scroll"' in table(("a", "b"), rows[1:])
    assert "<thead>" not in table(("", ""), rows)


def test_the_answer_comes_first_and_what_was_searched_after(tmp_path) -> None:
    study = tmp_path / "study"
    journalled(study, 8)
    write_winner(study, card_of(["a", "b"], {"learning_rate": 0.01}), (8, 8), 2)
    found = evidence(study)
    order = [part.identity for part in sections(Scores(found))]
    assert order[:5] == ["result", "advice", "confusion", "worst", "curves"]
    assert order[-1] == "card"
    # A picture that waits to be looked at is missing on paper.
    assert "lazy" not in str(worst_part(found))


def test_what_has_nothing_to_draw_says_so() -> None:
    study = planted(10)
    curves = {7: study.curves[7][-1:]}
    lost = [row | {"state": "diverged", "best_epoch": None} for row in study.account["trials"]]
    told = {**study.account, "best": None, "trials": lost}
    parts = {p.identity: p for p in sections(Scores(replace(study, account=told, curves=curves)))}
    assert "isolation" not in parts
    assert "curves" in parts

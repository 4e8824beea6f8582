"""The page's diagnosis: what the command tells, with commands and lines to paste as code."""

import html
from dataclasses import replace

import pytest
from page_studies import journalled

from caviar.report.causes import NAMES
from caviar.report.diagnosis import diagnose_for_keeping
from caviar.report.page.advice import diagnosis_part


@pytest.fixture
def study(tmp_path):
    found = journalled(tmp_path / "my <b>study")
    curves = {
        trial: [replace(m, train_accuracy=0.7, dev_accuracy=0.3) for m in curve]
        for trial, curve in found.curves.items()
    }
    return replace(found, curves=curves)  # both bias and variance


def test_a_command_is_code_and_names_no_folder_of_the_writers(study, tmp_path):
    shown = diagnosis_part(study)
    steps = diagnose_for_keeping(study).recipe
    commands = [step.command for step in steps if step.command]
    assert commands
    for command in commands:
        assert f"<code>{html.escape(command)}</code>" in shown
    assert str(tmp_path) not in shown
    assert "`" not in shown
    assert "<b>study" not in shown


def test_each_cause_has_a_list_of_its_own(study):
    shown = diagnosis_part(study)
    causes = {step.against for step in diagnose_for_keeping(study).recipe}
    for cause in causes:
        assert f"What to try against {NAMES[cause]}, the first thing first" in shown
    assert shown.count("<ol") == len(causes)


def test_the_figures_are_those_of_the_command(study):
    told = diagnose_for_keeping(study)
    for points in (told.bias, told.variance):
        assert str(points) in diagnosis_part(study)


def test_a_study_without_a_result_says_so_without_its_folder(study):
    shown = diagnosis_part(replace(study, curves={}, account=study.account | {"best": None}))
    assert (
        shown
        == "<p>study digits: no trial has been measured yet, so there is nothing to diagnose</p>"
    )

"""Exports are whole or not there, and replace nothing but exports."""

import os

import pytest
from exported_studies import make_study

from caviar.errors import StudyError
from caviar.report.exports.material import material
from caviar.report.exports.missing import needs
from caviar.report.exports.placing import MARK, cleared, placed_file, placed_folder

ODD = "a [x]* 'b' \"c\" é"


def make_file(place, text="new", force=False):
    with placed_file(place, force=force) as draft:
        draft.write_text(text)
        draft.with_name(f"{draft.name}-wal").write_text("beside")


def make_folder(place, text="new", force=False):
    with placed_folder(place, force=force) as draft:
        (draft / "in").write_text(text)


@pytest.mark.parametrize("name", ["plain", ODD])
def test_a_file_is_there_when_it_is_whole(tmp_path, name):
    place = tmp_path / "deeper" / name
    make_file(place)
    assert place.read_text() == "new"
    assert os.listdir(place.parent) == [name]


@pytest.mark.parametrize("name", ["plain", ODD])
@pytest.mark.parametrize("make", [make_file, make_folder])
def test_what_is_there_is_replaced_only_by_force(tmp_path, make, name):
    place = tmp_path / name
    make(place, "old")
    with pytest.raises(StudyError, match="is there already; --force replaces it"):
        make(place)
    read = place if make is make_file else place / "in"
    assert read.read_text() == "old"
    make(place, force=True)
    assert read.read_text() == "new"
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("placed", [placed_file, placed_folder])
def test_an_error_leaves_all_as_it_was(tmp_path, placed, error):
    place = tmp_path / ODD
    make = make_file if placed is placed_file else make_folder
    make(place, "old")

    def half():
        with placed(place, force=True) as draft:
            (draft if placed is placed_file else draft / "in").write_text("half")
            raise error

    with pytest.raises(error):
        half()
    assert (place if placed is placed_file else place / "in").read_text() == "old"
    assert os.listdir(tmp_path) == [ODD]


def test_only_our_own_folders_are_replaced(tmp_path):
    place = tmp_path / "home"
    place.mkdir()
    make_folder(place)  # it was empty
    (place / MARK).unlink()
    for clear in (make_folder, cleared):
        with pytest.raises(StudyError, match="was not made by caviar export; it is never replaced"):
            clear(place, force=True)
    assert (place / "in").read_text() == "new"


def test_a_journal_is_never_replaced(tmp_path):
    make_study(tmp_path / "tried", trials=2)
    journal = tmp_path / "tried" / "journal.sqlite3"
    with pytest.raises(StudyError, match="is a study's journal; it is never replaced"):
        make_file(journal, force=True)
    with pytest.raises(StudyError, match="was not made by caviar export"):
        make_folder(tmp_path / "tried", force=True)
    assert len(material(tmp_path / "tried").lives) == 2


def test_a_file_is_no_folder_and_the_other_way_round(tmp_path):
    make_file(tmp_path / "file")
    with pytest.raises(StudyError, match="is a file; give the name of a folder"):
        make_folder(tmp_path / "file", force=True)
    with pytest.raises(StudyError, match="is a folder; give the name of a file"):
        make_file(tmp_path, force=True)


def test_a_disk_that_says_no_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    for make in (make_file, make_folder):
        with pytest.raises(StudyError, match=r"cannot be written: (Not a directory|File exists)$"):
            make(tmp_path / "file" / "below")


def test_a_tool_that_is_missing_is_named_with_its_extra():
    with pytest.raises(StudyError) as error, needs("mlflow"):
        raise ModuleNotFoundError("No module named 'mlflow'")
    assert str(error.value) == (
        "export: needs mlflow, which cannot be imported (No module named 'mlflow'); "
        "to install it: pip install 'caviar[mlflow]'"
    )


def test_a_study_without_trials_has_nothing_to_export(tmp_path):
    from exported_studies import spec_of

    from caviar.study.journal import Journal

    spec = spec_of()
    Journal.create(tmp_path / "tried", spec.to_json(), spec.fingerprint).close()
    with pytest.raises(StudyError, match="the study has no trials yet"):
        material(tmp_path / "tried")

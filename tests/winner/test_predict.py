"""`caviar predict`: what a file holds, what the winner says of it, and one line for a mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import made_networks
import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from caviar import cli_predict
from caviar.errors import StudyError
from caviar.winner import columns
from caviar.winner.about import CHECKPOINT, FILE, About
from caviar.winner.columns import Column
from caviar.winner.examples import read_examples
from caviar.winner.network import Network
from caviar.winner.predict import Winner

CLASSES = ("cat", "dog", "ünit", "<b>bold\n")
BYTES = About(CLASSES, (3, 2), "uint8", 0.0, 255.0)
TABLE = About(
    CLASSES,
    (5,),
    "float32",
    -1.0,
    900.0,
    (Column("age"), Column("town", ("Ulm", "Wien")), Column("kind", ("1", "2"))),
)
ROW = [30.0, 0.0, 1.0, 1.0, 0.0]


def put(folder, about=BYTES):
    """A study directory with a winner, and its network."""
    winner = folder / "study" / "winner"
    winner.mkdir(parents=True)
    data = made_networks.checkpoint(about.shape)
    (winner / FILE).write_text(about.to_json(), "utf-8")
    (winner / CHECKPOINT).write_bytes(data)
    return folder / "study", Network.from_checkpoint(data, about.shape)


def run(*words):
    app = typer.Typer()
    app.command("other")(lambda: None)
    cli_predict.register(app)
    return CliRunner().invoke(app, ["predict", *map(str, words)])


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def text(path, words):
    path.write_text(words, "utf-8")
    return path


def of_text(tmp_path, words, about=TABLE):
    return read_examples(text(tmp_path / "a.csv", words), about).x


def test_a_line_an_example_the_likeliest_class_first(tmp_path):
    study, network = put(tmp_path)
    x = made_networks.raw(12, (3, 2))
    result = run(study, npz(tmp_path / "a.npz", x=x))
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert len(lines) == 12  # a class's newline is escaped
    expected = network.probabilities(x)
    for row, line in enumerate(lines):
        place = int(expected[row].argmax())
        name = ("cat", "dog", "ünit", r"<b>bold\n")[place]
        rest = "" if expected[row, place] > 0.9998 else "   "
        assert line.startswith(f"{row:>2}: {name} {expected[row, place]:.4f}{rest}")
        assert line.count(".") == (expected[row] >= 5e-5).sum()


def test_json_has_all_digits(tmp_path):
    study, network = put(tmp_path)
    x = made_networks.raw(3, (3, 2))
    found = json.loads(run(study, npz(tmp_path / "a.npz", x=x), "--json").output)
    assert found["classes"] == list(CLASSES)
    told = np.array([each["probabilities"] for each in found["examples"]], np.float32)
    np.testing.assert_array_equal(told, network.probabilities(x))
    assert [e["class"] for e in found["examples"]] == [CLASSES[p] for p in told.argmax(axis=1)]


def test_of_many_classes_only_the_likeliest_are_told():
    from caviar.winner.predict import Predictions

    found = Predictions(tuple("abc"), np.array([[0.2, 0.5, 0.3]], np.float32))
    assert [name for name, _ in found.likeliest(0, 2)] == ["b", "c"]


def test_the_winners_folder_alone_will_do(tmp_path):
    study, _ = put(tmp_path)
    file = npz(tmp_path / "a.npz", x=made_networks.raw(3, (3, 2)))
    assert run(study / "winner", file).output == run(study, file).output != ""


@pytest.mark.parametrize("shape", [(4, 3, 2), (4, 6), (3, 2), (6,)])
def test_npz_examples_come_in_their_shape_or_flat_many_or_one(tmp_path, shape):
    x = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    found = read_examples(npz(tmp_path / "a.npz", x=x, y=np.zeros(4)), BYTES).x
    np.testing.assert_array_equal(found.reshape(-1, 6), x.reshape(-1, 6))


HEADED = "p,q,r,s,t,u\n"
PLAIN = "1,2,3,4,5,6\n7,8, 9,10,11,1e1\n"


@pytest.mark.parametrize("first", ["", HEADED, "\n\n" + HEADED, "\ufeff", "\ufeff" + HEADED])
def test_csv_has_a_column_a_feature_and_perhaps_a_line_of_names(tmp_path, first):
    found = of_text(tmp_path, first + PLAIN + "\n", BYTES)
    np.testing.assert_array_equal(found, [[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 10]])


def test_columns_that_pandas_counted_are_names(tmp_path):
    about = About(CLASSES, (9,))
    counted, nines = ",".join(map(str, range(9))) + "\n", "9," * 8 + "9\n"
    assert of_text(tmp_path, counted + nines, about).tolist() == [[9.0] * 9]
    assert len(of_text(tmp_path, "0,1,2,3,4,5\n" + PLAIN, BYTES)) == 3  # so few may be an example


@pytest.mark.parametrize(
    "words",
    [
        "30,Wien,1\n",
        "age,town,kind\n30,Wien,1\n",
        "label,kind,extra, town ,age\nyes,1.0,,Wien,3e1\n",
    ],
)
def test_a_tables_columns_are_found_by_name_or_in_order(tmp_path, words):
    np.testing.assert_array_equal(of_text(tmp_path, words), [ROW])


def test_truths_are_numbers(tmp_path):
    assert of_text(tmp_path, "True,Ulm,2\n")[0].tolist() == [1, 1, 0, 0, 1]


@pytest.mark.parametrize(("shape", "mode"), [((3, 2), "L"), ((3, 2, 1), "L"), ((3, 2, 3), "RGB")])
@pytest.mark.parametrize("given", ["L", "RGB", "RGBA", "P", "1"])
def test_images_get_the_data_sets_channels(tmp_path, shape, mode, given):
    image = Image.fromarray(made_networks.raw(1, (3, 2, 3))[0]).convert(given)
    image.save(tmp_path / "a.png")
    found = read_examples(tmp_path / "a.png", About(CLASSES, shape, "uint8", 0.0, 255.0)).x
    expected = np.asarray(image.convert(mode)).reshape(1, *shape)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.uint8


def test_a_jpeg_too(tmp_path):
    Image.new("RGB", (2, 3), (200, 100, 50)).save(tmp_path / "a.JPG", format="JPEG")
    found = read_examples(tmp_path / "a.JPG", About(CLASSES, (3, 2, 3))).x
    assert abs(found[0, 0, 0].astype(int) - (200, 100, 50)).max() < 5


def test_numbers_of_another_range_are_remarked_upon(tmp_path):
    study, _ = put(tmp_path, About(CLASSES, (3, 2), "float32", 0.0, 1.0))
    x = 255.0 * np.ones((2, 3, 2), np.float32)
    result = run(study, npz(tmp_path / "a.npz", x=x))
    assert "has numbers from 255 to 255, the study's data from 0 to 1" in result.stderr
    assert len(result.stdout.splitlines()) == 2
    assert "range" not in run(study, npz(tmp_path / "b.npz", x=x / 255)).output


MISTAKES = {
    "no such file": (lambda p: p / "a.csv", "a.csv: cannot be read: No such file or directory"),
    "a folder": (lambda p: p, ": must be a .npz, a .csv or an image (.bmp"),
    "another kind": (lambda p: text(p / "a.txt", "1"), "a.txt: must be a .npz, a .csv or an im"),
    "no zip": (lambda p: text(p / "a.npz", "1"), "must be a .npz of arrays without pickles"),
    "pickles": (lambda p: npz(p / "a.npz", x=np.array([{}])), "arrays without pickles"),
    "other arrays": (lambda p: npz(p / "a.npz", y=1, z=2), "must hold an array x, got y, z"),
    "texts": (lambda p: npz(p / "a.npz", x=np.array(["a"])), "x must be numbers, got <U1"),
    "wrong shape": (
        lambda p: npz(p / "a.npz", x=np.ones((4, 2, 3))),
        "x must be examples of 3 x 2, got [4, 2, 3]",
    ),
    "a number": (lambda p: npz(p / "a.npz", x=1), "x must be examples of 3 x 2, got []"),
    "NaN": (
        lambda p: npz(p / "a.npz", x=np.array([[1.0] * 6, [np.nan] * 6])),
        "x must be finite numbers in float32, row 1 is not",
    ),
    "too large": (lambda p: npz(p / "a.npz", x=[[1e300] * 6]), "float32, row 0 is not"),
    "nobody": (lambda p: npz(p / "a.npz", x=np.zeros((0, 6))), "must hold examples, got none"),
    "empty": (lambda p: text(p / "a.csv", "\n"), "must hold examples, got none"),
    "names alone": (lambda p: text(p / "a.csv", HEADED), "must hold examples, got none"),
    "few columns": (
        lambda p: text(p / "a.csv", PLAIN + "1,2\n"),
        "a.csv: line 3: must have 6 columns, got 2",
    ),
    "a slip": (
        lambda p: text(p / "a.csv", HEADED + PLAIN + "1,2,3,x,5,6\n"),
        "line 4, column 's': must be a number, got 'x'",
    ),
    "a slip at once": (lambda p: text(p / "a.csv", "1,2,3,x,5,6\n"), "line 1, column '3': must"),
    "missing": (
        lambda p: text(p / "a.csv", "1,2,3,,5,6\n"),
        "column '3': must have a value, got ''",
    ),
    "nan": (lambda p: text(p / "a.csv", "1,2,3,nan,5,6\n"), "must have a value, got 'nan'"),
    "infinite": (
        lambda p: text(p / "a.csv", "1,2,3,inf,5,6\n"),
        "must be a finite number in float",
    ),
    "semicolons": (lambda p: text(p / "a.csv", "1;2;3\n"), "separated by commas, got semicolons"),
    "no text": (lambda p: latin(p / "a.csv"), "must be text in UTF-8, got the byte 0xfc"),
    "no image": (lambda p: text(p / "a.png", "1"), "a.png: cannot be read as an image"),
    "a torn image": (lambda p: torn(p / "a.png"), "a.png: cannot be read"),
    "wrong size": (lambda p: image(p / "a.png", (3, 2)), "must be 3 x 2 pixels (height x width)"),
    "wide": (lambda p: image(p / "a.png", (2, 3), "I;16"), "must have 8 bits a channel, got more"),
    "a bomb": (lambda p: image(p / "a.png", (20000, 20000), "1"), "must be 3 x 2 pixels"),
}


def latin(path):
    path.write_bytes("1,ü".encode("latin-1"))
    return path


def image(path, size, mode="L"):
    Image.new(mode, size).save(path)
    return path


def torn(path):
    Image.fromarray(made_networks.raw(1, (3, 2))[0]).save(path)
    path.write_bytes(path.read_bytes()[:-30])
    return path


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_file_that_will_not_do_is_one_line(tmp_path, mistake):
    study, _ = put(tmp_path)
    make, message = MISTAKES[mistake]
    with pytest.raises(StudyError) as caught:
        Winner.load(study).of_file(make(tmp_path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("age,town\n30,Wien\n", "must have a column 'kind' once, got it not at all"),
        ("age,town,kind,age\n30,Wien,1,2\n", "must have a column 'age' once, got it twice"),
        ("a,b,c\n30,Wien,1\n", "must have a column 'age' once, got it not at all"),
        ("30,Wien\n", "line 1: must have 3 columns, got 2"),
        ("age,town,kind\n30,Wien\n", "line 2: must have 3 columns, got 2"),
        ("30,Graz,1\n", "line 1, column 'town': must be a text of the data set: got 'Graz'"),
        ("30,,1\n", "line 1, column 'town': must have a value, got ''; fill it in first"),
        ("NA,Wien,1\n", "line 1, column 'age': must have a value, got 'NA'; fill it in first"),
    ],
)
def test_a_table_of_other_columns_is_one_line(tmp_path, words, message):
    with pytest.raises(StudyError) as caught:
        of_text(tmp_path, words)
    assert message in str(caught.value)


def test_an_image_is_not_a_row(tmp_path):
    with pytest.raises(StudyError, match="is an image, and the study's examples are rows of 5"):
        read_examples(image(tmp_path / "a.png", (2, 3)), TABLE)


@pytest.mark.parametrize("damage", ["nowhere", "no winner", "torn", "format", "no checkpoint"])
def test_a_winner_that_is_not_there_is_one_line(tmp_path, damage):
    study, _ = put(tmp_path)
    folder = study / "winner"
    message = "is damaged"
    if damage == "nowhere":
        study, message = tmp_path / "else", "there is no such directory"
    elif damage == "no winner":
        folder.rename(tmp_path / "gone")
        message = f"{study}: has no winner yet; `caviar winner {study}` finds one"
    elif damage == "torn":
        (folder / FILE).write_text(BYTES.to_json()[:40])
    elif damage == "format":
        (folder / FILE).write_text(BYTES.to_json().replace('"format": 1', '"format": 2'))
        message = "format must be 1, got 2"
    else:
        (folder / CHECKPOINT).write_bytes(b"PK")
        message = f"{folder / CHECKPOINT}: not a checkpoint"
    with pytest.raises(StudyError) as caught:
        Winner.load(study)
    assert message in str(caught.value)


def test_what_is_about_a_model_survives_its_file(tmp_path):
    text(tmp_path / FILE, TABLE.to_json())
    assert About.load(tmp_path / FILE) == TABLE


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_new_rows_become_the_features_that_the_table_became(tmp_path, suffix):
    """Against `caviar.data`: the same rows, as they stand in the file, without the label."""
    import pandas as pd

    from caviar.data.request import Request
    from caviar.data.table import read_table

    frame = pd.DataFrame(
        {
            "size": [1.5, 2.5, -3.0, 4.0] * 5,
            "label": ["a", "b", "b", "a"] * 5,
            "town": ["Ulm", "Wien", "Graz", "Ulm"] * 5,
            "code": [3, 1, 2, 3] * 5,
            "open": [True, False, True, True] * 5,
            "name": [f"n{row}" for row in range(20)],
        }
    )
    path = tmp_path / f"a{suffix}"
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    asked = {"path": str(path), "label": "label", "drop": ("name",), "categorical": ("code",)}
    expected = read_table(path, Request(**asked)).splits["train"].x
    found = columns.columns_of([*asked.items(), ("feed", "auto")])
    assert [column.name for column in found] == ["size", "town", "code", "open"]
    about = About(("a", "b"), (expected.shape[1],), columns=found)
    rows = frame.drop(columns="label")
    rows.to_csv(tmp_path / "new.csv", index=False)
    np.testing.assert_array_equal(read_examples(tmp_path / "new.csv", about).x, expected)


@pytest.mark.parametrize("missing", ["mean", "median", "most_frequent"])
def test_missing_values_are_filled_in_as_in_training(tmp_path, missing):
    """Against `caviar.data`: the training part as it was cut, from its own rows with the gaps."""
    import pandas as pd

    from caviar.data.load import load_dataset, read_source
    from caviar.data.request import Request

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"label": ["a", "b"] * 40, "size": rng.integers(0, 9, 80) / 2})
    frame["town"] = rng.choice(["Ulm", "Wien", "Graz"], 80)
    frame.loc[::7, "size"] = np.nan
    frame.loc[::5, "town"] = None
    frame["row"] = rng.permutation(80) / 4
    frame.to_csv(tmp_path / "a.csv", index=False)
    asked = {"path": str(tmp_path / "a.csv"), "label": "label", "missing": missing}
    data = load_dataset(Request(**asked), 0)
    about = About(("a", "b"), (5,), columns=columns.columns_of(list(asked.items()), data.fills))
    text(tmp_path / FILE, about.to_json())
    found = read_examples(tmp_path / "a.csv", About.load(tmp_path / FILE)).x
    assert np.isnan(read_source(Request(**asked)).splits["train"].x).any()
    expected = {tuple(row) for part in (data.train, data.dev, data.test) for row in part.x}
    assert {tuple(row) for row in found} == expected
    with pytest.raises(StudyError, match="column 'row': must have a value"):
        of_text(tmp_path, "size,town,row\n1,Ulm,\n", about)


def test_a_text_that_reads_like_nothing_is_a_text_where_it_was_one(tmp_path):
    about = About(CLASSES, (2,), columns=(Column("extra", ("none", "some")),))
    assert of_text(tmp_path, "extra\nnone\nsome\n", about).tolist() == [[1, 0], [0, 1]]


def test_names_that_utf8_cannot_hold_survive_the_file(tmp_path):
    about = About(("a\udcff", 'b"\\'), (2,))
    text(tmp_path / FILE, about.to_json())
    assert About.load(tmp_path / FILE) == about


@pytest.mark.parametrize("data", [[("name", "digits")], [("path", "/nowhere/a.npz")]])
def test_other_data_have_no_columns(data):
    assert columns.columns_of(data) == ()


def test_it_needs_no_tensorflow(tmp_path):
    study, _ = put(tmp_path)
    file = npz(tmp_path / "a.npz", x=made_networks.raw(3, (3, 2)))
    code = (
        "import sys, pathlib\n"
        "from caviar.cli_predict import predict\n"
        f"predict(pathlib.Path({str(study)!r}), pathlib.Path({str(file)!r}), True)\n"
        "assert not {'tensorflow', 'keras', 'ray', 'pandas'} & set(sys.modules)\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=root)

"""Every mistake in a study file is one line: file, key, rule and value."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from caviar.errors import StudyError
from caviar.study.reading import LONGEST_FILE
from caviar.study.spec import StudySpec

RESOURCES = (
    "cpus_per_slice, gpus_per_slice, slices_per_gpu, accelerator, max_slices, stack, checkpoint_s"
)
MISTAKES = [
    # What the metric cannot have.
    (
        "[budget]\ntarget = 99",
        "budget.target: must be above 0 and at most 1, as dev_accuracy is, got 99.0",
    ),
    (
        "[budget]\ntarget = 0",
        "budget.target: must be above 0 and at most 1, as dev_accuracy is, got 0.0",
    ),
    (
        "[search]\nmetric = 'dev_loss'\n[budget]\ntarget = -0.1",
        "budget.target: must be > 0, as dev_loss is, got -0.1",
    ),
    ("[search]\nnoise = 1.0", "search.noise: must be < 1, as differences of accuracy are, got 1.0"),
    # Unknown keys, with what was probably meant.
    ("[serch]\ntrials = 3", 'serch: unknown key, did you mean "search"?'),
    (
        "[training]\nlerning_rate = 0.1",
        'training.lerning_rate: unknown key, did you mean "learning_rate"?',
    ),
    (
        "[search]\ntrials = 0\ntrails = 5",
        'search.trails: unknown key, did you mean "trials"? (and 1 more)',
    ),
    ("learning_rate = 0.1", "learning_rate: unknown key, it belongs in [training]"),
    ("[network]\ntrials = 4", "network.trials: unknown key, it belongs in [search]"),
    ("[search]\nseed = 4", "search.seed: unknown key, it belongs above the first table"),
    ("[resources]\nxyz = 4", f"resources.xyz: unknown key, known are {RESOURCES}"),
    ('[resources]\n"x y\\n" = 4', f"resources.'x y\\n': unknown key, known are {RESOURCES}"),
    (
        "[data]\nfractions = { trian = 0.6, dev = 0.4 }",
        'data.fractions.trian: unknown key, did you mean "train"?',
    ),
    (
        "[training]\nlearning_rate = { low = 0.1, hihg = 1.0 }",
        "training.learning_rate: unknown key 'hihg', did you mean \"high\"?",
    ),
    (
        "[training]\nbatch_size = { choices = [1, 2], low = 1 }",
        "training.batch_size: unknown key 'low', known are choices, when",
    ),
    # Ranges.
    (
        '[training]\nlearning_rate = { low = 0.0, high = 1.0, scale = "log" }',
        "training.learning_rate: low must be > 0 on a log scale, got 0.0",
    ),
    (
        "[training]\nlearning_rate = { low = 0, high = 1 }",
        "training.learning_rate: low must be > 0, got 0.0",
    ),
    (
        '[training]\nlearning_rate = { low = 1.0, high = 0.1, scale = "log" }',
        "training.learning_rate: low must be < high, got low 1.0 and high 0.1",
    ),
    (
        '[training]\nbeta_1 = { low = 0.9, high = 1.0, scale = "one_minus" }',
        "training.beta_1: high must be < 1 on a one_minus scale, got 1.0",
    ),
    (
        "[training]\nbeta_1 = { low = 0.9, high = 1.0 }",
        "training.beta_1: high must be < 1, got 1.0",
    ),
    (
        '[training]\nbeta_1 = { low = -0.1, high = 0.9, scale = "one_minus" }',
        "training.beta_1: low must be >= 0 on a one_minus scale, got -0.1",
    ),
    (
        '[training]\nlearning_rate = { low = 0.1, high = 1.0, scale = "lgo" }',
        'training.learning_rate: scale must be one of "linear", "log", "one_minus", got \'lgo\'',
    ),
    (
        "[network]\nunits = { low = 16 }",
        "network.units: high is missing: a range needs low and high",
    ),
    (
        "[network]\nunits = { low = 16, high = 100, step = 16 }",
        "network.units: step must lead from low 16 to high 100 in whole steps, got 16",
    ),
    (
        "[network]\nunits = { low = 1.5, high = 3 }",
        "network.units: low must be a whole number, got 1.5",
    ),
    (
        "[network]\nunits = { low = 1, high = 70000 }",
        "network.units: high must be <= 65536, got 70000",
    ),
    ("[network]\nlayers = { low = -1, high = 2 }", "network.layers: low must be >= 0, got -1"),
    (
        f"[network]\nlayers = {{ low = 1, high = 1{'0' * 400} }}",
        f"network.layers: high must be a finite number below 1e+15, got 1{'0' * 76}...",
    ),
    # Choices and values.
    (
        "[training]\nbatch_size = { choices = [32] }",
        "training.batch_size: choices must hold at least two values, got [32]",
    ),
    (
        "[training]\nbatch_size = { choices = [32, 32] }",
        "training.batch_size: choices must differ from one another, got 32 twice",
    ),
    (
        "[training]\nbatch_size = { choices = [32, 'a'] }",
        "training.batch_size: choices must be a whole number, got 'a'",
    ),
    (
        "[training]\nbatch_size = { choices = 32 }",
        "training.batch_size: choices must be a list, got 32",
    ),
    (
        "[training]\nlearning_rate = { choices = [0.1, -1] }",
        "training.learning_rate: choices must be > 0, got -1.0",
    ),
    (
        f"[training]\nbatch_size = {{ choices = {list(range(1, 1002))} }}",
        "training.batch_size: choices must be at most 1000, got 1001",
    ),
    (
        "[training]\nbatch_size = [256, 128]",
        "training.batch_size: must be one value or a table (to search among values: "
        "{ choices = [...] }), got [256, 128]",
    ),
    (
        "[training]\nlearning_rate = inf",
        "training.learning_rate: must be a finite number below 1e+300, got inf",
    ),
    (
        "[training]\nlearning_rate = nan",
        "training.learning_rate: must be a finite number below 1e+300, got nan",
    ),
    ("[training]\nlearning_rate = '0.1'", "training.learning_rate: must be a number, got '0.1'"),
    ("[training]\nlearning_rate = true", "training.learning_rate: must be a number, got true"),
    ("[training]\nlearning_rate = 0", "training.learning_rate: must be > 0, got 0.0"),
    ("[training]\nepsilon = 0.0", "training.epsilon: must be > 0, got 0.0"),
    ("[training]\nepsilon = 1e-40", "training.epsilon: must be >= 1.17549e-38, got 1e-40"),
    ("[training]\nbeta_2 = 1", "training.beta_2: must be < 1, got 1.0"),
    ("[training]\nmomentum = -0.1", "training.momentum: must be >= 0, got -0.1"),
    (
        "[training]\nlearning_rate_decay = -1",
        "training.learning_rate_decay: must be >= 0, got -1.0",
    ),
    ("[training]\nbatch_size = 0", "training.batch_size: must be >= 1, got 0"),
    ("[training]\nbatch_size = 64.0", "training.batch_size: must be a whole number, got 64.0"),
    ("[training]\ndiverged_above = 0", "training.diverged_above: must be > 0, got 0"),
    ("[network]\nlayers = 65", "network.layers: must be <= 64, got 65"),
    (
        "[training]\noptimizer = 'adm'",
        'training.optimizer: must be one of "sgd", "momentum", "nesterov", "rmsprop", "adam", '
        "\"adamw\", got 'adm'",
    ),
    (
        "[training]\noptimizer = { low = 1, high = 2 }",
        "training.optimizer: must be a name or { choices = [...] }, got { low = 1, high = 2 }",
    ),
    (
        "[training]\nmomentum = { low = 0.5, high = 0.9 }",
        'training.momentum: must not be searched, since "adam" does not use it',
    ),
    (
        "[training]\noptimizer = { choices = ['sgd', 'momentum'] }\n"
        "epsilon = { low = 0.5, high = 0.9 }",
        'training.epsilon: must not be searched, since none of "sgd", "momentum" uses it',
    ),
    # Names.
    ("name = 'My Study'", "name: must match [a-z0-9][a-z0-9_-]{0,63}, got 'My Study'"),
    ("name = '../x'", "name: must match [a-z0-9][a-z0-9_-]{0,63}, got '../x'"),
    ('name = "a\\n"', "name: must match [a-z0-9][a-z0-9_-]{0,63}, got 'a\\n'"),
    ("name = ''", "name: must match [a-z0-9][a-z0-9_-]{0,63}, got ''"),
    (
        "[data]\nname = 'huggingface:mnist'",
        "data.name: must have no namespace (it would load other people's code), "
        "got 'huggingface:mnist'",
    ),
    (
        "[data]\nname = 'a/../../b'",
        "data.name: must be NAME, NAME/CONFIG or NAME:1.0.0 as TensorFlow Datasets writes it, "
        "got 'a/../../b'",
    ),
    ("[data]\nname = 3", "data.name: must be text, got 3"),
    # Fractions.
    (
        "[data]\nfractions = { train = 0.6, dev = 0.2 }",
        "data.fractions: must sum to 1, got { train = 0.6, dev = 0.2 }",
    ),
    ("[data]\nfractions = { train = 1.0 }", "data.fractions.dev: is missing"),
    ("[data]\nfractions = { train = 1.0, dev = 0 }", "data.fractions.train: must be < 1, got 1.0"),
    (
        "[data]\nfractions = [0.6, 0.4]",
        "data.fractions: must be a table such as { train = 0.6, dev = 0.2, test = 0.2 }, "
        "got [0.6, 0.4]",
    ),
    ("[training]\nlr = 0.1", "training.lr: unknown key, it is learning_rate in [training]"),
    ("[training]\nepochs = 9", "training.epochs: unknown key, it is max_epochs in [search]"),
    # Search and resources.
    (
        "[search]\nstrategy = 'bear'",
        "search.strategy: must be 'caviar', 'panda', 'population' or 'auto', got 'bear'",
    ),
    (
        "[search]\nsearcher = 'gird'",
        "search.searcher: must be 'zoom', 'sobol', 'halton', 'random', 'grid', 'tpe', 'gp' or "
        "'cmaes', got 'gird'",
    ),
    (
        "[search]\nmetric = 'accuracy'",
        "search.metric: must be 'dev_accuracy', 'dev_loss' or 'train_loss', got 'accuracy'",
    ),
    ("[search]\ntrials = 0", "search.trials: must be >= 1, got 0"),
    ("[search]\ntrials = 64.0", "search.trials: must be a whole number, got 64.0"),
    ("[search]\nreduction_factor = 1", "search.reduction_factor: must be >= 2, got 1"),
    (
        "[search]\nmax_epochs = 2\ngrace_epochs = 3",
        "search.max_epochs: must be >= grace_epochs 3, got 2",
    ),
    (
        "[search]\ntrials = 0\nmax_epochs = 0\nmetric = 1",
        "search.trials: must be >= 1, got 0 (and 2 more)",
    ),
    ("seed = -1", "seed: must be >= 0, got -1"),
    ("seed = true", "seed: must be a whole number, got true"),
    ("seed = 4294967296", "seed: must be <= 4294967295, got 4294967296"),
    (
        "[resources]\ngpus_per_slice = 1.5",
        "resources.gpus_per_slice: must be 0, a share of one GPU from 0.01 to 1, "
        "or a whole number, got 1.5",
    ),
    ("[resources]\ngpus_per_slice = -1", "resources.gpus_per_slice: must be >= 0, got -1"),
    (
        "[resources]\ngpus_per_slice = nan",
        "resources.gpus_per_slice: must be a finite number, got nan",
    ),
    ("[resources]\ncpus_per_slice = 0", "resources.cpus_per_slice: must be >= 1, got 0"),
    (
        "[resources]\nmax_slices = 'all'",
        "resources.max_slices: must be \"auto\" or a whole number from 1 to 10000, got 'all'",
    ),
    (
        "[resources]\nstack = 1025",
        'resources.stack: must be "auto" or a whole number from 1 to 1024, got 1025',
    ),
    (
        "[resources]\nstack = true",
        'resources.stack: must be "auto" or a whole number from 1 to 1024, got true',
    ),
    (
        "[resources]\nslices_per_gpu = 4\ngpus_per_slice = 0.25",
        "resources.slices_per_gpu: says what gpus_per_slice says, give one of them, "
        "got 4 beside gpus_per_slice = 0.25",
    ),
    ("[resources]\nslices_per_gpu = -1", "resources.slices_per_gpu: must be >= 0, got -1"),
    ("[resources]\nslices_per_gpu = 101", "resources.slices_per_gpu: must be <= 100, got 101"),
    (
        "[resources]\naccelerator = 'A100'",
        "resources.accelerator: needs slices with GPUs (slices_per_gpu or gpus_per_slice), "
        "got 'A100' and none",
    ),
    (
        "[resources]\naccelerator = 'A 100'\nslices_per_gpu = 1",
        "resources.accelerator: must match ^([A-Za-z0-9][A-Za-z0-9_.-]{0,62})?$, got 'A 100'",
    ),
    ("[resources]\ncheckpoint_s = 0", "resources.checkpoint_s: must be >= 1, got 0"),
    # Shapes.
    ("search = 3", "search: must be a table, got 3"),
    ("[[search]]\ntrials = 3", "search: must be a table, got [{ trials = 3 }]"),
    # No TOML.
    ("name = 'a'\nseed =", "line 2: not valid TOML: Invalid value"),
    ("a = 1\n\na = 2", "line 3: not valid TOML: Cannot overwrite a value"),
    ("\n\nname = 'a", 'line 3: not valid TOML: Expected "\'"'),
    ("seed = " + "1" * 5000, "holds a number too long to read"),
    ("a = " + "[" * 3000, "is nested too deeply to be a study file"),
]


def mistake_of(text: str) -> str:
    with pytest.raises(StudyError) as caught:
        StudySpec.parse(text)
    return str(caught.value)


@pytest.mark.parametrize(("text", "message"), MISTAKES, ids=[text[:40] for text, _ in MISTAKES])
def test_a_mistake_is_told_in_one_line(text: str, message: str) -> None:
    assert mistake_of(text) == f"study.toml: {message}"


def test_the_source_stands_before_the_key() -> None:
    with pytest.raises(StudyError, match=r"^other\.toml: seed: must be >= 0, got -1$"):
        StudySpec.parse("seed = -1", "other.toml")


KEYS = [
    ("", "name"), ("", "seed"), ("", "data"), ("data", "name"), ("data", "fractions"),
    ("network", "units"), ("training", "optimizer"), ("training", "batch_size"),
    ("training", "learning_rate"), ("training", "diverged_above"), ("search", "trials"),
    ("resources", "gpus_per_slice"), ("resources", "stack"), ("resources", "checkpoint_s"),
    ("data", "path"), ("data", "drop"), ("data", "class_weights"), ("data", "label"),
    ("network", "layers"), ("network", "batch_norm"), ("network", "activation"),
    ("regularization", "keep_prob"), ("regularization", "l2"), ("augmentation", "flip"),
    ("training", "decay_epochs"), ("training", "schedule"), ("training", "patience"),
]  # fmt: skip
VALUES = st.recursive(
    st.one_of(
        st.sampled_from(["inf", "nan", "-1", "1e400", "9" * 400, "1979-05-27", "true", "''"]),
        st.sampled_from(['"\\u001b[2J"', '"\\u0000"', "'auto'", "'adam'", "0.5", "{}", "[]"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
        inner.map(lambda part: f"{{ low = {part}, high = {part} }}"),
        inner.map(lambda part: f"{{ choices = {part} }}"),
        inner.map(lambda part: f"{{ train = {part}, dev = 0.5 }}"),
        inner.map(lambda part: f"{{ value = {part}, when = {{ optimizer = {part} }} }}"),
        inner.map(lambda part: f"{{ value = 0.5, when = {{ optimizer = {part} }} }}"),
        inner.map(lambda part: f"{{ value = 0.5, when = {part} }}"),
        st.sampled_from(["l2", "layers", "epsilon", "decay_epochs", "momentum"]).map(
            lambda name: f"{{ low = 0.1, high = 0.5, when = {{ {name} = 0.5 }} }}"
        ),
    ),
    max_leaves=4,
)


@settings(deadline=None)
@given(st.sampled_from(KEYS), VALUES)
@example(("training", "learning_rate"), "9" * 400)
@example(("resources", "checkpoint_s"), "9" * 400)
def test_whatever_stands_there_the_answer_is_a_study_or_one_line(
    place: tuple[str, str], value: str
) -> None:
    table, key = place
    text = f"[{table}]\n{key} = {value}" if table else f"{key} = {value}"
    try:
        spec = StudySpec.parse(text)
    except StudyError as error:
        line = str(error)
        assert line.isprintable()
        assert len(line) < 300
        assert line.startswith("study.toml: ")
    else:
        assert StudySpec.from_json(spec.to_json()) == spec


@settings(max_examples=40, deadline=None)
@given(st.text())
def test_no_text_brings_a_traceback(text: str) -> None:
    with contextlib.suppress(StudyError):
        StudySpec.parse(text)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes(b"\xef\xbb\xbfseed = 3\r\n")
    assert StudySpec.load(path).seed == 3
    assert StudySpec.load(str(path)) == StudySpec(seed=3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"seed = -1", "seed: must be >= 0, got -1"),
        (b"name = 'a'\nseed = \xff", "line 2: must be UTF-8 text"),
        (b"#" * (LONGEST_FILE + 1), "must be at most 1048576 bytes to be a study file"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(StudyError) as caught:
        StudySpec.load(path)
    assert str(caught.value) == f"{path}: {message}"


def test_a_missing_file_and_a_directory_are_named(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    for path, reason in ((missing, "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(StudyError) as caught:
            StudySpec.load(path)
        assert str(caught.value) == f"{path}: cannot be read: {reason}"


def test_a_name_that_is_no_path_is_told() -> None:
    with pytest.raises(StudyError) as caught:
        StudySpec.load("a\0b")
    assert str(caught.value) == "a\\x00b: cannot be read: not a file's name"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "journal: the study's specification is not valid JSON"),
        ("[]", "journal: must be a table, got []"),
        ('{"seed":-1}', "journal: seed: must be >= 0, got -1"),
    ],
)
def test_a_bad_journal_is_named(text: str, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        StudySpec.from_json(text)
    assert str(caught.value) == message

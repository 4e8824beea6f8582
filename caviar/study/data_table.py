"""The table `[data]`: which data, how they are read, cut and weighted."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import PlainSerializer, PlainValidator, model_validator

from caviar.errors import StudyError
from caviar.study.rule import Rule
from caviar.study.table import Table, broken_rule, plain_table
from caviar.study.wording import nearest, show

COLUMNED: Final = (".csv", ".parquet")
"""Files whose columns have names."""

_DATA_NAME: Final = re.compile(
    r"[a-z0-9][a-z0-9_]{0,127}"  # the data set
    r"(/[A-Za-z0-9][A-Za-z0-9_.=+-]{0,127})?"  # its configuration
    r"(:(\d+|\*)\.(\d+|\*)\.(\d+|\*))?"  # its version
)


class Fractions(NamedTuple):
    """How the examples are cut: shares that sum to one; without test the study is dev only."""

    train: float
    dev: float
    test: float = 0.0


def _read_fractions(raw: object) -> Fractions | None:
    if raw is None:
        return None
    table = raw._asdict() if isinstance(raw, Fractions) else raw
    if not isinstance(table, dict):
        shape = "{ train = 0.6, dev = 0.2, test = 0.2 }"
        raise broken_rule(f"must be a table such as {shape}, got {show(table)}")
    for key in table:
        if key not in Fractions._fields:
            raise broken_rule(f"unknown key, {nearest(key, Fractions._fields)}", key)
    for key in ("train", "dev"):
        if key not in table:
            raise broken_rule("is missing", key)
    shares = {key: _read_share(key, share) for key, share in table.items()}
    if abs(sum(shares.values()) - 1) > 1e-6:
        raise broken_rule(f"must sum to 1, got {show(table)}")
    return Fractions(**shares)


def _read_share(key: str, raw: object) -> float:
    rule = Rule(at_least=0, below=1) if key == "test" else Rule(above=0, below=1)
    return _read_number(key, raw, rule)


def _read_number(key: str, raw: object, rule: Rule) -> float:
    try:
        return rule.read_number(raw)
    except StudyError as error:
        raise broken_rule(str(error), key) from None


def _read_columns(raw: object) -> tuple[str, ...]:
    if not isinstance(raw, list | tuple) or not all(isinstance(name, str) for name in raw):
        raise broken_rule(f"must be a list of columns' names, got {show(raw)}")
    for place, name in enumerate(raw):
        if name in raw[:place]:
            raise broken_rule(f"must name a column once, got {show(name)} twice")
    return tuple(raw)


def _read_class_weights(raw: object) -> str | dict[str, float]:
    if not isinstance(raw, dict):
        if raw not in ("none", "balanced"):
            rule = 'must be "none", "balanced" or a table of weights by class name'
            raise broken_rule(f"{rule}, got {show(raw)}")
        return str(raw)
    if not raw:
        raise broken_rule('must name a class, or be "none", got {}')
    return {str(name): _read_number(str(name), one, Rule(above=0)) for name, one in raw.items()}


Columns = Annotated[tuple[str, ...], PlainValidator(_read_columns), PlainSerializer(list)]


class Data(Table):
    """Which data set, and how it is read and cut.

    Attributes:
        name: of a registered data set, one of our own or a TFDS set; empty where `path` is given.
        path: a file or a folder of a person's own.
    """

    name: str = "digits"
    path: str | None = None
    data_dir: str | None = None
    fractions: Annotated[
        Fractions | None,
        PlainValidator(_read_fractions),
        PlainSerializer(lambda cut: cut and cut._asdict()),
    ] = None
    label: str | None = None
    drop: Columns = ()
    categorical: Columns = ()
    missing: Literal["refuse", "mean", "median", "most_frequent"] = "refuse"
    normalise: bool = True
    class_weights: Annotated[
        str | dict[str, float], PlainValidator(_read_class_weights), PlainSerializer(lambda w: w)
    ] = "none"
    feed: Literal["auto", "resident", "stream"] = "auto"

    @property
    def title(self) -> str:
        """What to call the data: the data set's name, or the last part of the path."""
        return PurePath(self.path).name if self.path else self.name

    @model_validator(mode="before")
    @classmethod
    def _one_source(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or raw.get("path") is None:
            return raw
        if raw.get("name"):
            raise broken_rule("must not stand beside name: a study has one data set", "path")
        return raw | {"name": ""}

    @model_validator(mode="after")
    def _tfds_name(self) -> Data:
        if self.path is not None or _DATA_NAME.fullmatch(self.name):
            return self
        if re.match(r"[^/:]+:[^\d*]", self.name):
            rule = "must have no namespace (it would load other people's code)"
        else:
            rule = "must be NAME, NAME/CONFIG or NAME:1.0.0 as TensorFlow Datasets writes it"
        raise broken_rule(f"{rule}, got {show(self.name)}", "name")

    @model_validator(mode="after")
    def _columns_belong_to_tables(self) -> Data:
        if self.path == "":
            raise broken_rule("must be a file or a folder, got ''", "path")
        if self.path is None or not self.path.lower().endswith(COLUMNED):
            for key in ("label", "drop", "categorical"):
                if getattr(self, key):
                    source = f"path {show(self.path)}" if self.path else f"name {show(self.name)}"
                    rule = f"must not be given: only {' and '.join(COLUMNED)} files have columns"
                    raise broken_rule(f"{rule}, got {source}", key)
        return self

    @model_validator(mode="after")
    def _columns_have_one_use(self) -> Data:
        if self.label in self.drop:
            raise broken_rule(f"must not hold the label, got {show(self.drop)}", "drop")
        for name in self.categorical:
            if name in self.drop or name == self.label:
                kept_out = "the label" if name == self.label else "a column of drop"
                raise broken_rule(f"must not hold {kept_out}, got {show(name)}", "categorical")
        return self


def name_after(raw: Any) -> str:
    """What to call a study of these data, if its file does not say: "" if they have no name."""
    plain = plain_table(raw)
    given = plain if isinstance(plain, dict) else {}
    path, name = given.get("path"), given.get("name")
    if isinstance(path, str):
        stem = re.sub("[^a-z0-9_-]+", "-", PurePath(path).stem.lower()).strip("-_")
        return stem[:64] or "study"
    return re.split("[/:]", name)[0][:64] if isinstance(name, str) else ""

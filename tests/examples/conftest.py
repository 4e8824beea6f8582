"""The examples' programs as modules, and its studies as a person runs them."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

CAVIAR = str(Path(sys.executable).with_name("caviar"))
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def example() -> Callable[[str], ModuleType]:
    """Loads an example by name, under a name of its own: `initialisers` is a module's, too."""

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look their module up
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def told_of(ray_environment: dict[str, str], tmp_path: Path) -> Callable[..., Any]:
    """Runs an example to its end; returns what a command says of it with `--json`."""

    def caviar(*words: str) -> str:
        done = subprocess.run(
            [CAVIAR, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            env=ray_environment,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def told(command: str, name: str, *options: str) -> Any:
        caviar("run", str(EXAMPLES / name), "--dir", str(tmp_path), *options)
        return json.loads(caviar(command, str(tmp_path), "--json"))

    return told

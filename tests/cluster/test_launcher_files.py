"""The cluster launcher's files: Ray's own validator takes them, no key unknown, nothing open."""

from __future__ import annotations

import copy
import importlib
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = ["ray-cluster.yaml", "ray-cluster-onprem.yaml"]
CAVIAR = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
RAY = re.findall(r"^ray==(\S+)", (ROOT / "requirements.lock").read_text(), re.M)[0]
# Ray's schema leaves a provider's keys open; these are what its own examples and code know.
PROVIDER = {
    "aws": {"type", "region", "availability_zone", "cache_stopped_nodes", "security_group",
            "use_internal_ips", "cloudwatch"},
    "local": {"type", "head_ip", "worker_ips", "coordinator_address", "use_internal_ips"},
}  # fmt: skip


def load(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / "cluster" / name).read_text())


def checked(config: dict[str, Any]) -> dict[str, Any]:
    """The file as Ray fills it out, once Ray has nothing against it.

    Raises:
        jsonschema.ValidationError: A key Ray does not know, or a value of another type.
        ValueError: A provider's key, or an argument of run_instances, that nobody knows.
    """
    util = importlib.import_module("ray.autoscaler._private.util")
    prepared = util.prepare_config(copy.deepcopy(config))
    util.validate_config(prepared)
    strange = set(config["provider"]) - PROVIDER[config["provider"]["type"]]
    if config["provider"]["type"] == "aws":
        session = importlib.import_module("botocore.session").get_session()
        model = session.get_service_model("ec2").operation_model("RunInstances")
        validator = importlib.import_module("botocore.validate").ParamValidator()
        for node in config["available_node_types"].values():
            instances = node["node_config"] | {"MinCount": 1, "MaxCount": 1}
            report = validator.validate(instances, model.input_shape)
            strange |= {report.generate_report()} if report.has_errors() else set()
    if strange:
        raise ValueError(f"unknown: {sorted(strange)}")
    return prepared


def start(config: dict[str, Any], key: str) -> list[str]:
    """The words of the `ray start` among a list of commands."""
    (line,) = [line for line in config[key] if "ray start" in line]
    return shlex.split(line.split("ray start")[1])


@pytest.mark.parametrize("name", FILES)
def test_ray_takes_the_file(name: str) -> None:
    checked(load(name))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "broken",
    [
        {"max_workerz": 3},
        {"max_workers": "three"},
        {"provider": {"type": "local", "head_ip": "a", "worker_ips": [], "regoin": "x"}},
        {"auth": {"ssh_usr": "me"}},
        {"docker": {"imag": "rayproject/ray:2.60.0"}},
        {"file_mounts": ["dist"]},
    ],
    ids=lambda broken: next(iter(broken)),
)
def test_a_broken_file_is_not_taken(name: str, broken: dict[str, Any]) -> None:
    config = load(name) | broken
    if name == "ray-cluster.yaml" and "provider" in broken:
        config["provider"] = {"type": "aws", "region": "us-west-2", "regoin": "x"}
    with pytest.raises(Exception, match=r"max_workerz|regoin|ssh_usr|imag|integer|str|list"):
        checked(config)


@pytest.mark.parametrize("key", ["InstanceTyp", "Ebs"])
def test_an_unknown_key_of_a_machine_is_not_taken(key: str) -> None:
    config = load("ray-cluster.yaml")
    config["available_node_types"]["gpu"]["node_config"][key] = "g4dn.xlarge"
    with pytest.raises(ValueError, match=key):
        checked(config)


@pytest.mark.parametrize("name", FILES)
def test_dashboard_is_on_loopback(name: str) -> None:
    words = start(load(name), "head_start_ray_commands")
    assert "--dashboard-host=127.0.0.1" in words
    assert "0.0.0.0" not in (ROOT / "cluster" / name).read_text()


@pytest.mark.parametrize("name", FILES)
def test_token_is_on_at_every_start(name: str) -> None:
    config = load(name)
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        (line,) = [line for line in config[key] if "ray start" in line]
        everywhere = " ".join(config.get("docker", {}).get("run_options", []))
        assert "RAY_AUTH_MODE=token" in line.split("ray start")[0] + everywhere


@pytest.mark.parametrize("name", FILES)
def test_token_gets_to_every_node(name: str) -> None:
    """Into a worker's container too, where only what is in file_mounts gets."""
    docker = importlib.import_module("ray.autoscaler._private.docker")
    config = load(name)
    assert config["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    if "docker" in config:
        command = docker.docker_start_cmds(
            "ubuntu", "image", config["file_mounts"], "name", [], "caviar", "/home/ray", "docker"
        )
        assert "/.ray/auth_token:/home/ray/.ray/auth_token" in command


@pytest.mark.parametrize("name", FILES)
def test_nothing_else_leaves_this_machine(name: str) -> None:
    """The token, and a folder that version control does not know: a wheel and lock files."""
    assert set(load(name)["file_mounts"].values()) == {"dist", "~/.ray/auth_token"}
    assert "dist/" in (ROOT / ".gitignore").read_text().splitlines()
    text = json.dumps(load(name))
    assert not re.search(r"AUTH_TOKEN=|AKIA|SECRET|PASSWORD|BEGIN .*KEY", text, re.I)


@pytest.mark.parametrize("name", FILES)
def test_versions_are_the_projects(name: str) -> None:
    text = (ROOT / "cluster" / name).read_text()
    assert set(re.findall(r"caviar-(\d[\w.]*?)-py3", text)) == {CAVIAR}
    assert set(re.findall(r"rayproject/ray:([\d.]+)-", text)) <= {RAY}
    assert not re.search(r"image: \S+(:latest|/ray)$", text, re.M)
    for lock in re.findall(r"[\w-]+\.lock", text):
        assert (ROOT / lock).is_file()


def test_head_is_kept_and_workers_are_spot() -> None:
    config = load("ray-cluster.yaml")
    nodes = config["available_node_types"]
    assert "InstanceMarketOptions" not in nodes[config["head_node_type"]]["node_config"]
    assert nodes[config["head_node_type"]]["resources"] == {"CPU": 0}
    workers = {name: node for name, node in nodes.items() if name != config["head_node_type"]}
    assert set(workers) == {"gpu", "cpu"}
    for node in workers.values():
        assert node["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
        assert node["min_workers"] == 0
    assert sum(node["max_workers"] for node in workers.values()) <= config["max_workers"]
    assert "ray.io/accelerator-type" in nodes["gpu"]["labels"]


def test_gpu_workers_install_what_the_others_do() -> None:
    """Their own list stands for both common ones."""
    config = load("ray-cluster.yaml")
    gpu = config["available_node_types"]["gpu"]["worker_setup_commands"]
    assert gpu == [
        line.replace("requirements.lock", "requirements-gpu.lock")
        for line in config["setup_commands"] + config["worker_setup_commands"]
    ]


@pytest.mark.parametrize("name", FILES)
def test_ray_start_knows_the_options(name: str) -> None:
    helped = subprocess.run(
        [Path(sys.executable).with_name("ray"), "start", "--help"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    known = set(re.findall(r"--[a-z-]+", helped.stdout))
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        options = {word.split("=")[0] for word in start(load(name), key) if word[:2] == "--"}
        assert options
        assert sorted(options - known) == []

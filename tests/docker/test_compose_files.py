"""docker/compose*.yaml: valid by the Compose specification's schema, and closed to the outside."""

from __future__ import annotations

import copy
import importlib.util
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
FILES = ["compose.yaml", "compose.gpu.yaml"]
CAVIAR = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
OWN = f"caviar:{CAVIAR}-"


def load(name: str) -> dict[str, Any]:
    return yaml.safe_load((DOCKER / name).read_text())


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The Compose specification's schema, which check-jsonschema brings along."""
    found = importlib.util.find_spec("check_jsonschema")
    assert found is not None
    assert found.origin is not None
    path = Path(found.origin).parent / "builtin_schemas/vendor/compose-spec.json"
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    return load("compose.yaml")["services"]


@pytest.mark.parametrize("name", FILES)
def test_schema_takes_the_file(name: str, schema: dict[str, Any]) -> None:
    jsonschema.validate(load(name), schema)


@pytest.mark.parametrize(
    ("key", "value"), [("comand", ["ray"]), ("ports", 8265), ("read_only", ["sometimes"])]
)
def test_schema_does_not_take_a_broken_one(key: str, value: object, schema: dict[str, Any]) -> None:
    broken = copy.deepcopy(load("compose.yaml"))
    broken["services"]["head"][key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema)


def test_every_port_is_on_loopback(services: dict[str, dict[str, Any]]) -> None:
    published = {name: one["ports"] for name, one in services.items() if "ports" in one}
    assert set(published) == {"head", "prometheus", "grafana"}
    for ports in published.values():
        assert all(port.startswith("127.0.0.1:") for port in ports)
    assert not any("network_mode" in one for one in services.values())


def test_token_comes_from_outside(services: dict[str, dict[str, Any]]) -> None:
    for name in ("head", "worker"):
        environment = services[name]["environment"]
        assert environment["RAY_AUTH_MODE"] == "token"
        assert environment["RAY_AUTH_TOKEN"].startswith("${RAY_AUTH_TOKEN:?")


@pytest.mark.parametrize("name", FILES)
def test_images_are_pinned(name: str) -> None:
    for service in load(name)["services"].values():
        image = service["image"]
        assert image.startswith(OWN) or re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", image)
        if image.startswith(OWN):
            assert image == OWN + service["build"]["target"]


def test_containers_have_few_rights(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    for name in ("head", "worker", "prometheus"):
        assert services[name]["read_only"] is True
    for name in ("head", "worker"):
        assert [line.split(":")[0] for line in services[name]["tmpfs"]] == ["/tmp", "/home/caviar"]


def test_head_two_workers_and_their_watchers(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == {"head", "worker", "prometheus", "grafana"}
    assert services["worker"]["deploy"]["replicas"] == 2
    assert services["worker"]["depends_on"] == {"head": {"condition": "service_healthy"}}
    assert "studies:/var/lib/caviar" in services["head"]["volumes"]
    assert "--num-cpus=0" in services["head"]["command"]


def test_mounted_files_exist(services: dict[str, dict[str, Any]]) -> None:
    mounted = [
        line.split(":")[0]
        for service in services.values()
        for line in service.get("volumes", [])
        if line.startswith(".")
    ]
    assert len(mounted) == 4
    assert [path for path in mounted if not (DOCKER / path).is_file()] == []


def test_metrics_are_scraped_where_ray_gives_them(services: dict[str, dict[str, Any]]) -> None:
    (job,) = load("prometheus.yml")["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert found["names"] == ["head", "worker"]
    for name in found["names"]:
        assert f"--metrics-export-port={found['port']}" in services[name]["command"]


def test_grafana_finds_the_dashboard(services: dict[str, dict[str, Any]]) -> None:
    (provider,) = load("grafana/dashboards.yaml")["providers"]
    (source,) = load("grafana/datasource.yaml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    mounts = services["grafana"]["volumes"]
    assert any(f":{provider['options']['path']}/caviar.json:" in mount for mount in mounts)
    assert services["grafana"]["environment"]["GF_AUTH_BASIC_ENABLED"] == "false"

"""The Kubernetes files: each kind against its schema, and what a careful person would ask of them.

Core kinds go against the closed schemas that `kubernetes-validate` brings along (made from
Kubernetes' own API description). KubeRay's kinds go against its closed schemas, which lie beside
the repository; without that folder those tests are skipped.
"""

from __future__ import annotations

import copy
import importlib
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "cluster" / "kuberay"
SCHEMAS = ROOT.parent / "shared" / "data" / "kuberay"
NAMES = ["base.yaml", "raycluster.yaml", "rayjob.yaml"]
KUBERAY = {"RayCluster": "raycluster-v1", "RayJob": "rayjob-v1"}
KUBERNETES = "1.31"  # the oldest release that is meant
CAVIAR = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
RAY = re.findall(r"^ray==(\S+)", (ROOT / "requirements.lock").read_text(), re.M)[0]

Document = dict[str, Any]
DOCUMENTS: list[tuple[str, Document]] = [
    (f"{name}:{document['kind']}:{document['metadata']['name']}", document)
    for name in NAMES
    for document in yaml.safe_load_all((FOLDER / name).read_text())
]
CORE = [(key, document) for key, document in DOCUMENTS if document["kind"] not in KUBERAY]
CLUSTERS = {
    document["kind"]: document["spec"].get("rayClusterSpec", document["spec"])
    for _, document in DOCUMENTS
    if document["kind"] in KUBERAY
}


def checked_core(document: Document) -> None:
    kubernetes_validate.validate(document, KUBERNETES, strict=True)


def checked_kuberay(document: Document) -> None:
    path = SCHEMAS / f"{KUBERAY[document['kind']]}.schema.json"
    if not path.is_file():
        pytest.skip("KubeRay's schemas are not beside the repository")
    jsonschema.validate(document, json.loads(path.read_text()))


def pods(spec: Document) -> Iterator[Document]:
    yield spec["headGroupSpec"]["template"]
    for group in spec["workerGroupSpecs"]:
        yield group["template"]


def containers(spec: Document) -> Iterator[Document]:
    for pod in pods(spec):
        yield from pod["spec"]["containers"]


@pytest.mark.parametrize("document", [d for _, d in CORE], ids=[key for key, _ in CORE])
def test_core_kinds_are_valid(document: Document) -> None:
    checked_core(document)


@pytest.mark.parametrize("kind", sorted(KUBERAY))
def test_kuberay_kinds_are_valid(kind: str) -> None:
    (document,) = [document for _, document in DOCUMENTS if document["kind"] == kind]
    checked_kuberay(document)


@pytest.mark.parametrize("kind", sorted(KUBERAY))
def test_pod_templates_are_valid_pods(kind: str) -> None:
    """KubeRay's schema has the pod's, and Kubernetes' own is asked as well."""
    for template in pods(CLUSTERS[kind]):
        metadata = template["metadata"] | {"name": "pod"}
        checked_core({"apiVersion": "v1", "kind": "Pod", **template, "metadata": metadata})


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Namespace", "metadata.lables", {}),
        ("PersistentVolumeClaim", "spec.accessModes", "ReadWriteOnce"),
        ("NetworkPolicy", "spec.podSelectr", {}),
        ("ConfigMap", "data", ["study.toml"]),
        ("RayCluster", "spec.headGroupSpec.rayStartParms", {}),
        ("RayCluster", "spec.authOptions.mode", "tokens"),
        ("RayJob", "spec.ttlSecondsAfterFinished", "600"),
        ("RayJob", "spec.rayClusterSpec.workerGroupSpecs", {}),
    ],
)
def test_a_broken_document_is_not_taken(kind: str, path: str, value: object) -> None:
    found = next(document for _, document in DOCUMENTS if document["kind"] == kind)
    place = broken = copy.deepcopy(found)
    *way, last = path.split(".")
    for step in way:
        place = place[step]
    place[last] = value
    with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError)):
        (checked_kuberay if kind in KUBERAY else checked_core)(broken)


@pytest.mark.parametrize("spec", CLUSTERS.values(), ids=CLUSTERS)
def test_pods_have_few_rights(spec: Document) -> None:
    for container in [*containers(spec), spec["autoscalerOptions"]]:
        rights = container["securityContext"]
        assert rights["runAsNonRoot"] is True
        assert rights["readOnlyRootFilesystem"] is True
        assert rights["allowPrivilegeEscalation"] is False
        assert rights["capabilities"] == {"drop": ["ALL"]}
        assert rights["seccompProfile"] == {"type": "RuntimeDefault"}
        assert rights["runAsUser"] == 10001
    for group in spec["workerGroupSpecs"]:  # the head's autoscaler asks the Kubernetes API
        assert group["template"]["spec"]["automountServiceAccountToken"] is False


@pytest.mark.parametrize("spec", CLUSTERS.values(), ids=CLUSTERS)
def test_what_must_be_written_is_a_volume(spec: Document) -> None:
    for template in pods(spec):
        volumes = {volume["name"] for volume in template["spec"]["volumes"]}
        for container in template["spec"]["containers"]:
            mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
            assert set(mounts) >= {"/tmp", "/dev/shm", "/home/caviar"}
            assert set(mounts.values()) <= volumes
            home = {one["name"]: one["value"] for one in container["env"]}["HOME"]
            assert home in mounts


@pytest.mark.parametrize("spec", CLUSTERS.values(), ids=CLUSTERS)
def test_cluster_is_closed(spec: Document) -> None:
    assert spec["authOptions"] == {"mode": "token"}
    assert spec["headGroupSpec"]["serviceType"] == "ClusterIP"
    text = json.dumps([document for _, document in DOCUMENTS])
    assert not re.search(r"LoadBalancer|NodePort|hostNetwork|hostPath|RAY_AUTH_TOKEN", text)
    assert not {document["kind"] for _, document in DOCUMENTS} & {"Secret", "Ingress", "Service"}


@pytest.mark.parametrize("spec", CLUSTERS.values(), ids=CLUSTERS)
def test_policy_selects_every_pod_and_lets_few_at_the_dashboard(spec: Document) -> None:
    policies = {
        document["metadata"]["name"]: document["spec"]
        for _, document in DOCUMENTS
        if document["kind"] == "NetworkPolicy"
    }
    assert policies["nothing-in"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    own = policies["caviar"]["podSelector"]["matchLabels"]
    for template in pods(spec):
        assert own.items() <= template["metadata"]["labels"].items()
    for rule in policies["caviar"]["ingress"]:
        assert all(peer.get("podSelector") or rule["ports"][0]["port"] == 8080
                   for peer in rule["from"])  # fmt: skip
        assert "ipBlock" not in json.dumps(rule)


@pytest.mark.parametrize("spec", CLUSTERS.values(), ids=CLUSTERS)
def test_containers_say_what_they_need_and_how_they_are(spec: Document) -> None:
    for container in containers(spec):
        assert container["resources"]["limits"] == container["resources"]["requests"]
        assert {"cpu", "memory"} <= set(container["resources"]["limits"])
        ports = {port["containerPort"] for port in container["ports"]} | {52365}
        for probe in ("readinessProbe", "livenessProbe"):
            assert container[probe]["httpGet"]["port"] in ports
            assert container[probe]["httpGet"]["path"].endswith("_healthz")


@pytest.mark.parametrize("spec", CLUSTERS.values(), ids=CLUSTERS)
def test_gpu_group_scales_from_none(spec: Document) -> None:
    groups = {group["groupName"]: group for group in spec["workerGroupSpecs"]}
    assert spec["enableInTreeAutoscaling"] is True
    assert groups["gpu"]["minReplicas"] == 0 < groups["gpu"]["maxReplicas"]
    assert groups["gpu"]["labels"]["ray.io/accelerator-type"]
    (gpu,) = groups["gpu"]["template"]["spec"]["containers"]
    assert gpu["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert gpu["image"].endswith("-gpu")
    (cpu,) = groups["cpu"]["template"]["spec"]["containers"]
    assert "nvidia.com/gpu" not in cpu["resources"]["limits"]
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


@pytest.mark.parametrize("spec", CLUSTERS.values(), ids=CLUSTERS)
def test_rays_autoscaler_reads_what_a_node_of_each_group_has(spec: Document) -> None:
    """Ray's own reading of the cluster, which it starts pods by."""
    config = importlib.import_module("ray.autoscaler._private.kuberay.autoscaling_config")
    document = {"metadata": {"name": "caviar", "namespace": "caviar"}, "spec": spec}
    read = config._derive_autoscaling_config_from_ray_cr(copy.deepcopy(document))
    nodes = read["available_node_types"]
    assert nodes["headgroup"]["resources"]["CPU"] == 0
    kind = nodes["gpu"]["labels"]["ray.io/accelerator-type"]
    assert nodes["gpu"]["resources"].items() >= {"GPU": 1, f"accelerator_type:{kind}": 1}.items()
    assert "GPU" not in nodes["cpu"]["resources"]
    assert read["max_workers"] == 12


@pytest.mark.parametrize("spec", CLUSTERS.values(), ids=CLUSTERS)
def test_studies_are_on_the_claim(spec: Document) -> None:
    (claim,) = [d for _, d in DOCUMENTS if d["kind"] == "PersistentVolumeClaim"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    head = spec["headGroupSpec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in head["volumes"]}
    mounts = {mount["mountPath"]: mount["name"] for mount in head["containers"][0]["volumeMounts"]}
    environment = {one["name"]: one["value"] for one in head["containers"][0]["env"]}
    studies = volumes[mounts[environment["CAVIAR_HOME"]]]
    assert studies["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


@pytest.mark.parametrize("spec", CLUSTERS.values(), ids=CLUSTERS)
def test_versions_are_the_projects(spec: Document) -> None:
    assert spec["rayVersion"] == RAY
    images = {container["image"] for container in containers(spec)}
    assert {image.rsplit("/", 1)[1] for image in images} == {
        f"caviar:{CAVIAR}-cpu",
        f"caviar:{CAVIAR}-gpu",
    }


def test_job_and_cluster_have_one_specification() -> None:
    """But for the study file, which only the job mounts."""
    job = copy.deepcopy(CLUSTERS["RayJob"])
    head = job["headGroupSpec"]["template"]["spec"]
    head["volumes"] = [one for one in head["volumes"] if one["name"] != "study"]
    container = head["containers"][0]
    container["volumeMounts"] = [m for m in container["volumeMounts"] if m["name"] != "study"]
    assert job == CLUSTERS["RayCluster"]
    assert job != CLUSTERS["RayJob"]


def test_job_runs_the_study_it_brings() -> None:
    from caviar.service.submission import STOP_WAIT_S
    from caviar.study.spec import StudySpec

    documents = {d["kind"]: d for _, d in DOCUMENTS if d["kind"] in ("RayJob", "ConfigMap")}
    job, study = documents["RayJob"]["spec"], documents["ConfigMap"]["data"]["study.toml"]
    name = StudySpec.parse(study, "study.toml").name
    assert job["metadata"] == {
        "caviar.study": name,
        "caviar.version": CAVIAR,
        "caviar.dir": f"/var/lib/caviar/studies/{name}",
        "caviar.storage": "",
    }
    assert job["jobId"] == f"caviar-{name}-1"
    variables = yaml.safe_load(job["runtimeEnvYAML"])["env_vars"]
    assert variables == {"CAVIAR_JOB": job["jobId"], "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_WAIT_S)}
    words = job["entrypoint"].split()
    head = job["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    mounts = {mount["mountPath"] for mount in head["containers"][0]["volumeMounts"]}
    assert words[:2] == ["caviar", "run"]
    assert str(Path(words[2]).parent) in mounts
    assert words[3:] == ["--dir", job["metadata"]["caviar.dir"]]

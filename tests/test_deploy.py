"""What is deployed with: parsed by its own tools where they are installed, and true to the service."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.testclient import TestClient

from service.settings import Settings
from tests.conftest import ROOT
from tests.service.conftest import in_process
from tests.service.fixture_router import FixtureRouter

DEPLOY = ROOT / "deploy"
_METRIC = re.compile(r"\bfenbo_[a-z_]+")


@pytest.fixture(scope="module")
def exposed() -> Iterator[set[str]]:
    """Names of all samples that ``/metrics`` may show."""
    with in_process(FixtureRouter()) as client:
        yield _names(client)


def _names(client: TestClient) -> set[str]:
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    found = set()
    for line in client.get("/metrics").text.splitlines():
        if line.startswith("# TYPE fenbo_"):
            _, _, name, kind = line.split()
            found |= {name.removesuffix("_total") + suffix for suffix in suffixes[kind]}
    return found


def _expressions() -> list[str]:
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text(encoding="utf-8"))
    rules = yaml.safe_load((DEPLOY / "alerts.yaml").read_text(encoding="utf-8"))
    drawn = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return drawn + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def test_dashboard_and_alerts_ask_only_for_metrics_that_there_are(exposed: set[str]) -> None:
    asked = {name for expression in _expressions() for name in _METRIC.findall(expression)}
    assert len(asked) > 15
    assert asked <= exposed, asked - exposed


def test_every_metric_is_on_the_dashboard(exposed: set[str]) -> None:
    drawn = " ".join(_expressions())
    bare = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in exposed}
    assert {name for name in bare if name not in drawn} == set()


def test_panels_do_not_overlap_and_have_a_source() -> None:
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text(encoding="utf-8"))
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        assert all(target["datasource"]["uid"] == "${source}" for target in panel["targets"])
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (apt: prometheus)")
def test_promtool_accepts_rules_and_expressions(tmp_path: Path) -> None:
    checked = subprocess.run(
        ["promtool", "check", "rules", str(DEPLOY / "alerts.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    rules = [{"record": f"drawn:{n}", "expr": each} for n, each in enumerate(_expressions())]
    file = tmp_path / "drawn.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "drawn", "rules": rules}]}), encoding="utf-8")
    checked = subprocess.run(
        ["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def _manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8")))


def test_manifest_runs_without_root_and_its_parts_fit() -> None:
    by_kind = {each["kind"]: each for each in _manifests()}
    pod = by_kind["Deployment"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    labels = pod["metadata"]["labels"]
    assert by_kind["Service"]["spec"]["selector"] == labels
    assert by_kind["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    claims = {
        each["persistentVolumeClaim"]["claimName"]
        for each in pod["spec"]["volumes"]
        if len(each) > 1 and "persistentVolumeClaim" in each
    }
    assert claims == {by_kind["PersistentVolumeClaim"]["metadata"]["name"]}
    volumes = {each["name"] for each in pod["spec"]["volumes"]}
    assert {each["name"] for each in container["volumeMounts"]} == volumes
    seconds = next(
        int(each["value"]) for each in container["env"] if each["name"] == "FENBO_SHUTDOWN_SECONDS"
    )
    assert pod["spec"]["terminationGracePeriodSeconds"] > seconds + 5


def test_every_variable_is_a_setting() -> None:
    known = {f"FENBO_{name.upper()}" for name in Settings.model_fields}
    text = "".join(
        (ROOT / name).read_text(encoding="utf-8") for name in ("Dockerfile", "deploy/kubernetes.yaml")
    )
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    named = set(re.findall(r"\bFENBO_[A-Z_]+", text)) | set(services["fenbo"]["environment"])
    assert named <= known, named - known


def test_manifest_fits_the_schemas_of_kubernetes() -> None:
    schemas = pytest.importorskip("kubernetes_validate", reason="pip install kubernetes-validate")
    for manifest in _manifests():
        schemas.validate(manifest, "1.29", strict=True)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kubectl_reads_the_manifest() -> None:
    done = subprocess.run(
        [
            "kubectl",
            "apply",
            "--dry-run=client",
            "--validate=false",
            "-o",
            "name",
            "-f",
            str(DEPLOY / "kubernetes.yaml"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "refused" in done.stderr or "couldn't get current server API" in done.stderr:
        pytest.skip("kubectl here wants a cluster even for a dry run")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == len(_manifests())


def test_image_is_slim_has_no_torch_and_no_root() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    final = text.rpartition("\nFROM ")[2]
    assert final.startswith("python:3.11-slim")
    assert re.search(r"^USER (?!0\b|root\b)\d+$", final, re.MULTILINE)
    assert "HEALTHCHECK" in final
    assert "/health/ready" in final
    assert "[train" not in text
    copied = set(re.findall(r"^COPY (\w+) \1$", text, re.MULTILINE))
    assert copied == {"model", "service", "eval", "training"}
    kept = set((ROOT / ".dockerignore").read_text(encoding="utf-8").split())
    assert {f"!{name}" for name in copied} <= kept


@pytest.mark.skipif(shutil.which("docker") is None, reason="docker is not installed")
def test_docker_reads_the_compose_file() -> None:
    done = subprocess.run(
        ["docker", "compose", "-f", str(ROOT / "compose.yaml"), "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "FENBO_DB_PASSWORD": "x", "HOME": "/nonexistent"},
    )
    if "is not a docker command" in done.stderr or "unknown shorthand flag" in done.stderr:
        pytest.skip("docker has no compose plugin here")
    assert done.returncode == 0, done.stderr


def test_compose_keeps_the_database_inside_and_waits_for_it() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert "ports" not in services["database"]
    assert services["fenbo"]["depends_on"]["database"]["condition"] == "service_healthy"
    assert services["fenbo"]["ports"] == ["127.0.0.1:8000:8000"]
    assert services["fenbo"]["read_only"] is True


def test_audit_of_dependencies_says_when_it_was_not_done(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(
        '#!/bin/sh\n[ "$3" = --version ] && exit 0\necho "ConnectionError: no index" >&2\nexit 1\n'
    )
    python.chmod(0o755)
    script = ROOT / "scripts" / "audit_dependencies.sh"
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": str(python)}
    done = subprocess.run([str(script)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "NOT DONE, the vulnerability index could not be reached" in done.stderr
    python.write_text(
        '#!/bin/sh\n[ "$3" = --version ] && exit 0\necho "Found 2 known vulnerabilities"\nexit 1\n'
    )
    done = subprocess.run([str(script)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Found 2 known" in done.stderr
    skipped = "x 1.0 Dependency not found on PyPI and could not be audited: x"
    lines = ["#!/bin/sh", '[ "$3" = --version ] && exit 0', f'yes "{skipped}" | head -n 999']
    python.write_text("\n".join(lines))
    done = subprocess.run([str(script)], env=environment, capture_output=True, text=True, check=False)
    assert "NOT DONE, the index knows none" in done.stderr

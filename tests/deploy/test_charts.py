from pathlib import Path

import helm_python
import pytest

from tests.deploy.charts import (
    INSTALLATIONS,
    Installation,
    find,
    hooks,
    lint,
    merge,
    released,
    render,
    values_of,
)

OBJECT = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Values.name }}
"""
HOOK = """\
---
apiVersion: v1
kind: Secret
metadata:
  name: last
  annotations: {helm.sh/hook: "pre-install,pre-upgrade", helm.sh/hook-weight: "5"}
---
apiVersion: v1
kind: Secret
metadata:
  name: first
  annotations: {helm.sh/hook: pre-install, helm.sh/hook-weight: "-10"}
"""


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    helm_python.Chart.create("example", tmp_path).close()
    folder = tmp_path / "example"
    for template in sorted((folder / "templates").rglob("*"), reverse=True):
        template.rmdir() if template.is_dir() else template.unlink()
    (folder / "values.yaml").write_text("name: given\n")
    (folder / "templates" / "object.yaml").write_text(OBJECT)
    (folder / "templates" / "hooks.yaml").write_text(HOOK)
    return folder


def test_the_later_value_file_wins_key_by_key(tmp_path: Path) -> None:
    below, above = tmp_path / "below.yaml", tmp_path / "above.yaml"
    below.write_text("a: {one: 1, two: 2}\nlist: [1, 2]\n")
    above.write_text("a: {two: 3}\nlist: [4]\n")
    assert values_of([below, above]) == {"a": {"one": 1, "two": 3}, "list": [4]}
    assert merge({"a": 1}, {"a": {"b": 2}}) == {"a": {"b": 2}}


def test_objects_are_found_by_name_and_a_wrong_name_tells_which_there_are(chart: Path) -> None:
    manifests = render(chart, {"name": "mine"}, name="example")
    assert find(manifests, "ConfigMap", "mine")["apiVersion"] == "v1"
    with pytest.raises(LookupError, match="mine"):
        find(manifests, "ConfigMap", "yours")


def test_hooks_come_in_the_order_of_their_weights(chart: Path) -> None:
    manifests = render(chart, {}, name="example")
    assert [m["metadata"]["name"] for m in hooks(manifests, "pre-install")] == ["first", "last"]
    assert [m["metadata"]["name"] for m in hooks(manifests, "pre-upgrade")] == ["last"]
    assert [m["kind"] for m in released(manifests)] == ["ConfigMap"]


def test_lint_finds_a_chart_that_does_not_render(chart: Path) -> None:
    assert lint(chart, {}) == []
    (chart / "templates" / "broken.yaml").write_text("kind: Secret\n")
    assert "metadata.name" in "".join(lint(chart, {}))


def test_every_service_environment_and_region_is_an_installation() -> None:
    assert len({str(installation) for installation in INSTALLATIONS}) == 6 * 3 * 3
    files = Installation("order", "prod", "eu-west-1").value_files
    assert [file.name for file in files] == ["order.yaml", "prod.yaml", "prod-eu-west-1.yaml"]

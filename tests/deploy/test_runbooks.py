"""Runbooks must not lie: every command in them names files, verbs, values and objects that exist."""

import itertools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from typing_extensions import override

from libs.topology import SERVICES
from services.auth.cli import KEY_COMMANDS
from tests.architecture.applications import ROOT
from tests.deploy.charts import ENVIRONMENTS, REGIONS, of_kind, values_of
from tests.deploy.region import PLACES, everything_in, name_of, values_at

PAGES = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
FENCE = re.compile(r"```console\n(.*?)```", re.DOTALL)
VARIABLES = {"ENV": ENVIRONMENTS, "REGION": REGIONS, "SERVICE": SERVICES, "service": SERVICES}
KINDS = {
    "deployment": "Deployment",
    "job": "Job",
    "service": "Service",
    "externalsecret": "ExternalSecret",
    "clustersecretstore": "ClusterSecretStore",
    "horizontalpodautoscaler": "HorizontalPodAutoscaler",
    "poddisruptionbudget": "PodDisruptionBudget",
    "verticalpodautoscaler": "VerticalPodAutoscaler",
    "resourcequota": "ResourceQuota",
    "servicemonitor": "ServiceMonitor",
    "scaledobject": "ScaledObject",
    "rollout": "Rollout",
    "configmap": "ConfigMap",
}
OBJECT = re.compile(rf"(?<![\w$/])({'|'.join(KINDS)})/([a-z$][\w$-]*)")
MODULE = re.compile(r"python -m ([a-z_.]+)")
SECRET = re.compile(r"--(?:secret-id|name) (meridian/\S+)")


@dataclass(frozen=True)
class Command:
    """One command line of a page."""

    page: str
    text: str

    @override
    def __str__(self) -> str:
        return f"{self.page}: {self.text}"


def commands() -> Iterator[Command]:
    for page in PAGES:
        for block in FENCE.findall(page.read_text()):
            for line in block.splitlines():
                if line.startswith("$ "):
                    yield Command(page.stem, line[2:])


COMMANDS = list(commands())


def meant(text: str) -> set[str]:
    """Return everything a text with variables may mean."""
    used = [name for name in VARIABLES if re.search(rf"\${name}\b", text)]
    found = set()
    for values in itertools.product(*(VARIABLES[name] for name in used)):
        meaning = text
        for name, value in zip(used, values, strict=True):
            meaning = re.sub(rf"\${name}\b", value, meaning)
        found.add(meaning)
    return found


def beginning_with(word: str) -> list[Command]:
    return [one for one in COMMANDS if re.search(rf"(?:^|[;|&] |do ){word} ", one.text)]


def test_every_runbook_of_the_index_is_there_and_every_page_is_in_it() -> None:
    index = (ROOT / "docs" / "runbooks" / "README.md").read_text()
    linked = set(re.findall(r"\]\(([a-z-]+\.md)\)", index))
    assert linked == {page.name for page in PAGES} - {"README.md"}
    assert len(COMMANDS) > 50


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_command_can_be_read_by_a_shell(command: Command) -> None:
    assert shlex.split(command.text)


@pytest.mark.parametrize("command", beginning_with("make"), ids=str)
def test_verbs_exist_with_their_words(command: Command) -> None:
    typed = re.sub(r".*?\bmake ", "", command.text)
    verb, *words = re.split(r"\s*(?:;|&&|\|)", typed)[0].split()
    makefile = (ROOT / "Makefile").read_text()
    recipe = re.search(rf"^{verb}:.*\n((?:\t.*\n)*)", makefile, re.MULTILINE)
    assert recipe, f"the Makefile has no {verb}"
    for word in words:
        name = word.partition("=")[0]
        assert f"$({name})" in recipe[0], f"make {verb} knows no {name}="


@pytest.mark.parametrize("command", [c for c in COMMANDS if "deploy/" in c.text], ids=str)
def test_files_and_folders_exist(command: Command) -> None:
    for path in re.findall(r"(?:^| )((?:deploy|docs|libs|services)/[^\s;]+)", command.text):
        for one in meant(path):
            assert (ROOT / one).exists(), one


@pytest.mark.parametrize(
    "command", [c for c in beginning_with("helm") if "deploy/helm" in c.text], ids=str
)
def test_values_that_are_set_exist_in_the_chart(command: Command) -> None:
    [chart] = re.findall(r"deploy/helm/(service|platform)\b", command.text)[:1]
    values = values_of([ROOT / "deploy" / "helm" / chart / "values.yaml"])
    for path in re.findall(r"--set(?:-string)? ([\w.]+)=", command.text):
        tree: Any = values
        for step in path.split("."):
            assert step in tree, f"the chart {chart} has no value {path}"
            tree = tree[step]


@pytest.mark.parametrize("command", [c for c in COMMANDS if OBJECT.search(c.text)], ids=str)
def test_objects_are_rendered_somewhere(command: Command) -> None:
    known = {name_of(one) for place in PLACES for one in everything_in(place)}
    hidden = {f"Rollout/{service}-api" for service in SERVICES}  # an option
    for kind, name in OBJECT.findall(command.text):
        for one in meant(name):
            assert f"{KINDS[kind]}/{one}" in known | hidden, f"nothing renders {kind}/{one}"


@pytest.mark.parametrize("command", [c for c in COMMANDS if "--container" in c.text], ids=str)
def test_containers_exist(command: Command) -> None:
    [container] = re.findall(r"--container (\S+)", command.text)
    for kind, name in OBJECT.findall(command.text):
        for one in meant(name):
            [workload] = [
                found
                for found in everything_in(PLACES[0])
                if name_of(found) == f"{KINDS[kind]}/{one}"
            ]
            names = {c["name"] for c in workload["spec"]["template"]["spec"]["containers"]}
            assert container in names, f"{one} has {names}"


@pytest.mark.parametrize("command", [c for c in COMMANDS if "python -m" in c.text], ids=str)
def test_modules_exist_in_the_service_they_are_run_in(command: Command) -> None:
    for module in MODULE.findall(command.text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
        owner = re.search(r"deployment/(\w+)-", command.text)
        if module.startswith("services."):
            assert owner is not None
            assert module.split(".")[1] == owner[1], "an image holds one service"


@pytest.mark.parametrize("command", [c for c in COMMANDS if SECRET.search(c.text)], ids=str)
def test_secrets_are_those_the_cluster_reads(command: Command) -> None:
    read = {
        str(reference["key"])
        for place in PLACES
        for one in of_kind(everything_in(place), "ExternalSecret")
        for reference in values_at(one, "remoteRef")
    }
    for path in SECRET.findall(command.text):
        for one in meant(path):
            assert one in read, f"nobody reads {one}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_paths_in_the_text_exist(page: Path) -> None:
    for path in re.findall(r"`((?:deploy|docs|libs|services|tests)/[^`<>$*]+)`", page.read_text()):
        assert (ROOT / path).exists(), f"{page.name} names {path}"


def test_every_alert_has_its_section_and_links_to_it() -> None:
    headings = set(
        re.findall(r"^### (\w+)$", (PAGES[0].parent / "alerts.md").read_text(), re.MULTILINE)
    )
    alerts = {
        rule["alert"]: rule["annotations"]["runbook_url"]
        for one in of_kind(everything_in(PLACES[0]), "PrometheusRule")
        for group in one["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert set(alerts) == headings
    for name, address in alerts.items():
        assert address.endswith(f"/docs/runbooks/alerts.md#{name.lower()}"), address


def test_commands_for_signing_keys_exist() -> None:
    text = (PAGES[0].parent / "rotate.md").read_text()
    named = set(re.findall(r"services\.auth\.cli ([\w-]+)", text))
    assert named == KEY_COMMANDS.keys()


def test_yaml_of_values_named_in_the_text_exists() -> None:
    values = yaml.safe_load((ROOT / "deploy" / "helm" / "service" / "values.yaml").read_text())
    text = (PAGES[0].parent / "scale.md").read_text()
    named = re.findall(r"`((?:api|worker|database|rollout)\.[\w.]+)`", text)
    assert named
    for path in named:
        tree: Any = values
        for step in path.split("."):
            assert step in tree, path
            tree = tree[step]

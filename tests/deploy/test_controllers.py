"""`make controllers`: what the charts need of a cluster, in one place, in pinned versions, as Terraform's roles know it."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.architecture.applications import ROOT
from tests.deploy.charts import HELM, of_kind
from tests.deploy.platform import PLACES, Place

MODULE: Final = ROOT / "deploy" / "terraform" / "modules" / "cluster"
ISTIO: Final = HELM / "platform" / "istio"
SHAPES: Final = ("alb", "apigateway")
SYSTEM: Final = "/usr/bin:/bin"
GATE: Final = "elbv2.k8s.aws/pod-readiness-gate-inject"


def run(
    script: str, *arguments: str, folder: Path = ROOT, path: str = SYSTEM
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", f"deploy/helm/{script}.sh", *arguments],
        cwd=folder,
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def commands(script: str, *arguments: str, folder: Path = ROOT) -> dict[str, list[str]]:
    finished = run(script, *arguments, "dry=1", folder=folder)
    assert finished.returncode == 0, finished.stderr
    lines = [shlex.split(line) for line in finished.stdout.splitlines()]
    return {line[3]: line for line in lines}


def word_after(command: list[str], option: str) -> str:
    return command[command.index(option) + 1]


INSTALLED: Final = commands("controllers", "prod", "eu-west-1")


@pytest.mark.parametrize("release", INSTALLED)
def test_a_controller_comes_from_a_named_place_in_one_version(release: str) -> None:
    command = INSTALLED[release]
    assert command[:3] == ["helm", "upgrade", "--install"]
    assert word_after(command, "--repo").startswith("https://")
    assert re.fullmatch(r"\d+\.\d+\.\d+", word_after(command, "--version"))
    for name in [command[n + 1] for n, word in enumerate(command) if word == "-f"]:
        assert (ROOT / name).is_file()


def test_each_role_that_terraform_makes_for_a_controller_is_taken_by_one() -> None:
    text = (MODULE / "controllers.tf").read_text()
    roles = re.findall(r'namespace\s+= "(\S+)"\n\s+service_account = "(\S+)"', text)
    assert len(roles) == 3
    for namespace, account in roles:
        takers = [
            command
            for command in INSTALLED.values()
            if word_after(command, "--namespace") == namespace
            and account in " ".join([*command, *map(read, value_files(command))])
        ]
        assert len(takers) == 1, f"nobody runs as {namespace}/{account}"


def value_files(command: list[str]) -> list[Path]:
    return [ROOT / command[n + 1] for n, word in enumerate(command) if word == "-f"]


def read(file: Path) -> str:
    return file.read_text()


def test_what_eks_manages_is_not_installed_a_second_time() -> None:
    text = (MODULE / "add-ons.tf").read_text()
    managed = set(re.findall(r'"([a-z-]+)"', text.split("workload_addons")[1].split("\n")[0]))
    assert "metrics-server" in managed
    assert not managed & INSTALLED.keys()
    assert "metrics-server.enabled=false" in INSTALLED["vpa"], "VPA's chart would bring another"


def test_controllers_know_their_cluster_and_ask_no_node_for_it() -> None:
    balancer = INSTALLED["aws-load-balancer-controller"]
    named = {"clusterName", "region", "vpcTags.Name"}
    given = dict(word.split("=", 1) for word in balancer if word.split("=")[0] in named)
    assert given == {
        "clusterName": "meridian-prod-eu-west-1",
        "region": "eu-west-1",
        "vpcTags.Name": "meridian-prod-eu-west-1",
    }
    assert "autoDiscovery.clusterName=meridian-prod-eu-west-1" in INSTALLED["cluster-autoscaler"]


def test_the_autoscaler_is_of_the_clusters_minor_version() -> None:
    values = yaml.safe_load((HELM / "platform" / "cluster-autoscaler-values.yaml").read_text())
    variables = (MODULE / "variables.tf").read_text()
    [version] = re.findall(
        r'variable "kubernetes_version" \{.*?default\s+= "([\d.]+)"', variables, re.DOTALL
    )
    assert values["image"]["tag"].startswith(f"v{version}.")


def test_one_controller_can_be_installed_alone() -> None:
    assert list(commands("controllers", "dev", "us-east-1", "only=keda")) == ["keda"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("production", "us-east-1"), "say which environment"),
        (("prod", "mars-1"), "say which region"),
        (("prod", "us-east-1", "only=shop", "dry=1"), "only=shop is no controller"),
        (("prod", "us-east-1"), "helm is not installed"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    arguments: tuple[str, ...], sentence: str
) -> None:
    if shutil.which("helm", path="/usr/bin:/bin"):
        pytest.skip("helm is installed where every program is")
    finished = run("controllers", *arguments)
    assert finished.returncode == 2
    assert sentence in finished.stderr
    assert finished.stdout == ""


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("shape", SHAPES)
def test_pods_that_a_load_balancer_fills_its_groups_with_count_as_ready_when_it_found_them(
    place: Place, shape: str
) -> None:
    manifests = place.rendered({"edge": {"shape": shape}, "monitoring": {"rules": False}})
    bound = {one["metadata"]["namespace"] for one in of_kind(manifests, "TargetGroupBinding")}
    gated = {
        one["metadata"]["name"]
        for one in of_kind(manifests, "Namespace")
        if one["metadata"]["labels"].get(GATE) == "enabled"
    }
    assert bound
    assert bound == gated


def test_istios_gateway_answers_until_the_load_balancer_has_let_go_of_it() -> None:
    values = yaml.safe_load((ISTIO / "gateway-values.yaml").read_text())
    config = json.loads(values["podAnnotations"]["proxy.istio.io/config"])
    drains = int(config["terminationDrainDuration"].removesuffix("s"))
    ingress = (MODULE.parent / "ingress" / "main.tf").read_text()
    [deregistered] = re.findall(r"http\s+= \{ port = var\.target\.port, drain = (\d+) \}", ingress)
    assert int(deregistered) < drains < values["terminationGracePeriodSeconds"]
    assert values["service"]["type"] == "ClusterIP", "the load balancer is Terraform's"


def test_the_second_shape_gets_istios_gateway_after_its_namespace_and_the_first_does_not(
    tmp_path: Path,
) -> None:
    shutil.copytree(HELM, tmp_path / "deploy" / "helm")
    generated = tmp_path / "deploy/helm/values/platform/prod-eu-west-1.generated.yaml"
    generated.write_text("edge:\n  shape: apigateway\n")
    second = commands("deploy", "prod", "eu-west-1", folder=tmp_path)
    assert list(second)[:3] == ["platform", "istio-ingressgateway", "auth"]
    gateway = second["istio-ingressgateway"]
    assert word_after(gateway, "-f") == "deploy/helm/platform/istio/gateway-values.yaml"
    assert word_after(gateway, "--namespace") == "istio-ingress"
    assert "--create-namespace" not in gateway, "the platform's has the labels"
    assert word_after(gateway, "--version") == word_after(INSTALLED["istiod"], "--version")
    generated.write_text("edge:\n  shape: alb\n")
    assert "istio-ingressgateway" not in commands("deploy", "prod", "eu-west-1", folder=tmp_path)


def test_another_regions_cluster_gets_no_controllers(tmp_path: Path) -> None:
    for name, script in {
        "helm": f"touch {tmp_path}/called",
        "kubectl": "echo arn:aws:eks:us-east-1:111122223333:cluster/meridian-prod-us-east-1",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    told = run("controllers", "prod", "eu-west-1", path=f"{tmp_path}:{SYSTEM}")
    assert told.returncode == 2
    assert "does not name eu-west-1" in told.stderr
    assert not (tmp_path / "called").exists()
    assert run("controllers", "prod", "us-east-1", path=f"{tmp_path}:{SYSTEM}").returncode == 0
    assert (tmp_path / "called").exists()

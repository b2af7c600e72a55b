"""Kubernetes' own schemas, strictly: a field nobody knows is as wrong as one that is missing."""

from functools import cache
from typing import Any, Final

import jsonschema
from kubernetes_validate import SchemaNotFoundError
from kubernetes_validate.utils import all_versions, schema_contents
from referencing import Registry, Resource

from tests.deploy.charts import Manifest

VERSIONS: Final = ("1.34", "1.35", "1.36")
"""Every Kubernetes the charts are made for."""

CORE: Final = frozenset({
    "v1", "apps/v1", "batch/v1", "autoscaling/v2", "policy/v1", "networking.k8s.io/v1",
    "rbac.authorization.k8s.io/v1", "scheduling.k8s.io/v1",
})  # fmt: skip
"""What an API server knows by itself; everything else needs its definition installed."""


def is_core(manifest: Manifest) -> bool:
    """Tell whether Kubernetes itself defines this object's kind."""
    return manifest["apiVersion"] in CORE


def faults(manifest: Manifest, version: str) -> list[str]:
    """Return what a Kubernetes of this version would refuse, each with its path.

    Raises:
        SchemaNotFoundError: it does not know the kind at all.
    """
    group, _, api = manifest["apiVersion"].rpartition("/")
    name = "-".join(filter(None, (manifest["kind"].lower(), group.partition(".")[0], api)))
    try:
        validator = _validator(name, version)
    except FileNotFoundError:
        raise SchemaNotFoundError(manifest["kind"], version, manifest["apiVersion"]) from None
    return [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message[:300]}"
        for error in validator.iter_errors(manifest)
    ]


@cache
def _validator(name: str, version: str) -> jsonschema.Draft202012Validator:
    """The package reads and indexes its 1.6 MB of definitions for every object; once per version is enough."""
    schema = schema_contents(f"{_folder(version)}/{name}.json", version)
    return jsonschema.Draft202012Validator(schema, registry=_definitions(version))


@cache
def _definitions(version: str) -> "Registry[Any]":
    contents = schema_contents(f"{_folder(version)}/_definitions.json", version)
    return Resource.from_contents(contents) @ Registry()


def _folder(version: str) -> str:
    [exact] = {known for known in all_versions() if known.startswith(f"{version}.")}
    return f"kubernetes-json-schema/v{exact}-local-strict"

"""Every generated file and who makes it; the one list that `make edge` and the drift test share."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from edge.api_gateway import api_definition, stage_settings
from edge.cloudfront import behaviours_file
from edge.costs import cost_table
from edge.envoy.bootstrap import envoy_config
from edge.envoy.surroundings import in_cluster, in_compose
from edge.kong import kong_file
from edge.mesh import mesh_config
from edge.operations import Operation
from edge.table import RouteTable
from edge.text import as_json, as_yaml

GATEWAY: Final = Path("deploy/gateway")
SECURITY: Final = Path("libs/security")
PLATFORM_FILES: Final = Path("deploy/helm/platform/files")


def generated(table: RouteTable, operations: Sequence[Operation]) -> Mapping[Path, str]:
    """Return the text of every generated file by its path below the repository's root."""
    return {
        GATEWAY / "envoy.yaml": as_yaml(
            envoy_config(table, in_compose()), "Envoy in containers (compose)."
        ),
        PLATFORM_FILES / "envoy.yaml": as_yaml(
            envoy_config(table, in_cluster()), "Envoy in a cluster; the chart replaces ${TOKENS}."
        ),
        PLATFORM_FILES / "mesh.json": as_json(mesh_config(table, operations)),
        GATEWAY / "api-gateway.json": as_json(api_definition(table, operations)),
        GATEWAY / "api-gateway-stage.json": as_json(stage_settings(table, operations)),
        GATEWAY / "kong.yaml": as_yaml(
            kong_file(table),
            "Kong without a database; `python -m edge kong JWKS_FILE` adds the keys.",
        ),
        GATEWAY / "cloudfront.json": as_json(behaviours_file(table, operations)),
        SECURITY / "costs.json": as_json(cost_table(table, operations)),
    }

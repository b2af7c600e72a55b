"""Writes docs/costs.md: what the bill of each environment is made of, from its values; `make tf-docs`, held current by a test.

Counts and classes, not prices: those change, differ by region and by contract.
"""

import re
from collections.abc import Iterator
from typing import Final

from deploy.terraform.layout import ENVIRONMENTS, ROOT, Layout

DOCUMENT: Final = ROOT / "docs" / "costs.md"
HOURS: Final = 730
"""A month's hours as AWS counts them."""
_ZONES: Final = 3

_HEAD: Final = """# What it costs

Written by `make tf-docs` from `deploy/terraform/environments` and the modules' defaults. These are the parts that are paid by the hour and
decide the bill, for all regions of an environment together; multiply by your prices. Beside them: traffic between zones and regions, Aurora's
input and output, CloudFront's and WAF's requests, logs kept, and the nodes that the autoscaler adds.

| environment | part | class | per region | regions | hours a month |
|---|---|---|---|---|---|
"""
_TAIL: Final = """
## Quotas to raise before applying

| quota, per region | for |
|---|---|
| RDS: DB instances | the writer and as many readers as auto-scaling may add (`most_replicas`) |
| ElastiCache: nodes per region | shards, times one more than their replicas |
| EC2: running on-demand standard instances, in vCPU | every node group at its largest |
| EC2: elastic IP addresses | one per NAT gateway |
| EBS: gp3 storage | plain RDS only |

## What the smaller environments shrink

Never a part, only its size: instance classes, replicas, shards, NAT gateways (one for all zones instead of one each, so a zone's end takes the others'
way out with it), how long logs and backups are kept. `dev` may be destroyed: its database is not protected and its vaults are not locked.
"""


def document(layout: Layout) -> str:
    """Return the text of docs/costs.md."""
    rows = [row for environment in ENVIRONMENTS for row in _rows(layout, environment)]
    return _HEAD + "\n".join(rows) + "\n" + _TAIL


def _rows(layout: Layout, environment: str) -> Iterator[str]:
    regions = len(layout.regions_of(environment))
    readers = int(_figure(layout, environment, "database", "replicas"))
    shards = int(_figure(layout, environment, "cache", "shards"))
    copies = int(_figure(layout, environment, "cache", "replicas"))
    database = _figure(layout, environment, "database", "instance_class")
    node = _figure(layout, environment, "cache", "node_type")
    parts = [
        ("database: a writer and readers", database, 1 + readers),
        ("cache: shards with their replicas", node, shards * (1 + copies)),
        ("NAT gateways", "-", _gateways(layout, environment)),
        ("EKS control plane", "-", 1),
    ]
    for part, kind, count in parts:
        hours = count * regions * HOURS
        yield f"| {environment} | {part} | {kind} | {count} | {regions} | {hours:,} |"


def _figure(layout: Layout, environment: str, part: str, name: str) -> str:
    """Return a size: the environment's own, else the module's default."""
    values = (layout.environments / environment / "data.tfvars").read_text(encoding="utf-8")
    block = re.search(rf"^{part} = \{{\n.*?^\}}", values, re.MULTILINE | re.DOTALL)
    sizes = re.search(r"sizes\s*= \{(.*?)\}", block[0]) if block else None
    own = re.search(rf"\b{name}\s*= \"?([\w.]+)", sizes[1]) if sizes else None
    if own:
        return own[1]
    variables = (layout.terraform / "modules" / part / "variables.tf").read_text(encoding="utf-8")
    default = re.search(rf"\b{name}\s*= optional\(\w+, \"?([\w.]+)", variables)
    if default is None:
        raise LookupError(f"{part} of {environment} has no {name}")
    return default[1]


def _gateways(layout: Layout, environment: str) -> int:
    values = (layout.environments / environment / "network.tfvars").read_text(encoding="utf-8")
    own = re.search(r"^nat_gateways\s*= (\d+)", values, re.MULTILINE)
    return int(own[1]) if own else _ZONES

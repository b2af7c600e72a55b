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
_VCPU: Final = {"m5.large": 2, "c5.xlarge": 4, "r5.2xlarge": 8}
_GROUP: Final = re.compile(r'(\w+)\s*= \{ instance_type = "([\w.]+)", min = (\d+), max = (\d+)')

_HEAD: Final = """# What it costs

Written by `make tf-docs` from `deploy/terraform/environments` and the modules' defaults. These are the parts that are paid by the hour and
decide the bill, for all regions of an environment together; multiply by your prices. Beside them: traffic between zones and regions,
CloudFront's and WAF's requests, logs and backups kept, and the nodes that the autoscaler adds to the smallest number, which is shown.

| environment | part | class | per region | regions | hours a month |
|---|---|---|---|---|---|
"""
_TAIL: Final = """
## Quotas to raise before applying

Per region; AWS takes days for some.

| quota | for | {environments} |
|---|---|{rule}|
{quotas}

## What the smaller environments shrink

Never a part, only its size: instance classes, replicas, shards, NAT gateways (one for all zones instead of one each, so a zone's end takes the others'
way out with it), how long logs and backups are kept. `dev` may be destroyed: its database is not protected and its vaults are not locked.
"""


def document(layout: Layout) -> str:
    """Return the text of docs/costs.md."""
    rows = [row for environment in ENVIRONMENTS for row in _rows(layout, environment)]
    quotas = zip(*(_quotas(layout, environment) for environment in ENVIRONMENTS), strict=True)
    tail = _TAIL.format(
        environments=" | ".join(ENVIRONMENTS),
        rule="|".join("---" for _ in ENVIRONMENTS),
        quotas="\n".join(_quota_row(row) for row in quotas),
    )
    return _HEAD + "\n".join(rows) + "\n" + tail


def _rows(layout: Layout, environment: str) -> Iterator[str]:
    regions = len(layout.regions_of(environment))
    parts = [
        (
            "database: a writer and readers",
            _figure(layout, environment, "database", "instance_class"),
            1 + int(_figure(layout, environment, "database", "replicas")),
        ),
        (
            "cache: shards with their replicas",
            _figure(layout, environment, "cache", "node_type"),
            _cache_nodes(layout, environment),
        ),
        *((f"nodes: {name}", kind, least) for name, kind, least, _ in _groups(layout, environment)),
        ("NAT gateways", "-", _gateways(layout, environment)),
        ("interface endpoints, one per zone", "-", _endpoints(layout) * _ZONES),
        ("load balancer", "application", 1),
        ("EKS control plane", "-", 1),
    ]
    for part, kind, count in parts:
        hours = count * regions * HOURS
        yield f"| {environment} | {part} | {kind} | {count} | {regions} | {hours:,} |"


def _quotas(layout: Layout, environment: str) -> list[tuple[str, str, int]]:
    most = 1 + int(_figure(layout, environment, "database", "most_replicas"))
    vcpu = sum(_VCPU[kind] * largest for _, kind, _, largest in _groups(layout, environment))
    return [
        ("RDS: DB instances", "the writer and as many readers as auto-scaling may add", most),
        (
            "ElastiCache: nodes per region",
            "shards, times one more than their replicas",
            _cache_nodes(layout, environment),
        ),
        (
            "EC2: running on-demand standard instances, in vCPU",
            "node groups at their largest",
            vcpu,
        ),
        ("EC2: elastic IP addresses", "one per NAT gateway", _gateways(layout, environment)),
    ]


def _quota_row(row: tuple[tuple[str, str, int], ...]) -> str:
    quota, reason, _ = row[0]
    return f"| {quota} | {reason} | {' | '.join(str(figure) for _, _, figure in row)} |"


def _groups(layout: Layout, environment: str) -> list[tuple[str, str, int, int]]:
    """Return the node groups: name, class, fewest and most nodes."""
    values = (layout.environments / environment / "platform.tfvars").read_text(encoding="utf-8")
    found = [
        (name, kind, int(least), int(most)) for name, kind, least, most in _GROUP.findall(values)
    ]
    if not found:
        raise LookupError(f"{environment}/platform.tfvars has no node_groups, one to a line")
    return found


def _cache_nodes(layout: Layout, environment: str) -> int:
    shards = int(_figure(layout, environment, "cache", "shards"))
    return shards * (1 + int(_figure(layout, environment, "cache", "replicas")))


def _endpoints(layout: Layout) -> int:
    text = (layout.terraform / "modules" / "vpc-endpoints" / "variables.tf").read_text("utf-8")
    services = re.search(r'variable "interface_services".*?default = \[(.*?)\]', text, re.DOTALL)
    return len(re.findall(r'"[\w.-]+"', services[1])) if services else 0


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

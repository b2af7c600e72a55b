"""What NetworkPolicies let through, read as Kubernetes reads them."""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from tests.deploy.charts import Manifest, of_kind
from tests.deploy.region import Pod


def may_connect(
    manifests: Iterable[Manifest], source: Pod, target: Pod, port: str
) -> tuple[bool, bool]:
    """Tell whether the source's policies let it out to the target's port, and whether the target's let it in."""
    policies = of_kind(manifests, "NetworkPolicy")
    number = target.ports.get(port)
    out = _permitted(policies, source, target, "egress", "to", number, port)
    into = _permitted(policies, target, source, "ingress", "from", number, port)
    return out, into


def may_be_reached_from(
    manifests: Iterable[Manifest], target: Pod, address: str, port: int
) -> bool:
    """Tell whether somebody at an address, outside the cluster, is let in to a pod's port."""
    return any(
        _covers(rule, port, None) and any(_holds(peer, address) for peer in rule.get("from", [{}]))
        for rule in _rules(of_kind(manifests, "NetworkPolicy"), target, "ingress")
    )


def _permitted(
    policies: Iterable[Manifest],
    ruled: Pod,
    other: Pod,
    direction: str,
    side: str,
    number: int | None,
    name: str,
) -> bool:
    """A pod that no policy rules is open; else one rule has to name the other side and the port."""
    chosen = [one for one in policies if _rules_pod(one, ruled, direction)]
    if not chosen:
        return True
    return any(
        _covers(rule, number, name)
        and any(_matches(peer, ruled, other) for peer in rule.get(side) or [{}])
        for policy in chosen
        for rule in policy["spec"].get(direction) or []
    )


def _rules(policies: Iterable[Manifest], pod: Pod, direction: str) -> Iterable[dict[str, Any]]:
    return (
        rule
        for policy in policies
        if _rules_pod(policy, pod, direction)
        for rule in policy["spec"].get(direction) or []
    )


def _rules_pod(policy: Manifest, pod: Pod, direction: str) -> bool:
    spec = policy["spec"]
    return (
        policy["metadata"].get("namespace", "meridian") == pod.namespace
        and direction.capitalize() in spec["policyTypes"]
        and _selects(spec["podSelector"], pod.labels)
    )


def _covers(rule: Mapping[str, Any], number: int | None, name: str | None) -> bool:
    ports = rule.get("ports")
    return not ports or any(
        entry["port"] in {number, name} and entry.get("protocol", "TCP") == "TCP" for entry in ports
    )


def _matches(peer: Mapping[str, Any], ruled: Pod, other: Pod) -> bool:
    if "ipBlock" in peer:
        return False  # a pod's address is nobody's to write down
    spaces = peer.get("namespaceSelector")
    if spaces is None:
        right_space = other.namespace == ruled.namespace
    else:
        right_space = _selects(spaces, {"kubernetes.io/metadata.name": other.namespace})
    return right_space and _selects(peer.get("podSelector", {}), other.labels)


def _holds(peer: Mapping[str, Any], address: str) -> bool:
    block = peer.get("ipBlock")
    if block is None:
        return not peer
    inside = ipaddress.ip_address(address) in ipaddress.ip_network(block["cidr"])
    kept_out = any(
        ipaddress.ip_address(address) in ipaddress.ip_network(hole)
        for hole in block.get("except", [])
    )
    return inside and not kept_out


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    exact = selector.get("matchLabels", {})
    return exact.items() <= labels.items() and all(
        _satisfies(condition, labels) for condition in selector.get("matchExpressions", [])
    )


def _satisfies(condition: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(condition["key"]), condition.get("values", [])
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[condition["operator"]]

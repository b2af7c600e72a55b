"""Evaluates rendered Istio resources as a sidecar does: may this request pass, and by which route."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.deploy.charts import Manifest, of_kind

PORT: Final = "8080"


@dataclass(frozen=True)
class Call:
    """One request as the callee's sidecar sees it. No principal: it came without the mesh's certificates."""

    principal: str | None
    method: str
    path: str
    port: str = PORT
    source_labels: Mapping[str, str] = field(default_factory=dict)


def is_allowed(manifests: Sequence[Manifest], pod: Mapping[str, str], call: Call) -> bool:
    """Tell whether the AuthorizationPolicies let a call through to a pod with these labels.

    With no policy for the pod everything passes; with some, what at least one rule allows (Istio's implicit enablement).
    """
    chosen = [one for one in of_kind(manifests, "AuthorizationPolicy") if _selects(one, pod)]
    assert all(one["spec"].get("action", "ALLOW") == "ALLOW" for one in chosen)
    if not chosen:
        return True
    return any(_rule_allows(rule, call) for one in chosen for rule in one["spec"].get("rules", []))


def route_of(virtual_service: Manifest, call: Call) -> dict[str, Any] | None:
    """Return the first HTTP route that takes the call, None when none does."""
    routes: list[dict[str, Any]] = virtual_service["spec"]["http"]
    return next((one for one in routes if _takes(one.get("match"), call)), None)


def seconds_of(duration: str) -> float:
    """Read a duration; Istio's are written in seconds here."""
    assert re.fullmatch(r"\d+(\.\d+)?s", duration), duration
    return float(duration[:-1])


def _selects(policy: Manifest, pod: Mapping[str, str]) -> bool:
    wanted = policy["spec"].get("selector", {}).get("matchLabels", {})
    return all(pod.get(name) == value for name, value in wanted.items())


def _rule_allows(rule: Mapping[str, Any], call: Call) -> bool:
    assert rule.keys() <= {"from", "to"}, f"not simulated: {sorted(rule)}"
    sources = rule.get("from")
    operations = rule.get("to")
    by_source = sources is None or any(_from(one["source"], call) for one in sources)
    by_operation = operations is None or any(_to(one["operation"], call) for one in operations)
    return by_source and by_operation


def _from(source: Mapping[str, Any], call: Call) -> bool:
    assert source.keys() == {"principals"}, f"not simulated: {sorted(source)}"
    return call.principal is not None and _any(source["principals"], call.principal)


def _to(operation: Mapping[str, Any], call: Call) -> bool:
    assert operation.keys() <= {"ports", "methods", "paths", "notPaths"}, sorted(operation)
    return (
        _any(operation.get("ports", ["*"]), call.port)
        and _any(operation.get("methods", ["*"]), call.method)
        and _any(operation.get("paths", ["*"]), call.path)
        and not _any(operation.get("notPaths", []), call.path)
    )


def _any(patterns: Sequence[str], value: str) -> bool:
    return any(_matches(pattern, value) for pattern in patterns)


def _matches(pattern: str, value: str) -> bool:
    """Exact, prefix*, *suffix, or a path template, in which {*} is one segment and * an ordinary letter."""
    if "{*}" in pattern:
        return re.fullmatch("[^/]+".join(map(re.escape, pattern.split("{*}"))), value) is not None
    if pattern == "*":
        return value != ""
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    return value.endswith(pattern[1:]) if pattern.startswith("*") else value == pattern


def _takes(matches: Sequence[Mapping[str, Any]] | None, call: Call) -> bool:
    return matches is None or any(_match_takes(match, call) for match in matches)


def _match_takes(match: Mapping[str, Any], call: Call) -> bool:
    assert match.keys() <= {"uri", "method", "sourceLabels"}, f"not simulated: {sorted(match)}"
    labels = match.get("sourceLabels", {})
    return (
        _string(match.get("uri"), call.path)
        and _string(match.get("method"), call.method)
        and all(call.source_labels.get(name) == value for name, value in labels.items())
    )


def _string(wanted: Mapping[str, str] | None, value: str) -> bool:
    if wanted is None:
        return True
    ((kind, text),) = wanted.items()
    match kind:
        case "exact":
            return value == text
        case "prefix":
            return value.startswith(text)
        case "regex":
            return re.fullmatch(text, value) is not None
    raise AssertionError(f"not simulated: {kind}")

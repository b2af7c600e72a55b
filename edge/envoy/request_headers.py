"""What happens to a request's headers before Envoy looks at them: claims go, a safe request id stays.

Scratch headers begin with `x-edge-`. Clients cannot send them: they are removed first and last.
"""

from typing import Any, Final

from edge.envoy.fragments import typed
from edge.table import Headers

VERDICT: Final = "x-edge-origin"
"""`open` when the request may have come in, `closed` when it went around the content delivery network."""

_SCRATCH: Final = {"prefix": "x-edge-"}
_KEPT_ID: Final = "x-edge-request-id"
_SECRET: Final = "x-edge-secret"  # noqa: S105 - the name of a header
_PREVIOUS: Final = "x-edge-secret-previous"
_HOPS: Final = {"x-forwarded-for": "x-edge-for", "x-forwarded-proto": "x-edge-proto"}


def early_mutations(headers: Headers, *, trusted_hops: int) -> dict[str, Any]:
    """Build the extension that runs before anything else reads the headers.

    `trusted_hops` is how many proxies in front of Envoy are ours: with any, what they say of the client's address and
    scheme is kept for Envoy to judge, else it goes with the other claims. Behind proxies there has to be an origin secret,
    too: without one, nobody is let in.
    """
    hops = _HOPS if trusted_hops else {}
    aside = {_KEPT_ID: _cel(_safe_id(headers))} | {keep: _req(name) for name, keep in hops.items()}
    back = {headers.request_id: _req(_KEPT_ID)} | {name: _req(keep) for name, keep in hops.items()}
    mutations = [
        _remove(_SCRATCH),
        *_judge_origin(headers.origin_secret, required=trusted_hops > 0),
        *(_set(name, value) for name, value in aside.items()),
        *(_remove({"prefix": p}) for p in headers.stripped_prefixes if p != _SCRATCH["prefix"]),
        *(_remove({"exact": name}) for name in _not_covered(headers)),
        _remove({"exact": headers.request_id}),
        *(_set(name, value) for name, value in back.items()),
        *(_remove({"exact": name}) for name in aside),
    ]
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": typed(
            "http.early_header_mutation.header_mutation.v3.HeaderMutation", mutations=mutations
        ),
    }


def origin_filter() -> dict[str, Any]:
    """Refuse what did not come through the content delivery network."""
    came_in = {"header": {"name": VERDICT, "string_match": {"exact": "open"}}}
    return {
        "name": "envoy.filters.http.rbac",
        "typed_config": typed(
            "filters.http.rbac.v3.RBAC",
            rules={
                "action": "ALLOW",
                "policies": {"origin": {"permissions": [came_in], "principals": [{"any": True}]}},
            },
        ),
    }


def removed_before_services(headers: Headers) -> list[str]:
    """Name what only the edge itself reads."""
    return [VERDICT, headers.origin_secret, "x-envoy-external-address"]


def _judge_origin(secret: str, *, required: bool) -> list[dict[str, Any]]:
    """Compare the secret with `ORIGIN_SECRET` and, while it is being changed, `ORIGIN_SECRET_PREVIOUS`.

    Envoy writes `-` for a variable that is not set, so nobody may send a dash; an empty one makes no header at all.
    Unless it is `required`, a secret nobody set is not asked for.
    """
    sent, asked, before = (f"request.headers['{name}']" for name in (secret, _SECRET, _PREVIOUS))
    given = f"'{_SECRET}' in request.headers && {asked} != '-'"
    matches = f"{sent} == {asked} || ('{_PREVIOUS}' in request.headers && {sent} == {before})"
    proven = f"'{secret}' in request.headers && {sent} != '-' && ({matches})"
    let_in = f"{given} && {proven}" if required else f"!({given}) || {proven}"
    return [
        _set(_SECRET, "%ENVIRONMENT(ORIGIN_SECRET)%"),
        _set(_PREVIOUS, "%ENVIRONMENT(ORIGIN_SECRET_PREVIOUS)%"),
        _set(VERDICT, _cel(f"{let_in} ? 'open' : 'closed'")),
        _remove({"exact": _SECRET}),
        _remove({"exact": _PREVIOUS}),
    ]


def _safe_id(headers: Headers) -> str:
    sent = f"request.headers['{headers.request_id}']"
    short = f"size({sent}) <= {headers.longest_request_id}"
    safe = f"{short} && {sent}.matches('^{headers.safe_request_id}$')"
    return f"'{headers.request_id}' in request.headers && {safe} ? {sent} : ''"


def _not_covered(headers: Headers) -> list[str]:
    """Leave out the names a prefix removes already."""
    prefixes = tuple(headers.stripped_prefixes)
    return [name for name in headers.stripped if not name.startswith(prefixes)]


def _cel(expression: str) -> str:
    return f"%CEL({expression})%"


def _req(name: str) -> str:
    return f"%REQ({name})%"


def _remove(rule: dict[str, Any]) -> dict[str, Any]:
    return {"remove_on_match": {"key_matcher": {**rule, "ignore_case": True}}}


def _set(name: str, value: str) -> dict[str, Any]:
    header = {"key": name, "value": value}
    return {"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}

"""Istio: in the service's rendered VirtualService, the first route that takes a call of the gateway's."""

from functools import cache

from tests.deploy.charts import Manifest, of_kind
from tests.deploy.istio import Call, route_of, seconds_of
from tests.deploy.platform import Place
from tests.edge.readers.found import Found

GATEWAY = {"app.kubernetes.io/name": "gateway"}
FOR_SERVICES = "east-west"
GRACE_SECONDS = 1  # the gateway gives up first and says why


@cache
def virtual_services() -> list[Manifest]:
    return of_kind(Place().rendered(), "VirtualService")


def find(method: str, path: str) -> Found | None:
    call = Call(None, method, path, source_labels=GATEWAY)
    taking = [
        (service, route)
        for service in virtual_services()
        if (route := route_of(service, call)) is not None and route["name"] != FOR_SERVICES
    ]
    if not taking:
        return None
    assert len(taking) == 1, f"{method} {path} is taken by {len(taking)} VirtualServices"
    service, route = taking[0]
    seconds = seconds_of(route["timeout"])
    return Found(
        rule=route["name"],
        service=service["metadata"]["name"],
        timeout_seconds=seconds and seconds - GRACE_SECONDS,
        stream=seconds == 0,
        retries=route["retries"]["attempts"],
    )

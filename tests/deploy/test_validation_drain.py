"""A pod has the time to leave in good order: every wait fits into the one around it."""

import itertools

import pytest

from edge.table import load_table
from libs.runtime.resources import KEPT_IDLE_SECONDS
from libs.topology import SERVICES
from tests.deploy.charts import find, of_kind
from tests.deploy.golden import CERTIFICATE, platform_with
from tests.deploy.region import PLACES, Place, everything_in, service_in
from tests.e2e.draining import draining_of

every_place = pytest.mark.parametrize("place", PLACES, ids=str)


@every_place
def test_a_pod_is_not_killed_before_it_has_drained(place: Place) -> None:
    for service, part in itertools.product(SERVICES, ("api", "worker")):
        draining = draining_of(service_in(place, service), service, part)
        assert draining.pre_stop > 0
        assert draining.linger > KEPT_IDLE_SECONDS
        assert draining.grace > draining.most


@every_place
def test_the_gateway_outlives_what_the_load_balancer_still_sends(place: Place) -> None:
    everything = platform_with({"edge": {"api": "ingress", "certificateArn": CERTIFICATE}}, place)
    gateway = find(everything, "Deployment", "gateway")["spec"]["template"]["spec"]
    [envoy] = gateway["containers"]
    sleep = envoy["lifecycle"]["preStop"]["sleep"]["seconds"]
    name = "alb.ingress.kubernetes.io/target-group-attributes"
    delays = [
        int(attribute.partition("=")[2])
        for ingress in of_kind(everything, "Ingress")
        for attribute in ingress["metadata"]["annotations"][name].split(",")
        if attribute.startswith("deregistration_delay")
    ]
    # On SIGTERM Envoy ends at once: everything has to be answered before, in the time of the preStop sleep.
    longest = max(route.timeout_seconds for route in load_table().edge_routes)
    assert delays
    assert longest <= min(delays)
    assert max(delays) < sleep < gateway["terminationGracePeriodSeconds"]


@every_place
def test_a_new_gateway_counts_when_the_load_balancer_has_found_it_healthy(place: Place) -> None:
    labels = find(everything_in(place), "Namespace", "meridian")["metadata"]["labels"]
    assert labels["elbv2.k8s.aws/pod-readiness-gate-inject"] == "enabled"

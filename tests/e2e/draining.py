"""How long a pod takes to go, as the chart sets it."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.deploy.charts import Installation, Manifest, container_of, find, pod_of, render_service


@dataclass(frozen=True)
class Draining:
    """The seconds of a pod's end, in their order: sleep before SIGTERM, see callers off, end what is under way."""

    pre_stop: int
    linger: int
    drain: int
    grace: int

    @property
    def most(self) -> int:
        """The longest way: requests and worker loops take their whole drain time, one after the other."""
        return self.pre_stop + self.linger + 2 * self.drain


def draining_of(manifests: Sequence[Manifest], service: str, part: str) -> Draining:
    """Read it from a service's rendered objects."""
    workload = find(manifests, "Deployment", f"{service}-{part}")
    settings = find(manifests, "ConfigMap", f"{service}-settings")["data"]
    return Draining(
        pre_stop=container_of(workload)["lifecycle"]["preStop"]["sleep"]["seconds"],
        linger=int(settings["LINGER_SECONDS"]),
        drain=int(settings["DRAIN_SECONDS"]),
        grace=pod_of(workload)["spec"]["terminationGracePeriodSeconds"],
    )


def draining_in_production(service: str) -> Draining:
    """Render the chart as production gets it."""
    return draining_of(render_service(Installation(service)), service, "api")

"""Payment's real process with one difference: what a killed process held comes back after 3 s instead of a minute."""

from libs.messaging.routing import Routing
from libs.runtime.serve import run
from services.payment.main import create_app
from services.payment.settings import PaymentSettings

VISIBILITY_SECONDS = 3


def shorten_visibility() -> None:
    routing = Routing.load()
    queue = routing.command_queues["payment"]
    shorter = queue.model_copy(update={"visibility_seconds": VISIBILITY_SECONDS})
    assert isinstance(routing.command_queues, dict)
    routing.command_queues["payment"] = shorter


if __name__ == "__main__":
    shorten_visibility()
    run(PaymentSettings, create_app)

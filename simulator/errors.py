"""Refusals of the simulator, answered as `{"error": {"type", "code", "message"}}` the way Stripe does."""

from collections.abc import Mapping


class SimulatorError(Exception):
    """A request the provider refuses before it has any effect; never stored under the idempotency key."""

    def __init__(
        self,
        status: int,
        kind: str,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.code = code
        self.message = message
        self.headers = headers

    def body(self) -> dict[str, object]:
        return error_body(self.kind, self.code, self.message)


def error_body(kind: str, code: str, message: str) -> dict[str, object]:
    """Build the body of an error answer."""
    return {"error": {"type": kind, "code": code, "message": message}}


class ConnectionCutError(Exception):
    """The answer breaks off in the middle; whether it had an effect, the caller cannot see."""

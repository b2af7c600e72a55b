"""Why a request with an idempotency key is not run."""

from typing import ClassVar

from libs.errors import DomainError


class IdempotencyKeyMissing(DomainError):
    """The operation creates money, an order or a hold, so it must be safe to repeat."""

    code: ClassVar[str] = "idempotency_key_missing"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "This operation needs an Idempotency-Key"


class IdempotencyKeyMalformed(DomainError):
    """The key is not 1 to 255 printable ASCII characters."""

    code: ClassVar[str] = "idempotency_key_malformed"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "The Idempotency-Key is malformed"


class IdempotencyKeyReused(DomainError):
    """The key was used before for another request."""

    code: ClassVar[str] = "idempotency_key_reused"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "The Idempotency-Key belongs to another request"


class IdempotencyInFlight(DomainError):
    """The first request with this key has not ended yet; repeating it later gives its answer."""

    code: ClassVar[str] = "idempotency_in_flight"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "A request with this Idempotency-Key is in progress"

    def __init__(self, retry_after_seconds: int = 1) -> None:
        super().__init__(
            "Repeat the same request after the given time to receive its answer.",
            headers={"Retry-After": str(retry_after_seconds)},
        )


class LeaseLost(DomainError):
    """This worker stalled past its lease and another has taken over, so it must not store an effect any more."""

    code: ClassVar[str] = "idempotency_lease_lost"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Another attempt has taken over this request"

    def __init__(self) -> None:
        super().__init__(
            "Repeat the same request to receive the answer of the attempt that took over.",
            headers={"Retry-After": "1"},
        )

"""How old unfinished erasures are; read now and then, shown as a gauge that an alert looks at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from libs.database.session import Database
from libs.observability.metrics import Observation, gauge
from services.user.domain.erasure import ErasureState
from services.user.repository.erasures import ErasureRepository

_UNFINISHED = (ErasureState.REQUESTED, ErasureState.HELD, ErasureState.RUNNING)


@dataclass
class ErasureWatch:
    """The last reading, in seconds by state."""

    database: Database
    oldest: Mapping[str, float] = field(default_factory=dict)

    async def refresh(self) -> None:
        """Read the ages."""
        async with self.database.transaction() as session:
            self.oldest = await ErasureRepository(session).oldest()

    def show(self) -> None:
        """Show the reading whenever metrics are read."""
        gauge(
            "user_erasure_age",
            self.observations,
            unit="s",
            description="Seconds since the oldest unfinished erasure was asked for, or begun if it runs, by state",
        )

    def observations(self) -> Sequence[Observation]:
        """Return an age for every state, 0 where no erasure is in it: an alert ends when the last one is done."""
        return [Observation(self.oldest.get(state, 0.0), {"state": state}) for state in _UNFINISHED]

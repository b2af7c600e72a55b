"""How often one may try, so that guessing stays hopeless and nobody is locked out by strangers."""

from dataclasses import dataclass
from typing import Final

from libs.cache.rate_limit import Policy, RateLimiter
from libs.security.errors import RateLimited
from services.auth.service.clients import Client

_LONGEST_TOLD: Final = 300
"""Seconds; telling more would tell whose allowance is the administrators'."""


@dataclass(frozen=True)
class Guess:
    """A counted attempt, to be given back if it turns out right."""

    key: str
    policies: tuple[Policy, ...]


@dataclass(frozen=True)
class Throttle:
    """How often one may try: an address by the minute, an account by its failures in five minutes and in a day.

    An account is never locked: from a network it was used from before, failures of strangers do not count. For
    administrators they do (PCI DSS 4.0.1, 8.3.4): their accounts are worth more than their comfort. Strangers fail alike
    with both, for half an hour and for a day, so that waiting tells nobody whose account an administrator's is.
    """

    limiter: RateLimiter
    per_address: Policy
    registrations: Policy
    per_account: Policy
    """Of whoever is known to the account: by the network, the session, or a factor they have shown."""
    per_account_and_day: Policy
    per_stranger: Policy
    per_administrator: Policy
    """As of strangers; not more than ten, whatever is configured."""
    mails_per_account: Policy
    mails_altogether: Policy
    """What anybody may have sent to one address, wherever they are.

    Over so soon that whenever it refuses, a mail lies there whose token still works: `window_seconds` and the part of it
    that the counter of the window before looks back are shorter together than a token's life.
    """

    async def register(self, client: Client) -> None:
        """Count an attempt to register.

        Raises:
            RateLimited: the address registered too many accounts.
        """
        await self._spend(f"register:{client.network}", self.registrations)

    async def login(self, client: Client) -> None:
        """Count an attempt to log in, or to use up what a mail or a device gave, from an address.

        Raises:
            RateLimited: the address tried too often.
        """
        await self._spend(f"login:{client.network}", self.per_address)

    async def guess(
        self, email: str, known_network: str | None, *, administrator: bool = False
    ) -> Guess:
        """Count a possible failure for the account; return what to give back if it was none.

        Raises:
            RateLimited: too many wrong passwords for this account.
        """
        if known_network is None or administrator:
            most = self.per_administrator if administrator else self.per_stranger
            return await self._guess(f"account:{email}:", most, self.per_account_and_day)
        key = f"account:{email}:{known_network}"
        return await self._guess(key, self.per_account, self.per_account_and_day)

    async def prove(self, user_id: str, known_by: str = "") -> Guess:
        """Count a possible failure of somebody who showed one factor, or holds a session, to show another.

        Only they can spend this allowance, so nobody is locked out by strangers; and a thief who has the password, or a
        copy of a session, spends none of whoever is known by another network or session.

        Args:
            user_id: whose account.
            known_by: the network the account was used from before, or the session; empty for neither.

        Raises:
            RateLimited: too many wrong proofs for this account.
        """
        key = _proofs(user_id, known_by)
        return await self._guess(key, self.per_account, self.per_account_and_day)

    async def forget_proofs(self, user_id: str) -> None:
        """Let whoever has just reset the password begin anew: what a thief knew is worth nothing now."""
        for policy in (self.per_account, self.per_account_and_day):
            await self.limiter.clear(_proofs(user_id), policy)

    async def join(self, email: str, client: Client) -> bool:
        """Count a registration of this address; False if there were enough of them from this network."""
        key = f"join:{email}:{client.network}"
        return (await self.limiter.take(key, self.mails_per_account)).allowed

    async def may_invite(self, email: str) -> bool:
        """Count a mail about a registration of this address; False if one of the last minutes will do."""
        return await self._may_write(f"join:{email}")

    async def reset(self, email: str, client: Client) -> bool:
        """Count a wish to reset a password, whether an account has the address or not.

        Each network has an allowance of its own, and what is limited altogether is the mail and not the wish, so that
        nobody's reset is denied by a stranger's wishes.

        Returns:
            False if a mail of the last minutes will do.

        Raises:
            RateLimited: this network had enough of them for now.
        """
        await self._spend(f"reset:{email}:{client.network}", self.mails_per_account)
        return await self._may_write(f"reset:{email}")

    async def mail(self, email: str) -> None:
        """Count a mail that somebody who is logged in asks for, whether an account has the address or not.

        Raises:
            RateLimited: there were enough of them for now.
        """
        await self._spend(f"mail:{email}", self.mails_per_account)

    async def forgive(self, guess: Guess) -> None:
        """Take back a guess that turned out right."""
        for policy in guess.policies:
            await self.limiter.give_back(guess.key, policy)

    async def _may_write(self, key: str) -> bool:
        return (await self.limiter.take(key, self.mails_altogether)).allowed

    async def _guess(self, key: str, *policies: Policy) -> Guess:
        for policy in policies:
            await self._spend(key, policy)
        return Guess(key, policies)

    async def _spend(self, key: str, policy: Policy) -> None:
        decision = await self.limiter.take(key, policy)
        if not decision.allowed:
            raise RateLimited(min(max(1, decision.reset_seconds), _LONGEST_TOLD))


def _proofs(user_id: str, known_by: str = "") -> str:
    return f"proof:{user_id}:{known_by}"

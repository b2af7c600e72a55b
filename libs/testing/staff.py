"""The administrator of a running stack, who logs in as often as a test likes, with two factors."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pyotp

from libs.testing.authenticator import Device
from libs.testing.waiting import eventually

Post = Callable[[str, object, str], Awaitable[Mapping[str, Any]]]
"""Sends a path, a body and an access token, or none; returns the body of the answer, whatever its status."""

_CODES_SECONDS: Final = 90
"""How long a code is waited for that nobody has used: the next one is shown within half a minute."""


@dataclass
class Administrator:
    """Somebody with a password and an authenticator app, who adds a passkey with them: a code works once in half a minute.

    Args:
        issuer: the address of the shop's pages, which passkeys are bound to.
    """

    email: str
    password: str = field(repr=False)
    totp_secret: str = field(repr=False)
    issuer: str
    _device: Device | None = field(default=None, repr=False)

    async def log_in(self, post: Post) -> str:
        """Return an access token that says the administrator showed two factors just now; nothing if nobody answers.

        Raises:
            AssertionError: the shop took neither passkey nor codes.
        """
        if self._device is not None:
            answer = await self._show(self._device, post)
            if (
                answer.get("code") != "wrong_proof"
            ):  # as a shop says that was restored to an earlier day
                return str(answer.get("access_token", ""))
        self._device = await self._new_passkey(post)
        answer = await self._show(self._device, post)
        assert "access_token" in answer, answer
        return str(answer["access_token"])

    async def _show(self, device: Device, post: Post) -> Mapping[str, Any]:
        asked = await post("/v1/auth/login/passkey/options", {}, "")
        if "public_key" not in asked:
            return asked
        options = asked["public_key"]
        credential = device.use(options, origin=self.issuer, rp_id=options["rpId"])
        return await post("/v1/auth/login/passkey", {"credential": credential}, "")

    async def _new_passkey(self, post: Post) -> Device:
        token = await self._with_code(post)
        options = (await post("/v1/auth/passkeys/options", None, token))["public_key"]
        device = Device(counts=False)
        credential = device.make(options, origin=self.issuer, rp_id=options["rp"]["id"])
        added = await post("/v1/auth/passkeys", {"name": "Tests", "credential": credential}, token)
        assert "passkey" in added, added
        return device

    async def _with_code(self, post: Post) -> str:
        """Return a token of a login with a code; a version that asks for none gives it for the password."""
        login = {"email": self.email, "password": self.password}
        shown: set[str] = set()

        async def finished() -> str:
            answer = await post("/v1/auth/login", login, "")
            if answer.get("code") == "mfa_required":
                answer = await self._show_new_code(post, str(answer["mfa_token"]), shown)
            return str(answer.get("access_token", ""))

        return await eventually(finished, timeout=_CODES_SECONDS)

    async def _show_new_code(
        self, post: Post, mfa_token: str, shown: set[str]
    ) -> Mapping[str, Any]:
        app = pyotp.TOTP(self.totp_secret)
        await eventually(lambda: app.now() not in shown, timeout=_CODES_SECONDS)
        code = app.now()
        shown.add(code)
        return await post("/v1/auth/login/mfa", {"mfa_token": mfa_token, "totp": code}, "")

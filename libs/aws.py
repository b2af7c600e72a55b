"""How a process speaks to AWS, or to an emulator in its place."""

from typing import Final
from urllib.parse import urlsplit

import aioboto3

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def aws_session(region: str, endpoint_url: str | None) -> aioboto3.Session:
    """Return the session clients are made from, with the credentials of the environment.

    An emulator on this machine checks no signature, but the client refuses to send without a key: there it has one.
    """
    on_this_machine = urlsplit(endpoint_url or "").hostname in _LOOPBACK
    key = "local" if on_this_machine else None
    return aioboto3.Session(aws_access_key_id=key, aws_secret_access_key=key, region_name=region)

"""What must be true of the machine before anything is started; each failure is one sentence with a remedy."""

import errno
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil

from local.refusal import Refusal

_DISK_BYTES: Final = 500 * 1024 * 1024
_USUAL_PORTS: Final = {
    "postgresql": 5432,
    "postgres": 5432,
    "redis": 6379,
    "rediss": 6379,
    "redis+cluster": 6379,
    "rediss+cluster": 6379,
    "http": 80,
}


def check_disk(folder: Path, *, needed: int = _DISK_BYTES) -> None:
    """Refuse to start databases on a full disk.

    Raises:
        Refusal: too little is free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Refusal(
            f"Only {free // 2**20} MB are free where {folder} lies and {needed // 2**20} MB are needed: "
            f"free some space or set MERIDIAN_HOME to a folder on another disk."
        )


def check_ports(ports: Mapping[str, int]) -> None:
    """Refuse ports that are taken, or given to two parts.

    Raises:
        Refusal: names the part, the port, who holds it, and the variable that moves it.
    """
    seen: dict[int, str] = {}
    for part, port in ports.items():
        if port in seen:
            raise Refusal(f"{part} and {seen[port]} both want port {port}: change one in .env.")
        seen[port] = part
        if _is_taken(port):
            variable = f"{part.removesuffix('-worker').upper()}_PORT"
            raise Refusal(
                f"Port {port}, which {part} needs, is in use{_holder(port)}: "
                f"stop that program or set {variable} (or PORT_OFFSET, to move all) in .env."
            )


def _is_taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # TIME_WAIT is not in use
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise Refusal(f"Port {port} needs root: choose one above 1023 in .env.") from None
            return error.errno == errno.EADDRINUSE
    return False


def _holder(port: int) -> str:
    """Name the program on a port where the system lets us look."""
    try:
        for connection in psutil.net_connections("tcp"):
            local = connection.laddr
            if local and local.port == port and connection.status == psutil.CONN_LISTEN:
                name = psutil.Process(connection.pid).name() if connection.pid else "another user's"
                return f" by {name} (process {connection.pid})" if connection.pid else f" by {name}"
    except psutil.Error:
        return ""
    return ""


def check_addresses(addresses: Mapping[str, str | None]) -> None:
    """Refuse an address from `.env` where nothing answers, before services fail on it one by one.

    Raises:
        Refusal: names the variable and the address.
    """
    for variable, address in addresses.items():
        if not address:
            continue
        parts = urlsplit(address.partition(",")[0])  # of a cluster's nodes the first one
        port = parts.port or _USUAL_PORTS.get(parts.scheme, 443)
        try:
            socket.create_connection((parts.hostname or "127.0.0.1", port), timeout=5).close()
        except OSError:
            raise Refusal(
                f"{variable} in .env names {parts.hostname}:{port} and nothing answers there: "
                f"start it, or remove the line and Meridian starts its own."
            ) from None

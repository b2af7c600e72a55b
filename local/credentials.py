"""Makes every password and key of the local stack once, at random, and keeps them private."""

import json
import secrets
import sys
from base64 import b32encode
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

from libs.topology import SERVICES
from local.paths import Paths, write_private
from local.refusal import Refusal

_FILE: Final = "secrets.json"
ADMIN_PASSWORD_FILE: Final = "admin-password"  # noqa: S105 - a file name
SERVICE_KEYS_FOLDER: Final = "service-keys"

_MAKE_KEYS: Final = """
import pathlib, sys
from libs.security.master_key import add_version
from libs.security.service_tokens import generate_service_keys

folder = pathlib.Path(sys.argv[1])
generate_service_keys(folder)
for service in sys.argv[2:]:
    file = folder / f"{service}.master.json"
    if not file.exists():
        add_version(file)
"""


@dataclass(frozen=True, repr=False)
class Credentials:
    """The secrets that are text; `role_passwords` maps `order_app` and the like to its password."""

    postgres: str
    signing: str
    encryption: str
    webhook: str
    simulator_api_key: str
    admin_password: str
    admin_totp: str
    """What the administrator's authenticator app computes its codes from, as base32."""
    role_passwords: dict[str, str]

    def password_of(self, service: str, role: str) -> str:
        """Return the password of a service's `migrator` or `app` role in PostgreSQL, or of its `redis` user."""
        return self.role_passwords[f"{service}_{role}"]


def load_credentials(paths: Paths) -> Credentials:
    """Read the secrets, making those that do not exist yet.

    Raises:
        Refusal: the file is damaged.
    """
    file = paths.secrets / _FILE
    known: dict[str, object] = {}
    if file.exists():
        try:
            known = dict(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            raise Refusal(
                f"{file} is damaged: restore it, or start over with `make reset`."
            ) from None
    made = _completed(known)
    if asdict(made) != known:
        write_private(file, json.dumps(asdict(made), indent=1))
    write_private(paths.secrets / ADMIN_PASSWORD_FILE, made.admin_password + "\n")
    return made


def _completed(known: dict[str, object]) -> Credentials:
    roles = known.get("role_passwords")
    passwords = dict(roles) if isinstance(roles, dict) else {}
    for service in SERVICES:
        for role in ("migrator", "app", "redis"):
            passwords.setdefault(f"{service}_{role}", secrets.token_urlsafe(24))
    texts = {
        field.name: str(known.get(field.name) or secrets.token_urlsafe(32))
        for field in fields(Credentials)
        if field.name not in {"admin_totp", "role_passwords"}
    }
    texts["admin_totp"] = str(
        known.get("admin_totp") or b32encode(secrets.token_bytes(20)).decode()
    )
    return Credentials(**texts, role_passwords=passwords)


def service_keys_exist(folder: Path) -> bool:
    """Tell whether every service has its signing and its master key, and the bundle of public keys is there."""
    own = [f"{service}.{kind}.json" for service in SERVICES for kind in ("key", "master")]
    files = [*own, "trust-bundle.json"]
    return all((folder / name).exists() for name in files)


def service_keys_command(folder: Path) -> tuple[str, ...]:
    """Return the command that makes the keys; a process of its own keeps cryptography out of the supervisor."""
    return (sys.executable, "-c", _MAKE_KEYS, str(folder), *SERVICES)

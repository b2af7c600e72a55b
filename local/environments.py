"""What each process of the local stack finds in its environment; no process gets a secret it has no use for."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

from libs.topology import DATABASE_NAME, SERVICES, schema_of
from local.credentials import SERVICE_KEYS_FOLDER, Credentials
from local.paths import Paths
from local.postgres import admin_url
from local.settings import ROOT, StackSettings, inherited_environment

DRAIN_SECONDS = 6
"""Shorter than in production: the whole stack stops within ten seconds."""

FLAGS_FILE = ROOT / "local" / "flags" / "flags.json"
"""What is turned off on this machine; `.env` may name another file."""

MAIL_FROM = "shop@meridian.example"
"""Whom mails come from; `make up` has the emulator take it for an address that may send."""

_ONE_ADDRESS_FOR_ALL = {"LOGIN_ATTEMPTS_PER_ADDRESS": "6000", "REGISTRATIONS_PER_ADDRESS": "6000"}
"""On one machine every customer has the same address, so limits per address would stop them all."""


@dataclass(frozen=True)
class Environments:
    """Builds the environment of each process from settings and secrets."""

    settings: StackSettings
    paths: Paths
    credentials: Credentials
    overrides: Mapping[str, str]

    def service(self, name: str, *, role: str, port: int) -> dict[str, str]:
        """One service in one role; what `.env` says beyond the stack's own settings wins."""
        settings, keys = self.settings, self.paths.secrets / SERVICE_KEYS_FOLDER
        return {
            **self._base(),
            "SERVICE": name,
            "ROLE": role,
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "LOG_LEVEL": settings.log_level,
            "DATABASE_URL": self.database_url(name, "app"),
            "REDIS_URL": self.redis_url(name),
            "ISSUER": settings.issuer,
            "JWKS_URL": f"{settings.url('auth')}/.well-known/jwks.json",
            "SERVICE_KEY_FILE": str(keys / f"{name}.key.json"),
            "TRUST_BUNDLE_FILE": str(keys / "trust-bundle.json"),
            "MASTER_KEY": self.master_key(name),
            "SIGNING_SECRET": self.credentials.signing,
            "FLAGS": f"file:{FLAGS_FILE}",
            "LINGER_SECONDS": "0",  # everything stops together: there is nobody left to see off
            "DRAIN_SECONDS": str(DRAIN_SECONDS),
            "RATE_LIMIT_REQUESTS": "2000",
            "TRUSTED_PROXIES": "127.0.0.0/8",  # Envoy; without it all guests together are one client
            **{f"{other.upper()}_BASE_URL": settings.url(other) for other in SERVICES},
            **self.messaging(),
            **self._own(name),
            **self.overrides,
        }

    def master_key(self, service: str) -> str:
        """A key file per service, as KMS would give each a role of its own: a lost emulator loses nothing."""
        return f"file:{self.paths.secrets / SERVICE_KEYS_FOLDER / f'{service}.master.json'}"

    def _own(self, name: str) -> dict[str, str]:
        if name == "auth":
            return {
                "SIGNING_KEY_ENCRYPTION_KEY": self.credentials.encryption,
                "REGISTRATION": "immediate",
                **_ONE_ADDRESS_FOR_ALL,
            }
        if name == "user":
            return {"MAIL_FROM": MAIL_FROM, "SHOP_URL": self.settings.url("gateway")}
        if name == "payment":
            return {
                "PROVIDER_BASE_URL": self.settings.url("simulator"),
                "PROVIDER_API_KEY": self.credentials.simulator_api_key,
                "WEBHOOK_SECRET": self.credentials.webhook,
            }
        return {}

    def simulator(self) -> dict[str, str]:
        """The payment provider's stand-in: a stranger's process that shares two secrets with payment."""
        return {
            **self._base(),
            "SIMULATOR_HOST": "127.0.0.1",
            "SIMULATOR_PORT": str(self.settings.port("simulator")),
            "SIMULATOR_DATA": str(self.paths.data / "simulator"),
            "SIMULATOR_API_KEY": self.credentials.simulator_api_key,
            "SIMULATOR_WEBHOOK_SECRET": self.credentials.webhook,
            "SIMULATOR_WEBHOOK_URL": f"{self.settings.url('payment')}/v1/webhooks/simulator",
        }

    def ministack(self) -> dict[str, str]:
        """The SNS/SQS emulator; it saves its queues when it is stopped in good order."""
        return {
            **inherited_environment(),
            "GATEWAY_PORT": str(self.settings.port("ministack")),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": self.settings.region,
            "SERVICES": "sns,sqs,sts,kms,s3,ses",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.paths.data / "ministack"),
            "TMPDIR": str(self.paths.run),
            "LOG_LEVEL": "WARNING",
            "PYTHONUNBUFFERED": "1",
        }

    def database_tools(self) -> dict[str, str]:
        """The administrator's and the migrators' rights: only for bootstrap and migrations."""
        environment = {
            **self._base(),
            "ADMIN_DATABASE_URL": admin_url(self.settings, self.credentials.postgres),
            "DATABASE_NAME": DATABASE_NAME,
        }
        for service in SERVICES:
            name = service.upper()
            environment |= {
                f"MIGRATOR_PASSWORD_{name}": self.credentials.password_of(service, "migrator"),
                f"APP_PASSWORD_{name}": self.credentials.password_of(service, "app"),
                f"MIGRATOR_DATABASE_URL_{name}": self.database_url(service, "migrator"),
            }
        return environment

    def messaging_tools(self) -> dict[str, str]:
        """Declaring topics and queues, looking after dead letters, sending outboxes again, verifying audit logs."""
        urls = {f"DATABASE_URL_{s.upper()}": self.database_url(s, "app") for s in SERVICES}
        return {**self._base(), **self.messaging(), **urls}

    def mail_tools(self) -> dict[str, str]:
        """Making the sender known to the emulator: the one the user service sends as, `.env` included."""
        sender = self.overrides.get("MAIL_FROM", MAIL_FROM)
        return {**self._base(), **self.messaging(), "MAIL_FROM": sender}

    def plain(self) -> dict[str, str]:
        """A tool that needs no address and no secret."""
        return self._base()

    def messaging(self) -> dict[str, str]:
        """Where SNS and SQS are, with credentials the emulator accepts."""
        common = {
            "REGION": self.settings.region,
            "AWS_DEFAULT_REGION": self.settings.region,
            "MESSAGING_PREFIX": self.settings.messaging_prefix,
        }
        endpoint = self.settings.messaging_endpoint
        if endpoint is None:
            return common
        return {
            **common,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }

    def database_url(self, service: str, role: str) -> str:
        """Return a service's address of the database as its `app` or `migrator` role."""
        admin = urlsplit(admin_url(self.settings, self.credentials.postgres))
        password = quote(self.credentials.password_of(service, role))
        place = admin.netloc.rpartition("@")[2]
        user = f"{schema_of(service)}_{role}"
        return urlunsplit(
            ("postgresql", f"{user}:{password}@{place}", f"/{DATABASE_NAME}", admin.query, "")
        )

    def redis_url(self, service: str) -> str:
        """The local Valkey as the service's user, or the developer's own server."""
        if self.settings.redis_url:
            return self.settings.redis_url
        password = self.credentials.password_of(service, "redis")
        return f"redis://{service}:{password}@127.0.0.1:{self.settings.port('valkey')}/0"

    def _base(self) -> dict[str, str]:
        ca_file = self.settings.database_ca_file
        return {
            **inherited_environment(),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "ENVIRONMENT": "local",
            "REGION": self.settings.region,
            **({} if ca_file is None else {"DATABASE_CA_FILE": str(ca_file)}),
        }

"""Runs Terraform: finds the program, tells it where providers come from, and keeps its files out of the sources."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.terraform.refusal import Refusal

MISSING: Final = (
    "Terraform is not installed: install version 1.11 or newer "
    "(https://developer.hashicorp.com/terraform/install), then try again."
)
MIRROR_VARIABLE: Final = "TERRAFORM_PROVIDER_MIRROR"
"""A folder with provider packages (`registry.terraform.io/hashicorp/aws/...`), for machines without a registry."""
PROVIDER: Final = Path("registry.terraform.io/hashicorp/aws")

_WELL_KNOWN: Final = (
    "opt/*",
    "srv/*",
    "usr/local/share/terraform/*",
    "usr/share/terraform/*",
    "var/lib/terraform/*",
)
_PASSED_ON: Final = (
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "TERM", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_EC2_METADATA_DISABLED", "TF_LOG", "TF_LOG_PATH",
    # Secrets come from the shell, never from a file of values.
    "TF_VAR_admin_password", "TF_VAR_origin_secret", "TF_VAR_origin_secret_previous",
)  # fmt: skip
"""A region or an endpoint of the shell would silently send a plan elsewhere; nothing else is passed on."""


@dataclass(frozen=True)
class Terraform:
    """The program and the environment every run of it gets."""

    program: str
    environment: Mapping[str, str]
    prefix: tuple[str, ...] = ()

    def run(
        self,
        folder: Path,
        *arguments: str,
        data: Path,
        quiet: bool = False,
        seconds: float | None = None,
        allowed: Iterable[int] = (0,),
    ) -> subprocess.CompletedProcess[str]:
        """Run one command in a root module.

        Args:
            folder: the root module.
            *arguments: the command and its options.
            data: where providers, modules and the backend's settings are kept.
            quiet: return the output instead of showing it.
            seconds: how long it may take.
            allowed: exit statuses that are no failure.

        Raises:
            Refusal: it failed; the message holds what it said, unless that was shown.
        """
        data.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [*self.prefix, self.program, f"-chdir={folder}", *arguments],
            env={**self.environment, "TF_DATA_DIR": str(data)},
            capture_output=quiet,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode not in allowed:
            said = f"\n{done.stdout}{done.stderr}" if quiet else ""
            raise Refusal(
                f"terraform {arguments[0]} failed in {folder.name}, see what it says.{said}"
            )
        return done


def find_terraform(work: Path, extra: Mapping[str, str] | None = None) -> Terraform:
    """Return Terraform with its configuration written to `work`.

    Raises:
        Refusal: it is not installed.
    """
    inherited = os.environ  # noqa: TID251 - what the shell gives to the program it starts
    program = shutil.which("terraform")
    if program is None:
        raise Refusal(MISSING)
    work.mkdir(parents=True, exist_ok=True)
    environment = {name: inherited[name] for name in _PASSED_ON if name in inherited}
    return Terraform(
        program,
        {
            **environment,
            "TF_CLI_CONFIG_FILE": str(_configuration(work, inherited)),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
            **(extra or {}),
        },
    )


def _configuration(work: Path, inherited: Mapping[str, str]) -> Path:
    """Keep the user's own configuration; otherwise write one that names the mirror, or caches what is downloaded."""
    own = Path(inherited.get("TF_CLI_CONFIG_FILE") or Path.home() / ".terraformrc")
    if own.exists():
        return own
    mirror = provider_mirror(inherited.get(MIRROR_VARIABLE))
    if mirror is not None:
        text = f'provider_installation {{\n  filesystem_mirror {{\n    path    = "{mirror}"\n    include = ["registry.terraform.io/*/*"]\n  }}\n}}\n'
    else:
        cache = work / "plugins"
        cache.mkdir(exist_ok=True)
        text = f'plugin_cache_dir = "{cache}"\n'
    configuration = work / "terraform.rc"
    partial = configuration.with_suffix(f".{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(configuration)  # others may be reading it
    return configuration


def provider_mirror(given: str | None, root: Path = Path("/")) -> Path | None:
    """Return the folder that keeps provider packages on this machine, if it has one.

    Raises:
        Refusal: the folder that was named has none.
    """
    if given:
        if not (Path(given) / PROVIDER).is_dir():
            raise Refusal(
                f"{MIRROR_VARIABLE}={given} holds no {PROVIDER}: name a provider mirror, or unset it."
            )
        return Path(given)
    for pattern in _WELL_KNOWN:
        for folder in sorted(root.glob(pattern)):
            if (folder / PROVIDER).is_dir():
                return folder
    return None

"""The kinds that come with other people's controllers, and where their schemas are."""

import json
from functools import cache
from typing import Any, Final

import jsonschema

from tests.architecture.applications import ROOT
from tests.deploy.charts import Manifest

KINDS_FILE: Final = ROOT / "deploy" / "checks" / "kinds.json"

_TOLD: Final[dict[str, Any]] = json.loads(KINDS_FILE.read_text())

KNOWN: Final = frozenset(_TOLD["kinds"])
"""`apiVersion/Kind` of every custom resource that `make test-deploy` validates."""

OWN_SCHEMAS: Final[dict[str, str]] = _TOLD["own-schemas"]
"""`apiVersion/Kind` of those whose publisher has no schema package, and our own closed schema of each."""


def faults_in_own(manifest: Manifest) -> list[str]:
    """Return what our own schema of this kind refuses, each with its path.

    Raises:
        KeyError: there is none of this kind.
    """
    file = OWN_SCHEMAS[f"{manifest['apiVersion']}/{manifest['kind']}"]
    return [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
        for error in _validator(file).iter_errors(manifest)
    ]


@cache
def _validator(file: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((KINDS_FILE.parent / "schemas" / file).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)

"""The kinds that come with other people's controllers, and where their schemas are."""

import json
from typing import Final

from tests.architecture.applications import ROOT

KINDS_FILE: Final = ROOT / "deploy" / "checks" / "kinds.json"

KNOWN: Final = frozenset(json.loads(KINDS_FILE.read_text())["kinds"])
"""`apiVersion/Kind` of every custom resource that `make test-deploy` validates."""

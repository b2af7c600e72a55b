"""Writes docs/openapi/<service>.json: `make openapi`. The snapshot test fails when they are stale."""

import json

from fastapi import FastAPI

from libs.topology import SERVICES
from tests.architecture.applications import ROOT, application_of

FOLDER = ROOT / "docs" / "openapi"


def document(app: FastAPI) -> str:
    return json.dumps(app.openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for service in SERVICES:
        (FOLDER / f"{service}.json").write_text(document(application_of(service)))


if __name__ == "__main__":
    main()

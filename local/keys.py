"""Gives each service a folder with its own signing and master key, and all of them the public ones: `python -m local.keys FOLDER`.

The container stack mounts a volume per folder, so that no service can read another's key. In a cluster the keys come
from the secret store.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from libs.security.master_key import add_version
from libs.security.service_tokens import generate_service_keys
from libs.topology import SERVICES

TRUST_FOLDER: Final = "trust"
KEY_FILE: Final = "key.json"
MASTER_KEY_FILE: Final = "master-key.json"
BUNDLE_FILE: Final = "trust-bundle.json"


def place_keys(folder: Path) -> bool:
    """Make the keys unless all are there; return whether any were made.

    Keys are made together: a bundle that lacks one of them would lock its service out.
    """
    places = {f"{service}.key.json": folder / service / KEY_FILE for service in SERVICES}
    places[BUNDLE_FILE] = folder / TRUST_FOLDER / BUNDLE_FILE
    if all(place.exists() for place in places.values()):
        return False
    with TemporaryDirectory() as made:
        generate_service_keys(Path(made))
        for name, place in places.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(made) / name, place)
    return True


def place_master_keys(folder: Path) -> None:
    """Make the master key of each service that has none; one that is there is never touched: it opens what is encrypted."""
    for service in SERVICES:
        place = folder / service / MASTER_KEY_FILE
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            add_version(place)


def main(arguments: Sequence[str]) -> int:
    """Make what is missing and say what was done."""
    parser = argparse.ArgumentParser(prog="python -m local.keys", description=main.__doc__)
    parser.add_argument("folder", type=Path, help="where each service's folder goes")
    folder = parser.parse_args(arguments).folder
    made = place_keys(folder)
    place_master_keys(folder)
    sys.stdout.write(f"signing keys of {len(SERVICES)} services {'made' if made else 'kept'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What processes prove themselves with: `python -m libs.security keys FOLDER | master-key FILE | certificate FILE NAME...`.

The first makes the keys services sign their calls with, and who trusts them; the second the one that wraps their data keys
where there is no KMS; the third what the gateway shows to the load balancer, a secret of the store as it is.
"""

import argparse
import json
import sys
from pathlib import Path

from libs.security.certificates import VALID_DAYS, self_signed
from libs.security.master_key import MasterKeyError, add_version
from libs.security.service_tokens import generate_service_keys


def main() -> None:
    """Make keys; what is in the folder or the file already is kept."""
    parser = argparse.ArgumentParser(prog="python -m libs.security", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    keys = commands.add_parser("keys", help="a signing key per service, and the public halves")
    keys.add_argument("folder", type=Path)
    keys.add_argument(
        "--trusting",
        type=Path,
        metavar="BUNDLE",
        help="whose keys stay trusted beside the new ones",
    )
    master = commands.add_parser(
        "master-key", help="a new version in a file of master keys, which is made if there is none"
    )
    master.add_argument("file", type=Path)
    certificate = commands.add_parser(
        "certificate", help=f"a key and a certificate of its own hand, for {VALID_DAYS} days"
    )
    certificate.add_argument("file", type=Path, help="made, or replaced")
    certificate.add_argument("names", nargs="+", metavar="NAME", help="what the server is called")
    options = parser.parse_args()
    try:
        if options.command == "keys":
            generate_service_keys(options.folder, options.trusting)
        elif options.command == "certificate":
            _write_privately(options.file, json.dumps(self_signed(options.names)))
        else:
            sys.stdout.write(f"version {add_version(options.file)} added to {options.file}\n")
    except (OSError, ValueError, MasterKeyError) as error:
        parser.error(f"nothing was made: {error}")


def _write_privately(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

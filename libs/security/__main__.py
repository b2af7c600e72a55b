"""The keys services hold: `python -m libs.security keys FOLDER [--trusting BUNDLE]`, `... master-key FILE`.

The first makes those they sign their calls with, and who trusts them; the second the one that wraps their data keys
where there is no KMS.
"""

import argparse
import sys
from pathlib import Path

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
    options = parser.parse_args()
    try:
        if options.command == "keys":
            generate_service_keys(options.folder, options.trusting)
        else:
            sys.stdout.write(f"version {add_version(options.file)} added to {options.file}\n")
    except (OSError, ValueError, MasterKeyError) as error:
        parser.error(f"nothing was made: {error}")


if __name__ == "__main__":
    main()

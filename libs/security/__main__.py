"""`python -m libs.security keys FOLDER [--trusting BUNDLE]`: the keys services sign their calls with, and who trusts them."""

import argparse
from pathlib import Path

from libs.security.service_tokens import generate_service_keys


def main() -> None:
    """Write a key per service and the bundle of their public halves; keys already in the folder are kept."""
    parser = argparse.ArgumentParser(prog="python -m libs.security", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    keys = commands.add_parser("keys", help=main.__doc__)
    keys.add_argument("folder", type=Path)
    keys.add_argument(
        "--trusting",
        type=Path,
        metavar="BUNDLE",
        help="whose keys stay trusted beside the new ones",
    )
    options = parser.parse_args()
    try:
        generate_service_keys(options.folder, options.trusting)
    except (OSError, ValueError) as error:
        parser.error(f"nothing was made: {error}")


if __name__ == "__main__":
    main()

"""`python -m edge` writes what the route table generates; `python -m edge kong FILE` prints Kong's file with keys."""

import argparse
import json
import sys
from pathlib import Path

from joserfc.errors import JoseError

from edge.kong import kong_file, with_keys
from edge.operations import load_operations
from edge.table import ROOT, BrokenTable, RouteTable, load_table
from edge.targets import generated
from edge.text import as_yaml


def main() -> int:
    """Run the command; 1 when the table breaks its rules, or the keys cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m edge", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    kong = commands.add_parser("kong", help="print Kong's file with the keys of a JWKS document")
    kong.add_argument("jwks", type=Path, help="what auth answers at /.well-known/jwks.json")
    asked = parser.parse_args()
    try:
        table = load_table()
    except BrokenTable as error:
        print(error, file=sys.stderr)
        return 1
    if asked.command == "kong":
        return print_kong(table, asked.jwks)
    write_all(table)
    return 0


def print_kong(table: RouteTable, jwks: Path) -> int:
    """Print Kong's file with the keys of a JWKS document; 1 when that holds none."""
    try:
        keys = json.loads(jwks.read_text(encoding="utf-8"))
        file = with_keys(kong_file(table), keys)
    except (OSError, ValueError, LookupError, TypeError, JoseError) as error:
        reason = f"{type(error).__name__}: {error}"
        print(
            f"{jwks} is not what auth answers at /.well-known/jwks.json: {reason}", file=sys.stderr
        )
        return 1
    print(as_yaml(file), end="")
    return 0


def write_all(table: RouteTable, root: Path = ROOT) -> None:
    """Write every file that differs from what the table says, and say which."""
    for path, text in generated(table, load_operations()).items():
        target = root / path
        before = target.read_text(encoding="utf-8") if target.exists() else None
        if before == text:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        print(f"{'made' if before is None else 'changed'}  {path}")


if __name__ == "__main__":
    sys.exit(main())

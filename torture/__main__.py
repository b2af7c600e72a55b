"""`python -m torture` runs the torture; `python -m torture mutants` proves that its checker sees planted bugs."""

import sys
from collections.abc import Sequence

from torture import command
from torture.mutants import command as mutants


def main(arguments: Sequence[str]) -> int:
    """Run the one that was asked for; returns the exit status."""
    if arguments[:1] == ["mutants"]:
        return mutants.main(arguments[1:])
    return command.main(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Bootstrap and migrations in one process: starting Python twice would cost more than the work itself."""

import sys

from libs.database.__main__ import main


def prepare() -> int:
    """Create what is missing and migrate; return the exit status."""
    return main(["bootstrap"]) or main(["upgrade"])


if __name__ == "__main__":
    sys.exit(prepare())

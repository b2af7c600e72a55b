"""`make admin-code`: what to type after the administrator's password."""

import argparse
import sys
from collections.abc import Sequence

from local.administrator import seconds_left
from local.running import find_shop
from local.settings import load_settings


def admin_code(arguments: Sequence[str]) -> int:
    """Print the code the administrator's app shows now, and what another app learns to show it from."""
    argparse.ArgumentParser(prog="admin-code", description=admin_code.__doc__).parse_args(arguments)
    administrator = find_shop(load_settings()).administrator
    sys.stdout.write(f"{administrator.code}  for {seconds_left():.0f} s; works once\n")
    sys.stdout.write(f"For an app of your own: {administrator.uri}\n")
    return 0

"""`python -m torture` runs the torture; `python -m torture mutants` proves that its checker sees planted bugs."""

import sys

from torture.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

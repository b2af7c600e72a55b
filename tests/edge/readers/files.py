"""Where the generated files are."""

from edge.table import ROOT
from edge.targets import GATEWAY as BELOW_ROOT

GATEWAY = ROOT / BELOW_ROOT

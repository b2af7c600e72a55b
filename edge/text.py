"""How generated files are written: readable, without aliases, the same on every machine."""

import json
from typing import Any, Final

import yaml
from typing_extensions import override

NOTICE: Final = "Generated from deploy/gateway/routes.json by `make edge`: change that, not this."


class _Plain(yaml.SafeDumper):
    """Writes equal parts out each time: a reader of one route need not look elsewhere."""

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True


def as_yaml(document: dict[str, Any], *about: str) -> str:
    """Write YAML below the notice and the lines `about` the file."""
    comment = "".join(f"# {line}\n" for line in (NOTICE, *about))
    return comment + yaml.dump(document, Dumper=_Plain, sort_keys=False, width=120)


def as_json(document: dict[str, Any]) -> str:
    """Write JSON as the repository's other documents are."""
    return json.dumps(document, indent=2) + "\n"

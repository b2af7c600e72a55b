"""Writes each module's README.md from its variables and outputs: `make tf-docs`; a test holds them current.

A module says what it is for in the comment at the top of its main.tf; the rest is in its blocks.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.terraform import costs
from deploy.terraform.blocks import Block, blocks_in
from deploy.terraform.layout import Layout

_WRITTEN = "Written by `make tf-docs` from the module's files: change those, not this."


def readme_of(module: Path) -> str:
    """Return the text of a module's README.md."""
    return "\n".join(_lines(module)) + "\n"


def stale(layout: Layout) -> list[Path]:
    """List the modules whose README.md is not what their files say."""
    return [
        module
        for module in layout.modules()
        if not (module / "README.md").exists()
        or (module / "README.md").read_text(encoding="utf-8") != readme_of(module)
    ]


def purpose_of(module: Path) -> str:
    """Return the comment at the top of main.tf, as one paragraph."""
    lines = []
    for line in (module / "main.tf").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("#").strip())
    return " ".join(lines)


def _lines(module: Path) -> Iterator[str]:
    yield f"# {module.name}"
    yield ""
    yield purpose_of(module)
    yield ""
    yield _WRITTEN
    yield ""
    yield "## Variables"
    yield ""
    yield "| name | type | default | what it is |"
    yield "|---|---|---|---|"
    for variable in blocks_in(module, "variable"):
        yield f"| `{variable.name}` | {_type(variable)} | {_default(variable)} | {_cell(variable.description)} |"
    outputs = blocks_in(module, "output")
    if outputs:
        yield ""
        yield "## Outputs"
        yield ""
        yield "| name | what it is |"
        yield "|---|---|"
        for output in outputs:
            yield f"| `{output.name}` | {_cell(output.description)} |"


def _type(variable: Block) -> str:
    return f"`{_cell(' '.join(variable.attributes.get('type', 'any').split()))}`"


def _default(variable: Block) -> str:
    if variable.required:
        return "required"
    return f"`{_cell(' '.join(variable.attributes['default'].split()))}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Write every README.md that is not current, and docs/costs.md."""
    costs.DOCUMENT.write_text(costs.document(Layout()), encoding="utf-8")
    for module in stale(Layout()):
        (module / "README.md").write_text(readme_of(module), encoding="utf-8")
        print(f"wrote {module.name}/README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m local <verb>`: what `make up`, `make down` and the others call."""

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from local.python_version import check_python
from local.refusal import Refusal

_USAGE_STATUS: Final = 2


class Command(NamedTuple):
    """A verb: the module that is imported for it, its function `(arguments) -> exit status`, and what it does."""

    module: str
    function: str
    help: str


COMMANDS: Final = {
    "up": Command("local.commands", "up", "start everything and supervise it [--split]"),
    "down": Command("local.commands", "down", "stop everything"),
    "status": Command("local.commands", "status", "show processes, cpu, memory, restarts"),
    "logs": Command("local.commands", "logs", "show logs [-s SERVICE] [-f] [-n LINES]"),
    "reset": Command("local.commands", "reset", "delete all data and secrets"),
    "admin-code": Command("local.admin_code", "admin_code", "what the administrator types now"),
    "seed": Command("local.commands", "seed", "fill the catalogue [--n PRODUCTS]"),
    "republish": Command("local.tools", "republish", "send messages again --since MOMENT"),
    "rebuild": Command("local.rebuild", "rebuild", "make a projection anew [--projection cart]"),
    "dead-letters": Command(
        "local.tools", "dead_letters", "list them [--redrive QUEUE | --revive QUEUE]"
    ),
    "reconcile": Command("local.tools", "reconcile", "compare payments with the provider --day D"),
    "audit": Command("local.tools", "audit", "verify the audit logs [--anchor SERVICE=HEAD]"),
    "signing-keys": Command(
        "local.tools", "signing_keys", "[list-keys | rotate-keys | revoke-key KID | rewrap-keys]"
    ),
    "mail": Command(
        "local.mail", "mail", "print the last mails [--to ADDRESS] [--number N] [--stuck list]"
    ),
    "erasures": Command(
        "local.tools", "erasures", "list unfinished erasures [--push ID | --push all]"
    ),
    "backup": Command("local.backup.take", "backup", "copy the running database"),
    "restore": Command("local.backup.restore", "restore", "bring it back --to MOMENT"),
    "migration": Command("local.tools", "migration", "draft one --service S --message M"),
    "demo": Command("local.demo", "main", "buy something and print what happened"),
    "trace": Command("local.trace", "main", "tell the story of one order"),
}


def main(arguments: Sequence[str]) -> int:
    """Run one verb and return the exit status."""
    command = COMMANDS.get(arguments[0]) if arguments else None
    if command is None:
        lines = [f"  {verb:<16} {known.help}" for verb, known in COMMANDS.items()]
        sys.stderr.write("usage: python -m local VERB\n" + "\n".join(lines) + "\n")
        return _USAGE_STATUS
    try:
        check_python()
        function: Callable[[Sequence[str]], int] = getattr(
            importlib.import_module(command.module), command.function
        )
        return function(arguments[1:])
    except ModuleNotFoundError as error:
        sys.stderr.write(f"The Python package {error.name} is missing: run `make setup`.\n")
    except Refusal as refusal:
        sys.stderr.write(f"{refusal}\n")
    except OSError as error:
        sys.stderr.write(f"The system refused ({error}): see that this folder can be written.\n")
    except KeyboardInterrupt:
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The one way a local command says no: a single sentence telling the developer what to do."""


class Refusal(Exception):
    """The command cannot go on; the message is printed as it is and the exit code is 1."""

"""What a command says when it cannot go on: one sentence that tells what to do next."""


class Refusal(Exception):
    """Nothing was changed; the message says why and what to do."""

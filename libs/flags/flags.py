"""What a service asks: is this on? Answered from memory, by OpenFeature's client."""

from dataclasses import dataclass

from openfeature import api

from libs.flags.provider import DocumentProvider
from libs.ids import new_id


@dataclass(frozen=True)
class Flag:
    """Something that can be turned off and on without a release; declared once, in `services/<name>/flags.py`.

    Attributes:
        name: what documents call it, in lower case with underscores.
        default: what holds where no document says otherwise: choose what is right when nobody can be asked.
        description: what it does when it is on, in the words of Terraform's values.
    """

    name: str
    default: bool
    description: str


class Flags:
    """The flags of one process.

    Each has a domain of OpenFeature's registry to itself: that is global, and a process of tests holds several shops.
    """

    def __init__(self, provider: DocumentProvider) -> None:
        domain = new_id("flags")
        api.set_provider_and_wait(provider, domain)
        self._client = api.get_client(domain)

    def is_on(self, flag: Flag) -> bool:
        """Tell whether a flag is on; the default declared with it holds until a document names it."""
        return self._client.get_boolean_value(flag.name, flag.default)

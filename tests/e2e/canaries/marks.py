"""Marks: one for every place a client can write something, so that what is found says where it came from."""

import base64
import re
import secrets
from dataclasses import dataclass, field
from typing import Final

LETTERS: Final = "abcdefghijklmnop"
_DIGITS: Final = 4
_AROUND: Final = 90


@dataclass(frozen=True, order=True)
class Place:
    """Where a client can write: a member of a body or form, a parameter of query or path, a header."""

    service: str
    operation: str
    part: str
    name: str


@dataclass(frozen=True)
class Find:
    """A mark that was found, and what is around it."""

    place: Place
    around: str


def _letters(number: int, length: int) -> str:
    """Write a number with letters alone: no rule about shapes refuses those."""
    return "".join(LETTERS[number >> 4 * place & 15] for place in reversed(range(length)))


@dataclass
class Marks:
    """The marks of one test: letters, because almost every shape allows them; digits where it must be a telephone."""

    run: int = field(default_factory=lambda: secrets.randbits(26))
    places: list[Place] = field(default_factory=list)

    def of(self, place: Place) -> str:
        """Return the place's mark, such as `canaryaghdkkocabaf`."""
        return f"{self._beginning}{_letters(self._number(place), _DIGITS)}"

    def phone_of(self, place: Place) -> str:
        """Return the place's mark as a telephone number (E.164)."""
        return f"+1{self.run:08}{self._number(place):04}"

    @property
    def _beginning(self) -> str:
        return f"canary{_letters(self.run, 8)}"

    def _number(self, place: Place) -> int:
        if place not in self.places:
            self.places.append(place)
        return self.places.index(place)

    def finds(self, text: str) -> list[Find]:
        """Return every place whose mark is in the text: plain, in hexadecimal or, without its place, in base64."""
        found: dict[Place, str] = {}
        for match in self._pattern().finditer(text):
            place = self._place_of(match)
            around = text[max(0, match.start() - _AROUND) : match.end() + _AROUND]
            found.setdefault(place, around)
        return [Find(place, around) for place, around in found.items()]

    def _pattern(self) -> re.Pattern[str]:
        hexed = self._beginning.encode().hex()
        encoded = "|".join(re.escape(part) for part in _in_base64(self._beginning.encode()))
        return re.compile(
            rf"(?i:{self._beginning}(?P<plain>[a-p]{{{_DIGITS}}}))"
            rf"|{hexed}(?P<hex>(?:6[0-9a-f]|70){{{_DIGITS}}})"
            rf"|{self.run:08}(?P<phone>[0-9]{{4}})|(?P<encoded>{encoded})"
        )

    def _place_of(self, match: re.Match[str]) -> Place:
        if match["encoded"]:
            return Place("?", "?", "in base64", "?")
        if match["phone"]:
            return self.places[int(match["phone"])]
        word = match["plain"] or bytes.fromhex(match["hex"]).decode()
        number = 0
        for letter in word.lower():
            number = number << 4 | LETTERS.index(letter)
        return self.places[number]


def _in_base64(value: bytes) -> list[str]:
    """Return what is the same of a value in base64 wherever it begins; a few letters of either end are not."""
    return [
        base64.urlsafe_b64encode(b"\0" * shift + value).decode().rstrip("=")[2 * shift : -2]
        for shift in range(3)
    ]

"""What makes a password unfit: too short, known to everybody, or guessable from who chose it.

NIST SP 800-63B-4 section 3.1.1.2: length counts, composition does not, and what attackers try first is refused.
"""

import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from zxcvbn.frequency_lists import FREQUENCY_LISTS

SHORTEST_PASSWORD: Final = 15
"""For everybody: a second factor, which would allow eight, can be taken off again."""
LONGEST_PASSWORD: Final = 128

_SHOP_WORDS: Final = ("meridian",)
_SHORTEST_TELLING_WORD: Final = 3
_LEAST_UNGUESSABLE: Final = 8
"""How many characters a password needs besides what is known of its owner and of the shop."""

_WALKS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p",
)
"""What fingers type by themselves, in both directions."""

_COMMON: Final = frozenset(
    word for words in FREQUENCY_LISTS.values() for word in words if len(word) >= _LEAST_UNGUESSABLE
)


class Unfit(StrEnum):
    """Why a password is refused."""

    COMMON = "common"
    REPETITIVE = "repetitive"
    ABOUT_YOU = "about_you"


ADVICE: Final = {
    Unfit.COMMON: "It is on the lists of passwords that attackers try first.",
    Unfit.REPETITIVE: "It repeats one short piece, which attackers try early.",
    Unfit.ABOUT_YOU: "Without your name, your address and ours there is too little left of it.",
}


def composed(password: str) -> str:
    """Return the password in Unicode form C, so that keyboards that compose differently agree."""
    return unicodedata.normalize("NFC", password)


def normalised_password(password: str) -> str:
    """Return a new password in the form it is kept and compared in.

    Raises:
        ValueError: shorter than 15 or longer than 128 characters.
    """
    normal = composed(password)
    if len(normal) < SHORTEST_PASSWORD:
        raise ValueError(f"must have at least {SHORTEST_PASSWORD} characters")
    if len(normal) > LONGEST_PASSWORD:
        raise ValueError(f"must have at most {LONGEST_PASSWORD} characters")
    return normal


def reason_against(password: str, about_owner: Iterable[str]) -> Unfit | None:
    """Return why nobody with these words about them (address, name) should have this password, or None."""
    word = password.casefold()
    if word in _COMMON or any(word in walk or word[::-1] in walk for walk in _WALKS):
        return Unfit.COMMON
    piece = _repeated_piece(word)
    if len(piece) < _LEAST_UNGUESSABLE or (piece != word and piece in _COMMON):
        return Unfit.REPETITIVE
    if len(_without(word, _telling_words(about_owner))) < _LEAST_UNGUESSABLE:
        return Unfit.ABOUT_YOU
    return None


def _repeated_piece(word: str) -> str:
    """Return the shortest piece that, said over and over, begins with the word; itself if none does."""
    lengths = range(1, len(word) + 1)
    return next(word[:n] for n in lengths if word[n:] == word[:-n] or n == len(word))


def _telling_words(about_owner: Iterable[str]) -> list[str]:
    words = {*_SHOP_WORDS}
    for text in about_owner:
        folded = text.casefold()
        words |= {folded, *folded.split(), *folded.partition("@")[0].split(".")}
        words |= {folded.partition("@")[0], folded.rpartition("@")[2]}
    return sorted(
        (word for word in words if len(word) >= _SHORTEST_TELLING_WORD), key=len, reverse=True
    )


def _without(text: str, words: Iterable[str]) -> str:
    for word in words:
        text = text.replace(word, "")
    return text

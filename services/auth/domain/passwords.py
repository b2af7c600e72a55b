"""What makes a password unfit: too short, known to everybody, or guessable from who chose it.

NIST SP 800-63B-4 section 3.1.1.2: length counts, composition does not, and what attackers try first is refused. Hardly
any common password has fifteen characters, so that people lengthen one: what they add counts, and the common part does not.
"""

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from itertools import combinations
from typing import Final

from zxcvbn.frequency_lists import FREQUENCY_LISTS

SHORTEST_PASSWORD: Final = 15
"""For everybody: a second factor, which would allow eight, can be taken off again."""
LONGEST_PASSWORD: Final = 128

_SHOP_WORDS: Final = ("meridian",)
_SHORTEST_TELLING_WORD: Final = 3
_LEAST_UNGUESSABLE: Final = 8
"""How many characters a password needs besides one common word, or what is known of its owner and of the shop.

Those that are foreseen from the two before them do not count.
"""

_WALKS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "!@#$%^&*()",
    "qwertyuiopasdfghjklzxcvbnm",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
)
"""What fingers type by themselves, in both directions."""

_FORESEEN: Final = frozenset(
    line[start : start + 3]
    for walk in _WALKS
    for line in (walk, walk[::-1])
    for start in range(len(walk) - 2)
)

_SHORTEST_COMMON_WORD: Final = 4
_NOTORIOUS: Final = ("correct horse battery staple", "correcthorsebatterystaple")
_COMMON: Final = frozenset(
    word
    for words in (_NOTORIOUS, *FREQUENCY_LISTS.values())
    for word in words
    if len(word) >= _SHORTEST_COMMON_WORD
)
_LONGEST_COMMON_WORD: Final = max(len(word) for word in _COMMON)

_DISGUISES: Final = str.maketrans("@4831!0$57", "aabeiiosst")
_NO_LETTERS_AT_AN_END: Final = re.compile(r"^[\W\d_]+|[\W\d_]+$")


class Unfit(StrEnum):
    """Why a password is refused."""

    COMMON = "common"
    REPETITIVE = "repetitive"
    ABOUT_YOU = "about_you"


ADVICE: Final = {
    Unfit.COMMON: "It is one of the words that attackers try first, with too little around it.",
    Unfit.REPETITIVE: "It repeats a short piece or follows the keyboard, which attackers try early.",
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
    strange = _without(word, _telling_words(about_owner))
    if strange != word and _is_too_little(strange):
        return Unfit.ABOUT_YOU
    readings = {word, _repeated_piece(word), _said_once(word)}
    if any(_is_common(reading) for reading in readings):
        return Unfit.COMMON
    if any(_is_too_little(reading) for reading in readings):
        return Unfit.REPETITIVE
    return None


def _is_too_little(text: str) -> bool:
    """Tell whether fewer than eight characters are no surprise after the two before them."""
    triples = (text[end - 3 : end] for end in range(3, len(text) + 1))
    foreseen = sum(one in _FORESEEN or len(set(one)) == 1 for one in triples)
    return len(text) - foreseen < _LEAST_UNGUESSABLE


def _is_common(text: str) -> bool:
    """Tell whether too little is left without one common word, the letters of which may be disguised as digits and signs."""
    undisguised = text.translate(_DISGUISES)
    return any(
        (text[start:end] in _COMMON or undisguised[start:end] in _COMMON)
        and _is_too_little(text[:start] + text[end:])
        for start, end in combinations(range(len(text) + 1), 2)
        if _SHORTEST_COMMON_WORD <= end - start <= _LONGEST_COMMON_WORD
    )


def _said_once(word: str) -> str:
    """Return the word with what it says over and over said once, whatever digits and signs stand around that."""
    bare = _NO_LETTERS_AT_AN_END.sub("", word) or word
    before, _, after = word.partition(bare)
    return before + _repeated_piece(bare) + after


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

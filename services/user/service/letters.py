"""Writes mails: a subject from the language's words, a text and a simple page from its templates."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from services.user.clients.order import Receipt
from services.user.domain.mails import Letter, MailKind

_FOLDER: Final = Path(__file__).parents[1] / "templates"
_DEFAULT_LANGUAGE: Final = "en"
_MINUTES: Final = 60
_HOURS: Final = 3600

_templates: Final = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=select_autoescape(("html",)),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Letters:
    """Everything the shop writes, in every language it has a folder of templates for."""

    shop_url: str

    def with_token(self, kind: MailKind, locale: str, token: str, expires_in: int) -> Letter:
        """Write a mail whose reader proves with a link that the address is theirs; `expires_in` is in seconds."""
        words = _words_of(_language_of(locale))
        unit, name = (_HOURS, "hours") if expires_in >= 2 * _HOURS else (_MINUTES, "minutes")
        lasts = f"{expires_in // unit} {words[name]}"
        return self._written(kind, locale, token=token, lasts=lasts)

    def security_notice(self, locale: str, change: str) -> Letter:
        """Write what happened to an account; a word no template knows yet is told in general."""
        words = _words_of(_language_of(locale))
        told = words["changes"].get(change, words["any_change"])
        return self._written(MailKind.SECURITY_NOTICE, locale, change=told)

    def order_confirmation(self, locale: str, receipt: Receipt) -> Letter:
        """Write what somebody bought."""
        return self._written(MailKind.ORDER_CONFIRMATION, locale, receipt=receipt)

    def _written(self, kind: MailKind, locale: str, **told: object) -> Letter:
        language = _language_of(locale)
        subject: str = _words_of(language)["subjects"][kind]
        known = {"subject": subject, "language": language, "shop_url": self.shop_url, **told}
        text, page = (
            _templates.get_template(f"{language}/{kind}.{form}").render(known)
            for form in ("txt", "html")
        )
        return Letter(subject, text, page)


def _language_of(locale: str) -> str:
    """Return the language of a locale (BCP 47), or English where nobody has translated the templates."""
    language = locale.partition("-")[0].lower()
    return language if language in _languages() else _DEFAULT_LANGUAGE


@cache
def _languages() -> frozenset[str]:
    return frozenset(folder.name for folder in _FOLDER.iterdir() if folder.is_dir())


@cache
def _words_of(language: str) -> Mapping[str, Any]:
    words: Mapping[str, Any] = json.loads(
        (_FOLDER / language / "words.json").read_text(encoding="utf-8")
    )
    return words

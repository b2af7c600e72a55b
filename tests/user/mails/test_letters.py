import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typing_extensions import override

from services.user.clients.order import Receipt
from services.user.domain.mails import Letter, MailKind
from services.user.service.letters import Letters
from tests.user.mails.neighbours import RECEIPT

TEMPLATES = Path(__file__).parents[3] / "services" / "user" / "templates"
LETTERS = Letters("https://shop.example.org")
WITH_TOKEN = (MailKind.EMAIL_VERIFICATION, MailKind.PASSWORD_RESET, MailKind.EMAIL_CHANGE)


def written(kind: MailKind, locale: str = "en-US") -> Letter:
    if kind in WITH_TOKEN:
        return LETTERS.with_token(kind, locale, "s3cret", 1800)
    if kind is MailKind.SECURITY_NOTICE:
        return LETTERS.security_notice(locale, "password_changed")
    return LETTERS.order_confirmation(locale, Receipt.model_validate(RECEIPT))


class Page(HTMLParser):
    """What a screen reader needs to find in a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.language: str | None = None
        self.links: list[str] = []
        self.feed(html)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        told = dict(attrs)
        self.language = told.get("lang") if tag == "html" else self.language
        self.links += [told["href"] or ""] if tag == "a" else []


@pytest.mark.parametrize("kind", MailKind)
def test_a_page_has_a_language_a_title_one_heading_and_nothing_that_loads(kind: MailKind) -> None:
    letter = written(kind)
    page = Page(letter.html)
    assert page.language == "en"
    assert [page.tags.count(tag) for tag in ("title", "h1", "main")] == [1, 1, 1]
    assert not {"img", "script", "link", "iframe", "object"} & set(page.tags)
    assert all(link.startswith("https://shop.example.org") for link in page.links)


@pytest.mark.parametrize("kind", MailKind)
def test_text_and_page_lead_to_the_same_places(kind: MailKind) -> None:
    letter = written(kind)
    in_text = {link.rstrip(".") for link in re.findall(r"https://\S+", letter.text)}
    assert in_text == set(Page(letter.html).links)
    assert letter.subject
    assert "\n" not in letter.subject


def test_what_came_from_people_is_text_in_a_page() -> None:
    assert "Enamel &lt;mug&gt; &amp; lid" in written(MailKind.ORDER_CONFIRMATION).html


@pytest.mark.parametrize("locale", ["en", "en-GB", "tlh", "", "../../etc", "EN-us"])
def test_who_reads_a_language_nobody_wrote_in_gets_english(locale: str) -> None:
    assert written(MailKind.PASSWORD_RESET, locale) == written(MailKind.PASSWORD_RESET)


@pytest.mark.parametrize(
    ("seconds", "lasts"), [(1800, "30 minutes"), (3600, "60 minutes"), (86_400, "24 hours")]
)
def test_a_mail_says_how_long_its_link_works(seconds: int, lasts: str) -> None:
    letter = LETTERS.with_token(MailKind.PASSWORD_RESET, "en", "s3cret", seconds)
    assert f"for {lasts}." in letter.text


def test_a_change_nobody_has_words_for_is_told_in_general() -> None:
    told = LETTERS.security_notice("en", "something_new").text
    assert "Something about the security of your account was changed." in told


@pytest.mark.parametrize("language", [folder.name for folder in TEMPLATES.iterdir()])
def test_every_language_has_every_mail_and_every_word(language: str) -> None:
    folder = TEMPLATES / language
    english = json.loads((TEMPLATES / "en" / "words.json").read_text())
    words = json.loads((folder / "words.json").read_text())
    assert words.keys() == english.keys()
    assert words["subjects"].keys() == set(MailKind)
    assert words["changes"].keys() == english["changes"].keys()
    assert {f"{kind}.{form}" for kind in MailKind for form in ("txt", "html")} < {
        file.name for file in folder.iterdir()
    }


def test_a_letter_shows_its_secret_to_no_log() -> None:
    assert "s3cret" not in repr(written(MailKind.PASSWORD_RESET))

"""Shapes of exports and consents."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from libs.erasure.export import PersonalData
from libs.web.strict import RequestModel, ResponseModel


class ExportView(ResponseModel):
    """The right to fetch a copy for a while."""

    export_id: str
    requested_at: datetime
    expires_at: datetime
    href: str


class ExportDocument(ResponseModel):
    """Everything the shop knows of you: the rows of every table of every service that are about you.

    Each row's members are named after the columns; times are ISO 8601, amounts are in minor units. docs/privacy.md
    explains what is held back, and why.
    """

    format: Literal["meridian-personal-data/1"]
    exported_at: datetime
    user_id: str
    services: dict[str, PersonalData]


class ConsentChange(RequestModel):
    """What you say to one version of one document."""

    document: str = Field(
        min_length=1, max_length=40, description="`terms`, `privacy`, `marketing`"
    )
    version: str = Field(min_length=1, max_length=40, description="The version you were shown")
    given: bool


class ConsentChanges(RequestModel):
    """What you say now; documents left out stay as they are."""

    consents: list[ConsentChange] = Field(min_length=1, max_length=20)
    source: Literal["web", "app"] = "web"


class ConsentView(ResponseModel):
    """Where you stand with one document."""

    document: str
    required: bool
    current_version: str
    given: bool
    version: str | None = Field(description="What you last spoke about; None when you never did")
    at: datetime | None


class ConsentEntry(ResponseModel):
    """One line of the history."""

    document: str
    version: str
    given: bool
    source: str
    at: datetime


class ConsentsView(ResponseModel):
    """Where you stand, and everything you said, the oldest first."""

    documents: list[ConsentView]
    history: list[ConsentEntry]

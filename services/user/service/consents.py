"""What people agree to: asked per version, written down and never changed, taken back as easily as given."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.user.domain.consents import DOCUMENTS, Document, document_named
from services.user.errors import ConsentRequired, DocumentUnknown
from services.user.models import Consent
from services.user.repository.privacy import ConsentRepository, Given
from services.user.schemas.privacy import (
    ConsentChange,
    ConsentChanges,
    ConsentEntry,
    ConsentsView,
    ConsentView,
)


@dataclass(frozen=True)
class ConsentService:
    """Use cases of one request, inside its transaction."""

    consents: ConsentRepository

    async def of(self, user_id: str) -> ConsentsView:
        said = await self.consents.of(user_id)
        return ConsentsView(
            documents=[_view(document, said) for document in DOCUMENTS],
            history=[ConsentEntry.model_validate(one) for one in said],
        )

    async def give(self, user_id: str, changes: ConsentChanges) -> ConsentsView:
        """Write down what somebody says; what they say again is not written again.

        Raises:
            AccountErased: nobody is there any more to say it.
            DocumentUnknown: no such document, or not in this version.
            ConsentRequired: an account cannot be without this one.
        """
        for change in changes.consents:
            _check(change)
        await self.consents.require_living(user_id)
        said = {one.document: one for one in await self.consents.of(user_id)}
        news = [one for one in changes.consents if not _is_known(said.get(one.document), one)]
        if news:
            await self.consents.add(
                user_id,
                [Given(one.document, one.version, one.given, changes.source) for one in news],
            )
        return await self.of(user_id)


def _check(change: ConsentChange) -> None:
    document = document_named(change.document)
    if document is None or change.version not in document.versions:
        raise DocumentUnknown("Look at the documents and their versions: GET /v1/me/consents.")
    if document.required and not change.given:
        raise ConsentRequired("Without it there is no account: have the account erased instead.")


def _is_known(last: Consent | None, change: ConsentChange) -> bool:
    return last is not None and (last.version, last.given) == (change.version, change.given)


def _view(document: Document, said: Sequence[Consent]) -> ConsentView:
    last = next((one for one in reversed(said) if one.document == document.name), None)
    return ConsentView(
        document=document.name,
        required=document.required,
        current_version=document.current,
        given=last is not None and last.given,
        version=None if last is None else last.version,
        at=None if last is None else last.at,
    )

"""Every way a request for a profile or an address can be refused."""

from typing import ClassVar

from libs.errors import DomainError


class ProfileNotFound(DomainError):
    """The token is valid, but auth no longer knows its subject."""

    code: ClassVar[str] = "profile_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "Profile not found"


class AddressNotFound(DomainError):
    """No such address, or it belongs to somebody else: the answer must not tell which."""

    code: ClassVar[str] = "address_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "Address not found"


class TooManyAddresses(DomainError):
    """The address book is full."""

    code: ClassVar[str] = "too_many_addresses"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Too many addresses"


class ErasureNotFound(DomainError):
    """No erasure was asked for, or the token is another one's: the answer must not tell which."""

    code: ClassVar[str] = "erasure_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "Erasure not found"


class StillStaff(DomainError):
    """Nobody who administers the shop is erased: the last one would leave it with nobody who can make another."""

    code: ClassVar[str] = "still_staff"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "You administer this shop"

    def __init__(self) -> None:
        super().__init__(
            "Make another administrator, who takes the role from you; then log in and ask again."
        )


class ExportNotFound(DomainError):
    """No such export, or somebody else's: the answer must not tell which."""

    code: ClassVar[str] = "export_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "Export not found"


class ExportExpired(DomainError):
    """It was asked for too long ago."""

    code: ClassVar[str] = "export_expired"
    status: ClassVar[int] = 410
    title: ClassVar[str] = "Export expired"


class DocumentUnknown(DomainError):
    """There is no such document to agree to, or not in this version."""

    code: ClassVar[str] = "document_unknown"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Document unknown"


class ConsentRequired(DomainError):
    """An account cannot be without this consent."""

    code: ClassVar[str] = "consent_required"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Consent required"

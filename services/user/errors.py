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


class ErasureAlreadyRequested(DomainError):
    """An account is erased once."""

    code: ClassVar[str] = "erasure_already_requested"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Erasure already requested"

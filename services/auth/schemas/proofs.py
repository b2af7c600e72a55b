"""Bodies of proving who one is, and of what one proves it with."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, SecretStr, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from libs.web.strict import RequestModel, ResponseModel
from services.auth.domain.passwords import LONGEST_PASSWORD

_LONGEST_PART = 20_000
"""An attestation with a chain of certificates has a few thousand characters."""

Code = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{6}$"), Field(json_schema_extra={"example": "123456"})
]
RecoveryCodeText = Annotated[str, Field(min_length=1, max_length=60)]
Base64Url = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]*$", max_length=_LONGEST_PART)]
OpaqueToken = Annotated[SecretStr, Field(max_length=200)]
Transport = Annotated[str, StringConstraints(pattern=r"^[a-z-]{1,20}$")]
PasskeyName = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class _DeviceAnswer(RequestModel):
    client_data_json: Annotated[Base64Url, Field(alias="clientDataJSON")]
    authenticator_data: Annotated[Base64Url | None, Field(alias="authenticatorData")] = None


class AssertionAnswer(_DeviceAnswer):
    """What a device signed to use a passkey."""

    signature: Base64Url
    user_handle: Annotated[Base64Url | None, Field(alias="userHandle")] = None


class AttestationAnswer(_DeviceAnswer):
    """What a device says about a new passkey."""

    attestation_object: Annotated[Base64Url, Field(alias="attestationObject")]
    transports: Annotated[list[Transport], Field(default_factory=list, max_length=10)]
    public_key: Annotated[Base64Url | None, Field(alias="publicKey")] = None
    public_key_algorithm: Annotated[int | None, Field(alias="publicKeyAlgorithm")] = None


class _Credential(RequestModel):
    id: Base64Url
    raw_id: Annotated[Base64Url, Field(alias="rawId")]
    type: Literal["public-key"]
    authenticator_attachment: Annotated[
        Literal["platform", "cross-platform"] | None, Field(alias="authenticatorAttachment")
    ] = None
    client_extension_results: Annotated[
        dict[str, Any],
        Field(alias="clientExtensionResults", default_factory=dict, max_length=20),
    ]

    def as_json(self) -> dict[str, Any]:
        """Return it as the browser sent it."""
        return self.model_dump(by_alias=True, exclude_none=True)


class Assertion(_Credential):
    """The use of a passkey: `PublicKeyCredential.toJSON()` after `navigator.credentials.get`."""

    response: AssertionAnswer


class Attestation(_Credential):
    """A new passkey: `PublicKeyCredential.toJSON()` after `navigator.credentials.create`."""

    response: AttestationAnswer


class _OneProof(RequestModel):
    """A body that must show exactly one thing."""

    model_config = ConfigDict(str_strip_whitespace=False)

    @model_validator(mode="after")
    def _exactly_one(self) -> "_OneProof":
        ways = {"password", "totp", "recovery_code", "passkey"} & type(self).model_fields.keys()
        if sum(getattr(self, way) is not None for way in ways) != 1:
            raise PydanticCustomError("exactly_one", "must hold exactly one proof")
        return self


class StepUp(_OneProof):
    """One proof that it is still you: the password, or a second factor if the account has one."""

    password: Annotated[SecretStr | None, Field(max_length=LONGEST_PASSWORD)] = None
    totp: Code | None = None
    recovery_code: RecoveryCodeText | None = None
    passkey: Assertion | None = None


class LoginSecondStep(_OneProof):
    """The second factor, and the token that stands for the password shown before."""

    mfa_token: OpaqueToken
    totp: Code | None = None
    recovery_code: RecoveryCodeText | None = None
    passkey: Assertion | None = None


class PasskeyLoginOptions(RequestModel):
    """Whose passkeys may answer: with the token of a second step that account's, otherwise any."""

    mfa_token: OpaqueToken | None = None


class PasskeyLogin(RequestModel):
    """A passkey that says who you are."""

    credential: Assertion


class SteppedUp(ResponseModel):
    """An access token whose `auth_time` is now: use it for what asked. Tokens of the session's next refresh do not say so."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int


class PasskeyOptions(ResponseModel):
    """Hand it to `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`."""

    public_key: dict[str, Any]


class SecondFactors(ResponseModel):
    """What your account can be proved with besides the password."""

    totp: bool
    passkeys: int
    recovery_codes_left: int


class TotpSecret(ResponseModel):
    """The secret for an authenticator app, shown once; `uri` is what its QR code says."""

    secret: str
    uri: str


class TotpConfirmation(RequestModel):
    """A code the app shows."""

    totp: Code


class RecoveryCodes(ResponseModel):
    """Codes for whoever lost everything else: shown once, each works once. Empty if you have yours already."""

    recovery_codes: list[str]


class NewPasskey(RequestModel):
    """A passkey and what you call it."""

    name: PasskeyName
    credential: Attestation


class PasskeyChange(RequestModel):
    """Another name for a passkey."""

    name: PasskeyName


class PasskeyView(ResponseModel):
    """One of your passkeys; `backed_up` says that it outlives the device."""

    passkey_id: str
    name: str
    backed_up: bool
    created_at: datetime
    last_used_at: datetime | None


class PasskeyAdded(ResponseModel):
    """The new passkey, and recovery codes if it is your first second factor."""

    passkey: PasskeyView
    recovery_codes: list[str]


class PasskeyList(ResponseModel):
    """Your passkeys, the oldest first."""

    items: list[PasskeyView]

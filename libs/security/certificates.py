"""A certificate that vouches for itself: for a server whose one client takes its word, because it knows where it is.

The gateway shows one to the load balancer, which encrypts what it sends there and asks for no authority (AWS: target groups).
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from libs.clock import utc_now

VALID_DAYS: Final = 397
"""Public authorities give no longer; a year's rotation has a month to spare."""
_CLOCKS_DIFFER: Final = timedelta(hours=1)


def self_signed(names: Sequence[str], *, valid_days: int = VALID_DAYS) -> dict[str, str]:
    """Make a key and a certificate for these names; the first is also its subject's.

    Args:
        names: host names, as clients call the server (RFC 6125).
        valid_days: how long it is valid, from an hour ago on.

    Returns:
        `certificate` and `key`, both PEM; the key is PKCS #8 without a password.

    Raises:
        ValueError: there is no name, or one is not a host's.
    """
    if not names:
        raise ValueError("name the hosts the certificate is for")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _signed(key, names, valid_days)
    return {
        "certificate": certificate.public_bytes(serialization.Encoding.PEM).decode(),
        "key": key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
    }


def _signed(
    key: ec.EllipticCurvePrivateKey, names: Sequence[str], valid_days: int
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    began = utc_now() - _CLOCKS_DIFFER
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=valid_days))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )

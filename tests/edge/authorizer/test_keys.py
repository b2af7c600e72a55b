"""Keys come from the internal load balancer, which has to prove the public name."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge.authorizer.keys import AtAddress, key_client
from libs.clock import utc_now

NAME = "api-us.example.com"


def certificate(name: str, folder: Path) -> Path:
    """Write a self-signed certificate for a name, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(utc_now() - timedelta(days=1))
        .not_valid_after(utc_now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@asynccontextmanager
async def load_balancer(file: Path) -> AsyncIterator[int]:
    """Serve TLS on a free port; every answer is the Host that was asked for."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        host = head.partition("host: ")[2].partition("\r\n")[0].encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(host), host))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def fetched(name: str, file: Path) -> str:
    trusted = ssl.create_default_context(cafile=str(file))
    async with load_balancer(file) as port:
        transport = AtAddress("127.0.0.1", httpx.AsyncHTTPTransport(verify=trusted))
        async with httpx.AsyncClient(transport=transport) as client:
            return (await client.get(f"https://{name}:{port}/.well-known/jwks.json")).text


async def test_the_address_is_connected_to_and_the_name_is_asked_for(tmp_path: Path) -> None:
    assert (await fetched(NAME, certificate(NAME, tmp_path))).startswith(f"{NAME}:")


async def test_who_cannot_prove_the_name_is_not_believed(tmp_path: Path) -> None:
    with pytest.raises(httpx.ConnectError, match="certificate"):
        await fetched(NAME, certificate("elsewhere.example.com", tmp_path))


async def test_without_an_address_the_names_own_is_used() -> None:
    async with key_client(None) as plain, key_client("10.0.10.1") as directed:
        assert not isinstance(plain._transport, AtAddress)
        assert isinstance(directed._transport, AtAddress)

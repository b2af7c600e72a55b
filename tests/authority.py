"""A certification authority for a test, and servers of its certificates that pass on to one without TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from libs.clock import utc_now

DAY = timedelta(days=1)
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""PostgreSQL's clients ask with this whether the server has TLS (protocol 3.0, section 54.2.10)."""

Upstream = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class Authority:
    """Signs certificates for 127.0.0.1; `ca_file` is what a client trusts it by."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, folder.name)])
        certificate = self._sign(self._name, self._key, ca=True)
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def server_context(self) -> ssl.SSLContext:
        """Return what a server shows and proves itself with."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a server")])
        file = self._folder / "server.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + self._sign(name, key, ca=False).public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _sign(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool
    ) -> x509.Certificate:
        here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(utc_now() - DAY)
            .not_valid_after(utc_now() + DAY)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(here, critical=False)
            .sign(self._key, hashes.SHA256())
        )


@asynccontextmanager
async def ending_tls(port: int, upstream: int, context: ssl.SSLContext) -> AsyncIterator[None]:
    """End TLS on one port of this machine and pass on to another."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _pass_on(reader, writer, lambda: asyncio.open_connection("127.0.0.1", upstream))

    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=context)
    try:
        yield
    finally:
        server.close()


@asynccontextmanager
async def before_postgres(
    port: int, socket: Path, context: ssl.SSLContext
) -> AsyncIterator[list[str]]:
    """Stand before a PostgreSQL that was built without TLS, as one that was built with it; give the versions spoken."""
    spoken: list[str] = []
    served: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _agree_on_tls(reader, writer, context)
            spoken.append(writer.get_extra_info("ssl_object").version())
            await _pass_on(reader, writer, lambda: asyncio.open_unix_connection(socket))
        except (OSError, EOFError):
            writer.close()  # somebody who does not believe us

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", port)
    try:
        yield spoken
    finally:
        server.close()
        await asyncio.gather(*served)


async def _agree_on_tls(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext
) -> None:
    if await reader.readexactly(len(SSL_REQUEST)) != SSL_REQUEST:
        raise ConnectionError("no TLS asked for, as pg_hba.conf demands with hostssl")
    writer.write(b"S")
    await writer.start_tls(context)


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream: Upstream
) -> None:
    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError, ssl.SSLError):
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
        sink.close()

    there, back = await upstream()
    await asyncio.gather(pump(reader, back), pump(there, writer))

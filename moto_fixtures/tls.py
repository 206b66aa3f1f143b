"""TLS in front of a server: a certificate authority of this run, and a forwarder that ends TLS.

What passes is not looked at: signatures hold, because they are over the Host that the client named.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import shutil
import socket
import ssl
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from moto_fixtures.servers import S3Server

_STEP = 1 << 16  # bytes
_DAY = dt.timedelta(days=1)


class Authority:
    """A certificate authority, and one certificate of it for 127.0.0.1 and localhost."""

    def __init__(self, directory: Path) -> None:
        self.ca_file = directory / "ca.pem"
        self.chain_file = directory / "server.pem"  # certificate and key
        ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of one test run")])
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        hosts = x509.SubjectAlternativeName(
            [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        )
        identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
        ca = (
            _certificate(ca_name, ca_name, ca_key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(identifier, critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        certificate = (
            _certificate(name, ca_name, key.public_key())
            .add_extension(hosts, critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
            )
            .sign(ca_key, hashes.SHA256())
        )
        self.ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
        self.chain_file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
    )


class TLSFront:
    """An https address of a server that speaks http; has what an `S3Server` has for a client.

    One thread with one event loop: an `ssl` socket must not be read and written by two threads.
    """

    def __init__(self, server: S3Server) -> None:
        self._server = server
        self.access_key, self.secret_key, self.region = server.access_key, server.secret_key, server.region
        self._directory = Path(tempfile.mkdtemp(prefix="tls-"))
        authority = Authority(self._directory)
        self.ca_file = authority.ca_file
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(authority.chain_file)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.endpoint = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()
        shutil.rmtree(self._directory, ignore_errors=True)

    def env(self) -> dict[str, str]:
        """Return the server's variables, with this address and its authority."""
        return {
            **self._server.env(),
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_CA_BUNDLE": str(self.ca_file),
        }

    def make_bucket(self, name: str) -> str:
        """Make a bucket, unless it is there; return its name."""
        return self._server.make_bucket(name)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._forward())

    async def _forward(self) -> None:
        listener = await asyncio.start_server(self._serve, sock=self._listener, ssl=self._context)
        await self._ended.wait()
        listener.close()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        host, _, port = self._server.endpoint.removeprefix("http://").partition(":")
        with suppress(OSError, asyncio.CancelledError):
            server, to_server = await asyncio.open_connection(host, int(port))
            try:
                await asyncio.gather(_pump(client, to_server), _pump(server, to_client))
            finally:
                to_server.close()
        to_client.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copy until the source ends; then end the target, so that the other direction ends too."""
    try:
        while block := await source.read(_STEP):
            target.write(block)
            await target.drain()
    finally:
        target.close()

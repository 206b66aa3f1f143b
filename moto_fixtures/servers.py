"""S3 servers on loopback, as context managers: started, ready when a PUT has worked, stopped.

moto is quick and checks nothing; SeaweedFS is a real store that checks signatures and honours
conditional writes; rclone is the kind of server that ignores conditions and answers ranges with 200.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from moto_fixtures.processes import end, find_binary, free_ports, spawn

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_TRIES = 3  # a port that was free can be taken before the server has it
_START_TIMEOUT = 60  # seconds
_REGION = "us-east-1"


class S3Server:
    """A server process with one key pair, in a short directory of its own: socket paths are limited."""

    region = _REGION

    def __init__(self) -> None:
        self.access_key = f"AKTEST{secrets.token_hex(7).upper()}"
        self.secret_key = secrets.token_hex(20)
        self.endpoint = ""
        self._directory = Path()
        self._ports: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        for _ in range(_TRIES):
            self._directory = Path(tempfile.mkdtemp(prefix="s3t-"))
            self._start()
            if self._is_ready():
                return self
            log = (self._directory / "server.log").read_text(errors="replace")[-3000:]
            self._stop()
        raise RuntimeError(f"{type(self).__name__} did not start:\n{log}")

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def env(self) -> dict[str, str]:
        """Return the variables by which any S3 client finds this server, and nothing else."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, *, attempts: int = 3) -> S3Client:
        """Return a client with these keys, for what a test does behind e2esync's back."""
        import boto3
        from botocore.config import Config

        checksums: dict[str, Any] = dict.fromkeys(
            ("request_checksum_calculation", "response_checksum_validation"), "when_required"
        )
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=2,
            read_timeout=30,
            **checksums,
        )
        session = boto3.session.Session(self.access_key, self.secret_key, region_name=self.region)
        return session.client("s3", endpoint_url=self.endpoint, config=config)

    def make_bucket(self, name: str) -> str:
        """Make a bucket, unless it is there; return its name."""
        client = self.client()
        try:
            client.create_bucket(Bucket=name)
        except client.exceptions.ClientError as error:
            if not error.response["Error"]["Code"].startswith("BucketAlready"):
                raise
        finally:
            client.close()
        return name

    def command(self) -> tuple[Sequence[str], Mapping[str, str]]:
        """Choose ports into `_ports`, the first for S3; return arguments and environment."""
        raise NotImplementedError

    def clean(self) -> None:
        """Remove what the server leaves outside of its directory."""

    def _start(self) -> None:
        arguments, environment = self.command()
        self.endpoint = f"http://127.0.0.1:{self._ports[0]}"
        self._process = spawn(arguments, environment, self._directory, self._directory / "server.log")

    def _is_ready(self) -> bool:
        """Wait for a PUT: a listening port is not enough."""
        from botocore.exceptions import BotoCoreError, ClientError

        assert self._process is not None
        client = self.client(attempts=1)
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.make_bucket("readiness")
                client.put_object(Bucket="readiness", Key="probe", Body=bytes(100_000))
            except (BotoCoreError, ClientError):
                time.sleep(0.05)
            else:
                client.close()
                return True
        return False

    def _stop(self) -> None:
        if self._process is not None:
            end(self._process)
        self.clean()
        shutil.rmtree(self._directory, ignore_errors=True)


class MotoServer(S3Server):
    """In memory; checks neither signatures nor checksums."""

    def command(self) -> tuple[Sequence[str], Mapping[str, str]]:
        self._ports = free_ports(1)
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self._ports[0])], {}


class SeaweedServer(S3Server):
    """A real store: signatures, clock and checksums are checked, conditional writes are atomic."""

    def command(self) -> tuple[Sequence[str], Mapping[str, str]]:
        self._ports = free_ports(10)
        names = [
            f"-{part}.port{kind}"
            for part in ("s3", "master", "volume", "filer", "admin")
            for kind in ("", ".grpc")
        ]
        for name in ("data", "tmp"):
            (self._directory / name).mkdir()
        arguments = [
            find_binary("weed"),
            "mini",
            f"-dir={self._directory / 'data'}",
            "-ip=127.0.0.1",  # the default is the first network card
            "-ip.bind=127.0.0.1",
            *[f"{name}={port}" for name, port in zip(names, self._ports, strict=True)],
            "-webdav=false",
            "-admin.ui=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-master.telemetry=false",  # on by default
            "-volume.max=2000",  # each bucket takes one at least
            "-master.volumeSizeLimitMB=128",
            "-s3.autoCreateBucket=false",  # as on AWS
            "-s3.allowDeleteBucketNotEmpty=false",
            f"-s3.localSocket={self._directory / 's3.sock'}",
            f"-filer.localSocket={self._directory / 'filer.sock'}",
        ]
        environment = {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "TMPDIR": str(self._directory / "tmp"),
        }
        return arguments, environment

    def clean(self) -> None:
        for port in self._ports:
            for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108  where weed puts them
                path.unlink(missing_ok=True)


class RcloneServer(S3Server):
    """Files behind S3: ignores conditional writes, answers ranges with 200."""

    def command(self) -> tuple[Sequence[str], Mapping[str, str]]:
        self._ports = free_ports(1)
        (self._directory / "data").mkdir()
        arguments = [
            find_binary("rclone"),
            "serve",
            "s3",
            f"--addr=127.0.0.1:{self._ports[0]}",
            f"--auth-key={self.access_key},{self.secret_key}",
            f"--config={os.devnull}",
            str(self._directory / "data"),
        ]
        return arguments, {}

"""Two devices, one vault in a bucket behind a `FaultProxy`; every bad day begins from the same state.

What a cell may break (homes, folders, objects) is put back from a copy before each.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from e2esync.cli.main import main
from moto_fixtures.faulty_proxy import FaultProxy
from tests.engine.world import tree

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

IMPATIENT = Path(__file__).parent / "impatient.py"
MIB = 1 << 20
LONGEST = 60  # seconds; then a command is killed and counts as hung
HUNG = -9


@dataclass(frozen=True)
class Done:
    """What a command printed, its exit code, and what it took."""

    code: int
    out: str
    err: str
    seconds: float
    peak: float  # MiB

    @property
    def well_told(self) -> bool:
        """Whether it says what, why and how to mend it if it failed, and never more of us than that."""
        last = [line.partition(":")[0] for line in self.err.splitlines()[-3:]]
        told = self.code == 0 or last == ["error", "why", "fix"]
        return told and "Traceback" not in self.err + self.out


class House:
    """Devices `a` and `b` of one person; `a` has pushed, `b` has pulled."""

    def __init__(self, proxy: FaultProxy, bucket: str, home: Path, prefix: str) -> None:
        self.proxy = proxy
        self.home, self._kept = home / "now", home / "kept"
        self.bucket, self.prefix = bucket, prefix
        self.url = f"s3://{bucket}/{prefix}/v"
        self.words = home / "words"
        self.client: S3Client = proxy.server.client()
        self.home.mkdir(parents=True)
        self._base()
        shutil.copytree(self.home, self._kept, symlinks=True)
        self._objects = self.objects()

    def _base(self) -> None:
        self.well("a", "setup", self.url, self.folder("a"), "--recovery-file", self.words)
        chance = random.Random(1)
        write(self.folder("a") / "hello.txt", b"hello")
        write(self.folder("a") / "docs" / "notes.md", b"notes\n" * 100)
        write(self.folder("a") / "large", chance.randbytes(MIB + 5))
        self.well("a", "push")
        self.well("b", "join", self.url, self.folder("b"), "--recovery-file", self.words)
        self.well("b", "pull")

    def folder(self, device: str) -> Path:
        return self.home / f"folder-{device}"

    def change(self) -> None:
        """Change what is in `a`'s folder: an edit, and a birth that makes a pack of chunks beside that of pages.

        Nothing goes: what is missing is looked at again a second later, and this is about the network.
        """
        write(self.folder("a") / "hello.txt", b"hello again")
        write(self.folder("a") / "new", random.Random(2).randbytes(2 * MIB))

    def restore(self) -> None:
        """Put everything back as it was in the beginning."""
        self.proxy.set_rules()
        self.proxy.forget()
        shutil.rmtree(self.home)
        shutil.copytree(self._kept, self.home, symlinks=True)
        now = self.objects()
        for key in now.keys() - self._objects.keys():
            self.client.delete_object(Bucket=self.bucket, Key=key)
        for key, body in self._objects.items():
            if now.get(key) != body:
                self.client.put_object(Bucket=self.bucket, Key=key, Body=body)

    def objects(self) -> dict[str, bytes]:
        """Everything of ours that is really in the bucket."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=f"{self.prefix}/"
        )
        found = {}
        for key in [row["Key"] for page in pages for row in page.get("Contents", ())]:
            with suppress(self.client.exceptions.NoSuchKey):  # rclone lists for a while what was deleted
                found[key] = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return found

    def copy_store(self, name: str) -> str:
        """Copy the vault to another prefix; return its address."""
        for key, body in self.objects().items():
            if key.startswith(f"{self.prefix}/v/"):
                target = key.replace("/v/", f"/{name}/", 1)
                self.client.put_object(Bucket=self.bucket, Key=target, Body=body)
        return f"s3://{self.bucket}/{self.prefix}/{name}"

    def _environment(self, device: str) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "E2ESYNC_"))}
        ours = {"E2ESYNC_HOME": str(self.home / f"home-{device}"), "AWS_MAX_ATTEMPTS": "2"}
        return {**clean, **self.proxy.env(), **ours, "HOME": str(self.home)}

    def spawn(self, device: str, *words: object, read_timeout: float = 1, longest: float = LONGEST) -> Done:
        """Run a command in a process of its own, with short patience."""
        peak = self.home / "peak"
        peak.unlink(missing_ok=True)
        env = self._environment(device)
        env |= {"BADDAY_PEAK": str(peak), "BADDAY_READ_TIMEOUT": str(read_timeout)}
        command = [sys.executable, str(IMPATIENT), *map(str, words)]
        began = time.monotonic()
        with subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                out, err = process.communicate(timeout=longest)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
        took = time.monotonic() - began
        mebibytes = int(peak.read_text()) / 1024 if peak.exists() else 0
        return Done(process.returncode, out, err, took, mebibytes)

    def run(self, device: str, *words: object) -> Done:
        """Run a command in this process, which is quicker: for what is no part of the bad day."""
        before, began = dict(os.environ), time.monotonic()
        out, err = StringIO(), StringIO()
        os.environ.clear()
        os.environ.update(self._environment(device))
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = main([str(word) for word in words])
        finally:
            os.environ.clear()
            os.environ.update(before)
        return Done(code, out.getvalue(), err.getvalue(), time.monotonic() - began, 0)

    def well(self, device: str, *words: object) -> Done:
        """Run a command on a good day."""
        done = self.run(device, *words)
        assert done.code == 0, (words, done)
        return done

    def same(self) -> bool:
        """Whether the two folders hold the same."""
        return tree(self.folder("a")) == tree(self.folder("b"))


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)

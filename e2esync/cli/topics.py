"""The texts of `help TOPIC`."""

from __future__ import annotations

from pathlib import Path

TOPICS = {
    "environment": """\
E2ESYNC_HOME=DIR         everything of one device under DIR: config.toml, keys, state, the embedded
                         store. One value is one device. Without it: the platform's directories.
E2ESYNC_<OPTION>         every option by its name: E2ESYNC_JSON=1, E2ESYNC_NO_INPUT=1, E2ESYNC_YES=1,
                         E2ESYNC_RECOVERY_FILE, E2ESYNC_ENDPOINT_URL, E2ESYNC_PROFILE, E2ESYNC_REGION, …
                         Not --accept-risk: a risk is accepted where it is run.
E2ESYNC_PASSPHRASE_FILE, E2ESYNC_PASSPHRASE_COMMAND
                         where the passphrase of the key store comes from
E2ESYNC_DEBUG=1          show tracebacks
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL_S3
                         and the rest of the usual AWS chain; credentials are never stored by e2esync
NO_COLOR, TERM=dumb      no colours and no bars, as --plain
""",
    "exit-codes": """\
  0   ok; also "nothing changed" after you said no
  1   other
  2   usage; mistyped words; a vault is there already
  3   finished, some files failed (listed)
  4   needs you: conflicts, guards, a full local disk
  5   no vault of yours here; locked; refused credentials (401, 403)
  6   integrity: bad object, rollback, fork, wiped or replaced store
  7   temporary: network, 5xx, throttling
  8   the store or its owner refuses for good: no bucket, wrong region, not S3, TLS, clock skew,
      store full, newer format
  9   safety stop by a local guard
 10   daemon not running
 11   busy: another process has the folder
130   cancelled
""",
    "json": """\
--json prints one document {"schema": 1, "kind": "…", …}; push and pull print JSON lines, each with
"schema" and "type", the summary last. An error is the last line:
{"schema": 1, "kind": "error", "code": "…", "exit": n, "error": "…", "why": "…", "fix": "…"}

Times are RFC 3339 in UTC, sizes are bytes. A path that is not UTF-8 is there twice: "path" with
replacements, and "path_b64". stdout is data; progress, warnings and errors go to stderr.
Unknown exit codes are failures. New keys may be added; none is renamed.
""",
    "ignore": """\
`.e2esyncignore` names what is not synced, in the syntax of .gitignore. It may stand in the folder's
root and in any directory, and holds for all below; the nearest decides, and in one file the last line
that matches. `!` takes back, but not out of an ignored directory: nobody looks in there. The files are
themselves synced, so that all devices agree.

  *.log          by name, at any depth       /build         only beside the file of rules
  cache/         directories only            !keep.log      synced all the same

What is ignored is never uploaded, brought, changed or deleted, on any side. What is synced already
and becomes ignored stays on every disk and in the vault, and the two do not follow each other any
more. Once no rule names it, both sides count: equal contents are one, others stand beside each other.
What you move into an ignored place, you take out of the vault.

A directory that is deleted elsewhere stays here as long as something ignored is in it; one that is
renamed takes it along. A new directory with nothing in it but ignored things is not synced.

Always ignored, unless a rule takes it back: .DS_Store, Thumbs.db, desktop.ini; and without exception
`.e2esync/`, the folder's own directory. `e2esync ignore defaults` shows more to start with, --add
adds it; `e2esync ignore check PATH` says which rule decides.

A file of rules that is not UTF-8, larger than 1 MiB or has a line that is no pattern is listed in
`failed`; until it is mended nothing in its directory is published, and nothing there counts as deleted.
""",
    "policy": """\
A key for one vault has to read, write, list and delete under its prefix, and nothing else. For AWS:

  {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::BUCKET",
     "Condition": {"StringLike": {"s3:prefix": ["PREFIX/*"]}}},
    {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
     "Resource": "arn:aws:s3:::BUCKET/PREFIX/*"}]}

`e2esync doctor --store` tries all of it.
""",
    "threats": (Path(__file__).parent / "threats.txt").read_text("utf-8"),  # made by docs/threats.py
    "format": """\
docs/format.md fixes every byte that is stored, so that a second program can read your data without
this one; docs/wordlist-english.txt is the list that the recovery words come from. A copy of the
store and the words are enough: e2esync decrypt --offline STORE_COPY DEST
""",
}

"""What reaches a terminal, and what a file name can not do to it."""

from __future__ import annotations

import io
import json

import pytest

from e2esync.cli.output import Output, columns, escape, lines_of, path_values, time_text
from e2esync.cli.progress import Bar
from e2esync.errors import E2ESyncError, StoreUnavailable
from e2esync.model.amounts import counted, size_text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain name.txt", "plain name.txt"),
        ("größe", "größe"),
        ("a\nb", "a\\x0ab"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202etxt.exe", "\\u202etxt.exe"),
        ("\u200b", "\\u200b"),
        ("\udcff", "\\xff"),
        ("\u2028", "\\u2028"),
        ("\U000e0001", "\\U000e0001"),
        ("\x7f", "\\x7f"),
    ],
)
@pytest.mark.case(13)
def test_what_is_not_printable_is_shown_escaped(name, shown):
    assert escape(name) == shown


def test_a_path_that_is_not_utf_8_is_there_twice():
    assert path_values(b"a/\xff") == {"path": "a/\ufffd", "path_b64": "YS//"}
    assert path_values(b"a") == {"path": "a"}


def test_an_error_is_three_lines_whatever_is_in_it():
    what, why, fix = lines_of(StoreUnavailable("no\nanswer \x1b[2J"))
    assert what == "no; answer \\x1b[2J"
    assert why.startswith("Network trouble")
    assert "again" in fix
    assert all(lines_of(E2ESyncError("x")))


def test_a_stream_that_knows_no_umlauts_gets_them_escaped():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, "ascii", write_through=True)
    Output(is_json=False, stdout=stream).data("größe")
    assert raw.getvalue() == b"gr\\xf6\\xdfe\n"


def test_json_is_one_line_of_ascii():
    stream = io.StringIO()
    Output(is_json=True, stdout=stream).document("x", name="größe\n")
    assert stream.getvalue().isascii()
    assert json.loads(stream.getvalue()) == {"schema": 1, "kind": "x", "name": "größe\n"}


def test_with_json_nothing_for_people_is_on_stdout():
    stream = io.StringIO()
    Output(is_json=True, stdout=stream).data("hello")
    assert stream.getvalue() == ""


def test_sizes_and_times_and_numbers_for_people():
    assert [size_text(n) for n in (0, 1023, 1024, 5 << 30, 3 << 40)] == [
        "0 bytes", "1023 bytes", "1.0 KiB", "5.0 GiB", "3.0 TiB",
    ]  # fmt: skip
    assert (time_text(0), time_text(None)) == ("1970-01-01T00:00:00Z", None)
    assert (time_text(1 << 62), time_text(-(1 << 62))) == ("9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z")
    assert (counted(1, "file"), counted(0, "file")) == ("1 file", "0 files")
    assert columns([("a", "b"), ("ccc", "d")]) == ["a    b", "ccc  d"]
    assert columns([]) == []


def test_short_work_shows_no_progress_and_long_work_plain_lines(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    stream = io.StringIO()
    with Bar(Output(is_json=False, stderr=stream)) as bar:
        bar("push", 1, 10)
        assert stream.getvalue() == ""
        now[0] = 2.0
        bar("push", 2048, 4096)
        bar("push", 3000, 4096)
    assert stream.getvalue() == "push: 2.0 KiB of 4.0 KiB\n"


def test_a_dumb_terminal_gets_no_bars(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "dumb")
    assert not Output(is_json=False, stderr=Terminal()).shows_bars
    monkeypatch.setenv("TERM", "xterm")
    assert Output(is_json=False, stderr=Terminal()).shows_bars
    assert not Output(is_json=False, is_plain=True, stderr=Terminal()).shows_bars

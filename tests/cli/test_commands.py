"""status, inspect, whoami, verify, doctor, recovery, decrypt, completion: what they answer and when they refuse."""

from __future__ import annotations

import shutil
import stat
import subprocess

import pytest


def test_status_tells_files_and_what_is_to_be_pushed(run, vault):
    (vault / "x").write_text("x")
    before = run("status", "--json")
    assert (before.code, before.last["state"], before.last["daemon"]) == (0, "up-to-date", False)
    assert before.last["folders"][0]["pending_up"] == 1
    run("push")
    (after,) = run("status", "--json").last["folders"]
    assert (after["files"], after["bytes"], after["pending_up"], after["pending_down"]) == (1, 1, 0, 0)
    assert after["last_sync"].endswith("Z")


def test_status_names_every_device_that_was_read(run, vault, tmp_path):
    (vault / "x").write_text("x")
    run("push")
    run(
        "join",
        tmp_path / "store",
        tmp_path / "B",
        "--recovery-file",
        tmp_path / "words",
        "--device-name",
        "desktop",
        home=tmp_path / "h2",
    )
    run("pull")
    devices = run("status", "--json").last["folders"][0]["devices"]
    assert devices[0]["name"] == "desktop"
    assert len(devices) == 2
    assert all(set(device) == {"name", "last_seen", "stale"} for device in devices)


@pytest.mark.parametrize("damage", ["missing", "marker"])
def test_a_folder_that_is_not_in_place_needs_you_and_is_9_for_push_and_pull(run, vault, damage):
    if damage == "missing":
        vault.rename(vault.with_name("away"))
    else:
        shutil.rmtree(vault / ".e2esync")
    done = run("status", "--json")
    assert (done.code, done.last["state"], len(done.last["needs_you"])) == (4, "needs-you", 1)
    assert run("push").code == 9
    assert run("pull").code == 9
    assert run("doctor").code != 0


def test_status_without_a_folder_is_5(run):
    assert run("status").code == 5


def test_inspect_shows_the_chain_of_keys(run, vault):
    (vault / "d").mkdir()
    (vault / "d" / "x").write_text("x")
    run("push")
    done = run("inspect", vault / "d" / "x", "--json")
    assert done.code == 0
    assert (done.last["path"], done.last["size"], done.last["chunks"]) == ("d/x", 1, 1)
    (key,) = done.last["data_keys"]
    assert key["wrapped_under"] == done.last["vault_key"]
    (one,) = done.last["recipients"]
    assert one["safety_number"] == run("whoami", "--json").last["safety_number"]


def test_inspecting_what_was_not_pushed_or_is_elsewhere_is_2(run, vault, tmp_path):
    (vault / "x").write_text("x")
    assert run("inspect", vault / "x").code == 2
    assert run("inspect", tmp_path / "words").code == 2


def test_whoami_shows_forty_digits_and_writes_a_card(run, vault, tmp_path):
    from e2esync.vault.cardfile import import_card

    done = run("whoami", "--card", tmp_path / "card", "--json")
    assert (done.code, done.last["kind"]) == (0, "identity")
    assert len(done.last["safety_number"].replace(" ", "")) == 40
    person, name = import_card((tmp_path / "card").read_text())
    assert (person.safety_number, name) == (done.last["safety_number"], done.last["name"])


def test_whoami_without_an_identity_is_5_and_makes_one_when_it_is_told_to(run, tmp_path):
    assert run("whoami").code == 5
    done = run("whoami", "--no-input", "--user-name", "Bob", "--recovery-file", tmp_path / "w", "--json")
    assert (done.code, done.last["name"]) == (0, "Bob")
    assert stat.S_IMODE((tmp_path / "w").stat().st_mode) == 0o600
    assert run("whoami", "--json").last["safety_number"] == done.last["safety_number"]
    assert run("whoami", "--recovery-file", tmp_path / "w2").code == 2


def test_an_identity_made_by_whoami_sets_up_a_vault_without_new_words(run, tmp_path):
    number = run("whoami", "--user-name", "Bob", "--recovery-file", tmp_path / "w", "--json").last[
        "safety_number"
    ]
    assert run("setup", tmp_path / "s", tmp_path / "f", "--json").last["safety_number"] == number


@pytest.mark.parametrize("deep", [(), ("--deep",)])
def test_verify_is_content_with_what_was_pushed(run, vault, deep):
    (vault / "x").write_text("x")
    run("push")
    done = run("verify", *deep, "--json")
    assert (done.code, done.last["kind"]) == (0, "verify")


def test_a_changed_byte_in_the_store_is_6(run, vault, tmp_path):
    (vault / "x").write_text("x" * 1000)
    run("push")
    (pack,) = (path for path in (tmp_path / "store").rglob("*") if path.is_file() and "packs" in path.parts)
    content = bytearray(pack.read_bytes())
    content[40] ^= 1
    pack.write_bytes(content)
    assert run("verify", "--deep", "--json").last["exit"] == 6


def test_the_words_are_tested_against_the_identity(run, vault, tmp_path):
    assert run("recovery", "test", "--recovery-file", tmp_path / "words", "--json").last["correct"] is True
    run("whoami", "--user-name", "Bob", "--recovery-file", tmp_path / "other", home=tmp_path / "h2")
    done = run("recovery", "test", "--recovery-file", tmp_path / "other", "--json", home=tmp_path / "home")
    assert (done.code, done.last["code"]) == (2, "mistyped-words")
    assert run("recovery", "test").code == 2


def test_a_copied_store_and_the_words_are_enough(run, vault, tmp_path):
    (vault / "x").write_text("hello")
    run("push")
    shutil.copytree(tmp_path / "store", tmp_path / "copy")
    arguments = (
        "decrypt",
        "--offline",
        tmp_path / "copy",
        tmp_path / "out",
        "--recovery-file",
        tmp_path / "words",
    )
    done = run(*arguments, "--json", home=tmp_path / "nowhere")
    assert done.code == 0
    assert (tmp_path / "out" / "Sync" / "x").read_text() == "hello"
    assert not (tmp_path / "nowhere").exists()


def test_decrypting_without_offline_is_2(run, vault, tmp_path):
    assert (
        run("decrypt", tmp_path / "store", tmp_path / "out", "--recovery-file", tmp_path / "words").code == 2
    )


def test_doctor_finds_a_healthy_device_healthy(run, vault):
    done = run("doctor", "--store", "--json")
    assert (done.code, done.err) == (0, "")
    assert {check["outcome"] for check in done.last["checks"]} == {"ok"}


def test_doctor_says_what_is_wrong_with_open_keys(run, vault, tmp_path):
    (tmp_path / "home" / "keys").chmod(0o644)
    done = run("doctor", "--json")
    assert (done.code, "chmod 600" in done.err) == (5, True)


def test_doctor_names_a_store_that_is_gone(run, vault, tmp_path):
    shutil.rmtree(tmp_path / "store")
    assert run("doctor", "--store").code == 8


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_knows_commands_options_and_topics(run, shell):
    done = run("completion", shell)
    assert done.code == 0
    assert all(word in done.out for word in ("setup", "recovery-file", "exit-codes"))
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=done.out, text=True).returncode == 0


def test_a_shell_that_is_not_known_is_2(run):
    assert run("completion", "tcsh").code == 2


@pytest.mark.case(110)
def test_a_folder_that_another_process_works_on_is_11(run, vault, tmp_path):
    from e2esync.adapters.files import FolderLock

    (directory,) = (path for path in (tmp_path / "home" / "state").iterdir() if len(path.name) == 64)
    with FolderLock(directory / "lock"):
        assert run("push", "--json").last["exit"] == 11
        assert run("forget", vault).code == 11


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("this is = not [toml", 2),
        ("version = 99\n", 8),
        ("version = 1\n", 2),
        ("folders = 3", 2),
        ("\x00", 2),
    ],
)
def test_a_configuration_that_cannot_be_used_says_so(run, vault, tmp_path, text, code):
    (tmp_path / "home" / "config.toml").write_text(text)
    done = run("push")
    assert (done.code, done.lines) == (code, ["error", "why", "fix"])


def test_a_home_that_cannot_be_made_is_2(run, tmp_path):
    (tmp_path / "file").write_text("")
    arguments = ("setup", tmp_path / "s", tmp_path / "f", "--recovery-file", tmp_path / "w")
    assert run(*arguments, home=tmp_path / "file" / "home").code == 2


def test_a_store_directory_that_is_gone_is_8(run, vault, tmp_path):
    shutil.rmtree(tmp_path / "store")
    (vault / "x").write_text("x")
    done = run("push", "--json")
    assert (done.code, done.last["code"]) == (8, "no-bucket")


@pytest.mark.parametrize("store", ["ftp://x/y", "s3://", "http://127.0.0.1:9/b", "s3://user:secret@bucket/x"])
def test_an_address_that_is_none_is_2_and_never_repeated_with_its_secret(run, tmp_path, store):
    done = run("setup", store, tmp_path / "f", "--recovery-file", tmp_path / "w")
    assert (done.code, (tmp_path / "w").exists()) == (2, False)
    assert "secret" not in done.err.replace("AWS_SECRET", "")


def test_the_demo_runs_without_a_terminal_and_leaves_its_folders(spawn, tmp_path):
    (tmp_path / "tmp").mkdir()
    done = spawn("demo", TMPDIR=str(tmp_path / "tmp"), E2ESYNC_NO_INPUT="1")
    assert (done.code, done.err) == (0, "")
    (scratch,) = (tmp_path / "tmp").iterdir()
    assert str(scratch) in done.out
    (left,) = (scratch / "laptop" / "Sync").glob("*.txt")
    assert left.read_text() == (scratch / "desktop" / "Sync" / left.name).read_text()
    assert left.read_text().splitlines()[-1] in {"And a lantern.", "And a rope."}

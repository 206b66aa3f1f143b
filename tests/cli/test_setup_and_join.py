"""setup, join, forget and move-store as people and scripts call them."""

from __future__ import annotations

import shutil
import tomllib

import pytest


def test_one_argument_is_the_folder_and_the_store_lies_in_the_home(run, tmp_path):
    done = run("setup", tmp_path / "Sync", "--recovery-file", tmp_path / "w", "--json")
    assert done.code == 0
    assert done.last["store"] == (tmp_path / "home" / "store").as_uri()
    assert done.last["folder"] == str(tmp_path / "Sync")


def test_without_arguments_the_folder_is_sync_in_the_home_directory(run, tmp_path):
    assert run("setup", "--recovery-file", tmp_path / "w", "--json").last["folder"] == str(
        tmp_path / "user" / "Sync"
    )


def test_a_setup_without_anybody_to_read_the_words_names_the_flag(run, tmp_path):
    done = run("setup", tmp_path / "s", tmp_path / "f", "--yes")
    assert done.code == 2
    assert "--recovery-file" in done.err
    assert not (tmp_path / "s").exists()


def test_a_recovery_file_that_exists_is_2_and_stays(run, tmp_path):
    (tmp_path / "w").write_text("diary")
    assert run("setup", tmp_path / "s", tmp_path / "f", "--recovery-file", tmp_path / "w").code == 2
    assert (tmp_path / "w").read_text() == "diary"


def test_a_recovery_file_where_an_identity_exists_is_2(run, vault, tmp_path):
    done = run("setup", tmp_path / "store", tmp_path / "More", "--recovery-file", tmp_path / "w2")
    assert (done.code, (tmp_path / "w2").exists()) == (2, False)


def test_a_further_vault_needs_no_words_and_both_are_pushed(run, vault, tmp_path):
    done = run("setup", tmp_path / "store2", tmp_path / "Photos", "--no-input", "--json")
    assert done.code == 0
    (vault / "a").write_text("a")
    (tmp_path / "Photos" / "b").write_text("b")
    assert run("push", "--json").last["uploaded_files"] == 2
    (vault / "c").write_text("c")
    (tmp_path / "Photos" / "d").write_text("d")
    assert run("push", tmp_path / "Photos", "--json").last["uploaded_files"] == 1


def test_setting_up_a_folder_that_is_synced_is_2(run, vault, tmp_path):
    done = run("setup", tmp_path / "store2", vault)
    assert done.code == 2
    assert "synced already" in done.err


@pytest.mark.parametrize(("store", "folder"), [("x/store", "x"), ("x", "x/Sync"), ("x", "x")])
@pytest.mark.case(89)
def test_store_and_folder_inside_one_another_are_2(run, tmp_path, store, folder):
    done = run("setup", tmp_path / store, tmp_path / folder, "--recovery-file", tmp_path / "w")
    assert (done.code, (tmp_path / "w").exists()) == (2, False)


def test_a_link_does_not_hide_that_the_store_is_inside_the_folder(run, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    done = run("setup", tmp_path / "link" / "store", tmp_path / "real", "--recovery-file", tmp_path / "w")
    assert done.code == 2


def test_a_folder_over_the_home_is_2(run, tmp_path):
    done = run(
        "setup", tmp_path.parent / "store-elsewhere", tmp_path, "--recovery-file", tmp_path.parent / "w"
    )
    assert done.code == 2
    assert "files of e2esync itself" in done.err


def test_a_store_with_a_vault_says_did_you_mean_join(run, vault, tmp_path):
    done = run(
        "setup", tmp_path / "store", tmp_path / "B", "--recovery-file", tmp_path / "w2", home=tmp_path / "h2"
    )
    assert done.code == 2
    assert "did you mean `join`" in done.err


def test_words_are_shown_and_asked_for_on_a_terminal(run, tmp_path, monkeypatch):
    from e2esync.cli import ask, words

    shown: dict[int, str] = {}
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    original = words.WordsOnTerminal._test

    def remember(self, all_words):
        shown.update(enumerate(all_words, 1))
        original(self, all_words)

    monkeypatch.setattr(words.WordsOnTerminal, "_test", remember)
    monkeypatch.setattr(ask.Asker, "line", lambda _self, prompt: shown[int(prompt.split()[2].rstrip(":"))])
    done = run("setup", tmp_path / "s", tmp_path / "f")
    assert done.code == 0
    assert all(word in done.err for word in shown.values())
    assert not any(word in done.out.split() for word in shown.values() if len(word) > 5)


def test_words_that_are_not_typed_back_leave_nothing(run, tmp_path, monkeypatch):
    from e2esync.cli import ask

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(ask.Asker, "line", lambda _self, _prompt: "wrong")
    assert run("setup", tmp_path / "s", tmp_path / "f").code == 2
    assert not (tmp_path / "home" / "keys").exists()


def test_join_without_words_names_both_flags(run, vault, tmp_path):
    done = run("join", tmp_path / "store", tmp_path / "B", home=tmp_path / "h2")
    assert done.code == 2
    assert "--recovery-file" in done.err
    assert "--words" in done.err


def test_typed_words_without_a_terminal_are_2(run, vault, tmp_path):
    done = run("join", tmp_path / "store", tmp_path / "B", "--words", home=tmp_path / "h2")
    assert (done.code, "--recovery-file" in done.err) == (2, True)


def test_a_mistyped_word_is_named_by_its_position(run, vault, tmp_path):
    words = (tmp_path / "words").read_text().split()
    words[6] = "abandom"
    (tmp_path / "typo").write_text(" ".join(words))
    done = run(
        "join",
        tmp_path / "store",
        tmp_path / "B",
        "--recovery-file",
        tmp_path / "typo",
        "--json",
        home=tmp_path / "h2",
    )
    assert (done.code, done.last["code"]) == (2, "mistyped-words")
    assert "word 7" in done.err
    assert "abandom" not in done.err + done.out


@pytest.mark.parametrize("text", ["", "abandon abandon", " ".join(["zoo"] * 24)])
def test_words_that_are_no_phrase_are_2(run, vault, tmp_path, text):
    (tmp_path / "bad").write_text(text)
    assert (
        run(
            "join",
            tmp_path / "store",
            tmp_path / "B",
            "--recovery-file",
            tmp_path / "bad",
            home=tmp_path / "h2",
        ).code
        == 2
    )


def test_a_recovery_file_that_is_missing_is_2(run, vault, tmp_path):
    assert (
        run("join", tmp_path / "store", "--recovery-file", tmp_path / "none", home=tmp_path / "h2").code == 2
    )


def test_joining_an_empty_store_is_5_and_makes_nothing(run, vault, tmp_path):
    (tmp_path / "empty").mkdir()
    done = run(
        "join",
        tmp_path / "empty",
        tmp_path / "B",
        "--recovery-file",
        tmp_path / "words",
        home=tmp_path / "h2",
    )
    assert done.code == 5
    assert list((tmp_path / "empty").iterdir()) == []
    assert not (tmp_path / "B").exists()


def test_joining_a_store_that_is_missing_is_8_and_makes_nothing(run, vault, tmp_path):
    done = run(
        "join", tmp_path / "none", tmp_path / "B", "--recovery-file", tmp_path / "words", home=tmp_path / "h2"
    )
    assert (done.code, (tmp_path / "none").exists()) == (8, False)


def test_a_folder_that_is_not_empty_needs_a_yes(run, vault, tmp_path):
    (tmp_path / "B").mkdir()
    (tmp_path / "B" / "mine").write_text("mine")
    join = ("join", tmp_path / "store", tmp_path / "B", "--recovery-file", tmp_path / "words")
    refused = run(*join, home=tmp_path / "h2")
    assert (refused.code, "--yes" in refused.err) == (2, True)
    assert run(*join, "--yes").code == 0
    assert (tmp_path / "B" / "mine").read_text() == "mine"


def test_saying_no_changes_nothing_and_is_0(run, vault, tmp_path, monkeypatch):
    from e2esync.cli import ask

    (tmp_path / "B").mkdir()
    (tmp_path / "B" / "mine").write_text("mine")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(ask.Asker, "line", lambda _self, _prompt: "n")
    done = run(
        "join",
        tmp_path / "store",
        tmp_path / "B",
        "--recovery-file",
        tmp_path / "words",
        home=tmp_path / "h2",
    )
    assert (done.code, done.err.splitlines()[-1]) == (0, "nothing was changed")
    assert not (tmp_path / "h2" / "keys").exists()


def test_of_several_vaults_a_script_has_to_name_one(run, vault, tmp_path):
    run("setup", tmp_path / "store", tmp_path / "Photos")
    join = ("join", tmp_path / "store", tmp_path / "B", "--recovery-file", tmp_path / "words", "--json")
    refused = run(*join, home=tmp_path / "h2")
    assert (refused.code, "--vault" in refused.err) == (2, True)
    assert run(*join, "--vault", "Photos").last["name"] == "Photos"


def test_join_tells_vault_date_and_device(run, vault, tmp_path):
    (vault / "x").write_text("x")
    run("push")
    join = ("join", tmp_path / "store", tmp_path / "B", "--recovery-file", tmp_path / "words", "--json")
    done = run(*join, home=tmp_path / "h2")
    assert "vault 'Sync', last change 20" in done.err
    assert done.last["last_change"].endswith("Z")


def test_settings_are_kept_and_credentials_are_not(run, vault, tmp_path, monkeypatch):
    from e2esync.engine.notes import StoreAddress
    from e2esync.wiring import config

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    path = tmp_path / "home" / "config.toml"
    known = config.load(path)
    from dataclasses import replace

    address = StoreAddress(
        "s3://b/p", endpoint_url="http://127.0.0.1:9", region="eu-1", addressing_style="path"
    )
    config.save(path, known.with_folder(replace(known.folders[0], store=address)))
    assert tomllib.loads(path.read_text())["folders"][0]["s3"] == {
        "endpoint_url": "http://127.0.0.1:9",
        "region": "eu-1",
        "addressing_style": "path",
    }
    assert config.load(path).folders[0].store == address
    assert "very-secret" not in path.read_text()


def test_after_forgetting_the_folder_is_unknown_and_may_be_joined_again(run, vault, tmp_path):
    (vault / "x").write_text("x")
    run("push")
    assert run("forget", vault, "--json").last["kind"] == "forget"
    assert run("push").code == 5
    assert (vault / "x").read_text() == "x"
    assert run("join", tmp_path / "store", vault, "--yes").code == 0
    assert run("pull", "--json").code == 0
    (vault / "y").write_text("y")
    assert run("push", "--json").code == 0


def test_forgetting_what_is_not_synced_is_2(run, vault, tmp_path):
    assert run("forget", tmp_path).code == 2


def test_a_vault_moves_to_a_copied_store(run, vault, tmp_path):
    (vault / "x").write_text("x")
    run("push")
    shutil.copytree(tmp_path / "store", tmp_path / "copy")
    done = run("move-store", vault, tmp_path / "copy", "--json")
    assert (done.code, done.last["store"]) == (0, (tmp_path / "copy").as_uri())
    shutil.rmtree(tmp_path / "store")
    (vault / "y").write_text("y")
    assert run("push", "--json").last["uploaded_files"] == 1


def test_a_vault_does_not_move_to_a_copy_from_before_the_last_push(run, vault, tmp_path):
    (vault / "x").write_text("x")
    run("push")
    shutil.copytree(tmp_path / "store", tmp_path / "copy")
    (vault / "y").write_text("y")
    run("push")
    done = run("move-store", vault, tmp_path / "copy")
    assert (done.code, "older" in done.err) == (6, True)
    assert run("status", "--json").last["folders"][0]["store"] == (tmp_path / "store").as_uri()


def test_a_vault_does_not_move_to_where_it_is_not(run, vault, tmp_path):
    (tmp_path / "empty").mkdir()
    assert run("move-store", vault, tmp_path / "empty").code == 5
    assert run("move-store", vault, tmp_path / "missing").code == 8


def test_a_vault_does_not_move_into_its_own_folder(run, vault, tmp_path):
    assert run("move-store", vault, vault / "store").code == 2

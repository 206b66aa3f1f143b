"""Recovery words: lenient in form, exact in content."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2esync.crypto import recovery
from e2esync.crypto.secrets import Entropy
from e2esync.errors import WordsError

ZEROS = Entropy(bytes(32))
WORDS = recovery.to_words(ZEROS)  # "abandon" 23 times, "art"


@given(st.binary(min_size=32, max_size=32))
def test_words_spell_the_entropy_they_came_from(raw):
    assert recovery.from_words(" ".join(recovery.to_words(Entropy(raw)))) == Entropy(raw)


def test_new_words_are_not_the_last_ones():
    assert recovery.generate() != recovery.generate()


@pytest.mark.parametrize(
    "text",
    [
        " ".join(WORDS).upper(),
        "\r\n\t " + "  \n".join(WORDS) + "\n\n",
        "\n".join(f"{n}. {word}" for n, word in enumerate(WORDS, 1)),
        "\n".join(f"{n:2}) {word.title()}" for n, word in enumerate(WORDS, 1)),
        " ".join(f"{n}.{word}" for n, word in enumerate(WORDS, 1)),
        " ".join(f"{n} {word}" for n, word in enumerate(WORDS, 1)),
        "# my words, written in May\n" + " ".join(WORDS[:12]) + "\n  # page two\n" + " ".join(WORDS[12:]),
    ],
)
def test_form_does_not_matter(text):
    assert recovery.from_words(text) == ZEROS


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "there are 0 words"),
        (" ".join(WORDS[:23]), "there are 23 words"),
        (" ".join((*WORDS, "art")), "there are 25 words"),
        (
            " ".join(("abandn", *WORDS[1:])),
            "word 1 is not in the list of recovery words; near it are: abandon",
        ),
        (" ".join((*WORDS[:6], "xyzzyqqq", *WORDS[7:])), "word 7 is not in the list of recovery words"),
        (" ".join(("abandn", *WORDS[1:23], "arrt")), "word 24 is not"),
        (" ".join((*WORDS[:23], "zoo")), "do not belong together"),
        ("abandonabandon " + " ".join(WORDS[2:]), "word 1 is not"),
    ],
)
def test_a_mistyped_phrase_says_what_is_wrong(text, says):
    with pytest.raises(WordsError) as error:
        recovery.from_words(text)
    assert says in error.value.what


def test_an_unlisted_word_that_resembles_none_has_no_suggestion():
    with pytest.raises(WordsError) as error:
        recovery.from_words("xyzzyqqq")
    assert "near" not in error.value.what


def test_keys_of_the_words_are_the_same_every_time_and_differ_from_each_other():
    assert recovery.root_key(ZEROS).public == recovery.root_key(ZEROS).public
    assert recovery.recovery_key(ZEROS).public == recovery.recovery_key(ZEROS).public
    assert recovery.root_key(ZEROS).reveal() not in recovery.recovery_key(ZEROS).reveal()


@given(st.binary(min_size=32, max_size=32))
def test_a_safety_number_has_eight_groups_of_five_digits(fingerprint):
    groups = recovery.safety_number(fingerprint).split(" ")
    assert [len(group) for group in groups] == [5] * 8
    assert int("".join(groups)) == int.from_bytes(fingerprint, "big") % 10**40

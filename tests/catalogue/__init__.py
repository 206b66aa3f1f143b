import pytest

pytest.register_assert_rewrite("tests.catalogue.hands")  # so that it says what differs

"""The S3 test kit's fixtures, for all tests."""

import pytest

pytest_plugins = ["moto_fixtures.plugin"]


@pytest.fixture(autouse=True, scope="session")
def no_desktop():
    """Let no daemon that a test starts show anything to whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBUS_SESSION_BUS_ADDRESS", "disabled:")
        yield

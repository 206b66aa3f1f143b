"""The S3 test kit's fixtures, for all tests."""

pytest_plugins = ["moto_fixtures.plugin"]

"""The same hospital as in the integration tests, to be broken."""

from tests.integration.conftest import broker, pytest_runtest_makereport, site

__all__ = ["broker", "pytest_runtest_makereport", "site"]

"""A PACS whose misbehaviours are switches. `python -m tests.simulators.pacs --help` serves a folder."""

from tests.simulators.pacs.faults import COUNT_KEYS, HONEST, Faults
from tests.simulators.pacs.nonsense import NonsenseServer
from tests.simulators.pacs.requests import Query, Requests, Retrieve
from tests.simulators.pacs.server import SimulatedPacs

__all__ = ["COUNT_KEYS", "HONEST", "Faults", "NonsenseServer", "Query", "Requests", "Retrieve", "SimulatedPacs"]

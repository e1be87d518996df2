"""Every error that the plugin raises on purpose.

    PacsPullError
      ConfigError          settings are wrong: all problems at once, the start stops
      TransientError       retried with back-off
        SourceError          a PACS could not be asked, or broke off
          TooManyAnswersError     it has more answers than it gives (status 0xA700)
          LevelRefusedError       it does not find, or retrieve, at this level (statuses 0xA900, 0xCxxx)
        StoreError           Orthanc's own REST API did not answer as it should
        RecordError          the database cannot be used now
        BrokerError          RabbitMQ did not take a message
          BrokerAwayError           RabbitMQ cannot be reached
      PermanentError       the study becomes ``failed``; a person decides
        IllegalMoveError     a state change that the table does not hold (a defect of ours)

The type decides whether to try again, never the text. "Could not ask" is an error; "asked, nothing there" is an
empty answer. Foreign exceptions are mapped once, in the adapter, with ``from``.
"""

from __future__ import annotations

from collections.abc import Sequence


class PacsPullError(Exception):
    """The root of all errors raised on purpose."""


class ConfigError(PacsPullError):
    """Settings that cannot be used; ``problems`` holds every one of them."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"PACS Pull cannot start, {len(self.problems)} problem(s) in the settings:\n{lines}")


class TransientError(PacsPullError):
    """Something outside does not work now; the same step is tried again later.

    ``is_told``: whoever raised it has written the log line.
    """

    is_told = False


class SourceError(TransientError):
    """A source (PACS) could not be asked, or the operation broke off."""


class TooManyAnswersError(SourceError):
    """A source refused a query because of its many answers: asked in parts it may answer."""


class LevelRefusedError(SourceError):
    """A source does not do such a query or retrieve: asked at another level it may."""


class StoreError(TransientError):
    """Orthanc's own REST API failed or answered nonsense."""


class RecordError(TransientError):
    """The database cannot be used now."""


class BrokerError(TransientError):
    """RabbitMQ refused the message, or no queue takes it."""


class BrokerAwayError(BrokerError):
    """RabbitMQ cannot be reached; told once by the adapter, so not again for each message."""

    is_told = True


class PermanentError(PacsPullError):
    """Trying again cannot help; the study becomes ``failed``."""


class IllegalMoveError(PermanentError):
    """A move between states that the state table does not hold."""

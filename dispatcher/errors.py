"""Every error that the dispatcher raises on purpose.

    DispatcherError
      ConfigError          settings are wrong: all problems at once, the start stops
      BadMessageError      what came out of the queue is no message of ours: dead letter
      PermanentError       the back end or gateway refuses, and would again: dead letter
      TransientError       tried again with back-off
        UnreachableError   nobody listens there: says nothing about the message
        ConflictError      the gateway says that the study's state does not allow the move
        LedgerError        the ledger file cannot be read or written now
        BrokerError        no connection to RabbitMQ, or not any more
        BurialError        the dead letter could not be published now

The type decides whether to try again, never the text. No text holds values of a message other than ids.
"""

from collections.abc import Sequence


class DispatcherError(Exception):
    """The root of all errors raised on purpose."""


class ConfigError(DispatcherError):
    """Settings that cannot be used; ``problems`` holds every one of them."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"the dispatcher cannot start, {len(self.problems)} problem(s) in its settings:\n{lines}")


class BadMessageError(DispatcherError):
    """Not JSON, another schema version, missing keys or wrong types."""


class PermanentError(DispatcherError):
    """Trying again cannot help."""


class TransientError(DispatcherError):
    """Trying again may help; ``retry_after`` is the wait in seconds that the other side asked for, if any."""

    def __init__(self, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class UnreachableError(TransientError):
    """No connection could be made at all."""


class ConflictError(TransientError):
    """The gateway does not allow the move (409): not yet, or not any more."""


class LedgerError(TransientError):
    """The ledger file cannot be used now."""


class BrokerError(TransientError):
    """RabbitMQ cannot be reached, or ended the connection, the channel or the consumer."""


class BurialError(TransientError):
    """The dead-letter exchange is not there, leads nowhere, or the broker did not confirm."""

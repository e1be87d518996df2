"""Which gateway goes on with a study, when several share one record. Images live in one gateway's Orthanc.

A gateway shows by a named lease that it is alive. While it is, what it holds is its own. When it has been silent for
longer than its lease, studies that a source has too begin again with the pull elsewhere, and messages that wait in the
outbox are anyone's to publish. What was pushed to it, and nobody else has, waits for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from plugin.domain.study import SETTLED, Lease, State, Step, Study, queued_for_pull

GATEWAY = "gateway "
"""The name of a gateway's own lease is this and the gateway's name."""


def alive(leases: Mapping[str, Lease], now: datetime) -> frozenset[str]:
    """The gateways that have been heard of lately."""
    return frozenset(lease.owner for name, lease in leases.items() if name.startswith(GATEWAY) and lease.until > now)


def is_busy_elsewhere(study: Study, gateway: str, gateways: Collection[str]) -> bool:
    """Whether another of the gateways that are alive is at work on the study."""
    is_in_work = study.next_step is not None or study.state is State.PULL_DATA
    return is_in_work and study.holder != gateway and study.holder in gateways


def let_go(study: Study) -> Study:
    """The study, held by nobody once it is settled and nothing is left to do."""
    return replace(study, holder="") if study.next_step is None and study.state in SETTLED else study


def adopted(study: Study, gateway: str) -> Study:
    """The study of a silent holder whose images are in this gateway's Orthanc: the same one under another name."""
    return replace(study, holder=gateway, lease=None)


def taken_over(study: Study, sources: Collection[str], at: datetime) -> Study:
    """The study of a silent holder, free for all others; unchanged where only the silent one has its images.

    ``sources`` are the aliases that can be pulled from.
    """
    free = replace(study, holder="", lease=None)
    if study.next_step is Step.PULL:
        return replace(free, missing=())
    if study.next_step is Step.PUBLISH:
        return free
    if study.state is not State.PULL_DATA:
        return free.then(None)
    if any(alias in sources for alias in study.sources):
        return queued_for_pull(free, at, study.priority)
    return study

"""C-MOVE and C-GET: which images a retrieve sends, in what order, and what it says in the end."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.presentation import PresentationContext

from tests.simulators.pacs.archive import UNIQUE_KEYS, Instance
from tests.simulators.pacs.faults import HONEST, Faults
from tests.simulators.pacs.matching import Values
from tests.simulators.pacs.requests import Retrieve

VERIFICATION = "1.2.840.10008.1.1"
SUCCESS, PENDING = 0x0000, 0xFF00
MAX_CONTEXTS = 128  # of one association (PS3.8 9.3.2.2)
RETRIEVE_FAULTS = (
    *("unknown_destination", "missing_last", "missing_uids", "final_status", "success_before_images"),
    *("drop_after_images", "duplicate_images", "delay_per_image"),
)


@dataclass(frozen=True)
class Plan:
    """One retrieve as it will be carried out."""

    images: Sequence[Instance]  # to be sent, in order
    announced: int  # number of sub-operations said at the beginning
    final_status: int  # SUCCESS: whatever the sub-operations come to
    failed: Sequence[str]  # SOPInstanceUIDs listed as failed with a final status


def plan(instances: Sequence[Instance], faults: Faults) -> Plan:
    """What becomes of a retrieve of these images."""
    kept = instances[: max(0, len(instances) - faults.missing_last)]
    kept = [one for one in kept if one.sop_instance_uid not in faults.missing_uids]
    images = [one for one in kept for _ in range(2 if faults.duplicate_images else 1)]
    if faults.final_status == SUCCESS:
        return Plan(images, len(images), SUCCESS, ())
    sent = {one.sop_instance_uid for one in images}
    failed = [one.sop_instance_uid for one in instances if one.sop_instance_uid not in sent]
    return Plan(images, len(images) + max(1, len(failed)), faults.final_status, failed)


def faults_of(faults: Faults, retrieve: Retrieve, earlier: Iterable[Retrieve]) -> Faults:
    """The faults that hold for this retrieve: after `retrieves_affected` of the same study it is an honest one."""
    if faults.retrieves_affected is None:
        return faults
    study = _plain(retrieve.uids.get("StudyInstanceUID", ()))
    so_far = sum(_plain(one.uids.get("StudyInstanceUID", ())) == study for one in earlier if one is not retrieve)
    if so_far < faults.retrieves_affected:
        return faults
    return replace(faults, **{name: getattr(HONEST, name) for name in RETRIEVE_FAULTS})


def uids_of(keys: Mapping[str, Values]) -> dict[str, Values]:
    """The unique keys of a retrieve request, as given."""
    return {key: keys[key] for key in UNIQUE_KEYS.values() if keys.get(key)}


def sought(uids: Mapping[str, Values], faults: Faults) -> dict[str, Values] | None:
    """The UIDs to look up, without padding; None if this PACS knows none of them because they lack its padding."""
    padding = faults.uid_padding.rstrip("\0")
    is_strict = faults.strict_uids and padding
    if is_strict and any(not uid.endswith(padding) for key in uids if key != "PatientID" for uid in uids[key]):
        return None
    return {key: _plain(values) for key, values in uids.items()}


def contexts_of(images: Iterable[Instance]) -> list[PresentationContext]:
    """What to propose to a destination: each SOP class in the transfer syntaxes that its files have.

    Verification is there for a refused retrieve: pynetdicom says the final status after associating only.
    """
    pairs = {(one.sop_class_uid, one.transfer_syntax_uid or str(ExplicitVRLittleEndian)) for one in images}
    pairs = pairs or {(VERIFICATION, str(ImplicitVRLittleEndian))}
    return [build_context(sop_class, transfer_syntax) for sop_class, transfer_syntax in sorted(pairs)][:MAX_CONTEXTS]


def failed_list(uids: Sequence[str]) -> Dataset:
    """The identifier of a final response that is no success (PS3.4 C.4.2.1.4.2)."""
    dataset = Dataset()
    dataset.FailedSOPInstanceUIDList = list(uids)
    return dataset


def _plain(uids: Values) -> Values:
    return tuple(uid.strip(" \0") for uid in uids)

"""The message of a delivery, as it comes out of the queue: ``docs/message.md`` and ``config/message.schema.json``."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dispatcher.errors import BadMessageError

Count = Annotated[int, Field(ge=0)]
Uid = Annotated[str, Field(min_length=1, max_length=64)]

Ids = tuple[str, str, str, str]
"""PatientID, AccessionNumber, StudyInstanceUID, SeriesInstanceUID: what every line of the log about a study carries."""
ID_KEYS = ("patientID", "accessionNumber", "studyUID", "seriesUID")


class _Body(BaseModel):
    """Strict: "5" is no number and 1 no truth value. Keys that we do not know are allowed, and kept."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)


class DeliveredSeries(_Body):
    """One series of the delivery, with its numbers of images; ``numberInPacs`` is None where the PACS counts none."""

    seriesUID: Uid  # noqa: N815 - the names are the contract
    numberReceived: Count  # noqa: N815
    numberInPacs: Count | None  # noqa: N815


class Message(_Body):
    """One delivery of one study (a CT series, or a whole DX study) for one task."""

    studyUID: Uid  # noqa: N815
    seriesUID: Uid  # noqa: N815
    numberReceived: Count  # noqa: N815
    statecode: int
    message: str
    filepath: Annotated[str, Field(pattern=r"^/[^\x00]*$")]
    callingAPTitle: str  # noqa: N815
    callingPresentationAddress: str  # noqa: N815
    seriesnum: Annotated[int, Field(ge=1)]
    totalRecievedtime: str  # noqa: N815
    priorities: Annotated[int, Field(ge=0, le=9)]
    isPush: Annotated[int, Field(ge=0, le=1)]  # noqa: N815
    lastUpdateTime: Annotated[str, Field(pattern=r"^([0-9]{8}T[0-9]{6})?$")]  # noqa: N815
    schemaVersion: Annotated[int, Field(ge=1, le=1)]  # noqa: N815
    task: Annotated[str, Field(min_length=1)]
    revision: Annotated[int, Field(ge=1)]
    complete: bool | None
    numberInPacs: Count | None  # noqa: N815
    accessionNumber: str  # noqa: N815
    patientID: str  # noqa: N815
    modality: str
    series: Annotated[list[DeliveredSeries], Field(min_length=1)]

    @property
    def ids(self) -> Ids:
        return (self.patientID, self.accessionNumber, self.studyUID, self.seriesUID)

    def known(self) -> dict[str, Any]:
        """The keys of the contract, without any that a site may have added (they may hold a name)."""
        shown = {key: value for key, value in self if key in Message.model_fields}
        shown["series"] = [{key: getattr(each, key) for key in DeliveredSeries.model_fields} for each in self.series]
        return shown


def parse(body: bytes) -> Message:
    """The message in a body; :raises BadMessageError: saying what is wrong, without the values."""
    content = _object(body)
    version = content.get("schemaVersion")
    if type(version) is int and version != 1:
        raise BadMessageError(f"unknown schemaVersion {version}, this dispatcher knows 1")
    try:
        return Message.model_validate(content)
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise BadMessageError(f"not a message of schema 1: {'; '.join(problems)}") from error


def ids_in(body: bytes) -> Ids:
    """The ids in a body as far as it has them, for the log line about a message that cannot be used."""
    try:
        content: Mapping[str, Any] = _object(body)
    except BadMessageError:
        content = {}
    found = [str(content.get(key) or "")[:64] for key in ID_KEYS]
    return (found[0], found[1], found[2], found[3])


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body, parse_constant=_refused)
    except (ValueError, RecursionError) as error:  # bad JSON, bad UTF-8, or brackets without end
        raise BadMessageError(f"not JSON: {_place(error)}") from error
    if not isinstance(content, dict):
        raise BadMessageError(f"not a JSON object but {type(content).__name__}")
    return content


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _place(error: Exception) -> str:
    """Where JSON broke, without quoting the body."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    return type(error).__name__

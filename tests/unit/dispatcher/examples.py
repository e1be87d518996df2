"""The message of the contract, to build others from."""

from typing import Any


def message(**changes: Any) -> dict[str, Any]:
    """A whole, valid message with some keys changed."""
    return {
        "studyUID": "1.2.3",
        "seriesUID": "1.2.3.4",
        "numberReceived": 3,
        "statecode": 800,
        "message": "",
        "filepath": "/store_image/4c18cd69-ecee1be6-10a1dcd4-73308186-275b913f",
        "callingAPTitle": "GEPACS",
        "callingPresentationAddress": "192.168.1.150",
        "seriesnum": 1,
        "totalRecievedtime": "",
        "priorities": 4,
        "isPush": 0,
        "lastUpdateTime": "20200618T080626",
        "schemaVersion": 1,
        "task": "chest-ct",
        "revision": 1,
        "complete": True,
        "numberInPacs": 3,
        "accessionNumber": "NA200618FLC029",
        "patientID": "10939060",
        "modality": "CT",
        "series": [{"seriesUID": "1.2.3.4", "numberReceived": 3, "numberInPacs": 3}],
        **changes,
    }

"""Plans become datasets and DICOM files."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydicom import dcmwrite
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, UID, ExplicitVRLittleEndian

from tests.simulators.images.phantom import pixels
from tests.simulators.images.plan import SeriesPlan, StudyPlan, uid_of

SOP_CLASSES = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "MG": "1.2.840.10008.5.1.4.1.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "RF": "1.2.840.10008.5.1.4.1.1.12.2",
    "PR": "1.2.840.10008.5.1.4.1.1.11.1",
    "OT": "1.2.840.10008.5.1.4.1.1.7",
}


def write_study(plan: StudyPlan, folder: Path) -> list[Path]:
    """Write every image of the study below `folder` as `<StudyInstanceUID>/<SeriesNumber>/<InstanceNumber>.dcm`."""
    paths = []
    for series in plan.series:
        target = folder / plan.study_instance_uid / f"{series.number:03d}"
        target.mkdir(parents=True, exist_ok=True)
        for dataset in _images_of(plan, series):
            if series.rows:
                dataset.PixelData = pixels(
                    series.modality in ("CT", "MR"), series.rows, series.columns, int(dataset.InstanceNumber)
                )
            path = target / f"{dataset.InstanceNumber:05d}.dcm"
            dcmwrite(path, dataset, enforce_file_format=True)
            paths.append(path)
    return paths


def headers(plan: StudyPlan) -> Iterator[Dataset]:
    """One dataset an image, with file meta and without PixelData. The dataset is reused: copy what you keep."""
    for series in plan.series:
        yield from _images_of(plan, series)


def _images_of(plan: StudyPlan, series: SeriesPlan) -> Iterator[Dataset]:
    dataset = _series_header(plan, series)
    for offset, sop_instance_uid in enumerate(plan.sop_instance_uids(series)):
        number = series.first_image + offset
        dataset.SOPInstanceUID = sop_instance_uid
        dataset.file_meta.MediaStorageSOPInstanceUID = UID(sop_instance_uid)
        dataset.InstanceNumber = number
        if series.modality == "CT":
            position = round(-(series.slice_thickness or 5.0) * number, 3)
            dataset.ImagePositionPatient = [-180, -180, position]
            dataset.SliceLocation = position
        yield dataset


def _series_header(plan: StudyPlan, series: SeriesPlan) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = _file_meta(series)
    _set_all(dataset, {"SpecificCharacterSet": plan.character_set})
    _set_all(
        dataset,
        {
            "PatientName": f"SYNTHETIC^{plan.patient_id}",
            "PatientID": plan.patient_id,
            "PatientBirthDate": "19500101",
            "PatientSex": "O",
            "StudyInstanceUID": plan.study_instance_uid,
            "StudyDate": plan.study_date,
            "StudyTime": plan.study_time,
            "SeriesDate": plan.study_date,
            "SeriesTime": plan.study_time,
            "AcquisitionDate": plan.study_date,
            "AcquisitionTime": plan.study_time,
            "ContentDate": plan.study_date,
            "ContentTime": plan.study_time,
            "AccessionNumber": plan.accession_number,
            "StudyID": "1",
            "StudyDescription": plan.description,
            "ReferringPhysicianName": "",
            "SOPClassUID": dataset.file_meta.MediaStorageSOPClassUID,
            "SeriesInstanceUID": plan.series_instance_uid(series.number),
            "SeriesNumber": series.number,
            "Modality": series.modality,
            "SeriesDescription": series.description,
            "ProtocolName": series.protocol,
            "BodyPartExamined": series.body_part,
            "ImageType": list(series.image_type) or None,
            "Manufacturer": "Synthetic Scanners",
            "InstitutionName": "Synthetic Hospital",
            "StationName": f"SYN{series.modality}1",
            "FrameOfReferenceUID": uid_of("frame", plan.name),
            "PositionReferenceIndicator": "",
        },
    )
    _set_all(dataset, _acquisition(series))
    _set_all(dataset, plan.attributes)
    _set_all(dataset, series.attributes)
    return dataset


def _file_meta(series: SeriesPlan) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(series.sop_class or SOP_CLASSES[series.modality])
    meta.MediaStorageSOPInstanceUID = UID("")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    return meta


def _acquisition(series: SeriesPlan) -> dict[str, Any]:
    """The attributes of the image pixel module and of the modality's own one (PS3.3 C.7.6.3, C.8.2.1, C.8.11)."""
    values: dict[str, Any] = {}
    if series.modality == "CT":
        values |= {
            "SliceThickness": series.slice_thickness,
            "KVP": 120,
            "ConvolutionKernel": series.kernel,
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "PixelSpacing": [0.703125, 0.703125],
            "RescaleIntercept": -1024,
            "RescaleSlope": 1,
            "RescaleType": "HU",
            "WindowCenter": -600,
            "WindowWidth": 1500,
        }
        values["SliceThickness"] = "" if series.slice_thickness is None else series.slice_thickness
    if series.rows:
        values |= {
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "Rows": series.rows,
            "Columns": series.columns,
            "BitsAllocated": 16,
            "BitsStored": 12,
            "HighBit": 11,
            "PixelRepresentation": 0,
        }
    return values


def _set_all(dataset: Dataset, values: Mapping[str, Any]) -> None:
    for keyword, value in values.items():
        if isinstance(value, bytes) and dictionary_VR(keyword) not in ("OB", "OW"):
            tag = Tag(keyword)
            padded = value + b" " * (len(value) % 2)
            dataset[tag] = RawDataElement(tag, dictionary_VR(keyword), len(padded), padded, 0, False, True)
        elif value is not None:
            setattr(dataset, keyword, value)
        elif keyword in dataset:
            delattr(dataset, keyword)

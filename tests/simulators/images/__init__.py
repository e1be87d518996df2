"""Synthetic DICOM studies: what a CT or a radiography room would send, without a patient.

A plan says what a study looks like; `write_study` writes its files, `headers` gives the same datasets without pixels.
The same plan always gives the same UIDs, so two PACSs that serve it are mirrors of each other.
"""

from tests.simulators.images.files import headers, write_study
from tests.simulators.images.mixture import days_mixture
from tests.simulators.images.plan import SeriesPlan, StudyPlan, uid_of

__all__ = ["SeriesPlan", "StudyPlan", "days_mixture", "headers", "uid_of", "write_study"]

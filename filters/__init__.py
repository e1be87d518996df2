"""Which series are wanted, and why the others are not: pure rules over a few DICOM attributes.

Needs the standard library only and runs without Orthanc: `python -m filters --help`.
"""

from filters.problems import RulesError
from filters.ranking import Candidate, Ranked
from filters.rules import Rules
from filters.rules_file import RulesFile, load_rules
from filters.task import Task
from filters.verdict import Verdict

__all__ = ["Candidate", "Ranked", "Rules", "RulesError", "RulesFile", "Task", "Verdict", "load_rules"]

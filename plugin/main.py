"""What Orthanc loads: set ``PythonScript`` to this file. The only file that imports ``orthanc``.

It finds the repository and its ``.venv`` by itself. An exception here stops Orthanc, with the reason in its log.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv" / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"

# Orthanc puts this file's own folder on the path: names such as ``logs`` would hide other packages.
sys.path[:] = [str(ROOT), str(VENV), *(path for path in sys.path if Path(path or ".").resolve() != ROOT / "plugin")]
# DCMTK reads it at each association; without it a C-MOVE of CT images is eight times slower on Debian's Orthanc.
os.environ.setdefault("TCP_NODELAY", "1")

import orthanc  # noqa: E402

try:
    from plugin.bootstrap import start
    from plugin.errors import ConfigError
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] in ("plugin", "filters"):
        raise
    orthanc.LogError(
        f"PACS Pull: the Python package {missing.name!r} is missing. Expected in {VENV}: run `make install` in {ROOT}"
    )
    raise

try:
    callbacks = start(orthanc, ROOT)
except ConfigError as error:
    orthanc.LogError(str(error))
    raise

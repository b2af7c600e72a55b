"""Packs the function for AWS Lambda: `python -m deploy.terraform.rotation`; the same source makes the same bytes."""

import zipfile
from io import BytesIO
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).with_name("function.py")
ARCHIVE: Final = Path(__file__).parents[1] / "modules" / "rotation" / "function.zip"

_LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)


def packed(source: Path = SOURCE) -> bytes:
    """Return a zip archive that holds the function and no trace of when or where it was made."""
    buffer = BytesIO()
    entry = zipfile.ZipInfo(source.name, date_time=_LONG_AGO)
    entry.external_attr = 0o644 << 16
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, source.read_bytes())
    return buffer.getvalue()


if __name__ == "__main__":
    ARCHIVE.write_bytes(packed())
    print(f"wrote {ARCHIVE.name}, {ARCHIVE.stat().st_size} bytes")

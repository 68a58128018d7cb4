"""Looks for secrets in the project's files: ``python -m audits.secrets``.

detect-secrets finds them. Those in ``.secrets.baseline`` were looked at, and are none: passwords
of the demo, examples in the guides. ``--accept`` writes it anew; look at what that changes.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from detect_secrets.core import baseline
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import default_settings, transient_settings

ROOT = Path(__file__).parent.parent
BASELINE = ".secrets.baseline"
# Hashes of packages, and books.
LEFT_OUT = (".lock", ".csv", ".csv.gz", BASELINE)
# What is shorter than twelve characters, or has a space in it, is no key of any service.
NO_KEY = r"^.{0,11}$|^(?!BEGIN ).*\s"


def tracked(root: Path) -> list[str]:
    """Return the files of a working copy, also those not added yet, but not what git ignores."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)  # nosec B603
    names = filter(None, done.stdout.split("\0"))
    return [n for n in names if not n.endswith(LEFT_OUT) and (root / n).is_file()]


def look(root: Path, files: Iterable[str]) -> SecretsCollection:
    """Return what looks like a secret in the files, whose names are relative to ``root``."""
    with default_settings() as settings:
        plugins = [{"name": name, **more} for name, more in settings.plugins.items()]
        filters = [{"path": path, **more} for path, more in settings.filters.items()]
    filters.append(
        {"path": "detect_secrets.filters.regex.should_exclude_secret", "pattern": [NO_KEY]}
    )
    found = SecretsCollection(root=str(root))
    with transient_settings({"plugins_used": plugins, "filters_used": filters}):
        # Not all at once by ``scan_files``: it forks, which is no good in a process with threads.
        for name in files:
            found.scan_file(name)
    # Named alike wherever the working copy is. Sets anew: a secret's hash has the name in it.
    for name in found.files:
        secrets = list(found[name])
        for secret in secrets:
            secret.filename = name
        found[name] = set(secrets)
    return found


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Print where there are new ones; return 1 if there are any."""
    found = look(root, tracked(root))
    path = root / BASELINE
    if "--accept" in arguments:
        told = baseline.format_for_output(found, is_slim_mode=True)
        path.write_text(json.dumps(told, indent=2) + "\n")
        return 0
    known = baseline.load_from_file(str(path)) if path.exists() else {"results": {}}
    new = found - SecretsCollection.load_from_baseline(known)
    for name, secret in new:
        print(f"{name}:{secret.line_number}: looks like a secret ({secret.type})")
    if not new:
        return 0
    print(
        "Take it out, and have it revoked where it is good. If it is none: end the line with "
        "`pragma: allowlist secret`, or run python -m audits.secrets --accept"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

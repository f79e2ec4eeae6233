# SPDX-License-Identifier: Apache-2.0
"""Packages: a kernel of a series from the Debian mirror that this machine uses.

In: a Kernel. Out: the path of its image, in a tree with its modules beside it. apt
runs with a configuration of its own, which only downloads: the system's sources and
packages stay as they are. What was fetched once is kept in the cache folder.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from threading import Lock

from kernels import Kernel

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("FAULTIN_GUESTS") or Path.home() / ".cache" / "faultin-guests")
_IMAGE = r"linux-(?:image|binary)-{series}[.\d]*(?:-\d+)?(?:\+deb\d+)?-amd64"
_BUILD_TIME = 3600  # seconds
_UPDATING = Lock()


class Unavailable(Exception):
    """The kernel cannot be had here; one line says why."""


def _stanzas() -> list[str]:
    """The machine's own sources, as deb822 stanzas."""
    found: list[str] = []
    for path in sorted(Path("/etc/apt/sources.list.d").glob("*.sources")):
        text = re.sub(r"^#.*\n", "", path.read_text(), flags=re.M)
        found += re.split(r"\n\s*\n", text.strip())
    lines = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*.list")]
    for path in (path for path in lines if path.exists()):
        for uri, suite, components in re.findall(
            r"^deb\s+(?:\[.*?\]\s+)?(\S+)\s+(\S+)\s+(.*)$", path.read_text(), re.M
        ):
            found.append(f"Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: {components}")
    return [stanza for stanza in found if re.search(r"^Components:.*\bmain\b", stanza, re.M)]


def _sources(suites: list[str]) -> str:
    """The main archive's entry with these suites, and its security updates as they are."""
    stanzas = _stanzas()
    security = [stanza for stanza in stanzas if "-security" in stanza]
    archive = [stanza for stanza in stanzas if stanza not in security and "debian" in stanza]
    if not archive:
        raise Unavailable("this machine has no Debian source in /etc/apt")
    main = re.sub(r"^Suites:.*$", "Suites: " + " ".join(suites), archive[0], flags=re.M)
    return "\n\n".join([main, *security]) + "\n"


def _apt() -> dict[str, str]:
    """An environment in which apt reads the suites of all kernels, and installs nothing."""
    with _UPDATING:  # guests begin at the same time, and apt locks its lists
        return _updated()


@cache
def _updated() -> dict[str, str]:
    if not shutil.which("apt-get"):
        raise Unavailable("this machine has no apt-get")
    from kernels import KERNELS

    root = CACHE / "apt"
    for folder in ("state/lists/partial", "cache/archives/partial", "parts"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "parts" / "guests.sources").write_text(_sources(sorted({k.suite for k in KERNELS})))
    (root / "apt.conf").write_text(
        f'Dir::State "{root}/state";\nDir::State::status "/dev/null";\nDir::Cache "{root}/cache";\n'
        f'Dir::Etc::SourceList "/dev/null";\nDir::Etc::SourceParts "{root}/parts";\n'
        'APT::Get::List-Cleanup "0";\nAPT::Sandbox::User "root";\n'
    )
    environment = {**os.environ, "APT_CONFIG": str(root / "apt.conf"), "LC_ALL": "C"}
    ran = subprocess.run(
        ["apt-get", "update", "-qq", "--error-on=any"],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    if ran.returncode:
        said = ran.stderr.strip().splitlines()[-1:]
        raise Unavailable(f"the package mirror cannot be reached: {said}")
    return environment


# Asked for by name, as an image's own configuration may switch apt's cache off.
_CACHED = ("-o", "Dir::Cache::pkgcache=pkgcache.bin", "-o", "Dir::Cache::srcpkgcache=src.bin")


def _run(*words: str, cwd: Path | None = None) -> str:
    ran = subprocess.run(words, env=_apt(), cwd=cwd, capture_output=True, text=True)
    if ran.returncode:
        raise Unavailable(f"{' '.join(words[:2])} failed: {ran.stderr.strip().splitlines()[-1:]}")
    return ran.stdout


def _versions(pattern: str, suite: str, prefix: str) -> dict[str, str]:
    """Packages whose whole name matches, with the version that the suite offers."""
    names = _run("apt-cache", *_CACHED, "pkgnames", prefix).split()
    names = [name for name in names if re.fullmatch(pattern, name)]
    found: dict[str, str] = {}
    for line in _run("apt-cache", *_CACHED, "madison", *names).splitlines() if names else []:
        name, version, origin = (part.strip() for part in line.split("|"))
        if f" {suite}/" in origin or f" {suite}-security/" in origin:
            found.setdefault(name, version)
    return found


def _newest(versions: dict[str, str]) -> tuple[str, str]:
    """The package of the highest version, by dpkg's own order."""
    best = ("", "0")
    for name, version in versions.items():
        later = ["dpkg", "--compare-versions", version, "gt", best[1]]
        if subprocess.run(later).returncode == 0:
            best = (name, version)
    return best


def _download(folder: Path, packages: dict[str, str]) -> None:
    """Exactly these packages, unpacked into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as work:
        wanted = [f"{name}={version}" for name, version in packages.items()]
        _run("apt-get", "download", "-qq", *wanted, cwd=Path(work))
        for package in Path(work).glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, folder], check=True)


def _stock(kernel: Kernel) -> Path:
    """A distribution's kernel: its image, and lib/modules above it."""
    pattern = _IMAGE.format(series=re.escape(kernel.series) + r"(?=\D)")
    found = _versions(pattern, kernel.suite, "linux-")
    # Since 7.0 linux-image-* only depends on linux-binary-* and linux-modules-*.
    binaries = {name: version for name, version in found.items() if "binary" in name}
    name, version = _newest(binaries or found)
    if not name:
        raise Unavailable(f"the mirror has no kernel {kernel.series} in {kernel.suite}")
    folder = CACHE / kernel.name / version
    if not (folder / "vmlinuz").exists():
        shutil.rmtree(CACHE / kernel.name, ignore_errors=True)
        modules = name.replace("linux-binary-", "linux-modules-")
        _download(folder, {name: version, modules: version})
        _prepare(folder)
    return folder / "vmlinuz"


def _prepare(folder: Path) -> None:
    """Puts what the packages have elsewhere where a boot looks for it."""
    if (folder / "usr/lib/modules").exists() and not (folder / "lib").exists():
        (folder / "lib").symlink_to("usr/lib")
    (release,) = (path.name for path in (folder / "lib/modules").iterdir())
    depmod = shutil.which("depmod", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not depmod:
        raise Unavailable("this machine has no depmod (package kmod)")
    subprocess.run([depmod, "-b", folder, release], check=True, capture_output=True)
    images = [*folder.glob("boot/vmlinuz-*"), *folder.glob("usr/lib/modules/*/vmlinuz")]
    (folder / "vmlinuz").symlink_to(images[0])


def _built(kernel: Kernel) -> Path:
    """A kernel of our own configuration, built once for each version of the source."""
    name = f"linux-source-{kernel.series}"
    found = _versions(re.escape(name), kernel.suite, name)
    if not found:
        raise Unavailable(f"the mirror has no {name} in {kernel.suite}")
    config = HERE / "error-injection.config"
    digest = hashlib.sha256(config.read_bytes()).hexdigest()[:8]
    folder = CACHE / kernel.name / f"{found[name]}-{digest}"
    if not (folder / "vmlinuz").exists():
        shutil.rmtree(CACHE / kernel.name, ignore_errors=True)
        folder.mkdir(parents=True)
        _build(folder, found, config)
    return folder / "vmlinuz"


def _build(folder: Path, package: dict[str, str], config: Path) -> None:
    with tempfile.TemporaryDirectory(dir=CACHE) as work:
        _download(Path(work), package)
        (source,) = Path(work).glob("usr/src/*.tar.xz")
        words = [HERE / "build-kernel", source, config, folder / "vmlinuz"]
        ran = subprocess.run(words, capture_output=True, text=True, timeout=_BUILD_TIME)
    if ran.returncode:  # no reason to skip: what it takes is in tests/run
        raise RuntimeError(f"the kernel does not build: {ran.stderr.strip()[-500:]}")
    print(ran.stdout, end="")


def unpacked(name: str, suite: str, packages: tuple[str, ...]) -> Path:
    """The newest of these packages in a folder of the cache, each in it; Unavailable."""
    folder = CACHE / name
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    found = {
        package: version
        for each in packages
        for package, version in _versions(re.escape(each), suite, each).items()
    }
    missing = sorted(set(packages) - set(found))
    if missing:
        raise Unavailable(f"the mirror has no {', '.join(missing)} in {suite}")
    with tempfile.TemporaryDirectory(dir=CACHE) as work:
        _download(Path(work) / "all", found)
        (Path(work) / "all").rename(folder)
    return folder


def image(kernel: Kernel) -> Path:
    """The kernel's image, fetched or built if it is not in the cache; Unavailable."""
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        return _built(kernel) if kernel.build else _stock(kernel)
    except Unavailable:
        kept = sorted((CACHE / kernel.name).glob("*/vmlinuz"))
        if not kept:
            raise
        return kept[-1]

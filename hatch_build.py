# SPDX-License-Identifier: Apache-2.0
"""Build hook: compiles the BPF core, once for each engine, and the native helpers.

The compiler is the clang inside ziglang, so that a build needs nothing but
pip. What it makes goes to src/faultin/_built and from there into the wheel.
"""

import platform
import subprocess
import sys
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ARCHITECTURES = {"x86_64": "x86", "aarch64": "arm64"}
BPF_FLAGS = [
    "-target", "bpfel-freestanding", "-O2", "-g", "-Wall", "-Werror",
    "-fno-asynchronous-unwind-tables", "-emit-llvm",
]  # fmt: skip
JUDGE_FLAGS = ["-O2", "-Wall", "-Werror", "-fPIC", "-Inative/judge", "-emit-llvm", "-c"]
LIBRARY_FLAGS = ["-O2", "-Wall", "-Werror", "-shared", "-fPIC"]
STUBS_FLAGS = ["-nostdlib", "-s", "-Wl,-z,norelro"]
KEEPER_FLAGS = ["-O2", "-Wall", "-Werror", "-s", "-static", "-Inative/keeper"]
# What the guard has in common with the keeper.
GUARD_SHARES = [
    "control.c", "detach.c", "events.c", "output.c", "place.c", "presence.c", "readers.c", "tasks.c",
]  # fmt: skip


def compile_c(root: Path, flags: list[str], sources: list[Path], target: Path) -> None:
    """Runs zig's C compiler; a failure ends the build with the compiler's words."""
    prefix = f"-ffile-prefix-map={root}=."
    command = [sys.executable, "-m", "ziglang", "cc", *flags, prefix, "-o", str(target)]
    names = [str(source.relative_to(root)) for source in sources]
    subprocess.run([*command, *names], check=True, cwd=root)


def write_pages(root: Path, folder: Path) -> dict[str, str]:
    """Man pages and completion, made from the command line itself: where each is, and where
    it goes in the wheel's data."""
    sys.path.insert(0, str(root / "src"))
    try:
        from faultin.cli.pages import files
    finally:
        sys.path.pop(0)
    found = {}
    for name, text in files().items():
        target = folder / "share" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        found[str(target)] = f"share/{name}"
    return found


class BuildHook(BuildHookInterface):
    """Adds the compiled parts to the wheel."""

    def initialize(self, version: str, build_data: dict) -> None:
        root = Path(self.root)
        built = root / "src" / "faultin" / "_built"
        built.mkdir(exist_ok=True)
        machine = platform.machine()
        for arch, name in ARCHITECTURES.items():
            flags = [*BPF_FLAGS, f"-D__TARGET_ARCH_{name}", "-c"]
            for engine in (root / "bpf").glob("*.bpf.c"):
                target = f"{engine.name.removesuffix('.bpf.c')}.{arch}.bc"
                compile_c(root, flags, [engine], built / target)
        native = root / "native"
        flags = [*LIBRARY_FLAGS, "-target", f"{machine}-linux-gnu.2.28"]
        compile_c(root, flags, sorted(native.glob("*.c")), built / "libfaultin.so")
        compile_c(root, [*flags, *STUBS_FLAGS], [native / "events" / "stubs.c"], built / "libevents.so")
        # Static: it starts in a millisecond, and in a chroot without a C library.
        flags = [*KEEPER_FLAGS, "-target", f"{machine}-linux-musl"]
        compile_c(root, flags, sorted((native / "keeper").glob("*.c")), built / "keeper")
        shared = [native / "keeper" / name for name in GUARD_SHARES]
        compile_c(root, flags, sorted((native / "guard").glob("*.c")) + shared, built / "guard")
        # Not code: the functions of a query are linked to it, and compiled (codegen/native.py).
        flags = [*JUDGE_FLAGS, "-target", f"{machine}-linux-gnu.2.28"]
        compile_c(root, flags, [native / "judge" / "judge.c"], built / f"judge-native.{machine}.bc")
        build_data["shared_data"] |= write_pages(root, root / "build")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-manylinux_2_28_{machine}"

"""Measures what the locked packages cost to download and to keep, and writes sizes.toml.

    python measure_sizes.py UV

UV is the uv to use. Run it after every change of a lock file: a test compares the versions.
Each platform's wheels are really fetched and unpacked (about 12 GB in all, deleted afterwards);
download sizes are those that the package index states for exactly these wheels.
"""

import csv
import datetime
import itertools
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "3.11"
# Our name of a platform, and uv's. MLX needs macOS 14 on Apple silicon, or glibc 2.35.
PLATFORMS = {
    "linux-x86_64": "x86_64-manylinux_2_35",
    "linux-aarch64": "aarch64-manylinux_2_35",
    "macos-aarch64": "aarch64-apple-darwin",
}
LOCKS = ("engines", "bootstrap")


def main(uv):
    lines = [
        "# Made by `python measure_sizes.py UV`. Sizes in bytes: `download` is the wheel's, `disk`",
        "# the sum of its unpacked files'.",
        f'date = "{datetime.date.today()}"',
        f'python = "{PYTHON}"',
    ]
    scratch = HERE.parent.parent / "target"
    scratch.mkdir(exist_ok=True)
    for lock in LOCKS:
        wheels = index_sizes(uv, HERE / f"{lock}.lock")
        for platform, uv_platform in PLATFORMS.items():
            machine = "arm64" if platform == "macos-aarch64" else platform.split("-")[1]
            lines += ["", f"[{lock}.{platform}]"]
            with tempfile.TemporaryDirectory(dir=scratch) as folder:
                unpack(uv, HERE / f"{lock}.lock", uv_platform, pathlib.Path(folder))
                for name, version, tags, disk in sorted(installed(pathlib.Path(folder) / "to")):
                    download = one_wheel(wheels[name], machine, tags)
                    lines.append(
                        f'{name} = {{ version = "{version}", download = {download}, disk = {disk} }}'
                    )
    (HERE / "sizes.toml").write_text("\n".join(lines) + "\n")


def index_sizes(uv, lock):
    """Maps each package to its wheels' sizes by tags, as the index states them."""
    command = [uv, "pip", "compile", lock, "--universal", "--no-deps", "--quiet"]
    command += ["--format", "pylock.toml", "--python-version", PYTHON]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {
        package["name"]: {
            wheel["url"].rsplit("/", 1)[1].removesuffix(".whl"): wheel["size"]
            for wheel in package.get("wheels", [])
        }
        for package in tomllib.loads(text)["packages"]
    }


def unpack(uv, lock, platform, folder):
    """Installs the lock for a platform that need not be ours; a cache of its own can be deleted."""
    command = [uv, "pip", "install", "--quiet", "--target", folder / "to", "--no-deps"]
    command += ["--require-hashes", "--only-binary", ":all:", "--cache-dir", folder / "cache"]
    command += ["--python-platform", platform, "--python-version", PYTHON, "-r", lock]
    subprocess.run(command, check=True, env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0"})


def installed(folder):
    """Yields name, version, wheel tags and size of each package in `folder`."""
    for info in folder.glob("*.dist-info"):
        name, version = info.name.removesuffix(".dist-info").rsplit("-", 1)
        tags = set(re.findall(r"^Tag: (\S+)", (info / "WHEEL").read_text(), re.MULTILINE))
        with open(info / "RECORD", newline="") as record:
            paths = [folder / row[0] for row in csv.reader(record)]
        disk = sum(path.stat().st_size for path in paths if path.is_file())
        yield re.sub(r"[-_.]+", "-", name).lower(), version, tags, disk


def one_wheel(wheels, machine, tags):
    """The size of the wheel for `machine` that shares most tags with the installed package."""
    # The file name decides about the machine: not every package's own tags are right.
    shared = {
        file: len(tags & set(tags_of(file)))
        for file in wheels
        if file.endswith(("-any", machine, "universal2"))
    }
    best = [file for file, count in shared.items() if count == max(shared.values())]
    if len(best) != 1:
        raise SystemExit(f"not one wheel, but {best} have the tags {sorted(tags)}")
    return wheels[best[0]]


def tags_of(file):
    pythons, abis, platforms = (part.split(".") for part in file.split("-")[-3:])
    return ["-".join(tag) for tag in itertools.product(pythons, abis, platforms)]


if __name__ == "__main__":
    main(*sys.argv[1:])

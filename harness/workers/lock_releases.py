"""Locks what earlier releases of transformers need in other versions than `engines.lock` has.

    python lock_releases.py UV 5.6 5.12 5.20

UV is the uv to use. `releases/5.6.lock` then holds these packages with their hashes, and the newest
release of that series, which they were resolved for; all else a worker takes from the engines' own
environment, torch above all. A series that needs nothing else has that one line.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BLOCK = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ \n;\\]+)(?:.*\n)(?:[ \t].*\n)*", re.MULTILINE)


def main(uv, *series):
    engines = (HERE / "engines.lock").read_text()
    for one in series:
        text = differing(engines, resolve(uv, engines, one))
        path = HERE / "releases" / f"{one}.lock"
        path.write_text(f"# Made by `python lock_releases.py UV {one}`.\n{text}")
        print(f"{path.name}: {', '.join(it['name'] for it in BLOCK.finditer(text))}")


def resolve(uv, engines, series):
    """All that this series needs beside torch; what the engines have is preferred."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = pathlib.Path(folder) / "asked.in", pathlib.Path(folder) / "answer.lock"
        torch = re.search(r"^torch==\S+", engines, re.MULTILINE)[0]
        asked.write_text(f"{torch}\ntransformers=={series}.*\nsafetensors\nnumpy\n")
        answer.write_text("".join(it[0] for it in BLOCK.finditer(engines) if it["name"] != "transformers"))
        command = [uv, "pip", "compile", "--universal", "--fork-strategy", "fewest", "--generate-hashes"]
        command += ["--no-header", "--quiet", "--python-version", "3.11", asked, "-o", answer]
        subprocess.run(command, check=True)
        return answer.read_text()


def differing(engines, resolved):
    """Those of the resolved packages that the engines lack or have in another version."""
    there = {(it["name"], it["version"]) for it in BLOCK.finditer(engines)}
    return "".join(without_origin(it[0]) for it in BLOCK.finditer(resolved)
                   if (it["name"], it["version"]) not in there)


def without_origin(block):
    """Who asked for a package is another file's business."""
    return "".join(line + "\n" for line in block.splitlines() if not line.strip().startswith("#"))


if __name__ == "__main__":
    main(*sys.argv[1:])

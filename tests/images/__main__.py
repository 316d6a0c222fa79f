"""`PYTHONPATH=tests python -m images`: build the images of `controller/`, try them, tell their sizes."""

import argparse
import sys
from pathlib import Path

from .archive import read_layers
from .build import build
from .prove import prove
from .recipes import RECIPES
from .tools import ImagesUnavailableError


def main(arguments: list[str]) -> int:
    """Do one verb; 1 and a sentence when it cannot be done or an image is not what it should be."""
    parser = argparse.ArgumentParser(prog="python -m images", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, told in (
        ("build", "write NAME.tar for every image named, all when none is"),
        ("prove", "build, then run every image named and check what it holds"),
        ("sizes", "build, then print the table of sizes"),
    ):
        added = verbs.add_parser(verb, help=told)
        added.add_argument("image", nargs="*", metavar="TYPE", help=", ".join(RECIPES))
        added.add_argument("--into", type=Path, required=True, metavar="FOLDER")
    options = parser.parse_args(arguments)
    wanted = options.image or list(RECIPES)
    try:
        archives = build(wanted, options.into, tell)
        if options.verb == "build":
            print("\n".join(map(str, archives)))
        elif options.verb == "sizes":
            print_sizes(archives)
        else:
            prove(wanted, print)
    except ImagesUnavailableError as error:
        print(f"No images: {error}", file=sys.stderr)
        return 1
    return 0


def print_sizes(archives: list[Path]) -> None:
    """Megabytes, and those of layers that no image above in the table has."""
    print("| Image | pulled, MB | on disk, MB | of them new, MB |\n|---|---:|---:|---:|")
    seen: set[str] = set()
    for archive in archives:
        layers = read_layers(archive)
        pulled, unpacked = sum(layer.pulled for layer in layers), sum(layer.unpacked for layer in layers)
        new = sum(layer.unpacked for layer in layers if layer.digest not in seen)
        seen |= {layer.digest for layer in layers}
        print(f"| {archive.stem} | {pulled / 1e6:.0f} | {unpacked / 1e6:.0f} | {new / 1e6:.0f} |")


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m kelos.install.generate [--check]`: write every generated file below a folder, or name the stale ones.

With `--crds`, `--controller` and `--ci-policy` the definitions, what runs the controller, and the admission policy for
those who may only create Tasks, go to stdout instead: for `kubectl apply -f -`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from pkgutil import resolve_name

from kelos.api.kinds import Manifest
from kelos.install import reference, templates
from kelos.install.controller import Installation, build_controller
from kelos.install.crds import build_crds
from kelos.install.policy import build_opt_in, build_policy
from kelos.settings import REGISTRY

Generator = Callable[[], Iterable[tuple[str, str]]]

GENERATORS: tuple[Generator | str, ...] = (
    templates.crd_templates,
    reference.pages,
    "kelos.cli.reference:pages",
    "kelos.action.reference:pages",
)
"""Each yields (path below the root, content). A new kind of generated file is a new line here.

What stands above this package is named and looked up when it runs: imports point down.
"""

CHECKOUT_FILE = "action.yml"
"""What stands where files are written to, so that they are never written to where somebody happens to be."""

OWNED_FOLDERS = (templates.FOLDER,)
"""Folders with nothing but generated files: what nobody generates any more is removed."""


def main(arguments: list[str]) -> int:
    """0 when everything is written or fresh, 1 when `--check` found a stale file."""
    parser = argparse.ArgumentParser(prog="python -m kelos.install.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when a file is stale")
    parser.add_argument("--root", type=Path, help="the checkout (default: here)")
    parser.add_argument("--crds", action="store_true", help="print the definitions and write nothing")
    parser.add_argument("--controller", action="store_true", help="print namespace, rights and Deployment")
    parser.add_argument("--image-prefix", default=REGISTRY, metavar="PREFIX", help="where its images are")
    parser.add_argument("--image-tag", default="latest", metavar="TAG", help="the tag of its images")
    parser.add_argument(
        "--serve",
        action="append",
        default=[],
        metavar="NAMESPACE",
        help="serve this namespace, with rights in it alone, instead of all (repeatable)",
    )
    parser.add_argument("--ci-policy", action="store_true", help="print the admission policy and its binding")
    parser.add_argument(
        "--ci-namespace",
        action="append",
        default=[],
        metavar="NAMESPACE",
        help="print what this namespace needs to be under the policy, beside its label (repeatable)",
    )
    parser.add_argument(
        "--dedicated-spawners",
        action="store_true",
        help="let the controller give TaskSpawners with isolation: Dedicated processes of their own",
    )
    options = parser.parse_args(arguments)
    if mistake := _mistake(options):
        parser.error(mistake)
    if manifests := list(_asked_for(options)):
        sys.stdout.write(templates.documents(manifests))
        return 0
    root = options.root or Path()
    stale = tuple(stale_files(root))
    if options.check:
        for path, _ in stale:
            sys.stderr.write(f"{path} is stale: run `make generate`\n")
        return 1 if stale else 0
    for path, content in stale:
        _put(root / path, content)
        sys.stderr.write(f"{path}\n")
    return 0


def _mistake(options: argparse.Namespace) -> str:
    """What nobody can mean: it would write files where manifests were expected. Empty when there is nothing."""
    if (options.serve or options.dedicated_spawners) and not options.controller:
        return "--serve and --dedicated-spawners say how the controller is installed; add --controller"
    if "" in (*options.serve, *options.ci_namespace):
        return "a namespace has no name"
    is_for_stdout = options.crds or options.controller or options.ci_policy or options.ci_namespace
    if options.check and is_for_stdout:
        return "--check looks at files; leave it out to print manifests"
    if not (is_for_stdout or options.root or Path(CHECKOUT_FILE).is_file()):
        return "this folder is no checkout of kelos; name one with --root, or say what to print, such as --crds"
    return ""


def _asked_for(options: argparse.Namespace) -> Iterator[Manifest]:
    """The manifests for stdout; none when files are to be written."""
    if options.crds:
        yield from build_crds()
    if options.controller:
        wanted = Installation(
            prefix=options.image_prefix,
            tag=options.image_tag,
            serves=tuple(options.serve),
            hosts_spawners=options.dedicated_spawners,
        )
        yield from build_controller(wanted)
    if options.ci_policy:
        yield from build_policy()
    for namespace in options.ci_namespace:
        yield from build_opt_in(namespace, prefix=options.image_prefix)


def stale_files(root: Path) -> Iterator[tuple[str, str | None]]:
    """Every file that differs from what is generated, with its new content; None for one that should be gone."""
    wanted = {path: content for generate in map(_generator, GENERATORS) for path, content in generate()}
    for path, content in wanted.items():
        if not (root / path).is_file() or (root / path).read_text("utf-8") != content:
            yield path, content
    for folder in OWNED_FOLDERS:
        for file in sorted((root / folder).glob("*")):
            if (path := f"{folder}/{file.name}") not in wanted:
                yield path, None


def _generator(known: Generator | str) -> Generator:
    found: Generator = resolve_name(known) if isinstance(known, str) else known
    return found


def _put(path: Path, content: str | None) -> None:
    if content is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

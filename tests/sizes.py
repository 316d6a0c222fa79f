"""How long modules and functions may be, and how many modules a package may hold. Run by `make check`."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src"
MODULE_LINES = 400
FUNCTION_LINES = 60
PACKAGE_MODULES = 12
WIDE_PACKAGES = ("cli", "agents", "kelos", "api")  # one file per command, per agent; the root; nouns


def findings(source: Path = SOURCE) -> Iterator[str]:
    for path in sorted(source.rglob("*.py")):
        text = path.read_text()
        lines = text.count("\n")
        if lines > MODULE_LINES:
            yield f"{path.relative_to(source)}: {lines} lines, the limit is {MODULE_LINES}"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    where = f"{path.relative_to(source)}:{node.lineno}"
                    yield f"{where}: {node.name} has {length} lines, the limit is {FUNCTION_LINES}"
    for package in sorted(p.parent for p in source.rglob("__init__.py")):
        modules = [p for p in package.glob("*.py") if p.name not in ("__init__.py", "__main__.py")]
        if len(modules) > PACKAGE_MODULES and package.name not in WIDE_PACKAGES:
            yield f"{package.relative_to(source)}: {len(modules)} modules, the limit is {PACKAGE_MODULES}"


def main() -> int:
    found = list(findings())
    print("\n".join(found) or "Sizes are within their limits")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

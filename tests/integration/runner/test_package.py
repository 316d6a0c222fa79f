"""The runner as one file for agent images that have nothing but a python3."""

import ast
import hashlib
import sys
import zipfile
from pathlib import Path

import pytest

import kelos
from fakes.git_server import git
from kelos.runner.pack import FILES, FOLDERS, pack
from pythons import pythons

ROOT = Path(kelos.__file__).parent
SOURCES = [ROOT / name for name in FILES] + [
    path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.py"))
]
NEWER_THAN_3_10 = {
    "StrEnum",
    "UTC",
    "ExceptionGroup",
    "TaskGroup",
    "tomllib",
    "assert_never",
    "Self",
    "batched",
    "override",
}


@pytest.fixture
def packed(pod, tmp_path, request):
    """A pod whose runner is the packed file, started without any of our paths."""
    pack(tmp_path / "runner.pyz")
    pod.runner = (getattr(request, "param", sys.executable), "-I", str(tmp_path / "runner.pyz"))
    return pod


@pytest.mark.parametrize("packed", pythons(), indirect=True)
def test_it_does_a_whole_task(host, packed):
    packed.give_token(host.password)
    packed.env["KELOS_BRANCH"] = "kelos/packed"
    packed.give_prompt("write a: b\ncommit Packed\npush\nsay done\n")

    assert 0 == packed.prepare(KELOS_REPO=host.url("team/app")).exit_code
    assert packed.launch().outcome.git.pushed
    assert "Packed" == git("log", "-1", "--format=%s", "kelos/packed", cwd=host.bare("team/app"))


def test_modules_in_the_checkout_are_not_imported(host, packed):
    """A hostile repository has a `json.py` and a `kelos/` at its root, and the agent starts there."""
    packed.give_token(host.password)
    packed.prepare(KELOS_REPO=host.url("team/app"))
    for name in ("json.py", "kelos.py", "subprocess.py"):
        (packed.checkout / name).write_text(f"open({str(packed.root / 'pwned')!r}, 'w')\n")

    assert packed.launch("say still here").outcome.is_success
    assert not (packed.root / "pwned").exists()


def test_equal_sources_make_equal_files(tmp_path):
    """Image layers stay the same when nothing changed."""
    for name in ("one", "two"):
        pack(tmp_path / name)

    one, two = (hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_source_runs_on_python_3_10(path):
    """Agent images carry the python3 of their distribution."""
    tree = ast.parse(path.read_text("utf-8"), feature_version=(3, 10))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}

    assert set() == names & NEWER_THAN_3_10


def test_it_needs_the_standard_library_only():
    """There is no pip in an agent image."""
    foreign = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            foreign |= {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names) - {"kelos"}

    assert set() == foreign


def test_another_python_reads_the_sources(packed, tmp_path):
    """Bytecode is of one version; an image may have another one than packed the file."""
    with zipfile.ZipFile(tmp_path / "runner.pyz") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    compiled = [name for name in entries if name.endswith(".pyc")]
    with zipfile.ZipFile(tmp_path / "runner.pyz", "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, b"\x00" * 16 + content[16:] if name in compiled else content)

    assert len(compiled) == len(SOURCES)
    assert packed.launch("say still here").outcome.is_success

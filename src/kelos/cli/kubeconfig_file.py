"""The kubeconfig file of `kelos up`: one per cluster that runs, gone when it ends."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType

from kelos.api.kinds import Manifest
from kelos.errors import UserError


class KubeconfigFile:
    """`kubeconfig`, or `kubeconfig-2` and so on while other clusters of this person run.

    A lock says that the cluster behind a file runs; it ends with the process, however that ends.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path: Path | None = None
        self._file = -1

    def __enter__(self) -> KubeconfigFile:
        return self

    def write(self, kubeconfig: Manifest) -> Path:
        """Where it is now, for its owner alone. Raises UserError when the folder cannot be written."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for number in count(1):
                path = self._folder / ("kubeconfig" if number == 1 else f"kubeconfig-{number}")
                if self._claim(path):
                    break
            os.ftruncate(self._file, 0)
            os.write(self._file, json.dumps(kubeconfig).encode())
        except OSError as error:
            where = f"'{error.filename or self._folder}'"
            raise UserError(
                f"The kubeconfig cannot be written to {where}: {error.strerror}; mend that folder"
            ) from None
        self._path = path
        return path

    def _claim(self, path: Path) -> bool:
        """Whether the file is ours now; False when a cluster that runs has it."""
        while True:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                return False
            with suppress(FileNotFoundError):
                if os.path.samestat(os.stat(path), os.fstat(file)):
                    os.fchmod(file, 0o600)
                    self._file = file
                    return True
            os.close(file)  # its former owner removed it while we waited: there is a new one to claim

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)

"""Creates the step's Tasks, dependencies first, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from kelos.action import submit
from kelos.action.api.client import Api
from kelos.action.api.patience import Patience
from kelos.action.chain.plan import Chain, Link
from kelos.action.news.earlier import find_earlier
from kelos.action.news.events import Broken, Created, Post
from kelos.action.news.threads import where
from kelos.api.kinds import TASK, Manifest
from kelos.errors import AlreadyExists, KelosError


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """`begin` is asked just before anything is sent for a Task; the three maps go by the Tasks' keys."""

    chain: Chain
    api: Api
    begin: Mapping[str, Callable[[], bool]]
    posts: Mapping[str, Post]
    patience: Mapping[str, Patience]

    def start(self) -> None:
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        """Post one Created for each Task, or one Broken for the first that cannot be."""
        names = self.chain.names()
        key = self.chain.links[0].key
        try:
            # A login may take long, and until then nothing needs to be ended.
            self.patience[key].insist(self.api.credentials.signature)
            if not self.chain.is_alone:
                for link in self.chain.links:
                    key = link.key
                    self._rehearse(link, names)
            for link in self.chain.links:
                key = link.key
                manifest = self.chain.build(link, names)
                if not self.begin[key]():
                    return
                task, is_new = self._obtain(key, manifest)
                names[key] = str(task["metadata"]["name"])
                self.posts[key](Created(task=task, is_new=is_new))
        except submit.Unsure as unsure:
            self.posts[key](Broken(error=unsure.error, is_unsure=True))
        except KelosError as error:
            self.posts[key](Broken(error=error))
        except Exception as error:
            fault = KelosError(f"The Action has a fault ({where(error)}): report it")
            self.posts[key](Broken(error=fault, is_unsure=True))

    def _rehearse(self, link: Link, names: Mapping[str, str]) -> None:
        """A Task the cluster would refuse is known before the first one of the chain spends anything."""
        manifest = self.chain.build(link, names)
        self.patience[link.key].insist(lambda: self._try(manifest))

    def _try(self, manifest: Manifest) -> None:
        with suppress(AlreadyExists):  # our own, from a lost answer; adopting it is decided later
            self.api.create(TASK, self.chain.namespace, manifest, dry_run=True)

    def _obtain(self, key: str, manifest: Manifest) -> tuple[Manifest, bool]:
        patience = self.patience[key]
        if self.chain.inputs.on_rerun == "adopt":
            earlier = find_earlier(self.api, self.chain.namespace, manifest, patience)
            if earlier is not None:
                return earlier, False
        return submit.submit(self.api, self.chain.namespace, manifest, patience)

"""Activities: what somebody did with a repository, under which name, where and with which code."""

from __future__ import annotations

import json
import os
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.dataset.metadata import checked_metadata
from bunter.errors import MetadataError
from bunter.values import new_id
from bunter.values.instant import now_tai_ns
from bunter.values.program import code_of_program, current_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.values import Principal

__all__ = ["Activity"]

_NAMESPACE = uuid.UUID("5f0c7d0e-6a54-5c9e-9f0b-3d1f6a2b7c11")
_KIND = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that is done and changes a repository.

    Parameters
    ----------
    id : bytes
        16 bytes; the same activity told twice is one.
    kind : str
        ``session``, ``command``, ``ingest``, ``import``, ``transfer``, ``run``, ``quantum``, or a word of one's own.
    label : str
        What whoever did it calls it.
    began : int
        When, ns TAI.
    user, host : str
        Account and machine.
    process : int
        Number of the process.
    code : str
        JSON object: versions of Bunter, Python and the program, with commits where they can be told.
    name : str
        Name of the command that runs, such as ``ingest-raws``; empty for other programs.
    command : str
        The command line.
    facts : str
        JSON object with whatever else is known: sources, URLs, a graph.
    """

    id: bytes
    kind: str
    label: str
    began: int
    user: str
    host: str
    process: int
    code: str
    name: str
    command: str
    facts: str = "{}"

    @classmethod
    def begin(
        cls, principal: Principal, label: str = "", *, kind: str, facts: Mapping[str, Any] | None = None, key: str = ""
    ) -> Activity:
        """Return an activity of this process that begins now.

        Parameters
        ----------
        principal : Principal
            Who does it.
        label : str
            Its name; that of the command, if there is one, by default.
        kind : str
            What kind of activity.
        facts : mapping, optional
            What else is known of it, as user metadata may hold it.
        key : str
            What tells it from all others, where it goes on in another process; drawn at random by default.

        Raises
        ------
        MetadataError
            If a fact is nothing that JSON knows, or the kind no word.
        """
        if not _KIND.fullmatch(kind):
            raise MetadataError(f"the kind of an activity is a word such as 'run' or 'ingest', not {kind!r}")
        name, line = current_command()
        return cls(
            uuid.uuid5(_NAMESPACE, key).bytes if key else new_id().bytes,
            kind,
            str(label) or name,
            now_tai_ns(),
            principal.user,
            principal.host,
            os.getpid(),
            json.dumps(code_of_program()),
            name,
            line,
            json.dumps(checked_metadata(facts or {}), ensure_ascii=False),
        )

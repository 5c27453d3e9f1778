"""What the scheduler's side and a worker say to each other; small values that cross a pipe as MessagePack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bunter.execution.receipt import Artifact, Receipt  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bunter.execution.receipt import Output

__all__ = ["Made", "Outcome", "Request", "decode_outcome", "decode_request", "encode", "made_from"]


class Made(msgspec.Struct, frozen=True, array_like=True):
    """A dataset that an earlier quantum made.

    Parameters
    ----------
    row : int
        Its number in the graph.
    artifact : Artifact
        Where it is stored.
    selector : str
        Where in the artifact it is.
    component : str
        Which component the artifact holds, if they are kept apart.
    others : tuple of Made
        The other components.
    """

    row: int
    artifact: Artifact
    selector: str = ""
    component: str = ""
    others: tuple[Made, ...] = ()


class Request(msgspec.Struct, frozen=True, array_like=True):
    """Run a quantum.

    Parameters
    ----------
    quantum : int
        Its number in the graph; ``-1 - i`` constructs the i-th task and writes what it has to write once.
    attempt, retry : int
        Which attempt of the job, and which try within it.
    inputs : tuple of Made
        Inputs that were made in this run.
    memory : int
        What it may use, in bytes; 0 is no limit.
    is_deprived : bool
        Whether inputs are lacking because what should have made them has failed.
    holds : tuple of int
        Outputs, by row, that are written and also kept at hand for the quantum that reads them.
    bound : tuple of int
        Outputs, by row, that are kept at hand in place of being written, if there is room.
    gets : tuple of int
        Inputs, by row, that the worker holds and that are nowhere else.
    """

    quantum: int
    attempt: int
    retry: int
    inputs: tuple[Made, ...] = ()
    memory: int = 0
    is_deprived: bool = False
    holds: tuple[int, ...] = ()
    bound: tuple[int, ...] = ()
    gets: tuple[int, ...] = ()


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """How a quantum ended in a worker, before anything of it is durable.

    Parameters
    ----------
    receipt : Receipt
        Its end and what it wrote into artifacts of its own.
    metadata, log : bytes
        JSON documents that go into an artifact shared by many quanta.
    log_text : str
        The log for people, of a failure only.
    held : tuple of int
        Outputs, by row, that were written and that the worker keeps at hand.
    """

    receipt: Receipt
    metadata: bytes = b""
    log: bytes = b""
    log_text: str = ""
    held: tuple[int, ...] = ()


def made_from(outputs: Iterable[Output], artifacts: Mapping[str, Artifact]) -> list[Made]:
    """Say what was made, one for each dataset; what is in artifacts that are not known is left out."""
    found: dict[int, Made] = {}
    for out in outputs:
        if out.nonce in artifacts:
            one = Made(out.row, artifacts[out.nonce], out.selector, out.component)
            first = found.get(out.row)
            found[out.row] = one if first is None else msgspec.structs.replace(first, others=(*first.others, one))
    return list(found.values())


_encoder = msgspec.msgpack.Encoder()
_requests = msgspec.msgpack.Decoder(Request)
_outcomes = msgspec.msgpack.Decoder(Outcome)


def encode(message: Request | Outcome) -> bytes:
    """Write a message as bytes."""
    return _encoder.encode(message)


def decode_request(body: bytes) -> Request:
    """Read a request from bytes."""
    return _requests.decode(body)


def decode_outcome(body: bytes) -> Outcome:
    """Read an outcome from bytes."""
    return _outcomes.decode(body)

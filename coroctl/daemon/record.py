"""A Record as bytes, and back. Strict: what this module would not have written itself is damaged.

Owns the format of the state file and how a tenure stands in JSON. Knows no file and no clock.
"""

from __future__ import annotations

import json
from hashlib import sha256
from itertools import pairwise
from typing import Any

from coroctl.decision.values import Record, Tenure, Weights
from coroctl.model import NodeId

FORMAT = 1
MOST = (1 << 63) - 1
MOST_NODE = (1 << 32) - 1
MOST_VOTES = (1 << 32) - 1


class Unreadable(ValueError):
    """These bytes are not what `encode` writes; the text says why."""


def encode(node: NodeId, record: Record) -> bytes:
    """One JSON document with its format, the node that it belongs to, and a sha256 over the rest of it.

    ValueError if a value is out of its range, so that nothing is ever written that cannot be read back.
    """
    data = _sealed(node, record)
    if decode(data) != (node, record):
        raise ValueError("the record has values that cannot be stored")
    return data


def decode(data: bytes) -> tuple[NodeId, Record]:
    """The node and its record. Unreadable if a single byte is not as `encode` writes it."""
    document = _parse(data)
    version = document.get("format")
    if version != FORMAT or type(version) is not int:
        raise Unreadable(f"format {version!r:.40} instead of {FORMAT}")
    try:
        node = NodeId(_integer(document["node"], 1, MOST_NODE))
        record = _record(document["record"])
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"damaged: {error}") from None
    # Byte for byte, which has the checksum compared too: a bit that flipped in a blank is as bad a sign as any.
    if _sealed(node, record) != data:
        raise Unreadable("damaged: the checksum does not fit the content")
    return node, record


def tenure_to_json(tenure: Tenure | None) -> list[int] | None:
    """[term, node, boot, nonce], or null."""
    return None if tenure is None else [tenure.term, tenure.node, tenure.boot, tenure.nonce]


def tenure_from_json(value: object) -> Tenure | None:
    """What `tenure_to_json` made. ValueError if it is anything else."""
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != len(Tenure._fields):
        raise ValueError("a tenure is not a list of four")
    term, node, boot, nonce = value
    return Tenure(
        _integer(term, 1, MOST),
        NodeId(_integer(node, 1, MOST_NODE)),
        _integer(boot, 0, MOST),
        _integer(nonce, 0, MOST),
    )


def number(value: object) -> int:
    """A counter, a time or a duration: an integer from 0 to 2**63-1. ValueError if it is anything else."""
    return _integer(value, 0, MOST)


def _sealed(node: NodeId, record: Record) -> bytes:
    body: dict[str, Any] = {
        "format": FORMAT,
        "node": node,
        "record": {
            "counter": record.counter,
            "vote": tenure_to_json(record.vote),
            "promise_us": record.promise_us,
            "given_up": tenure_to_json(record.given_up),
            "floor": record.floor,
            "lists": [[list(pair) for pair in one] for one in record.lists],
        },
    }
    checksum = sha256(_canonical(body)).hexdigest()
    return _canonical({**body, "sha256": checksum}) + b"\n"


def _canonical(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode("ascii")


def _parse(data: bytes) -> dict[str, Any]:
    if not data:
        raise Unreadable("damaged: it is empty")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise Unreadable("damaged: it is not JSON") from None
    if not isinstance(document, dict):
        raise Unreadable("damaged: it is not a JSON object")
    return document


def _record(value: dict[str, Any]) -> Record:
    return Record(
        counter=number(value["counter"]),
        vote=tenure_from_json(value["vote"]),
        promise_us=number(value["promise_us"]),
        given_up=tenure_from_json(value["given_up"]),
        floor=number(value["floor"]),
        lists=tuple(_weights(one) for one in value["lists"]),
    )


def _weights(value: list[list[int]]) -> Weights:
    pairs = tuple((NodeId(_integer(node, 1, MOST_NODE)), _integer(votes, 0, MOST_VOTES)) for node, votes in value)
    if any(left[0] >= right[0] for left, right in pairwise(pairs)):
        raise ValueError("a voter list is not in the order of its nodes")
    return pairs


def _integer(value: object, least: int, most: int) -> int:
    # type(), not isinstance(): true is an int in Python.
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{value!r:.40} is not an integer from {least} to {most}")
    return value

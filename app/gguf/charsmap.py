"""The replacement table of a Unigram vocabulary (SentencePiece's precompiled character map).

An XOR-compressed double array and the texts it points to. llama.cpp walks it while reading a
person's text and throws where it leads outside, so every way through it is followed first.
"""

from __future__ import annotations

import sys
from array import array

MAX_BYTES = 1 << 22  # those of T5 and XLM-RoBERTa have a quarter of a megabyte

_LEAF = 1 << 8
_WIDE = 1 << 9
_VALUE = 1 << 31


def charsmap_fault(data: bytes) -> str:
    """A sentence about what is wrong with the table, or "" where nothing is.

    Layout (llama-vocab.cpp, llm_tokenizer_ugm): length of the array in bytes, the array of
    32-bit entries, then texts that each end with a zero byte.
    """
    if not data:
        return ""
    if len(data) > MAX_BYTES:
        return "The character map of its vocabulary is larger than any can be."
    if len(data) < 8:
        return "The character map of its vocabulary is too short."
    array_bytes = int.from_bytes(data[:4], "little")
    if array_bytes % 4 or not array_bytes or array_bytes + 4 >= len(data):
        return "The character map of its vocabulary is cut off."
    nodes = array("I")
    nodes.frombytes(data[4 : 4 + array_bytes])
    if sys.byteorder == "big":
        nodes.byteswap()
    texts = data[4 + array_bytes :]
    if texts[-1] != 0:
        return "The character map of its vocabulary has an unfinished text."
    if _leads_outside(nodes, len(texts)):
        return "The character map of its vocabulary leads outside itself."
    return ""


def _base(node: int) -> int:
    """get_base of the runtime, for entries without the value bit."""
    return (node >> 10) << (8 if node & _WIDE else 0)


def _leads_outside(nodes: array[int], texts_bytes: int) -> bool:
    """Whether any entry that some text could reach points past the array or the texts.

    From a node with base b, the next byte c leads to b ^ c: anywhere in b's block of 256.
    """
    n_nodes = len(nodes)
    if (_base(nodes[0]) | 0xFF) >= n_nodes:
        return True
    for index, node in enumerate(nodes):
        if node & _VALUE or not node & 0xFF:
            continue
        block = index ^ _base(node)
        if (block | 0xFF) >= n_nodes:
            return True
        if node & _LEAF and nodes[block] & (_VALUE - 1) >= texts_bytes:
            return True
    return False

"""Pickles as torch writes them, read by a loop over their opcodes that calls nothing.

Python's own unpickler imports and calls what a file names. Here a name stays a name, and a call
is carried out only if it is one of a few that build tensors and dictionaries. Each opcode takes
time and memory in proportion to its bytes. The standard library's ``pickletools`` describes them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from convcli.errors import KernelError

MAX_OPCODES = 500_000  # the file of a network of a thousand tensors has 50,000
_MAX_KEY = 2**31
_BUILDERS = "torch._utils._rebuild_"  # how the names of what builds tensors begin
_READ = ("tensor_v2", "tensor_v3", "parameter", "parameter_with_state")
_NUMBERS = {ord("K"): "<B", ord("M"): "<H", ord("J"): "<i", ord("G"): ">d"}
_CONSTANTS = {ord("N"): None, 0x88: True, 0x89: False, ord(")"): ()}
# Opcodes of text and bytes, with the number of bytes that hold their length.
_TEXTS = {0x8C: 1, ord("X"): 4, 0x8D: 8, ord("U"): 1, ord("T"): 4}
_BYTES = {ord("C"): 1, ord("B"): 4, 0x8E: 8, 0x96: 8}
_LONGS = {0x8A: 1, 0x8B: 4}
_TUPLES = {0x85: 1, 0x86: 2, 0x87: 3}
_PUTS, _GETS = {ord("q"): 1, ord("r"): 4}, {ord("h"): 1, ord("j"): 4}
_SKIPPED = {0x80: 1, 0x95: 8}  # the protocol and the length of a frame
_LISTS, _DICTIONARY = (ord("]"), 0x8F), ord("}")  # a set becomes a list
_STOP = ord(".")


class Named(NamedTuple):
    """A function or a class, by its name."""

    name: str


class Opaque(NamedTuple):
    """What a call of something else would return."""

    name: str


class Storage(NamedTuple):
    """Where the numbers of tensors lie: the name of their type, and the name of a file."""

    kind: str
    key: str


class View(NamedTuple):
    """A tensor: a strided view of a storage. Nothing is checked yet."""

    storage: Any
    offset: Any
    shape: Any
    strides: Any


class Unread(NamedTuple):
    """A tensor of a kind that is not read: the kind, what makes an ordinary one, and its shape."""

    kind: str
    advice: str
    shape: Any = ()


class _Machine:
    """The stack, the marks and the memo of an unpickler."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        found = self.data[self.at : self.at + count]
        if len(found) != count:
            raise ValueError("it ends too early")
        self.at += count
        return found

    def number(self, width: int) -> int:
        """Return the next number of so many bytes."""
        return int.from_bytes(self.take(width), "little")

    def line(self) -> str:
        """Return the text up to the end of the line."""
        end = self.data.index(b"\n", self.at)
        text = self.take(end - self.at)
        self.at += 1
        return text.decode()

    def marked(self) -> list[Any]:
        """Remove and return what lies above the last mark."""
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def run(self) -> Any:
        """Return what the pickle holds."""
        for _ in range(MAX_OPCODES):
            code = self.take(1)[0]
            if code == _STOP:
                return self.stack.pop()
            if (value := self._literal(code)) is not _NONE:
                self.stack.append(value)
            elif code in _PUTS:
                self.memo[self.number(_PUTS[code])] = self.stack[-1]
            elif code in _SKIPPED:
                self.take(_SKIPPED[code])
            elif code in _ACTIONS:
                _ACTIONS[code](self)
            else:
                raise ValueError(f"its opcode {code:#x} is not known")
        raise KernelError(f"is damaged: its pickle has more than {MAX_OPCODES:,} opcodes")

    def _literal(self, code: int) -> Any:
        """Return the value that an opcode pushes, or ``_NONE``."""
        if code in _NUMBERS:
            return struct.unpack(_NUMBERS[code], self.take(struct.calcsize(_NUMBERS[code])))[0]
        if code in _CONSTANTS:
            return _CONSTANTS[code]
        if code in _TEXTS:
            return self.take(self.number(_TEXTS[code])).decode(errors="replace")
        if code in _BYTES:
            return self.take(self.number(_BYTES[code]))
        if code in _LONGS:
            return int.from_bytes(self.take(self.number(_LONGS[code])), "little", signed=True)
        if code in _GETS:
            return self.memo[self.number(_GETS[code])]
        if code in _LISTS:
            return []
        return {} if code == _DICTIONARY else _NONE

    def push_named(self) -> None:
        module, name = self.line(), self.line()
        self.stack.append(Named(f"{module}.{name}"))

    def push_stacked_name(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise TypeError("a name is no text")
        self.stack.append(Named(f"{module}.{name}"))

    def push_mark(self) -> None:
        self.marks.append(len(self.stack))

    def memoize(self) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def push_tuple(self) -> None:
        self.stack.append(tuple(self.marked()))

    def push_list(self) -> None:
        self.stack.append(self.marked())

    def push_dictionary(self) -> None:
        items = self.marked()
        self.stack.append({})
        self._set(items)

    def append(self) -> None:
        item = self.stack.pop()
        self._extend([item])

    def extend(self) -> None:
        items = self.marked()
        self._extend(items)

    def set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def set_items(self) -> None:
        items = self.marked()
        self._set(items)

    def _extend(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)

    def _set(self, items: list[Any]) -> None:
        """Set items of the dictionary on top; other keys than texts and integers name no tensor."""
        if isinstance(self.stack[-1], dict):
            for key, value in zip(items[::2], items[1::2], strict=True):
                if isinstance(key, str) or (isinstance(key, int) and 0 <= key <= _MAX_KEY):
                    self.stack[-1][key] = value

    def call(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not (isinstance(function, Named) and isinstance(arguments, tuple)):
            raise TypeError("what it calls has no name")
        self.stack.append(_result(function.name, arguments))

    def call_by_keywords(self) -> None:
        self.stack.pop()
        self.call()

    def build(self) -> None:
        """Leave the state of an object out, which is no tensor."""
        self.stack.pop()
        _ = self.stack[-1]

    def push_storage(self) -> None:
        word, named, key, *_ = self.stack.pop()
        if word != "storage" or not isinstance(named, Named) or not isinstance(key, str):
            raise TypeError("a storage is not valid")
        self.stack.append(Storage(named.name, key))

    def drop(self) -> None:
        self.stack.pop()

    def drop_marked(self) -> None:
        self.marked()


def _tuple_maker(count: int) -> Callable[[_Machine], None]:
    def push(machine: _Machine) -> None:
        items = machine.stack[-count:]
        if len(items) != count:
            raise IndexError("its stack is empty")
        del machine.stack[-count:]
        machine.stack.append(tuple(items))

    return push


_NONE = object()  # no value, where None is one
_ACTIONS: dict[int, Callable[[_Machine], None]] = {
    ord("c"): _Machine.push_named,
    0x93: _Machine.push_stacked_name,
    ord("("): _Machine.push_mark,
    0x94: _Machine.memoize,
    ord("t"): _Machine.push_tuple,
    ord("l"): _Machine.push_list,
    ord("d"): _Machine.push_dictionary,
    ord("a"): _Machine.append,
    ord("e"): _Machine.extend,
    0x90: _Machine.extend,
    0x91: _Machine.push_list,
    ord("s"): _Machine.set_item,
    ord("u"): _Machine.set_items,
    ord("R"): _Machine.call,
    0x81: _Machine.call,
    0x92: _Machine.call_by_keywords,
    ord("b"): _Machine.build,
    ord("Q"): _Machine.push_storage,
    ord("0"): _Machine.drop,
    ord("1"): _Machine.drop_marked,
    **{code: _tuple_maker(count) for code, count in _TUPLES.items()},
}


def _result(name: str, arguments: tuple[Any, ...]) -> Any:
    """Return what a call of a known function builds."""
    if unread := _unread(name, arguments):
        return unread
    match name, arguments:
        case "torch._utils._rebuild_tensor_v2", (storage, offset, shape, strides, *_):
            return View(storage, offset, shape, strides)
        case "torch._utils._rebuild_tensor_v3", (
            Storage() as storage,
            offset,
            shape,
            strides,
            _,
            _,
            Named() as kind,
            *_,
        ):
            return View(Storage(kind.name, storage.key), offset, shape, strides)
        case (
            ("torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state"),
            (
                data,
                *_,
            ),
        ):
            return data
        case "torch._tensor._rebuild_from_type_v2", (Named(own), _, tuple(items), *_) if (
            own != name
        ):  # a tensor with attributes, or of a class of its own
            return _result(own, items)
        case "torch.Size", (tuple(sides),):
            return sides
        case "collections.OrderedDict", ():
            return {}
    return Opaque(name)


def _unread(name: str, arguments: tuple[Any, ...]) -> Unread | None:
    """Return what a call builds if that is a tensor of another kind."""
    match name, arguments:
        case "torch._utils._rebuild_tensor_v2", (_, _, shape, _, _, _, {"neg": True}):
            return Unread("negated", "resolve_neg()", shape)
        case "torch._utils._rebuild_qtensor", (_, _, shape, *_):
            return Unread("quantized", "dequantize()", shape)
        case "torch._utils._rebuild_sparse_tensor", (_, tuple(parts)):
            shapes = (part for part in parts if type(part) is tuple)  # the others are tensors
            return Unread("sparse", "to_dense()", next(shapes, ()))
    if name.startswith(_BUILDERS) and name.removeprefix(_BUILDERS) not in _READ:
        return Unread(name.removeprefix(_BUILDERS), "cpu()")
    return None


def read_pickle(data: bytes) -> Any:
    """Return what a pickle holds: dictionaries, lists, tuples, numbers, texts and :class:`View`.

    Tensors of kinds that are not read become :class:`Unread`.

    Raises:
        KernelError: the pickle is damaged, or holds what no file of tensors does.
    """
    try:
        return _Machine(data).run()
    except (ValueError, TypeError, LookupError, struct.error, OverflowError) as error:
        if isinstance(error, KernelError):
            raise
        raise KernelError(
            "is damaged: its pickle cannot be read; save the weights again"
        ) from error

"""Every fault that convcli explains to its user, and how a file's name is shown in one.

A message is one line that says what is wrong and what to do about it.
"""


class ConvcliError(Exception):
    """The kind that all others are; catch it to catch every fault of convcli's own.

    ``exit_code`` is what the command line returns when the fault ends the program.
    """

    exit_code = 1


class UsageError(ConvcliError, ValueError):
    """Arguments that are wrong in themselves or make no sense together."""

    exit_code = 2


class GeometryError(UsageError):
    """Sizes, padding, stride and dilation that leave no output, or are no sizes at all."""


class KernelError(UsageError):
    """A kernel SPEC, file or matrix that cannot be understood or used."""


class ImageError(ConvcliError):
    """A file that cannot be read, held or written; its message begins with its name."""

    def __init__(self, path: object, problem: str) -> None:
        super().__init__(f"{shown(path)}: {problem}")
        self.path = path
        self.problem = problem

    def __reduce__(self) -> tuple[type["ImageError"], tuple[object, str]]:
        """Travel between processes with both arguments."""
        return type(self), (self.path, self.problem)


PictureError = ImageError  # its name in the first version


class ExistingError(ImageError):
    """A file that is there already and may not be replaced."""


class Named:
    """A block whose faults are told with a name before them: of an input, or of a layer.

    A :class:`ImageError` stays as it is, as its message begins with a name already; an empty
    name adds nothing.

    >>> with Named("photo.png"):
    ...     raise UsageError("is too small")
    Traceback (most recent call last):
    convcli.errors.UsageError: photo.png: is too small
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        """Put the name before the fault, if there is one."""
        if not self.name or isinstance(error, ImageError):
            return
        if isinstance(error, ConvcliError):
            raise type(error)(f"{self.name}: {error}") from error


def shown(path: object) -> str:
    r"""Return a file name that is safe to print on one line.

    Control characters and bytes that are not UTF-8 appear as escapes.

    >>> shown("two\nlines.png")
    'two\\nlines.png'
    """
    text = str(path)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def unforeseen(error: Exception) -> str:
    """Describe a fault that is convcli's own, in one line.

    >>> unforeseen(ZeroDivisionError("division by zero"))
    'a fault in convcli: ZeroDivisionError: division by zero (CONVCLI_DEBUG=1 shows where)'
    """
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return f"a fault in convcli: {text} (CONVCLI_DEBUG=1 shows where)"

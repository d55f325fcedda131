"""Names that are safe in a file name."""

LONGEST_NAME = 80  # bytes of UTF-8: a file name holds 255, and the image's own name comes first
UNSAFE = frozenset('/\\:*?"<>|,;=@')


def safe_name(text: str) -> str:
    r"""Return ``text`` as part of a file name: no separators, blanks or control characters.

    >>> safe_name("gaussian:5,sigma=1.2"), safe_name("../a b\n")
    ('gaussian-5-sigma-1.2', 'a-b')
    """
    kept = "".join("-" if c in UNSAFE or c.isspace() or not c.isprintable() else c for c in text)
    short = kept.strip(".-").encode()[:LONGEST_NAME].decode(errors="ignore")
    return short.strip(".-") or "custom"


def turned_name(name: str, angle: float) -> str:
    """Return the name of a kernel that ``@angle`` turned.

    >>> turned_name("sobel-x", -45)
    'sobel-x-315deg'
    """
    return f"{name}-{angle % 360:g}deg" if angle % 360 else name

"""Tables of text: aligned columns, split or shortened where they are wider than a terminal."""

import re

from convcli.teaching.text_table import Cell, TextTable, side_by_side, table_lines, unpainted


def test_columns_are_aligned_and_no_line_ends_in_a_space():
    rows = [("", "layer", "output"), ("1", "conv", "30x30"), ("", "total", "")]
    assert table_lines(rows, left=[1]) == ["   layer  output", "1  conv    30x30", "   total"]


def test_a_column_is_wrapped_to_fit_80_columns():
    rows = [("layer", "output"), ("maxpool 3x3 stride 2", "4" * 60), ("relu", "3")]
    lines = table_lines(rows, left=[0], shrink=0)
    assert lines[1:] == ["maxpool 3x3 stride  " + "4" * 60, "2", f"relu{'3':>76}"]


def test_a_column_is_shortened_to_fit_80_columns_but_keeps_8_letters():
    rows = [("layer", "output"), ("x" * 100, "30x30")]
    assert table_lines(rows, left=[0], shrink=0)[1] == "x" * 69 + "...   30x30"
    wide = [("layer", "output"), ("x" * 100, "3" * 90)]
    assert table_lines(wide, left=[0], shrink=0)[1] == f"xxxxx...  {'3' * 90}"


def test_a_table_too_wide_is_split_between_columns():
    cells = [[Cell(f"{10**9 + n}") for n in range(20)] for _ in range(2)]
    table = TextTable("wide", cells, [str(n) for n in range(20)], ["0", "1"])
    lines = side_by_side([table], unpainted)
    assert max(map(len, lines)) <= 80
    assert lines.count("wide") == 1
    assert "wide, continued" in lines
    assert sorted(re.findall(r"\d{10}", "\n".join(lines))) == sorted(
        2 * [f"{10**9 + n}" for n in range(20)]
    )

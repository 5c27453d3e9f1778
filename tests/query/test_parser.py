"""Syntax: what parses to what, and where errors point."""

from __future__ import annotations

import pytest

from bunter.errors import InvalidQueryError
from bunter.query import parse, unparse
from bunter.query import tree as t
from bunter.query.lexer import MAX_LENGTH

VISIT, BAND = t.Name("visit"), t.Name("band")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("visit = 5", t.Compare("=", VISIT, t.Number(5))),
        ("visit == 5", t.Compare("=", VISIT, t.Number(5))),
        ("visit<>5", t.Compare("!=", VISIT, t.Number(5))),
        ("visit!=-5", t.Compare("!=", VISIT, t.Unary("-", t.Number(5)))),
        ("band = 'it''s'", t.Compare("=", BAND, t.Text("it's"))),
        ("a.b.c >= .5e3", t.Compare(">=", t.Name("a.b.c"), t.Number(500.0))),
        ("visit = :v", t.Compare("=", VISIT, t.Bind("v"))),
        ("visit in (1, 2..8, 3..9:2)", t.In(VISIT, (t.Number(1), t.Range(2, 8), t.Range(3, 9, 2)))),
        ("visit in (-3..-1)", t.In(VISIT, (t.Range(-3, -1),))),
        ("visit NOT IN (1)", t.In(VISIT, (t.Number(1),), negated=True)),
        ("visit IN :v", t.In(VISIT, (t.Bind("v"),))),
        ("visit is null", t.IsNull(VISIT)),
        ("visit IS NOT NULL", t.IsNull(VISIT, negated=True)),
        ("visit between 1 and 5", t.Between(VISIT, t.Number(1), t.Number(5))),
        ("band not like 'g%'", t.Like(BAND, t.Text("g%"), negated=True)),
        ("glob(band, 'g*')", t.Call("GLOB", (BAND, t.Text("g*")))),
        ("TRUE", t.Boolean(True)),
        ("x = X'00ff'", t.Compare("=", t.Name("x"), t.Bytes(b"\x00\xff"))),
        ("a overlaps (T'1', null)", t.Overlaps(t.Name("a"), t.Pair(t.Time("1"), t.Null()))),
        ("a + b * c - d", t.Binary("-", t.Binary("+", t.Name("a"), t.Binary("*", t.Name("b"), t.Name("c"))), t.Name("d"))),
        ("a / -b % c", t.Binary("%", t.Binary("/", t.Name("a"), t.Unary("-", t.Name("b"))), t.Name("c"))),
        ("a OR b AND NOT c", t.Or((t.Name("a"), t.And((t.Name("b"), t.Not(t.Name("c"))))))),
        ("(a AND b) AND (c AND d)", t.And(tuple(map(t.Name, "abcd")))),
        ("NOT visit = 5", t.Not(t.Compare("=", VISIT, t.Number(5)))),
        ("a < 1\n\tOR\n b", t.Or((t.Compare("<", t.Name("a"), t.Number(1)), t.Name("b")))),
    ],
)  # fmt: skip
def test_text_parses_to_this_tree(text, expected):
    assert parse(text) == expected
    assert parse(unparse(expected)) == expected


@pytest.mark.parametrize("text", ["", "  ", "\n\t "])
def test_an_empty_expression_has_no_tree(text):
    assert parse(text) is None
    assert unparse(None) == ""


@pytest.mark.parametrize(
    ("text", "position", "sentence"),
    [
        ("visit = ", 7, "ends too early; a name or a value should follow"),
        ("visit = 'abc", 8, "never closed"),
        ('band = "r"', 7, "strings take single quotes"),
        ("visit = 5 & band = 1", 10, "use AND, OR, NOT"),
        ("visit = 5 $", 10, "'$' means nothing"),
        ("visit = 12abc", 8, "12abc is no number and no name"),
        ("visit = 1.5in", 8, "is no number and no name"),
        ("1 < visit < 10", 10, "comparisons do not chain"),
        ("visit NOT 5", 10, "IN, BETWEEN or LIKE after NOT should be"),
        ("visit IN 5", 9, "a list in parentheses should be"),
        ("visit IN ()", 10, "the list is empty"),
        ("visit IN (1, )", 13, "a name or a value should be"),
        ("visit IN (1 2)", 12, "',' or ')' should be"),
        ("visit IN (1.5..3)", 10, "whole numbers only"),
        ("visit IN (a..3)", 10, "whole numbers only"),
        ("(visit = 1", 0, "never closed"),
        ("visit = 1)", 9, ") is not expected here"),
        ("visit BETWEEN 1 OR 2", 16, "AND and the upper end should be"),
        ("visit IS 5", 9, "NULL after IS should be"),
        ("a OVERLAPS (1, 2, 3)", 11, "a timespan has two ends"),
        ("CIRKLE(1, 2, 3) = 1", 0, "there is no function CIRKLE; did you mean 'CIRCLE'?"),
        ("FROB(1)", 0, "there are BOX, CIRCLE"),
        ("visit = 99999999999999999999", 8, "too large"),
        ("visit = 1e999", 8, "too large"),
        ("visit = X'0g'", 8, "hexadecimal"),
        ("AND visit = 1", 0, "AND is not expected here"),
        ("visit = 5 visit = 6", 10, "visit is not expected here"),
    ],
)  # fmt: skip
def test_a_syntax_error_points_at_its_place(text, position, sentence):
    with pytest.raises(InvalidQueryError) as caught:
        parse(text)
    error = caught.value
    assert error.position == position
    message, line, caret = str(error).split("\n")
    assert sentence in message
    assert line.strip() == text.strip()
    assert caret.index("^") == position + 2


def test_the_caret_stands_under_the_right_line_of_several():
    with pytest.raises(InvalidQueryError) as caught:
        parse("visit = 5\nAND band == == 'r'\nAND detector = 1")
    _, line, caret = str(caught.value).split("\n")
    assert line.strip() == "AND band == == 'r'"
    assert line[caret.index("^") :].startswith("== 'r'")


@pytest.mark.parametrize("opening", ["(", "NOT ", "- ", "visit IN ((", "1 + ("])
def test_nesting_beyond_the_limit_is_refused(opening):
    closing = ")" * (1000 * opening.count("("))
    with pytest.raises(InvalidQueryError, match="nested more than 100 deep"):
        parse(opening * 1000 + "visit" + closing)


def test_long_sums_are_refused_but_long_lists_are_not():
    with pytest.raises(InvalidQueryError, match="nested"):
        parse("visit = " + " + ".join(["1"] * 500))
    assert len(parse(" OR ".join(["visit = 1"] * 10_000)).terms) == 10_000
    assert len(parse(f"visit IN ({','.join(['1'] * 50_000)})").items) == 50_000


def test_a_depth_of_fifty_is_no_problem():
    text = "(" * 50 + "visit = 1" + ")" * 50
    assert parse(text) == parse("visit = 1")


def test_text_beyond_the_limit_is_refused():
    with pytest.raises(InvalidQueryError, match="give long lists as a bind value"):
        parse("a" * (MAX_LENGTH + 1))


def test_of_a_long_line_only_the_part_around_the_place_is_shown():
    before, after = "visit = 1 OR " * 1000, " OR visit = 1" * 1000
    with pytest.raises(InvalidQueryError) as caught:
        parse(f"{before}visit = ={after}")
    _, line, caret = str(caught.value).split("\n")
    assert len(line) < 120
    assert line[caret.index("^") :].startswith("= OR visit")


def test_errors_survive_pickling():
    import pickle

    with pytest.raises(InvalidQueryError) as caught:
        parse("visit = ")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert (copy.text, copy.position) == (caught.value.text, caught.value.position)

"""The grammar check: what llama.cpp cannot bear is refused, what it takes is accepted."""

from __future__ import annotations

import pytest

from app.engine.grammar import MAX_CHARS, MAX_DEPTH, MAX_RULES, check_grammar
from app.foundation.errors import InvalidInput

JSON = r"""
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::=
  "{" ws (
            string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws
array  ::=
  "[" ws (
            value
    ("," ws value)*
  )? "]" ws
string ::=
  "\"" (
    [^"\\\x7F\x00-\x1F] |
    "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) # escapes
  )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
# Optional space: by convention, applied in this grammar after literal chars when allowed
ws ::= | " " | "\n" [ \t]{0,20}
"""

GOOD = [
    'root ::= "yes" | "no"',
    JSON,
    'root ::= item+\nitem ::= "- " [^\\n]+ "\\n"',
    'root ::= [a-z-]+ "]" [\\]\\[]',
    'root ::= "\\x41\\u00e9\\U0001F600" .*',
    'root ::= "a"{3} "b"{2,} "c"{0,5} ("d" "e"){1,2}',
    'root ::= (\n  "a" # a comment\n  | "b"\n)',
    'root ::= "a" |\n  "b"',
    'root ::= ""',
    "root ::= ",
    'root ::= x "a"\r\nx ::= "b" | x2\r\nx2 ::= "c"',
    'root ::= "(" root ")" | ""',
    'root ::= "a" root',
    "root ::= ws* [a]\nws ::= [ ]?",
    'root ::= "1"{2000}',
    'root ::= "1"{0,2000}',
    'root ::= ("a" | "b"){10}{10}',
    'a-b ::= "x"\nroot ::= a-b',
    'root ::= "é😀"',
]

BAD = {
    "undefined rule": "root ::= nope",
    "undefined rule in a group": 'root ::= ("a" (nope | "b"))*',
    "no root": 'main ::= "a"',
    "slip: no ::=": 'root = "a"',
    "slip: open quote": 'root ::= "a',
    "slip: open set": "root ::= [a-z",
    "slip: open bracket": 'root ::= ("a"',
    "slip: extra bracket": 'root ::= "a")',
    "slip: text after the rule": 'root ::= "a" = "b"',
    "slip: no name": '::= "a"',
    "slip: bad escape": 'root ::= "\\q"',
    "slip: short hex": 'root ::= "\\x4"',
    "slip: open escape": 'root ::= "\\',
    "slip: range without end": "root ::= [a-",
    "slip: empty set": "root ::= []",
    "slip: empty inverse set": "root ::= [^]",
    "slip: star first": "root ::= *",
    "slip: star after nothing": 'root ::= ""*',
    "slip: brace": 'root ::= "a"{x}',
    "slip: open brace": 'root ::= "a"{2',
    "left recursion": 'root ::= root "a" | "b"',
    "left recursion by another": 'root ::= a\na ::= b "x"\nb ::= a | "y"',
    "left recursion behind an empty literal": 'root ::= "" root "a" | "b"',
    "left recursion behind what may be empty": 'root ::= ws root "z" | "y"\nws ::= sp\nsp ::= " "?',
    "left recursion behind a star": 'root ::= "a"* root | "b"',
    "left recursion in a group": 'root ::= ((root "a") | "b")+',
    "left recursion of a rule nobody uses": 'root ::= "a"\nx ::= x "b"',
    "repetition too large": 'root ::= "a"{1000000000}',
    "repetition too large, above": 'root ::= "a"{0,2001}',
    "repetition of a repetition": 'root ::= "a"{100}{100}',
    "repetition of a group of rules": "root ::= (" + "(" * 20 + '"a"' + ")?" * 20 + "){200}",
    "repetition upside down": 'root ::= "a"{5,3}',
    "repetition that fills memory": 'root ::= "' + "a" * 10_000 + '"{2000}',
    "nesting": "root ::= " + "(" * 60_000 + '"a"' + ")" * 60_000,
    "nesting just past": "root ::= " + "(" * (MAX_DEPTH + 1) + '"a"' + ")" * (MAX_DEPTH + 1),
    "too many rules": "\n".join(["root ::= r0", *(f'r{i} ::= "a"' for i in range(MAX_RULES))]),
    "too long": 'root ::= "' + "a" * MAX_CHARS + '"',
    "empty": "",
    "blank": " \n\t",
    "comment only": "# nothing",
    "nul": 'root ::= "a\0b"',
    "lone surrogate": 'root ::= "\ud800"',
    "a token by number": "root ::= <[7]>",
    "a token by text": "root ::= <think>",
    "any other token": "root ::= . !<[9]>*",
    "rule defined twice": 'root ::= "a"\nroot ::= "b"',
}


@pytest.mark.parametrize("text", GOOD)
def test_sound_grammars_are_accepted(text: str) -> None:
    check_grammar(text)


@pytest.mark.parametrize("name", BAD)
def test_unbearable_grammars_are_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_grammar(BAD[name])
    assert caught.value.title.endswith(".")
    assert caught.value.detail.endswith(".") or name == "lone surrogate"


def test_the_place_is_named() -> None:
    with pytest.raises(InvalidInput, match='Line 2, column 6: the rule "item" is used'):
        check_grammar('root ::= "a" x\nx ::=item')


def test_nesting_up_to_the_limit_is_accepted() -> None:
    check_grammar("root ::= " + "(" * MAX_DEPTH + '"a"' + ")" * MAX_DEPTH)


def test_a_long_chain_of_rules_is_checked_without_recursion() -> None:
    chain = "\n".join(f"r{i} ::= r{i + 1}" for i in range(MAX_RULES - 10))
    check_grammar(f'root ::= r0\n{chain}\nr{MAX_RULES - 10} ::= "a"')

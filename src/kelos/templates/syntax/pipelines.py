"""The inside of an action: declarations, commands, operands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from kelos.templates.errors import TemplateError, failure
from kelos.templates.expressions import Call, Chain, Command, Dot, Field, Literal, Nil, Operand, Pipeline, Variable
from kelos.templates.functions import FUNCTIONS
from kelos.templates.syntax.lexer import Kind, Token
from kelos.templates.syntax.literals import BadLiteral, character, complex_number, number, unquote
from kelos.templates.syntax.tokens import Tokens

_STARTS_OPERAND = frozenset(
    {
        Kind.BOOL,
        Kind.CHARACTER,
        Kind.COMPLEX,
        Kind.DOT,
        Kind.FIELD,
        Kind.IDENTIFIER,
        Kind.NUMBER,
        Kind.NIL,
        Kind.RAW_STRING,
        Kind.STRING,
        Kind.VARIABLE,
        Kind.LEFT_PAREN,
    }
)
_CONSTANTS = {
    Kind.CHARACTER: character,
    Kind.COMPLEX: complex_number,
    Kind.NUMBER: number,
    Kind.STRING: unquote,
    Kind.RAW_STRING: unquote,
}


class PipelineParser:
    """Reads pipelines and knows which variables are declared so far."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._declared = ["$"]
        self._known = Counter(self._declared)

    def mark(self) -> int:
        """A point to come back to."""
        return len(self._declared)

    def forget(self, mark: int) -> None:
        """Drop the variables declared since the mark."""
        while len(self._declared) > mark:
            self._known[self._declared.pop()] -= 1

    @contextmanager
    def no_variables(self) -> Iterator[None]:
        """Read something that sees none of the variables so far."""
        outer = self._declared, self._known
        self._declared, self._known = ["$"], Counter(["$"])
        yield
        self._declared, self._known = outer

    def pipeline(self, context: str, end: Kind) -> Pipeline:
        """Everything up to and with the end."""
        at = self._tokens.peek_word().at
        variables, assigns = self._declarations(context)
        commands: list[Command] = []
        while True:
            token = self._tokens.next_word()
            if token.kind is end:
                break
            if token.kind not in _STARTS_OPERAND:
                raise self._tokens.unexpected(token, context)
            if commands and self._is_constant(token):
                raise self._fault(f"{token.text} is not a command, so nothing can be piped into it", token)
            self._tokens.put_back(token)
            commands.append(self._command())
        if not commands:
            raise self._fault(f"{context} needs a value", token)
        return Pipeline(at=at, commands=tuple(commands), variables=variables, assigns=assigns)

    @staticmethod
    def _is_constant(token: Token) -> bool:
        return token.kind in _CONSTANTS or token.kind in (Kind.BOOL, Kind.DOT, Kind.NIL)

    def _fault(self, message: str, token: Token) -> TemplateError:
        return failure("parse", message, self._tokens.text, token.at)

    def _declarations(self, context: str) -> tuple[tuple[str, ...], bool]:
        """`$x :=`, `$x =`, and in range `$i, $x :=`; else nothing is consumed."""
        names: list[str] = []
        while self._tokens.peek_word().kind is Kind.VARIABLE:
            variable = self._tokens.next()
            after = self._tokens.peek()
            sign = self._tokens.peek_word()
            if sign.kind in (Kind.ASSIGN, Kind.DECLARE):
                self._tokens.next()
                self._declare(names, variable)
                return tuple(names), sign.kind is Kind.ASSIGN
            if sign.kind is not Kind.OTHER or sign.text != ",":
                if after.kind is Kind.SPACE:
                    self._tokens.put_back(after)
                self._tokens.put_back(variable)
                break
            self._tokens.next()
            self._declare(names, variable)
            if context != "range" or len(names) > 1:
                raise self._fault(f"too many variables in {context}", variable)
            follower = self._tokens.peek_word()
            if follower.kind not in (Kind.VARIABLE, Kind.CLOSE, Kind.RIGHT_PAREN):
                raise self._fault("range can only declare variables", follower)
        return tuple(names), False

    def _declare(self, names: list[str], variable: Token) -> None:
        names.append(variable.text)
        self._declared.append(variable.text)
        self._known[variable.text] += 1

    def _command(self) -> Command:
        """Operands with space between them, up to a pipe, which is consumed, or an end, which is not."""
        operands: list[Operand] = []
        while True:
            self._tokens.peek_word()
            operand = self._operand()
            if operand is not None:
                operands.append(operand)
            token = self._tokens.next()
            if token.kind is Kind.SPACE:
                continue
            if token.kind in (Kind.CLOSE, Kind.RIGHT_PAREN):
                self._tokens.put_back(token)
            elif token.kind is not Kind.PIPE:
                raise self._tokens.unexpected(token, "an operand")
            return Command(word=operands[0], arguments=tuple(operands[1:]))

    def _operand(self) -> Operand | None:
        """A term and the fields behind it; None when something else is next."""
        first = self._tokens.peek_word()
        term = self._term()
        names: list[str] = []
        at = self._tokens.peek().at
        while term is not None and self._tokens.peek().kind is Kind.FIELD:
            names.append(self._tokens.next().text[1:])
        if term is None or not names:
            return term
        if isinstance(term, Field):
            return Field(at=term.at, names=(*term.names, *names))
        if isinstance(term, Variable):
            return Variable(at=term.at, name=term.name, names=tuple(names))
        if isinstance(term, Call | Pipeline):
            return Chain(at=at, inner=term, names=tuple(names))
        raise self._fault(f"unexpected .{names[0]} after {first.text}", first)

    def _term(self) -> Operand | None:
        token = self._tokens.next_word()
        kind = token.kind
        if kind is Kind.FIELD:
            return Field(at=token.at, names=(token.text[1:],))
        if kind is Kind.DOT:
            return Dot(at=token.at)
        if kind is Kind.NIL:
            return Nil(at=token.at)
        if kind is Kind.BOOL:
            return Literal(at=token.at, shown=token.text, value=token.text == "true")
        if kind in _CONSTANTS:
            return self._constant(token)
        if kind is Kind.IDENTIFIER:
            if token.text not in FUNCTIONS:
                raise self._fault(f"there is no function {token.text!r}", token)
            return Call(at=token.at, name=token.text)
        if kind is Kind.VARIABLE:
            if not self._known[token.text]:
                raise self._fault(f"undefined variable {token.text}; declare it with :=", token)
            return Variable(at=token.at, name=token.text)
        if kind is Kind.LEFT_PAREN:
            self._tokens.enter(token)
            inner = self.pipeline("parentheses", Kind.RIGHT_PAREN)
            self._tokens.leave()
            return inner
        self._tokens.put_back(token)
        return None

    def _constant(self, token: Token) -> Operand:
        try:
            return Literal(at=token.at, shown=token.text, value=_CONSTANTS[token.kind](token.text))
        except BadLiteral as error:
            raise self._fault(str(error), token) from error

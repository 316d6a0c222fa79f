"""The tokens of a template, with a look ahead and a count of what is open."""

from __future__ import annotations

from kelos.templates.errors import TemplateError, failure
from kelos.templates.syntax.lexer import Kind, Token, tokens

# Blocks and parentheses inside one another. Nobody writes more; a stack overflow needs more.
_MAX_DEPTH = 100


class Tokens:
    """A stream of tokens that can be put back."""

    __slots__ = ("_back", "_depth", "_stream", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._stream = tokens(text)
        self._back: list[Token] = []
        self._depth = 0

    def next(self) -> Token:
        """Take a token."""
        return self._back.pop() if self._back else next(self._stream)

    def put_back(self, token: Token) -> None:
        """Return a token, which will be the next one."""
        self._back.append(token)

    def peek(self) -> Token:
        """The next token, which stays."""
        if not self._back:
            self._back.append(next(self._stream))
        return self._back[-1]

    def next_word(self) -> Token:
        """Take a token that is not space."""
        token = self.next()
        while token.kind is Kind.SPACE:
            token = self.next()
        return token

    def peek_word(self) -> Token:
        """The next token that is not space, which stays; the space before it is gone."""
        token = self.next_word()
        self.put_back(token)
        return token

    def enter(self, opened: Token) -> None:
        """Count something that is open."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise failure("parse", f"nested more than {_MAX_DEPTH} deep", self.text, opened.at)

    def leave(self) -> None:
        """Count it as closed."""
        self._depth -= 1

    def unexpected(self, token: Token, where: str) -> TemplateError:
        """The error for a token that cannot stand here."""
        shown = token.text if token.kind is Kind.END_OF_TEXT else repr(token.text)
        return failure("parse", f"unexpected {shown} in {where}", self.text, token.at)

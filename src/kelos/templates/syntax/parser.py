"""Tokens to templates: one block for the text itself and one for every `define` and `block` in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kelos.templates.actions import Action, Block, CallTemplate, Choice, Leave, Leaves, Print, Range, Text
from kelos.templates.errors import TemplateError, failure
from kelos.templates.expressions import Pipeline
from kelos.templates.syntax.lexer import Kind, Token
from kelos.templates.syntax.literals import BadLiteral, unquote
from kelos.templates.syntax.pipelines import PipelineParser
from kelos.templates.syntax.tokens import Tokens

# The name of the text itself, under which it may call itself.
ROOT = "prompt"
_GO_SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


@dataclass(frozen=True, slots=True)
class _End:
    """What closed a block: `end`, or `else` with the `if` or `with` behind it."""

    word: str
    at: int
    again: str = ""


def parse_templates(text: str) -> dict[str, Block]:
    """All templates in the text, by name."""
    try:
        return _Parser(text).parse()
    except RecursionError:
        raise failure("parse", "the template is nested too deeply", text, 0) from None


class _Parser:
    """Reads tokens from left to right; a method has consumed what it answers for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = Tokens(text)
        self.pipelines = PipelineParser(self.tokens)
        self.templates: dict[str, Block] = {}
        self.ranges = 0  # open around us
        self.actions: dict[str, Callable[[Token], Action | _End]] = {
            "block": self._block_action,
            "break": self._leave,
            "continue": self._leave,
            "else": self._else,
            "end": self._end,
            "if": self._choice,
            "range": self._range,
            "template": self._template,
            "with": self._choice,
        }

    def parse(self) -> dict[str, Block]:
        root: list[Action] = []
        while self.tokens.peek().kind is not Kind.END_OF_TEXT:
            part = self._top_level()
            if isinstance(part, _End):
                raise failure("parse", f"unexpected {{{{{part.word}}}}}: no block is open here", self.text, part.at)
            if part is not None:
                root.append(part)
        self._add(ROOT, tuple(root), 0)
        return self.templates

    def _top_level(self) -> Action | _End | None:
        token = self.tokens.next()
        if token.kind is Kind.OPEN:
            word = self.tokens.peek_word()
            if word.kind is Kind.KEYWORD and word.text == "define":
                self._define(self.tokens.next_word())
                return None
        return self._part(token)

    def _part(self, token: Token) -> Action | _End:
        """Text or an action."""
        if token.kind is Kind.TEXT:
            return Text(text=token.text)
        if token.kind is not Kind.OPEN:
            raise self.tokens.unexpected(token, "the template")
        word = self.tokens.peek_word()
        if word.kind is Kind.KEYWORD and word.text in self.actions:
            return self.actions[word.text](self.tokens.next_word())
        return Print(pipeline=self.pipelines.pipeline("a command", Kind.CLOSE))

    def _block(self, opened: Token) -> tuple[Block, _End]:
        """Everything up to the `end` or `else` that belongs to us."""
        self.tokens.enter(opened)
        parts: list[Action] = []
        while True:
            token = self.tokens.next_word()
            if token.kind is Kind.END_OF_TEXT:
                raise failure("parse", f"{{{{{opened.text}}}}} has no {{{{end}}}}", self.text, opened.at)
            part = self._part(token)
            if isinstance(part, _End):
                self.tokens.leave()
                return tuple(parts), part
            parts.append(part)

    def _whole_block(self, opened: Token) -> Block:
        """A block that cannot have an `else`."""
        block, end = self._block(opened)
        if end.word != "end":
            raise failure("parse", f"unexpected {{{{else}}}} in {opened.text}", self.text, end.at)
        return block

    def _end(self, word: Token) -> _End:
        self._close(word)
        return _End("end", word.at)

    def _else(self, word: Token) -> _End:
        follower = self.tokens.peek_word()
        if follower.kind is Kind.KEYWORD and follower.text in ("if", "with"):
            return _End("else", word.at, again=follower.text)
        self._close(word)
        return _End("else", word.at)

    def _leave(self, word: Token) -> Action:
        self._close(word)
        if not self.ranges:
            raise failure("parse", f"{{{{{word.text}}}}} stands outside of {{{{range}}}}", self.text, word.at)
        return Leave(leaves=Leaves(word.text))

    def _close(self, word: Token) -> None:
        token = self.tokens.next_word()
        if token.kind is not Kind.CLOSE:
            raise self.tokens.unexpected(token, word.text)

    def _choice(self, word: Token) -> Action:
        """`if` and `with`; a chain of `else if` is one action, so that long chains are not deep."""
        mark = self.pipelines.mark()
        branches: list[tuple[Pipeline, Block]] = []
        otherwise: Block = ()
        while True:
            condition = self.pipelines.pipeline(word.text, Kind.CLOSE)
            block, end = self._block(word)
            branches.append((condition, block))
            if end.word == "else" and end.again == word.text:
                self.tokens.next_word()
                continue
            if end.word == "else":
                otherwise = self._otherwise(word)
            break
        self.pipelines.forget(mark)
        return Choice(branches=tuple(branches), otherwise=otherwise, moves_dot=word.text == "with")

    def _otherwise(self, word: Token) -> Block:
        """The block behind `else`, which ends what `word` began."""
        return self._whole_block(word)

    def _range(self, word: Token) -> Action:
        mark = self.pipelines.mark()
        pipeline = self.pipelines.pipeline(word.text, Kind.CLOSE)
        self.ranges += 1
        block, end = self._block(word)
        self.ranges -= 1
        otherwise = self._otherwise(word) if end.word == "else" else ()
        self.pipelines.forget(mark)
        return Range(pipeline=pipeline, block=block, otherwise=otherwise)

    def _template(self, word: Token) -> Action:
        name = self._name(word)
        pipeline = None
        if self.tokens.peek_word().kind is Kind.CLOSE:
            self.tokens.next_word()
        else:
            pipeline = self.pipelines.pipeline(word.text, Kind.CLOSE)
        return CallTemplate(at=word.at, name=name, pipeline=pipeline)

    def _block_action(self, word: Token) -> Action:
        """`block`: a definition and its use in one."""
        name = self._name(word)
        pipeline = self.pipelines.pipeline(word.text, Kind.CLOSE)
        self._add(name, self._own_block(word), word.at)
        return CallTemplate(at=word.at, name=name, pipeline=pipeline)

    def _define(self, word: Token) -> None:
        name = self._name(word)
        self._close(word)
        self._add(name, self._own_block(word), word.at)

    def _own_block(self, word: Token) -> Block:
        """A block that sees neither the variables nor the loops around it."""
        ranges, self.ranges = self.ranges, 0
        with self.pipelines.no_variables():
            block = self._whole_block(word)
        self.ranges = ranges
        return block

    def _name(self, word: Token) -> str:
        """The quoted name of a template."""
        token = self.tokens.next_word()
        if token.kind not in (Kind.STRING, Kind.RAW_STRING):
            raise self.tokens.unexpected(token, word.text)
        try:
            return unquote(token.text)
        except BadLiteral as error:
            raise failure("parse", str(error), self.text, token.at) from error

    def _add(self, name: str, block: Block, at: int) -> None:
        """Remember a template. One that says nothing gives way to one that does."""
        if _is_empty(self.templates.get(name, ())):
            self.templates[name] = block
        elif not _is_empty(block):
            raise self._defined_twice(name, at)

    def _defined_twice(self, name: str, at: int) -> TemplateError:
        return failure("parse", f"the template {name!r} is defined twice", self.text, at)


def _is_empty(block: Block) -> bool:
    return all(isinstance(action, Text) and not action.text.strip(_GO_SPACES) for action in block)

"""Chat formats: how messages become token ids, in training and prediction alike."""

from __future__ import annotations

from weitiao.chat.absorb import Absorbed, common_beginning
from weitiao.chat.chatglm3 import ChatGLM3Format
from weitiao.chat.html import show_html
from weitiao.chat.making import make_format, restore_format
from weitiao.chat.plain import PlainFormat
from weitiao.chat.protocols import ChatFormat, Piece, Tokenizer
from weitiao.chat.roles import RolesFormat
from weitiao.chat.rounds import ChatGLM2Format, ChatGLMFormat
from weitiao.chat.show import show, show_plain
from weitiao.chat.template import TemplateFormat

__all__ = [
    "Absorbed",
    "ChatFormat",
    "ChatGLM2Format",
    "ChatGLM3Format",
    "ChatGLMFormat",
    "Piece",
    "PlainFormat",
    "RolesFormat",
    "TemplateFormat",
    "Tokenizer",
    "common_beginning",
    "make_format",
    "restore_format",
    "show",
    "show_html",
    "show_plain",
]

"""Section ``format``: how messages become text."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from weitiao.config.section import Section


class PlainFormat(Section):
    """Prompt and response as bare text, for bases without a chat format."""

    kind: Literal["plain"] = "plain"
    separator: str = Field(default="\n", description="Text between the turns and in front of the response.")


class TemplateFormat(Section):
    """The chat template of the tokenizer."""

    kind: Literal["template"] = "template"


class RolePrefixes(Section):
    """What stands in front of each kind of turn."""

    system: str = Field(default="system: ", description="In front of a system message.")
    tools: str = Field(default="tools: ", description="In front of the schemas of the functions, as JSON.")
    user: str = Field(default="user: ", description="In front of the user's text.")
    assistant: str = Field(
        default="assistant: ", min_length=1, description="In front of a reply; the model writes it."
    )
    tool_call: str = Field(
        default="{name}: ",
        min_length=1,
        description="In front of the JSON of a call; the model writes it. {name}: the function; without it "
        "the JSON holds name and arguments.",
    )
    tool: str = Field(default="return: ", description="In front of what a function found.")


class RolesFormat(Section):
    """Free prefixes for bases without a chat format; the model writes the prefix of its own turn."""

    kind: Literal["roles"] = "roles"
    prefixes: RolePrefixes = Field(default_factory=RolePrefixes, description="In front of the turns.")
    round: str = Field(
        default="[Round {n}]\n", description="In front of the user's turn, {n} counts from 1; empty: nothing."
    )
    separator: str = Field(default="\n", description="Text behind every turn.")


class ChatGLMFormat(Section):
    """ChatGLM-6B's rounds; the prompt sees itself in both directions."""

    kind: Literal["chatglm"] = "chatglm"


class ChatGLM2Format(Section):
    """ChatGLM2-6B's rounds."""

    kind: Literal["chatglm2"] = "chatglm2"
    history: Literal["text", "pieces"] = Field(
        default="text",
        description="Earlier rounds: text (one text, as the original; only the last answer can be trained) or "
        "pieces (answers as they were generated, each with its end token; all can be trained).",
    )


class ChatGLM3Format(Section):
    """ChatGLM3-6B's role tokens and function calls."""

    kind: Literal["chatglm3"] = "chatglm3"
    calls: Literal["python", "json"] = Field(
        default="python",
        description="Arguments of a call: python (a code block tool_call(k='v'), the original) or json.",
    )


FormatConfig = Annotated[
    PlainFormat | TemplateFormat | RolesFormat | ChatGLMFormat | ChatGLM2Format | ChatGLM3Format,
    Field(discriminator="kind"),
]

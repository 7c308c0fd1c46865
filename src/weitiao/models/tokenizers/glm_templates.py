"""Chat templates of ChatGLM2 and ChatGLM3 for tools that know nothing of them but jinja.

Their tokens equal those of the original chat functions. In ChatGLM3 every part of a message is encoded on its own, so
each begins with SentencePiece's space; within one text this is a space in front of the content.
"""

from __future__ import annotations

_CHATGLM2 = """\
{{- '[gMASK]sop' -}}
{%- set round = namespace(number=0) -%}
{%- for message in messages -%}
{%- if message['role'] == 'user' -%}
{%- set round.number = round.number + 1 -%}
{{- ('' if loop.first else '\\n\\n') ~ '[Round ' ~ round.number ~ ']\\n\\n问：' ~ message['content'] ~ '\\n\\n答：' -}}
{%- elif message['role'] == 'assistant' -%}
{{- message['content'] -}}
{%- else -%}
{{- raise_exception('ChatGLM2 knows the roles user and assistant, not ' ~ message['role']) -}}
{%- endif -%}
{%- endfor -%}"""

_CHATGLM3 = """\
{%- macro say(role, metadata, content) -%}
{{- '<|' ~ role ~ '|>' ~ metadata ~ '\\n' ~ (' ' ~ content if content else '') -}}
{%- endmacro -%}
{{- '[gMASK]sop' -}}
{%- set listed = '\\n' ~ (tools | tojson(indent=4)) if tools else '' -%}
{%- if listed and messages[0]['role'] != 'system' -%}
{%- set task = 'Answer the following questions as best as you can. You have access to the following tools:' -%}
{{- say('system', '', task ~ listed) -}}
{%- endif -%}
{%- for message in messages -%}
{%- if message['tool_calls'] -%}
{{- raise_exception('write the call as content, with the name of the function as metadata') -}}
{%- endif -%}
{%- set role = 'observation' if message['role'] == 'tool' else message['role'] -%}
{%- set own = '\\n' ~ (message['tools'] | tojson(indent=4)) if message['tools'] else '' -%}
{%- set shown = own or (listed if loop.first and role == 'system' else '') -%}
{{- say(role, message['metadata'] or '', message['content'] ~ shown) -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"""

CHAT_TEMPLATES: dict[str, str] = {"chatglm2": _CHATGLM2, "chatglm3": _CHATGLM3}
"""Template by version; ChatGLM2's always ends where a reply begins."""

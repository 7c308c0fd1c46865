"""ChatGLM-6B, the first release: our own port, as a model of transformers.

Importing this package registers ``model_type: chatglm1`` and its tokenizer with transformers' Auto classes, so that
folders written by ``save_pretrained`` open with `AutoModelForCausalLM` and `AutoTokenizer`. Official folders are opened
with `load`.
"""

from __future__ import annotations

from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

from weitiao.models.chatglm1.configuration import ChatGLM1Config, config_of
from weitiao.models.chatglm1.loading import load
from weitiao.models.chatglm1.modelling import ChatGLM1ForCausalLM, ChatGLM1Model, ChatGLM1PreTrainedModel
from weitiao.models.chatglm1.positions import ChatGLM1Positions
from weitiao.models.tokenizers import register

__all__ = [
    "ChatGLM1Config",
    "ChatGLM1ForCausalLM",
    "ChatGLM1Model",
    "ChatGLM1Positions",
    "ChatGLM1PreTrainedModel",
    "config_of",
    "load",
]

AutoConfig.register(ChatGLM1Config.model_type, ChatGLM1Config, exist_ok=True)
AutoModel.register(ChatGLM1Config, ChatGLM1Model, exist_ok=True)
AutoModelForCausalLM.register(ChatGLM1Config, ChatGLM1ForCausalLM, exist_ok=True)
register()  # the tokenizer, so that one import opens a whole folder

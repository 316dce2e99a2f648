"""Gradio, which is an extra, or a sentence that says how to install it."""

from __future__ import annotations

try:
    import gradio as gr
except ModuleNotFoundError as error:
    if error.name != "gradio":
        raise
    raise ModuleNotFoundError(
        "the web page needs gradio, which is not installed; install it with "
        "pip install 'mmris[web]'"
    ) from None

__all__ = ["gr"]

"""How requests are refused, and how the page is served.

Needs gradio, the extra ``web``.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._gradio import gr
from .limits import Limits, RefusedError
from .style import CSS, FIXED_FONTS, FONTS

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOG = logging.getLogger("mmris.web")


class RefusingBlocks(gr.Blocks):
    """A page whose log has a line, not a traceback, for what Gradio itself refuses.

    That is what no person at the page sends: a file of this server instead of an
    uploaded one, or a choice that is not offered.
    """

    async def preprocess_data(
        self,
        block_fn: Any,
        inputs: list[Any],
        state: Any,
        explicit_call: bool = False,
    ) -> list[Any]:
        """Check what was sent; see Gradio's."""
        # A program that asks the endpoint knows nothing of what a session keeps, which
        # comes last.
        missing = block_fn.inputs[len(inputs) :]
        if all(isinstance(part, gr.State) for part in missing):
            inputs = [*inputs, *[None] * len(missing)]
        try:
            checked: list[Any] = await super().preprocess_data(
                block_fn, inputs, state, explicit_call
            )
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            _LOG.warning("refused a request: %s", reason)
            raise _polite(
                "This was not sent by the page. Please upload a picture and choose "
                "among what is offered."
            ) from None
        return checked


def _polite(message: str) -> gr.Error:
    return gr.Error(message, duration=15, title="Not this way", print_exception=False)


@contextmanager
def politely() -> Iterator[None]:
    """Say what is refused, and nothing about what went wrong otherwise.

    Raises:
        gr.Error: Anything is raised inside; the page shows the message.
    """
    try:
        yield
    except RefusedError as refusal:
        raise _polite(str(refusal)) from None
    except Exception:
        _LOG.exception("a request failed")
        raise _polite(
            "Something went wrong here. Please try another picture or other words."
        ) from None


def client_of(request: gr.Request | None) -> str:
    """Address of who asks.

    Args:
        request: The request, None without one.
    """
    host: str = request.client.host if request and request.client else "unknown"
    return host


def launch(
    page: gr.Blocks, limits: Limits, *, host: str, port: int | None, block: bool = True
) -> str:
    """Serve the page.

    Args:
        page: The page.
        limits: What one request may ask for.
        host: Name or address that it answers at; ``"0.0.0.0"`` for other machines.
        port: None takes the first free one from 7860 on.
        block: Whether to serve until Ctrl-C.

    Returns:
        The address.
    """
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.blue,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_lg,
        font=list(FONTS),
        font_mono=list(FIXED_FONTS),
    )
    _, address, _ = page.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=not block,
        quiet=True,
        share=False,
        show_error=True,
        max_file_size=limits.megabytes * 1_000_000,
        state_session_capacity=limits.sessions,
        max_threads=8,
        enable_monitoring=False,
        ssr_mode=False,
        footer_links=[],
        theme=theme,
        css=CSS,
    )
    return str(address)

"""Compiles the tensor parts of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from mmris.engine.compilation import compile_parts
from mmris.registry import HOOKS

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class CompileHook(Hook):
    """Runs ``torch.compile`` on what a segmentor does with tensors.

    Compiled are the image part, the text encoder behind its tokenizer, and all that
    depends on words: ``encode_image``, ``text_encoder.encode`` and ``decode_text``.
    What handles strings and samples is not: a compiled function is made anew when a
    string changes, so that MMEngine's own switch, which compiles a whole training step,
    compiles for every batch until it gives up.

    ``compile=True`` or ``compile=dict(mode=...)`` at the top of a config puts this hook
    in. A batch of another size compiles once more; sizes that changed once are
    variables from then on. Masks are those of the model that is not compiled, up to
    rounding.

    Args:
        backend: What compiles.
        mode: Of ``torch.compile``, such as ``"max-autotune"``; None for its default.
        dynamic: Whether sizes are variables from the start; None for those that have
            changed.
        fullgraph: Whether it is an error if a part cannot be compiled whole.
        options: For the backend.
    """

    def __init__(
        self,
        *,
        backend: str = "inductor",
        mode: str | None = None,
        dynamic: bool | None = None,
        fullgraph: bool = False,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.settings: dict[str, Any] = {
            "backend": backend,
            "mode": mode,
            "dynamic": dynamic,
            "fullgraph": fullgraph,
            "options": options,
        }
        self._is_done = False

    def before_train(self, runner: Runner) -> None:
        """Compile, unless it was done.

        Args:
            runner: The runner.
        """
        self._compile(runner)

    def before_val(self, runner: Runner) -> None:
        """Compile, unless it was done.

        Args:
            runner: The runner.
        """
        self._compile(runner)

    def before_test(self, runner: Runner) -> None:
        """Compile, unless it was done.

        Args:
            runner: The runner.
        """
        self._compile(runner)

    def _compile(self, runner: Runner) -> None:
        if self._is_done:
            return
        self._is_done = True
        model: Any = runner.model
        if is_model_wrapper(model):
            model = model.module
        compile_parts(model, self.settings)
        runner.logger.info(
            "The model is compiled while it runs: the first batches take minutes."
        )

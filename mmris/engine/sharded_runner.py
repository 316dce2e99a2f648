"""MMEngine's Runner for models whose parameters are sharded."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mmengine.dist import all_gather_object, is_main_process
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from torch import nn

from mmris.registry import RUNNERS

from .hooks import CompileHook
from .sharded_model import ShardedModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mmengine.config import Config
    from torch.utils.data import DataLoader


@RUNNERS.register_module()
class ShardedRunner(Runner):
    """Shards the model before its first batch and writes whole checkpoints.

    Weights are initialised and checkpoints loaded as without shards; then model,
    optimizer and averaged weights are sharded. To save, all processes gather them, and
    the main one writes a file that does not differ from that of an unsharded model.
    """

    @classmethod
    def from_cfg(cls, cfg: Config) -> ShardedRunner:
        """Build the runner.

        Args:
            cfg: The config.

        Raises:
            ValueError: The config asks for what does not go with sharded parameters.
        """
        runner: ShardedRunner = super().from_cfg(cfg)
        if any(isinstance(hook, CompileHook) for hook in runner.hooks):
            raise ValueError(
                "compile and model_wrapper_cfg.type='ShardedModel' are both set, which "
                "do not work together; set compile=None or leave model_wrapper_cfg out"
            )
        return runner

    def build_optim_wrapper(self, optim_wrapper: Any) -> OptimWrapper:
        """Build the optimizer.

        Args:
            optim_wrapper: Its config, or the optimizer.

        Raises:
            ValueError: There are several.
        """
        built = super().build_optim_wrapper(optim_wrapper)
        if isinstance(built, OptimWrapperDict):
            raise ValueError(
                "optim_wrapper has several optimizers, and model_wrapper_cfg.type="
                "'ShardedModel' shards one; use one, or leave model_wrapper_cfg out"
            )
        return built

    def build_val_loop(self, loop: Any) -> Any:
        """Build the validation.

        Args:
            loop: Its config.

        Raises:
            ValueError: Some processes validate longer than others.
        """
        built = super().build_val_loop(loop)
        _check_lengths(built.dataloader, "val_dataloader")
        return built

    def build_test_loop(self, loop: Any) -> Any:
        """Build the test.

        Args:
            loop: Its config.

        Raises:
            ValueError: Some processes test longer than others.
        """
        built = super().build_test_loop(loop)
        _check_lengths(built.dataloader, "test_dataloader")
        return built

    def load_or_resume(self) -> None:
        """Load the checkpoint, if there is one, and shard."""
        super().load_or_resume()
        if not isinstance(self.model, ShardedModel):
            return
        from . import sharded_state  # noqa: PLC0415  # takes a second, needs torch 2.6

        wrapper: Any = self.optim_wrapper
        is_built = isinstance(wrapper, OptimWrapper)  # it is not for a test
        if not self.model.is_sharded:
            sharded = self.model.shard()
            for averaged in self._averaged_models():
                sharded_state.shard_average(averaged, self.model.module)
            if is_built:
                sharded_state.shard_optimizer(wrapper.optimizer, sharded)
        if is_built:
            wrapper.optimizer.register_step_pre_hook(
                lambda *_: self.model.drop_unused_gradients()
            )
            if getattr(wrapper, "clip_func", None) is nn.utils.clip_grad_norm_:
                wrapper.clip_func = sharded_state.clip_by_norm

    def save_checkpoint(
        self,
        out_dir: str,
        filename: str,
        file_client_args: dict[str, Any] | None = None,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        meta: dict[str, Any] | None = None,
        by_epoch: bool = True,
        backend_args: dict[str, Any] | None = None,
    ) -> None:
        """Gather the states and let the main process write them.

        Args:
            out_dir: Folder.
            filename: Name in it.
            file_client_args: As in MMEngine.
            save_optimizer: Whether the optimizer's state is in it.
            save_param_scheduler: Whether the state of the learning rates is in it.
            meta: What else is said about it.
            by_epoch: Whether training counts epochs.
            backend_args: As in MMEngine.
        """
        from .sharded_state import gather_state  # noqa: PLC0415  # needs torch 2.6

        owners = [self.model.module, *self._averaged_models()]
        if save_optimizer:
            owners.append(self.optim_wrapper)
        states = [gather_state(owner.state_dict()) for owner in owners]
        if not is_main_process():
            return
        with _answers(owners, states):
            super().save_checkpoint(
                out_dir,
                filename,
                file_client_args=file_client_args,
                save_optimizer=save_optimizer,
                save_param_scheduler=save_param_scheduler,
                meta=meta,
                by_epoch=by_epoch,
                backend_args=backend_args,
            )

    def _averaged_models(self) -> list[Any]:
        found = [getattr(hook, "ema_model", None) for hook in self.hooks]
        return [model for model in found if model is not None]


@contextmanager
def _answers(owners: Sequence[Any], states: Sequence[dict[str, Any]]) -> Iterator[None]:
    """Let objects answer a question for their state with one that is known."""
    for owner, state in zip(owners, states, strict=True):
        owner.state_dict = lambda state=state: state
    try:
        yield
    finally:
        for owner in owners:
            del owner.state_dict


def _check_lengths(loader: DataLoader[Any], key: str) -> None:
    """See that all processes have as many batches, for each gathers the model."""
    lengths = all_gather_object(len(loader))
    if len(set(lengths)) > 1:
        raise ValueError(
            f"{key}.sampler deals the processes {lengths} batches, which must be as "
            "many for all with model_wrapper_cfg.type='ShardedModel'; set "
            f"{key}.sampler.round_up=True"
        )

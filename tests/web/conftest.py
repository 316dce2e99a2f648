from tests.apis.conftest import checkpoint, config

__all__ = ["checkpoint", "config"]

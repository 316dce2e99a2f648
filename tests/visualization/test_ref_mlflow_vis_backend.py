from types import SimpleNamespace

import numpy as np

from mmris.visualization import RefMLflowVisBackend


def test_pictures_get_a_name_with_an_ending(tmp_path):
    logged = []
    backend = RefMLflowVisBackend(save_dir=str(tmp_path))
    backend._env_initialized = True
    backend._mlflow = SimpleNamespace(log_image=lambda image, name: logged.append(name))
    backend.add_image("val_3_0", np.zeros((2, 2, 3), dtype=np.uint8), step=500)
    assert logged == ["val_3_0_500.png"]

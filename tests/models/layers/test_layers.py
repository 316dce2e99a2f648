import torch

from mmris.models.layers import coordinate_map, resize_to


def test_coordinates_follow_the_formula_at_a_non_square_size():
    height, width = 3, 5
    coordinates = coordinate_map(height, width, dtype=torch.float64)
    for h in range(height):
        for w in range(width):
            expected = [
                2 * w / width - 1,
                2 * h / height - 1,
                2 * (w + 1) / width - 1,
                2 * (h + 1) / height - 1,
                (2 * w + 1) / width - 1,
                (2 * h + 1) / height - 1,
                1 / width,
                1 / height,
            ]
            torch.testing.assert_close(
                coordinates[:, h, w], torch.tensor(expected, dtype=torch.float64)
            )


def test_resize_leaves_a_map_of_the_right_size_alone():
    maps = torch.rand(2, 3, 4, 7)
    assert resize_to(maps, (4, 7)) is maps


def test_resize_keeps_ramps_straight():
    ramp = torch.arange(8.0)[None, None, None].expand(1, 1, 4, 8)
    resized = resize_to(ramp, (9, 32))
    # Half-pixel centres: output column c shows input position (c + 0.5) / 4 - 0.5.
    expected = (torch.arange(32.0) + 0.5) / 4 - 0.5
    torch.testing.assert_close(resized[0, 0, 4, 2:-2], expected[2:-2])

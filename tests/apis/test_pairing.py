import numpy as np
import pytest

from mmris.apis.pairing import pair


@pytest.mark.parametrize("listed", [list, tuple])
def test_the_four_rules(listed):
    assert pair("a.jpg", "x") == [("a.jpg", ["x"])]
    assert pair("a.jpg", listed(["x", "y"])) == [("a.jpg", ["x", "y"])]
    assert pair(listed(["a", "b"]), "x") == [("a", ["x"]), ("b", ["x"])]
    nested = listed([listed(["x", "y"]), listed(["z"])])
    assert pair(listed(["a", "b"]), nested) == [("a", ["x", "y"]), ("b", ["z"])]


def test_no_image_gives_nothing():
    assert pair([], "x") == []
    assert pair([], []) == []


def test_pictures_do_not_share_a_list():
    (_, first), (_, second) = pair(["a", "b"], "x")
    first.append("y")
    assert second == ["x"]


@pytest.mark.parametrize(
    ("images", "expressions", "error", "message"),
    [
        (["a", "b"], ["x", "y"], ValueError, "flat list for a list of 2 images.*ambig"),
        (["a", "b"], ["x"], ValueError, "ambiguous"),
        (["a"], ["x"], ValueError, "ambiguous"),
        (["a", "b"], [["x"], "y"], ValueError, "ambiguous"),
        (["a", "b"], [["x"]], ValueError, "has 1 lists for 2 images"),
        ("a", [["x"]], ValueError, "list of lists for one image"),
        ("a", [], ValueError, "expressions is empty"),
        (["a"], [[]], ValueError, r"expressions\[0\] is empty"),
        ("a", " ", ValueError, "expressions: sentence 1 of 1 is blank"),
        (["a", "b"], " ", ValueError, "expressions: sentence 1 of 1 is blank"),
        (["a", "b"], [["x"], ["y", ""]], ValueError, r"expressions\[1\]: sentence 2"),
        ("a", ["x", 3], TypeError, "sentence 2 of 2 is 3, of type int"),
        ("a", None, TypeError, "expressions is of type NoneType"),
        (["a"], 5, TypeError, "expressions is of type int"),
        ("x", np.zeros((2, 2)), TypeError, "of type ndarray.*the image comes first"),
    ],
)
def test_messages(images, expressions, error, message):
    with pytest.raises(error, match=message):
        pair(images, expressions)

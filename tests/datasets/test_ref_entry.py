"""Entries are checked field by field."""

from __future__ import annotations

import pytest

from mmris.datasets.ref_entry import parse_ref_entry

WHERE = "a.jsonl, line 7"
PLAIN = {"image": "a.jpg", "mask": [[1, 2, 3, 4, 5, 6]], "sentences": ["red", "left"]}


def test_a_plain_entry():
    entry = parse_ref_entry(PLAIN, WHERE)
    assert (entry.where, entry.image, entry.mask) == (WHERE, "a.jpg", PLAIN["mask"])
    assert entry.sentences == ("red", "left")
    assert (entry.kind, entry.category) == ("", "")
    for name in ("mask_value", "split", "image_id", "ref_id", "sent_ids"):
        assert getattr(entry, name) is None


def test_every_optional_field():
    more = {
        "split": "val",
        "kind": "place",
        "category": "cup",
        "image_id": 5,
        "ref_id": 0,
        "sent_ids": [8, 9],
    }
    entry = parse_ref_entry({**PLAIN, **more}, WHERE)
    assert {name: getattr(entry, name) for name in more} == {**more, "sent_ids": (8, 9)}


def test_one_sentence_needs_no_list_and_null_is_nothing():
    entry = parse_ref_entry({**PLAIN, "sentences": " a  cup\t", "kind": None}, WHERE)
    assert entry.sentences == (" a  cup\t",)
    assert entry.kind == ""


def test_masks_of_all_forms():
    for mask in ({"size": [1, 1], "counts": "01"}, "a.png", PLAIN["mask"]):
        assert parse_ref_entry({**PLAIN, "mask": mask}, WHERE).mask == mask
    entry = parse_ref_entry({**PLAIN, "mask": "a.png", "mask_value": 0}, WHERE)
    assert entry.mask_value == 0


def test_sentences_about_nothing_need_no_mask():
    about_nothing = {"image": "a.jpg", "sentences": "a cup", "no_target": True}
    assert parse_ref_entry(about_nothing, WHERE).mask is None
    assert parse_ref_entry({**PLAIN, "no_target": False}, WHERE).mask == PLAIN["mask"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"no_target": True}, "has 'no_target' and a 'mask'. Remove the one that"),
        ({"mask": None, "no_target": False}, "has no 'mask'; write polygons"),
        ({"no_target": 1}, "'no_target' is 1; expected true if the sentences are"),
        (
            {"mask": None, "no_target": True, "mask_value": 3},
            "has 'mask_value', but its 'mask' is no path",
        ),
        ({"sentense": "x"}, r"unknown key 'sentense'; did you mean 'sentences'\? The"),
        ({"Mask": []}, r"unknown key 'Mask'; did you mean 'mask'\?"),
        ({"expression": "x"}, r"unknown key 'expression'; did you mean 'sentences'\?"),
        ({"segmentation": []}, r"unknown key 'segmentation'; did you mean 'mask'\?"),
        ({"file_name": "x"}, r"unknown key 'file_name'; did you mean 'image'\?"),
        ({"colour": 3}, r"unknown key 'colour'\. The keys are image, mask, sentences"),
        ({"image": None}, r"has no 'image'; write the path of the picture below"),
        (
            {"mask": None},
            r"has no 'mask'; write polygons \[\[x0, .* or the path of a P",
        ),
        ({"sentences": None}, r"has no 'sentences'; write a sentence or a list of"),
        ({"image": 3}, r": 'image' is 3; expected the path of the picture"),
        ({"image": "  "}, r": 'image' is empty; write the path"),
        ({"mask": 3.5}, r": 'mask' is 3\.5; expected polygons"),
        ({"mask": True}, r": 'mask' is True; expected polygons"),
        ({"sentences": 3}, r": 'sentences' is 3; expected a sentence or a list"),
        ({"sentences": []}, r": 'sentences' is empty\. Write at least one sentence"),
        ({"sentences": ""}, r": sentence 0 .* is '', which names nothing\. Write a"),
        ({"sentences": ["a", " \t"]}, r": sentence 1 \(the first is 0\) is ' .t', whi"),
        ({"sentences": ["a", 3]}, r": sentence 1 .* is 3; expected text"),
        ({"split": 3}, r": 'split' is 3; expected the name of a split, such as"),
        ({"kind": ["a"]}, r": 'kind' is \['a'\]; expected the name of a group"),
        ({"category": 3}, r": 'category' is 3; expected the name of a category"),
        ({"image_id": "3"}, r": 'image_id' is '3'; expected a whole number, another"),
        ({"ref_id": 1.0}, r": 'ref_id' is 1\.0; expected a whole number, another"),
        ({"ref_id": True}, r": 'ref_id' is True; expected a whole number"),
        ({"sent_ids": 3}, r": 'sent_ids' is 3; expected a list of whole numbers"),
        ({"sent_ids": [3]}, r": 'sent_ids' is \[3\]; expected a list of 2 whole num"),
        ({"sent_ids": [3, "4"]}, r": 'sent_ids' is \[3, '4'\]; expected a list of 2"),
        ({"mask_value": 3}, r"has 'mask_value', but its 'mask' is no path of a PNG"),
        (
            {"mask": "a.png", "mask_value": -1},
            r": 'mask_value' is -1; expected the value .* 0 or more",
        ),
        ({"mask": "a.png", "mask_value": "3"}, r": 'mask_value' is '3'; expected the"),
    ],
)
def test_mistakes_name_place_key_value_and_remedy(change, message):
    with pytest.raises(ValueError, match=rf"a\.jsonl, line 7.*{message}"):
        parse_ref_entry({**PLAIN, **change}, WHERE)


@pytest.mark.parametrize("value", [3, [PLAIN], "text", None])
def test_an_entry_is_a_dictionary(value):
    message = (
        r"line 7 is .*; expected a dictionary with the keys image, mask, sentences"
    )
    with pytest.raises(ValueError, match=message):
        parse_ref_entry(value, WHERE)

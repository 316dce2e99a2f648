import pytest

from mmris.models.text_encoders.sentence_checks import check_sentences


def test_sentences_pass():
    check_sentences(["the red circle", "?"])
    check_sentences(("left",))
    check_sentences([])


def test_what_is_no_list_of_sentences():
    with pytest.raises(TypeError, match="got the string 'red' where a list of sent"):
        check_sentences("red")
    with pytest.raises(TypeError, match="sentence 2 of 3 is None, of type NoneType"):
        check_sentences(["red", None, "blue"])
    with pytest.raises(ValueError, match=r"sentence 1 of 1 is blank \(' \\t'\)"):
        check_sentences([" \t"])

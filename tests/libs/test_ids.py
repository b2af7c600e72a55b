from libs.ids import id_of, is_id, new_id, uuid7


def test_ids_are_version_7_and_grow_with_time() -> None:
    made = [uuid7() for _ in range(2000)]
    assert {identifier.version for identifier in made} == {7}
    assert {identifier.variant for identifier in made} == {"specified in RFC 4122"}
    milliseconds = [identifier.int >> 80 for identifier in made]
    assert milliseconds == sorted(milliseconds)
    assert len(set(made)) == len(made)


def test_an_id_says_what_it_is() -> None:
    identifier = new_id("ord")
    assert identifier.startswith("ord_")
    assert is_id(identifier, "ord")
    assert not is_id(identifier, "pay")


def test_a_string_that_only_looks_like_an_id_is_refused() -> None:
    for value in ("ord_", "ord_xyz", "ord_" + "g" * 32, "ord_" + "A" * 32, "ord_" + "a" * 33, ""):
        assert not is_id(value, "ord")


def test_the_same_parts_have_the_same_id_and_no_others_do() -> None:
    assert id_of("pay", "a", "b") == id_of("pay", "a", "b")
    assert is_id(id_of("pay", "a", "b"), "pay")
    assert len({id_of("pay", *parts) for parts in (("a", "b"), ("ab",), ("ab", ""), ("é",))}) == 4

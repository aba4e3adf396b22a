"""Values of params.yaml in Optuna's terms, and back."""

from pipelines.config.sweeps import NumericRange
from pipelines.sweeps import space as spaces

SPACE = {
    "units": NumericRange(8, 64, False, 8, True),
    "rate": NumericRange(0.001, 0.1, True, None, False),
    "dropout": NumericRange(0.0, 0.6, False, 0.2, False),
    "hidden": ([16], [16, 16]),
    "weights": ("balanced", None),
}
VALUES = {"units": 16, "rate": 0.01, "dropout": 0.2, "hidden": (16, 16), "weights": None}


def test_values_are_encoded_and_decoded():
    drawn = spaces.encode(SPACE, VALUES)
    assert drawn == {"units": 16, "rate": 0.01, "dropout": 0.2, "hidden": 1, "weights": 1}
    assert spaces.decode(SPACE, drawn) == VALUES | {"hidden": [16, 16]}


def test_values_outside_the_space_are_none_of_its_own():
    for change in ({"units": 12}, {"rate": 0.2}, {"rate": None}, {"hidden": (8,)}):
        assert spaces.encode(SPACE, VALUES | change) is None


def test_numbers_have_few_digits_and_stay_in_their_range():
    drawn = {"units": 16, "rate": 0.0123456789, "dropout": 0.6000000000000001, "hidden": 0}
    rounded = spaces.rounded(SPACE, drawn)
    assert rounded == {"units": 16, "rate": 0.01235, "dropout": 0.6, "hidden": 0}
    space = {"rate": NumericRange(0.0012345, 0.1, True, None, False)}
    assert spaces.rounded(space, {"rate": 0.0012345}) == {"rate": 0.0012345}


def test_the_size_of_a_space():
    assert spaces.size(SPACE) is None
    discrete = {key: SPACE[key] for key in ("units", "dropout", "hidden", "weights")}
    assert spaces.size(discrete) == 8 * 4 * 2 * 2

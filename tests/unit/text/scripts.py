"""Random texts in many scripts."""

from hypothesis import strategies as st

RANGES = {
    "latin": [(0x20, 0x17F), (0x300, 0x345), (0x1E00, 0x1EFF)],
    "greek": [(0x370, 0x3FF), (0x1F00, 0x1FFF), (0x300, 0x345)],
    "cyrillic": [(0x400, 0x52F), (0x300, 0x308)],
    "hebrew": [(0x5D0, 0x5EA), (0x591, 0x5C7), (0x20, 0x40)],
    "arabic": [(0x620, 0x65F), (0x66E, 0x6FF), (0x200C, 0x200F)],
    "devanagari": [(0x900, 0x97F), (0x200C, 0x200D)],
    "bengali": [(0x980, 0x9FE)],
    "tamil": [(0xB82, 0xBFA)],
    "thai": [(0xE01, 0xE3A), (0xE3F, 0xE5B)],
    "lao": [(0xE81, 0xEDF)],
    "burmese": [(0x1000, 0x109F)],
    "khmer": [(0x1780, 0x17F9)],
    "chinese": [(0x4E00, 0x4F00), (0x3000, 0x303F), (0xFF01, 0xFF5E)],
    "japanese": [(0x3041, 0x30FF), (0x4E00, 0x4E80), (0xFF61, 0xFF9F)],
    "korean": [(0xAC00, 0xAD00), (0x1100, 0x11FF), (0x3131, 0x318E)],
    "directions": [(0x61, 0x7A), (0x5D0, 0x5EA), (0x200E, 0x200F), (0x202A, 0x202E)],
    "astral": [(0x10330, 0x1034A), (0x1D400, 0x1D4FF), (0x11000, 0x1107F), (0x20000, 0x20080)],
    "controls": [(0x0, 0x20), (0x7F, 0xA0), (0x2000, 0x2064), (0xFEFF, 0xFEFF)],
}
EMOJI = [
    "👩\u200d👩\u200d👧",
    "👍🏽",
    "🏳️\u200d🌈",
    "🇩🇪",
    "🇫🇷",
    "1️⃣",
    "❤️",
    "🏴\U000e0067\U000e007f",
    "😀",
]


def _script(name: str) -> st.SearchStrategy[str]:
    letters = [st.characters(min_codepoint=a, max_codepoint=b) for a, b in RANGES[name]]
    words = st.text(st.one_of(letters), min_size=1, max_size=8)
    return st.lists(st.one_of(words, st.sampled_from(" \n,.'\u2019-3"))).map(" ".join)


def texts() -> st.SearchStrategy[str]:
    """Return texts of one script, of emoji, or of any characters; also of several together."""
    anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    emoji = st.lists(st.sampled_from([*EMOJI, " ", "a", "\u0301"])).map("".join)
    one = st.one_of(*map(_script, RANGES), emoji, anything)
    return st.one_of(one, st.tuples(one, one).map("".join))

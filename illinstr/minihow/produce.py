"""Fruit and vegetables by name: the outline they share with others, and the colours of skin, flesh and juice."""

from __future__ import annotations

# name: (outline, skin, flesh, juice)
PRODUCE: dict[str, tuple[str, str, str, str]] = {
    "apple": ("apple", "#dd4038", "#fdf0cf", "#f3c765"),
    "orange": ("round", "#f7941f", "#ffc15a", "#fba93a"),
    "lemon": ("lemon", "#fbdc3c", "#fff1a0", "#fdeb8c"),
    "lime": ("lemon", "#7fbf3f", "#d9ef9c", "#cfe98a"),
    "grapefruit": ("round", "#f6a667", "#f47f72", "#f7968a"),
    "pear": ("pear", "#b9cf4a", "#fbf6d8", "#e6e39a"),
    "peach": ("apple", "#f9a66b", "#fdd58c", "#fbbd7a"),
    "plum": ("apple", "#7a4a96", "#f2c766", "#a45a92"),
    "mango": ("mango", "#f4823c", "#fcbf3c", "#fbb531"),
    "strawberry": ("strawberry", "#e23a45", "#f9a7a3", "#ee6a74"),
    "blueberry": ("berry", "#5068b8", "#a79ad6", "#7a6ac0"),
    "cherry": ("cherry", "#c2263b", "#ee7480", "#cf3f55"),
    "kiwi": ("kiwi", "#8f6b3f", "#a4cf50", "#a8d05a"),
    "melon": ("melon", "#4e9a4a", "#f2616a", "#f4737b"),
    "banana": ("banana", "#fbd43c", "#fff3c4", "#fbeaa8"),
    "carrot": ("carrot", "#f58a2b", "#fba64a", "#f99a3a"),
    "tomato": ("tomato", "#e0412f", "#f4796a", "#e85c44"),
    "pumpkin": ("pumpkin", "#f08c2c", "#fbc067", "#f3a143"),
    "pea": ("pea", "#6fb548", "#a8d673", "#93c95c"),
    "beet": ("beet", "#9c2f5c", "#c24f80", "#b13a6d"),
    "potato": ("mango", "#c79a62", "#fbe9b4", "#f3dda0"),
    "onion": ("beet", "#d98f4a", "#fdf3df", "#f2e3bf"),
}  # fmt: skip

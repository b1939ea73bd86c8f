"""Every option with one letter changed is an error that suggests the right name."""

import random

from gammapy_hli.core.walk import walk


def misspell(name, generator):
    """The name with one letter replaced by one that is not in it."""
    place = generator.randrange(len(name))
    letter = generator.choice([letter for letter in "bcdfghjklmnpqrstvwxz" if letter not in name])
    return name[:place] + letter + name[place + 1 :]


def test_every_option_with_one_letter_changed_suggests_the_right_name(tree):
    generator = random.Random(1)
    for item in walk(tree.Analysis):
        above, _, name = item.path.rpartition(".")
        if "<" in item.path:
            continue
        wrong = misspell(name, generator)
        path = f"{above}.{wrong}" if above else wrong
        found = tree.from_text("", command_line=[(path, ["1"])])
        messages = [str(problem) for problem in found.problems]
        assert any(f"Did you mean '{name}'?" in message for message in messages), (path, messages)

"""The texts of `model_config.format.text`, until all who use them have moved there."""

from model_config.format.text import one_line, plural, shortened, who
from model_config.format.text import visible as printable

__all__ = ["one_line", "plural", "printable", "shortened", "who"]

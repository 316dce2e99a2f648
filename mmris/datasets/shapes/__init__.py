from .attributes import COLORS, HELD_OUT_PAIRS, SHAPES, SIZES, TEXTURES
from .expressions import KINDS, Sentence, write_sentences
from .grammar import WORDS
from .layout import SceneOptions, draw_scene
from .random_stream import SceneKey, Stream
from .rendering import render
from .scene import Scene, SceneObject
from .semantics import Description, Noun, SceneFacts, Truth

__all__ = [
    "COLORS",
    "HELD_OUT_PAIRS",
    "KINDS",
    "SHAPES",
    "SIZES",
    "TEXTURES",
    "WORDS",
    "Description",
    "Noun",
    "Scene",
    "SceneFacts",
    "SceneKey",
    "SceneObject",
    "SceneOptions",
    "Sentence",
    "Stream",
    "Truth",
    "draw_scene",
    "render",
    "write_sentences",
]

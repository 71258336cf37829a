"""All exercises in their order."""

from exercises import chapter1, chapter2, chapter3, chapter4

CHAPTERS = {
    "1. The MLP, a derivative at a time": chapter1.CHAPTER,
    "2. Further: other layers, and PyTorch": chapter2.CHAPTER,
    "3. Detective work: programs that train badly": chapter3.CHAPTER,
    "4. The transformer's layers": chapter4.CHAPTER,
}
EXERCISES = tuple(exercise for chapter in CHAPTERS.values() for exercise in chapter)
BY_NAME = {exercise.name: exercise for exercise in EXERCISES}


def number(exercise):
    return EXERCISES.index(exercise) + 1

"""Every product the demo shop sells, as a drawing that takes a colour."""

from app.catalog.demo.shapes import bags, clothing, desk, headwear, home, kitchen, outdoors

SHAPES = {
    name: shape
    for module in (clothing, headwear, bags, kitchen, home, outdoors, desk)
    for name, shape in vars(module).items()
    if callable(shape) and getattr(shape, "__module__", "") == module.__name__ and not name.startswith("_")
}

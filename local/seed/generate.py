"""Composes the catalogue from word lists, the same on every machine: `python -m local.seed.generate` rewrites it."""

import json
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

WORDS_FILE: Final = Path(__file__).with_name("words.json")
CATALOGUE_FILE: Final = Path(__file__).with_name("catalogue.jsonl")
CATALOGUE_PRODUCTS: Final = 238

_SEED: Final = 20
_EUR_PER_USD: Final = 0.92
_INR_PER_USD: Final = 84
_SOLD_OUT_SHARE: Final = 0.03
_MOST_STOCK: Final = 250

Json = dict[str, Any]


def generated_lines(products: int) -> Iterator[Json]:
    """Yield the categories and then `products` products in the form product's import reads."""
    words: Json = json.loads(WORDS_FILE.read_text(encoding="utf-8"))
    for slug, title in words["departments"]:
        yield {"category": {"slug": slug, "title": title, "parent": None}}
    for category in words["categories"]:
        yield {"category": {key: category[key] for key in ("slug", "title", "parent")}}
    dice = random.Random(_SEED)  # noqa: S311 - it must be the same everywhere
    for number in range(products):
        yield {"product": _product(words, number, dice)}


def _product(words: Json, number: int, dice: random.Random) -> Json:
    """Walk categories first, then lines, then materials; after the last combination a model number tells them apart."""
    categories, lines = words["categories"], words["lines"]
    round_, index = divmod(number, len(categories))
    category = categories[index]
    round_, line_index = divmod(round_, len(lines))
    model, material_index = divmod(round_, len(category["materials"]))
    line = lines[line_index]
    material = category["materials"][(material_index + line_index) % len(category["materials"])]
    title = f"{line} {material} {category['noun']}"
    code = f"{category['code']}-{_code(line)}"
    if material_index or model:
        code += f"-{material_index}{model:04}"
    if model:
        title += f" No. {model + 1}"
    low, high = category["price_usd_minor"]
    return {
        "slug": _slug(title),
        "title": title,
        "description": _description(words, category, material, dice),
        "category": category["slug"],
        "variants": list(_variants(category, code, dice.randint(low, high), dice)),
    }


def _variants(category: Json, code: str, price_usd: int, dice: random.Random) -> Iterator[Json]:
    colours = dice.sample(category["colours"], k=min(len(category["colours"]), dice.randint(2, 3)))
    for step, (size_code, size) in enumerate(category["sizes"]):
        price = price_usd + step * price_usd // 4
        for colour_code, colour in colours:
            sold_out = dice.random() < _SOLD_OUT_SHARE
            yield {
                "sku": f"{code}-{colour_code}-{size_code}",
                "title": f"{colour}, {size}",
                "prices": _prices(price),
                "stock": 0 if sold_out else dice.randint(5, _MOST_STOCK),
            }


def _prices(usd_minor: int) -> dict[str, int]:
    """Round as shops do: dollars and euros to the next ...90 cents, rupees to whole tens (integers in minor units)."""
    return {
        "USD": usd_minor // 100 * 100 + 90,
        "EUR": round(usd_minor * _EUR_PER_USD) // 100 * 100 + 90,
        "INR": max(1, round(usd_minor * _INR_PER_USD / 1000)) * 1000,
    }


def _description(words: Json, category: Json, material: str, dice: random.Random) -> str:
    noun = category["noun"].lower()
    opening = f"A {material.replace('-', ' ').lower()} {noun} from our own workshop partners."
    if opening.startswith(("A a", "A e", "A o", "A i")):
        opening = "An" + opening[1:]
    if noun.endswith("s"):
        opening = f"{material.replace('-', ' ')} {noun} from our own workshop partners."
    return " ".join(
        (
            opening,
            dice.choice(category["uses"]),
            dice.choice(category["care"]),
            dice.choice(words["closings"]),
        )
    )


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _code(line: str) -> str:
    return "".join(word[:6] for word in line.upper().split())[:9]


def main() -> int:
    """Rewrite the checked-in catalogue."""
    with CATALOGUE_FILE.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in generated_lines(CATALOGUE_PRODUCTS))
    return 0


if __name__ == "__main__":
    sys.exit(main())

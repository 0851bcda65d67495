"""Writes the small tables by which the engine's reader of Parquet is tested, and beside each what is in it.

    pip install pyarrow==26.0.1 polars==2.1.0 && python tests/golden/parquet.py

The text of each cell is made from the values that were written, not from what a reader found.
"""
import datetime
import decimal
import json
import pathlib

import polars
import pyarrow
import pyarrow.parquet

HERE = pathlib.Path(__file__).parent
ROWS = 60


def write_expected(name, columns):
    rows = [list(columns)] + [list(row) for row in zip(*columns.values())]
    (HERE / f"{name}.json").write_text(json.dumps(rows, ensure_ascii=False, indent=None, separators=(",", ":")) + "\n")


def every(step, values):
    """Values in turn, with nothing in every `step`th place."""
    return [None if step and i % step == 0 else values[i % len(values)] for i in range(ROWS)]


def told(values, form=str):
    return [None if value is None else form(value) for value in values]


def truth(value):
    return "true" if value else "false"


words = every(7, ["alpha", "beta, gamma", "<script>", "größer", ""])
counts = every(5, [0, -1, 2_000_000_000, 7])
longs = every(0, [2**53 + 1, -(2**62), 3])
halves = every(9, [0.5, -3.25, 1024.0, 0.125])
truths = every(4, [True, False, False])
lists = [None if i % 6 == 0 else [] if i % 6 == 1 else [None if n == 2 else n for n in range(i % 6)] for i in range(ROWS)]
days = every(8, [datetime.date(1970, 1, 1), datetime.date(2026, 2, 28), datetime.date(1969, 12, 31)])
moments = every(10, [datetime.datetime(2026, 1, 2, 3, 4, 5), datetime.datetime(1969, 12, 31, 23, 59, 59)])


def told_list(value):
    return "[" + ", ".join("null" if item is None else str(item) for item in value) + "]"


def told_number(value):
    return repr(int(value)) if value == int(value) else repr(value)


frame = polars.DataFrame(
    {
        "word": words,
        "count": polars.Series(counts, dtype=polars.Int32),
        "long": longs,
        "half": halves,
        "truth": truths,
        "list": polars.Series(lists, dtype=polars.List(polars.Int64)),
        "pair": [{"x": i, "y": None if i % 3 == 0 else f"y{i}"} for i in range(ROWS)],
        "day": days,
        "moment": moments,
    }
)
frame.write_parquet(HERE / "polars.parquet", compression="zstd", row_group_size=25)
write_expected(
    "polars",
    {
        "word": words,
        "count": told(counts),
        "long": told(longs),
        "half": told(halves, told_number),
        "truth": told(truths, truth),
        "list": told(lists, told_list),
        "pair.x": [str(i) for i in range(ROWS)],
        "pair.y": [None if i % 3 == 0 else f"y{i}" for i in range(ROWS)],
        "day": told(days),
        "moment": told(moments),
    },
)

small = every(3, [1, 250])
prices = every(6, [decimal.Decimal("12.50"), decimal.Decimal("-0.07")])
arrow = {
    "word": pyarrow.array(words),
    "small": pyarrow.array(small, pyarrow.uint8()),
    "single": pyarrow.array(halves, pyarrow.float32()),
    "price": pyarrow.array(prices, pyarrow.decimal128(9, 2)),
    "truth": pyarrow.array(truths),
    "instant": pyarrow.array(moments, pyarrow.timestamp("ns")),
    "required": pyarrow.array(range(ROWS), pyarrow.int64()),
}
schema = pyarrow.schema([pyarrow.field(name, column.type, nullable=name != "required") for name, column in arrow.items()])
pyarrow.parquet.write_table(
    pyarrow.table(arrow, schema=schema),
    HERE / "arrow.parquet",
    compression={name: "gzip" if name == "instant" else "snappy" for name in arrow},
    data_page_version="2.0",
    store_decimal_as_integer=True,
    use_dictionary=["word", "small"],
    row_group_size=40,
)
write_expected(
    "arrow",
    {
        "word": words,
        "small": told(small),
        "single": told(halves, told_number),
        "price": told(prices),
        "truth": told(truths, truth),
        "instant": told(moments),
        "required": [str(i) for i in range(ROWS)],
    },
)

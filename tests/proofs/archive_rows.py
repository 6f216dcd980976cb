"""``python -m tests.proofs.archive_rows DATA SQL``: rows of an embedded store as JSON.

A process can hold one such store, so a test that looks into several asks one process for each.
"""

import json
import sys
from pathlib import Path

from clickhouse.migrate import connect


def main(data: Path, sql: str) -> None:
    """Print the rows of a query."""
    client = connect(f"chdb://{data.resolve() / 'clickhouse'}", "aifx")
    try:
        print(json.dumps([list(row) for row in client.query(sql).result_rows], default=str))
    finally:
        client.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

"""Docker's HEALTHCHECK: the gateway answers and every worker thread lives. Exit code 1: not so, with the reason."""

import json
import sys
import urllib.error
import urllib.request

STATUS = "http://127.0.0.1:8042/pacs-pull/status"
UNAUTHORIZED = 401


def problem() -> str:
    """What is wrong; empty when all is well. Where users must log in, an answer at all has to do."""
    try:
        with urllib.request.urlopen(STATUS, timeout=8) as answer:
            workers = json.load(answer)["workers"]
    except urllib.error.HTTPError as error:
        return "" if error.code == UNAUTHORIZED else str(error)
    except OSError as error:
        return str(error)
    dead = [name for name, worker in workers.items() if not worker["alive"]]
    return f"dead workers: {', '.join(dead)}" if dead or not workers else ""


if __name__ == "__main__":
    sys.exit(problem() or 0)

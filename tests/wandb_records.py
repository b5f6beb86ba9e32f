"""Read an offline W&B run back, by W&B's own command."""

import json
import subprocess
import sys
from pathlib import Path


def read_offline_run(wandb_run_dir: Path) -> list[dict]:
    """Return the records of an offline run."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(wandb_run_dir)]
    printed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]


def history(records: list[dict]) -> list[dict]:
    """Return the logged rows among records."""
    return [record["history"]["item"] for record in records if record["type"] == "history"]

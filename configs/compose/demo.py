"""Loads the demo's data and publishes its triggers; run by the service `demo` of docker-compose.yml. A second run publishes new ones."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import quote

from stringx import settings
from stringx.embedded import demo, replay

if __name__ == "__main__":
    password = (Path(sys.argv[1]) / "password").read_text()
    demo.load(f"postgresql://postgres:{quote(password)}@{os.environ['PGHOST']}:5432/demo")
    triggers = replay.demo_triggers()
    replay.publish(settings.load(), triggers)
    sys.stderr.write(f"published {len(triggers)} triggers\n")

"""Loads the demo's data and publishes its triggers; run by the service `demo` of docker-compose.yml. A second run publishes new ones."""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from pathlib import Path
from urllib.parse import quote

from stringx import settings as settings_module
from stringx.embedded import demo, replay

if __name__ == "__main__":
    password = (Path(sys.argv[1]) / "password").read_text()
    demo.load(f"postgresql://postgres:{quote(password)}@{os.environ['PGHOST']}:5432/demo")
    settings = settings_module.load()
    # Once a reader stands, `consume` has made the topics. A broker tells nobody that one has come: it is asked, with this pause.
    pause = partial(time.sleep, 0.2)
    replay.Acknowledgements(settings, waiting=pause, warn=print).close()
    triggers = replay.demo_triggers()
    replay.publish(settings, triggers)
    sys.stderr.write(f"published {len(triggers)} triggers\n")

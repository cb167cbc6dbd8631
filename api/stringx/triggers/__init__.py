"""The doors: what turns bytes into a `Trigger`, or into a refusal that says why."""

"""The public headers: each NAME.h has a library :NAME."""

HEADERS = [
    "event_loop",
    "source_location",
]

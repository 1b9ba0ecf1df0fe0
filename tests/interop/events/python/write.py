"""What the Python SDK of CloudEvents hands to a Kafka producer: one line of JSON for each record."""

import base64
import json
from datetime import datetime, timezone

from cloudevents.core.bindings import kafka
from cloudevents.core.v1.event import CloudEvent

JSON = b'{"openid":"o1","name":"\xe6\x8b\xbf\xe9\x93\x81"}'
DATA = {
    "object": ("application/json", json.loads(JSON)),
    "object, no type": (None, json.loads(JSON)),
    "bytes of JSON": ("application/json", JSON),
    "bytes of JSON, no type": (None, JSON),
    "text": ("text/plain", "12.50 \u62ff\u94c1"),
    "octets": ("application/octet-stream", b"\x00\xff"),
    "none": (None, None),
}

for name, (content_type, data) in DATA.items():
    attributes = {
        "specversion": "1.0",
        "id": "e1",
        "source": "/sdk",
        "type": "order.completed",
        "subject": "SO1",
        "time": datetime(2026, 11, 22, 8, 30, tzinfo=timezone.utc),
        "tenant": "\u4e0a\u6d77",
    }
    if content_type:
        attributes["datacontenttype"] = content_type
    for mode, write in (("binary", kafka.to_binary_event), ("structured", kafka.to_structured_event)):
        record = write(CloudEvent(attributes=dict(attributes), data=data))
        line = {
            "sdk": "python",
            "data": name,
            "mode": mode,
            "headers": {header: text.decode() for header, text in record.headers.items()},
            "value": None if record.value is None else base64.b64encode(record.value).decode(),
        }
        print(json.dumps(line, ensure_ascii=False))

#!/usr/bin/env python3
"""Makes commitments.json: the golden vectors of private values, from the design's formulas alone.

Shares no code with the ledger: hashlib and hmac of Python, AES-256-GCM of the `cryptography` package.
Run it and compare with the file beside it:  python3 make_commitments.py | diff commitments.json -
"""
import hashlib
import hmac
import json
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def hkdf(key: bytes, info: bytes) -> bytes:
    """RFC 5869 with SHA-256, an empty salt (32 zero bytes) and 32 bytes of output: one block of expansion."""
    pseudorandom = hmac.new(bytes(32), key, hashlib.sha256).digest()
    return hmac.new(pseudorandom, info + b"\x01", hashlib.sha256).digest()


def vector(record_key: bytes, origin: str, event_id: bytes, field: int, value: str) -> dict:
    at = event_id + struct.pack(">I", field)
    text = value.encode()
    salt = hkdf(record_key, b"salt/v1" + at)
    encryption_key = hkdf(record_key, b"enc/v1" + at)
    sealed = AESGCM(encryption_key).encrypt(bytes(12), text, None)
    committed = (b"filing-ledger/field/v1" + salt + struct.pack(">H", len(origin.encode())) + origin.encode()
                 + event_id + struct.pack(">I", field) + struct.pack(">I", len(text)) + text)
    return {"record_key": record_key.hex(), "origin": origin, "event_id": event_id.hex(), "field": field,
            "value": value, "salt": salt.hex(), "encryption_key": encryption_key.hex(), "sealed": sealed.hex(),
            "commitment": hashlib.sha256(committed).hexdigest()}


def main() -> None:
    counting = bytes(range(32))
    event_id = bytes.fromhex("018f2d5e7c3a4b6e9d2f0123456789ab")
    vectors = [
        vector(counting, "ledger.example.cn/2026", event_id, 1, "王小明"),
        vector(counting, "ledger.example.cn/2026", event_id, 2, "王小明"),
        vector(counting, "ledger.example.cn/2026", bytes(16), 1, "王小明"),
        vector(counting, "ledger.example.cn/2027", event_id, 1, "王小明"),
        vector(bytes([0xA5]) * 32, "x", bytes([0xFF]) * 16, 0xFFFFFFFF, ""),
        vector(bytes(32), "账本.example.cn/" + "o" * 280, event_id, 65536, "算法" * 100),
    ]
    made = "tests/vectors/make_commitments.py: Python hashlib, hmac, cryptography's AESGCM; no code of the ledger"
    print(json.dumps({"made_by": made, "format": "salt = HKDF-SHA256(record key, 'salt/v1' || event_id || u32be field); "
                      "encryption key likewise with 'enc/v1'; sealed = AES-256-GCM, zero nonce, no associated data, "
                      "tag behind; commitment = SHA-256('filing-ledger/field/v1' || salt || u16be len || origin || "
                      "event_id || u32be field || u32be len || value)", "vectors": vectors},
                     ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()

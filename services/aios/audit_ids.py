"""MESSAGE_ID of each kind of audit record; units/aios.catalog explains them."""

from enum import StrEnum


class MessageId(StrEnum):
    REQUESTED = "dee53b6a79a44a9dbd7c8e2e3680c79d"
    DECIDED = "1ba54588feeb4e60872fd7b50a97eb5d"
    PENDING = "3318eb6d5b4d4ae7aefc39793b209506"
    APPROVED = "2e4dc6893a7a441fa0ead49b36f7a4de"
    REJECTED = "3ca096a62b2245feae1a897a6940c2ed"
    EXPIRED = "d03ff59db2e743809fb212bfb7901279"
    WITHDRAWN = "39456e38e82a44fca9922a32e8a8f4d0"
    DENIED = "3809c043f2ea4c3292999080fa8699c3"
    STARTED = "4a66ea83ef98403da6511bec2648d6e9"
    FINISHED = "0d81a6602e2d445c90a768c950c0f6ef"
    FAILED = "954ace9525be4c30a7dde182746a0de7"
    ARMED = "5c1f0a6e4b7d4a0f9d2c8b3e6f7a1d24"
    CONFIRMED = "a3d97c52e8f64b1c8e0b5d4f2a6c9e17"
    REVERTED = "e81b4c07d2f5493ab6a9f3c01d5e7b48"

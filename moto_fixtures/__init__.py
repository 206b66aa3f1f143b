"""The S3 test kit: servers on loopback that live for one test session. It knows nothing of e2esync."""

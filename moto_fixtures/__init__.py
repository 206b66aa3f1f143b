"""The test kit: S3 servers on loopback that live for one test session; stores and proxies that are faulty or hostile."""

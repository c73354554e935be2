"""The benchmarks of program search: LLM-SR's four problems, and an LSR-like set."""

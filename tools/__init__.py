"""Developer tools: examples, specification examples, vectors, benchmarks."""

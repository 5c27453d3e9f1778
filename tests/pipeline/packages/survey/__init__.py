"""Tasks of a small survey, for tests of pipelines."""

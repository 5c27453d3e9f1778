"""What is promised in test_blocks.py, by PostgreSQL."""

from again_on_postgres import again

globals().update(again(__file__))

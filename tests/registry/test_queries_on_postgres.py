"""What is promised in test_queries.py, by PostgreSQL; its plans are looked at in test_plans_on_postgres.py."""

from again_on_postgres import again

PLANS = {
    "test_calibrations_are_looked_up_by_all_their_keys_whatever_the_chain_mixes",
    "test_of_one_collection_no_earlier_one_is_looked_for",
    "test_presence_in_a_chain_of_runs_and_tags_is_looked_up_by_all_keys",
}

globals().update(again(__file__, without=PLANS))

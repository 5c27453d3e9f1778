"""Events told to those who subscribe: kept with what they tell of, delivered afterwards."""

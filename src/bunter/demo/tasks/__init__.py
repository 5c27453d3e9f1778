"""Tasks of the demonstration: each declares what it reads and writes, and calls functions of `bunter.demo.reduction`."""

"""The formats that come with Bunter, one module per family; each is imported when first used."""

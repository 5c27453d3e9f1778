"""Contract suites: what each seam promises, as tests that anybody can run over an implementation of their own."""

"""The product under fault: scripted trainers, a checker of the rules, cases, a random walk."""
